"""Examples without labels, streamed from a file or a pipe: what `predict` reads."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from itertools import chain, islice
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from lstmkit.config.schema import DataConfig
from lstmkit.core.errors import DataError, RequestError
from lstmkit.core.reading import reader
from lstmkit.data.sources.columns import choose_text_column
from lstmkit.data.sources.lines import lines_of
from lstmkit.data.sources.parquet import parquet_rows, parquet_types
from lstmkit.data.sources.plan import Reading, SourceFile, checked_text
from lstmkit.data.sources.tables import Record, open_table

_SAMPLE_ROWS = 200
INPUT_FORMATS = ("lines", "csv", "tsv", "jsonl", "parquet")


class Input(NamedTuple):
    """One example to predict; where `fault` is not empty it cannot be used, and the fault says why.

    Attributes:
        line: the line, or the row of a Parquet file, counted from 1.
        text: what is classified.
        fault: why it cannot be.
        others: the row's other fields by column.
        item: what is classified, where that is not the text itself.
    """

    line: int
    text: str
    fault: str = ""
    others: Mapping[str, Any] = MappingProxyType({})
    item: Any = None


class Inputs(NamedTuple):
    """An open file of examples.

    Attributes:
        rows: the examples in the file's order, read as they are asked for.
        columns: the columns beside the text: those of the header, or for JSONL those of the first rows; each with its
            Arrow type where the file knows types, else None.
        notes: what was decided, a line each.
    """

    rows: Iterator[Input]
    columns: Mapping[str, Any] = MappingProxyType({})
    notes: Sequence[str] = ()


@reader
def inputs_of(path: Path, format: str | None = None, text_column: str = "") -> Inputs:  # noqa: A002
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
    format = format_of(path, format)  # noqa: A001
    file = SourceFile(path, path.name)
    if format == "lines":
        return Inputs(_lines(file))
    if format == "parquet":
        return _parquet(file, text_column)
    return _table(file, format, text_column)


def format_of(path: Path, asked: str | None) -> str:
    """The format asked for, or else what the file's suffix tells: one of `INPUT_FORMATS`.

    Raises:
        RequestError: it is unknown.
    """
    known = {".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
    found = asked or known.get(path.suffix.lower(), "lines")
    if found not in INPUT_FORMATS:
        raise RequestError(f"input format {found!r} is unknown; there are {', '.join(INPUT_FORMATS)}")
    return found


def _lines(file: SourceFile) -> Iterator[Input]:
    for number, text, fault, detail in lines_of(file):
        yield _checked(number, text.rstrip("\r\n"), fault + detail)


def _table(file: SourceFile, format: str, text_column: str) -> Inputs:  # noqa: A002
    table = open_table(file, Reading(DataConfig()), suffix=f".{format}")
    head = list(islice(table.records, _SAMPLE_ROWS))
    names = table.names or list(dict.fromkeys(name for record in head for name in record.values))
    if not names:
        if head:
            first = head[0]
            raise DataError(f"{file.path}:{first.line}: {first.fault or 'no column'}{first.detail}; a text is needed")
        return Inputs(iter(()))
    column = choose_text_column(file, names, [record.values for record in head if not record.fault], text_column)
    repeated = {name: n for name, n in Counter(names).items() if n > 1}
    if column in repeated:
        raise DataError(f"{file.path}: {repeated[column]} columns are named {column!r}; rename all but one")
    notes = [_chosen(column), *(f"left out: {n} columns named {name!r}" for name, n in repeated.items())]
    others = {name: None for name in names if name != column and name not in repeated}
    left_out = {column, *repeated}
    return Inputs((_of_record(record, column, left_out) for record in chain(head, table.records)), others, notes)


def _parquet(file: SourceFile, text_column: str) -> Inputs:
    types = parquet_types(file.path)
    sample = list(parquet_rows(file.path, most=_SAMPLE_ROWS))
    column = choose_text_column(file, list(types), sample, text_column)
    rows = (
        _checked(number, row.pop(column), others=row) for number, row in enumerate(parquet_rows(file.path), start=1)
    )
    return Inputs(rows, {name: kind for name, kind in types.items() if name != column}, [_chosen(column)])


def _chosen(column: str) -> str:
    return f"text column: {column!r}"


def _of_record(record: Record, column: str, left_out: Set[str]) -> Input:
    others = {name: value for name, value in record.values.items() if name not in left_out}
    return _checked(record.line, record.values.get(column), record.fault + record.detail, others)


def _checked(line: int, value: object, fault: str = "", others: Mapping[str, Any] = MappingProxyType({})) -> Input:
    if fault:
        return Input(line, "", fault)
    fault, text = checked_text(value)
    return Input(line, "", fault) if fault else Input(line, text, others=others)
