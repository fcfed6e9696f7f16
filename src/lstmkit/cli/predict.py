"""`lstmkit predict RUN [TEXT..]`: classify texts, a file or a pipe, in order and in bounded memory."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

import typer

from lstmkit.cli import options as o
from lstmkit.cli import terminal

_CHUNK = 1024  # examples predicted at once: bounds memory, fills batches


@o.taking(o.DIALECT)
def predict(
    run: o.Run,
    texts: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TEXT]...", help="Texts, or for a run on recordings their paths; series come by --input."
        ),
    ] = None,
    input: Annotated[  # noqa: A002
        str | None, typer.Option(help="File of texts or series, file or folder of recordings; - for a pipe.")
    ] = None,
    output: Annotated[
        str, typer.Option(help="File to write (.jsonl, .csv, .parquet), or - for JSONL to stdout.")
    ] = "-",
    input_format: Annotated[
        str | None, typer.Option(help="lines, csv, tsv, jsonl or parquet.  [default: by the suffix; lines for a pipe]")
    ] = None,
    text_column: o.TextColumn = None,
    asked: o.Asked = MappingProxyType({}),
    on_bad_row: o.OnBadRow = None,
    quote_formulas: Annotated[
        bool,
        typer.Option(
            "--quote-formulas",
            help="With --output FILE.csv: put an apostrophe before cells that spreadsheets would run.",
        ),
    ] = False,
    stream: Annotated[
        bool,
        typer.Option(
            "--stream", help="Answer after each line of a pipe; an empty line ends a sequence. Lines or jsonl."
        ),
    ] = False,
    decide: Annotated[
        float | None, typer.Option(help="With --stream: be done with a sequence once a probability reaches this.")
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(help="With --stream: of the samples of recordings, in Hz.  [default: the model's own]"),
    ] = None,
    threads: o.Threads = None,
    engine: o.Engine = None,
) -> None:
    """Classify texts, recordings or series and write label and probabilities, one row for each, in the order given.

    A table's other columns are kept. A regression's run gives a number in the place of label and probabilities. A
    forecaster's run reads a table of series by --input, and writes a row for each
    step that follows each series: its time where the steps are regular, and the 10, 50 and 90% quantiles.

    Examples: lstmkit predict runs/first "a fine film"; lstmkit predict runs/first --input new.csv --output labels.csv;
    lstmkit predict runs/words yes.wav no.flac;
    tail -f words.txt | lstmkit predict runs/first --stream --decide 0.95;
    tail -f values.csv | lstmkit predict runs/sales --stream
    """
    from lstmkit.artifact import kind_of_model
    from lstmkit.config.resolve import validate
    from lstmkit.core.errors import RequestError
    from lstmkit.core.tables import check_output, jsonl_lines, plain, write_table
    from lstmkit.data.sources.inputs import Input, Inputs, inputs_of
    from lstmkit.data.sources.sound_inputs import recordings_at, recordings_in

    if stream:
        from lstmkit.cli.streaming import predict_stream

        refused = {
            "TEXT": texts,
            "--output": output != "-",
            "--text-column": text_column,
            "--quote-formulas": quote_formulas,
            **_given_options(asked),
        }
        predict_stream(run, input, input_format, on_bad_row, decide, rate, threads, engine, refused)
        return
    if decide is not None:
        raise RequestError("--decide ends sequences that are still arriving; give it with --stream")
    if rate is not None:
        raise RequestError("--rate is of samples that are still arriving; give it with --stream")
    if bool(texts) == (input is not None):
        raise RequestError(
            "predict takes texts or --input, one of the two (recordings by their paths, series by --input alone); "
            'write predict RUN "a text", predict RUN yes.wav, --input FILE, or --input - for a pipe'
        )
    if texts and (dialect := list(_given_options(asked))):
        raise RequestError(f"{dialect[0]} says how a file is written, and arguments came; give the file with --input")
    skip = validate({"data": {"on_bad_row": on_bad_row or "fail"}}).data.on_bad_row == "skip"
    target = None if output == "-" else Path(output)
    if target:
        check_output(target)
    if quote_formulas and (target is None or target.suffix.lower() != ".csv"):
        raise RequestError("--quote-formulas is for CSV; add --output FILE.csv, or leave it out")
    task = _task_of(run)
    if input is not None and task == "forecast":
        from lstmkit.cli.forecasting import predict_forecast

        refused = {"--text-column": text_column, "--input-format": input_format}
        predict_forecast(run, input, target, skip, threads, engine, quote_formulas, refused, o.reading_keys(asked))
        return
    if input == "-" and input_format in ("tsv", "parquet"):
        raise RequestError(
            f"--input-format {input_format} cannot come through a pipe; give a file, or lines, csv or jsonl"
        )
    kind = kind_of_model(run)
    written = ""
    called, place = {"audio": "path", "series": "id"}.get(kind, "text"), "stdin" if input == "-" else input
    if place is None:
        if kind == "series":
            raise RequestError(f"{run}: reads numeric series, and a text came; give a file of series with --input FILE")
        place = called
        given = [
            Input(k, text, "" if text.strip() else f"the {called} is empty") for k, text in enumerate(texts or [], 1)
        ]
        inputs = recordings_at(texts or []) if kind == "audio" else Inputs(iter(given))
    else:
        from lstmkit.cli.series_input import data_of, series_inputs

        path = Path("/dev/stdin") if input == "-" else Path(place)
        data = data_of(run, path, input_format, o.reading_keys(asked))
        if kind == "series":
            inputs = series_inputs(run, path, input_format, text_column, data)
        else:
            open_inputs = recordings_in if kind == "audio" else inputs_of
            inputs = open_inputs(path, input_format, text_column or "", data)
        written = data.encoding
    for note in inputs.notes:
        terminal.note(note)

    from lstmkit.api.predictor import load, load_classifier

    if threads:
        import torch

        torch.set_num_threads(threads)
    predictor = load(run, engine or "auto") if task == "regression" else load_classifier(run, engine or "auto")
    answers = _numbers if task == "regression" else _classes
    answered = ["predicted"] if task == "regression" else ["predicted", "probability"]
    flat = [] if task == "regression" else [f"probability_{name}" for name in predictor.labels]
    name_of = _Names({"line", called, "probabilities", *answered, *flat})
    is_flat = target is not None and target.suffix.lower() != ".jsonl"
    rows = _usable(inputs.rows, place, skip, written)
    kept = (lambda value: value) if is_flat else plain
    axes = "ntc" if kind == "series" else None  # files hold steps, whatever arrays the model was fitted on
    predictions = _predictions(partial(answers, predictor, axes), rows, called, name_of, kept)
    if target and is_flat:
        columns = {
            "line": "int64",
            called: "string",
            **{name_of(name): kind or "string" for name, kind in inputs.columns.items()},
            "predicted": "double" if task == "regression" else "string",
            **dict.fromkeys([*answered[1:], *flat], "double"),
        }
        terminal.formulas(
            write_table(
                target, (_flat(row, columns, place) for row in predictions), columns, quotes_formulas=quote_formulas
            )
        )
    elif target:
        write_table(target, predictions, {})
    else:
        for line in jsonl_lines(predictions):
            terminal.data_line(line)
        terminal.flush()
    if target:
        terminal.note(f"predictions: {target}")


def _given_options(asked: o.Asked) -> dict[str, Any]:
    """Return the options of a group that were given, with their values."""
    return {f"--{name.replace('_', '-')}": value for name, value in asked.items() if value not in (None, False)}


def _task_of(run: Path) -> str:
    from lstmkit.artifact import find_model, task_of

    return task_of(find_model(run))


class _Names(dict[str, str]):
    """What the input's columns are called in the output: as they are, with `input_` before where that is taken."""

    def __init__(self, taken: set[str]) -> None:
        super().__init__()
        self._taken = taken

    def __call__(self, name: str) -> str:
        if name not in self:
            free = name
            while free in self._taken:
                free = f"input_{free}"
            self._taken.add(free)
            self[name] = free
        return self[name]


def _usable(rows: Iterator[Any], place: str, skip: bool, encoding: str) -> Iterator[Any]:
    """Rows that can be used; the first other one ends the command, or all are told."""
    from lstmkit.core.errors import DataError
    from lstmkit.data.sources.decoding import encoding_told, undecoded

    n_skipped = 0
    for row in rows:
        if not row.fault:
            yield row
        elif not skip:
            is_undecoded = row.fault.startswith(undecoded(encoding))
            remedy = encoding_told(Path(place), encoding) if is_undecoded else "mend it"
            raise DataError(f"{place}:{row.line}: {row.fault}; {remedy}, or leave such rows out with --on-bad-row skip")
        else:
            n_skipped += 1
            terminal.skipped(place, row.line, row.fault)
    if n_skipped:
        terminal.note(f"skipped {n_skipped:,} rows")


def _predictions(
    answer: Callable[[list[Any]], Iterator[dict[str, Any]]],
    rows: Iterator[Any],
    called: str,
    name_of: Callable[[str], str],
    kept: Callable[[Any], Any],
) -> Iterator[dict[str, Any]]:
    from itertools import islice

    while chunk := list(islice(rows, _CHUNK)):
        items = [row.text if row.item is None else row.item for row in chunk]
        for row, answered in zip(chunk, answer(items), strict=True):
            others = {name_of(name): kept(value) for name, value in row.others.items()}
            yield {"line": row.line, called: row.text, **others, **answered}


def _classes(predictor: Any, axes: Any, items: list[Any]) -> Iterator[dict[str, Any]]:
    labels = predictor.labels
    for answer in predictor.predict_proba(items, axes=axes):
        best = int(answer.argmax())
        yield {
            "predicted": labels[best],
            "probability": float(answer[best]),
            "probabilities": {name: float(p) for name, p in zip(labels, answer, strict=True)},
        }


def _numbers(predictor: Any, axes: Any, items: list[Any]) -> Iterator[dict[str, Any]]:
    for number in predictor.predict(items, axes=axes).tolist():
        yield {"predicted": number}


def _flat(row: dict[str, Any], columns: Mapping[str, Any], place: str) -> dict[str, Any]:
    from lstmkit.core.errors import DataError

    probabilities = row.pop("probabilities", {})
    for name in row:
        if name not in columns:
            raise DataError(
                f"{place}:{row['line']}: the field {name!r} is in none of the first rows, so the table has no column "
                "for it; write .jsonl"
            )
    return row | {f"probability_{name}": p for name, p in probabilities.items()}
