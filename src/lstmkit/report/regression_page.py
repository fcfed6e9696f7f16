"""The page of a run that predicts a number for a sequence: records, plots, and what it must beat."""

import html
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure
from pydantic import TypeAdapter

from lstmkit.config.schema import Cell
from lstmkit.core.files import read_jsonl, within
from lstmkit.core.names import NAMES
from lstmkit.report.forecast_records import ForecastArchitecture
from lstmkit.report.page import write_page
from lstmkit.report.plots import _WIDTH_IN, _canvas, loss
from lstmkit.report.records import (
    Count,
    Parameters,
    Positive,
    Record,
    Seconds,
    Trained,
    checked,
    read_record,
    read_trained,
)
from lstmkit.report.style import colour, house_style, inline, save

_MOST_POINTS = 2_000  # of the plot: evenly taken from more
Bounds = tuple[float, float]


class Scores(Record):
    """How good predicted numbers are; R squared is None where all numbers are the same."""

    rmse: float
    rmse_ci95: Bounds | None
    mae: float
    mae_ci95: Bounds | None
    r2: float | None
    r2_ci95: Bounds | None


class MeanScores(Scores):
    """Always the mean of the training part."""

    value: float


class RidgeScores(Scores):
    """Ridge regression on features of the modality."""

    name: str
    n_features: Count
    seconds: float


class NumberBaselines(Record):
    """What a number is worth only beside."""

    mean: MeanScores
    ridge: RidgeScores


class RegressionEvaluation(Scores):
    """`evaluation.json` of such a run."""

    split: str
    n: Positive
    baselines: NumberBaselines


class NumberArchitecture(ForecastArchitecture):
    """The network as it was built."""

    n_features: Positive | None = None  # type: ignore[assignment]  # of texts there are none
    parameters: Parameters


class RegressionDetails(Record):
    """`details.json` of such a run."""

    format: Literal[1]
    source: str
    title: str
    splits: dict[str, Count]
    decisions: list[str]
    mean: float
    deviation: float
    architecture: NumberArchitecture
    best_epoch: Positive
    epochs_run: Positive
    epochs_planned: Positive
    refit: bool
    seconds: Seconds


class Point(Record):
    """A line of `predictions.jsonl`."""

    number: float
    predicted: float


@dataclass(frozen=True)
class RegressionRun(Trained):
    """The run folder, read and checked."""

    evaluation: RegressionEvaluation
    details: RegressionDetails
    points: tuple[Point, ...]

    @property
    def cell(self) -> Cell:
        """The recurrent cell."""
        return self.details.architecture.cell

    @property
    def lines(self) -> list[str]:
        """The epoch lines, as training printed them."""
        return [epoch.line(self.details.epochs_planned) for epoch in self.epochs]


def draw_regression(folder: Path) -> Path:
    """Draw the plots and the page of a run from its records; see `lstmkit.report.page.draw_run`."""
    run = _read(folder)
    with house_style():
        figures = {"loss": loss([run], "squared error, in training variances"), "predicted": predicted_plot(run)}
        pictures = {name: save(figure, within(folder, "plots"), name) for name, figure in figures.items()}
    first, last = run.epochs[0], run.epochs[-1]
    words = {
        "loss": f"Loss by epoch: training from {first.train_loss:.3f} to {last.train_loss:.3f}.",
        "predicted": f"Predicted against true numbers of {len(run.points)} examples; RMSE {run.evaluation.rmse:.4g}.",
    }
    plots = {name: Markup(inline(svg, name, html.escape(words[name]))) for name, svg in pictures.items()}  # noqa: S704
    baselines = run.evaluation.baselines
    rows: list[dict[str, Any]] = [
        {"name": NAMES[run.cell], "colour": run.cell, "scores": run.evaluation},
        {"name": baselines.ridge.name, "colour": "linear", "scores": baselines.ridge},
        {"name": f"Mean of training, {baselines.mean.value:.4g}", "colour": "majority", "scores": baselines.mean},
    ]
    return write_page(folder, "regression.html.j2", run=run, plots=plots, rows=rows)


def predicted_plot(run: RegressionRun) -> Figure:
    """A point for each test example, true number across and predicted number up; on the line they agree."""
    figure, axes = _canvas(_WIDTH_IN, 4.1, left=0.7, right=0.3, bottom=0.55)
    axes.set_title("Predicted against true")
    chosen = np.unique(np.linspace(0, len(run.points) - 1, min(len(run.points), _MOST_POINTS)).round().astype(int))
    true = np.array([run.points[k].number for k in chosen])
    predicted = np.array([run.points[k].predicted for k in chosen])
    low, high = min(true.min(), predicted.min()), max(true.max(), predicted.max())
    axes.plot([low, high], [low, high], color=colour("muted"), linewidth=1.0, linestyle=(0, (3, 2)))
    axes.plot(true, predicted, color=colour(run.cell), linestyle="", marker="o", markersize=3.5, alpha=0.35,
              markeredgewidth=0)  # fmt: skip
    axes.set_xlabel("true number")
    axes.set_ylabel("predicted number")
    return figure


def _read(folder: Path) -> RegressionRun:
    path = folder / "predictions.jsonl"
    adapter = TypeAdapter(Point)
    points = tuple(checked(adapter, row, f"{path}:{k}") for k, row in enumerate(read_jsonl(path), start=1))
    return RegressionRun(
        **vars(read_trained(folder)),
        evaluation=read_record(RegressionEvaluation, folder / "evaluation.json"),
        details=read_record(RegressionDetails, folder / "details.json"),
        points=points,
    )
