"""Typed reading of a comparison folder: what its page and plots are drawn from, checked before anything is drawn."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from lstmkit.config.schema import Cell
from lstmkit.core.errors import ArtifactError
from lstmkit.core.files import read_plain, within
from lstmkit.core.names import STEPS
from lstmkit.evaluate.verdict import Outcome
from lstmkit.report.records import (
    Count,
    Interval,
    LengthBin,
    Linear,
    Majority,
    Parameters,
    Positive,
    Record,
    Run,
    Share,
    read_record,
    read_run,
)

Ends = tuple[float, float]
Shares = Annotated[float, Field(ge=-1.0, le=1.0)]  # a difference of two shares


class Engine(Record):
    """What ran a cell, and why."""

    name: str
    reason: str


class TriedRate(Record):
    """A learning rate and what validation said of it; nothing where training failed."""

    rate: Annotated[float, Field(gt=0.0)]
    valid_accuracy: Share | None
    valid_loss: float | None
    best_epoch: Positive | None
    epochs_run: Positive | None
    seconds: float | None
    failure: str | None


class SeedRun(Record):
    """One trained network; `folder` is within the comparison's."""

    seed: Count
    folder: str
    accuracy: Share
    accuracy_ci95: Interval
    loss: float
    macro_f1: Share
    valid_accuracy: Share
    best_epoch: Positive
    epochs_run: Positive
    seconds: float


class Network(Record):
    """One cell: its size, its rate and how that was chosen, its networks, and their mean."""

    hidden_size: Positive
    parameters: Parameters
    engine: Engine
    learning_rate: Annotated[float, Field(gt=0.0)]
    search: Annotated[list[TriedRate], Field(min_length=1)]
    runs: Annotated[list[SeedRun], Field(min_length=1)]
    accuracy_mean: Share
    accuracy_seeds_ci95: Interval | None
    seconds_mean: float
    has_learned: bool
    accuracy_by_length: list[LengthBin]


class LinearByLength(Linear):
    """The linear opponent, by length too."""

    accuracy_by_length: list[LengthBin]


class Opponents(Record):
    """What has no seeds."""

    linear: LinearByLength
    majority: Majority


class McNemarTest(Record):
    """Examples that one of two networks alone has right, and the exact two-sided p."""

    one_only: Count
    other_only: Count
    p: Share


class PairRecord(Record):
    """Two models on the same test examples."""

    one: str
    other: str
    difference: Shares
    examples_ci95: Ends | None
    seeds_ci95: Ends | None
    by_seed: list[Shares]
    mcnemar: list[McNemarTest]
    outcome: Outcome
    words: str


class Bootstrap(Record):
    """How the intervals over examples were drawn."""

    n_resamples: Positive
    seed: Count


class VerdictRecord(Record):
    """What the comparison may be said to show."""

    summary: str
    caveats: list[str]
    rules: list[str]


class Comparison(Record):
    """`compare.json`."""

    format: Literal[1]
    source: str
    title: str
    match: Literal["width", "parameters"]
    rates: Annotated[list[float], Field(min_length=1)]
    seeds: Annotated[list[Count], Field(min_length=1)]
    split_seed: Count
    n_test: Positive
    epochs: Positive
    models: Annotated[dict[Cell, Network], Field(min_length=1)]
    baselines: Opponents
    pairs: list[PairRecord]
    bootstrap: Bootstrap
    verdict: VerdictRecord

    @model_validator(mode="after")
    def _same_seeds(self) -> "Comparison":
        for cell, model in self.models.items():
            if [run.seed for run in model.runs] != self.seeds:
                raise ValueError(f"models.{cell}: its runs are not those of the seeds {self.seeds}")
        known = {*self.models, "linear"}
        if unknown := [pair for pair in self.pairs if not {pair.one, pair.other} <= known]:
            raise ValueError(f"pairs: {unknown[0].one} and {unknown[0].other} are not both among {sorted(known)}")
        return self


@dataclass(frozen=True)
class Compared:
    """A comparison folder, read and checked: `compare.json`, the networks' runs, configuration and environment."""

    record: Comparison
    runs: dict[Cell, tuple[Run, ...]]
    config_text: str
    environment: dict[str, Any]

    @property
    def subject(self) -> Run:
        """The first LSTM's run, which knows the data."""
        return next(iter(self.runs.values()))[0]

    @property
    def unit(self) -> str:
        """What the steps of its sequences are called."""
        return STEPS[self.subject.details.kind]


def read_compared(folder: Path) -> Compared:
    """Read a comparison.

    Raises:
        ArtifactError: a record is absent, damaged, or not of this format; one line naming the file.
    """
    record = read_record(Comparison, folder / "compare.json")
    for model in record.models.values():
        for run in model.runs:
            if not (folder / run.folder).resolve().is_relative_to(folder.resolve()):
                raise ArtifactError(
                    f"{folder / 'compare.json'}: the run folder {run.folder!r} is not within the comparison's; restore "
                    "the record"
                )
    try:
        config_text = read_plain(folder / "config.toml").decode("utf-8")
    except UnicodeDecodeError as error:
        raise ArtifactError(
            f"{folder / 'config.toml'}: cannot be read ({error}); a comparison holds this file"
        ) from error
    return Compared(
        record=record,
        runs={
            cell: tuple(read_run(within(folder, *Path(run.folder).parts)) for run in model.runs)
            for cell, model in record.models.items()
        },
        config_text=config_text,
        environment=read_record(dict[str, Any], folder / "environment.json"),
    )
