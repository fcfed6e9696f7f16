"""`model.json` as a typed record: what a model folder may say of its network, with the configuration's own bounds."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from lstmkit.config.schema import ModelConfig, Truncate
from lstmkit.core.errors import RequestError
from lstmkit.data.audio.features import FeatureSettings
from lstmkit.data.sources.times import Interval
from lstmkit.models.quantiles import n_outputs

LARGEST = 2**31 - 1  # of sizes and counts: what a token number of 32 bits can tell apart
LONGEST = 10_000_000  # steps of a context: a stream has room for all of them from its beginning on
_WIDEST = 1e38  # of initial values, which are drawn before the weights are read: float32 holds no more

_LOUDEST, _STILLEST = 1e6, 1e-30  # of the features of recordings, which are logarithms: a row is then finite

Count = Annotated[int, Field(ge=0, le=LARGEST)]
Size = Annotated[int, Field(ge=1, le=LARGEST)]
Scale = Annotated[float, Field(gt=0.0)]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Name = Annotated[str, Field(min_length=1)]


class _Record(BaseModel):
    """A JSON object: its keys are checked, values are of their type as they stand, NaN and infinity are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Classifies(_Record):
    """The task of a model whose outputs are classes; `model.json` leaves it out."""

    kind: Literal["classify"] = "classify"


class Columns(_Record):
    """The columns of a table to predict from; empty where there is none."""

    series: str
    time: str
    target: str = ""
    sort: bool = False
    date_format: str = ""


class Forecasts(_Record):
    """The task of a model that forecasts series."""

    kind: Literal["forecast"]
    reading: Columns


class Regresses(_Record):
    """The task of a model that predicts a number, in deviations of the training part from its mean."""

    kind: Literal["regression"]
    mean: float
    deviation: Scale


class Architecture(ModelConfig):
    """The keywords that build the network: `[model]` of the configuration, and the sizes that data decide."""

    n_classes: Size
    vocabulary_size: Count = 0
    n_features: Count = 0

    @model_validator(mode="after")
    def _bounded(self) -> "Architecture":
        if bool(self.vocabulary_size) == bool(self.n_features):
            raise ValueError("one of vocabulary_size and n_features is above 0")
        for name in ("embedding_size", "hidden_size", "num_layers", "word_dropout_length", "chrono_length"):
            if getattr(self, name) > LARGEST:
                raise ValueError(f"{name}: at most {LARGEST:,} is allowed")
        if self.embedding_std > _WIDEST or abs(self.forget_bias) > _WIDEST:
            raise ValueError(f"embedding_std and forget_bias: at most {_WIDEST:g} is allowed")
        return self


class TextEncoding(_Record):
    """An encoder of text or tokens; its vocabulary is in `tokenizer.json`."""

    kind: Literal["words", "subwords", "characters", "tokens"]
    max_length: Size
    truncate: Truncate


class SeriesEncoding(_Record):
    """An encoder of numeric series: scale of each channel, and which of them have a mask."""

    kind: Literal["series"]
    channels: Annotated[list[str], Field(min_length=1)]
    means: list[float]
    deviations: list[Scale]
    masked: list[Count]
    max_length: Size
    truncate: Truncate

    @model_validator(mode="after")
    def _fits(self) -> "SeriesEncoding":
        _check_scales(self.channels, self.means, self.deviations, self.masked)
        return self

    @property
    def n_features(self) -> int:
        """Features of a row."""
        return len(self.channels) + len(self.masked)


class Features(_Record):
    """Settings of the features of recordings; `FeatureSettings` knows what fits together."""

    rate: Size
    window_ms: float
    hop_ms: float
    n_mels: Annotated[int, Field(ge=1, le=512)]
    kind: Literal["log_mel", "mfcc"]
    n_mfcc: Size
    deltas: Annotated[int, Field(ge=0, le=2)]
    fmin: float
    fmax: float | None
    floor: float


class AudioEncoding(_Record):
    """An encoder of recordings: features by frame, and the scale of each."""

    kind: Literal["audio"]
    settings: Features
    means: list[float]
    deviations: list[Scale]
    max_length: Size
    truncate: Truncate

    @model_validator(mode="after")
    def _fits(self) -> "AudioEncoding":
        try:
            settings = FeatureSettings(**self.settings.model_dump())
        except RequestError as error:
            raise ValueError(str(error)) from error
        if any(abs(mean) > _LOUDEST for mean in self.means) or any(one < _STILLEST for one in self.deviations):
            raise ValueError(f"means and deviations: at most {_LOUDEST:g}, and at least {_STILLEST:g}, are allowed")
        if len(self.means) != settings.n_features or len(self.deviations) != settings.n_features:
            raise ValueError(f"means and deviations: one is needed for each of {settings.n_features} features")
        return self

    @property
    def n_features(self) -> int:
        """Features of a row."""
        return len(self.means)


class WindowEncoding(_Record):
    """An encoder of a forecaster: its columns with their scales, and how windows are cut."""

    kind: Literal["windows"]
    columns: Annotated[list[str], Field(min_length=1)]
    known_ahead: list[Size]
    horizon: Size
    context: Annotated[int, Field(ge=1, le=LONGEST)]
    season: Annotated[int, Field(ge=1, le=LONGEST)]
    base: Literal["last", "season", "mean"]
    means: list[float]
    deviations: list[Scale]
    masked: list[Count]

    @model_validator(mode="after")
    def _fits(self) -> "WindowEncoding":
        _check_scales(self.columns, self.means, self.deviations, self.masked)
        if any(place >= len(self.columns) for place in self.known_ahead):
            raise ValueError(f"known_ahead: numbers of the {len(self.columns)} columns are needed")
        return self

    @property
    def n_features(self) -> int:
        """Features of a row."""
        return len(self.columns) + len(self.masked)


class Step(_Record):
    """The sampling interval of the training source."""

    step: Scale
    unit: Literal["numbers", "seconds"]


class ModelRecord(_Record):
    """`model.json` without its digest; see `Artifact` for what the parts mean. Further keys are not looked at."""

    model_config = ConfigDict(extra="ignore")

    format: Annotated[int, Field(ge=1, le=2)]
    task: Annotated[Classifies | Forecasts | Regresses, Field(discriminator="kind")] = Classifies()
    architecture: Architecture
    encoder: Annotated[TextEncoding | SeriesEncoding | AudioEncoding | WindowEncoding, Field(discriminator="kind")]
    labels: list[Name]
    interval: Step | None = None
    axes: Literal["nct", "ntc", "array"] | None = None
    dialect: dict[str, str | bool] = {}
    sha256: dict[str, Sha256]
    versions: dict[str, str] = {}

    @property
    def interval_found(self) -> Interval | None:
        """The sampling interval of the training source; None where its times told none."""
        return Interval(self.interval.step, self.interval.unit) if self.interval else None

    @model_validator(mode="after")
    def _fits(self) -> "ModelRecord":
        shape, encoder = self.architecture, self.encoder
        is_forecast = isinstance(self.task, Forecasts)
        if is_forecast != isinstance(encoder, WindowEncoding):
            raise ValueError(f"encoder: one of kind {encoder.kind} does not serve a model of task {self.task.kind}")
        if isinstance(encoder, TextEncoding):
            if shape.n_features:
                raise ValueError("architecture.n_features: an encoder of text has a vocabulary, and no features")
        elif shape.n_features != encoder.n_features:
            raise ValueError(f"architecture.n_features: {shape.n_features}, and the encoder has {encoder.n_features}")
        if len(set(self.labels)) != len(self.labels):
            raise ValueError("labels: one stands there twice")
        n_wanted = len(self.labels)
        if isinstance(encoder, WindowEncoding):
            n_wanted = n_outputs(encoder.horizon)
        elif isinstance(self.task, Regresses):
            n_wanted = 1
        if shape.n_classes != n_wanted:
            raise ValueError(f"architecture.n_classes: {shape.n_classes}, and {n_wanted} belong to the rest")
        if self.labels and not isinstance(self.task, Classifies):
            raise ValueError(f"labels: a model of task {self.task.kind} has none")
        return self


def record_of_model(about: Mapping[str, Any]) -> ModelRecord:
    """The content of `model.json`, checked; its digest is taken off already.

    Raises:
        ValueError: it describes no model; one line that names the key.
    """
    try:
        return ModelRecord.model_validate(about)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{key + ': ' if key else ''}{' '.join(first['msg'].split())}") from error


def _check_scales(names: list[str], means: list[float], deviations: list[float], masked: list[int]) -> None:
    if len(means) != len(names) or len(deviations) != len(names):
        raise ValueError(f"means and deviations: one is needed for each of {len(names)} columns")
    _check_places("masked", masked, len(names))


def _check_places(name: str, places: list[int], n: int) -> None:
    if any(place >= n for place in places) or places != sorted(set(places)):
        raise ValueError(f"{name}: numbers of the {n} columns are needed, in rising order")
