"""Typed reading of a run or lab folder: what the pages and plots are drawn from, checked before anything is drawn."""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, cast

import pydantic.dataclasses
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from lstmkit.config.resolve import load_config
from lstmkit.config.schema import Cell, Config, Pooling, Truncate
from lstmkit.core.errors import ArtifactError, RequestError
from lstmkit.core.files import read_json, read_jsonl, within
from lstmkit.core.records import Epoch

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
Interval = tuple[Share, Share]

_CHECKED = ConfigDict(extra="ignore", allow_inf_nan=False)
_EPOCH = TypeAdapter(cast("type[Epoch]", pydantic.dataclasses.dataclass(Epoch, frozen=True, config=_CHECKED)))


class Record(BaseModel):
    """A JSON object: known keys are checked, others are another version's business."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False, frozen=True)


class Linear(Record):
    """The linear opponent, scored on the same test set."""

    name: str
    accuracy: Share
    accuracy_ci95: Interval
    macro_f1: Share | None = None
    C: float | None = None
    valid_accuracy: Share | None = None
    n_features: Count | None = None
    seconds: float | None = None


class Majority(Record):
    """Always the commonest label of the training part."""

    label: str
    accuracy: Share
    accuracy_ci95: Interval
    macro_f1: Share | None = None


class Baselines(Record):
    """What a number is worth only beside."""

    linear: Linear | None = None
    majority: Majority | None = None


class ClassScore(Record):
    """One label's scores; `n` counts its test examples."""

    precision: Share
    recall: Share
    f1: Share
    n: Count


class Evaluation(Record):
    """`evaluation.json`. Rows of the confusion matrix are true labels, columns predicted ones."""

    split: str
    n: Positive
    accuracy: Share
    accuracy_ci95: Interval
    loss: float
    macro_f1: Share
    per_class: dict[str, ClassScore]
    confusion_matrix: list[list[Count]]
    labels: Annotated[list[str], Field(min_length=1)]
    calibration_error: Share | None = None
    baselines: Baselines = Baselines()

    @model_validator(mode="after")
    def _square(self) -> "Evaluation":
        size = len(self.labels)
        if len(self.confusion_matrix) != size or any(len(row) != size for row in self.confusion_matrix):
            raise ValueError(f"confusion_matrix is not {size} by {size}, as labels has it")
        return self


class Split(Record):
    """One part of the data, with its examples counted by label."""

    n: Count
    labels: dict[str, Count]


class Parameters(Record):
    """Trained numbers, by block."""

    embedding: Count
    recurrence: Count
    head: Count
    total: Count


class Architecture(Record):
    """The network as it was built; sizes in features, units, classes and tokens."""

    cell: Cell
    vocabulary_size: Positive | None = None
    n_features: Positive | None = None
    embedding_size: Positive
    hidden_size: Positive
    num_layers: Positive
    bidirectional: bool
    pooling: Pooling
    n_classes: Positive
    max_length: Positive
    truncate: Truncate
    parameters: Parameters

    @property
    def state_size(self) -> int:
        """Features of one step's output: both directions' units, where there are two."""
        return self.hidden_size * (2 if self.bidirectional else 1)

    @property
    def pooled_size(self) -> int:
        """Features of a sequence's one vector."""
        return self.state_size * (2 if self.pooling == "max_mean" else 1)


class LengthBin(Record):
    """Test accuracy over the sequences of `first` to `last` tokens."""

    first: Annotated[int, Field(ge=0, alias="from")]
    last: Annotated[int, Field(ge=0, alias="to")]
    n: Count
    accuracy: Share
    accuracy_ci95: Interval


Kind = Literal["text", "tokens", "series", "audio"]
"""What a source holds."""


Shades = Annotated[str, Field(pattern="^[0-7]+$")]
"""A digit for each place of a row, the higher the darker."""


class Curves(Record):
    """A series as a page shows it, at evenly spaced steps.

    Attributes:
        n_steps, n_channels: of the whole.
        values: of each channel, None where one is missing; empty where there are too many channels for curves.
        shades: of each of these, from the first, a digit of 0 to 7 for each step, on the scale of the channel's own
            values; 0 too where one is missing.
    """

    n_steps: Positive
    n_channels: Positive
    values: list[list[float | None]] = []
    shades: list[Shades] = []


class Sound(Record):
    """A recording as a page shows it: of each mel band, from the lowest, a digit of 0 to 7 for each stretch of time."""

    seconds: float
    rate: Positive
    bands: Annotated[list[Shades], Field(min_length=1)]


class Mistake(Record):
    """A test example of which the model was sure and wrong."""

    id: int | str
    text: str
    series: Curves | None = None
    sound: Sound | None = None
    label: str
    predicted: str
    probability: Share


class Seconds(Record):
    """Wall-clock time by stage."""

    train: float
    evaluate: float


class DataWarning(Record):
    """What the audit of the data found: `kind`, what was measured, why it matters, what to do."""

    kind: str
    measured: str
    why: str
    do: str


class Details(Record):
    """`details.json`: what a page tells besides the scores."""

    format: Literal[1]
    source: str
    title: str
    kind: Kind
    splits: dict[str, Split]
    decisions: list[str] = []
    warnings: list[DataWarning] = []
    vocabulary_size: Positive | None = None
    n_features: Positive | None = None
    coverage: dict[str, Share] = {}
    architecture: Architecture
    best_epoch: Positive
    epochs_run: Positive
    epochs_planned: Positive
    refit: bool = False
    seconds: Seconds
    accuracy_by_length: list[LengthBin] = []
    confident_errors: list[Mistake] = []
    loop_source: str | None = None


class LabModel(Record):
    """One model's line in `lab.json`."""

    parameters: Count
    accuracy: Share
    accuracy_ci95: Interval
    macro_f1: Share | None = None
    seconds: float


_OLD_VERDICTS = {"shown": "holds", "contradicted": "does not hold"}  # as earlier labs have them


class Claim(Record):
    """A part of a sentence of the laboratory sheet, the rule it is judged by, and what this run measured of it."""

    claim: str
    evidence: str
    verdict: Annotated[
        Literal["holds", "does not hold", "not shown"],
        BeforeValidator(lambda word: _OLD_VERDICTS.get(word, word) if isinstance(word, str) else word),
    ]
    sentence: str | None = None
    rule: str | None = None
    figure: str | None = None


class Explained(Record):
    """A test example that was explained: its record is `explanations/<kind>.json`."""

    kind: Literal["right", "wrong"]
    id: str
    rule: str


class LeftOut(Record):
    """A part of the evidence that could not be made, and why."""

    part: str
    reason: str


class EvidenceRecord(Record):
    """`evidence.json`: which examples a lab explained, and what is missing."""

    format: Literal[1]
    explained: list[Explained]
    left_out: list[LeftOut]


class LabRecord(Record):
    """`lab.json`: the models in the order of the table, the first one the experiment's subject."""

    source: str
    models: Annotated[dict[Cell, LabModel], Field(min_length=1)]
    baselines: Baselines = Baselines()
    claims: list[Claim] = []


@dataclass(frozen=True)
class Trained:
    """What every run folder holds, whatever its task; read and checked."""

    config: Config
    config_text: str
    epochs: tuple[Epoch, ...]
    environment: dict[str, Any]

    @property
    def date(self) -> str:
        """The UTC day on which the run began; empty where the environment does not tell."""
        return day_of(self.environment)

    @property
    def command_line(self) -> str:
        """The command that made the run, as a shell takes it; empty where the environment does not tell."""
        return command_line_of(self.environment)


@dataclass(frozen=True)
class Run(Trained):
    """The run folder of a classifier, read and checked."""

    evaluation: Evaluation
    details: Details

    @property
    def cell(self) -> Cell:
        """The recurrent cell: the model's name on every page and plot."""
        return self.details.architecture.cell

    @property
    def lines(self) -> list[str]:
        """The epoch lines, as training printed them."""
        return [epoch.line(self.details.epochs_planned) for epoch in self.epochs]


@dataclass(frozen=True)
class Lab:
    """A lab folder, read and checked: `lab.json` and a run for each of its models, in its order."""

    record: LabRecord
    runs: dict[Cell, Run]

    @property
    def subject(self) -> Run:
        """The run that the page is about."""
        return next(iter(self.runs.values()))


def day_of(environment: dict[str, Any]) -> str:
    """The UTC day on which the work that an `environment.json` tells of began; empty where it does not tell."""
    return str(environment.get("started_utc", ""))[:10]


def command_line_of(environment: dict[str, Any]) -> str:
    """The command that an `environment.json` tells of, as a shell takes it; empty where it does not tell."""
    command = environment.get("command", "")
    return shlex.join(map(str, command)) if isinstance(command, list) else str(command)


def read_run(folder: Path) -> Run:
    """Read the records of one classifier's run.

    Raises:
        ArtifactError: a record is absent, damaged, or not of this format; one line naming the file.
    """
    return Run(
        **vars(read_trained(folder)),
        evaluation=read_record(Evaluation, folder / "evaluation.json"),
        details=read_record(Details, folder / "details.json"),
    )


def read_trained(folder: Path) -> Trained:
    """Read what every run folder holds; errors as for `read_run`."""
    config_path = folder / "config.toml"
    try:
        config, config_text = load_config(config_path), config_path.read_text("utf-8")
    except RequestError as error:
        raise ArtifactError(f"{error}; {config_path} is a record of the run: restore it or train again") from error
    history = folder / "history.jsonl"
    epochs = tuple(
        checked(_EPOCH, row, f"{history}:{number}") for number, row in enumerate(read_jsonl(history), start=1)
    )
    if not epochs:
        raise ArtifactError(f"{history}: no epoch; a trained run has at least one: finish it with --resume")
    return Trained(config, config_text, epochs, read_record(dict[str, Any], folder / "environment.json"))


class Prediction(Record):
    """A line of a classifier's `predictions.jsonl`, as far as models are compared by it."""

    id: int | str
    label: str
    predicted: str


_PREDICTION = TypeAdapter(Prediction)


def read_predictions(folder: Path) -> list[Prediction]:
    """Read `predictions.jsonl` of a classifier's run; errors as for `read_run`."""
    path = folder / "predictions.jsonl"
    return [checked(_PREDICTION, row, f"{path}:{number}") for number, row in enumerate(read_jsonl(path), start=1)]


def read_lab(folder: Path) -> Lab:
    """Read `lab.json` and the run of each model that it names.

    Raises:
        ArtifactError: a record is absent, damaged, or not of this format; one line naming the file.
    """
    record = read_record(LabRecord, folder / "lab.json")
    return Lab(record, {cell: read_run(within(folder, cell)) for cell in record.models})


_T = TypeVar("_T")


def read_record(kind: type[_T], path: Path) -> _T:
    """Read a JSON file as `kind`.

    Raises:
        ArtifactError: the file is absent, damaged, or not of this format; one line naming it.
    """
    return checked(TypeAdapter(kind), read_json(path), str(path))


def checked(adapter: TypeAdapter[_T], value: Any, where: str, remedy: str = "restore it or train again") -> _T:
    """A value as a record has to be.

    Args:
        adapter: of the record's type.
        value: as it was read.
        where: the file, for the message.
        remedy: what to do about a damaged one.

    Raises:
        ArtifactError: it is damaged or of another format; one line.
    """
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        message = " ".join(first["msg"].split())
        raise ArtifactError(f"{where}: {key + ': ' if key else ''}{message}; {remedy}") from error
