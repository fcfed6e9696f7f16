"""The comparison of baselines measures what it says, on a network of a few units."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from lstmkit.analyze.attribution import integrated_gradients
from lstmkit.models import Classifier


def test_each_baseline_is_measured_on_each_series(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    import series_baselines  # pyright: ignore[reportMissingImports]

    torch.manual_seed(0)
    network = Classifier(n_classes=3, n_features=2, embedding_size=3, hidden_size=4, head_dropout=0.5).eval()
    series = [np.random.default_rng(k).normal(size=(5 + k, 2)).astype(np.float32) for k in range(2)]
    found = {name: series_baselines.measures(network, series, name) for name in series_baselines.BASELINES}
    assert list(found) == ["training mean", "own mean", "first step"]
    assert not network.training
    for rows in found.values():
        assert np.array(rows, dtype=float).shape == (2, 6)
    attribution = integrated_gradients(network, series[0], [0, 1, 2])
    differences = np.abs(attribution.difference)
    assert np.isclose(found["training mean"][0][2], differences).any()
    # A series that stands still is its own mean: nothing is left to attribute, and the baseline says the same.
    still = series_baselines.measures(network, [np.ones((4, 2), np.float32)], "own mean")
    assert (still[0][2], still[0][3]) == (0, True)
    del sys.modules["series_baselines"]
