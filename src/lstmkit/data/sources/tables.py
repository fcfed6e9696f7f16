"""Tables: CSV, TSV, JSONL (Parquet has a file of its own), read row by row with line numbers."""

import csv
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from lstmkit.config.schema import DataConfig
from lstmkit.core.errors import DataError, RequestError
from lstmkit.data.sources.cells import HALF_A_PAIR, MOSTLY, few_cells, is_encodable
from lstmkit.data.sources.channels import few
from lstmkit.data.sources.columns import LABEL_NAMES, SERIES_NAMES, TEXT_NAMES, TIME_NAMES, choose_columns
from lstmkit.data.sources.corpus import ColumnsFound, Kind
from lstmkit.data.sources.decoding import encoding_option, encoding_told, undecoded
from lstmkit.data.sources.gathered import Step
from lstmkit.data.sources.headers import (
    SEPARATORS,
    Unnamed,
    check_header,
    check_names,
    delimiter_option,
    index_columns,
    left_out_lines,
    listed,
    named_columns,
    require_column,
    with_names,
)
from lstmkit.data.sources.lines import Line, lines_of
from lstmkit.data.sources.parquet import class_names, parquet_columns, parquet_features, parquet_rows, parquet_types
from lstmkit.data.sources.plan import Reading, Row, SourceFile
from lstmkit.data.sources.series_tables import series_layout, series_rows

_SAMPLE_ROWS = 200
_SNIFFED_ROWS = 50
_DEEPEST = 100  # levels of lists and objects in a row of JSONL
_TOO_FEW, _TOO_MANY = "too few fields", "too many fields"
_USUAL = frozenset((*TEXT_NAMES, *LABEL_NAMES, *SERIES_NAMES, *TIME_NAMES))
_LONGEST_FIELD = 2**31 - 1  # bytes; csv's own limit of 131,072 is a long review away


class Record(NamedTuple):
    """One row as the file has it: the line it begins at, values by column, and the fault where it has one."""

    line: int
    values: dict[str, Any]
    fault: str = ""
    detail: str = ""
    raw: str = ""


class Table(NamedTuple):
    """An open table; `names` is empty where only the rows tell (JSONL), `types` where the file knows none.

    Attributes:
        file: the table, for errors.
        select: gives the rows with some columns alone, where a file can be read so.
        has_header: whether a line of the file holds the names.
        delimiter: between fields; empty: the format has none.
        encoding: asked for.
    """

    file: SourceFile
    names: Sequence[str]
    records: Iterator[Record]
    types: Mapping[str, Any] = MappingProxyType({})
    select: Callable[[Sequence[str]], Iterator[Record]] | None = None
    has_header: bool = False
    delimiter: str = ""
    encoding: str = ""


class Looked(NamedTuple):
    """A table of which the first rows were looked at.

    Attributes:
        names: of its columns; of JSONL those of the first rows.
        sample: the first rows that are sound.
        records: all rows.
        is_empty: whether there is none.
        lines: where the rows of the sample begin.
    """

    names: Sequence[str]
    sample: list[dict[str, Any]]
    records: Iterator[Record]
    is_empty: bool
    lines: list[int]


def read_table(file: SourceFile, split: str, reading: Reading) -> Iterator[Row]:
    """The rows of one table.

    Raises:
        DataError: the file cannot be read or is empty, or its columns cannot be told.
    """
    table = open_table(file, reading)
    names, sample, records, is_empty, lines = looked_at(table)
    if not names and is_empty:
        raise DataError(f"{file.path}: empty; a table with a row for each example or step is needed")
    if reading.layout is None and reading.columns is None:  # the first table decides for all of the source
        _decide(file, names, sample, lines, reading)
    if layout := reading.layout:
        known = set(names)
        for name in layout.read_columns():
            if name not in known:
                require_column(file, name, names)
        if table.select:
            records = table.select(layout.read_columns())
        yield from series_rows(file, split, steps_of(file, records, reading), layout, reading)
        return
    text_column, label_column = choose_columns(file, names, sample, lines, reading) if names else ("", "")
    if table.select:
        records = table.select((text_column, label_column))
    for line, values, fault, detail, raw in records:
        if fault:
            reading.reject(file, line, fault, detail, raw)
        elif row := reading.row(split, file, line, values.get(text_column), values.get(label_column)):
            yield row


def _decide(
    file: SourceFile,
    names: Sequence[str],
    sample: Sequence[dict[str, Any]],
    lines: Sequence[int],
    reading: Reading,
) -> None:
    """Find what a source's tables hold, and tell it to `reading`."""
    indices = index_columns(names, sample)
    data = with_names(file, names, reading.data) if names else reading.data
    reading.layout = series_layout(file, names, sample, data, indices)
    if reading.layout:
        reading.decisions += reading.layout.told()
        reading.found = reading.layout.found(names)
    elif names:
        asked = (data.text_column, data.label_column)
        left_out = {name: why for name, why in indices.items() if name not in asked}
        text, label = choose_columns(file, [name for name in names if name not in left_out], sample, lines, reading)
        reading.decisions += left_out_lines(left_out)
        reading.found = ColumnsFound(text, label, left_out=tuple(name for name in names if name not in (text, label)))


def kind_of_table(file: SourceFile, data: DataConfig) -> tuple[Kind, str]:
    """Return what a table holds, series or texts, and its layout, by its first rows."""
    names, sample, *_ = looked_at(open_table(file, Reading(data)))
    data = with_names(file, names, data) if names else data
    layout = series_layout(file, names, sample, data, index_columns(names, sample))
    return ("series", layout.form) if layout else ("text", "texts")


def steps_of(file: SourceFile, records: Iterable[Record], reading: Reading) -> Iterator[Step]:
    """The rows that are sound; others are rejected."""
    for line, values, fault, detail, raw in records:
        if fault:
            reading.reject(file, line, fault, detail, raw)
        else:
            yield Step(line, values)


def _open_csv(file: SourceFile, reading: Reading) -> Table:
    return _delimited(file, _delimiter(reading.data.delimiter, ","), reading.data)


def _open_tsv(file: SourceFile, reading: Reading) -> Table:
    delimiter = _delimiter(reading.data.delimiter, "\t")
    if delimiter != "\t" or _quotes_pair_up(file, reading.data.encoding):
        return _delimited(file, delimiter, reading.data)
    reading.decisions.append(f"quotes in {file.name}: plain characters (they do not pair up around fields)")
    return _delimited(file, delimiter, reading.data, csv.QUOTE_NONE)


def _delimiter(asked: str, usual: str) -> str:
    """The character between fields.

    Raises:
        RequestError: what is asked for is no character that can stand between fields.
    """
    delimiter = {"": usual, "tab": "\t", "\\t": "\t"}.get(asked, asked)
    may_be = len(delimiter) == 1 and not delimiter.isalnum() and (delimiter.isprintable() or delimiter == "\t")
    if not may_be or delimiter == '"':
        raise RequestError(
            f"data.delimiter = {asked!r}: no character that stands between fields; give one, such as ';' or '|', or tab"
        )
    return delimiter


def _delimited(file: SourceFile, delimiter: str, data: DataConfig, quoting: Literal[0, 3] = csv.QUOTE_MINIMAL) -> Table:
    records = _fields(file, delimiter, quoting, data.encoding)
    header = next(records, None)
    if header is None:
        raise DataError(f"{file.path}: empty; a header line such as text,label and a row for each example are needed")
    line, fields, fault, detail = header
    if not data.header:
        names = [str(place) for place in range(1, len(fields) + 1)]
        rows = _records(chain([header], records), names)
        return Table(file, names, rows, delimiter=delimiter, encoding=data.encoding)
    if fault:
        remedy = f"; {encoding_told(file.path, data.encoding)}" if fault == undecoded(data.encoding) else ""
        others = [one for one in SEPARATORS if one != delimiter and one in "".join(fields)]
        better = _better_delimiter(file, others, data.encoding, len(fields))
        remedy += f"; its fields look separated by {SEPARATORS[better]}: {delimiter_option(better)}" if better else ""
        raise DataError(f"{file.path}:{line}: {fault}{detail}; the header line must be sound{remedy}")
    names = named_columns([name.strip() for name in fields])
    if all(isinstance(name, Unnamed) for name in names):
        raise DataError(f"{file.path}:{line}: no column has a name; a header line such as text,label is needed")
    # Who asks for the one column by its whole name means it so, whatever characters the name holds.
    checked = "" if names == [data.text_column] else delimiter
    return Table(file, names, _records(records, names), has_header=True, delimiter=checked, encoding=data.encoding)


def _records(records: "Iterator[tuple[int, list[str], str, str]]", names: Sequence[str]) -> Iterator[Record]:
    for line, fields, fault, detail in records:
        if not fault and len(fields) != len(names):
            fault = _TOO_FEW if len(fields) < len(names) else _TOO_MANY
            detail = f" ({len(fields)}; the header has {len(names)})"
        yield Record(line, dict(zip(names, fields, strict=False)), fault, detail, " ".join(fields))


def _fields(
    file: SourceFile, delimiter: str, quoting: Literal[0, 3], encoding: str
) -> Iterator[tuple[int, list[str], str, str]]:
    """(line, fields, fault, detail) of each record; a blank line is none."""
    faulty: list[Line] = []

    def texts() -> Iterator[str]:
        for line in lines_of(file, encoding):
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


def _quotes_pair_up(file: SourceFile, encoding: str) -> bool:
    """Whether a TSV quotes its fields; many TSV files have none of CSV's quoting, and quotes in the text."""
    try:
        return not any(fault == "not CSV" for _, _, fault, _ in _fields(file, "\t", csv.QUOTE_MINIMAL, encoding))
    except DataError as error:
        if isinstance(error.__cause__, csv.Error):
            return False
        raise


def _open_jsonl(file: SourceFile, reading: Reading) -> Table:
    return Table(file, (), _objects(file, reading.data.encoding))


def _objects(file: SourceFile, encoding: str) -> Iterator[Record]:
    for number, text, fault, detail in lines_of(file, encoding):
        if fault:
            yield Record(number, {}, fault, detail, text)
            continue
        if not text.strip():
            continue
        try:
            value = json.loads(text, object_pairs_hook=_object)
        except json.JSONDecodeError as error:
            yield Record(number, {}, "not JSON", f" ({error.msg} at character {error.pos + 1})", text)
            continue
        except _DoubledError as error:
            yield Record(number, {}, "a field twice", f" ({error})", text)
            continue
        except (ValueError, RecursionError) as error:  # a number of thousands of digits; brackets thousands deep
            yield Record(number, {}, "not JSON", f" ({error})", text)
            continue
        if not isinstance(value, dict):
            yield Record(number, {}, "not a JSON object", raw=text)
        elif fault := _fault_of_json(value, text):
            yield Record(number, {}, fault, raw=text)
        else:
            yield Record(number, value)


class _DoubledError(ValueError):
    """Two fields of a JSON object have one name."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object whose fields all have names of their own.

    Raises:
        _DoubledError: two have one: json would keep the last, and lose the first.
    """
    found = dict(pairs)
    if len(found) < len(pairs):
        name, n = Counter(name for name, _ in pairs).most_common(1)[0]
        raise _DoubledError(f"{n} are named {few_cells(name)}")
    return dict(zip(named_columns(list(found)), found.values(), strict=True)) if "" in found else found


def _fault_of_json(value: dict[str, Any], text: str) -> str:
    """What is wrong in a JSON object beyond its syntax: depth, half of a surrogate pair; empty: nothing."""
    has_escapes = "\\u" in text
    if not has_escapes and text.count("[") + text.count("{") <= _DEEPEST:
        return ""
    level: list[Any] = [value]
    for _ in range(_DEEPEST):
        below: list[Any] = []
        for one in level:
            items = [*one, *one.values()] if isinstance(one, dict) else one
            for item in items:
                if isinstance(item, list | dict):
                    below.append(item)
                elif isinstance(item, str) and has_escapes and not is_encodable(item):
                    return HALF_A_PAIR
        if not below:
            return ""
        level = below
    return f"JSON nested deeper than {_DEEPEST} levels"


def _open_parquet(file: SourceFile, reading: Reading) -> Table:
    stored = parquet_columns(file.path)
    names = named_columns([name.strip() for name in stored])
    check_names(file, names)
    of_stored = dict(zip(stored, names, strict=True))
    stored_of = dict(zip(names, stored, strict=True))
    types = {of_stored[name]: kind for name, kind in parquet_types(file.path).items()}
    classes = {of_stored[name]: found for name, found in class_names(parquet_features(file.path)).items()}
    is_renamed = stored != names

    def select(columns: Sequence[str] | None = None) -> Iterator[Record]:
        for name in columns or ():
            if name in classes:
                told = f"names of classes in {name!r}: as the Parquet file has them ({few(classes[name])})"
                reading.decisions += [told] if told not in reading.decisions else []
        chosen = None if columns is None else list(dict.fromkeys(stored_of[name] for name in columns))
        for number, row in enumerate(parquet_rows(file.path, chosen, named=True), start=1):
            yield Record(number, {of_stored[name]: value for name, value in row.items()} if is_renamed else row)

    return Table(file, names, select(), types, select)


_OPENERS: dict[str, Callable[[SourceFile, Reading], Table]] = {
    ".csv": _open_csv,
    ".tsv": _open_tsv,
    ".jsonl": _open_jsonl,
    ".ndjson": _open_jsonl,
    ".parquet": _open_parquet,
}
TABLE_SUFFIXES = tuple(_OPENERS)


def open_table(file: SourceFile, reading: Reading, suffix: str = "") -> Table:
    """The rows of a table, read as its suffix says, or as `suffix` does for a pipe."""
    return _OPENERS[suffix or file.path.suffix.lower()](file, reading)


def looked_at(table: Table) -> Looked:
    """Look at a table's first rows; no row is lost.

    Raises:
        DataError: two columns have one name, the first line holds data and no names, or the fields seem to be separated
            by another character.
    """
    head = list(islice(table.records, _SAMPLE_ROWS))
    sound = [record for record in head if not record.fault]
    sample = [record.values for record in sound]
    names = table.names or list(dict.fromkeys(name for values in sample for name in values))
    if table.delimiter:
        _check_delimiter(table, head)
    if table.has_header:
        check_header(table.file, names, sample, _USUAL)
        check_names(table.file, names)
    return Looked(names, sample, chain(head, table.records), not head, [record.line for record in sound])


def _check_delimiter(table: Table, head: Sequence[Record]) -> None:
    """See that most rows have as many fields as the header, or that no other character separates more of them.

    Raises:
        DataError: another does.
    """
    file = table.file
    n_faulty = sum(record.fault in (_TOO_FEW, _TOO_MANY) for record in head)
    is_uneven = 2 * n_faulty > len(head)
    first = " ".join((*table.names, *(head[0].raw for _ in head[:1])))
    others = [one for one in SEPARATORS if one != table.delimiter and one in first]
    if not (is_uneven or len(table.names) == 1 or any(one in name for one in others for name in table.names)):
        return
    if best := _better_delimiter(file, others, table.encoding, 1 if is_uneven else len(table.names)):
        came = f"one column ({table.names[0]!r})" if len(table.names) == 1 else f"columns {listed(table.names, 4)}"
        encoding = "" if table.encoding else encoding_option(file.path)
        raise DataError(
            f"{file.path}: {came}; its fields look separated by {SEPARATORS[best]}; read it with "
            f"{delimiter_option(best)}{f' {encoding} (it is not UTF-8)' if encoding else ''}"
        )


def _better_delimiter(file: SourceFile, others: Sequence[str], encoding: str, n_fields: int) -> str:
    """Which other character separates the first rows into more fields, each into as many; empty: none."""
    if not others or not file.path.is_file():  # a pipe is read once
        return ""
    found = {other: _n_fields(file, other, encoding) for other in others}
    best = max(found, key=lambda other: found[other])
    return best if found[best] > n_fields else ""


def _n_fields(file: SourceFile, delimiter: str, encoding: str) -> int:
    """How many fields each of the first rows has if they are separated so; 0 where they have not as many."""
    try:
        rows = islice(_fields(file, delimiter, csv.QUOTE_MINIMAL, encoding), _SNIFFED_ROWS)
        counts = Counter(len(fields) for _, fields, _, _ in rows)
    except DataError:  # a quote that never closes: fields are not separated so
        return 0
    n, n_rows = counts.most_common(1)[0] if counts else (0, 0)
    return n if n_rows >= MOSTLY * counts.total() else 0


def is_table(path: Path) -> bool:
    """Whether the file's name ends as a table's does."""
    return path.suffix.lower() in _OPENERS
