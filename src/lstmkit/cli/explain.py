"""`lstmkit explain RUN INPUT`: one prediction from the inside, as a page or on the terminal."""

import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from lstmkit.cli import options as o

_SLUG = 40  # characters of the text in a page's file name


def explain(
    run: o.Run,
    text: Annotated[
        str | None, typer.Argument(metavar="[INPUT]", help="The text, or tokens with spaces between; - reads a pipe.")
    ] = None,
    id: Annotated[  # noqa: A002
        str | None,
        typer.Option("--id", help="Instead of INPUT: a test example of the run, as predictions.jsonl names it."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Page (.html) or record (.json) to write.  [default: explanations/<text>-<time>.html in RUN]"
        ),
    ] = None,
    on_terminal: Annotated[
        bool, typer.Option("--text", help="Print to the terminal instead of writing a page.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Draws the random orders of deletion.")] = 0,
    threads: o.Threads = None,
    engine: o.Engine = None,
) -> None:
    """Explain one prediction: the tokens that count, the answer after each, gates and memory, and how faithful it is.

    Examples: lstmkit explain runs/first "a fine film"; lstmkit explain runs/first --id digits:17 --text
    """
    from lstmkit.core.errors import DataError, RequestError
    from lstmkit.core.files import write_json

    if (text is None) == (id is None):
        raise RequestError(
            "explain takes a text or --id, one of the two; "
            'write explain RUN "a text", explain RUN - for a pipe, or explain RUN --id ID'
        )
    if out is not None:
        _check_out(out)
    given, label = _example_of(run, id) if id is not None else (_read_pipe() if text == "-" else text or "", None)
    if isinstance(given, str) and not given.strip():
        raise DataError("the text is empty; give a text with at least one token")

    from lstmkit.analyze.recording import record_of
    from lstmkit.api.predictor import load_classifier

    if threads:
        import torch

        torch.set_num_threads(threads)
    explanation = load_classifier(run, engine or "auto").explain(given, seed=seed)
    record = record_of(explanation, run=run.resolve().name, id=id or "", label=label)
    if on_terminal:
        from lstmkit.cli.explanation_text import show

        show(record)
    if out is None and on_terminal:
        return
    path = out or _default_path(run, id or given)
    if path.suffix.lower() == ".json":
        write_json(path, record)
    else:
        from lstmkit.report import draw_explanation

        draw_explanation(record, path)
    if on_terminal:
        sys.stderr.write(f"explanation: {path}\n")
    else:
        sys.stdout.write(f"{path}\n")


def _check_out(path: Path) -> None:
    from lstmkit.core.errors import RequestError

    if path.exists():
        raise RequestError(f"{path}: is there already and is not written over; choose another --out, or remove it")
    if path.suffix.lower() not in (".html", ".json"):
        raise RequestError(f"{path}: an explanation is written as .html (a page) or .json (its record); name it so")


def _read_pipe() -> str:
    from lstmkit.core.errors import DataError

    try:
        return sys.stdin.buffer.read().decode("utf-8").strip("\r\n")
    except UnicodeDecodeError as error:
        raise DataError(f"stdin: not UTF-8 (byte {error.start + 1}); convert it, as with iconv -t utf-8") from error


def _example_of(run: Path, identity: str) -> tuple[Any, str]:
    """Input (a text, or a series) and true label of a test example of a run."""
    from lstmkit.artifact import find_model
    from lstmkit.config.resolve import load_config
    from lstmkit.core.errors import RequestError
    from lstmkit.experiment.run_data import scored_part

    home = find_model(run).parent
    if not (home / "config.toml").exists():
        raise RequestError(f"{run}: holds a model without data (no config.toml); give the text itself instead of --id")
    config = load_config(home / "config.toml")
    _, part = scored_part([home], config)
    for name, text, label in zip(part.ids, part.inputs, part.labels, strict=True):
        if str(name) == identity:
            return text, label
    raise RequestError(
        f"--id {identity}: no test example of {run} is called so; they are named in {home / 'predictions.jsonl'}, "
        f"as {part.ids[0]}"
    )


def _default_path(run: Path, name: str) -> Path:
    """In the run, or beside a model folder, under a name that is free."""
    home = run if not (run / "model.json").exists() else run.resolve().parent
    slug = re.sub(r"\W+", "-", name[: 2 * _SLUG]).strip("-").lower()[:_SLUG].strip("-") or "text"
    return home / "explanations" / f"{slug}-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}.html"
