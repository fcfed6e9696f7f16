"""From configuration to network: the one place where the two meet."""

from collections.abc import Iterator, Mapping
from typing import Any

from lstmkit.config.schema import Config, ModelConfig
from lstmkit.models.classifier import Classifier
from lstmkit.nn.recurrence import GATES


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


def weight_shapes(
    architecture: ModelConfig, n_outputs: int, vocabulary_size: int, n_features: int
) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Name and shape of each weight of a network, one after the other, without building it.

    Args:
        architecture: the model's section of a configuration.
        n_outputs: of the last layer.
        vocabulary_size, n_features: as for `Classifier`; one of them is 0.
    """
    width, hidden = architecture.embedding_size, architecture.hidden_size
    if n_features:
        yield "embedding.weight", (width, n_features)
        yield "embedding.bias", (width,)
    else:
        yield "embedding.weight", (vocabulary_size, width)
    directions = ("", "_reverse") if architecture.bidirectional else ("",)
    gates = GATES[architecture.cell] * hidden
    for layer in range(architecture.num_layers):
        for direction in directions:
            suffix = f"l{layer}{direction}"
            yield f"recurrence.weight_ih_{suffix}", (gates, width)
            yield f"recurrence.weight_hh_{suffix}", (gates, hidden)
            yield f"recurrence.bias_ih_{suffix}", (gates,)
            yield f"recurrence.bias_hh_{suffix}", (gates,)
        width = hidden * len(directions)
    yield "head.weight", (n_outputs, width * (2 if architecture.pooling == "max_mean" else 1))
    yield "head.bias", (n_outputs,)
