"""Typed reading of `analysis.json`: gradient flow and gates, checked before anything is drawn."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from lstmkit.config.schema import Cell, Pooling
from lstmkit.report.records import Count, Kind, Positive, Record, Share, read_record

Stage = Literal["initial", "trained"]
Size = Annotated[float, Field(ge=0.0)]
STAGES: dict[Stage, str] = {"initial": "at initialisation", "trained": "trained"}


class Quartiles(Record):
    """Lower quartile, median and upper quartile by distance from the end."""

    lower: list[Size]
    median: list[Size]
    upper: list[Size]

    @model_validator(mode="after")
    def _even(self) -> "Quartiles":
        if not len(self.lower) == len(self.median) == len(self.upper):
            raise ValueError("lower, median and upper are not of one length")
        return self


class Curve(Record):
    """One quantity by distance from the end, over examples; see docs/analyze.md."""

    n: list[Count]
    n_zero_at_last: Count
    reach: Count
    norm: Quartiles
    relative: Quartiles
    half_life: Size | None
    half_life_absent: str | None
    fit_r2: float | None
    fit_lags: Count
    half_at: Count | None
    n_several_steps: Count
    vanishes: Share | None
    vanishes_steps: Share | None
    explodes: Share | None

    @model_validator(mode="after")
    def _reaches(self) -> "Curve":
        if not self.reach == len(self.relative.median) or not self.reach <= len(self.norm.median) == len(self.n):
            raise ValueError("its lists are not of the lengths that n and reach have")
        return self


class Flow(Record):
    """The quantities of one layer and direction; those by the cell state are the LSTM's alone."""

    loss_by_hidden: Curve
    last_by_hidden: Curve
    loss_by_cell: Curve | None = None
    cell_by_cell: Curve | None = None
    cell_by_cell_alone: Curve | None = None
    forget_product: Curve | None = None


class Saturation(Record):
    """One gate, unit by unit: how often it was shut, how often open, and its mean."""

    low: list[Share]
    high: list[Share]
    mean: list[Share]

    @model_validator(mode="after")
    def _even(self) -> "Saturation":
        if not len(self.low) == len(self.high) == len(self.mean):
            raise ValueError("low, high and mean are not of one length")
        return self


class Driver(Record):
    """A token and a mean over its `n` occurrences."""

    token: str
    n: Positive
    value: float


class Unit(Record):
    """A unit and the tokens that drive it; its time constant in steps, None where it never forgot."""

    unit: Count
    time_constant: Size | None
    writes_up: list[Driver]
    writes_down: list[Driver]
    forgets_at: list[Driver]


class Extremes(Record):
    """The units with the longest and the shortest time constants."""

    retentive: list[Unit]
    forgetful: list[Unit]


class Gates(Record):
    """The gates of one layer and direction; `holds` names the one that multiplies what a unit held."""

    holds: Literal["f", "z"]
    time_constants: Annotated[list[Size | None], Field(min_length=1)]
    saturation: dict[str, Saturation]
    units: Extremes | None


class Direction(Record):
    """One layer in one direction."""

    direction: Literal["forward", "backward"]
    flow: Flow
    cell_deviation: float | None
    gates: Gates | None


class Network(Record):
    """One network: the engine that it runs by, how far the trace's probabilities were from it, and its layers."""

    engine: str
    engine_difference: float
    layers: Annotated[list[list[Direction]], Field(min_length=1)]


class Model(Record):
    """One model at initialisation and as trained."""

    hidden_size: Positive
    num_layers: Positive
    bidirectional: bool
    pooling: Pooling
    networks: dict[Stage, Network]

    @property
    def headline(self) -> Literal["loss_by_hidden", "last_by_hidden"]:
        """What tells how far the recurrence reaches: where the head reads the last state alone, the loss's gradient.

        A head that pools over all steps reaches every step directly, which hides vanishing; there it is the last
        state's derivative.
        """
        return "loss_by_hidden" if self.pooling == "last" else "last_by_hidden"

    @model_validator(mode="after")
    def _both(self) -> "Model":
        if set(self.networks) != set(STAGES):
            raise ValueError(f"networks: {', '.join(self.networks) or 'none'}; initial and trained belong here")
        shape = [2 if self.bidirectional else 1] * self.num_layers
        if any([len(directions) for directions in network.layers] != shape for network in self.networks.values()):
            raise ValueError("layers and directions are not those of the model")
        return self


class Gap(Record):
    """A part that is not there, and why."""

    cell: Cell
    part: str
    reason: str


class Rules(Record):
    """The thresholds that the analysis was made with."""

    vanishes_below: float
    explodes_above: float
    reached_by: Share
    shut_below: Share
    open_above: Share
    fewest_occurrences: Positive


class Lengths(Record):
    """Tokens of the examples analysed."""

    min: Positive
    median: float
    max: Positive


class Analysis(Record):
    """`analysis.json`: the models in the order of the lab, the first one the subject."""

    format: Literal[1]
    source: str
    title: str
    kind: Kind
    split: str
    n_test: Positive
    n_examples: Positive
    seed: Count
    n_projections: Positive
    lengths: Lengths
    rules: Rules
    left_out: list[Gap]
    models: Annotated[dict[Cell, Model], Field(min_length=1)]

    @property
    def gated(self) -> dict[Cell, Model]:
        """The models that have gates."""
        return {cell: model for cell, model in self.models.items() if model.networks["trained"].layers[0][0].gates}

    @property
    def has_distance(self) -> bool:
        """Whether any example is longer than one step, so that a gradient has a way to go."""
        return self.lengths.max > 1


def read_analysis(folder: Path) -> Analysis:
    """Read `analysis.json` of a run or lab folder.

    Raises:
        ArtifactError: the record is absent, damaged, or not of this format; one line naming the file.
    """
    return read_record(Analysis, folder / "analysis.json")


def place(model: Model, layer: int, direction: int) -> str:
    """Which layer and direction, as far as there are several: `layer 2, backward`; empty where there is one."""
    words = [f"layer {layer + 1}"] if model.num_layers > 1 else []
    words += [("forward", "backward")[direction]] if model.bidirectional else []
    return ", ".join(words)
