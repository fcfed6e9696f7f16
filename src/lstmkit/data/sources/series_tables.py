"""Tables of numbers: a row a step (long), a row a series (wide), or lists in a row; which it is, and its series."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from lstmkit.config.schema import DataConfig
from lstmkit.core.errors import DataError
from lstmkit.data.numeric import beyond_float32
from lstmkit.data.sources.cells import (
    MOSTLY,
    PLAIN,
    NumberFormat,
    counted,
    few_cells,
    how_to_read,
    is_missing,
    is_number,
    looks_like_date,
    number_format,
    number_of,
    spelled,
)
from lstmkit.data.sources.columns import LABEL_NAMES, SERIES_NAMES, TEXT_NAMES, TIME_NAMES, by_name
from lstmkit.data.sources.corpus import ColumnsFound, Series
from lstmkit.data.sources.dates import forms_of
from lstmkit.data.sources.gathered import TOO_LARGE, Step, gather, no_number, timed
from lstmkit.data.sources.headers import Unnamed, left_out_lines
from lstmkit.data.sources.plan import Reading, Row, SourceFile
from lstmkit.data.sources.times import times_of

_FEW_ROWS = 5  # of which numbers may rise by chance
GAP = 1.5  # usual steps: a longer one is a gap


class Found(NamedTuple):
    """A series of a table: the line it begins at, its name or nothing, its values, and the row that stands there."""

    line: int
    name: str
    values: Series
    row: Mapping[str, Any]


@dataclass(frozen=True)
class SeriesLayout:
    """How a table holds series.

    Attributes:
        form: long: a row a step; wide: a row a series, a column a step; lists: a row a series, a column a channel.
        label: the column of labels.
        columns: channels of a long table and of lists, steps of a wide one.
        series: the column that names a series; empty: none.
        time: the column of a long table's times; empty: none, and rows are in order.
        left_out: columns that are not read, and why.
    """

    form: Literal["long", "wide", "lists"]
    label: str
    columns: tuple[str, ...]
    series: str = ""
    time: str = ""
    left_out: tuple[tuple[str, str], ...] = ()

    def read_columns(self) -> list[str]:
        """All columns that reading needs."""
        return [name for name in (self.series, self.time, *self.columns, self.label) if name]

    def found(self, names: Sequence[str]) -> ColumnsFound:
        """What each of a table's columns holds."""
        read = set(self.read_columns())
        left_out = tuple(name for name in names if name not in read)
        return ColumnsFound(
            label=self.label, series=self.series, time=self.time, channels=self.columns, left_out=left_out
        )

    def told(self) -> list[str]:
        """What was decided, a line each."""
        n, last = len(self.columns), self.columns[-1]
        few = ", ".join(self.columns) if n <= 6 else f"{', '.join(self.columns[:3])} … {last} ({n})"
        words = {
            "long": f"layout: a row for each step; series by {self.series!r}, "
            + (f"time by {self.time!r}" if self.time else "steps in the order of the rows"),
            "wide": f"layout: a row for each series; steps are the columns {few}",
            "lists": f"layout: a row for each series; channels are the lists {few}",
        }
        channels = [f"channels: {few}"] if self.form == "long" else []
        return [words[self.form], *channels, f"label column: {self.label!r}", *left_out_lines(dict(self.left_out))]


def series_layout(
    file: SourceFile,
    names: Sequence[str],
    sample: Sequence[Mapping[str, Any]],
    data: DataConfig,
    indices: Mapping[str, str] | None = None,
) -> SeriesLayout | None:
    """How a table holds series; None where it holds texts or tokens.

    It holds series where all its columns but those of label, series and time are numbers, or lists of them. A column
    that is empty throughout the sample is one of numbers beside others, or where both series and time have theirs.
    Where a column of series or times is asked for, the table holds series, and other columns are left out.

    Args:
        file: the table, for errors.
        names: its columns.
        sample: its first rows.
        data: columns asked for, by their names in this table.
        indices: columns that number the rows, and why they are left out.

    Raises:
        DataError: series are asked for, and the table holds none; or a column without a name may be anything.
    """
    is_asked = bool(data.series_column or data.time_column)
    if is_asked and data.text_column:
        raise DataError(
            f"{file.path}: a column of texts ({data.text_column!r}) and one of series or times are asked for; a table "
            "holds texts or series: leave --text-column out, or --series-column and --time-column"
        )
    if data.text_column or not sample:
        return None
    label = data.label_column or by_name(names, LABEL_NAMES, taken="")
    if not label:
        if is_asked:
            raise DataError(f"{file.path}: which column is the label of the series? Name it with --label-column")
        return None
    asked = (data.series_column, data.time_column)
    left_out = {name: why for name, why in (indices or {}).items() if name not in (label, *asked)}
    others = [name for name in names if name != label and name not in left_out]
    lists = tuple(name for name in others if are_lists(sample, name))
    if lists and not (len(lists) == 1 and _may_be_tokens(sample, lists[0])):
        return SeriesLayout("lists", label, lists, _id_column(data, others, lists), left_out=tuple(left_out.items()))
    form = number_format(data)
    series = data.series_column or by_name(others, SERIES_NAMES, taken=data.time_column)
    time = data.time_column or by_name(others, TIME_NAMES, taken=series)
    columns = [name for name in others if name not in (series, time)]
    if is_asked:
        no_numbers = [name for name in columns if not _are_channels(sample, [name], form, anyway=True)]
        left_out |= dict.fromkeys(no_numbers, "no numbers")
        columns = [name for name in columns if name not in left_out]
        if not _are_channels(sample, columns, form, anyway=bool(series and time)):
            unread = _unread(sample, no_numbers, form)
            raise DataError(f"{file.path}: no column of numbers is left for the channels{unread}")
    elif not columns or not _are_channels(sample, _named(columns), form, anyway=bool(series and time)):
        return None
    repeats = bool(series) and len({str(row.get(series)) for row in sample}) < len(sample)
    columns, time = _placed(file, sample, columns, series if repeats or is_asked else "", time, left_out, form)
    told = tuple(left_out.items())
    if is_asked or repeats or (not series and _counts_steps(sample, time)):
        return SeriesLayout("long", label, tuple(columns), series if repeats or data.series_column else "", time, told)
    wide = [name for name in others if name != series and name not in left_out]  # a column "t" among steps is a step
    if len(columns) < 2 or by_name(columns, TEXT_NAMES, taken=""):
        return None
    known = set(columns)
    if not _are_channels(sample, [name for name in wide if name not in known], form, anyway=True):
        return None
    return SeriesLayout("wide", label, tuple(wide), series, left_out=told)


def _named(columns: Sequence[str]) -> list[str]:
    return [name for name in columns if not isinstance(name, Unnamed)]


def _placed(
    file: SourceFile,
    sample: Sequence[Mapping[str, Any]],
    columns: Sequence[str],
    series: str,
    time: str,
    left_out: dict[str, str],
    form: NumberFormat,
) -> tuple[list[str], str]:
    """Find what columns without a name are: times, names of the rows, or numbers of a table that has no names else.

    Returns:
        The channels, and the column of times.

    Raises:
        DataError: one may be anything.
    """
    for name in columns:
        if not isinstance(name, Unnamed):
            continue
        values = [row.get(name) for row in sample]
        there = [value for value in values if not is_missing(value)]
        if there and all(map(looks_like_date, there)):
            if not time and _rise(sample, name, series):
                time = name
            elif time:
                left_out[name] = f"no name, dates; {time!r} has the times"
            else:
                raise DataError(
                    f"{file.path}: {name} has no name, and its dates ({few_cells(there[0])}, …) do not order the rows; "
                    f"sort the rows by them, read them as times with --time-column {name.split()[1]}, or drop them"
                )
        elif len({str(value) for value in there}) == len(sample) and not any(is_number(value, form) for value in there):
            left_out[name] = "no name, names the rows"
        else:
            raise DataError(
                f"{file.path}: {name} has no name, and holds {few_cells(there[0])} and more; name it in the header "
                f"line, or say what it is, as --series-column {name.split()[1]}, or drop it"
            )
    return [name for name in columns if name != time and name not in left_out], time


def _rise(sample: Sequence[Mapping[str, Any]], time: str, series: str) -> bool:
    """Whether the times of each series rise from row to row."""
    last: dict[str, float] = {}
    form = forms_of([row.get(time) for row in sample])[0]
    for row in sample:
        at, fault = times_of([row.get(time)], form)
        name = str(row.get(series)) if series else ""
        if fault or at[0] <= last.get(name, -np.inf):
            return False
        last[name] = float(at[0])
    return True


def _counts_steps(sample: Sequence[Mapping[str, Any]], time: str) -> bool:
    """Whether times rise through all rows, more than a few, so that each row is a step of one series."""
    if not time or len(sample) < _FEW_ROWS:
        return False
    at, fault = times_of([row.get(time) for row in sample])
    return fault is None and bool((np.diff(at) > 0).all())


def _unread(sample: Sequence[Mapping[str, Any]], columns: Sequence[str], form: NumberFormat) -> str:
    """Why the first of columns holds no numbers, for an error."""
    for name in columns:
        values = [row.get(name) for row in sample]
        bad = next((value for value in values if not is_number(value, form)), None)
        remedy = how_to_read(values, form)
        return f" ({few_cells(bad)} in column {name!r} is no number{f'; read it with {remedy}' if remedy else ''})"
    return "; a table with a row for each step needs one at least"


def series_rows(
    file: SourceFile, split: str, steps: Iterator[Step], layout: SeriesLayout, reading: Reading
) -> Iterator[Row]:
    """The series of a table, in the order in which they begin."""
    for found in found_series(file, steps, layout, reading):
        id_ = f"{file.name}:{found.name}" if layout.series else ""
        if row := reading.series_row(split, file, found.line, found.values, found.row.get(layout.label), id_):
            yield row


def found_series(file: SourceFile, steps: Iterator[Step], layout: SeriesLayout, reading: Reading) -> Iterator[Found]:
    """The series of a table as they stand there, in the order in which they begin; rows at fault are rejected."""
    if layout.form == "long":
        yield from _long(file, steps, layout, reading)
        return
    read = _wide if layout.form == "wide" else _lists
    for line, values in steps:
        found, fault, detail = read(values, layout.columns, reading.numbers)
        if fault:
            reading.reject(file, line, fault, detail)
            continue
        if layout.form == "lists" and found.shape[1] == len(layout.columns):
            reading.channels = reading.channels or list(layout.columns)
        name = values.get(layout.series) if layout.series else ""
        yield Found(line, spelled("" if name is None else name), found, values)


def _long(file: SourceFile, steps: Iterator[Step], layout: SeriesLayout, reading: Reading) -> Iterator[Found]:
    found = gather(file, steps, layout.columns, reading, series=layout.series, time=layout.time, label=layout.label)
    times = timed(found, file, reading, layout.time, layout.series)
    reading.channels = reading.channels or list(layout.columns)
    n_gaps, widest, usual = 0, 0.0, reading.interval
    for name, at in times.items():
        own, gap = found[name], float(np.diff(at).max(initial=0.0))
        n_gaps, widest = n_gaps + (usual is not None and gap > GAP * usual.step), max(widest, gap)
        yield Found(own.line, name, np.array(own.values, dtype=np.float32), own.row)
    if usual and n_gaps:
        reading.decisions.append(
            f"time: {n_gaps:,} of {len(found):,} series of {file.name} have gaps (the widest is "
            f"{usual._replace(step=widest)}, the usual step {usual}); steps are read one after the other, as if there "
            "were none"
        )


def _wide(values: Mapping[str, Any], columns: Sequence[str], form: NumberFormat) -> tuple[Series, str, str]:
    """One channel; cells that are empty at the end are no steps."""
    empty = np.zeros((0, 1), dtype=np.float32)
    try:
        found = np.array([number_of(values.get(column), form) for column in columns])
    except (TypeError, ValueError):
        bad = next(column for column in columns if not is_number(values.get(column), form))
        return empty, "not a number", no_number(values.get(bad), bad, form)
    if (large := beyond_float32(found)) is not None:
        return empty, TOO_LARGE, f" ({large:g} in column {columns[int((found == large).argmax())]!r})"
    there = np.flatnonzero(~np.isnan(found))
    return found[: there[-1] + 1, None].astype(np.float32) if len(there) else empty, "", ""


def _lists(values: Mapping[str, Any], columns: Sequence[str], form: NumberFormat) -> tuple[Series, str, str]:
    """A channel from each list; a single list of lists has the channels of each step in it."""
    empty = np.zeros((0, 1), dtype=np.float32)
    try:
        lists = [
            np.array([[number_of(x, form) for x in _channels(step)] for step in values[column]])
            for column in columns
        ]  # fmt: skip
    except (TypeError, ValueError, KeyError):
        return empty, "not lists of numbers, all steps with as many", ""
    lengths = sorted({len(one) for one in lists})
    if len(lengths) > 1:
        return empty, "lists of different lengths", f" ({lengths[0]} to {lengths[-1]})"
    found = np.concatenate(lists, axis=1) if lengths[0] else empty
    if (large := beyond_float32(found)) is not None:
        return empty, TOO_LARGE, f" ({large:g} at step {int((found == large).any(1).argmax()) + 1})"
    return found.astype(np.float32), "", ""


def _channels(step: Any) -> list[Any]:
    return step if isinstance(step, list) else [step]


def _are_channels(
    sample: Sequence[Mapping[str, Any]], columns: Sequence[str], form: NumberFormat, *, anyway: bool = False
) -> bool:
    """Whether columns hold numbers, all but a few cells, which reading then names.

    One without any value does beside others that have some, or `anyway`.
    """
    n_full, empty = 0, list[str]()
    for name in columns:
        n_there, n_numbers = counted((row.get(name) for row in sample), form)
        if n_numbers < n_there and n_numbers < (1.0 if name.casefold() in TEXT_NAMES else MOSTLY) * n_there:
            return False
        n_full += bool(n_there)
        empty += [] if n_there else [name]
    return not by_name(empty, TEXT_NAMES, taken="") and bool(anyway or n_full)


def are_numbers(sample: Sequence[Mapping[str, Any]], name: str, form: NumberFormat = PLAIN) -> bool:
    """Whether a column holds numbers, some of them there."""
    values = [row.get(name) for row in sample]
    return all(is_number(value, form) for value in values) and any(not is_missing(value) for value in values)


def are_lists(sample: Sequence[Mapping[str, Any]], name: str) -> bool:
    """Whether a column holds lists of numbers, or lists of such lists."""
    values = [row.get(name) for row in sample]
    return all(isinstance(value, list) and value and all(map(_is_step, value)) for value in values)


def _is_step(value: Any) -> bool:
    """Whether an item of a list is a number, or a list of numbers."""
    return all(is_number(x) and not isinstance(x, str) for x in _channels(value))


def _may_be_tokens(sample: Sequence[Mapping[str, Any]], name: str) -> bool:
    """Whether every number of the lists is a whole one, so that they are taken as tokens, as they always were."""
    return all(isinstance(x, int) for row in sample for x in row[name])


def _id_column(data: DataConfig, others: Sequence[str], taken: Sequence[str]) -> str:
    return data.series_column or by_name([name for name in others if name not in taken], SERIES_NAMES, taken="")
