"""Measures of forecasts against figures by hand, and intervals that know that windows overlap."""

import re
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from lstmkit.config.schema import DataConfig, TaskConfig
from lstmkit.data.cutting import cut_panel
from lstmkit.data.sources.panel import Panel, Timed
from lstmkit.evaluate.forecasting import Scoring, baseline_quantiles, naive_error, verdict
from lstmkit.models.quantiles import QUANTILES


def scoring(n: int = 40, horizon: int = 4, n_series: int = 1, seed: int = 0) -> tuple[Scoring, np.ndarray]:
    random = np.random.default_rng(seed)
    truth = random.standard_normal((n * n_series, horizon))
    quantiles = np.sort(random.standard_normal((n * n_series, horizon, 3)), 2)
    return Scoring(truth, np.full(len(truth), 2.0), np.repeat(np.arange(n_series), n), horizon), quantiles


def test_measures_by_hand() -> None:
    truth = np.array([[1.0, np.nan], [2.0, -4.0]])
    quantiles = np.array([[[0, 1, 2], [9, 9, 9]], [[3, 4, 5], [-5, -2, -1]]], dtype=np.float64)
    found = Scoring(truth, np.array([2.0, 4.0]), np.zeros(2, dtype=np.int64), 2).measures(quantiles, seed=0)
    assert found["mase"] == pytest.approx((0 / 2 + 2 / 4 + 2 / 4) / 3)
    assert found["smape"] == pytest.approx((0 + 200 * 2 / 6 + 200 * 2 / 6) / 3)
    assert found["rmse"] == pytest.approx(np.sqrt(8 / 3))
    # levels 0.1, 0.5, 0.9 of errors (1, 0, -1), (-1, -2, -3) and (1, -2, -3)
    assert found["quantile_loss"] == pytest.approx(((0.1 + 0 + 0.1) + (0.9 + 1 + 0.3) + (0.1 + 1 + 0.3)) / 9)
    assert found["coverage"] == pytest.approx(2 / 3)
    assert found["by_step"]["mase"] == pytest.approx([0.25, 0.5])


def test_intervals_hold_the_figure_and_widen_with_overlap() -> None:
    ours, quantiles = scoring()
    found = ours.measures(quantiles, seed=0)
    for name in ("mase", "smape", "rmse", "quantile_loss", "coverage"):
        low, high = found[f"{name}_ci95"]
        assert low < found[name] < high
    assert ours.measures(quantiles, seed=0) == found
    assert ours.n_spans == 10
    # Neighbours that tell the same: eight blocks of five windows know less than forty windows of their own.
    repeated = np.repeat(np.random.default_rng(1).standard_normal(8), 5)[:, None] * np.ones((40, 5))
    zeros = np.zeros((40, 5, 3))
    series = np.zeros(40, dtype=np.int64)

    def width(horizon: int) -> float:
        low, high = Scoring(repeated, np.ones(40), series, horizon).measures(zeros, seed=0)["mase_ci95"]
        return high - low

    assert width(5) > 1.5 * width(1)


@pytest.mark.parametrize(("n", "n_series", "has_interval"), [(4, 1, False), (1, 9, False), (5, 1, True), (1, 10, True)])
def test_windows_that_all_share_steps_have_no_interval(n: int, n_series: int, has_interval: bool) -> None:
    ours, quantiles = scoring(n, horizon=4, n_series=n_series)
    found = ours.measures(quantiles, seed=0)
    difference, interval = ours.mase_difference(quantiles, quantiles + 1.0, seed=0)
    assert difference != 0
    if not has_interval:
        assert {found[f"{name}_ci95"] for name in ("mase", "smape", "rmse", "quantile_loss", "coverage")} == {None}
        assert interval is None
        return
    for low, high in (found["mase_ci95"], interval):
        assert low < high


def test_a_difference_is_drawn_in_pairs() -> None:
    ours, quantiles = scoring(n_series=12)
    worse = quantiles + 0.01
    difference, (low, high) = ours.mase_difference(quantiles, worse, seed=0)
    assert low <= difference <= high
    alone = ours.measures(quantiles, seed=0)["mase_ci95"]
    assert high - low < 0.1 * (alone[1] - alone[0])
    assert ours.mase_difference(quantiles, quantiles, seed=0) == (0.0, None), "no width is no interval"


def test_the_scale_is_the_naive_error_in_training() -> None:
    assert naive_error(np.array([1.0, 2, 3, 4, np.nan]), 2) == 2.0
    assert naive_error(np.array([1.0, 2, 1, 2, 1]), 2) == 1.0  # a season explains all; a step does not
    assert naive_error(np.array([1.0, np.nan, np.nan]), 1) == 1.0


def test_the_verdict_is_plain() -> None:
    record = {"mase": 0.9, "against": "seasonal_naive", "baselines": {"seasonal_naive": {"mase": 1.0}}}
    won = verdict(record | {"mase_difference": -0.1, "mase_difference_ci95": [-0.2, -0.05]})
    assert won == (
        "By MASE the network (0.900) against the seasonal-naive forecast (1.000): it beats it by 0.100 "
        "(95% interval +0.050 to +0.200)."
    )
    assert "not shown for other spans" in verdict(
        record | {"mase_difference": -0.1, "mase_difference_ci95": [-0.2, 0.1]}
    )
    assert "does NOT beat it" in verdict(record | {"mase_difference": 0.1, "mase_difference_ci95": [0.05, 0.2]})
    assert verdict(record | {"mase_difference": -0.1, "mase_difference_ci95": None}).endswith(
        "it beats it by 0.100, over windows that all share steps: there is no interval, and nothing is shown for other "
        "spans."
    )


@pytest.mark.parametrize("difference", [-0.217, -0.001, 0.0, 0.001, 0.3])
@pytest.mark.parametrize("half_width", [0.0, 0.01, 0.2])
def test_the_verdict_s_interval_has_the_sign_of_its_words(difference: float, half_width: float) -> None:
    record = {"mase": 0.9, "against": "naive", "baselines": {"naive": {"mase": 1.0}}, "n_spans": 9, "n_series": 2}
    ends = [difference - half_width, difference + half_width]
    words = verdict(record | {"mase_difference": difference, "mase_difference_ci95": ends})
    assert ("it beats it by" in words) == (difference < 0)
    assert ("it is worse by" in words) == (difference > 0)
    found = re.search(r"95% interval ([-+][\d.]+) to ([-+][\d.]+)", words)
    assert (found is None) == (half_width == 0), "an interval of no width is none"
    if found:
        low, high = float(found[1]), float(found[2])
        assert low < high
        assert low - 1e-3 <= abs(difference) <= high + 1e-3
        assert ("this is not shown" in words) == (low <= 0)


def test_a_rule_s_quantiles_are_those_of_its_errors_where_training_has_any() -> None:
    random = np.random.default_rng(0)
    values = random.standard_normal((90, 1)).cumsum(0)
    values[random.random(90) < 0.2] = np.nan
    values[0] = 0.0
    series = Timed("s", 2, list(range(90)), values)
    panel = Panel("toy", ("y",), "", "t", (series,), [], [], "0", {"toy.csv": "0"})
    data = cut_panel(panel, TaskConfig(goal="forecast", horizon=3, season=4), DataConfig())
    found = baseline_quantiles(data, data, data.windows("test"))
    assert set(found) == {"naive", "seasonal_naive"}
    rule = replace(data, encoder=replace(data.encoder, base="last"))
    errors, test = rule.windows("train").part.labels, rule.windows("test")
    outer = np.stack([np.nanquantile(errors, level, axis=0) for level in QUANTILES], 1)
    outer[:, QUANTILES.index(0.5)] = 0.0
    np.testing.assert_array_equal(found["naive"], test.values(np.broadcast_to(outer, (len(test), 3, 3))))
    # A single value to learn from, a step ahead: the two steps behind it have its error, and no season lies before it.
    values[1 : data.cut.ends(90)["train"][1]] = np.nan
    values[2] = 1.0
    found = baseline_quantiles(data, data, data.windows("test"))
    assert np.isfinite(found["naive"]).all()


def at_once(scored: Scoring, terms: np.ndarray, there: np.ndarray, seed: int) -> np.ndarray:
    """The bootstrap with all draws of a series in one array."""
    random = np.random.default_rng(seed)
    columns = np.concatenate([terms.sum(1), there.sum(1)[:, None]], 1)
    drawn = []
    for number in np.unique(scored.series):
        own = columns[scored.series == number]
        length = min(scored.horizon, len(own))
        around = np.concatenate([np.zeros((1, 6)), np.cumsum(np.concatenate([own, own]), 0)])
        blocks = around[length : length + len(own)] - around[: len(own)]
        drawn.append(blocks[random.integers(len(own), size=(2_000, -(-len(own) // length)))].sum(1))
    stacked = np.stack(drawn)
    if len(drawn) >= 10:
        stacked = stacked[random.integers(len(drawn), size=(len(drawn), 2_000)), np.arange(2_000)]
    total = stacked.sum(0)
    means = total[:, :-1] / np.maximum(total[:, -1], 1)[:, None]
    means[:, 2] = np.sqrt(means[:, 2])
    return means


@pytest.mark.parametrize(("n", "horizon", "n_series"), [(700, 1, 1), (699, 4, 3), (60, 3, 12)])
def test_draws_in_pieces_are_those_at_once(n: int, horizon: int, n_series: int) -> None:
    scored, quantiles = scoring(n, horizon, n_series)
    terms, there = scored._terms(quantiles)
    np.testing.assert_array_equal(scored._resampled(terms, there, 7), at_once(scored, terms, there, 7))


def test_many_origins_take_no_more_memory_than_their_draws_in_pieces() -> None:
    scored, quantiles = scoring(20_000, 1)
    terms, there = scored._terms(quantiles)
    tracemalloc.start()
    scored._resampled(terms, there, 0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30e6  # all at once 2.2 GB
