"""Tables of series to forecast: a row a step, a number to predict, other numbers beside it, perhaps times."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from lstmkit.config.schema import DataConfig
from lstmkit.core.errors import DataError
from lstmkit.core.files import digest_of, sha256_of
from lstmkit.core.reading import reader
from lstmkit.data.sources.columns import by_name, require_column
from lstmkit.data.sources.gathered import Step, gather, number_of, timed
from lstmkit.data.sources.plan import Reading, SourceFile
from lstmkit.data.sources.series_tables import GAP, SERIES_NAMES, TIME_NAMES, are_numbers
from lstmkit.data.sources.tables import is_table, looked_at, open_whole, steps_of
from lstmkit.data.sources.times import Interval, are_dates

TARGET_NAMES = ("target", "y", "value", "label")
_TIME_NAMES = (*TIME_NAMES, "ds", "period", "year")


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


@dataclass(frozen=True)
class PanelColumns:
    """Which columns of a table are what; empty: none."""

    target: str
    others: tuple[str, ...]
    series: str
    time: str


@reader
def load_panel(data: DataConfig, columns: PanelColumns | None = None, model_interval: Interval | None = None) -> Panel:
    """Read a table of series.

    Args:
        data: the source, the columns asked for (`label_column` is the number to predict), what to do with bad rows.
        columns: those of a trained run, which a table to predict from must have; None: found.
        model_interval: of a trained run, the sampling interval that series must have; None: that of most.

    Raises:
        DataError: it is no table, has no column of numbers to predict, or a row or series cannot be used and is not to
            be skipped.
    """
    path = Path(data.source).expanduser()
    if not data.source or not path.is_file() or not is_table(path):
        raise DataError(
            f"{data.source or 'no source'}: no table; a forecast reads .csv, .tsv, .jsonl or .parquet with a row for "
            "each step"
        )
    file = SourceFile(path, path.name)
    reading = Reading(data, model_interval)
    names, sample, records, _ = looked_at(open_whole(file, reading))
    if not sample:
        raise DataError(f"{path}: no rows; a row for each step with a number to predict is needed")
    if columns is None:
        columns = _found_columns(file, names, sample, reading)
    for name in (columns.target, *columns.others, columns.series, columns.time):
        if name:
            require_column(file, name, names)
    series = tuple(_series(file, steps_of(file, records, reading), columns, reading, path.stem))
    reading.finish(len(series), path)
    sha256 = sha256_of(path)
    chosen = [columns.target, *columns.others, columns.series, columns.time]
    return Panel(
        path.stem,
        (columns.target, *columns.others),
        columns.series,
        columns.time,
        series,
        reading.rejected,
        reading.decisions,
        digest_of([sha256, chosen, data.on_bad_row]),
        {file.name: sha256},
        reading.interval,
    )


def _found_columns(
    file: SourceFile, names: Sequence[str], sample: Sequence[Mapping[str, Any]], reading: Reading
) -> PanelColumns:
    data = reading.data
    for name in (data.label_column, data.series_column, data.time_column):
        if name:
            require_column(file, name, names)
    time = data.time_column or by_name(names, _TIME_NAMES, taken=data.label_column)
    dated = [name for name in names if name != data.label_column and are_dates(row.get(name) for row in sample)]
    if not time and len(dated) == 1:
        (time,) = dated
    series = data.series_column or by_name(names, SERIES_NAMES, taken=time)
    if not data.series_column and len({str(row.get(series)) for row in sample}) == len(sample):
        series = ""  # another name for the rows
    others = [name for name in names if name not in (time, series)]
    numeric = [name for name in others if are_numbers(sample, name)]
    target = data.label_column or by_name(numeric, TARGET_NAMES, taken="")
    how = "as asked" if data.label_column else "by its name" if target else "the only column of numbers"
    if not target and len(numeric) == 1:
        target = numeric[0]
    if not target:
        found = f"the columns of numbers are {', '.join(map(repr, numeric))}" if numeric else "no column holds numbers"
        raise DataError(f"{file.path}: which column is to be forecast? {found}; name one with --label-column")
    if target not in numeric and not any(_is_number(row.get(target)) for row in sample):
        raise DataError(f"{file.path}: column {target!r} does not hold numbers; a forecast needs a numeric target")
    beside = tuple(name for name in numeric if name != target)
    reading.decisions.append(f"target: {target!r} ({how})")
    by_series = f"series by {series!r}" if series else "one series"
    reading.decisions.append(f"{by_series}; {f'time by {time!r}' if time else 'steps in the order of the rows'}")
    if beside:
        reading.decisions.append(f"covariates: {', '.join(beside)}")
    if unused := [name for name in others if name not in numeric]:
        reading.decisions.append(f"not read, no numbers: {', '.join(unused)}")
    return PanelColumns(target, beside, series, time)


def _series(
    file: SourceFile, steps: Iterable[Step], columns: PanelColumns, reading: Reading, only: str
) -> Iterator[Timed]:
    found = gather(file, steps, (columns.target, *columns.others), reading, series=columns.series, time=columns.time)
    n_gaps = 0
    for name, times in timed(found, file, reading, columns.time, columns.series).items():
        own = found[name]
        values = np.array(own.values, dtype=np.float64)
        there = ~np.isnan(values[:, 0])
        if not there.any():
            detail = f" (series {name or only!r}, column {columns.target!r})"
            own.refuse(reading, file, own.line, "every value to predict is missing", detail)
            continue
        first = int(there.argmax())  # before the first value there is nothing to go on
        steps_between = np.diff(times)
        n_gaps += int((steps_between > GAP * np.median(steps_between)).sum()) if len(steps_between) else 0
        yield Timed(name or only, own.line, own.times[first:], values[first:])
    if columns.time and n_gaps:
        reading.decisions.append(
            f"time: {n_gaps:,} gaps; steps are read one after the other, as if there were none (give a row with an "
            "empty value for each step that is missing)"
        )


def _is_number(value: Any) -> bool:
    try:
        return not np.isnan(number_of(value))
    except (TypeError, ValueError):
        return False
