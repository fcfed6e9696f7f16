"""A trained network that predicts a number, as an object."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from jaxtyping import Float

from lstmkit.api.examples import examples_of
from lstmkit.api.inputs import Item
from lstmkit.api.series import Axes
from lstmkit.artifact import NumberArtifact
from lstmkit.data.encoded import EncodedPart
from lstmkit.models.scoring import outputs
from lstmkit.nn import Kept, frozen_weights


class NumberPredictor:
    """Predicts a number for each sequence.

    Args:
        artifact: as read by `lstmkit.artifact.load_regressor`.
    """

    def __init__(self, artifact: NumberArtifact) -> None:
        self._artifact = artifact
        self._kept = Kept()  # the weights are nobody else's, so what is made of them stays good

    @property
    def kind(self) -> str:
        """What an example is to the model: words, subwords, characters or tokens of a text, or a series."""
        return self._artifact.encoder.kind

    def predict(self, items: Iterable[Item], *, axes: Axes | None = None) -> Float[np.ndarray, " n"]:
        """The number of each example, in the order given; each depends on its own example alone.

        Arguments and errors as `Predictor.predict_proba` has them: a 3-D array of series is `(n, channels, time)` and
        an item of a list `(time, channels)`, unless `axes` says another order.
        """
        encoder: Any = self._artifact.encoder
        rows, offsets = encoder.encode(examples_of(items, encoder, axes))
        if len(offsets) == 1:
            return np.zeros(0)
        with frozen_weights(self._kept):
            found = outputs(self._artifact.network, EncodedPart(rows, offsets))
        return self._artifact.mean + self._artifact.deviation * found[:, 0]

    def describe(self) -> dict[str, Any]:
        """The model in a few plain words and numbers."""
        return {"kind": self.kind, "parameters": self._artifact.network.n_parameters()["total"]}
