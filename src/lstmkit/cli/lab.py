"""`lstmkit lab SOURCE`: the whole experiment."""

from typing import Annotated

import typer

from lstmkit.cli import options as o


@o.taking(o.RUN)
def lab(
    source: o.Source,
    asked: o.Asked,
    no_probe: Annotated[
        bool, typer.Option("--no-probe", help="Leave out the memory horizon, which takes about a minute.")
    ] = False,
) -> None:
    """Train an LSTM and its plain-RNN twin, score both and linear baselines on the test set, write the report.

    Example: lstmkit lab digits --out runs/first
    """
    resolved = o.configuration("lab", source, asked)
    out, anyway = asked["out"], asked["resume_anyway"]
    resume = asked["resume"] or anyway
    from lstmkit.cli.results import label_warnings
    from lstmkit.cli.running import finished, running
    from lstmkit.cli.screen import table
    from lstmkit.experiment.lab import CELLS, check_lab, run_lab
    from lstmkit.experiment.tasks import CLASSIFY

    check_lab(resolved)
    if finished(resolved, out, resume):
        return
    with running(CLASSIFY, resolved, out, resume, cells=CELLS, anyway=anyway) as (folder, prepared, screen):
        record = run_lab(folder, prepared, resolved, screen, probe=not no_probe)
        screen.result(table(record["models"], record["baselines"]))
        screen.say(f"report: {folder / 'report.html'}")
        for line in label_warnings(folder / "lstm"):
            screen.say(line)
