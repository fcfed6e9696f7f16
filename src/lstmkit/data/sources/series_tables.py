"""Tables of numbers: a row a step (long), a row a series (wide), or lists in a row; which it is, and its series."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from lstmkit.config.schema import DataConfig
from lstmkit.data.numeric import beyond_float32
from lstmkit.data.sources.cells import is_missing, is_number, number_of
from lstmkit.data.sources.columns import LABEL_NAMES, TEXT_NAMES, by_name, require_column
from lstmkit.data.sources.corpus import ColumnsFound, Series
from lstmkit.data.sources.gathered import TOO_LARGE, Step, gather, timed
from lstmkit.data.sources.plan import Reading, Row, SourceFile

SERIES_NAMES = (
    "series", "series_id", "case", "case_id", "sequence_id", "sample_id", "recording", "recording_id", "trial", "unit",
    "id",
)  # fmt: skip
TIME_NAMES = ("time", "timestamp", "t", "date", "datetime", "step")
_MOSTLY = 0.9  # of a column's cells: what is no number among so many is a mistake, and not a text
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
    """

    form: Literal["long", "wide", "lists"]
    label: str
    columns: tuple[str, ...]
    series: str = ""
    time: str = ""

    def read_columns(self) -> list[str]:
        """All columns that reading needs."""
        return [name for name in (self.series, self.time, *self.columns, self.label) if name]

    def found(self, names: Sequence[str]) -> ColumnsFound:
        """What each of a table's columns holds."""
        left_out = tuple(name for name in names if name not in self.read_columns())
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
        return [words[self.form], *channels, f"label column: {self.label!r}"]


def series_layout(
    file: SourceFile, names: Sequence[str], sample: Sequence[Mapping[str, Any]], data: DataConfig
) -> SeriesLayout | None:
    """How a table holds series; None where it holds texts or tokens.

    It holds series where all its columns but those of label, series and time are numbers, or lists of them. A column
    that is empty throughout the sample is one of numbers beside others, or where both series and time have theirs.

    Args:
        file: the table, for errors.
        names: its columns.
        sample: its first rows.
        data: columns asked for.

    Raises:
        DataError: a column asked for is not there.
    """
    asked = (data.series_column, data.time_column)
    for name in (*asked, *([data.label_column] if any(asked) else [])):
        if name:
            require_column(file, name, names)
    if data.text_column or not sample:
        return None
    label = data.label_column or by_name(names, LABEL_NAMES, taken="")
    if label not in names:
        return None
    others = [name for name in names if name != label]
    lists = tuple(name for name in others if are_lists(sample, name))
    if lists and not (len(lists) == 1 and _may_be_tokens(sample, lists[0])):
        return SeriesLayout("lists", label, lists, series=_id_column(data, others, lists))
    series = data.series_column or by_name(others, SERIES_NAMES, taken="")
    time = data.time_column or by_name(others, TIME_NAMES, taken=series)
    columns = tuple(name for name in others if name not in (series, time))
    if not columns or not _are_channels(sample, columns, anyway=bool(series and time)):
        return None
    if data.series_column or (series and len({str(row.get(series)) for row in sample}) < len(sample)):
        return SeriesLayout("long", label, columns, series, time)
    if len(columns) < 2 or by_name(columns, TEXT_NAMES, taken=""):
        return None
    wide = tuple(name for name in others if name != series)  # a column "t" among steps is a step
    return SeriesLayout("wide", label, wide, series) if _are_channels(sample, wide) else None


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
        found, fault, detail = read(values, layout.columns)
        if fault:
            reading.reject(file, line, fault, detail)
            continue
        if layout.form == "lists" and found.shape[1] == len(layout.columns):
            reading.channels = reading.channels or list(layout.columns)
        yield Found(line, str(values[layout.series]) if layout.series else "", found, values)


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


def _wide(values: Mapping[str, Any], columns: Sequence[str]) -> tuple[Series, str, str]:
    """One channel; cells that are empty at the end are no steps."""
    empty = np.zeros((0, 1), dtype=np.float32)
    try:
        found = np.array([number_of(values.get(column)) for column in columns])
    except (TypeError, ValueError):
        bad = next(column for column in columns if not is_number(values.get(column)))
        return empty, "not a number", f" ({values.get(bad)!r} in column {bad!r})"
    if (large := beyond_float32(found)) is not None:
        return empty, TOO_LARGE, f" ({large:g} in column {columns[int((found == large).argmax())]!r})"
    there = np.flatnonzero(~np.isnan(found))
    return found[: there[-1] + 1, None].astype(np.float32) if len(there) else empty, "", ""


def _lists(values: Mapping[str, Any], columns: Sequence[str]) -> tuple[Series, str, str]:
    """A channel from each list; a single list of lists has the channels of each step in it."""
    empty = np.zeros((0, 1), dtype=np.float32)
    try:
        lists = [
            np.array([[number_of(x) for x in (step if isinstance(step, list) else [step])] for step in values[column]])
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


def _are_channels(sample: Sequence[Mapping[str, Any]], columns: Sequence[str], *, anyway: bool = False) -> bool:
    """Whether columns hold numbers, all but a few cells, which reading then names.

    One without any value does beside others that have some, or `anyway`.
    """
    full: list[str] = []
    for name in columns:
        there = [row.get(name) for row in sample if not is_missing(row.get(name))]
        least = 1.0 if by_name([name], TEXT_NAMES, taken="") else _MOSTLY
        if there and sum(map(is_number, there)) < least * len(there):
            return False
        full += [name] if there else []
    empty = [name for name in columns if name not in full]
    return not by_name(empty, TEXT_NAMES, taken="") and bool(anyway or full)


def are_numbers(sample: Sequence[Mapping[str, Any]], name: str) -> bool:
    """Whether a column holds numbers, some of them there."""
    values = [row.get(name) for row in sample]
    return all(map(is_number, values)) and any(not np.isnan(number_of(value)) for value in values)


def are_lists(sample: Sequence[Mapping[str, Any]], name: str) -> bool:
    """Whether a column holds lists of numbers, or lists of such lists."""
    values = [row.get(name) for row in sample]
    return all(isinstance(value, list) and value and _of_numbers(value) for value in values)


def _of_numbers(value: list[Any]) -> bool:
    return all(_of_numbers(x) if isinstance(x, list) else is_number(x) and not isinstance(x, str) for x in value)


def _may_be_tokens(sample: Sequence[Mapping[str, Any]], name: str) -> bool:
    """Whether every number of the lists is a whole one, so that they are taken as tokens, as they always were."""
    return all(isinstance(x, int) for row in sample for x in row[name])


def _id_column(data: DataConfig, others: Sequence[str], taken: Sequence[str]) -> str:
    return data.series_column or by_name([name for name in others if name not in taken], SERIES_NAMES, taken="")
