"""Scores of predicted numbers against scikit-learn's, and their intervals."""

import numpy as np
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from lstmkit.evaluate.regression import number_scores


def test_scores_are_scikit_learns() -> None:
    random = np.random.default_rng(0)
    truth = 1e3 + random.standard_normal(60)
    predicted = truth + 0.5 * random.standard_normal(60)
    found = number_scores(truth, predicted)
    np.testing.assert_allclose(found["rmse"], root_mean_squared_error(truth, predicted), rtol=1e-12)
    np.testing.assert_allclose(found["mae"], mean_absolute_error(truth, predicted), rtol=1e-12)
    np.testing.assert_allclose(found["r2"], r2_score(truth, predicted), rtol=1e-6)
    for name in ("rmse", "mae", "r2"):
        low, high = found[f"{name}_ci95"]
        assert low < found[name] < high


def test_equal_numbers_have_no_share_explained() -> None:
    found = number_scores(np.full(5, 3.0), np.arange(5.0))
    assert found["r2"] is None
    assert found["r2_ci95"] is None
    assert found["rmse"] > 0
