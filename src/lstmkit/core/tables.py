"""Tables of predictions, written row by row: JSONL, CSV or Parquet, whole or not at all where they are files."""

import csv
import io
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from lstmkit.core.errors import RequestError
from lstmkit.core.files import path_fault, printable, replacing

OUTPUT_SUFFIXES = (".jsonl", ".csv", ".parquet")
_BATCH_ROWS = 4096


def check_output(path: Path) -> None:
    """See that a table can be written under this name.

    Raises:
        RequestError: the suffix is none of those known, a file is there already, or pyarrow is needed and absent.
    """
    if fault := path_fault(path):
        raise RequestError(f"{printable(str(path))}: {fault}; choose another --output")
    if path.exists():
        raise RequestError(f"{path}: is there already and is not written over; choose another --output, or remove it")
    if path.suffix.lower() not in OUTPUT_SUFFIXES:
        raise RequestError(f"{path}: a table is written as {', '.join(OUTPUT_SUFFIXES)}; name it so")
    if path.suffix.lower() == ".parquet":
        _pyarrow(path)


def write_table(path: Path, rows: Iterable[Mapping[str, Any]], columns: Mapping[str, Any]) -> None:
    """Write rows to a file as its suffix says; a fault while they are made leaves what was there.

    Args:
        path: the file; see `check_output`.
        rows: one mapping a row; a column that it lacks is empty there.
        columns: the columns in their order, each with its type in Parquet: an Arrow type or the name of one. What is no
            string is written to a column of strings, and to CSV, as its JSON text.
    """
    with replacing(path) as file:
        if path.suffix.lower() == ".parquet":
            _write_parquet(path, file, rows, columns)
            return
        lines = csv_lines(rows, columns) if path.suffix.lower() == ".csv" else jsonl_lines(rows)
        for line in lines:
            file.write(line.encode())


def jsonl_lines(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """One JSON object a line."""
    for row in rows:
        yield json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n"


def plain(value: Any) -> Any:
    """A value as JSON can hold it: what is none of JSON's own becomes a string, NaN and infinity included."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if value is None or isinstance(value, str | int | float) else str(value)


def csv_lines(rows: Iterable[Mapping[str, Any]], columns: Iterable[str]) -> Iterator[str]:
    """A header and one record a row (RFC 4180, with line feeds)."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(columns), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _string(value) for name, value in row.items()})
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()  # the header, where there was no row


def _string(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(plain(value), ensure_ascii=False)


def _write_parquet(path: Path, file: BinaryIO, rows: Iterable[Mapping[str, Any]], columns: Mapping[str, Any]) -> None:
    pyarrow, parquet = _pyarrow(path)
    types = {name: pyarrow.type_for_alias(kind) if isinstance(kind, str) else kind for name, kind in columns.items()}
    strings = {name for name, kind in types.items() if kind == pyarrow.string()}
    iterator = iter(rows)
    with parquet.ParquetWriter(file, pyarrow.schema(types)) as writer:
        while chunk := list(islice(iterator, _BATCH_ROWS)):
            values = [
                {name: _string(value) if name in strings else value for name, value in row.items()} for row in chunk
            ]
            writer.write_table(pyarrow.Table.from_pylist(values, schema=writer.schema))


def _pyarrow(path: Path) -> tuple[Any, Any]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise RequestError(
            f"{path}: Parquet needs pyarrow, which is not installed; pip install 'lstmkit[parquet]'"
        ) from error
    return pyarrow, parquet
