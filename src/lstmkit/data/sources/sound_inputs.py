"""Recordings without labels, one after the other: what `predict` reads with a model of recordings."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lstmkit.config.schema import DataConfig
from lstmkit.core.errors import DataError, RequestError
from lstmkit.data.sources.clips import AUDIO_SUFFIXES, Archives, fault_of, read_clip
from lstmkit.data.sources.columns import by_name, require_column
from lstmkit.data.sources.folders import files_within, held_by
from lstmkit.data.sources.inputs import Input, Inputs, format_of
from lstmkit.data.sources.lines import lines_of
from lstmkit.data.sources.parquet import parquet_rows, parquet_types
from lstmkit.data.sources.parquet_sounds import sound_column
from lstmkit.data.sources.plan import Reading, SourceFile
from lstmkit.data.sources.recordings import PATH_NAMES, is_recording, seconds_of
from lstmkit.data.sources.tables import Record, looked_at, open_table


def recordings_at(paths: Sequence[str]) -> Inputs:
    """Files by their paths; each is read through when its turn comes."""
    return Inputs(_heard((Input(line, path) for line, path in enumerate(paths, start=1)), Path()))


def recordings_in(
    path: Path,
    format: str | None = None,  # noqa: A002
    path_column: str = "",
    data: DataConfig | None = None,
) -> Inputs:
    """The recordings that a folder holds, or a table or a list of paths names, in its order.

    Args:
        path: a folder, in which all recordings are taken, sub-folders' too; a table with a column of paths and perhaps
            of `start` and `end` in seconds; a Parquet table that holds recordings; or a file or pipe of paths, one a
            line. Paths are relative to the file's own folder, in a pipe to the working folder.
        format: lines, csv, tsv or jsonl; None: by the file's suffix, lines where that says nothing.
        path_column: the column of paths, by name or number; empty: found by name.
        data: how a table or list is written.

    Raises:
        DataError: it cannot be read, or has no such column.
        RequestError: the format is unknown, or Parquet.
    """
    if path.is_dir():
        files = sorted(path / name for name in files_within(path) if is_recording(name))
        if not files:
            raise DataError(f"{path}: holds no recording ({' '.join(AUDIO_SUFFIXES)}); {held_by(path)}")
        named = (Input(line, str(one.relative_to(path))) for line, one in enumerate(files, start=1))
        return Inputs(_heard(named, path))
    data = data or DataConfig()
    format = format_of(path, format)  # noqa: A001
    file = SourceFile(path, path.name)
    if format == "parquet":
        return _of_parquet(file, path_column)
    base = Path() if path == Path("/dev/stdin") else path.parent
    if format == "lines":
        found = lines_of(file, data.encoding)
        lines = (Input(number, text.strip(), fault + detail) for number, text, fault, detail in found)
        return Inputs(_heard((row for row in lines if row.text), base))
    return _of_table(file, format, path_column, base, data)


def _of_parquet(file: SourceFile, asked: str) -> Inputs:
    """The recordings that a table holds; others are named by tables of text."""
    column = sound_column(file, asked)
    if not column:
        raise RequestError(
            f"{file.path}: no column of recordings (structs of bytes and path); paths of recordings are read from "
            "lines, csv, tsv or jsonl; convert the table"
        )
    others = {name: kind for name, kind in parquet_types(file.path).items() if name != column}
    return Inputs(_within(file, column, list(others)), others, (f"column of recordings: {column!r}",))


def _within(file: SourceFile, column: str, others: list[str]) -> Iterator[Input]:
    """Each row of a table with its recording in `item`, or with the fault that it has."""
    with Archives() as archives:
        for row, values in enumerate(parquet_rows(file.path, others), start=1):
            member = f"{column}:{row}"
            try:
                clip, _ = read_clip(file.path, archives, member=member)
            except DataError as error:
                reason, detail = fault_of(error, f"{file.path}: {member}")
                yield Input(row, "", f"{reason}{detail}", values)
            else:
                yield Input(row, f"{file.name}:{row}", others=values, item=clip)


def _of_table(file: SourceFile, format: str, path_column: str, base: Path, data: DataConfig) -> Inputs:  # noqa: A002
    names, _, records, *_ = looked_at(open_table(file, Reading(data), suffix=f".{format}"))
    column = require_column(file, path_column, names) if path_column else by_name(names, PATH_NAMES, taken="")
    if not column:
        raise DataError(f"{file.path}: no column of paths; call it path, or name it with --text-column")
    ends = tuple(by_name(names, (name,), taken="") for name in ("start", "end"))
    others = {name: None for name in names if name != column}
    rows = (_row(record, column, ends) for record in records)
    return Inputs(_heard(rows, base), others, (f"column of paths: {column!r}",))


def _row(record: Record, column: str, ends: tuple[str, ...]) -> Input:
    others: Mapping[str, Any] = {name: value for name, value in record.values.items() if name != column}
    path = record.values.get(column)
    fault = record.fault + record.detail
    if not fault and not (isinstance(path, str) and path.strip()):
        fault = "the path is missing"
    if fault:
        return Input(record.line, "", fault)
    try:
        stretch = tuple(seconds_of(record.values.get(name)) if name else None for name in ends)
    except (TypeError, ValueError):
        return Input(record.line, str(path), "start or end is not a number of seconds")
    return Input(record.line, str(path).strip(), others=others, item=stretch)


def _heard(rows: Iterable[Input], base: Path) -> Iterator[Input]:
    """Each row with its recording in `item`, or with the fault that it has."""
    with Archives() as archives:
        for row in rows:
            if row.fault:
                yield row
                continue
            path = base / row.text
            start, end = row.item or (None, None)
            try:
                clip, _ = read_clip(path, archives, start=start or 0.0, end=end)
            except DataError as error:
                reason, detail = fault_of(error, str(path))
                yield row._replace(fault=f"{row.text}: {reason}{detail}")
            else:
                yield row._replace(item=clip)
