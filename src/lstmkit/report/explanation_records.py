"""Typed reading of the record of an explanation: what its page is drawn from, checked before anything is drawn."""

import base64
import binascii
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, model_validator

from lstmkit.config.schema import Cell, Pooling
from lstmkit.core.explained import completeness
from lstmkit.report.records import Count, Positive, Record, Share, checked

Piece = tuple[str, str, bool]


class Attributed(Record):
    """Attributions by class, most probable class first; see `lstmkit.analyze.attribution.Attribution`."""

    classes: Annotated[list[Count], Field(min_length=1)]
    values: list[list[float]]
    at_input: list[float]
    at_baseline: list[float]
    sums: list[float]
    errors: list[float]
    n_steps: list[Count]

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
    run: str = ""
    id: str = ""
    label: str | None = None
    labels: Annotated[list[str], Field(min_length=2)]
    n_given: Count
    n_read: Positive
    pieces: Annotated[list[Piece], Field(min_length=1)]
    tail: str
    hole: Count | None
    steps: Annotated[list[Count], Field(min_length=1)]
    forgetting: tuple[float, float]
    twin_left_out: str = ""
    models: Annotated[list[Answer], Field(min_length=1, max_length=2)]

    @model_validator(mode="after")
    def _fits(self) -> "ExplanationRecord":
        _same("pieces", len(self.pieces), self.n_read)
        for model in self.models:
            _same("probabilities", len(model.probabilities), len(self.labels))
            found = model.attribution
            for name in ("values", "at_input", "at_baseline", "sums", "errors", "n_steps"):
                _same(f"attribution.{name}", len(getattr(found, name)), len(found.classes))
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
    def n_left_out(self) -> int:
        """Tokens that truncation took."""
        return max(0, self.n_given - self.n_read)


_RECORD = TypeAdapter(ExplanationRecord)


def checked_record(record: Any, where: str = "explanation") -> ExplanationRecord:
    """The record, checked.

    Raises:
        ArtifactError: it is damaged or of another format; one line.
    """
    return checked(_RECORD, record, where, "explain the text again")


def _same(name: str, found: int, wanted: int) -> None:
    if found != wanted:
        raise ValueError(f"{name}: {found} values where {wanted} belong")


def _n_bytes(text: str) -> int:
    try:
        return len(base64.b64decode(text, validate=True))
    except binascii.Error as error:
        raise ValueError(f"not base64 ({error})") from error
