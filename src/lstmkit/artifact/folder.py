"""Write a model folder whole, and read one with every byte checked."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import safetensors.torch
import tokenizers
import torch
from safetensors import SafetensorError

from lstmkit.core.errors import ArtifactError, RequestError
from lstmkit.core.files import digest_of, read_json, replacing_folder, write_bytes, write_json
from lstmkit.data.encoding import AnyEncoder, file_names, files_of, read_encoder
from lstmkit.data.sources.times import Interval
from lstmkit.data.windows import WindowEncoder
from lstmkit.models import Classifier
from lstmkit.models.build import build_from

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
    """

    network: Classifier
    encoder: AnyEncoder
    labels: list[str]
    architecture: dict[str, Any]
    interval: Interval | None = None


@dataclass(frozen=True)
class ForecastArtifact:
    """A trained forecaster with all that a prediction needs.

    Attributes:
        network: in evaluation mode; its outputs are read by `quantiles_of`.
        encoder: from series to windows, and from numbers back to values.
        architecture: the keywords that built the network.
        reading: the columns of a table to predict from, as plain data.
        interval: the sampling interval of the training source, where its times told one.
    """

    network: Classifier
    encoder: WindowEncoder
    architecture: dict[str, Any]
    reading: dict[str, str]
    interval: Interval | None = None


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
        ArtifactError: a file is absent, truncated, altered, or of a newer format.
    """
    about = _about_of(folder, "classify")
    with _described(folder):
        labels = list(about["labels"])
    encoder = _encoder(folder, about)
    return Artifact(_network(folder, about, engine), encoder, labels, about["architecture"], interval_in(about))


def load_forecaster(folder: Path, engine: str = "auto") -> ForecastArtifact:
    """Read the model folder of a forecaster; arguments and errors as for `load_artifact`."""
    about = _about_of(folder, "forecast")
    with _described(folder):
        encoder, reading = WindowEncoder.from_description(about["encoder"]), dict(about["task"]["reading"])
    network, interval = _network(folder, about, engine), interval_in(about)
    return ForecastArtifact(network, encoder, about["architecture"], reading, interval)


def load_regressor(folder: Path, engine: str = "auto") -> NumberArtifact:
    """Read the model folder of a network that predicts a number; arguments and errors as for `load_artifact`."""
    about = _about_of(folder, "regression")
    with _described(folder):
        mean, deviation = float(about["task"]["mean"]), float(about["task"]["deviation"])
    network, encoder = _network(folder, about, engine), _encoder(folder, about)
    return NumberArtifact(network, encoder, about["architecture"], mean, deviation, interval_in(about))


def task_of(folder: Path) -> str:
    """What a model does: classify, forecast or regression.

    Raises:
        ArtifactError: the folder holds no model, or its description is damaged or of a newer format.
    """
    return str(_read_about(folder / _ABOUT).get("task", {}).get("kind", "classify"))


def interval_in(about: dict[str, Any]) -> Interval | None:
    """The sampling interval that a model's description has; None where it has none."""
    return Interval(**about["interval"]) if "interval" in about else None


_DOES = {"classify": "classifies", "forecast": "forecasts series", "regression": "predicts a number"}


def _about_of(folder: Path, task: str) -> dict[str, Any]:
    about = _read_about(folder / _ABOUT)
    if (own := about.get("task", {}).get("kind", "classify")) != task:
        raise RequestError(
            f"{folder}: the model {_DOES[own]}, and one that {_DOES[task]} is needed here; give the run of such a one"
        )
    return about


@contextmanager
def _described(folder: Path) -> Iterator[None]:
    try:
        yield
    except (KeyError, TypeError, ValueError) as error:  # the digest is right, so a program wrote it, but not this one
        reason = str(error).splitlines()[0]
        raise ArtifactError(f"{folder / _ABOUT}: damaged, it describes no model ({reason}); train again") from error


def _encoder(folder: Path, about: dict[str, Any]) -> AnyEncoder:
    with _described(folder):
        contents = {name: _read_checked(folder, about, name) for name in file_names(about["encoder"])}
        return read_encoder(about["encoder"], contents)


@torch.inference_mode(False)  # a network that is loaded under a caller's inference mode can be explained later
def _network(folder: Path, about: dict[str, Any], engine: str) -> Classifier:
    with _described(folder):
        content = _read_checked(folder, about, _WEIGHTS)
        network = build_from(about["architecture"], engine)
    try:
        network.load_state_dict(safetensors.torch.load(content))
    except (SafetensorError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise ArtifactError(f"{folder / _WEIGHTS}: does not hold the model of {_ABOUT} ({reason})") from error
    return network.eval()


def kind_of_model(run: Path) -> str:
    """What the model of a RUN reads, as its encoder has it: `words`, `tokens`, …, `series` or `audio`.

    Raises:
        ArtifactError: there is none, or it does not tell.
    """
    path = find_model(run) / _ABOUT
    try:
        return str(_read_about(path)["encoder"]["kind"])
    except (KeyError, TypeError) as error:
        raise ArtifactError(f"{path}: damaged, it describes no model ({error!r}); train again") from error


def find_model(folder: Path) -> Path:
    """The model folder of a RUN: of a run, of a lab folder (its LSTM's), or the folder itself.

    Raises:
        ArtifactError: there is none.
    """
    for candidate in (folder / "model", folder / "lstm" / "model", folder):
        if (candidate / "model.json").exists():
            return candidate
    if not folder.is_dir():
        raise ArtifactError(f"{folder}: no such folder; give the --out of a train or lab")
    if (folder / "config.toml").exists():
        raise ArtifactError(f"{folder}: the run has no model yet; finish it with --resume")
    raise ArtifactError(f"{folder}: not a run folder (no model/ and no lstm/model/); give the --out of a train or lab")


def find_twin(folder: Path) -> Path | None:
    """The model folder of a lab folder's twin, the plain RNN; None of any other RUN."""
    candidate = folder / "rnn" / "model"
    is_lab = (folder / "lstm" / "model" / "model.json").exists() and not (folder / "model" / "model.json").exists()
    return candidate if is_lab and (candidate / "model.json").exists() else None


def _read_checked(folder: Path, about: dict[str, Any], name: str) -> bytes:
    path, sha256 = folder / name, about["sha256"][name]
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ArtifactError(f"{path}: {error.strerror}; a model folder holds this file") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ArtifactError(f"{path}: damaged or altered (its SHA-256 is another); restore it or train again")
    return content


def _read_about(path: Path) -> dict[str, Any]:
    about = read_json(path)
    found = about.get("format") if isinstance(about, dict) else None
    if not isinstance(found, int):
        raise ArtifactError(f"{path}: damaged, it has no format number; restore it or train again")
    if found > FORMAT:
        raise ArtifactError(
            f"{path}: format {found} is newer than this lstmkit {version('lstmkit')} reads ({FORMAT}); upgrade lstmkit"
        )
    digest = about.pop("digest", None)
    if digest != digest_of(about):
        raise ArtifactError(f"{path}: damaged or altered (its digest is another); restore it or train again")
    return about
