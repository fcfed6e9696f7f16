"""Recordings without labels, one after the other: what `predict` reads with a model of recordings."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lstmkit.config.schema import DataConfig
from lstmkit.core.errors import DataError, RequestError
from lstmkit.core.reading import reader
from lstmkit.data.sources.clips import Archives, fault_of, read_clip
from lstmkit.data.sources.columns import by_name, require_column
from lstmkit.data.sources.inputs import Input, Inputs, format_of
from lstmkit.data.sources.lines import lines_of
from lstmkit.data.sources.plan import Reading, SourceFile, readable
from lstmkit.data.sources.recordings import PATH_NAMES, is_recording, seconds_of
from lstmkit.data.sources.tables import Record, looked_at, open_table


def recordings_at(paths: Sequence[str]) -> Inputs:
    """Files by their paths; each is read through when its turn comes."""
    return Inputs(_heard((Input(line, path) for line, path in enumerate(paths, start=1)), Path()))


@reader
def recordings_in(path: Path, format: str | None = None, path_column: str = "") -> Inputs:  # noqa: A002
    """The recordings that a folder holds, or a table or a list of paths names, in its order.

    Args:
        path: a folder, in which all .wav and .flac files are taken, sub-folders' too; a table with a column of paths
            and perhaps of `start` and `end` in seconds; or a file or pipe of paths, one a line. Paths are relative to
            the file's own folder, in a pipe to the working folder.
        format: lines, csv, tsv or jsonl; None: by the file's suffix, lines where that says nothing.
        path_column: the column of paths; empty: found by name.

    Raises:
        DataError: it cannot be read, or has no such column.
        RequestError: the format is unknown, or Parquet.
    """
    if path.is_dir():
        with readable(path):
            files = sorted(one for one in path.rglob("*") if is_recording(one.name) and one.is_file())
        if not files:
            raise DataError(f"{path}: holds no .wav and no .flac file; give a folder with recordings")
        named = (Input(line, str(one.relative_to(path))) for line, one in enumerate(files, start=1))
        return Inputs(_heard(named, path))
    format = format_of(path, format)  # noqa: A001
    if format == "parquet":
        raise RequestError(f"{path}: recordings are named by lines, csv, tsv or jsonl; convert the table")
    file = SourceFile(path, path.name)
    base = Path() if path == Path("/dev/stdin") else path.parent
    if format == "lines":
        lines = (Input(number, text.strip(), fault + detail) for number, text, fault, detail in lines_of(file))
        return Inputs(_heard((row for row in lines if row.text), base))
    return _of_table(file, format, path_column, base)


def _of_table(file: SourceFile, format: str, path_column: str, base: Path) -> Inputs:  # noqa: A002
    names, _, records, _ = looked_at(open_table(file, Reading(DataConfig()), suffix=f".{format}"))
    if path_column:
        require_column(file, path_column, names)
    column = path_column or by_name(names, PATH_NAMES, taken="")
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
