"""Examples without labels, streamed from a file or a pipe: what `predict` reads."""

from collections.abc import Iterator, Mapping, Sequence, Set
from itertools import chain, islice
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from lstmkit.config.schema import DataConfig
from lstmkit.core.errors import DataError, RequestError
from lstmkit.data.sources.columns import choose_text_column
from lstmkit.data.sources.headers import EMPTY, found_column, index_columns, left_out_lines
from lstmkit.data.sources.lines import lines_of
from lstmkit.data.sources.plan import Reading, SourceFile, checked_text
from lstmkit.data.sources.tables import Record, looked_at, open_table

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


def inputs_of(
    path: Path,
    format: str | None = None,  # noqa: A002
    text_column: str = "",
    data: DataConfig | None = None,
) -> Inputs:
    """The examples of a file in its order, a few rows held at a time.

    Args:
        path: a file, or a pipe such as /dev/stdin.
        format: lines (one text a line), csv, tsv, jsonl (an object a line) or parquet;
            None: by the file's suffix, lines where that says nothing.
        text_column: the column to read, by name or number; empty: that of `data` where the table has it, else found.
        data: how the file is written, and the column of texts that the model's own source has.

    Raises:
        DataError: the file cannot be read, or has no such column.
        RequestError: the format is unknown.
    """
    format = format_of(path, format)  # noqa: A001
    file = SourceFile(path, path.name)
    data = data or DataConfig()
    if format == "lines":
        return Inputs(_lines(file, data.encoding))
    return _table(file, format, text_column, data)


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


def _lines(file: SourceFile, encoding: str) -> Iterator[Input]:
    for number, text, fault, detail in lines_of(file, encoding):
        yield _checked(number, text.rstrip("\r\n"), fault + detail)


def _table(file: SourceFile, format: str, text_column: str, data: DataConfig) -> Inputs:  # noqa: A002
    reading = Reading(data.model_copy(update={"text_column": text_column}) if text_column else data)
    table = open_table(file, reading, suffix=f".{format}")
    head = list(islice(table.records, _SAMPLE_ROWS))
    names, sample, records, *_ = looked_at(table._replace(records=chain(head, table.records)))
    if not names:
        if head:
            first = head[0]
            raise DataError(f"{file.path}:{first.line}: {first.fault or 'no column'}{first.detail}; a text is needed")
        return Inputs(iter(()))
    asked = text_column or found_column(data.text_column, names)
    if not asked and not data.header and len(names) > 1:  # nothing but the number tells columns apart
        asked = data.text_column
    column = choose_text_column(file, names, sample, asked)
    empty = {name: why for name, why in index_columns(names, sample).items() if why == EMPTY and name != column}
    others = {name: table.types.get(name) for name in names if name != column and name not in empty}
    notes = [*reading.decisions, f"text column: {column!r}", *left_out_lines(empty)]
    return Inputs((_of_record(record, column, {column, *empty}) for record in records), others, notes)


def _of_record(record: Record, column: str, left_out: Set[str]) -> Input:
    others = {name: value for name, value in record.values.items() if name not in left_out}
    return _checked(record.line, record.values.get(column), record.fault + record.detail, others)


def _checked(line: int, value: object, fault: str = "", others: Mapping[str, Any] = MappingProxyType({})) -> Input:
    if fault:
        return Input(line, "", fault)
    fault, text = checked_text(value)
    return Input(line, "", fault) if fault else Input(line, text, others=others)
