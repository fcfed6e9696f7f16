"""`.ts` files, as of the UEA and UCR archives: a header of `@` lines, then a series a line, dimensions by colons."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lstmkit.core.errors import DataError
from lstmkit.data.numeric import beyond_float32
from lstmkit.data.sources.corpus import Series
from lstmkit.data.sources.gathered import TOO_LARGE
from lstmkit.data.sources.lines import lines_of
from lstmkit.data.sources.plan import LABEL_MISSING, Plan, Reading, Row, SourceFile, readable
from lstmkit.data.sources.times import checked_times, times_of

SUFFIX = ".ts"
_PARTS = {"train": "_TRAIN", "test": "_TEST"}
_MISSING = "?"
_COMMENTS = ("#", "%")
_LARGEST_DIGITS = 9  # of a whole number in a header
# The regression archive writes the time of day with dashes, which ISO 8601 has for the zone.
_DASHED_TIME = re.compile(r"(\d{4}-\d\d-\d\d[ T]\d\d)-(\d\d)-(\d\d(?:\.\d+)?)")
_Said = Mapping[str, tuple[int, list[str]]]
"""Keys of a header in small letters, each with its line and the words after it."""


class _Unusable(Exception):  # noqa: N818  (what is wrong with one line, told by `reject`)
    """Reason, and this line's own detail."""


@dataclass(frozen=True)
class _Header:
    """What the lines before `@data` say.

    Attributes:
        has_times: whether each value stands in brackets behind its time.
        n_dimensions: dimensions of each series; None: not said.
        dimensions_key: the key that says so.
        length: steps of each series; None: not said, or they are unequal.
        has_labels: whether the last field of a line is its label, or a value to predict.
        has_targets: whether it is such a value.
        labels: the class labels; empty: any.
        claims: what else the header says, by key, with whether it is true.
    """

    has_times: bool
    n_dimensions: int | None
    dimensions_key: str
    length: int | None
    has_labels: bool
    has_targets: bool
    labels: tuple[str, ...]
    claims: Mapping[str, bool | None]


@dataclass
class _Seen:
    """What the series of a file are like, to be held against the header's claims."""

    lengths: set[int] = field(default_factory=set)
    most_dimensions: int = 0
    has_missing: bool = False

    def add(self, values: Series) -> None:
        """Take note of a series."""
        self.lengths.add(len(values))
        self.most_dimensions = max(self.most_dimensions, values.shape[1])
        self.has_missing |= bool(np.isnan(values).any())

    def contradicting(self, header: _Header) -> Iterator[str]:
        """Claims of the header that the data contradict, a phrase each; all of the series are usable all the same."""
        if header.claims["equallength"] and len(self.lengths) > 1:
            yield f"@equalLength true, and series have {min(self.lengths):,} to {max(self.lengths):,} steps"
        if header.claims["univariate"] is False and self.most_dimensions == 1:
            yield "@univariate false, and every series has one dimension"
        if header.claims["missing"] is False and self.has_missing:
            yield "@missing false, and values are missing"


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


def archive_sets(folder: Path) -> dict[str, str]:
    """The sets of which a folder holds both parts, sorted by name, each with the suffix of its files."""
    with readable(folder):
        paths = sorted(path for path in folder.iterdir() if path.suffix.lower() == SUFFIX)
    training = [path for path in paths if path.stem.endswith(_PARTS["train"])]
    sets = {path.stem.removesuffix(_PARTS["train"]): path.suffix for path in training}
    return {name: suffix for name, suffix in sets.items() if (folder / f"{name}{_PARTS['test']}{suffix}").is_file()}


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
    content = (line for line in lines if line[1] and not line[1].startswith(_COMMENTS))
    header, seen = _header(file, content, needs_labels), _Seen()
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
        seen.add(values)
        yield number, values, label
    reading.decisions += [f"{file.name}: the header says {claim}" for claim in seen.contradicting(header)]


def _header(file: SourceFile, lines: "Iterator[tuple[int, str, str, str]]", needs_labels: bool) -> _Header:
    """Read up to `@data`.

    Raises:
        DataError: there is no `@data` line, a line before it is none of a header, or there are no labels.
    """
    said: dict[str, tuple[int, list[str]]] = {}
    for number, text, fault, detail in lines:
        if fault:
            raise DataError(f"{file.path}:{number}: {fault}{detail}; the header must be sound")
        if not text.startswith("@"):
            raise DataError(
                f"{file.path}:{number}: a line of data before @data; a header has lines of @ and comments of # or %, "
                "and ends with a line @data"
            )
        key, *values = text[1:].split() or [""]
        if not key:
            raise DataError(f"{file.path}:{number}: a lone @; a header line names a key after it, as @classLabel")
        if key.lower() == "data":
            return _understood(file, said, needs_labels)
        said[key.lower()] = number, values
    raise DataError(f"{file.path}: no line @data; a .ts file has a header of @ lines that ends with one")


def _understood(file: SourceFile, said: _Said, needs_labels: bool) -> _Header:
    has_targets = _flag(file, said, "targetlabel") is True
    has_classes = _flag(file, said, "classlabel") is True
    label_words = said["classlabel"][1][1:] if has_classes else []
    if needs_labels and not (has_classes or has_targets):
        raise DataError(
            f"{file.path}: no class labels (@classLabel), no values to predict (@targetLabel); one of them must be true"
        )
    if has_classes and has_targets:
        raise DataError(
            f"{file.path}:{said['targetlabel'][0]}: both @classLabel and @targetLabel are true; a series has a class "
            "or a value to predict; set one of them to false"
        )
    key = next((key for key in ("dimensions", "dimension") if key in said), "")
    n_dimensions = _number(file, said, key) if key else None
    univariate = _flag(file, said, "univariate")
    if univariate and n_dimensions not in (None, 1):
        raise DataError(
            f"{file.path}:{said[key][0]}: @{key} {n_dimensions} beside @univariate true; a univariate series has 1; "
            "correct one of them"
        )
    if n_dimensions is None and univariate:
        key, n_dimensions = "univariate", 1
    equal = _flag(file, said, "equallength")
    length = _number(file, said, "serieslength")
    return _Header(
        has_times=_flag(file, said, "timestamps") is True,
        n_dimensions=n_dimensions,
        dimensions_key=key,
        length=None if equal is False else length,
        has_labels=has_classes or has_targets,
        has_targets=has_targets,
        labels=tuple(label_words),
        claims={"equallength": equal, "univariate": univariate, "missing": _flag(file, said, "missing")},
    )


def _flag(file: SourceFile, said: _Said, key: str) -> bool | None:
    """Return whether a key is true; None where the header does not have it."""
    if key not in said:
        return None
    line, words = said[key]
    if not words or words[0].lower() not in ("true", "false"):
        raise DataError(f"{file.path}:{line}: @{key}{_shown(['', *words])}: true or false is needed")
    return words[0].lower() == "true"


def _number(file: SourceFile, said: _Said, key: str) -> int | None:
    if key not in said:
        return None
    line, words = said[key]
    if len(words) == 1 and words[0].isdecimal() and len(words[0]) <= _LARGEST_DIGITS and int(words[0]):
        return int(words[0])
    said_words = _shown(["", *words])
    raise DataError(f"{file.path}:{line}: @{key}{said_words}: a whole number from 1 to 999,999,999 is needed")


def _shown(words: Sequence[str]) -> str:
    """Return the words after a key, cut where they are long."""
    text = " ".join(words)
    return text if len(text) <= 40 else f"{text[:39]}…"


def _series(text: str, header: _Header) -> tuple[Series, str | None]:
    dimensions = text.split(":") if not header.has_times else _outside_brackets(text)
    label = dimensions.pop().strip() if header.has_labels else None
    if not dimensions:
        raise _Unusable("no label behind the last colon", "")
    if label is not None and header.labels and label not in header.labels:
        raise _Unusable("a label that @classLabel does not list", f" ({label!r})")
    if header.has_targets and label is not None:
        _check_target(label)
    if header.n_dimensions and len(dimensions) != header.n_dimensions:
        said = "true" if header.dimensions_key == "univariate" else header.n_dimensions
        raise _Unusable(
            f"another number of dimensions than @{header.dimensions_key} says", f" ({len(dimensions)}; it says {said})"
        )
    values = _timed(dimensions) if header.has_times else _plain(dimensions)
    if header.length and len(values) != header.length:
        raise _Unusable("another length than @seriesLength says", f" ({len(values)}; it says {header.length})")
    return values, label


def _check_target(text: str) -> None:
    """See that a value to predict is a finite number."""
    if text.lower() in ("", _MISSING, "nan"):
        raise _Unusable(LABEL_MISSING, "")
    try:
        value = _float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise _Unusable("the value to predict is not a finite number", f" ({_shown([text])!r})")


def _plain(dimensions: Sequence[str]) -> Series:
    columns = [_numbers(text) for text in dimensions]
    lengths = {len(column) for column in columns}
    if len(lengths) > 1:
        raise _Unusable("dimensions of different lengths", f" ({min(lengths)} to {max(lengths)} steps)")
    return np.stack(columns, axis=1)


def _numbers(text: str) -> np.ndarray:
    words = [word.strip() for word in text.split(",")]
    try:
        found = np.array([np.nan if word == _MISSING else _float(word) for word in words])
    except ValueError as error:
        bad = next(word for word in words if word != _MISSING and not _is_float(word))
        if "(" in bad:
            raise _Unusable("a time in brackets, and @timeStamps does not say true", f" ({_shown([bad])!r})") from error
        raise _Unusable("not a number", f" ({_shown([bad])!r})") from error
    if (large := beyond_float32(found)) is not None:
        raise _Unusable(TOO_LARGE, f" ({large:g})")
    return found.astype(np.float32)


def _float(word: str) -> float:
    """Read a number; Python's own underscores between digits are none."""
    if "_" in word:
        raise ValueError("an underscore")
    return float(word)


def _is_float(word: str) -> bool:
    try:
        _float(word)
    except ValueError:
        return False
    return True


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
        if "(" not in text and text.strip():
            detail = f" ({_shown([text.strip()])!r})"
            raise _Unusable("no (time,value) in brackets, and @timeStamps says true", detail)
        pairs = [pair.strip("() ").rpartition(",") for pair in text.strip().split("),") if pair.strip("() ")]
        values = _numbers(",".join(value for _, _, value in pairs)) if pairs else np.zeros(0, dtype=np.float32)
        times, fault = times_of([_DASHED_TIME.sub(r"\1:\2:\3", time.strip()) for time, _, _ in pairs])
        fault = fault or checked_times(times)
        if fault:
            raise _Unusable(fault.reason, fault.detail)
        tables.append(dict(zip(times.tolist(), values.tolist(), strict=True)))
    steps = sorted({time for table in tables for time in table})
    return np.array([[table.get(time, np.nan) for table in tables] for time in steps], dtype=np.float32).reshape(
        len(steps), len(tables)
    )
