"""Small untrained models of series, and what a batch says of a series."""

from typing import Any

import numpy as np
import torch

from lstmkit.api.predictor import Predictor
from lstmkit.artifact import Artifact
from lstmkit.config.schema import EncoderConfig
from lstmkit.data.encoded import EncodedPart
from lstmkit.data.series import SeriesEncoder
from lstmkit.models.build import build_from
from lstmkit.models.scoring import probabilities

NAMES = ("x", "y", "z")


def series(n_steps: int, n_channels: int = 3, seed: int = 0, missing: float = 0.3) -> np.ndarray:
    """Numbers by time, each channel on a scale of its own, NaN where one is missing."""
    random = np.random.default_rng(seed)
    values = random.standard_normal((n_steps, n_channels)) * 10.0 ** np.arange(n_channels) + 5
    return np.where(random.random(values.shape) < missing, np.nan, values).astype(np.float32)


def toy(
    n_channels: int = 3,
    missing: float = 0.3,
    seed: int = 0,
    engine: str = "auto",
    max_length: int = 400,
    **changes: Any,
) -> Artifact:
    """A model with weights large enough for its answers to differ, its scales learned from `series`."""
    config = EncoderConfig(max_length=max_length)
    encoder = SeriesEncoder.fit([series(200, n_channels, 99, missing)], config, NAMES[:n_channels])
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


def batch(model: Predictor, values: np.ndarray) -> np.ndarray:
    """The answer to the whole series; to one without any value too, which `predict` refuses."""
    rows, offsets = model._artifact.encoder.encode([values])
    return probabilities(model._artifact.network, EncodedPart(rows, offsets))[0]
