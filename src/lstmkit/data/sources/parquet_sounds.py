"""Recordings within Parquet tables, as the Hugging Face library keeps them: a struct of bytes and path in each row."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from lstmkit.config.schema import DataConfig
from lstmkit.core.errors import DataError
from lstmkit.data.sources.columns import LABEL_NAMES, TEXT_NAMES, by_name, require_column
from lstmkit.data.sources.corpus import SPLITS, ColumnsFound
from lstmkit.data.sources.parquet import BYTES, parquet_bytes, parquet_features, parquet_rows, parquet_types
from lstmkit.data.sources.plan import Plan, Reading, Row, SourceFile
from lstmkit.data.sources.recordings import Place, rows_of

_SAMPLE_ROWS = 4
_OTHER_KINDS = {  # how what is no sound begins
    b"\x89PNG": "images",
    b"\xff\xd8\xff": "images",
    b"GIF8": "images",
    b"BM": "images",
    b"%PDF": "PDF documents",
}
_READ = "texts, tokens, numbers and recordings are read"


def plan_parquet_sounds(root: Path, name: str, tables: Mapping[str, Sequence[Path]], data: DataConfig) -> Plan | None:
    """How to read Parquet tables with a column of recordings; None where the first table has none.

    Args:
        root: the file or folder that the user named.
        name: the corpus' name.
        tables: of each split.
        data: columns asked for.

    Raises:
        DataError: a table cannot be read, its column holds images or the like, or the label's column is not there.
    """
    files = [
        (split, SourceFile(path, path.relative_to(root).as_posix() if root in path.parents else path.name))
        for split in ("all", *SPLITS)
        for path in tables.get(split, ())
    ]
    first = files[0][1]
    if first.path.suffix.lower() != ".parquet" or not (column := sound_column(first, data.text_column)):
        return None
    names = list(parquet_types(first.path))
    label = data.label_column or by_name(names, LABEL_NAMES, taken=column)
    if not label:
        others = [other for other in names if other != column]
        if len(others) != 1:
            raise DataError(f"{first.path}: which column is the label? Name it with --label-column")
        (label,) = others
    for _, file in files:
        own = list(parquet_types(file.path))
        require_column(file, column, own)
        require_column(file, label, own)

    def read(reading: Reading) -> Iterator[Row]:
        left_out = tuple(other for other in names if other not in (column, label))
        reading.found = ColumnsFound(text=column, label=label, left_out=left_out)
        places = (place for split, file in files for place in _places(split, file, column, label))
        yield from rows_of(places, reading)

    decision = f"layout: a row for each recording; columns {column!r}, {label!r}"
    return Plan(name, root, tuple(file for _, file in files), read, (decision,), kind="audio", layout="sounds")


def sound_column(file: SourceFile, asked: str = "") -> str:
    """The column of a Parquet table that holds recordings; empty where none does, or another is asked for.

    A table that also has a column of texts by its usual name holds texts, as a list of recordings' paths does.

    Raises:
        DataError: the file cannot be read, or its only column of that form holds images or the like.
    """
    types = parquet_types(file.path)
    columns = [name for name, kind in types.items() if _children(kind) >= BYTES]
    if asked:
        columns = [name for name in columns if name == asked]
    elif by_name(list(types), TEXT_NAMES, taken=""):
        return ""
    features = parquet_features(file.path) if columns else {}
    others: dict[str, str] = {}
    for column in columns:
        if kind := _other_kind(file, column, features.get(column, {})):
            others[column] = kind
        else:
            return column
    for column, kind in others.items():
        raise DataError(f"{file.path}: column {column!r} holds {kind}; {_READ}; choose another with --text-column")
    return ""


def place_of(split: str, file: SourceFile, column: str, row: int, label: Any) -> Place:
    """Where the recording of a row is."""
    return Place(split, file, row, label, f"{file.name}:{row}", file.path, f"{column}:{row}")


def _places(split: str, file: SourceFile, column: str, label: str) -> Iterator[Place]:
    for number, row in enumerate(parquet_rows(file.path, [label], named=True), start=1):
        yield place_of(split, file, column, number, row[label])


def _children(kind: Any) -> set[str]:
    """The names of a struct's fields; none of any other type."""
    from pyarrow import types

    return {kind.field(k).name for k in range(kind.num_fields)} if types.is_struct(kind) else set()


def _other_kind(file: SourceFile, column: str, feature: Mapping[str, Any]) -> str:
    """What a column of bytes holds where it is no sound; empty where it is, or nothing tells."""
    said = feature.get("_type")
    if isinstance(said, str):
        return "" if said == "Audio" else f"{said} values"
    for content in islice(parquet_bytes(file.path, column), _SAMPLE_ROWS):
        for start, kind in _OTHER_KINDS.items():
            if content and content.startswith(start):
                return kind
    return ""
