"""`lstmkit explain RUN INPUT`: one prediction from the inside, as a page or on the terminal."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from lstmkit.cli import options as o
from lstmkit.cli import terminal

_SLUG = 40  # characters of the text in a page's file name


def explain(
    run: o.Run,
    text: Annotated[
        str | None,
        typer.Argument(
            metavar="[INPUT]",
            help="The text, or tokens with spaces between; - reads a pipe. Of series a file with one; or a recording.",
        ),
    ] = None,
    id: Annotated[  # noqa: A002
        str | None,
        typer.Option(
            "--id", help="A test example, as predictions.jsonl names it, in place of INPUT; or one of the series in it."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Page (.html) or record (.json) to write.  [default: explanations/<input>-<time>.html in RUN]"
        ),
    ] = None,
    on_terminal: Annotated[
        bool, typer.Option("--text", help="Print to the terminal instead of writing a page.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Draws the random orders of deletion.")] = 0,
    threads: o.Threads = None,
    engine: o.Engine = None,
) -> None:
    """Explain one prediction: the tokens, or steps and channels, that count, the answer after each, gates and memory.

    Examples: lstmkit explain runs/first "a fine film"; lstmkit explain runs/first --id digits:17 --text;
    lstmkit explain runs/gestures one.csv
    """
    from lstmkit.cli.explained_input import given_input
    from lstmkit.core.files import write_json

    if out is not None:
        _check_out(out)
    given = given_input(run, text, id)

    from lstmkit.analyze.recording import record_of
    from lstmkit.api.predictor import load_classifier

    if threads:
        import torch

        torch.set_num_threads(threads)
    explanation = load_classifier(run, engine or "auto").explain(given.item, axes=given.axes, seed=seed)
    record = record_of(explanation, run=run.resolve().name, id=given.id, label=given.label)
    if on_terminal:
        from lstmkit.cli.explanation_text import show

        show(record)
    if out is None and on_terminal:
        return
    path = out or _default_path(run, given.id or text or "")
    if path.suffix.lower() == ".json":
        write_json(path, record)
    else:
        from lstmkit.report import draw_explanation

        draw_explanation(record, path)
    if on_terminal:
        terminal.note(f"explanation: {path}")
    else:
        terminal.result(str(path))


def _check_out(path: Path) -> None:
    from lstmkit.core.errors import RequestError

    if path.exists():
        raise RequestError(f"{path}: is there already and is not written over; choose another --out, or remove it")
    if path.suffix.lower() not in (".html", ".json"):
        raise RequestError(f"{path}: an explanation is written as .html (a page) or .json (its record); name it so")


def _default_path(run: Path, name: str) -> Path:
    """In the run, or beside a model folder, under a name that is free."""
    from lstmkit.core.files import within

    home = run if not (run / "model.json").exists() else run.resolve().parent
    slug = re.sub(r"\W+", "-", name[: 2 * _SLUG]).strip("-").lower()[:_SLUG].strip("-") or "text"
    return within(home, "explanations") / f"{slug}-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}.html"
