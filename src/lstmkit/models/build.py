"""From configuration to network: the one place where the two meet."""

from typing import Any

from lstmkit.config.schema import Config
from lstmkit.models.classifier import Classifier


def build(config: Config, vocabulary_size: int, n_classes: int) -> Classifier:
    """The network that a configuration describes, its weights drawn from torch's global generator."""
    return build_from(architecture_of(config, vocabulary_size, n_classes), config.run.engine)


def architecture_of(config: Config, vocabulary_size: int, n_classes: int) -> dict[str, Any]:
    """The keywords of `Classifier`, as plain data that `model.json` keeps."""
    return {"vocabulary_size": vocabulary_size, "n_classes": n_classes, **config.model.model_dump()}


def build_from(architecture: dict[str, Any], engine: str) -> Classifier:
    """The network for keywords read back from `model.json`."""
    return Classifier(**architecture, engine=engine)
