"""The plots of a comparison: figures from its record. The same model has the same colour in each of them."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator, NullLocator

from lstmkit.config.schema import Cell
from lstmkit.core.names import NAMES
from lstmkit.report.compare_records import Compared, Comparison, Network
from lstmkit.report.plots import _WIDTH_IN, _canvas, _cropped, _floor, _label_ends
from lstmkit.report.records import LengthBin, Run
from lstmkit.report.style import colour

NAMED: dict[str, str] = {**NAMES, "linear": "Linear model", "majority": "Majority class"}
SHORT = {**NAMES, "linear": "linear"}
_SPREAD = 0.16  # between models beside each other at one place


def of_comparison(compared: Compared) -> dict[str, Figure]:
    """The plots of a comparison's page, by file name; what has nothing to show is left out."""
    record = compared.record
    figures = {
        "test_accuracy": test_accuracy(record),
        "differences": differences(record),
        "validation": validation(compared.runs),
    }
    if len(record.rates) > 1:
        figures["learning_rates"] = learning_rates(record.models)
    if len(record.baselines.linear.accuracy_by_length) > 1:
        figures["accuracy_by_length"] = accuracy_by_length(record, compared.unit)
    return figures


def test_accuracy(record: Comparison) -> Figure:
    """Each seed's test accuracy, the mean and its interval over seeds; the baselines, which have no seeds, as lines."""
    networks = list(record.models.items())
    figure, axes = _canvas(_WIDTH_IN, 1.5 + 0.44 * len(networks), left=0.85, right=0.7, bottom=0.55)
    levels = {"linear": record.baselines.linear.accuracy, "majority": record.baselines.majority.accuracy}
    lowest = [run.accuracy for _, model in networks for run in model.runs]
    lowest += [model.accuracy_seeds_ci95[0] for _, model in networks if model.accuracy_seeds_ci95]
    floor = _floor(min(*lowest, *levels.values()))
    for name, level in levels.items():
        axes.axvline(100 * level, color=colour(name), linewidth=1.3, linestyle=(0, (4, 2)), zorder=1)
        # The two names keep apart where the two lines do not: each stands on its own height.
        axes.annotate(f"{SHORT.get(name, name)} {level:.1%}", (100 * level, 1), xycoords=axes.get_xaxis_transform(),
                      xytext=(4, -2 if name == "linear" else -12), textcoords="offset points", va="top", fontsize=8,
                      color=colour(name), ha="left" if level < 0.72 else "right",
                      bbox={"facecolor": colour("paper"), "edgecolor": "none", "pad": 0.6})  # fmt: skip
    for place, (cell, model) in enumerate(networks):
        hue = colour(cell)
        if model.accuracy_seeds_ci95:
            low, high = (100 * end for end in model.accuracy_seeds_ci95)
            axes.plot([low, high], [place - 0.12] * 2, color=hue, linewidth=2)
        axes.plot([100 * run.accuracy for run in model.runs], [place + 0.2] * len(model.runs), linestyle="", marker="o",
                  markersize=4.5, color=colour("paper"), markeredgecolor=hue, markeredgewidth=1.2)  # fmt: skip
        axes.plot([100 * model.accuracy_mean], [place - 0.12], marker="D", markersize=6.5, color=hue)
        end = model.accuracy_seeds_ci95[1] if model.accuracy_seeds_ci95 else max(r.accuracy for r in model.runs)
        axes.annotate(f"{model.accuracy_mean:.2%}", (100 * end, place - 0.12), xytext=(8, 0),
                      textcoords="offset points", va="center", color=hue, annotation_clip=False)  # fmt: skip
    _rows(axes, [NAMES[cell] for cell, _ in networks], [colour(cell) for cell, _ in networks], head=0.9)
    axes.set_xlim(floor, 100)
    axes.set_title("Test accuracy by seed")
    axes.set_xlabel(f"accuracy (%){_cropped(floor)}")
    return figure


def differences(record: Comparison) -> Figure:
    """The difference of each pair, with its interval over test examples (thick) and over seeds (thin), against zero."""
    pairs = record.pairs
    figure, axes = _canvas(_WIDTH_IN, 0.97 + 0.42 * len(pairs), left=1.2, right=0.25, bottom=0.55)
    axes.axvline(0, color=colour("ink"), linewidth=1.0, zorder=1)
    hues = [colour("ink" if pair.outcome in ("ahead", "behind") else "muted") for pair in pairs]
    for place, (pair, hue) in enumerate(zip(pairs, hues, strict=True)):
        if pair.examples_ci95:
            axes.plot([100 * end for end in pair.examples_ci95], [place - 0.12] * 2, color=hue, linewidth=4,
                      solid_capstyle="butt")  # fmt: skip
        if pair.seeds_ci95:
            axes.plot([100 * end for end in pair.seeds_ci95], [place + 0.16] * 2, color=hue, linewidth=1.2)
            axes.plot([100 * value for value in pair.by_seed], [place + 0.16] * len(pair.by_seed), linestyle="",
                      marker="o", markersize=4, color=colour("paper"), markeredgecolor=hue)  # fmt: skip
        axes.plot([100 * pair.difference], [place - 0.12], marker="D", markersize=5.5, color=hue,
                  markeredgecolor=colour("paper"))  # fmt: skip
    _rows(axes, [f"{SHORT[pair.one]} − {SHORT[pair.other]}" for pair in pairs], hues)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=7))
    axes.set_title("Differences in test accuracy")
    axes.set_xlabel("percentage points; right of zero the first is ahead")
    return figure


def learning_rates(models: Mapping[Cell, Network]) -> Figure:
    """Validation accuracy by learning rate, the rate chosen ringed; a rate at which training failed is a cross."""
    figure, axes = _canvas(_WIDTH_IN, 3.0, left=0.6, right=0.62, bottom=0.55)
    sound = [t.valid_accuracy for model in models.values() for t in model.search if t.valid_accuracy is not None]
    floor = _floor(min(sound))
    rates = [tried.rate for tried in next(iter(models.values())).search]
    ends: list[tuple[str, str, float]] = []
    for cell, model in models.items():
        points = [(t.rate, 100 * t.valid_accuracy) for t in model.search if t.valid_accuracy is not None]
        axes.plot(*zip(*points, strict=True), color=colour(cell), marker="o", markersize=4.5, linewidth=1.6)
        axes.plot(*zip(*[p for p in points if p[0] == model.learning_rate], strict=True), marker="o", markersize=9,
                  linestyle="", color=colour("paper"), markeredgecolor=colour(cell), markeredgewidth=1.8)  # fmt: skip
        failed = [tried.rate for tried in model.search if tried.failure]
        axes.plot(failed, [floor + 2] * len(failed), marker="x", markersize=7, linestyle="", color=colour(cell))
        ends.append((NAMES[cell], colour(cell), points[-1][1]))
    axes.set_xscale("log")
    axes.set_xlim(rates[0] / 1.25, rates[-1] * 1.25)
    axes.xaxis.set_major_locator(FixedLocator(rates))
    axes.xaxis.set_major_formatter(FixedFormatter([f"{rate:g}" for rate in rates]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_ylim(floor, 101)
    axes.set_title("Validation accuracy by learning rate")
    axes.set_xlabel("learning rate (logarithmic)")
    axes.set_ylabel(f"accuracy (%){_cropped(floor)}")
    _label_ends(axes, rates[-1] * 1.25, ends)
    return figure


def validation(runs: Mapping[Cell, Sequence[Run]]) -> Figure:
    """Validation accuracy by epoch at the rates chosen: a thin line for each seed, the epoch kept marked."""
    values = [e.valid_accuracy for own in runs.values() for run in own for e in run.epochs if e.valid_accuracy]
    floor = _floor(min(values, default=0.0))
    figure, axes = _canvas(_WIDTH_IN, 3.0, left=0.6, right=0.62, bottom=0.55)
    n_epochs = max(run.epochs[-1].epoch for own in runs.values() for run in own)
    ends: list[tuple[str, str, float]] = []
    for cell, own in runs.items():
        lasts: list[float] = []
        for run in own:
            points = [(e.epoch, 100 * e.valid_accuracy) for e in run.epochs if e.valid_accuracy is not None]
            xs, ys = [x for x, _ in points], [y for _, y in points]
            axes.plot(xs, ys, color=colour(cell), linewidth=1.1, marker="." if len(points) <= 2 else "")
            kept = [point for point in points if point[0] == run.details.best_epoch]
            axes.plot([x for x, _ in kept], [y for _, y in kept], marker="o", markersize=6, linestyle="",
                      color=colour("paper"), markeredgecolor=colour(cell), markeredgewidth=1.3)  # fmt: skip
            lasts += ys[-1:]
        ends.append((NAMES[cell], colour(cell), sum(lasts) / max(1, len(lasts))))
    room = 0.5 if n_epochs == 1 else 0.03 * (n_epochs - 1)
    axes.set_xlim(1 - room, n_epochs + room)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=10, integer=True, min_n_ticks=1))
    axes.set_ylim(floor, 101)
    axes.set_title("Validation accuracy by epoch")
    axes.set_xlabel("epoch")
    axes.set_ylabel(f"accuracy (%){_cropped(floor)}")
    _label_ends(axes, n_epochs + room, ends)
    return figure


def accuracy_by_length(record: Comparison, unit: str) -> Figure:
    """Mean test accuracy by quartile of length, of the networks and the linear model."""
    own: dict[str, list[LengthBin]] = {cell: model.accuracy_by_length for cell, model in record.models.items()}
    own["linear"] = record.baselines.linear.accuracy_by_length
    bins = own["linear"]
    figure, axes = _canvas(_WIDTH_IN, 3.3, left=0.6, right=0.62, bottom=0.72)
    floor = _floor(min(group.accuracy_ci95[0] for groups in own.values() for group in groups))
    ends: list[tuple[str, str, float]] = []
    for index, (name, groups) in enumerate(own.items()):
        places = [place + (index - (len(own) - 1) / 2) * _SPREAD for place in range(len(groups))]
        values = [100 * group.accuracy for group in groups]
        whiskers = [
            [max(0.0, value - 100 * group.accuracy_ci95[0]) for value, group in zip(values, groups, strict=True)],
            [max(0.0, 100 * group.accuracy_ci95[1] - value) for value, group in zip(values, groups, strict=True)],
        ]
        axes.errorbar(places, values, whiskers, color=colour(name), marker="s" if name == "linear" else "o",
                      markersize=4.5, linewidth=1.2, capsize=0)  # fmt: skip
        ends.append((SHORT[name], colour(name), values[-1]))
    labels = [f"{b.first:,}" if b.first == b.last else f"{b.first:,}–{b.last:,}" for b in bins]
    axes.set_xticks(range(len(bins)), [f"{words}\nn = {b.n:,}" for words, b in zip(labels, bins, strict=True)])
    axes.set_xlim(-0.5, len(bins) - 0.5)
    axes.set_ylim(floor, 101)
    axes.set_title("Test accuracy by length")
    axes.set_xlabel(f"length ({unit}), and number of test sequences")
    axes.set_ylabel(f"accuracy (%){_cropped(floor)}")
    _label_ends(axes, len(bins) - 0.5, ends)
    return figure


def _rows(axes: Axes, names: Sequence[str], hues: Sequence[str], head: float = 0.0) -> None:
    """One named row for each whole number, from the top down, with room of `head` rows above the first."""
    axes.set_yticks(range(len(names)), names)
    for tick, hue in zip(axes.get_yticklabels(), hues, strict=True):
        tick.set_color(hue)
    axes.set_ylim(len(names) - 0.5, -0.5 - head)
    axes.grid(axis="y", visible=False)
    axes.grid(axis="x")
    axes.spines["left"].set_visible(False)
