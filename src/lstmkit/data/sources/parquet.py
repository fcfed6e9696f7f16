"""Parquet tables, through pyarrow, which is an extra."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lstmkit.core.errors import DataError, LstmkitError, RequestError
from lstmkit.core.reading import cause_of, content_faults
from lstmkit.data.sources.plan import readable

_BATCH_ROWS = 4096
_FEW_ROWS = 1_000_000  # a file of any size may have them
_MOST_ROWS_A_BYTE = 100


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
        batches = file.iter_batches(batch_size=min(_BATCH_ROWS, most or _BATCH_ROWS), columns=columns)
        n_rows = 0
        for batch in batches:
            for row in _plain_rows(path, batch, n_rows):
                if most is not None and n_rows == most:
                    return
                n_rows += 1
                yield row


def _plain_rows(path: Path, batch: Any, n_before: int) -> list[dict[str, Any]]:
    """Return a batch's rows; times of nanoseconds to the microsecond, which is what Python's have.

    Raises:
        DataError: a column holds what Python's values cannot, such as a date beyond the year 9999.
    """
    import pyarrow

    columns = []
    for field, values in zip(batch.schema, batch.columns, strict=True):
        try:
            if pyarrow.types.is_timestamp(field.type) and field.type.unit == "ns":
                values = values.cast(pyarrow.timestamp("us", field.type.tz), safe=False)
            elif pyarrow.types.is_duration(field.type) and field.type.unit == "ns":
                values = values.cast(pyarrow.duration("us"), safe=False)
            columns.append(values.to_pylist())
        except content_faults() as error:
            raise DataError(
                f"{path}: column {field.name!r} ({field.type}), rows {n_before + 1:,} to {n_before + len(batch):,}: "
                f"a value that cannot be read ({cause_of(error)}); leave the column out, or write it as another type"
            ) from error
    names = batch.schema.names
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _check_claims(path: Path, file: Any) -> None:
    """See that a file can hold the rows that it claims: a few bytes could ask for years of reading."""
    most = max(_FEW_ROWS, _MOST_ROWS_A_BYTE * path.stat().st_size)
    if not 0 <= file.metadata.num_rows <= most:
        raise DataError(
            f"{path}: not a sound Parquet file (its header claims {file.metadata.num_rows:,} rows, and a file of this "
            f"size has {most:,} at most); write it again"
        )


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
                _check_claims(path, file)
                yield file
        except (LstmkitError, PermissionError):
            raise
        except (*content_faults(), pyarrow.ArrowMemoryError) as error:  # no memory: a damaged header claims too much
            raise DataError(f"{path}: not a sound Parquet file ({cause_of(error)}); write it again") from error
