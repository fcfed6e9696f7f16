"""Tables of predictions, written row by row: JSONL, CSV or Parquet, whole or not at all where they are files."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from lstmkit.core.errors import RequestError
from lstmkit.core.files import replacing

OUTPUT_SUFFIXES = (".jsonl", ".csv", ".parquet")
_BATCH_ROWS = 4096


def check_output(path: Path) -> None:
    """See that a table can be written under this name.

    Raises:
        RequestError: the suffix is none of those known, a file is there already, or pyarrow is needed and absent.
    """
    if path.exists():
        raise RequestError(f"{path}: is there already and is not written over; choose another --output, or remove it")
    if path.suffix.lower() not in OUTPUT_SUFFIXES:
        raise RequestError(f"{path}: a table is written as {', '.join(OUTPUT_SUFFIXES)}; name it so")
    if path.suffix.lower() == ".parquet":
        _pyarrow(path)


def write_table(path: Path, rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Write rows to a file as its suffix says; a fault while they are made leaves what was there.

    Args:
        path: the file; see `check_output`.
        rows: one mapping a row.
        columns: all keys, in the order of the columns.
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


def csv_lines(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> Iterator[str]:
    """A header and one record a row (RFC 4180, with line feeds)."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow(row)
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()  # the header, where there was no row


def _write_parquet(path: Path, file: BinaryIO, rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> None:
    pyarrow, parquet = _pyarrow(path)
    iterator, writer = iter(rows), None
    while chunk := list(islice(iterator, _BATCH_ROWS)):
        table = pyarrow.Table.from_pylist(chunk)
        writer = writer or parquet.ParquetWriter(file, table.schema)
        writer.write_table(table)
    if writer is None:
        empty = pyarrow.table({name: pyarrow.array([], pyarrow.string()) for name in columns})
        writer = parquet.ParquetWriter(file, empty.schema)
    writer.close()


def _pyarrow(path: Path) -> tuple[Any, Any]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise RequestError(
            f"{path}: Parquet needs pyarrow, which is not installed; pip install 'lstmkit[parquet]'"
        ) from error
    return pyarrow, parquet
