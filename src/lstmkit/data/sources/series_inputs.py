"""Series without labels, streamed from a file or a pipe: what `predict` reads with a model of series."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lstmkit.config.schema import DataConfig
from lstmkit.core.errors import DataError, RequestError
from lstmkit.core.reading import reader
from lstmkit.data.sources.channels import are_named, few
from lstmkit.data.sources.columns import LABEL_NAMES, by_name, require_column
from lstmkit.data.sources.gathered import is_number
from lstmkit.data.sources.inputs import Input, Inputs, format_of
from lstmkit.data.sources.plan import Reading, SourceFile, fault_of_series
from lstmkit.data.sources.series_tables import (
    SERIES_NAMES,
    TIME_NAMES,
    Found,
    SeriesLayout,
    are_lists,
    found_series,
)
from lstmkit.data.sources.tables import looked_at, open_whole, steps_of
from lstmkit.data.sources.times import Interval
from lstmkit.data.sources.ts import SUFFIX, ts_series


class _Faults(Reading):
    """A reading that keeps what it rejects as inputs that cannot be used."""

    def __init__(self, data: DataConfig, model_interval: Interval | None) -> None:
        super().__init__(data, model_interval)
        self.found: list[Input] = []

    def reject(self, file: SourceFile, line: int | None, reason: str, detail: str = "", text: str = "") -> None:
        """See `Reading`."""
        del file, text
        self.found.append(Input(line or 0, "", reason + detail))


@reader
def series_in(
    path: Path,
    format: str | None,  # noqa: A002
    data: DataConfig,
    channels: Sequence[str],
    interval: Interval | None = None,
) -> Inputs:
    """The series of a file in its order; of tables with a row for each step, in the order in which they begin.

    Args:
        path: a file, or a pipe such as /dev/stdin.
        format: csv, tsv, jsonl or parquet; None: by the file's suffix, `.ts` among them.
        data: how the model's own source was read; its columns of labels, series and times are taken where a table has
            them, and found by their usual names else. None of them is needed: a table with a row for each step and no
            column that names a series is one.
        channels: the model's. Columns are found by these names; series without names (`.ts`, lists of steps, a model
            that knows none) have theirs in the model's order.
        interval: the model's: a series with times that were sampled otherwise cannot be used; None: not known.

    Returns:
        Inputs whose `text` is the id, the name that the file has for a series or file and line, and whose `item` is
        float32 `(time, channels)`.

    Raises:
        DataError: the file cannot be read, or has not the channels.
        RequestError: the format is unknown, or none for series.
    """
    file = SourceFile(path, path.name)
    faults = _Faults(data, interval)
    if path.suffix.lower() == SUFFIX and format is None:
        found = (
            Found(line, "", values, {} if label is None else {"label": label})
            for line, values, label in ts_series(file, faults, needs_labels=False)
        )
        note = [f"channels by their place: {few(channels)}"] if are_named(channels) else []
        return Inputs(_checked(found, file, faults, channels, ("label",)), {"label": None}, note)
    format = format_of(path, format)  # noqa: A001
    if format == "lines":
        raise RequestError(
            f"{path}: lines hold texts, and the model reads series; give .ts, .csv, .tsv, .jsonl or .parquet, a pipe "
            "with --input-format csv or jsonl, or a single series that is still arriving with --stream"
        )
    table = open_whole(file, faults, suffix=f".{format}")
    names, sample, records, _ = looked_at(table)
    if not sample:
        return Inputs(_checked(iter(()), file, faults, channels, ()))
    layout = _layout(file, names, sample, data, channels)
    kept = _kept(names, layout)
    steps = steps_of(file, records, faults)
    rows = _checked(found_series(file, steps, layout, faults), file, faults, channels, kept)
    return Inputs(rows, {name: table.types.get(name) for name in kept}, _told(layout, channels))


def _layout(
    file: SourceFile,
    names: Sequence[str],
    sample: Sequence[Mapping[str, Any]],
    data: DataConfig,
    channels: Sequence[str],
) -> SeriesLayout:
    """How a table holds series with these channels.

    Raises:
        DataError: it does not.
    """

    def column(asked: str, usual: Sequence[str], others: Sequence[str]) -> str:
        return asked if asked in others else by_name(others, usual, taken="")

    label = column(data.label_column, LABEL_NAMES, [name for name in names if name not in channels])
    others = [name for name in names if name != label]
    series = column(data.series_column, SERIES_NAMES, [name for name in others if name not in channels])
    has_all, named = all(name in others for name in channels), are_named(channels)
    lists = tuple(name for name in others if name != series and are_lists(sample, name))
    if lists:
        if named and has_all:
            return SeriesLayout("lists", label, tuple(channels), series)
        if len(lists) in (1, len(channels)) and not (named and set(lists) & set(channels)):
            return SeriesLayout("lists", label, lists, series)
    else:
        numbers = [name for name in others if name != series and all(is_number(row.get(name)) for row in sample)]
        time = column(data.time_column, TIME_NAMES, [name for name in others if name not in (series, *channels)])
        steps = tuple(name for name in numbers if name != time)
        is_long = bool(series) and len({str(row.get(series)) for row in sample}) < len(sample)
        if named and has_all:
            return SeriesLayout("long", label, tuple(channels), series, time)
        if len(channels) == 1 and numbers and not is_long:
            return SeriesLayout("wide", label, tuple(numbers), series)
        if is_long and not named and len(steps) == len(channels):
            return SeriesLayout("long", label, steps, series, time)
    if named:
        for name in channels:
            require_column(file, name, others, taken=channels)
    raise DataError(
        f"{file.path}: {len(channels)} channels are read, and none of its columns ({few(names)}) hold as many; give a "
        "table with a column for each"
    )


def _kept(names: Sequence[str], layout: SeriesLayout) -> tuple[str, ...]:
    """Columns that go with a series into what is written: of a table with a row for each step its label alone."""
    if layout.form == "long":
        return (layout.label,) if layout.label else ()
    return tuple(name for name in names if name not in (*layout.columns, layout.series))


def _told(layout: SeriesLayout, channels: Sequence[str]) -> list[str]:
    first, *told = layout.told()[: None if layout.label else -1]
    if layout.form == "long" and not layout.series:
        first = "layout: a row for each step of one series, as no column names any"
    by_place = are_named(channels) and layout.form != "wide" and layout.columns != tuple(channels)
    return [first, *told, *([f"channels by their place: {few(channels)}"] if by_place else [])]


def _checked(
    found: Iterator[Found], file: SourceFile, faults: _Faults, channels: Sequence[str], kept: Sequence[str]
) -> Iterator[Input]:
    """Inputs in the file's order, those at fault where they are met."""
    for one in found:
        yield from _drained(faults)
        fault, detail = fault_of_series(one.values, len(channels), "the model reads")
        others = {name: one.row.get(name) for name in kept if name in one.row}
        name = one.name or f"{file.name}:{one.line}"
        yield Input(one.line, name, fault + detail, {} if fault else others, None if fault else one.values)
    yield from _drained(faults)


def _drained(faults: _Faults) -> list[Input]:
    found, faults.found = faults.found, []
    return found
