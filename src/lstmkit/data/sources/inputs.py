"""Examples without labels, streamed from a file or a pipe: what `predict` reads."""

from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

from lstmkit.config.schema import DataConfig
from lstmkit.core.errors import DataError, RequestError
from lstmkit.data.sources.columns import choose_text_column
from lstmkit.data.sources.lines import lines_of
from lstmkit.data.sources.parquet import parquet_columns, parquet_rows
from lstmkit.data.sources.plan import Reading, SourceFile, checked_text
from lstmkit.data.sources.tables import Record, open_table

_SAMPLE_ROWS = 200
INPUT_FORMATS = ("lines", "csv", "tsv", "jsonl", "parquet")


class Input(NamedTuple):
    """One example to predict; where `fault` is not empty it cannot be used, and the fault says why."""

    line: int
    text: str
    fault: str = ""


def inputs_of(path: Path, format: str | None = None, text_column: str = "") -> Iterator[Input]:  # noqa: A002
    """The examples of a file in its order, a few rows held at a time.

    Args:
        path: a file, or a pipe such as /dev/stdin.
        format: lines (one text a line), csv, tsv, jsonl (an object a line) or parquet;
            None: by the file's suffix, lines where that says nothing.
        text_column: the column to read; empty: found.

    Raises:
        DataError: the file cannot be read, or has no such column.
        RequestError: the format is unknown.
    """
    known = {".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
    format = format or known.get(path.suffix.lower(), "lines")  # noqa: A001
    if format not in INPUT_FORMATS:
        raise RequestError(f"input format {format!r} is unknown; there are {', '.join(INPUT_FORMATS)}")
    file = SourceFile(path, path.name)
    if format == "lines":
        return _lines(file)
    if format == "parquet":
        return _parquet(file, text_column)
    return _rows(file, format, text_column)


def _lines(file: SourceFile) -> Iterator[Input]:
    for number, text, fault, detail in lines_of(file):
        yield _checked(number, text.rstrip("\r\n"), fault + detail)


def _rows(file: SourceFile, format: str, text_column: str) -> Iterator[Input]:  # noqa: A002
    table = open_table(file, Reading(DataConfig()), suffix=f".{format}")
    head = list(islice(table.records, _SAMPLE_ROWS))
    names = table.names or list(dict.fromkeys(name for record in head for name in record.values))
    if not names:
        if head:
            first = head[0]
            raise DataError(f"{file.path}:{first.line}: {first.fault or 'no column'}{first.detail}; a text is needed")
        return
    column = choose_text_column(file, names, [record.values for record in head if not record.fault], text_column)
    for record in chain(head, table.records):
        yield _of_record(record, column)


def _parquet(file: SourceFile, text_column: str) -> Iterator[Input]:
    names = parquet_columns(file.path)
    sample = list(parquet_rows(file.path, most=_SAMPLE_ROWS))
    column = choose_text_column(file, names, sample, text_column)
    for number, row in enumerate(parquet_rows(file.path, columns=[column]), start=1):
        yield _checked(number, row[column])


def _of_record(record: Record, column: str) -> Input:
    return _checked(record.line, record.values.get(column), record.fault + record.detail)


def _checked(line: int, value: object, fault: str = "") -> Input:
    if fault:
        return Input(line, "", fault)
    fault, text = checked_text(value)
    return Input(line, "" if fault else text, fault)
