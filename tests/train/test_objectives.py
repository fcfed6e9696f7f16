"""Objectives: quantiles that cannot cross, pinball loss as scikit-learn has it, missing targets that count nothing."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import mean_pinball_loss

from lstmkit.models.quantiles import QUANTILES, n_outputs, quantiles_of
from lstmkit.train.objectives import QuantileForecast


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=6, max_size=6))
def test_quantiles_cannot_cross(numbers: list[float]) -> None:
    quantiles = quantiles_of(torch.tensor([numbers]))
    assert quantiles.shape == (1, 2, 3)
    assert n_outputs(2) == 6
    assert (quantiles.diff(dim=2) >= 0).all()


def test_the_loss_is_the_mean_pinball_loss_over_what_is_there() -> None:
    random = np.random.default_rng(0)
    outputs = torch.from_numpy(random.standard_normal((5, 12)))
    targets = random.standard_normal((5, 4))
    targets[0, 1] = targets[3] = np.nan
    there = ~np.isnan(targets)
    quantiles = quantiles_of(outputs).numpy()
    theirs = np.mean(
        [mean_pinball_loss(targets[there], quantiles[there, k], alpha=level) for k, level in enumerate(QUANTILES)]
    )
    outputs.requires_grad_()
    loss = QuantileForecast().loss(outputs, torch.from_numpy(targets))
    np.testing.assert_allclose(loss.item(), theirs, rtol=1e-12)
    loss.backward()
    assert outputs.grad is not None
    assert torch.isfinite(outputs.grad).all()
    assert not outputs.grad[3].any()
