"""From configuration to network: the one place where the two meet."""

from collections.abc import Mapping
from typing import Any

from lstmkit.config.schema import Config
from lstmkit.models.classifier import Classifier


def build(config: Config, shape: Mapping[str, int], n_classes: int, longest: int | None = None) -> Classifier:
    """The network that a configuration describes, its weights drawn from torch's global generator.

    Args:
        config: the configuration.
        shape: what the encoder's `shape` says of the input: `vocabulary_size`, or `n_features` of a series.
        n_classes: classes.
        longest: steps of the longest training sequence, which chrono initialisation prepares for where the
            configuration leaves that to the data; None: `encoder.max_length`.
    """
    return build_from(architecture_of(config, shape, n_classes, longest), config.run.engine)


def architecture_of(
    config: Config, shape: Mapping[str, int], n_classes: int, longest: int | None = None
) -> dict[str, Any]:
    """The keywords of `Classifier`, as plain data that `model.json` keeps; arguments as for `build`."""
    architecture = {**shape, "n_classes": n_classes, **config.model.model_dump()}
    if config.model.initialization == "chrono" and not config.model.chrono_length:
        architecture["chrono_length"] = longest or config.encoder.max_length
    return architecture


def build_from(architecture: dict[str, Any], engine: str) -> Classifier:
    """The network for keywords read back from `model.json`."""
    return Classifier(**architecture, engine=engine)
