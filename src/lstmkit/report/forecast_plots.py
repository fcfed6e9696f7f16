"""The plots of a forecaster: history with forecast fans, error by step ahead."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lstmkit.core.names import NAMES
from lstmkit.report.forecast_records import RULES, ForecastRun, Shown
from lstmkit.report.plots import _WIDTH_IN, _canvas, _label_ends, loss
from lstmkit.report.style import colour, label

_WIDE_IN = 7.4
_N_TICKS = 6


def fan(shown: Shown, run: ForecastRun) -> Figure:
    """A series' end and what was forecast of it from origins a horizon apart: 10 to 90% shaded, median, and rule."""
    figure, axes = _canvas(_WIDE_IN, 2.9, left=0.75, right=1.25, bottom=0.5)
    axes.set_title(label(shown.series, 60))
    steps = shown.begin + np.arange(len(shown.values))
    values = np.array([np.nan if value is None else value for value in shown.values])
    hue, plain = colour(run.cell), colour("majority")
    axes.axvline(shown.test - 0.5, color=colour("line"), linewidth=1.2)
    for one in shown.fans:
        ahead = one.origin + 1 + np.arange(len(one.rule))
        low, median, high = one.quantiles
        axes.fill_between(ahead, low, high, color=hue, alpha=0.22, linewidth=0)
        axes.plot(ahead, one.rule, color=plain, linewidth=1.1, linestyle=(0, (2, 2)), marker=_dot(ahead))
        axes.plot(ahead, median, color=hue, linewidth=1.8, marker=_dot(ahead))
    axes.plot(steps, values, color=colour("ink"), linewidth=1.1)
    axes.set_xlim(steps[0], steps[-1])
    places = np.unique(np.linspace(0, len(steps) - 1, _N_TICKS).round().astype(int))
    axes.set_xticks(steps[places], [label(shown.times[k][:10], 12) for k in places])
    axes.set_ylabel(label(run.details.columns[0], 30))
    _top(axes, shown.test, "test part")
    if shown.fans:
        last = shown.fans[-1]
        known = values[~np.isnan(values)]
        ends = [
            (f"{NAMES[run.cell]}, 10–90%", hue, last.quantiles[1][-1]),
            (RULES[run.evaluation.against].lower(), plain, last.rule[-1]),
            ("truth", colour("ink"), float(known[-1])),
        ]
        _label_ends(axes, float(steps[-1]), ends)
    return figure


def error_by_step(run: ForecastRun) -> Figure:
    """MASE of each step ahead, of the network and the plain rules; 1 is what the scale itself is."""
    evaluation = run.evaluation
    figure, axes = _canvas(_WIDTH_IN, 3.3, left=0.6, right=1.18, bottom=0.55)
    axes.set_title("Error by step ahead")
    steps = 1 + np.arange(evaluation.horizon)
    ends = []
    curves: list[tuple[str, str, Any, list[float]]] = [
        (NAMES[run.cell], colour(run.cell), "solid", evaluation.by_step.mase)
    ]
    hues = {"naive": colour("muted"), "seasonal_naive": colour("linear")}
    for name, measures in evaluation.baselines.items():
        curves.append((RULES[name], hues[name], (0, (3, 2)), measures.by_step.mase))
    for name, hue, dash, values in curves:
        axes.plot(steps, values, color=hue, linestyle=dash, linewidth=1.8, marker=_dot(steps))
        ends.append((name, hue, values[-1]))
    room = 0.5 if evaluation.horizon == 1 else 0.03 * evaluation.horizon
    axes.set_xlim(1 - room, evaluation.horizon + room)
    axes.set_ylim(0, axes.get_ylim()[1])
    axes.xaxis.set_major_locator(MaxNLocator(nbins=10, integer=True, min_n_ticks=1))
    axes.set_xlabel("steps ahead")
    axes.set_ylabel("MASE")
    _label_ends(axes, evaluation.horizon + room, ends)
    return figure


def of_forecast(run: ForecastRun) -> dict[str, Figure]:
    """All plots of a forecaster's page, by file name."""
    fans = {f"forecast_{k}": fan(shown, run) for k, shown in enumerate(run.details.shown, start=1)}
    return {"loss": loss([run], "pinball loss, in scales of the window"), "error_by_step": error_by_step(run), **fans}


def _dot(points: np.ndarray) -> str:
    return "." if len(points) == 1 else ""


def _top(axes: Axes, step: int, words: str) -> None:
    axes.annotate(words, (step - 0.5, 1), xycoords=("data", "axes fraction"), xytext=(4, 2), fontsize=8,
                  textcoords="offset points", va="bottom", color=colour("muted"))  # fmt: skip
