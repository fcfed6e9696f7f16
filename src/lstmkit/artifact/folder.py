"""Write a model folder whole, and read one with every byte checked."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import safetensors.torch
import tokenizers
import torch
from safetensors import SafetensorError

from lstmkit.artifact.record import Forecasts, ModelRecord, Regresses, record_of_model
from lstmkit.core.errors import ArtifactError, RequestError
from lstmkit.core.files import digest_of, read_json, read_plain, replacing_folder, within, write_bytes, write_json
from lstmkit.data.encoder import Encoder
from lstmkit.data.encoding import TOKENIZER, AnyEncoder, file_names, files_of, read_encoder
from lstmkit.data.sources.times import Interval
from lstmkit.data.windows import WindowEncoder
from lstmkit.models import Classifier
from lstmkit.models.build import build_from, weight_shapes

ArrayForm = Literal["nct", "ntc", "array"]
"""How arrays of series are read: (examples, channels, time) or (examples, time, channels), where that was chosen; or
array: it was not, and a 3-D array was fitted on."""

FORMAT = 2
"""What is written where a model does not classify: an older lstmkit would take its numbers for classes. Else 1."""

_WEIGHTS, _ABOUT = "model.safetensors", "model.json"


@dataclass(frozen=True)
class Artifact:
    """A trained model with all that a prediction needs.

    Attributes:
        network: in evaluation mode.
        encoder: from text to token numbers, or from a series to scaled rows.
        labels: class names; the network's outputs in this order.
        architecture: the keywords that built the network.
        interval: of series, the sampling interval of the training source, where its times told one.
        axes: of series fitted from arrays, the order of their axes.
    """

    network: Classifier
    encoder: AnyEncoder
    labels: list[str]
    architecture: dict[str, Any]
    interval: Interval | None = None
    axes: ArrayForm | None = None


@dataclass(frozen=True)
class ForecastArtifact:
    """A trained forecaster with all that a prediction needs.

    Attributes:
        network: in evaluation mode; its outputs are read by `quantiles_of`.
        encoder: from series to windows, and from numbers back to values.
        architecture: the keywords that built the network.
        reading: the columns of a table to predict from, as plain data.
        interval: the sampling interval of the training source, where its times told one.
        axes: of series fitted from arrays, the order of their axes.
    """

    network: Classifier
    encoder: WindowEncoder
    architecture: dict[str, Any]
    reading: dict[str, str]
    interval: Interval | None = None
    axes: ArrayForm | None = None


@dataclass(frozen=True)
class NumberArtifact:
    """A trained network that predicts a number for a sequence, with all that a prediction needs.

    Attributes:
        network: in evaluation mode; its one output is in deviations of the training part.
        encoder: from text to token numbers, or from a series to scaled rows.
        architecture: the keywords that built the network.
        mean, deviation: of the number in the training part.
        interval: of series, the sampling interval of the training source, where its times told one.
    """

    network: Classifier
    encoder: AnyEncoder
    architecture: dict[str, Any]
    mean: float
    deviation: float
    interval: Interval | None = None


def save_artifact(
    folder: Path,
    network: Classifier,
    architecture: dict[str, Any],
    encoder: AnyEncoder | WindowEncoder,
    labels: list[str],
    task: dict[str, Any] | None = None,
    interval: Interval | None = None,
    axes: ArrayForm | None = None,
    dialect: dict[str, Any] | None = None,
) -> None:
    """Write the model folder, whole or not at all.

    Args:
        folder: `model/` of a run.
        network: its weights are written as they are.
        architecture: the keywords that built the network.
        encoder: the fitted encoder.
        labels: class names in the order of the network's outputs; none where it does not classify.
        task: where it does not: its `kind`, and what else a prediction needs.
        interval: of series, the sampling interval of the training source; None: not known.
        axes: of series fitted from arrays, the order of their axes; None: not chosen.
        dialect: how the training source is written, by key of the configuration's section `data`; empty: as usual.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    contents = {
        _WEIGHTS: safetensors.torch.save(tensors),
        **({} if isinstance(encoder, WindowEncoder) else files_of(encoder)),
    }
    about: dict[str, Any] = {
        "format": FORMAT if task else 1,
        **({"task": task} if task else {}),
        "architecture": architecture,
        "encoder": encoder.describe(),
        "labels": labels,
        **({"interval": interval._asdict()} if interval else {}),
        **({"axes": axes} if axes else {}),
        **({"dialect": dialect} if dialect else {}),
        "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()},
        "versions": {
            "lstmkit": version("lstmkit"),
            "torch": torch.__version__,
            "tokenizers": tokenizers.__version__,
        },
    }
    about["digest"] = digest_of(about)
    with replacing_folder(folder) as fresh:
        for name, content in contents.items():
            write_bytes(fresh / name, content)
        write_json(fresh / _ABOUT, about)


def load_artifact(folder: Path, engine: str = "auto") -> Artifact:
    """Read the model folder of a classifier.

    Args:
        folder: the folder that holds `model.json`.
        engine: see `lstmkit.nn.choose_engine`.

    Raises:
        RequestError: the model does not classify.
        ArtifactError: a file is absent, truncated, altered, of a newer format, or does not describe a model.
    """
    about = _record_for(folder, "classify")
    encoder = _encoder(folder, about)
    network, architecture = _network(folder, about, engine), _architecture(about)
    return Artifact(network, encoder, list(about.labels), architecture, about.interval_found, about.axes)


def load_forecaster(folder: Path, engine: str = "auto") -> ForecastArtifact:
    """Read the model folder of a forecaster; arguments and errors as for `load_artifact`."""
    about = _record_for(folder, "forecast")
    task = about.task
    assert isinstance(task, Forecasts)  # noqa: S101  (`_record_for` has seen to it)
    encoder = WindowEncoder.from_description(about.encoder.model_dump())
    network, interval = _network(folder, about, engine), about.interval_found
    return ForecastArtifact(network, encoder, _architecture(about), task.reading.model_dump(), interval, about.axes)


def load_regressor(folder: Path, engine: str = "auto") -> NumberArtifact:
    """Read the model folder of a network that predicts a number; arguments and errors as for `load_artifact`."""
    about = _record_for(folder, "regression")
    task = about.task
    assert isinstance(task, Regresses)  # noqa: S101  (`_record_for` has seen to it)
    encoder, network = _encoder(folder, about), _network(folder, about, engine)
    return NumberArtifact(network, encoder, _architecture(about), task.mean, task.deviation, about.interval_found)


def task_of(folder: Path) -> str:
    """The task of a model: classify, forecast or regression.

    Raises:
        ArtifactError: the folder holds no model, or its description is damaged or of a newer format.
    """
    return read_model_record(folder).task.kind


def read_model_record(folder: Path) -> ModelRecord:
    """Read the description of a model.

    Args:
        folder: the folder that holds `model.json`.

    Raises:
        ArtifactError: it is absent, damaged, of a newer format, or describes no model.
    """
    path = folder / _ABOUT
    about = _read_about(path)
    try:
        return record_of_model(about)
    except ValueError as error:  # its digest may be right: a program wrote it, but not this one
        raise ArtifactError(f"{path}: damaged, it describes no model ({error}); train again") from error


_DOES = {"classify": "classifies", "forecast": "forecasts series", "regression": "predicts a number"}


def _record_for(folder: Path, task: str) -> ModelRecord:
    about = read_model_record(folder)
    if about.task.kind != task:
        raise RequestError(
            f"{folder}: the model {_DOES[about.task.kind]}, and one that {_DOES[task]} is needed here; give the run of "
            "such a one"
        )
    return about


def _architecture(about: ModelRecord) -> dict[str, Any]:
    return about.architecture.model_dump(exclude_unset=True)


def _encoder(folder: Path, about: ModelRecord) -> AnyEncoder:
    description = about.encoder.model_dump()
    contents = {name: _read_checked(folder, about, name) for name in file_names(description)}
    encoder = read_encoder(description, contents)
    if isinstance(encoder, Encoder) and encoder.vocabulary_size != about.architecture.vocabulary_size:
        raise ArtifactError(
            f"{folder / TOKENIZER}: holds {encoder.vocabulary_size:,} tokens, and {_ABOUT} tells of "
            f"{about.architecture.vocabulary_size:,}; restore it or train again"
        )
    return encoder


@torch.inference_mode(False)  # a network that is loaded under a caller's inference mode can be explained later
def _network(folder: Path, about: ModelRecord, engine: str) -> Classifier:
    """The network, built only once its weights are known to be those of its description."""
    path = folder / _WEIGHTS
    try:
        tensors = safetensors.torch.load(_read_checked(folder, about, _WEIGHTS))
        _check_weights(tensors, about)
    except (SafetensorError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise ArtifactError(f"{path}: does not hold the model of {_ABOUT} ({reason}); train again") from error
    network = build_from(_architecture(about), engine)
    network.load_state_dict(tensors)
    return network.eval()


def _check_weights(tensors: Mapping[str, torch.Tensor], about: ModelRecord) -> None:
    """See that there are the weights that an architecture needs, and no others.

    Raises:
        ValueError: one is absent, of another shape or type, not finite, or too many.
    """
    own = about.architecture
    left = dict(tensors)
    for name, shape in weight_shapes(own, own.n_classes, own.vocabulary_size, own.n_features):
        tensor = left.pop(name, None)
        if tensor is None:  # at the first one: a description may tell of millions
            raise ValueError(f"{name} is missing")
        if tuple(tensor.shape) != shape:
            raise ValueError(f"{name} has the shape {tuple(tensor.shape)}, and {shape} is needed")
        if tensor.dtype != torch.float32:
            raise ValueError(f"{name} is of {tensor.dtype}, and torch.float32 is needed")
        if not tensor.isfinite().all():
            raise ValueError(f"{name} holds NaN or infinity")
    if left:
        raise ValueError(f"{min(left)} belongs to no weight of it")


def kind_of_model(run: Path) -> str:
    """What the model of a RUN reads, as its encoder has it: `words`, `tokens`, …, `series` or `audio`.

    Raises:
        ArtifactError: there is none, or it does not tell.
    """
    return read_model_record(find_model(run)).encoder.kind


def find_model(folder: Path) -> Path:
    """The model folder of a RUN: of a run, of a lab folder (its LSTM's), or the folder itself.

    Raises:
        ArtifactError: there is none.
    """
    for candidate in (within(folder, "model"), within(folder, "lstm", "model"), folder):
        if (candidate / _ABOUT).exists():
            return candidate
    if not folder.is_dir():
        raise ArtifactError(f"{folder}: no such folder; give the --out of a train or lab")
    if (folder / "config.toml").exists():
        raise ArtifactError(f"{folder}: the run has no model yet; finish it with --resume")
    raise ArtifactError(f"{folder}: not a run folder (no model/ and no lstm/model/); give the --out of a train or lab")


def find_twin(folder: Path) -> Path | None:
    """The model folder of a lab folder's twin, the plain RNN; None of any other RUN."""
    candidate = within(folder, "rnn", "model")
    is_lab = (folder / "lstm" / "model" / _ABOUT).exists() and not (folder / "model" / _ABOUT).exists()
    return candidate if is_lab and (candidate / _ABOUT).exists() else None


def _read_checked(folder: Path, about: ModelRecord, name: str) -> bytes:
    path, sha256 = folder / name, about.sha256.get(name)
    if sha256 is None:
        raise ArtifactError(f"{folder / _ABOUT}: damaged, it has no SHA-256 of {name}; restore it or train again")
    content = read_plain(path)
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ArtifactError(f"{path}: damaged or altered (its SHA-256 is another); restore it or train again")
    return content


def _read_about(path: Path) -> dict[str, Any]:
    about = read_json(path)
    found = about.get("format") if isinstance(about, dict) else None
    if not isinstance(found, int) or isinstance(found, bool):
        raise ArtifactError(f"{path}: damaged, it has no format number; restore it or train again")
    if found > FORMAT:
        raise ArtifactError(
            f"{path}: format {found} is newer than this lstmkit {version('lstmkit')} reads ({FORMAT}); upgrade lstmkit"
        )
    digest = about.pop("digest", None)
    try:
        is_same = digest == digest_of(about)
    except ValueError as error:
        raise ArtifactError(f"{path}: damaged, a text in it cannot be UTF-8; restore it or train again") from error
    if not is_same:
        raise ArtifactError(f"{path}: damaged or altered (its digest is another); restore it or train again")
    return about
