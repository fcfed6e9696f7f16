"""What lstmkit sees in a table that is to be forecast, before training, as lines of plain text."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from lstmkit.data.info import table
from lstmkit.data.sources.calendar import calendar_season
from lstmkit.data.sources.panel import Panel

_MOST_SERIES = 24  # in the table of a terminal
_MOST_REJECTED = 3


def panel_lines(panel: Panel) -> Iterator[str]:
    """Columns with their ranges, series with their lengths and times, what is missing, still or cannot be used.

    Args:
        panel: what `load_panel` gave.
    """
    every = panel.interval
    yield f"{panel.name}: a table to forecast" + (f"; {every} between two steps" if every else "")
    yield from (f"  {line}" for line in panel.decisions)
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


def found_in_panel(panel: Panel) -> dict[str, Any]:
    """Return what `lstmkit data info --task forecast --json` prints: what was found and how it will be read."""
    target, *covariates = panel.columns
    columns = {"text": "", "label": target, "series": panel.series_column, "time": panel.time, "channels": covariates}
    return {
        "source": panel.name,
        "modality": "series",
        "task": "forecast",
        "layout": "panel",
        "columns": columns | {"left_out": []},
        "n_by_split": {"all": len(panel.series)},
        "season": calendar_season(panel.series[0].times) or None,
        "decisions": list(panel.decisions),
        "n_rejected": len(panel.rejected),
        "fingerprint": panel.fingerprint,
    }


def _range(values: np.ndarray) -> list[str]:
    there = values[~np.isnan(values)]
    if not len(there):
        return ["–"] * 4
    return [f"{value:.4g}" for value in (there.mean(), there.std(), there.min(), there.max())]
