"""Typed reading of a forecaster's run folder."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from lstmkit.config.schema import Cell
from lstmkit.report.records import (
    Count,
    Parameters,
    Positive,
    Record,
    Seconds,
    Share,
    Trained,
    read_record,
    read_trained,
)

Rule = Literal["naive", "seasonal_naive"]
RULES: dict[Rule, str] = {"naive": "Naive", "seasonal_naive": "Seasonal-naive"}
Bounds = tuple[float, float] | None
"""A 95% interval; None where there is none to be had."""


class BySteps(Record):
    """Measures by step ahead, the first one first."""

    mase: list[float]
    rmse: list[float]
    coverage: list[Share]


class Measures(Record):
    """How good forecasts are, each measure with its 95% interval."""

    mase: float
    mase_ci95: Bounds
    smape: float
    smape_ci95: Bounds
    rmse: float
    rmse_ci95: Bounds
    quantile_loss: float
    quantile_loss_ci95: Bounds
    coverage: Share
    coverage_ci95: Bounds
    by_step: BySteps


class ForecastEvaluation(Measures):
    """`evaluation.json` of a forecaster."""

    split: str
    n: Positive
    n_series: Positive
    n_spans: Positive
    horizon: Positive
    season: Positive
    baselines: dict[Rule, Measures]
    against: Rule
    verdict: str


class Fan(Record):
    """A forecast on the page: quantiles by level, and what the plain rule says."""

    origin: Count
    quantiles: Annotated[list[list[float]], Field(min_length=3, max_length=3)]
    rule: list[float]


class Shown(Record):
    """A series on the page: from step `begin` on, with the step at which its test part begins."""

    series: str
    begin: Count
    times: list[str]
    values: list[float | None]
    test: Count
    fans: list[Fan]


class ForecastArchitecture(Record):
    """The network as it was built."""

    cell: Cell
    n_features: Positive
    embedding_size: Positive
    hidden_size: Positive
    num_layers: Positive
    bidirectional: bool
    parameters: Parameters


class ForecastDetails(Record):
    """`details.json` of a forecaster."""

    format: Literal[1]
    source: str
    decisions: list[str]
    columns: list[str]
    features: list[str]
    windows: dict[str, Count]
    steps: dict[str, Count]
    context: Positive
    architecture: ForecastArchitecture
    best_epoch: Positive
    epochs_run: Positive
    epochs_planned: Positive
    refit: bool
    seconds: Seconds
    shown: list[Shown]


@dataclass(frozen=True)
class ForecastRun(Trained):
    """The run folder of a forecaster, read and checked."""

    evaluation: ForecastEvaluation
    details: ForecastDetails

    @property
    def cell(self) -> Cell:
        """The recurrent cell: the model's name on page and plots."""
        return self.details.architecture.cell

    @property
    def lines(self) -> list[str]:
        """The epoch lines, as training printed them."""
        return [epoch.line(self.details.epochs_planned) for epoch in self.epochs]


def read_forecast(folder: Path) -> ForecastRun:
    """Read the records of a forecaster's run.

    Raises:
        ArtifactError: a record is absent, damaged, or not of this format; one line naming the file.
    """
    trained: dict[str, Any] = vars(read_trained(folder))
    return ForecastRun(
        **trained,
        evaluation=read_record(ForecastEvaluation, folder / "evaluation.json"),
        details=read_record(ForecastDetails, folder / "details.json"),
    )
