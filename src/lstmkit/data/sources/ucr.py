"""Series files of the UCR archive: no header, a label and then the numbers of a series in each line."""

import math
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from lstmkit.config.schema import DataConfig
from lstmkit.core.errors import DataError
from lstmkit.data.numeric import beyond_float32
from lstmkit.data.sources.corpus import Series
from lstmkit.data.sources.gathered import TOO_LARGE
from lstmkit.data.sources.lines import lines_of
from lstmkit.data.sources.plan import LABEL_MISSING, Plan, Reading, Row, SourceFile, readable

UCR_SUFFIXES = (".tsv", ".txt")
_NAME = re.compile(r"(?P<set>.+)_(?P<part>TRAIN|TEST)", re.IGNORECASE)
_PARTS = {"train": "_TRAIN", "test": "_TEST"}
_SAMPLE_LINES = 5
_MISSING = ("nan", "?", "")


def is_ucr(path: Path) -> bool:
    """Whether a file is named as those of the archive are, and its first lines hold nothing but numbers.

    Raises:
        DataError: the file cannot be read.
    """
    if path.suffix.lower() not in UCR_SUFFIXES or not _NAME.fullmatch(path.stem) or not path.is_file():
        return False
    lines = islice((line for line in lines_of(SourceFile(path, path.name)) if line.text.strip()), _SAMPLE_LINES)
    fields = [_fields(line.text) for line in lines]
    return bool(fields) and all(len(row) > 1 and all(map(_is_number, row)) and _is_label(row[0]) for row in fields)


def plan_ucr(path: Path, data: DataConfig) -> Plan:
    """How to read a file of the archive: with the other one of its pair beside it, the two are train and test.

    Args:
        path: a file that `is_ucr` knows.
        data: columns asked for: the label's may be, by its number.

    Raises:
        DataError: another column is asked for.
    """
    if data.label_column not in ("", "1"):
        raise DataError(
            f"{path}: no column {data.label_column!r}; a file of the UCR archive has no header, and its labels are in "
            "column 1; leave --label-column out, or give 1"
        )
    told = _NAME.fullmatch(path.stem)
    assert told is not None  # noqa: S101  # `is_ucr` has seen it
    split = told["part"].lower()
    pair = {split: path, **_others(path, told["set"], split)}
    if len(pair) == 1:
        file = SourceFile(path, path.name)
        decision = "layout: a file of the UCR archive; the label is column 1, the series the columns after it"
        return Plan(
            path.stem, path, (file,), lambda reading: _rows(file, "all", reading), (decision,), "series", layout="ucr"
        )
    files = {split: SourceFile(pair[split], pair[split].name) for split in _PARTS}

    def read(reading: Reading) -> Iterator[Row]:
        for split, file in files.items():
            yield from _rows(file, split, reading)

    names = ", ".join(file.name for file in files.values())
    decision = f"layout: the UCR archive's own split ({names}); the label is column 1, the series the columns after it"
    return Plan(told["set"], pair["train"], tuple(files.values()), read, (decision,), "series", layout="ucr")


def ucr_sets(folder: Path) -> list[Path]:
    """The training files of the sets of which a folder holds both parts, sorted.

    Raises:
        DataError: the folder or a file in it cannot be read.
    """
    with readable(folder):
        paths = sorted(folder.iterdir())
    found: dict[str, Path] = {}
    for path in paths:
        told = _NAME.fullmatch(path.stem)
        if told and told["part"].lower() == "train" and is_ucr(path) and _others(path, told["set"], "train"):
            found.setdefault(told["set"], path)
    return list(found.values())


def ucr_series(file: SourceFile, reading: Reading) -> Iterator[tuple[int, Series, str]]:
    """Line, values and label of each series; lines at fault are rejected.

    NaN at the end of a line pads a shorter series, as the archive has it; elsewhere it is a missing value.
    """
    n_fields = 0
    for number, text, fault, detail in lines_of(file):
        if fault:
            reading.reject(file, number, fault, detail, text)
            continue
        if not text.strip():
            continue
        fields = _fields(text)
        n_fields = n_fields or len(fields)
        if len(fields) != n_fields:
            detail = f" ({len(fields):,}; the first line has {n_fields:,})"
            reading.reject(file, number, "another number of fields", detail)
            continue
        try:
            values = np.array([math.nan if field.lower() in _MISSING else _number(field) for field in fields[1:]])
        except ValueError:
            bad = next(field for field in fields[1:] if not _is_number(field))
            reading.reject(file, number, "not a number", f" ({bad[:40]!r})")
            continue
        if (large := beyond_float32(values)) is not None:
            reading.reject(file, number, TOO_LARGE, f" ({large:g})")
            continue
        if not (label := _label(fields[0])):
            reading.reject(file, number, LABEL_MISSING)
            continue
        there = np.flatnonzero(~np.isnan(values))
        if not len(there):
            reading.reject(file, number, "every value is missing")
            continue
        yield number, values[: there[-1] + 1, None].astype(np.float32), label


def _rows(file: SourceFile, split: str, reading: Reading) -> Iterator[Row]:
    for number, values, label in ucr_series(file, reading):
        if row := reading.series_row(split, file, number, values, label):
            yield row


def _others(path: Path, name: str, split: str) -> dict[str, Path]:
    """The other part of a set, where it lies beside this one, however its name is written."""
    other = "test" if split == "train" else "train"
    wanted = f"{name}{_PARTS[other]}".lower()
    with readable(path.parent):
        beside = sorted(one for one in path.parent.iterdir() if one.stem.lower() == wanted)
    found = [one for one in beside if one.suffix.lower() == path.suffix.lower() and is_ucr(one)]
    return {other: found[0]} if found else {}


def _fields(text: str) -> list[str]:
    """The fields of a line: between tabs, or where there is none commas, or where there is none white space."""
    text = text.strip("\r\n ")
    separator = next((sign for sign in "\t," if sign in text), None)
    return [field.strip() for field in text.split(separator)]


def _number(field: str) -> float:
    if "_" in field:
        raise ValueError("an underscore")
    return float(field)


def _is_number(field: str) -> bool:
    if field.lower() in _MISSING:
        return True
    try:
        _number(field)
    except ValueError:
        return False
    return True


def _is_label(field: str) -> bool:
    """Whether a field numbers a class: the archive's are whole numbers, however they are written."""
    return field.lower() not in _MISSING and _number(field).is_integer()


def _label(field: str) -> str:
    """A label as the other part of the set has it too: 1.0000000e+00 is 1; empty: missing."""
    if field.lower() in _MISSING:
        return ""
    try:
        value = _number(field)
    except ValueError:
        return field
    return str(int(value)) if value.is_integer() else field
