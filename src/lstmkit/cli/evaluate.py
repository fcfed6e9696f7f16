"""`lstmkit evaluate RUN [SOURCE]`: score a trained run again, or on another source."""

import json
from typing import Annotated

import typer

from lstmkit.cli import options as o
from lstmkit.cli import terminal


@o.taking(o.READING)
def evaluate(
    run: o.Run,
    asked: o.Asked,
    source: Annotated[
        str | None, typer.Argument(metavar="[SOURCE]", help="What to score on.  [default: the run's own test split]")
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="Split of SOURCE.  [default: test, or all where there is none]")
    ] = None,
    earliness: Annotated[
        bool, typer.Option("--earliness", help="Also score the beginnings: accuracy by share seen, and when decided.")
    ] = False,
    threads: o.Threads = None,
    engine: o.Engine = None,
) -> None:
    """Score a trained run: on its own test split (and check that the records agree), or on another source.

    Exit 1 where the run's own evaluation.json says otherwise.

    Another source's record goes under evaluations/ in the run folder; evaluation.json is left alone. --earliness
    writes earliness.json, or adds to the other source's record; its table goes to stderr.

    Example: lstmkit evaluate runs/first other.csv
    """
    from lstmkit.artifact import find_model, task_of
    from lstmkit.cli.results import summary_of
    from lstmkit.experiment.other_source import Request
    from lstmkit.experiment.tasks import TASKS

    request = Request(
        source=source,
        split=split,
        reading=o.reading_keys(asked),
        threads=threads or 0,
        engine=engine or "auto",
        earliness=earliness,
    )
    evaluation = TASKS[task_of(find_model(run))].evaluate(run, request, terminal.note)
    terminal.data_line(json.dumps(summary_of(evaluation), ensure_ascii=False))
    if evaluation.get("agrees") is False:
        raise typer.Exit(1)
