"""Small untrained forecasters, series with gaps, and what `predict_quantiles` says of a series so far."""

from typing import Any

import numpy as np
import torch

from lstmkit.api.forecaster import ForecastPredictor
from lstmkit.artifact import ForecastArtifact
from lstmkit.data.windows import Base, WindowEncoder
from lstmkit.models.build import build_from
from lstmkit.models.quantiles import n_outputs

NAMES = ("y", "price", "heat")


def series(n_steps: int, n_columns: int = 2, seed: int = 0, missing: float = 0.3, n_blank: int = 0) -> np.ndarray:
    """Values by time, NaN where one is missing; in the first `n_blank` steps there is none to forecast."""
    random = np.random.default_rng(seed)
    values = random.standard_normal((n_steps, n_columns)) + np.arange(n_columns)
    values[random.random(values.shape) < missing] = np.nan
    values[random.random(n_steps) < missing / 3] = np.nan
    values[:n_blank, 0] = np.nan
    return values


def toy(
    n_columns: int = 2,
    horizon: int = 3,
    context: int = 8,
    season: int = 1,
    base: Base = "last",
    known_ahead: tuple[int, ...] = (),
    has_masks: bool = True,
    engine: str = "auto",
    seed: int = 0,
    **changes: Any,
) -> ForecastArtifact:
    """A forecaster with weights large enough for its answers to differ."""
    encoder = WindowEncoder(
        columns=NAMES[:n_columns],
        known_ahead=known_ahead,
        horizon=horizon,
        context=context,
        season=season,
        base=base,
        means=tuple(0.5 + k for k in range(n_columns)),
        deviations=tuple(1.5 + k for k in range(n_columns)),
        masked=tuple(range(n_columns)) if has_masks else (),
    )
    architecture = {
        **encoder.shape,
        **{"n_classes": n_outputs(horizon), "embedding_size": 5, "hidden_size": 9, "pooling": "last"},
        **changes,
    }
    torch.manual_seed(seed)
    network = build_from(architecture, engine).eval()
    with torch.no_grad():
        for parameter in network.recurrence.parameters():
            parameter.mul_(2.0)
            parameter.add_(0.1 * torch.randn_like(parameter))
    return ForecastArtifact(network, encoder, architecture, {"series": "", "time": ""})


def forecaster(**changes: Any) -> ForecastPredictor:
    return ForecastPredictor(toy(**changes))


def batch(model: ForecastPredictor, values: np.ndarray) -> np.ndarray:
    """The forecast after all of a series; NaN where it has too few steps, counted from the first value to forecast."""
    encoder = model._artifact.encoder
    known = np.flatnonzero(~np.isnan(values[:, 0]))
    least = max(2, encoder.season) if encoder.base == "season" else 2
    if not len(known) or len(values) - known[0] < least:
        return np.full((encoder.horizon, 3), np.nan)
    return model.predict_quantiles([values])[0]
