"""Tables with a row for each step: the rows of each series put together, and whether its times can be used."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from lstmkit.core.errors import DataError
from lstmkit.data.numeric import BEYOND_FLOAT32
from lstmkit.data.sources.cells import NumberFormat, few_cells, how_to_read, number_of, spelled
from lstmkit.data.sources.dates import PLAIN, form_of
from lstmkit.data.sources.plan import LABEL_PER_STEP, TWO_LABELS, Reading, SourceFile
from lstmkit.data.sources.times import UNORDERED, checked_times, interval_of, middle, times_of

TOO_LARGE = "a value beyond float32"
SEVERAL = ", or if these are several series, name the column of their names with --series-column"


class Step(NamedTuple):
    """A row of a table: its line, and its values by column."""

    line: int
    values: Mapping[str, Any]


@dataclass
class Gathered:
    """The steps of one series.

    Attributes:
        line: where it begins.
        row: that row.
        times: of each step, as the table has them; their numbers, from 1, where it has none.
        values: of each step, NaN where one is missing.
        lines: of each step.
        is_bad: whether it was left out.
    """

    line: int
    row: Mapping[str, Any]
    times: list[Any] = field(default_factory=list)
    values: list[list[float]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    is_bad: bool = False

    def add(
        self, reading: Reading, file: SourceFile, line: int, row: Mapping[str, Any], columns: Sequence[str], time: str
    ) -> None:
        """Take a row; one whose cells are no finite numbers leaves the series out."""
        step, form = [], reading.numbers
        for column in columns:
            try:
                step.append(number_of(row.get(column), form))
            except (TypeError, ValueError):
                self.refuse(reading, file, line, "not a number", no_number(row.get(column), column, form))
                step.append(np.nan)
            if np.isinf(step[-1]):
                self.refuse(reading, file, line, "an infinite value", f" in column {column!r}")
            elif abs(step[-1]) >= BEYOND_FLOAT32:
                self.refuse(reading, file, line, TOO_LARGE, f" ({step[-1]:g} in column {column!r})")
        self.values.append(step)
        self.lines.append(line)
        self.times.append(row.get(time) if time else len(self.times) + 1)

    def refuse(self, reading: Reading, file: SourceFile, line: int, fault: str, detail: str) -> None:
        """Leave the series out, with the first reason that there is: a hole would move its later steps."""
        if not self.is_bad:
            reading.reject(file, line, fault, detail)
        self.is_bad = True


def no_number(value: Any, column: str, form: NumberFormat) -> str:
    """Return the detail of a cell that is no number: what it is, and the options that read it where there are any."""
    remedy = how_to_read([value], form)
    return f" ({few_cells(value)} in column {column!r}{f'; read it with {remedy}' if remedy else ''})"


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

    Raises:
        DataError: the table is one series, and its label changes.
    """
    found: dict[str, Gathered] = {}
    for line, row in rows:
        if series and row.get(series) in (None, ""):
            reading.reject(file, line, "the series has no name", f" (column {series!r} is empty)")
            continue
        name = spelled(row[series]) if series else ""
        own = found.setdefault(name, Gathered(line, row))
        if label and row.get(label) != (first := own.row.get(label)):
            if not series:
                raise DataError(
                    f"{file.path}:{line}: the label changes from step to step within a series ({few_cells(first)}, "
                    f"then {few_cells(row.get(label))}); {LABEL_PER_STEP}; if these are several series, name "
                    "the column of their names with --series-column"
                )
            detail = f" ({first!r} and {row.get(label)!r} in {name!r})"
            own.refuse(reading, file, line, TWO_LABELS, detail)
        own.add(reading, file, line, row, columns, time)
    return found


def timed(
    found: Mapping[str, Gathered],
    file: SourceFile,
    reading: Reading,
    time: str,
    series: str,
    order_remedy: str = "sort the rows by it",
) -> dict[str, Float[np.ndarray, " steps"]]:
    """The times of each series that can be used: they rise, and their usual step is the one that the reading knows.

    Args:
        found: series by name; those that cannot be used are left out.
        file: the table, for errors.
        reading: knows the usual step of a model, or of an earlier table; else it learns that of most series here.
        time: the column of times; empty: there is none, and nothing to compare.
        series: the column of the series' names; empty: the table is one series.
        order_remedy: what to do where times do not rise.

    Raises:
        DataError: the times have several readings.
        RequestError: the format asked for is none.
    """
    times: dict[str, np.ndarray] = {}
    if time:
        every, known = (value for own in found.values() for value in own.times), reading.time_form
        form = form_of(every, reading.data.date_format, f"{file.path}: column {time!r}", known)
        reading.decisions += [f"time: {form.note}"] if form.note and form != known else []
        reading.time_form = form
    form = reading.time_form if time else PLAIN
    for name, own in found.items():
        if not own.is_bad:
            at, fault = times_of(own.times, form)
            fault = fault or checked_times(at)
            if not fault:
                times[name] = at
                continue
            detail = fault.detail
            if fault.reason in UNORDERED:
                was, came = own.times[fault.step - 1], own.times[fault.step]
                remedy = "keep one row for each time" if fault.reason == UNORDERED[0] else order_remedy
                detail = f" ({few_cells(came)} after {few_cells(was)} in column {time!r}); {remedy}" + (
                    "" if series else SEVERAL
                )
            own.refuse(reading, file, own.lines[fault.step], fault.reason, detail)
    if not time:
        return times
    usual = {
        name: interval_of(at, not isinstance(form.read(found[name].times[0]), datetime))
        for name, at in times.items()
        if len(at) > 1
    }
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
