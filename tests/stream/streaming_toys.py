"""Small untrained models, and what a batch says of a sequence."""

from typing import Any

import numpy as np
import torch

from lstmkit.api.predictor import Predictor
from lstmkit.artifact import Artifact
from lstmkit.config.schema import EncoderConfig
from lstmkit.data.encoder import Encoder
from lstmkit.models.build import build_from

WORDS = [f"w{k}" for k in range(12)]


def toy(encoder: str = "words", seed: int = 0, engine: str = "auto", max_length: int = 400, **changes: Any) -> Artifact:
    """A model with weights large enough for its answers to differ."""
    config = EncoderConfig(kind=encoder, min_frequency=1, vocabulary_size=200, max_length=max_length)  # type: ignore[arg-type]
    fitted = Encoder.fit([" ".join(WORDS), "a dull film, isn't it?", "3 4 5"], config, "text")
    sizes = {"vocabulary_size": fitted.vocabulary_size, "n_classes": 3, "embedding_size": 5, "hidden_size": 9}
    architecture = {**sizes, "pooling": "max_mean", **changes}
    torch.manual_seed(seed)
    network = build_from(architecture, engine).eval()
    with torch.no_grad():
        for parameter in network.recurrence.parameters():
            parameter.mul_(2.0)
            parameter.add_(0.1 * torch.randn_like(parameter))
    return Artifact(network, fitted, ["x", "y", "z"], architecture)


def predictor(**changes: Any) -> Predictor:
    return Predictor(toy(**changes))


def batch(model: Predictor, words: list[str]) -> np.ndarray:
    """The answer to the whole sequence."""
    return model.predict_proba([words])[0]
