"""Tables: CSV, TSV, JSONL (Parquet has a file of its own), read row by row with line numbers."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from lstmkit.config.schema import DataConfig
from lstmkit.core.errors import DataError
from lstmkit.core.files import parse_json
from lstmkit.core.reading import cause_of, reader
from lstmkit.data.sources.columns import choose_columns, require_column
from lstmkit.data.sources.corpus import Kind
from lstmkit.data.sources.gathered import Step
from lstmkit.data.sources.lines import Line, lines_of
from lstmkit.data.sources.parquet import parquet_columns, parquet_rows, parquet_types
from lstmkit.data.sources.plan import Reading, Row, SourceFile
from lstmkit.data.sources.series_tables import series_layout, series_rows

_SAMPLE_ROWS = 200
_LONGEST_FIELD = 2**31 - 1  # bytes; csv's own limit of 131,072 is a long review away


class Record(NamedTuple):
    """One row as the file has it: the line it begins at, values by column, and the fault where it has one."""

    line: int
    values: dict[str, Any]
    fault: str = ""
    detail: str = ""
    raw: str = ""


class Table(NamedTuple):
    """An open table; `names` is empty where only the rows tell (JSONL), `types` where the file knows none."""

    names: Sequence[str]
    records: Iterator[Record]
    types: Mapping[str, Any] = MappingProxyType({})


class Looked(NamedTuple):
    """A table of which the first rows were looked at.

    Attributes:
        names: of its columns; of JSONL those of the first rows.
        sample: the first rows that are sound.
        records: all rows.
        is_empty: whether there is none.
    """

    names: Sequence[str]
    sample: list[dict[str, Any]]
    records: Iterator[Record]
    is_empty: bool


@reader
def read_table(file: SourceFile, split: str, reading: Reading) -> Iterator[Row]:
    """The rows of one table.

    Raises:
        DataError: the file cannot be read or is empty, or its columns cannot be told.
    """
    names, sample, records, is_empty = looked_at(open_table(file, reading))
    if not names and is_empty:
        raise DataError(f"{file.path}: empty; a table with a row for each example or step is needed")
    if layout := reading.layout or series_layout(file, names, sample, reading.data):
        if reading.layout is None:  # the first table decides for all of the source
            reading.decisions += layout.told()
            reading.layout = layout
            reading.found = layout.found(names)
        for name in layout.read_columns():
            require_column(file, name, names)
        yield from series_rows(file, split, steps_of(file, records, reading), layout, reading)
        return
    text_column, label_column = choose_columns(file, names, sample, reading) if names else ("", "")
    for line, values, fault, detail, raw in records:
        if fault:
            reading.reject(file, line, fault, detail, raw)
        elif row := reading.row(split, file, line, values.get(text_column), values.get(label_column)):
            yield row


@reader
def kind_of_table(file: SourceFile, data: DataConfig) -> Kind:
    """Whether a table holds series or texts, by its first rows."""
    names, sample, *_ = looked_at(open_table(file, Reading(data)))
    return "series" if series_layout(file, names, sample, data) else "text"


def steps_of(file: SourceFile, records: Iterable[Record], reading: Reading) -> Iterator[Step]:
    """The rows that are sound; others are rejected."""
    for line, values, fault, detail, raw in records:
        if fault:
            reading.reject(file, line, fault, detail, raw)
        else:
            yield Step(line, values)


def _open_csv(file: SourceFile, reading: Reading) -> Table:
    del reading
    return _delimited(file, delimiter=",", quoting=csv.QUOTE_MINIMAL)


def _open_tsv(file: SourceFile, reading: Reading) -> Table:
    if _quotes_pair_up(file):
        return _delimited(file, delimiter="\t", quoting=csv.QUOTE_MINIMAL)
    reading.decisions.append(f"quotes in {file.name}: plain characters (they do not pair up around fields)")
    return _delimited(file, delimiter="\t", quoting=csv.QUOTE_NONE)


def _delimited(file: SourceFile, delimiter: str, quoting: Literal[0, 3]) -> Table:
    records = _fields(file, delimiter, quoting)
    header = next(records, None)
    if header is None:
        raise DataError(f"{file.path}: empty; a header line such as text,label and a row for each example are needed")
    line, fields, fault, detail = header
    if fault:
        raise DataError(f"{file.path}:{line}: {fault}{detail}; the header line must be sound")
    names = [name.strip() for name in fields]
    return Table(names, _records(records, names))


def _records(records: "Iterator[tuple[int, list[str], str, str]]", names: Sequence[str]) -> Iterator[Record]:
    for line, fields, fault, detail in records:
        if not fault and len(fields) != len(names):
            fault = "too few fields" if len(fields) < len(names) else "too many fields"
            detail = f" ({len(fields)}; the header has {len(names)})"
        yield Record(line, dict(zip(names, fields, strict=False)), fault, detail, " ".join(fields))


def _fields(file: SourceFile, delimiter: str, quoting: Literal[0, 3]) -> Iterator[tuple[int, list[str], str, str]]:
    """(line, fields, fault, detail) of each record; a blank line is none."""
    faulty: list[Line] = []

    def texts() -> Iterator[str]:
        for line in lines_of(file):
            if line.fault:
                faulty.append(line)
            yield line.text

    csv.field_size_limit(_LONGEST_FIELD)
    reader = csv.reader(texts(), delimiter=delimiter, quoting=quoting, strict=True)
    while True:
        start = reader.line_num + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if "unexpected end of data" in str(error):
                raise DataError(
                    f"{file.path}:{start}: a quote opens in this row and never closes; close it, or double it"
                ) from error
            yield start, [], "not CSV", f" ({error})"
            faulty.clear()
            continue
        if faulty:
            yield faulty[0].number, fields, faulty[0].fault, faulty[0].detail
            faulty.clear()
        elif len(fields) > 1 or (fields and fields[0].strip()):
            yield start, fields, "", ""


def _quotes_pair_up(file: SourceFile) -> bool:
    """Whether a TSV quotes its fields; many TSV files have none of CSV's quoting, and quotes in the text."""
    try:
        return not any(fault == "not CSV" for _, _, fault, _ in _fields(file, "\t", csv.QUOTE_MINIMAL))
    except DataError as error:
        if isinstance(error.__cause__, csv.Error):
            return False
        raise


def _open_jsonl(file: SourceFile, reading: Reading) -> Table:
    del reading
    return Table((), _objects(file))


def _objects(file: SourceFile) -> Iterator[Record]:
    for number, text, fault, detail in lines_of(file):
        if fault:
            yield Record(number, {}, fault, detail, text)
            continue
        if not text.strip():
            continue
        try:
            value = parse_json(text)
        except json.JSONDecodeError as error:
            yield Record(number, {}, "not JSON", f" ({error.msg} at character {error.pos + 1})", text)
            continue
        except UnicodeError as error:
            yield Record(number, {}, str(error), raw=text)
            continue
        except ValueError as error:  # a number of thousands of digits; brackets thousands deep
            yield Record(number, {}, "not JSON", f" ({cause_of(error)})", text)
            continue
        if isinstance(value, dict):
            yield Record(number, value)
        else:
            yield Record(number, {}, "not a JSON object", raw=text)


def _open_parquet(file: SourceFile, reading: Reading) -> Table:
    names = parquet_columns(file.path)
    sample = list(parquet_rows(file.path, most=_SAMPLE_ROWS))
    layout = reading.layout or series_layout(file, names, sample, reading.data)
    chosen = layout.read_columns() if layout else list(choose_columns(file, names, sample, reading))
    return Table(names, (Record(number, row) for number, row in enumerate(parquet_rows(file.path, chosen), start=1)))


_OPENERS: dict[str, Callable[[SourceFile, Reading], Table]] = {
    ".csv": _open_csv,
    ".tsv": _open_tsv,
    ".jsonl": _open_jsonl,
    ".ndjson": _open_jsonl,
    ".parquet": _open_parquet,
}
TABLE_SUFFIXES = tuple(_OPENERS)


@reader
def open_table(file: SourceFile, reading: Reading, suffix: str = "") -> Table:
    """The rows of a table, read as its suffix says, or as `suffix` does for a pipe."""
    return _OPENERS[suffix or file.path.suffix.lower()](file, reading)


@reader
def open_whole(file: SourceFile, reading: Reading, suffix: str = "") -> Table:
    """As `open_table`; of Parquet all columns, whatever they hold."""
    if (suffix or file.path.suffix.lower()) != ".parquet":
        return open_table(file, reading, suffix)
    types = parquet_types(file.path)
    rows = enumerate(parquet_rows(file.path), start=1)
    return Table(list(types), (Record(number, row) for number, row in rows), types)


def looked_at(table: Table) -> Looked:
    """Look at a table's first rows; no row is lost."""
    head = list(islice(table.records, _SAMPLE_ROWS))
    sample = [record.values for record in head if not record.fault]
    names = table.names or list(dict.fromkeys(name for values in sample for name in values))
    return Looked(names, sample, chain(head, table.records), not head)


def is_table(path: Path) -> bool:
    """Whether the file's name ends as a table's does."""
    return path.suffix.lower() in _OPENERS
