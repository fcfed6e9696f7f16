"""Tables of series to forecast: a row a step, a number to predict, other numbers beside it, perhaps times."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from lstmkit.config.schema import DataConfig
from lstmkit.core.errors import DataError
from lstmkit.core.files import digest_of, sha256_of
from lstmkit.data.sources.calendar import calendar_of
from lstmkit.data.sources.corpus import ColumnsFound
from lstmkit.data.sources.dates import PLAIN, TimeForm, forms_of
from lstmkit.data.sources.gathered import Gathered, Step, gather, timed
from lstmkit.data.sources.headers import require_column
from lstmkit.data.sources.panel_columns import EACH, PanelColumns, found_columns, many
from lstmkit.data.sources.plan import DIALECT_KEYS, Reading, SourceFile
from lstmkit.data.sources.tables import is_table, looked_at, open_table, steps_of
from lstmkit.data.sources.times import Interval, times_of

_ONE_VALUE = "value"  # the column of a table in which each column is a series


@dataclass(frozen=True, eq=False)
class Timed:
    """One series of a panel.

    Attributes:
        name: as the table has it; the panel's name where there is one series.
        line: where it begins.
        times: as the table has them, rising; the numbers of the rows, from 1, where there is no time column.
        values: NaN where one is missing; the target is the first column, and the first step has it.
    """

    name: str
    line: int
    times: Sequence[Any]
    values: Float[np.ndarray, "time columns"]

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True, eq=False)
class Panel:
    """One or many series with the same columns.

    Attributes:
        name: the file's.
        columns: names of the columns of values, the target's first.
        series_column: the column that names a series; empty: none.
        time: the column of times; empty: none.
        series: in the order in which they begin.
        rejected: series left out under on_bad_row="skip".
        decisions: what was decided while reading, one line each.
        fingerprint: same content and options, same fingerprint.
        files: name -> SHA-256.
        interval: of most series, what usually lies between two steps; None where no times tell.
        form: how the column of times writes them.
        left_out: columns that are not read.
        layout: panel: a row a step of one series; panel-wide: a row a step of all, a column a series.
        reading: what a later table is read by, see `PanelColumns.reading`.
    """

    name: str
    columns: tuple[str, ...]
    series_column: str
    time: str
    series: tuple[Timed, ...]
    rejected: Sequence[Mapping[str, Any]]
    decisions: Sequence[str]
    fingerprint: str
    files: Mapping[str, str]
    interval: Interval | None = None
    form: TimeForm = PLAIN
    left_out: tuple[str, ...] = ()
    layout: str = "panel"
    reading: Mapping[str, Any] = field(default_factory=lambda: {"series": "", "time": ""})

    @property
    def found(self) -> ColumnsFound:
        """What each of the table's columns holds: the label is the number to predict, channels are covariates."""
        is_wide = self.layout == "panel-wide"
        return ColumnsFound(
            label=EACH if is_wide else self.columns[0],
            series=self.series_column,
            time=self.time,
            channels=tuple(one.name for one in self.series) if is_wide else self.columns[1:],
            left_out=self.left_out,
        )

    def without(self, faults: Mapping[str, str], skip: bool) -> "Panel":
        """The panel but for the series that have a fault.

        Args:
            faults: by the series' name, the predicate of a sentence; empty: none.
            skip: whether they may be left out.

        Raises:
            DataError: one has a fault and may not be; or all have.
        """
        bad = [series for series in self.series if faults.get(series.name)]
        if not bad:
            return self
        file = next(iter(self.files), "")  # none of what was never one
        reasons = [f"series {series.name!r} {faults[series.name]}" for series in bad]
        first = f"{file}:{bad[0].line}: {reasons[0]}" if file else reasons[0]
        if not skip:
            raise DataError(f"{first}; or leave such series out" + (" with --on-bad-row skip" if file else ""))
        if len(bad) == len(self.series):
            raise DataError(f"{first}; no series is usable, so none can be skipped")
        told = [{"file": file, "line": one.line, "reason": why} for one, why in zip(bad, reasons, strict=True)]
        good = tuple(series for series in self.series if not faults.get(series.name))
        return replace(self, series=good, rejected=[*self.rejected, *told])


def load_panel(data: DataConfig, columns: PanelColumns | None = None, model_interval: Interval | None = None) -> Panel:
    """Read a table of series.

    Args:
        data: the source, the columns asked for (`label_column` is the number to predict, `*` for each column of
            numbers as a series), how it is written, what to do with bad rows.
        columns: those of a trained run, which a table to predict from must have; None: found.
        model_interval: of a trained run, the sampling interval that series must have; None: that of most.

    Raises:
        DataError: it is no table, has no column of numbers to predict, or a row or series cannot be used and is not to
            be skipped.
        RequestError: columns or a format that were asked for cannot be.
    """
    path = Path(data.source).expanduser()
    if not data.source or not path.is_file() or not is_table(path):
        raise DataError(
            f"{data.source or 'no source'}: no table; a forecast reads .csv, .tsv, .jsonl or .parquet with a row for "
            "each step"
        )
    file = SourceFile(path, path.name)
    reading = Reading(data, model_interval)
    names, sample, records, *_ = looked_at(open_table(file, reading))
    if not sample:
        raise DataError(f"{path}: no rows; a row for each step with a number to predict is needed")

    def every() -> Iterator[Mapping[str, Any]]:
        again = Reading(data)  # what cannot be used is told once
        return (step.values for step in steps_of(file, looked_at(open_table(file, again)).records, again))

    if columns is None:
        columns = found_columns(file, names, sample, every, reading)
    else:
        for name in (*columns.named, columns.series, columns.time):
            if name:
                require_column(file, name, names)
        reading.time_form = TimeForm(columns.date_format)
        if columns.target == EACH:
            columns = replace(columns, others=many(names, sample, columns, reading))
    steps = steps_of(file, records, reading)
    read = _wide_series if columns.target == EACH else _series
    series = tuple(read(file, steps, columns, reading, path.stem))
    reading.finish(len(series), path)
    sha256 = sha256_of(path)
    chosen = [columns.target, *columns.others, columns.series, columns.time]
    written = {key: getattr(data, key) for key in DIALECT_KEYS if getattr(data, key) != getattr(DataConfig(), key)}
    written |= {"sort": True} if columns.sort else {}
    form = reading.time_form if columns.time else PLAIN
    return Panel(
        path.stem,
        (_ONE_VALUE,) if columns.target == EACH else (columns.target, *columns.others),
        columns.series,
        columns.time,
        series,
        reading.rejected,
        reading.decisions,
        digest_of([sha256, chosen, data.on_bad_row, *([written] if written else [])]),
        {file.name: sha256},
        reading.interval,
        form,
        columns.left_out,
        "panel-wide" if columns.target == EACH else "panel",
        replace(columns, date_format=form.format if form.note or data.date_format else "").reading,
    )


def _series(
    file: SourceFile, steps: Iterable[Step], columns: PanelColumns, reading: Reading, only: str
) -> Iterator[Timed]:
    found = gather(file, steps, columns.named, reading, series=columns.series, time=columns.time)
    if columns.sort:
        _sort(found, columns, reading)
    usable = {}
    for name in timed(found, file, reading, columns.time, columns.series, _order_remedy(columns)):
        own = found[name]
        values = np.array(own.values, dtype=np.float64)
        if np.isnan(values[:, 0]).all():
            detail = f" (series {name or only!r}, column {columns.target!r})"
            own.refuse(reading, file, own.line, "every value to predict is missing", detail)
            continue
        first = int((~np.isnan(values[:, 0])).argmax())  # before the first value there is nothing to go on
        usable[name] = own
        yield Timed(name or only, own.line, own.times[first:], values[first:])
    _tell_of_times(usable.values(), columns, reading)


def _wide_series(
    file: SourceFile, steps: Iterable[Step], columns: PanelColumns, reading: Reading, only: str
) -> Iterator[Timed]:
    """The series of a table with a column for each: from its first value to its last."""
    del only
    rows = Gathered(0, {})
    own: dict[str, Gathered] = {}
    for line, row in steps:
        rows.add(reading, file, line, row, (), columns.time)
        for name in columns.others:
            own.setdefault(name, Gathered(line, row)).add(reading, file, line, row, (name,), columns.time)
    table = {"": rows}
    rows.line = rows.lines[0] if rows.lines else 0
    if columns.sort:
        _sort(table | own, columns, reading)
    if not timed(table, file, reading, columns.time, "", _order_remedy(columns)):
        return
    _tell_of_times([rows], columns, reading)
    n_shorter = 0
    for name, one in own.items():
        values = np.array(one.values, dtype=np.float64)
        there = np.flatnonzero(~np.isnan(values[:, 0]))
        if one.is_bad:
            continue
        if not len(there):
            one.refuse(reading, file, one.line, "every value to predict is missing", f" (column {name!r})")
            continue
        first, end = int(there[0]), int(there[-1]) + 1
        n_shorter += end < len(values)
        yield Timed(name, one.line, one.times[first:end], values[first:end])
    if n_shorter:
        reading.decisions.append(f"series: {n_shorter:,} end before the table; each is forecast from its last value")


def _sort(found: Mapping[str, Gathered], columns: PanelColumns, reading: Reading) -> None:
    """Put the steps of series in the order of their times; times that cannot be read are left, to be refused."""
    every = [value for own in found.values() for value in own.times]
    form = forms_of(every, reading.data.date_format)[0]
    n_sorted = 0
    for own in found.values():
        at, fault = times_of(own.times, form)
        order = [] if fault else np.argsort(at, kind="stable").tolist()
        if order != sorted(order):
            n_sorted += 1
            for of in (own.times, own.values, own.lines):
                of[:] = [of[k] for k in order]
    if n_sorted:
        reading.decisions.append(f"order: rows are sorted by {columns.time!r}, as its column was asked for")


def _order_remedy(columns: PanelColumns) -> str:
    place = columns.time.removeprefix("column ")
    return f"sort the rows by it, or give --time-column {place if place.isalnum() else repr(place)}, which sorts them"


def _tell_of_times(series: Iterable[Gathered], columns: PanelColumns, reading: Reading) -> None:
    """Tell of gaps, and of clocks that were set back."""
    n_gaps = n_set_back = 0
    for own in series if columns.time else ():
        n_gaps += calendar_of(own.times, reading.time_form).n_gaps
        moments = [reading.time_form.read(time) for time in own.times]
        n_set_back += sum(later <= earlier for earlier, later in pairwise(_on_the_clock(moments)))
    if n_set_back:
        reading.decisions.append(
            f"time: a clock is set back {n_set_back:,}×; the hour that comes twice is read as two hours"
        )
    if n_gaps:
        reading.decisions.append(
            f"time: {n_gaps:,} gaps; steps are read one after the other, as if there were none (give a row with an "
            "empty value for each step that is missing)"
        )


def _on_the_clock(moments: Sequence[Any]) -> Sequence[Any]:
    """The moments, where they are those of a local clock; else none."""
    return moments if all(isinstance(one, datetime) and not one.tzinfo for one in moments) else ()
