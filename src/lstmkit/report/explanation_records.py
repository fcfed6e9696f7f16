"""Typed reading of the record of an explanation: what its page is drawn from, checked before anything is drawn."""

import base64
import binascii
from typing import Annotated, Any, Literal

import numpy as np
from jaxtyping import Float
from pydantic import Field, TypeAdapter, model_validator

from lstmkit.config.schema import Cell, Pooling
from lstmkit.core.explained import completeness
from lstmkit.core.names import STEPS
from lstmkit.report.explained_series import Cells, ReadSeries, check_size
from lstmkit.report.records import Count, Positive, Record, Share, checked

Piece = tuple[str, str, bool]


class Attributed(Record):
    """Attributions by class, most probable class first; a series has `cells` too. See `lstmkit.analyze.attribution`."""

    classes: Annotated[list[Count], Field(min_length=1)]
    values: list[list[float]]
    at_input: list[float]
    at_baseline: list[float]
    sums: list[float]
    errors: list[float]
    n_steps: list[Count]
    cells: Cells | None = None

    def by_channel(self, n_channels: int) -> Float[np.ndarray, "classes channels spans"]:
        """Of a series, in nats.

        Raises:
            ValueError: it is no series.
        """
        if self.cells is None:
            raise ValueError("attribution.cells: a text has none")
        return self.cells.values(len(self.classes), n_channels)

    def completeness(self, place: int) -> str:
        """Whether the attributions for one of the classes are complete, in words."""
        difference = self.at_input[place] - self.at_baseline[place]
        return completeness(difference, self.errors[place], self.n_steps[place])


class Beginnings(Record):
    """Probabilities of the attributed classes for each beginning of the sequence."""

    lengths: Annotated[list[Positive], Field(min_length=1)]
    probabilities: list[list[Share]]


class Deleted(Record):
    """The deletion curves of the predicted class."""

    n_deleted: Annotated[list[Count], Field(min_length=2)]
    ordered: list[Share]
    random: Annotated[list[list[Share]], Field(min_length=1)]
    area: float
    n_beaten: Count
    n_tied: Count = 0


class Plane(Record):
    """One gate or state in 8 bits, unit by unit: 0 stands for `low`, 255 for `high`, times the unit's scale if any."""

    low: float
    high: float
    scales: list[float] | None = None
    codes: str


class Layer(Record):
    """One layer in one direction, counted from 0; `units` says which units of `n_units` are kept."""

    layer: Count
    direction: Literal["forward", "backward"]
    n_units: Positive
    units: Annotated[list[Count], Field(min_length=1)]
    planes: dict[Literal["i", "f", "o", "g", "r", "z", "n", "c", "h"], Plane]
    forgotten: str | None


class Answer(Record):
    """One network's prediction."""

    cell: Cell
    pooling: Pooling
    bidirectional: bool
    probabilities: Annotated[list[Share], Field(min_length=2)]
    attribution: Attributed
    running: Beginnings
    deletion: Deleted | None
    engine_difference: float | None = None  # earlier records did not measure it
    inside: Annotated[list[Layer], Field(min_length=1)]

    @property
    def best(self) -> int:
        """The most probable class."""
        return self.probabilities.index(max(self.probabilities))


class ExplanationRecord(Record):
    """What `lstmkit.analyze.recording.record_of` writes."""

    format: Literal[1]
    kind: Literal["text", "series", "audio"] = "text"
    run: str = ""
    id: str = ""
    label: str | None = None
    labels: Annotated[list[str], Field(min_length=2)]
    n_given: Count
    n_read: Positive
    pieces: list[Piece]
    tail: str
    hole: Count | None
    series: ReadSeries | None = None
    steps: Annotated[list[Count], Field(min_length=1)]
    forgetting: tuple[float, float]
    twin_left_out: str = ""
    models: Annotated[list[Answer], Field(min_length=1, max_length=2)]

    @model_validator(mode="after")
    def _fits(self) -> "ExplanationRecord":
        if (self.kind != "text") != (self.series is not None):
            raise ValueError(f"series: does not belong to a record of kind {self.kind}, or is absent from it")
        _same("pieces", len(self.pieces), 0 if self.series else self.n_read)
        if self.series:
            self.series.check(self.n_read)
        for model in self.models:
            _same("probabilities", len(model.probabilities), len(self.labels))
            found = model.attribution
            for name in ("values", "at_input", "at_baseline", "sums", "errors", "n_steps"):
                _same(f"attribution.{name}", len(getattr(found, name)), len(found.classes))
            if (found.cells is None) != (self.series is None):
                raise ValueError("attribution.cells: belong to a series, and to nothing else")
            if found.cells and self.series:
                n_cells = len(found.classes) * len(self.series.channels) * self.series.n_spans(self.n_read)
                check_size("attribution.cells", found.cells.codes, n_cells)
            if max(found.classes) >= len(self.labels):
                raise ValueError("attribution.classes: a class without a label")
            for row in found.values:
                _same("attribution.values", len(row), self.n_read)
            _same("running", len(model.running.probabilities), len(model.running.lengths))
            for row in model.running.probabilities:
                _same("running.probabilities", len(row), len(found.classes))
            if deletion := model.deletion:
                for curve in [deletion.ordered, *deletion.random]:
                    _same("deletion", len(curve), len(deletion.n_deleted))
            for layer in model.inside:
                size = len(layer.units) * len(self.steps)
                codes = [plane.codes for plane in layer.planes.values()]
                for plane in layer.planes.values():
                    _same("inside.scales", len(plane.scales or layer.units), len(layer.units))
                for text in [*codes, *([layer.forgotten] if layer.forgotten is not None else [])]:
                    _same("inside", _n_bytes(text), size)
        return self

    @property
    def predicted(self) -> int:
        """The class that the page is about."""
        return self.models[0].best

    @property
    def unit(self) -> str:
        """What a step of the sequence is called."""
        return STEPS[self.kind].removesuffix("s")

    @property
    def thing(self) -> str:
        """What the whole is called."""
        return {"text": "text", "series": "series", "audio": "recording"}[self.kind]

    @property
    def channel(self) -> str:
        """What a column of the rows that are read is called."""
        return "feature" if self.kind == "audio" else "channel"

    def step_name(self, k: int) -> str:
        """Step k as its page names it: a token by itself and its number, a step of a series by its number there."""
        return f"{self.place(k) + 1:,}" if self.series else f"“{self.pieces[k][1]}” ({k + 1:,})"

    def place(self, k: int) -> int:
        """Where in the whole input step k of those that were read stands, counted from 0."""
        return k if self.hole is None or k < self.hole else k + self.n_left_out

    @property
    def n_left_out(self) -> int:
        """Steps that truncation took."""
        return max(0, self.n_given - self.n_read)


_RECORD = TypeAdapter(ExplanationRecord)


def checked_record(record: Any, where: str = "explanation") -> ExplanationRecord:
    """The record, checked.

    Raises:
        ArtifactError: it is damaged or of another format; one line.
    """
    return checked(_RECORD, record, where, "explain it again")


def _same(name: str, found: int, wanted: int) -> None:
    if found != wanted:
        raise ValueError(f"{name}: {found} values where {wanted} belong")


def _n_bytes(text: str) -> int:
    try:
        return len(base64.b64decode(text, validate=True))
    except binascii.Error as error:
        raise ValueError(f"not base64 ({error})") from error
