"""Paired intervals and McNemar's test, against scipy, cases by hand and the coverage that they promise."""

import numpy as np
import pytest
from scipy import integrate, stats

from lstmkit.evaluate.statistics import mcnemar, mean_interval, paired_bootstrap


def outcomes(one_only: int, other_only: int, both: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    """Whether two models are right, by example, with these counts."""
    one = np.repeat([True, False, True, False], [one_only, other_only, both, neither])
    other = np.repeat([False, True, True, False], [one_only, other_only, both, neither])
    order = np.random.default_rng(1).permutation(len(one))
    return one[order], other[order]


def test_bootstrap_agrees_with_scipy() -> None:
    """scipy draws examples, this draws how often each value occurs; with 20,000 draws the ends agree to their noise."""
    generator = np.random.default_rng(3)
    networks = generator.random((2, 3, 500)) < np.array([[[0.85]], [[0.8]]])  # two models, three seeds
    differences = networks[0].mean(0) - networks[1].mean(0)
    theirs = stats.bootstrap(
        (differences,), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(0)
    ).confidence_interval
    low, high = paired_bootstrap(differences, n_resamples=20_000, seed=0)
    half_width = (high - low) / 2
    assert low == pytest.approx(theirs.low, abs=0.03 * half_width)
    assert high == pytest.approx(theirs.high, abs=0.03 * half_width)


def test_bootstrap_is_paired() -> None:
    """Models that agree on all but four of 1,000 examples: the interval is that of the four alone."""
    one, other = outcomes(4, 0, 500, 496)
    low, high = paired_bootstrap(one.astype(float) - other.astype(float), seed=0)
    # The number of the four drawn is binomial (1000, 0.004), near to Poisson (4): 1 to 8 from 2.5% to 97.5%.
    assert (low, high) == (0.001, 0.008)


def test_bootstrap_repeats_by_its_seed_and_needs_no_spread() -> None:
    one, other = outcomes(30, 20, 100, 50)
    differences = one.astype(float) - other.astype(float)
    first = paired_bootstrap(differences, seed=7)
    assert paired_bootstrap(differences, seed=7) == first
    few = [paired_bootstrap(differences, n_resamples=50, seed=seed) for seed in (7, 7, 8)]
    assert few[0] == few[1] != few[2]
    assert paired_bootstrap(differences[::-1].copy(), seed=7) == first, "the order of examples is no matter"
    assert paired_bootstrap(-differences, n_resamples=200_000, seed=7) == pytest.approx(
        tuple(-end for end in reversed(paired_bootstrap(differences, n_resamples=200_000, seed=7))), abs=0.001
    )
    assert paired_bootstrap(np.zeros(9), seed=0) is None
    assert paired_bootstrap(np.array([1.0]), seed=0) is None
    with pytest.raises(ValueError, match="no examples"):
        paired_bootstrap(np.array([]), seed=0)


def test_bootstrap_holds_the_true_difference_as_often_as_it_says() -> None:
    generator = np.random.default_rng(0)
    true = [integrate.quad(lambda hard, end=end: stats.norm.cdf((end - hard) / 0.2), 0, 1)[0] for end in (0.8, 0.7)]
    held = 0
    for k in range(1000):
        hard = generator.random(400)  # what makes an example hard makes it so for both
        one, other = hard + generator.normal(0, 0.2, 400) < 0.8, hard + generator.normal(0, 0.2, 400) < 0.7
        low, high = paired_bootstrap(one.astype(float) - other.astype(float), n_resamples=1000, seed=k)
        held += low <= true[0] - true[1] <= high
    assert 930 <= held <= 970


def test_mean_interval_by_hand_and_by_scipy() -> None:
    # Mean 2, standard deviation 1, three values: 2 ± 4.30265 / sqrt(3).
    assert mean_interval([1.0, 2.0, 3.0]) == pytest.approx((2 - 2.484138, 2 + 2.484138), abs=1e-6)
    values = [0.81, 0.84, 0.8, 0.87, 0.83]
    theirs = stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
    assert mean_interval(values) == pytest.approx((theirs.low, theirs.high), rel=1e-12)
    assert mean_interval([0.5, 0.5]) is None
    assert mean_interval([0.1 + 0.2, 0.3, 0.3]) is None, "they differ by rounding alone"
    assert mean_interval([0.5]) is None
    with pytest.raises(ValueError, match="no values"):
        mean_interval([])


@pytest.mark.parametrize(
    ("one_only", "other_only", "p"),
    [
        (5, 0, 2 / 32),  # by hand: all heads or all tails of five throws
        (3, 1, 2 * (1 + 4) / 16),  # four throws, at most one on the rarer side, both ways
        (2, 2, 1.0),
        (0, 0, 1.0),
    ],
)
def test_mcnemar_by_hand(one_only: int, other_only: int, p: float) -> None:
    found = mcnemar(*outcomes(one_only, other_only, 7, 3))
    assert (found.one_only, found.other_only) == (one_only, other_only)
    assert found.p == pytest.approx(p, rel=1e-12)


def test_mcnemar_is_near_its_chi_square_form_where_that_is_good() -> None:
    found = mcnemar(*outcomes(190, 150, 2000, 300))
    corrected = (abs(190 - 150) - 1) ** 2 / (190 + 150)  # Edwards (1948)
    assert found.p == pytest.approx(stats.chi2.sf(corrected, 1), rel=0.02)
    swapped = mcnemar(*reversed(outcomes(190, 150, 2000, 300)))
    assert (swapped.one_only, swapped.other_only, swapped.p) == (150, 190, pytest.approx(found.p))
