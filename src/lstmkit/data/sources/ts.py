"""`.ts` files, as of the UEA and UCR archives: a header of `@` lines, then a series a line, dimensions by colons."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lstmkit.core.errors import DataError
from lstmkit.data.numeric import beyond_float32
from lstmkit.data.sources.corpus import Series
from lstmkit.data.sources.gathered import TOO_LARGE
from lstmkit.data.sources.lines import lines_of
from lstmkit.data.sources.plan import Plan, Reading, Row, SourceFile
from lstmkit.data.sources.times import checked_times, times_of

SUFFIX = ".ts"
_PARTS = {"train": "_TRAIN", "test": "_TEST"}
_MISSING = "?"
_MOST_DIGITS = 9  # of a count
_SHOWN_CHARACTERS = 40


class _Unusable(Exception):  # noqa: N818  (what is wrong with one line, told by `reject`)
    """Reason, and this line's own detail."""


@dataclass(frozen=True)
class _Header:
    """What the lines before `@data` say.

    Attributes:
        has_times: whether each value stands in brackets behind its time.
        n_dimensions: dimensions of each series; None: not said.
        length: steps of each series; None: not said, or they are unequal.
        has_labels: whether the last field of a line is its label, or a value to predict.
        has_targets: whether it is such a value.
        labels: the class labels; empty: any.
    """

    has_times: bool
    n_dimensions: int | None
    length: int | None
    has_labels: bool
    has_targets: bool
    labels: tuple[str, ...]


def plan_ts(path: Path) -> Plan:
    """How to read a `.ts` file: `X_TRAIN.ts` with the `X_TEST.ts` beside it as the test split, any other by itself."""
    name, ending = path.stem, _PARTS["train"]
    other = path.with_name(f"{name.removesuffix(ending)}{_PARTS['test']}{path.suffix}")
    if name.endswith(ending) and other.is_file():
        return plan_archive_set(path.parent, name.removesuffix(ending), path.suffix)
    file = SourceFile(path, path.name)
    return Plan(name, path, (file,), lambda reading: _rows(file, "all", reading), kind="series", layout="ts")


def plan_archive_set(folder: Path, name: str, suffix: str = SUFFIX) -> Plan:
    """How to read `NAME_TRAIN.ts` and `NAME_TEST.ts` of a folder."""
    paths = {split: folder / f"{name}{ending}{suffix}" for split, ending in _PARTS.items()}
    files = {split: SourceFile(path, path.name) for split, path in paths.items()}

    def read(reading: Reading) -> Iterator[Row]:
        for split, file in files.items():
            yield from _rows(file, split, reading)

    decision = f"layout: the archive's own split ({', '.join(file.name for file in files.values())})"
    return Plan(name, paths["train"], tuple(files.values()), read, (decision,), kind="series", layout="ts")


def archive_sets(folder: Path) -> list[str]:
    """Names of the sets of which a folder holds both parts, sorted."""
    names = [path.stem.removesuffix(_PARTS["train"]) for path in folder.glob(f"*{_PARTS['train']}{SUFFIX}")]
    return sorted(name for name in names if (folder / f"{name}{_PARTS['test']}{SUFFIX}").is_file())


def _rows(file: SourceFile, split: str, reading: Reading) -> Iterator[Row]:
    for number, values, label in ts_series(file, reading):
        if row := reading.series_row(split, file, number, values, label):
            yield row


def ts_series(
    file: SourceFile, reading: Reading, *, needs_labels: bool = True
) -> Iterator[tuple[int, Series, str | None]]:
    """Line, values and label of each series, None where the file has no labels; lines at fault are rejected.

    Raises:
        DataError: the header is not sound, or labels are needed and it has none.
    """
    lines = ((number, text.strip(), fault, detail) for number, text, fault, detail in lines_of(file))
    # A comment is not read, so it may hold anything: the archive's own do.
    content = (line for line in lines if line[1] and not line[1].startswith("#"))
    header = _header(file, content, needs_labels)
    reading.has_targets |= header.has_targets
    for number, text, fault, detail in content:
        if fault:
            reading.reject(file, number, fault, detail, text)
            continue
        try:
            values, label = _series(text, header)
        except _Unusable as unusable:
            reason, own = unusable.args
            reading.reject(file, number, reason, own, text)
            continue
        yield number, values, label


def _header(file: SourceFile, lines: "Iterator[tuple[int, str, str, str]]", needs_labels: bool) -> _Header:
    """Read up to `@data`.

    Raises:
        DataError: there is no `@data` line, a line before it is none of a header, or there are no labels.
    """
    said: dict[str, list[str]] = {}
    for number, text, fault, detail in lines:
        if fault:
            raise DataError(f"{file.path}:{number}: {fault}{detail}; the header must be sound")
        if not text.startswith("@"):
            raise DataError(f"{file.path}:{number}: a line of data before @data; a header ends with a line @data")
        key, *values = text[1:].split() or [""]
        if not key:
            raise DataError(f"{file.path}:{number}: a lone @; a header line is @ and a key, such as @classLabel")
        if key.lower() == "data":
            return _understood(file, said, needs_labels)
        said[key.lower()] = values
    raise DataError(f"{file.path}: no line @data; a .ts file has a header of @ lines that ends with one")


def _is_true(words: list[str]) -> bool:
    return bool(words) and words[0].lower() == "true"


def _understood(file: SourceFile, said: dict[str, list[str]], needs_labels: bool) -> _Header:
    label_words = said.get("classlabel", ["false"])
    has_targets = _is_true(said.get("targetlabel", []))
    has_labels = _is_true(label_words) or has_targets
    if needs_labels and not has_labels:
        raise DataError(
            f"{file.path}: no class labels (@classLabel), no values to predict (@targetLabel); one of them must be true"
        )
    n_dimensions = _number(file, said, "dimensions") or _number(file, said, "dimension")
    if n_dimensions is None and _is_true(said.get("univariate", [])):
        n_dimensions = 1
    unequal = " ".join(said.get("equallength", [])[:1]).lower() == "false"
    return _Header(
        has_times=_is_true(said.get("timestamps", [])),
        n_dimensions=n_dimensions,
        length=None if unequal else _number(file, said, "serieslength"),
        has_labels=has_labels,
        has_targets=has_targets,
        labels=tuple(label_words[1:]),
    )


def _number(file: SourceFile, said: dict[str, list[str]], key: str) -> int | None:
    words = said.get(key)
    if words is None:
        return None
    if len(words) == 1 and words[0].isdecimal() and len(words[0]) <= _MOST_DIGITS and int(words[0]):
        return int(words[0])
    shown = " ".join(words)[:_SHOWN_CHARACTERS]
    raise DataError(f"{file.path}: @{key} {shown}: a whole number above 0 is needed, of at most {_MOST_DIGITS} digits")


def _series(text: str, header: _Header) -> tuple[Series, str | None]:
    dimensions = text.split(":") if not header.has_times else _outside_brackets(text)
    label = dimensions.pop().strip() if header.has_labels else None
    if not dimensions:
        raise _Unusable("no label behind the last colon", "")
    if label is not None and header.labels and label not in header.labels:
        raise _Unusable("a label that @classLabel does not list", f" ({label!r})")
    if header.n_dimensions and len(dimensions) != header.n_dimensions:
        said = header.n_dimensions
        raise _Unusable("another number of dimensions than @dimensions says", f" ({len(dimensions)}; it says {said})")
    values = _timed(dimensions) if header.has_times else _plain(dimensions)
    if header.length and len(values) != header.length:
        raise _Unusable("another length than @seriesLength says", f" ({len(values)}; it says {header.length})")
    return values, label


def _plain(dimensions: Sequence[str]) -> Series:
    columns = [_numbers(text) for text in dimensions]
    lengths = {len(column) for column in columns}
    if len(lengths) > 1:
        raise _Unusable("dimensions of different lengths", f" ({min(lengths)} to {max(lengths)} steps)")
    return np.stack(columns, axis=1)


def _numbers(text: str) -> np.ndarray:
    words = text.split(",")
    try:
        found = np.array([np.nan if word.strip() == _MISSING else float(word) for word in words])
    except ValueError as error:
        raise _Unusable("not a number", f" ({str(error).rpartition(': ')[2]})") from error
    if (large := beyond_float32(found)) is not None:
        raise _Unusable(TOO_LARGE, f" ({large:g})")
    return found.astype(np.float32)


def _outside_brackets(text: str) -> list[str]:
    """Cut at the colons between dimensions; those within brackets belong to times."""
    pieces, depth, begin = [], 0, 0
    for k, character in enumerate(text):
        if character in "()":
            depth += 1 if character == "(" else -1
        elif character == ":" and not depth:
            pieces.append(text[begin:k])
            begin = k + 1
    return [*pieces, text[begin:]]


def _timed(dimensions: Sequence[str]) -> Series:
    """Dimensions of `(time,value)` pairs, on all the times that any of them has; missing where one has none."""
    tables: list[dict[float, float]] = []
    for text in dimensions:
        pairs = [pair.strip("() ").rpartition(",") for pair in text.strip().split("),") if pair.strip("() ")]
        values = _numbers(",".join(value for _, _, value in pairs)) if pairs else np.zeros(0, dtype=np.float32)
        times, fault = times_of([time.strip() for time, _, _ in pairs])
        fault = fault or checked_times(times)
        if fault:
            raise _Unusable(*fault)
        tables.append(dict(zip(times.tolist(), values.tolist(), strict=True)))
    steps = sorted({time for table in tables for time in table})
    return np.array([[table.get(time, np.nan) for table in tables] for time in steps], dtype=np.float32).reshape(
        len(steps), len(tables)
    )
