"""Tables of predictions, written row by row: JSONL, CSV or Parquet, whole or not at all where they are files."""

import csv
import io
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
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


def write_table(
    path: Path, rows: Iterable[Mapping[str, Any]], columns: Mapping[str, Any], *, quotes_formulas: bool = False
) -> int:
    """Write rows to a file as its suffix says; a fault while they are made leaves what was there.

    Args:
        path: the file; see `check_output`.
        rows: one mapping a row; a column that it lacks is empty there.
        columns: the columns in their order, each with its type in Parquet: an Arrow type or the name of one. What is no
            string is written to a column of strings, and to CSV, as its JSON text.
        quotes_formulas: of CSV, whether an apostrophe is put before what a spreadsheet would run as a formula.

    Returns:
        How many cells of a CSV file a spreadsheet would run as formulas; 0 where they are quoted.
    """
    n_formulas = 0

    def counted(cell: str) -> str:
        nonlocal n_formulas
        if not _is_formula(cell):
            return cell
        if quotes_formulas:
            return f"'{cell}"
        n_formulas += 1
        return cell

    with replacing(path) as file:
        if path.suffix.lower() == ".parquet":
            _write_parquet(path, file, rows, columns)
            return 0
        lines = csv_lines(rows, columns, counted) if path.suffix.lower() == ".csv" else jsonl_lines(rows)
        for line in lines:
            file.write(line.encode())
    return n_formulas


def _is_formula(cell: str) -> bool:
    """Whether a spreadsheet would run a text as a formula: it begins as one, and is no number."""
    if not cell.startswith(("=", "+", "-", "@", "\t", "\r")):
        return False
    try:
        float(cell)
    except ValueError:
        return True
    return False


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


def csv_lines(
    rows: Iterable[Mapping[str, Any]], columns: Iterable[str], of_text: Callable[[str], str] = str
) -> Iterator[str]:
    """A header and one record a row (RFC 4180, with line feeds).

    Args:
        rows: one mapping a row.
        columns: their names, in order.
        of_text: what is written in the place of a text, or of a column's name.
    """
    names = list(columns)
    buffer = io.StringIO()
    # With this end of a record a carriage return within a cell is quoted too; without quotes it would end the record.
    writer = csv.DictWriter(buffer, names, lineterminator="\r\n")

    def line(row: Mapping[str, Any]) -> str:
        buffer.seek(0)
        buffer.truncate()
        writer.writerow(row)
        return buffer.getvalue().removesuffix("\r\n") + "\n"

    yield line({name: of_text(name) for name in names})
    for row in rows:
        yield line({name: of_text(value) if isinstance(value, str) else _string(value) for name, value in row.items()})


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
