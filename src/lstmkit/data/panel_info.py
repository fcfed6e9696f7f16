"""What lstmkit sees in a table that is to be forecast, before training, as lines of plain text."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np

from lstmkit.data.info import table
from lstmkit.data.sources.calendar import calendar_of
from lstmkit.data.sources.panel import Panel

_SHOWN_TIMES = 3
_MOST_SERIES = 24  # in the table of a terminal
_MOST_REJECTED = 3


def panel_lines(panel: Panel, season: tuple[int, str]) -> Iterator[str]:
    """Columns with their ranges, series with their lengths and times, what is missing, still or cannot be used.

    Args:
        panel: what `load_panel` gave.
        season: steps of the season and why, see `lstmkit.data.cutting.season_of`.
    """
    every = panel.interval
    yield f"{panel.name}: a table to forecast" + (f"; {every} between two steps" if every else "")
    yield from (f"  {line}" for line in panel.decisions)
    yield f"  season: {season[1]}"
    yield f"  next times: {next_times(panel)}"
    yield ""
    rows = np.concatenate([one.values for one in panel.series])
    yield from table(
        ["column", "mean", "deviation", "min", "max", "missing"],
        [
            [f"{name}{' (forecast)' if k == 0 else ''}", *_range(rows[:, k]), f"{np.isnan(rows[:, k]).mean():.1%}"]
            for k, name in enumerate(panel.columns)
        ],
    )
    yield ""
    lengths = [len(one) for one in panel.series]
    yield (
        f"{len(lengths):,} series, {sum(lengths):,} steps; the shortest has {min(lengths):,}, the longest "
        f"{max(lengths):,}"
    )
    yield from table(
        ["series", "steps", "first", "last", "missing"],
        [
            [
                one.name,
                f"{len(one):,}",
                str(one.times[0]),
                str(one.times[-1]),
                f"{np.isnan(one.values[:, 0]).mean():.1%}",
            ]
            for one in panel.series[:_MOST_SERIES]
        ],
    )
    if len(lengths) > _MOST_SERIES:
        yield f"and {len(lengths) - _MOST_SERIES:,} more"
    still = [one.name for one in panel.series if np.nanmin(one.values[:, 0]) == np.nanmax(one.values[:, 0])]
    yield f"series that do not change: {len(still):,}" + (f" (such as {still[0]})" if still else "")
    yield f"rejected series: {len(panel.rejected):,}"
    yield from (f"  {row['file']}:{row['line']}: {row['reason']}" for row in panel.rejected[:_MOST_REJECTED])


def found_in_panel(panel: Panel, season: int) -> dict[str, Any]:
    """Return what `lstmkit data info --task forecast --json` prints: what was found and how it will be read.

    Args:
        panel: what `load_panel` gave.
        season: steps of a season; 1 for none.
    """
    columns = asdict(panel.found)
    return {
        "source": panel.name,
        "modality": "series",
        "task": "forecast",
        "layout": panel.layout,
        "columns": columns | {"channels": list(panel.found.channels), "left_out": list(panel.found.left_out)},
        "n_by_split": {"all": len(panel.series)},
        "season": season,
        "decisions": list(panel.decisions),
        "n_rejected": len(panel.rejected),
        "fingerprint": panel.fingerprint,
    }


def next_times(panel: Panel, n: int = _SHOWN_TIMES) -> str:
    """Return the times that follow the longest series with the rule that gives them, or why there are none.

    Args:
        panel: what `load_panel` gave.
        n: how many to show.
    """
    series = max(panel.series, key=len)
    calendar = calendar_of(series.times, panel.form)
    times, fault = calendar.following(n)
    if times is None:
        told = f"none can be told ({fault})"
    else:
        told = f"{', '.join(map(str, times))}, …" + (f" ({calendar.words})" if panel.time else "")
    others = sum(
        calendar_of(one.times, panel.form).following(n)[0] is None for one in panel.series if one is not series
    )
    of = f", of series {series.name!r}" if len(panel.series) > 1 else ""
    return told + of + (f"; none of {others:,} others" if others else "")


def _range(values: np.ndarray) -> list[str]:
    there = values[~np.isnan(values)]
    if not len(there):
        return ["–"] * 4
    return [f"{value:.4g}" for value in (there.mean(), there.std(), there.min(), there.max())]
