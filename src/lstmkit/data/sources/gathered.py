"""Tables with a row for each step: the rows of each series put together, and whether its times can be used."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from lstmkit.data.numeric import BEYOND_FLOAT32
from lstmkit.data.sources.plan import Reading, SourceFile
from lstmkit.data.sources.times import checked_times, compact_dates, interval_of, middle, times_of

TOO_LARGE = "a value beyond float32"
_MISSING = frozenset({"", "?", "na", "nan", "null", "none"})


class Step(NamedTuple):
    """A row of a table: its line, and its values by column."""

    line: int
    values: Mapping[str, Any]


def number_of(value: Any) -> float:
    """A cell as a number, NaN where it is missing.

    Raises:
        ValueError: it is neither.
    """
    if value is None or (isinstance(value, str) and value.strip().lower() in _MISSING):
        return np.nan
    if isinstance(value, bool | list | dict):
        raise ValueError("no number")  # noqa: TRY004  (what float says of a string that is none)
    try:
        return float(value)
    except OverflowError:  # a whole number of hundreds of digits
        return -np.inf if isinstance(value, int) and value < 0 else np.inf


def is_missing(value: Any) -> bool:
    """Whether a cell is empty, or says that there is no value."""
    return is_number(value) and bool(np.isnan(number_of(value)))


def is_number(value: Any) -> bool:
    """Whether a cell is a number or missing."""
    try:
        number_of(value)
    except (TypeError, ValueError):
        return False
    return True


@dataclass
class Gathered:
    """The steps of one series.

    Attributes:
        line: where it begins.
        row: that row.
        times: of each step, as the table has them; their numbers, from 1, where it has none.
        values: of each step, NaN where one is missing.
        is_bad: whether it was left out.
    """

    line: int
    row: Mapping[str, Any]
    times: list[Any] = field(default_factory=list)
    values: list[list[float]] = field(default_factory=list)
    is_bad: bool = False

    def add(
        self, reading: Reading, file: SourceFile, line: int, row: Mapping[str, Any], columns: Sequence[str], time: str
    ) -> None:
        """Take a row; one whose cells are no finite numbers leaves the series out."""
        step = []
        for column in columns:
            try:
                step.append(number_of(row.get(column)))
            except (TypeError, ValueError):
                self.refuse(reading, file, line, "not a number", f" ({row.get(column)!r} in column {column!r})")
                step.append(np.nan)
            if np.isinf(step[-1]):
                self.refuse(reading, file, line, "an infinite value", f" in column {column!r}")
            elif abs(step[-1]) >= BEYOND_FLOAT32:
                self.refuse(reading, file, line, TOO_LARGE, f" ({step[-1]:g} in column {column!r})")
        self.values.append(step)
        self.times.append(row.get(time) if time else len(self.times) + 1)

    def refuse(self, reading: Reading, file: SourceFile, line: int, fault: str, detail: str) -> None:
        """Leave the series out, with the first reason that there is: a hole would move its later steps."""
        if not self.is_bad:
            reading.reject(file, line, fault, detail)
        self.is_bad = True


def gather(
    file: SourceFile,
    rows: Iterable[Step],
    columns: Sequence[str],
    reading: Reading,
    *,
    series: str = "",
    time: str = "",
    label: str = "",
) -> dict[str, Gathered]:
    """The series of a table by name, in the order in which they begin; bad rows leave theirs out.

    Args:
        file: the table, for errors.
        rows: all of it.
        columns: those of values.
        reading: told of what cannot be used.
        series: the column that names a series; empty: there is one, named by nothing.
        time: that of times; empty: steps are in the order of the rows.
        label: that of labels, the same in all rows of a series; empty: none.
    """
    found: dict[str, Gathered] = {}
    for line, row in rows:
        if series and row.get(series) in (None, ""):
            reading.reject(file, line, "the series has no name", f" (column {series!r} is empty)")
            continue
        name = str(row.get(series)) if series else ""
        own = found.setdefault(name, Gathered(line, row))
        if label and row.get(label) != (first := own.row.get(label)):
            detail = f" ({first!r} and {row.get(label)!r} in {name!r})"
            own.refuse(reading, file, line, "two labels in one series", detail)
        own.add(reading, file, line, row, columns, time)
    return found


def timed(
    found: Mapping[str, Gathered], file: SourceFile, reading: Reading, time: str, series: str
) -> dict[str, Float[np.ndarray, " steps"]]:
    """The times of each series that can be used: they rise, and their usual step is the one that the reading knows.

    Args:
        found: series by name; those that cannot be used are left out.
        file: the table, for errors.
        reading: knows the usual step of a model, or of an earlier table; else it learns that of most series here.
        time: the column of times; empty: there is none, and nothing to compare.
        series: the column of the series' names; empty: the table is one series.
    """
    times: dict[str, np.ndarray] = {}
    are_compact = bool(time) and compact_dates(value for own in found.values() for value in own.times) is not None
    for name, own in found.items():
        if not own.is_bad:
            if time and not are_compact and compact_dates(own.times):  # numbers, as elsewhere in the column
                own.times = [float(value) for value in own.times]
            at, fault = times_of(own.times, are_compact)
            if fault := fault or checked_times(at):
                reason, detail = fault
                if not series:
                    detail += " (if these are several series, data.series_column must name the column of their names)"
                own.refuse(reading, file, own.line, reason, detail)
            else:
                times[name] = at
    if not time:
        return times
    usual = {name: interval_of(found[name].times, at, are_compact) for name, at in times.items() if len(at) > 1}
    if not usual:
        return times
    first = next(iter(usual.values()))
    known = reading.interval or first._replace(step=middle([own.step for own in usual.values()]))
    reading.interval = known
    for name, interval in usual.items():
        if not interval.agrees(known):
            detail = f" ({interval}; {reading.whose_interval} {known})"
            found[name].refuse(reading, file, found[name].line, "another sampling interval", detail)
            del times[name]
    return times
