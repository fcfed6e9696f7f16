"""Parquet tables, through pyarrow, which is an extra."""

import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lstmkit.core.errors import DataError, RequestError
from lstmkit.data.sources.plan import readable

_BATCH_ROWS, _BATCH_CELLS = 4096, 1_000_000
_BATCH_FILES = 8  # rows that are whole files
_BUFFER_BYTES = 1 << 20
BYTES = {"bytes", "path"}
"""Fields of a struct that holds a file: its content, and what it was called."""


def parquet_columns(path: Path) -> list[str]:
    """The names of a Parquet file's columns.

    Raises:
        DataError: the file cannot be read or is not Parquet.
        RequestError: pyarrow is not installed.
    """
    with _parquet(path) as file:
        return list(file.schema_arrow.names)


def parquet_types(path: Path) -> dict[str, Any]:
    """The columns of a Parquet file, each with its Arrow type; raises as `parquet_columns` does."""
    with _parquet(path) as file:
        return {field.name: field.type for field in file.schema_arrow}


def parquet_features(path: Path) -> dict[str, Mapping[str, Any]]:
    """What the Hugging Face library wrote of the columns, by name; empty where it wrote nothing.

    Raises as `parquet_columns` does.
    """
    with _parquet(path) as file:
        return _features(file)


def class_names(features: Mapping[str, Mapping[str, Any]]) -> dict[str, Sequence[str]]:
    """The names of the classes that whole numbers stand for, by column."""
    return {
        column: feature["names"]
        for column, feature in features.items()
        if feature.get("_type") == "ClassLabel"
        and isinstance(feature.get("names"), list)
        and all(isinstance(name, str) for name in feature["names"])
    }


def parquet_rows(
    path: Path, columns: list[str] | None = None, most: int | None = None, named: bool = False
) -> Iterator[dict[str, Any]]:
    """The rows of a Parquet file as plain values, a batch held at a time.

    Args:
        path: the file.
        columns: the columns to read; None: all.
        most: rows to stop after; None: all.
        named: whether numbers of classes become their names, where the file has them; -1, which stands for an unknown
            class, becomes None.

    Raises:
        DataError: the file cannot be read or is not Parquet.
        RequestError: pyarrow is not installed.
    """
    with _parquet(path) as file:
        n_columns = len(columns or file.schema_arrow.names)
        n_batch = max(1, min(_BATCH_ROWS, _BATCH_CELLS // max(1, n_columns), most or _BATCH_ROWS))
        batches = file.iter_batches(batch_size=n_batch, columns=columns)
        names = class_names(_features(file)) if named else {}
        n_rows = 0
        for batch in batches:
            for row in batch.to_pylist():
                if most is not None and n_rows == most:
                    return
                n_rows += 1
                for column in names.keys() & row.keys():
                    row[column] = _named(row[column], names[column], f"{path}:{n_rows}", column)
                yield row


def parquet_bytes(path: Path, column: str, first: int = 0) -> Generator[bytes | None]:
    """The files in a column of structs, a few held at a time; None where there is none.

    Args:
        path: the table.
        column: of structs with a field of bytes.
        first: the row to begin at, from 0.

    Raises:
        DataError: the file cannot be read or is not Parquet.
        RequestError: pyarrow is not installed.
    """
    with _parquet(path, buffer_size=_BUFFER_BYTES) as file:
        counts = [file.metadata.row_group(k).num_rows for k in range(file.num_row_groups)]
        group = 0
        while group < len(counts) and first >= counts[group]:
            first -= counts[group]
            group += 1
        groups = list(range(group, len(counts)))
        for batch in file.iter_batches(batch_size=_BATCH_FILES, row_groups=groups, columns=[f"{column}.bytes"]):
            for row in batch.column(0).slice(first).to_pylist():
                yield row["bytes"] if row else None
            first = max(0, first - batch.num_rows)


def are_unknown(path: Path, column: str) -> bool:
    """Whether a column numbers classes, and every class in it is unknown (-1); raises as `parquet_columns` does."""
    with _parquet(path) as file:
        if column not in class_names(_features(file)):
            return False
        batches = file.iter_batches(columns=[column])
        return all(value == -1 for batch in batches for value in batch.column(0).to_pylist())


def _named(value: Any, names: Sequence[str], where: str, column: str) -> Any:
    """The name of a class; None where it is unknown."""
    if not isinstance(value, int) or isinstance(value, bool):
        return value
    if value == -1:
        return None
    if not 0 <= value < len(names):
        raise DataError(
            f"{where}: class {value} in column {column!r}, and the file names {len(names):,} classes, from 0; write it "
            "again"
        )
    return names[value]


def _features(file: Any) -> dict[str, Mapping[str, Any]]:
    content = (file.schema_arrow.metadata or {}).get(b"huggingface")
    if content is None:
        return {}
    try:
        found = json.loads(content)["info"]["features"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}  # other programs may write under that key what they like
    if not isinstance(found, dict):
        return {}
    return {name: feature for name, feature in found.items() if isinstance(feature, dict)}


@contextmanager
def _parquet(path: Path, buffer_size: int = 0) -> Iterator[Any]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise RequestError(
            f"{path}: Parquet needs pyarrow, which is not installed; pip install 'lstmkit[parquet]'"
        ) from error
    with readable(path):
        if path.stat().st_size == 0:
            raise DataError(f"{path}: empty; a Parquet table with a row for each example or step is needed")
        try:
            with parquet.ParquetFile(path, buffer_size=buffer_size) as file:
                yield file
        except (pyarrow.ArrowException, UnicodeDecodeError) as error:
            first_line = str(error).partition("\n")[0]
            raise DataError(f"{path}: not a sound Parquet file ({first_line}); write it again") from error
