"""`lstmkit lab SOURCE`: the whole experiment."""

from typing import Annotated

import typer

from lstmkit.cli import options as o


def lab(
    source: o.Source,
    out: o.Out = None,
    seed: o.Seed = None,
    preset: o.Preset = None,
    config: o.ConfigFile = None,
    assignments: o.Assignments = None,
    epochs: o.Epochs = None,
    resume: o.Resume = False,
    device: o.Device = None,
    threads: o.Threads = None,
    engine: o.Engine = None,
    text_column: o.TextColumn = None,
    label_column: o.LabelColumn = None,
    on_bad_row: o.OnBadRow = None,
    no_probe: Annotated[
        bool, typer.Option("--no-probe", help="Leave out the memory horizon, which takes about a minute.")
    ] = False,
) -> None:
    """Train an LSTM and its plain-RNN twin, score both and linear baselines on the test set, write the report.

    Example: lstmkit lab digits --out runs/first
    """
    resolved = o.configuration(
        default_preset="lab",
        source=source,
        preset=preset,
        file=config,
        assignments=assignments,
        seed=seed,
        epochs=epochs,
        device=device,
        threads=threads,
        engine=engine,
        text_column=text_column,
        label_column=label_column,
        on_bad_row=on_bad_row,
    )
    from lstmkit.cli.results import label_warnings
    from lstmkit.cli.running import finished, running
    from lstmkit.cli.screen import table
    from lstmkit.experiment.lab import check_lab, run_lab
    from lstmkit.experiment.tasks import CLASSIFY

    check_lab(resolved)
    if finished(resolved, out, resume):
        return
    with running(CLASSIFY, resolved, out, resume) as (folder, prepared, screen):
        record = run_lab(folder, prepared, resolved, screen, probe=not no_probe)
        screen.result(table(record["models"], record["baselines"]))
        screen.say(f"report: {folder / 'report.html'}")
        for line in label_warnings(folder / "lstm"):
            screen.say(line)
