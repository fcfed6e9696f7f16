"""Sources of recordings: a manifest that lists them with their labels, and what every such source tells of them."""

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from lstmkit.config.schema import DataConfig
from lstmkit.core.errors import DataError
from lstmkit.core.files import path_fault
from lstmkit.data.sources.clips import AUDIO_SUFFIXES, Archives, fault_of, read_clip
from lstmkit.data.sources.columns import LABEL_NAMES, TEXT_NAMES, by_name, require_column
from lstmkit.data.sources.corpus import SPLITS
from lstmkit.data.sources.plan import Plan, Reading, Row, SourceFile, printable, readable
from lstmkit.data.sources.tables import Record, looked_at, open_table

PATH_NAMES = ("path", "file", "filename", "file_name", "audio", "audio_path", "wav", "recording")
_SPOKEN_DIGIT = re.compile(r"(?:.*/)?recordings/(\d)_([^/_]+)_(\d+)\.wav")
_N_TEST = 5  # recordings of each speaker and digit, the first ones: the set's own split


class _Place(NamedTuple):
    """Where a recording is, as its source names it, and its label."""

    split: str
    file: SourceFile
    line: int | None
    label: Any
    id: str
    path: Path
    member: str = ""
    start: float = 0.0
    end: float | None = None


class Manifest(NamedTuple):
    """The columns of a table that lists recordings; `start` and `end` are empty where it has none."""

    path: str
    label: str
    start: str
    end: str


def is_recording(name: str) -> bool:
    """Whether a file's name ends as a WAV or FLAC file's does."""
    return name.lower().endswith(AUDIO_SUFFIXES)


def manifest_of(file: SourceFile, data: DataConfig) -> Manifest | None:
    """The columns of a table of recordings; None where it is no such table.

    It is one where it has a column called path, or as `PATH_NAMES` has it, of which half the values or more end in .wav
    or .flac, no text column is asked for, and no column has the usual name of one.

    Raises:
        DataError: the label's column is not there.
    """
    if data.text_column or file.path.suffix.lower() == ".parquet":
        return None
    names, sample, *_ = looked_at(open_table(file, Reading(data)))
    path = by_name(names, PATH_NAMES, taken=data.label_column)
    values = [row.get(path) for row in sample]
    if not path or by_name(names, TEXT_NAMES, taken="") or not values:
        return None
    if 2 * sum(isinstance(value, str) and is_recording(value.strip()) for value in values) < len(values):
        return None
    start, end = (by_name(names, (name,), taken="") for name in ("start", "end"))
    label = data.label_column or by_name(names, LABEL_NAMES, taken="")
    if not label:
        others = [name for name in names if name not in (path, start, end)]
        if len(others) != 1:
            raise DataError(f"{file.path}: which column is the label? Name it with --label-column")
        (label,) = others
    require_column(file, label, names)
    return Manifest(path, label, start, end)


def plan_manifests(root: Path, name: str, tables: Mapping[str, Path], data: DataConfig) -> Plan | None:
    """How to read tables that list recordings, one for each split; None where the first is none.

    Args:
        root: the file or folder that the user named.
        name: the corpus' name.
        tables: by split; the training table first. Paths in them are relative to their own folder.
        data: columns asked for.

    Raises:
        DataError: a table cannot be read, or lacks a column that the first has.
    """
    files = {split: SourceFile(tables[split], tables[split].name) for split in ("all", *SPLITS) if split in tables}
    columns = manifest_of(next(iter(files.values())), data)
    if columns is None:
        return None
    listed = {
        _path_in(file, record.values[columns.path]): str(record.values[columns.path]).strip()
        for file in files.values()
        for record in _records(file, columns, data)
        if isinstance(record.values.get(columns.path), str)
    }
    heard = [SourceFile(path, shown) for path, shown in listed.items() if not path_fault(path) and path.is_file()]

    def read(reading: Reading) -> Iterator[Row]:
        places = (
            place
            for split, file in files.items()
            for record in _records(file, columns, data)
            if (place := _place_of(split, file, record, columns, reading))
        )
        yield from rows_of(places, reading)

    shown = ", ".join(repr(name) for name in columns if name)
    decision = f"layout: a row for each recording; columns {shown}"
    return Plan(name, root, (*files.values(), *heard), read, (decision,), kind="audio", layout="manifest")


def plan_spoken_digits(folder: Path, name: str) -> Plan | None:
    """How to read the Free Spoken Digit Dataset in a folder, from its zip archive or unpacked; None where it is not.

    Of each speaker and digit the recordings 0 to 4 are the test split, as its authors have it.

    Raises:
        DataError: the folder cannot be read.
    """
    with readable(folder):
        archive = next(iter(sorted(folder.glob("free-spoken-digit-dataset*.zip"))), None)
        unpacked = sorted((folder / "recordings").glob("*.wav"))
    if archive is None and not any(map(_digit, map(Path.as_posix, unpacked))):
        return None
    files = (
        (SourceFile(archive, archive.name),)
        if archive
        else tuple(SourceFile(path, f"recordings/{path.name}") for path in unpacked)
    )

    def read(reading: Reading) -> Iterator[Row]:
        places = _of_archive(archive) if archive else _of_files(files)
        if not places:
            raise DataError(f"{archive}: holds no recordings/DIGIT_SPEAKER_NUMBER.wav; put a whole copy in its place")
        yield from rows_of(iter(places), reading)

    return Plan(name, folder, files, read, kind="audio")


def _of_archive(archive: Path) -> list[_Place]:
    with Archives() as archives:
        members = archives.names(str(archive))
    return _spoken_digits((name, SourceFile(archive / name, name), archive, name) for name in members)


def _of_files(files: Sequence[SourceFile]) -> list[_Place]:
    return _spoken_digits((file.name, file, file.path, "") for file in files)


def _spoken_digits(found: Iterator[tuple[str, SourceFile, Path, str]]) -> list[_Place]:
    """Those that are named as spoken digits are, by digit, speaker and number."""
    digits = [(told, file, path, member) for name, file, path, member in found if (told := _digit(name))]
    return [
        _Place(
            "test" if number < _N_TEST else "train",
            file,
            None,
            str(digit),
            f"{digit}_{speaker}_{number}",
            path,
            member,
        )
        for (digit, speaker, number), file, path, member in sorted(digits, key=lambda one: one[0])
    ]


def rows_of(places: Iterator[_Place], reading: Reading) -> Iterator[Row]:
    """The recordings that can be used, read through one by one; at the end, what was found of all of them is told."""
    rates: Counter[int] = Counter()
    n, n_mixed, n_clipped, n_short, seconds = 0, 0, 0, 0, 0.0
    with Archives() as archives:
        for place in places:
            # A path that no file can have cannot be resolved either; reading it says what is wrong.
            path = place.path if path_fault(place.path) else place.path.resolve()
            try:
                clip, facts = read_clip(path, archives, member=place.member, start=place.start, end=place.end)
            except DataError as error:
                name = printable(str(path))
                reason, detail = fault_of(error, f"{name}: {place.member}" if place.member else name)
                reading.reject(
                    place.file, place.line, reason, detail if place.line is None else f"{detail}, in {place.id}"
                )
                continue
            if row := reading.clip_row(place.split, place.file, place.line, clip, place.label, place.id):
                rates[clip.rate] += 1
                n, seconds = n + 1, seconds + clip.seconds
                n_mixed += clip.channels > 1
                n_clipped += clip.clipped > 0
                n_short += bool(facts.remarks)
                yield row
    if n:
        reading.decisions += _told(rates, n, seconds, n_mixed, n_clipped, n_short)


def folder_rows(files: Sequence[tuple[str, str, SourceFile]], reading: Reading) -> Iterator[Row]:
    """The recordings of a folder for each label: split, label and file of each."""
    yield from rows_of(
        (_Place(split, file, None, label, file.name, file.path) for split, label, file in files), reading
    )


def _told(rates: Counter[int], n: int, seconds: float, n_mixed: int, n_clipped: int, n_short: int) -> Iterator[str]:
    """What was found of all recordings, a line each."""
    listed = ", ".join(
        f"{rate:,} Hz" + (f" ({count:,})" if len(rates) > 1 else "") for rate, count in rates.most_common()
    )
    yield f"recordings: {n:,}, {seconds / 60:,.1f} minutes in all; sampling rate: {listed}"
    if len(rates) > 1:
        yield (
            "mixed sampling rates: all are resampled to one, encoder.rate, or where that is 0 the commonest of the "
            "training part"
        )
    if n_mixed:
        yield f"channels: {n_mixed:,} recordings have several, which are averaged"
    if n_clipped:
        yield f"clipping: {n_clipped:,} recordings have samples cut off at full scale"
    if n_short:
        yield f"ends: {n_short:,} recordings are over before the end asked for, and are read to their own"


def _digit(name: str) -> tuple[int, str, int] | None:
    """(digit, speaker, number) of a file of the Free Spoken Digit Dataset."""
    found = _SPOKEN_DIGIT.fullmatch(name)
    return (int(found[1]), found[2], int(found[3])) if found else None


def _records(file: SourceFile, columns: Manifest, data: DataConfig) -> Iterator[Record]:
    table = open_table(file, Reading(data))
    for name in (columns.path, columns.label):
        if table.names:
            require_column(file, name, table.names)
    yield from table.records


def _path_in(file: SourceFile, value: str) -> Path:
    return file.path.parent / value.strip()


def _place_of(split: str, file: SourceFile, record: Record, columns: Manifest, reading: Reading) -> _Place | None:
    """Where a row's recording is; None, with the reason noted, where the row does not tell."""
    if record.fault:
        reading.reject(file, record.line, record.fault, record.detail, record.raw)
        return None
    values = record.values
    path = values.get(columns.path)
    if not isinstance(path, str) or not path.strip():
        reading.reject(file, record.line, "the path is missing")
        return None
    ends: list[float | None] = []
    for column in (columns.start, columns.end):
        try:
            ends.append(seconds_of(values.get(column)) if column else None)
        except (TypeError, ValueError):
            reading.reject(file, record.line, "not a number of seconds", f" ({values[column]!r} in column {column!r})")
            return None
    start, end = ends
    shown = (
        path.strip()
        if start is None and end is None
        else f"{path.strip()}:{start or 0:g}-{'' if end is None else f'{end:g}'}"
    )
    return _Place(
        split, file, record.line, values.get(columns.label), shown, _path_in(file, path), "", start or 0.0, end
    )


def seconds_of(value: Any) -> float | None:
    """A cell of seconds; None where it is empty.

    Raises:
        ValueError, TypeError: it is no number.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        seconds = math.nan if isinstance(value, bool) else float(value)
    except OverflowError:  # a whole number of hundreds of digits
        seconds = math.inf
    if not math.isfinite(seconds):
        raise ValueError("no number")
    return seconds
