"""Small untrained models of recordings."""

from typing import Any

import numpy as np
import torch

from lstmkit.api.predictor import Predictor
from lstmkit.artifact import Artifact
from lstmkit.data.audio.features import FeatureSettings
from lstmkit.data.speech import SpeechEncoder
from lstmkit.models.build import build_from
from sounds import RATE, whistle


def toy(deltas: int = 0, seed: int = 0, engine: str = "auto", **changes: Any) -> Artifact:
    """A model with weights large enough for its answers to differ."""
    settings = FeatureSettings(RATE, n_mels=13, deltas=deltas)  # pyright: ignore[reportArgumentType]
    n = settings.n_features
    encoder = SpeechEncoder(settings, tuple(np.linspace(-8, -4, n)), tuple(np.linspace(2, 3, n)), 5000, "ends")
    architecture = {
        **encoder.shape,
        **{"n_classes": 3, "embedding_size": 5, "hidden_size": 9, "pooling": "max_mean"},
        **changes,
    }
    torch.manual_seed(seed)
    network = build_from(architecture, engine).eval()
    with torch.no_grad():
        for parameter in network.recurrence.parameters():
            parameter.mul_(2.0)
            parameter.add_(0.1 * torch.randn_like(parameter))
    return Artifact(network, encoder, ["a", "b", "c"], architecture)


def predictor(**changes: Any) -> Predictor:
    return Predictor(toy(**changes))


def sound(n: int, seed: int = 0) -> np.ndarray:
    """Whistles one after another, float32 `(n,)`."""
    pieces = [whistle(("rises", "falls")[k % 2], 100 * seed + k) for k in range(1 + n // 1600)]
    return np.concatenate(pieces)[:n]
