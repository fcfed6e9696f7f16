"""A number for each sequence, in the place of a label: read, standardised by the training part, encoded."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from lstmkit.config.schema import Config
from lstmkit.core.errors import DataError
from lstmkit.data.encoded import EncodedPart
from lstmkit.data.encoding import AnyEncoder, fit_encoder
from lstmkit.data.sources import Corpus, Part


@dataclass(frozen=True, eq=False)
class Numbered:
    """The data of a regression.

    Attributes:
        corpus: as the source gave it.
        parts: train, valid and test as texts or series.
        encoder: fitted on the training part.
        numbers: what is to be predicted, by part.
        mean, deviation: of the training part's numbers.
        encoded: the parts as numbers; their labels are in deviations from the mean.
    """

    corpus: Corpus
    parts: Mapping[str, Part]
    encoder: AnyEncoder
    numbers: Mapping[str, Float[np.ndarray, " n"]]
    mean: float
    deviation: float
    encoded: Mapping[str, EncodedPart]

    def values(self, outputs: Float[np.ndarray, "n 1"]) -> Float[np.ndarray, " n"]:
        """The network's outputs in the unit of the numbers."""
        return self.mean + self.deviation * outputs[:, 0]


def numbered(corpus: Corpus, parts: Mapping[str, Part], config: Config) -> Numbered:
    """Read the numbers and encode the sequences.

    Args:
        corpus: as the source gave it.
        parts: the splits; encoder, mean and deviation are fitted on `train`.
        config: the whole configuration.

    Raises:
        DataError: a label is no number, or all of the training part are the same.
    """
    numbers = {name: targets_of(part) for name, part in parts.items()}
    mean, deviation = float(numbers["train"].mean()), float(numbers["train"].std())
    if not deviation:
        raise DataError(f"{corpus.name}: every training example has the number {mean:g}; there is nothing to learn")
    encoder = fit_encoder(parts["train"].inputs, config.encoder, corpus.kind, corpus.channels)
    encoded = {}
    for name, part in parts.items():
        rows, offsets = encoder.encode(part.inputs)
        encoded[name] = EncodedPart(rows, offsets, ((numbers[name] - mean) / deviation).astype(np.float32))
    return Numbered(corpus, parts, encoder, numbers, mean, deviation, encoded)


def targets_of(part: Part) -> Float[np.ndarray, " n"]:
    """The labels of a part as numbers.

    Raises:
        DataError: one is none, or not finite.
    """
    found = np.empty(len(part))
    for k, (identity, label) in enumerate(zip(part.ids, part.labels, strict=True)):
        try:
            found[k] = float(label)
        except ValueError:
            found[k] = math.nan
        if not math.isfinite(found[k]):
            raise DataError(
                f"{identity}: {label!r} is no finite number, and a regression predicts numbers; name their column with "
                "--label-column, or correct the row"
            )
    return found
