"""Typed reading of a probe folder: what its page and plots are drawn from, checked before anything is drawn."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from lstmkit.core.names import CHRONO, NAMES
from lstmkit.report.records import Count, Positive, Record, command_line_of, day_of, read_record

Subject = Literal["rnn", "gru", "lstm", "chrono"]
Measure = Literal["mse", "accuracy"]
TITLES: dict[Subject, str] = {**NAMES, "chrono": CHRONO}  # type: ignore[dict-item]


class Setting(Record):
    """What was tried: Adam's rate, and the largest norm of the gradient, 0 for none."""

    learning_rate: float
    clip_norm: float


class Trial(Setting):
    """One network: what it used, and how it did. `finite` is False where its loss ceased to be a number."""

    steps: Count
    seconds: float
    finite: bool
    valid: float
    test: float
    test_ci95: tuple[float, float]


class Point(Setting):
    """What a cell reached at a lag: the trial that did best on validation, and all trials."""

    lag: Positive
    value: float
    ci95: tuple[float, float]
    baseline: float
    solved: bool
    steps: Count
    seconds: float
    seed: Count
    trials: Annotated[list[Trial], Field(min_length=1)]


class TaskRecord(Record):
    """What a task asks, and by which rule it is solved."""

    title: str
    source: str
    asks: str
    measure: Measure
    baseline: float
    solved: float
    n_classes: Count


class PlanRecord(Record):
    """What was asked of the probe; see `lstmkit.experiment.probe.plan.Plan`."""

    tasks: list[str]
    cells: list[Subject]
    lags: Annotated[list[Positive], Field(min_length=1)]
    seed: Count
    quick: bool
    engine: str
    settings: Annotated[list[Setting], Field(min_length=1)]
    hidden_size: Positive
    batch_size: Positive
    steps: Positive
    validate_every: Positive
    n_valid: Positive
    n_test: Positive


class ProbeRecord(Record):
    """`probe.json`: by task and cell, the longest lag solved (0: none) and the curve that tells it."""

    format: Literal[1]
    plan: PlanRecord
    tasks: dict[str, TaskRecord]
    horizon: dict[str, dict[Subject, Count]]
    curves: dict[str, dict[Subject, Annotated[list[Point], Field(min_length=1)]]]

    @model_validator(mode="after")
    def _complete(self) -> "ProbeRecord":
        for name in self.plan.tasks:
            for kind, table in (("tasks", self.tasks), ("horizon", self.horizon), ("curves", self.curves)):
                if name not in table:
                    raise ValueError(f"{kind} lacks {name}, which plan has")
            for table in (self.horizon, self.curves):
                if set(table[name]) != set(self.plan.cells):
                    raise ValueError(f"the cells of {name} are not those of plan")
        return self


@dataclass(frozen=True)
class Probe:
    """A probe folder, read and checked."""

    record: ProbeRecord
    environment: dict[str, Any]

    @property
    def date(self) -> str:
        """The UTC day on which the probe began; empty where the environment does not tell."""
        return day_of(self.environment)

    @property
    def command_line(self) -> str:
        """The command that made the probe, as a shell takes it; empty where the environment does not tell."""
        return command_line_of(self.environment)

    @property
    def seconds(self) -> float:
        """Training and scoring of all networks together."""
        return sum(
            trial.seconds
            for cells in self.record.curves.values()
            for points in cells.values()
            for point in points
            for trial in point.trials
        )

    @property
    def n_networks(self) -> int:
        """How many networks were trained."""
        return sum(
            len(point.trials) for cells in self.record.curves.values() for points in cells.values() for point in points
        )

    def reached_the_end(self, task: str, cell: Subject) -> bool:
        """Whether the longest lag tried was solved, so that the horizon lies there or beyond."""
        return self.record.horizon[task][cell] == self.record.plan.lags[-1]


def read_probe(folder: Path) -> Probe:
    """Read the records of a probe.

    Raises:
        ArtifactError: a record is absent, damaged, or not of this format; one line naming the file.
    """
    return Probe(
        read_record(ProbeRecord, folder / "probe.json"), read_record(dict[str, Any], folder / "environment.json")
    )
