"""data"""

import typer

app = typer.Typer()


@app.command("list")
def list_() -> None:
    """p"""


@app.command("info")
def info() -> None:
    """p"""
