"""A trained run as an object that predicts."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from lstmkit.api.inputs import Item, texts_of
from lstmkit.artifact import Artifact, find_model, load_artifact
from lstmkit.data.encoded import EncodedPart
from lstmkit.models.scoring import probabilities


class Predictor:
    """Classifies sequences with a trained model.

    Args:
        artifact: as read by `lstmkit.artifact.load_artifact`.
    """

    def __init__(self, artifact: Artifact) -> None:
        self._artifact = artifact

    @property
    def labels(self) -> list[str]:
        """Class names, in the order of the columns of `predict_proba`."""
        return list(self._artifact.labels)

    def predict(self, items: Iterable[Item]) -> list[str]:
        """The most probable label of each example.

        Raises:
            DataError: see `predict_proba`.
        """
        return [self._artifact.labels[k] for k in self.predict_proba(items).argmax(1)]

    def predict_proba(self, items: Iterable[Item]) -> Float[np.ndarray, "n classes"]:
        """Class probabilities `(n, classes)`, rows in the order given; each depends on its own example alone.

        Raises:
            DataError: an example is empty, or no string and no list of tokens; or `items` is one string and not a
                list of them.
        """
        texts = texts_of(items)
        if not texts:
            return np.zeros((0, len(self._artifact.labels)))
        tokens, offsets = self._artifact.encoder.encode(texts)
        part = EncodedPart(tokens, offsets, np.zeros(len(texts), dtype=np.int64))
        return probabilities(self._artifact.network, part)

    def describe(self) -> dict[str, Any]:
        """The model in a few plain words and numbers."""
        return {"labels": self.labels, "parameters": self._artifact.network.n_parameters()["total"]}


def load(run: str | Path, engine: str = "auto") -> Predictor:
    """Load a trained run (a run folder, a lab folder, a saved estimator, or a model folder).

    Args:
        run: the folder.
        engine: implementation of the recurrence; see `lstmkit.nn.choose_engine`.

    Raises:
        ArtifactError: the folder is no run, or a file of the model is absent, damaged or of a newer format.
    """
    return Predictor(load_artifact(find_model(Path(run)), engine))
