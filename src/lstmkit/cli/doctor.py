"""`lstmkit doctor`: what is installed, which engine is used and why, and a self-check."""

import typer

from lstmkit.cli import options as o
from lstmkit.cli import terminal


def doctor(threads: o.Threads = None) -> None:
    """Show what is installed, which engine is used and why, and check it against the formulas. Exit 1 if it fails.

    Example: lstmkit doctor
    """
    from lstmkit.experiment.doctor import examine

    lines, sound = examine(threads or 0)
    for name, value in lines:
        terminal.result(f"{name:<14} {value}")
    if not sound:
        raise typer.Exit(1)
