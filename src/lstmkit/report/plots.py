"""The plots of a run and of a lab: figures from records. The same model has the same colour in each of them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lstmkit.config.schema import Cell
from lstmkit.core.names import NAMES, STEPS
from lstmkit.core.records import Epoch
from lstmkit.report.records import Evaluation, Lab, Run
from lstmkit.report.style import colour, label, label_ticks, width_em

_WIDTH_IN = 4.4  # of a telephone's page a little more than the width, so that text stays legible there
_LARGEST_WITH_NUMBERS = 12
# Under numbers a square stays pale enough for the ink to have a contrast of 4.5 to 1 on it, in light and in dark.
_STRONGEST, _STRONGEST_UNDER_NUMBERS = 1.0, 0.5
_SMALLEST_CELL_IN, _LARGEST_CELL_IN, _MATRIX_IN = 0.125, 0.95, 4.2


class Kept(Protocol):
    """Details of a run that tell which epoch was kept."""

    @property
    def best_epoch(self) -> int:
        """Counted from 1."""
        ...


class Curved(Protocol):
    """A run, of whatever task, as curves by epoch need it."""

    @property
    def cell(self) -> Cell:
        """The recurrent cell."""
        ...

    @property
    def epochs(self) -> tuple[Epoch, ...]:
        """The history."""
        ...

    @property
    def details(self) -> Kept:
        """Which epoch was kept."""
        ...


@dataclass(frozen=True)
class Dot:
    """One line of a dot-and-whisker plot; accuracies are shares between 0 and 1."""

    name: str
    colour: str
    accuracy: float
    interval: tuple[float, float]


def loss(runs: Sequence[Curved], measure: str = "mean cross-entropy (nats)") -> Figure:
    """Training and validation loss by epoch, from zero; one colour per model, the kept epoch marked."""
    figure, axes = _by_epoch(runs, "Loss by epoch", measure)
    _draw_curves(axes, runs, "loss", 1.0)
    axes.set_ylim(0, axes.get_ylim()[1])
    _direct_labels(axes, runs, "loss", 1.0)
    return figure


def accuracy(runs: Sequence[Run]) -> Figure:
    """Training and validation accuracy by epoch, in percent; the axis names the value that it begins at."""
    values = [v for run in runs for e in run.epochs for v in (e.train_accuracy, e.valid_accuracy) if v is not None]
    floor = _floor(min(values))
    figure, axes = _by_epoch(runs, "Accuracy by epoch", f"accuracy (%){_cropped(floor)}")
    _draw_curves(axes, runs, "accuracy", 100.0)
    axes.set_ylim(floor, 101)
    _direct_labels(axes, runs, "accuracy", 100.0)
    return figure


def accuracy_by_length(runs: Sequence[Run]) -> Figure:
    """Test accuracy with its 95% interval over sequences of like length; the number of sequences under each."""
    bins = runs[0].details.accuracy_by_length
    figure, axes = _canvas(_WIDTH_IN, 3.3, left=0.6, right=0.62, bottom=0.72)
    axes.set_title("Test accuracy by length")
    floor = _floor(min((b.accuracy_ci95[0] for run in runs for b in run.details.accuracy_by_length), default=0.0))
    ends: list[tuple[str, str, float]] = []
    for index, run in enumerate(runs):
        shift = (index - (len(runs) - 1) / 2) * 0.12
        own = run.details.accuracy_by_length
        places = [place + shift for place in range(len(own))]
        accuracies = [100 * b.accuracy for b in own]
        whiskers = [
            [max(0.0, a - 100 * b.accuracy_ci95[0]) for a, b in zip(accuracies, own, strict=True)],
            [max(0.0, 100 * b.accuracy_ci95[1] - a) for a, b in zip(accuracies, own, strict=True)],
        ]
        axes.errorbar(
            places, accuracies, whiskers, color=colour(run.cell), marker="o", markersize=5, linewidth=1.2, capsize=0
        )
        if own:
            ends.append((NAMES[run.cell], colour(run.cell), accuracies[-1]))
    axes.set_xticks(range(len(bins)), [f"{_range(b.first, b.last)}\nn = {b.n:,}" for b in bins])
    axes.set_xlim(-0.5, max(len(bins), 1) - 0.5)
    axes.set_ylim(floor, 101)
    unit = STEPS[runs[0].details.kind]
    axes.set_xlabel(f"length ({unit}), and number of test sequences")
    axes.set_ylabel(f"accuracy (%){_cropped(floor)}")
    _label_ends(axes, len(bins) - 0.5, ends)
    return figure


def test_accuracy(dots: Sequence[Dot]) -> Figure:
    """Test accuracies with their 95% intervals, from top to bottom in the order given."""
    names = [label(dot.name) for dot in dots]
    left = 0.2 + 0.085 * max(len(name) for name in names)
    figure, axes = _canvas(_WIDTH_IN, 0.97 + 0.4 * len(dots), left=left, right=0.7, bottom=0.55)
    floor = _floor(min(dot.interval[0] for dot in dots))
    for place, dot in enumerate(dots):
        low, high = (100 * bound for bound in dot.interval)
        axes.plot([low, high], [place, place], color=dot.colour, linewidth=2, clip_on=False)
        axes.plot([100 * dot.accuracy], [place], color=dot.colour, marker="o", markersize=7, clip_on=False)
        axes.annotate(f"{dot.accuracy:.2%}", (high, place), xytext=(7, 0), textcoords="offset points",
                      va="center", color=dot.colour, annotation_clip=False)  # fmt: skip
    axes.set_yticks(range(len(dots)), names)
    for tick, dot in zip(axes.get_yticklabels(), dots, strict=True):
        tick.set_color(dot.colour)
    axes.set_ylim(len(dots) - 0.5, -0.5)
    axes.set_xlim(floor, 100)
    axes.grid(axis="y", visible=False)
    axes.grid(axis="x")
    axes.spines["left"].set_visible(False)
    axes.set_title("Test accuracy with 95% intervals")
    axes.set_xlabel(f"accuracy (%){_cropped(floor)}")
    return figure


def confusion_matrix(evaluations: Sequence[tuple[str, Evaluation]]) -> Figure:
    """One matrix per model, side by side: true labels down, predicted ones across, shaded by share of the row.

    Up to 12 labels the counts stand in the cells; beyond that the picture is a map and a table has the counts.

    Args:
        evaluations: cell name and scores of each model.
    """
    labels = [label(text) for text in evaluations[0][1].labels]
    size = len(labels)
    cell = min(_LARGEST_CELL_IN, max(_SMALLEST_CELL_IN, _MATRIX_IN / size))
    font = 9.0 if size <= _LARGEST_WITH_NUMBERS else min(8.0, cell * 72 * 0.78)
    longest = max(width_em(text) for text in labels) * font / 72
    upright = longest > cell * 0.9
    left, bottom = 0.5 + longest, 0.7 + (longest if upright else font / 72 * 1.4)
    panel = left + size * cell + 0.25
    width, height = max(panel, 2.6) * len(evaluations), bottom + size * cell + 0.5
    figure = Figure(figsize=(width, height))
    figure.text(0.14 / width, 0.12 / height, "shade: share of the true label's row", fontsize=8, color=colour("muted"))
    for index, (name, evaluation) in enumerate(evaluations):
        at = index * width / len(evaluations) + left
        axes = figure.add_axes((at / width, bottom / height, size * cell / width, size * cell / height))
        _draw_matrix(axes, evaluation.confusion_matrix, colour(name), numbers=size <= _LARGEST_WITH_NUMBERS)
        turned = {"rotation": 90, "rotation_mode": "anchor", "ha": "right", "va": "center"} if upright else {}
        label_ticks(axes.xaxis, labels, fontsize=font, **turned)
        label_ticks(axes.yaxis, labels, fontsize=font)
        axes.set_xlabel("predicted label")
        axes.set_ylabel("true label")
        axes.set_title(f"{NAMES[name]}, {label(evaluation.split)} set")
    return figure


def of_run(run: Run) -> dict[str, Figure]:
    """The plots of a run's page, by file name."""
    figures = {
        "loss": loss([run]),
        "accuracy": accuracy([run]),
        "confusion_matrix": confusion_matrix([(run.cell, run.evaluation)]),
    }
    if run.details.accuracy_by_length:
        figures["accuracy_by_length"] = accuracy_by_length([run])
    return figures


def of_lab(lab: Lab, dots: Sequence[Dot]) -> dict[str, Figure]:
    """The plots of a lab's page, all models in each, by file name."""
    runs = list(lab.runs.values())
    figures = {
        "loss": loss(runs),
        "accuracy": accuracy(runs),
        "confusion_matrix": confusion_matrix([(run.cell, run.evaluation) for run in runs]),
        "test_accuracy": test_accuracy(dots),
    }
    if lab.subject.details.accuracy_by_length:
        figures["accuracy_by_length"] = accuracy_by_length(runs)
    return figures


def _canvas(width: float, height: float, *, left: float, right: float, bottom: float) -> tuple[Figure, Axes]:
    """A figure with one set of axes; margins in inches, so that text keeps its room at any size."""
    figure = Figure(figsize=(width, height))
    top = 0.42
    axes = figure.add_axes(
        (left / width, bottom / height, (width - left - right) / width, (height - bottom - top) / height)
    )
    axes.grid(axis="y")
    axes.tick_params(length=0)
    return figure, axes


def _by_epoch(runs: Sequence[Curved], title: str, y_label: str) -> tuple[Figure, Axes]:
    figure, axes = _canvas(_WIDTH_IN, 3.3, left=0.6, right=1.18, bottom=0.55)
    axes.set_title(title)
    axes.set_xlabel("epoch")
    axes.set_ylabel(y_label)
    first, last = min(run.epochs[0].epoch for run in runs), max(run.epochs[-1].epoch for run in runs)
    room = 0.5 if first == last else 0.03 * (last - first)
    axes.set_xlim(first - room, last + room)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=10, integer=True, min_n_ticks=1))
    return figure, axes


def _draw_curves(axes: Axes, runs: Sequence[Curved], what: str, scale: float) -> None:
    for run in runs:
        for part, dash, width in (("train", (0, (3, 2)), 1.3), ("valid", "solid", 1.9)):
            points = _points(run, f"{part}_{what}", scale)
            axes.plot([x for x, _ in points], [y for _, y in points], color=colour(run.cell), linestyle=dash,
                      linewidth=width, marker="." if len(points) <= 2 else "")  # fmt: skip
            best = [point for point in points if point[0] == run.details.best_epoch]
            if part == "valid" and best:
                x, y = best[0]
                axes.plot([x], [y], marker="o", markersize=8, markeredgewidth=1.6,
                          color=colour("paper"), markeredgecolor=colour(run.cell))  # fmt: skip


def _direct_labels(axes: Axes, runs: Sequence[Curved], what: str, scale: float) -> None:
    ends = []
    for run in runs:
        for part, words in (("valid", "validation"), ("train", "training")):
            if points := _points(run, f"{part}_{what}", scale):
                ends.append((f"{NAMES[run.cell]} {words}", colour(run.cell), points[-1][1]))
    _label_ends(axes, axes.get_xlim()[1], ends)
    if any(e.valid_loss is not None for run in runs for e in run.epochs):
        axes.annotate("○ epoch kept", (1, 0), xytext=(9, -14), fontsize=8, xycoords="axes fraction",
                      textcoords="offset points", va="top", color=colour("muted"))  # fmt: skip


def _label_ends(axes: Axes, x: float, ends: Sequence[tuple[str, str, float]]) -> None:
    """Write each line's name beside its last point, moved apart where names would touch."""
    low, high = axes.get_ylim()
    step = (high - low) * 0.065
    places = _spread([value for *_, value in ends], step, high)
    for (words, hue, _), y in zip(ends, places, strict=True):
        axes.annotate(words, (x, y), xytext=(5, 0), textcoords="offset points", va="center", fontsize=8.5,
                      color=hue, annotation_clip=False)  # fmt: skip


def _spread(values: Sequence[float], step: float, highest: float) -> list[float]:
    """Move values apart until none is nearer than `step` to its neighbour and none above `highest`; order is kept."""
    order = sorted(range(len(values)), key=lambda index: values[index], reverse=True)
    placed = list(values)
    ceiling = highest
    for index in order:
        placed[index] = min(values[index], ceiling)
        ceiling = placed[index] - step
    return placed


def _points(run: Curved, field: str, scale: float) -> list[tuple[int, float]]:
    values = ((epoch.epoch, getattr(epoch, field)) for epoch in run.epochs)
    return [(number, value * scale) for number, value in values if value is not None]


def _draw_matrix(axes: Axes, matrix: Sequence[Sequence[int]], hue: str, *, numbers: bool) -> None:
    size = len(matrix)
    strongest = _STRONGEST_UNDER_NUMBERS if numbers else _STRONGEST
    squares, shades = [], []
    for true, row in enumerate(matrix):
        for predicted, count in enumerate(row):
            if not count:
                continue
            strength = 0.06 + (strongest - 0.06) * count / sum(row)  # a single mistake of many is still to be seen
            left, top = predicted - 0.5, true - 0.5
            squares.append([(left, top), (left + 1, top), (left + 1, top + 1), (left, top + 1)])
            shades.append(to_rgba(hue, round(strength, 3)))
            if numbers:
                axes.text(predicted, true, f"{count:,}", ha="center", va="center", fontsize=9.0, color=colour("ink"))
    axes.add_collection(PolyCollection(squares, facecolors=shades, linewidths=0))
    if not numbers:
        guides = [place - 0.5 for place in range(5, size, 5)]
        axes.hlines(guides, -0.5, size - 0.5, color=colour("line"), linewidth=0.4, zorder=0)
        axes.vlines(guides, -0.5, size - 0.5, color=colour("line"), linewidth=0.4, zorder=0)
    axes.set_xlim(-0.5, size - 0.5)
    axes.set_ylim(size - 0.5, -0.5)
    axes.set_aspect("equal")
    axes.tick_params(length=0, pad=3)
    for spine in axes.spines.values():
        spine.set_visible(True)


def _floor(smallest: float) -> int:
    """Where a percent axis begins: at zero, or at a multiple of ten below all that is drawn."""
    ten = math.floor(smallest * 10 - 0.25) * 10
    return ten if ten >= 20 else 0


def _cropped(floor: int) -> str:
    return f", axis begins at {floor}" if floor else ""


def _range(first: int, last: int) -> str:
    return f"{first:,}" if first == last else f"{first:,}–{last:,}"
