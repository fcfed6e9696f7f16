"""`lstmkit probe`: how far back each cell remembers."""

from pathlib import Path
from typing import Annotated

import typer

from lstmkit.cli import options as o
from lstmkit.cli import terminal


def probe(
    quick: Annotated[bool, typer.Option("--quick", help="A small budget: under two minutes on two cores.")] = False,
    tasks: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="adding, temporal-order, recall, copying, with commas between; or all.  [default: the first two]",
        ),
    ] = None,
    lags: Annotated[
        str | None,
        typer.Option(
            metavar="STEPS",
            help="Lags to climb, with commas between, up to 1000.  [default: 10,20,50,100,200,500,1000; quick: to 100]",
        ),
    ] = None,
    cells: Annotated[
        str | None,
        typer.Option(metavar="NAMES", help="rnn, gru, lstm, chrono, with commas between.  [default: all]"),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the probe.  [default: runs/probe-<UTC time>]")] = None,
    seed: Annotated[int | None, typer.Option(help="Initial weights and sequences.  [default: 0]")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the probe in --out, to the same bits.")] = False,
    resume_anyway: o.ResumeAnyway = False,
    threads: Annotated[
        int | None,
        typer.Option(min=0, help="Networks trained at once, one CPU thread each.  [default: as torch chooses]"),
    ] = None,
    engine: o.Engine = None,
) -> None:
    """Measure how far back RNN, GRU, LSTM and LSTM with chrono initialisation remember, on tasks made from the seed.

    Each cell climbs the lags of a task until two in a row are unsolved. The full probe takes
    up to an hour on two cores.

    Example: lstmkit probe --quick --out runs/probe
    """
    from lstmkit.core.errors import Interrupted, RequestError
    from lstmkit.experiment.probe.plan import plan_of

    plan = plan_of(quick=quick, tasks=tasks, cells=cells, lags=lags, seed=seed, engine=engine)
    resume = resume or resume_anyway
    if resume and out is None:
        raise RequestError("--resume needs to know the probe; give its folder with --out")

    from lstmkit.cli.probe_screen import ProbeScreen, horizons
    from lstmkit.experiment.probe.run import default_probe_folder, is_finished, run_probe

    folder = out or default_probe_folder()
    if resume and is_finished(folder, plan):
        terminal.note(f"{folder}: this probe is finished; report: {folder / 'report.html'}")
        return
    screen = ProbeScreen(plan)
    try:
        record = run_probe(folder, plan, screen, resume=resume, anyway=resume_anyway, n_at_once=threads or 0)
    except Interrupted as stop:
        stop.note = f"the networks trained so far are kept in {folder}, --resume goes on from them"
        raise
    finally:
        screen.close()
    screen.result(horizons(record))
    screen.say(f"report: {folder / 'report.html'}")
