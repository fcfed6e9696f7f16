"""The plots of a probe: what each cell reaches by lag, and its horizon."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from lstmkit.report.plots import _canvas, _label_ends
from lstmkit.report.probe_records import TITLES, Point, Probe, Subject
from lstmkit.report.style import colour

# No linear model stands beside a probe's cells, so its hue is free for the fourth; each has a marker of its own, too.
HUES: dict[Subject, str] = {"rnn": "rnn", "gru": "gru", "lstm": "lstm", "chrono": "linear"}
_MARKERS: dict[Subject, str] = {"rnn": "s", "gru": "^", "lstm": "o", "chrono": "D"}
_WIDTH_IN = 6.4


def curve(probe: Probe, task: str) -> Figure:
    """Test error or accuracy by lag; filled where solved, hollow where not, the rule and the baseline as lines."""
    about, cells = probe.record.tasks[task], probe.record.curves[task]
    is_accuracy = about.measure == "accuracy"
    scale = 100.0 if is_accuracy else 1.0
    figure, axes = _canvas(_WIDTH_IN, 3.5, left=0.66, right=1.3, bottom=0.55)
    axes.set_title(f"{about.title}: {'accuracy' if is_accuracy else 'mean squared error'} by lag")
    _log_lags(axes, probe.record.plan.lags)
    axes.set_ylabel("accuracy (%)" if is_accuracy else "mean squared error")
    highest = max(point.ci95[1] for points in cells.values() for point in points)
    axes.set_ylim(*((0, 104) if is_accuracy else (-0.006, 1.18 * max(highest, about.baseline))))
    _rule(axes, about.baseline * scale, "without memory", (0, (1, 2)))
    _rule(axes, about.solved * scale, "solved above" if is_accuracy else "solved below", (0, (4, 2)), is_accuracy)
    ends = []
    for index, (cell, points) in enumerate(cells.items()):
        shift = 1.04 ** (index - (len(cells) - 1) / 2)  # so that marks of equal height do not hide each other
        _draw(axes, cell, points, shift, scale)
        ends.append((TITLES[cell], colour(HUES[cell]), points[-1].value * scale))
    _label_ends(axes, axes.get_xlim()[1], ends)
    return figure


def horizon(probe: Probe) -> Figure:
    """The longest lag that each cell solved, a panel for each task; an arrow where that is the longest tried."""
    plan, tasks = probe.record.plan, probe.record.plan.tasks
    row_in, left, top, bottom = 0.3, 1.1, 0.62, 0.45
    panel_in = row_in * len(plan.cells)
    height = len(tasks) * (panel_in + top) + bottom - 0.2  # above the first title there is no axis
    figure = Figure(figsize=(_WIDTH_IN, height))
    for place, task in enumerate(tasks):
        base = bottom + (len(tasks) - 1 - place) * (panel_in + top)
        axes = figure.add_axes(
            (left / _WIDTH_IN, base / height, (_WIDTH_IN - left - 1.05) / _WIDTH_IN, panel_in / height)
        )
        axes.set_title(f"{probe.record.tasks[task].title}: longest lag solved")
        _log_lags(axes, plan.lags)
        axes.set_xlabel(axes.get_xlabel() if place == len(tasks) - 1 else "")
        axes.grid(axis="x")
        axes.tick_params(length=0)
        start = axes.get_xlim()[0]
        for row, cell in enumerate(plan.cells):
            lag = probe.record.horizon[task][cell]
            hue = colour(HUES[cell])
            if lag:
                axes.plot([start, lag], [row, row], color=hue, linewidth=2, solid_capstyle="butt")
                axes.plot([lag], [row], color=hue, marker=_MARKERS[cell], markersize=7)
            words = f"{lag:,}{' or longer' if probe.reached_the_end(task, cell) else ''}" if lag else "none"
            axes.annotate(words, (lag or start, row), xytext=(8, 0), textcoords="offset points", va="center",
                          color=hue, fontsize=8.5, annotation_clip=False)  # fmt: skip
        axes.set_yticks(range(len(plan.cells)), [TITLES[cell] for cell in plan.cells])
        for tick, cell in zip(axes.get_yticklabels(), plan.cells, strict=True):
            tick.set_color(colour(HUES[cell]))
        axes.set_ylim(len(plan.cells) - 0.5, -0.5)
        axes.spines["left"].set_visible(False)
    return figure


def of_probe(probe: Probe) -> dict[str, Figure]:
    """The plots of a probe's page, by file name."""
    return {"horizon": horizon(probe), **{name: curve(probe, name) for name in probe.record.plan.tasks}}


def _draw(axes: Axes, cell: Subject, points: list[Point], shift: float, scale: float) -> None:
    hue = colour(HUES[cell])
    lags, values = [point.lag * shift for point in points], [point.value * scale for point in points]
    axes.vlines(lags, [p.ci95[0] * scale for p in points], [p.ci95[1] * scale for p in points], color=hue, linewidth=1)
    axes.plot(lags, values, color=hue, linewidth=1.6)
    for point, lag, value in zip(points, lags, values, strict=True):
        axes.plot([lag], [value], color=hue if point.solved else colour("paper"), marker=_MARKERS[cell], markersize=6,
                  markeredgecolor=hue, markeredgewidth=1.4)  # fmt: skip


def _rule(axes: Axes, height: float, words: str, dash: tuple[int, tuple[int, int]], below: bool = False) -> None:
    axes.axhline(height, color=colour("muted"), linewidth=1, linestyle=dash, zorder=1)
    axes.annotate(words, (0, height), xycoords=("axes fraction", "data"), xytext=(4, -10 if below else 3),
                  textcoords="offset points", fontsize=8, color=colour("muted"))  # fmt: skip


def _log_lags(axes: Axes, lags: list[int]) -> None:
    axes.set_xscale("log")
    room = max((lags[-1] / lags[0]) ** 0.04, 1.1)
    axes.set_xlim(lags[0] / room, lags[-1] * room)
    axes.xaxis.set_major_locator(FixedLocator(lags))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda lag, _: f"{lag:,.0f}"))
    axes.set_xlabel("lag (steps, logarithmic)")
