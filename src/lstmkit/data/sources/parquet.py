"""Parquet tables, through pyarrow, which is an extra."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lstmkit.core.errors import DataError, RequestError
from lstmkit.data.sources.plan import readable

_BATCH_ROWS, _BATCH_CELLS = 4096, 1_000_000


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


def parquet_rows(path: Path, columns: list[str] | None = None, most: int | None = None) -> Iterator[dict[str, Any]]:
    """The rows of a Parquet file as plain values, a batch held at a time.

    Args:
        path: the file.
        columns: the columns to read; None: all.
        most: rows to stop after; None: all.

    Raises:
        DataError: the file cannot be read or is not Parquet.
        RequestError: pyarrow is not installed.
    """
    with _parquet(path) as file:
        n_columns = len(columns or file.schema_arrow.names)
        n_batch = max(1, min(_BATCH_ROWS, _BATCH_CELLS // max(1, n_columns), most or _BATCH_ROWS))
        batches = file.iter_batches(batch_size=n_batch, columns=columns)
        n_rows = 0
        for batch in batches:
            for row in batch.to_pylist():
                if most is not None and n_rows == most:
                    return
                n_rows += 1
                yield row


@contextmanager
def _parquet(path: Path) -> Iterator[Any]:
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
            with parquet.ParquetFile(path) as file:
                yield file
        except (pyarrow.ArrowException, UnicodeDecodeError) as error:
            first_line = str(error).partition("\n")[0]
            raise DataError(f"{path}: not a sound Parquet file ({first_line}); write it again") from error
