"""Intervals around measured shares and differences, and the test of two classifiers on the same examples."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

import numpy as np
from jaxtyping import Bool, Float
from scipy.stats import binomtest, t


def wilson_interval(n_correct: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """The score interval of a share (Wilson 1927): honest near 0 and 1 and for small `n`, where the normal one is not.

    Args:
        n_correct: successes, 0 to `n`.
        n: trials; of none nothing is known, and the interval is 0 to 1.
        confidence: how often such intervals hold the true share, between 0 and 1.

    Returns:
        The lower and the upper end, both between 0 and 1.

    Raises:
        ValueError: counts or confidence outside their ranges.
    """
    if not 0 <= n_correct <= n:
        raise ValueError(f"{n_correct} successes of {n} trials; successes lie between 0 and the trials")
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence {confidence}; it lies between 0 and 1, both left out")
    if n == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1.0 + confidence) / 2.0)
    share = n_correct / n
    center = (share + z * z / (2 * n)) / (1 + z * z / n)
    half_width = z / (1 + z * z / n) * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    # At the two extremes center and half-width cancel in exact arithmetic; rounding must not leave the range.
    low = 0.0 if n_correct == 0 else center - half_width
    high = 1.0 if n_correct == n else center + half_width
    return low, high


def paired_difference(
    correct: Bool[np.ndarray, " n"], other_correct: Bool[np.ndarray, " n"], confidence: float = 0.95
) -> tuple[float, float, float]:
    """How much more often one model is right than another on the same examples, with a normal interval.

    The interval is that of the mean of the n differences -1, 0 and 1, so examples that both models get right or wrong
    do not widen it (Agresti 2002, section 10.1.1).

    Args:
        correct: whether the model is right, by example.
        other_correct: whether the other is, on the same examples.
        confidence: how often such intervals hold the true difference.

    Returns:
        The difference, and the lower and the upper end of its interval.

    Raises:
        ValueError: the examples are not as many, or there are none.
    """
    if len(correct) != len(other_correct) or not len(correct):
        raise ValueError(f"{len(correct)} and {len(other_correct)} examples; the same ones are compared, at least one")
    differences = correct.astype(float) - other_correct.astype(float)
    mean = float(differences.mean())
    half_width = NormalDist().inv_cdf((1.0 + confidence) / 2.0) * float(differences.std()) / sqrt(len(differences))
    return mean, mean - half_width, mean + half_width


def paired_bootstrap(
    differences: Float[np.ndarray, " n"], *, n_resamples: int = 10_000, seed: int, confidence: float = 0.95
) -> tuple[float, float] | None:
    """The percentile interval of the mean of paired differences (Efron and Tibshirani 1993, chapter 13).

    Examples are drawn with replacement, each with what both models made of it, so that what is hard for both widens
    nothing. The same arguments give the same interval, with one version of numpy.

    Args:
        differences: `(n,)`, by example: how right the one model is, minus how right the other.
        n_resamples: draws of n examples.
        seed: decides the draws.
        confidence: how often such intervals hold the true difference.

    Returns:
        The two ends; None where every draw has the same mean, as with one example: nothing varies.

    Raises:
        ValueError: there are no examples.
    """
    n = len(differences)
    if not n:
        raise ValueError("no examples; a difference is measured on at least one")
    # Few values occur, so how often each is drawn is drawn at once: the law of n draws, at a thousandth of the cost.
    values, counts = np.unique(differences, return_counts=True)
    drawn = np.random.default_rng(seed).multinomial(n, counts / n, n_resamples)
    means = drawn @ values / n
    low, high = np.quantile(means, [(1.0 - confidence) / 2.0, (1.0 + confidence) / 2.0])
    return with_width(float(low), float(high))


def with_width(low: float, high: float) -> tuple[float, float] | None:
    """An interval; None where its ends are equal up to rounding: it tells nothing of how values vary."""
    return (low, high) if high - low > 1e-12 * max(abs(low), abs(high)) else None


def mean_interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float] | None:
    """Student's interval of a mean; None where there is one value or all are equal: nothing tells how they vary.

    Args:
        values: of independent repetitions, as one a seed.
        confidence: how often such intervals hold the true mean, if the values are normal.

    Raises:
        ValueError: there is no value.
    """
    if not len(values):
        raise ValueError("no values; a mean needs at least one")
    if len(values) == 1:
        return None
    mean = float(np.mean(values))
    error = float(np.std(values, ddof=1)) / sqrt(len(values))
    half_width = float(t.ppf((1.0 + confidence) / 2.0, len(values) - 1)) * error
    return with_width(mean - half_width, mean + half_width)


@dataclass(frozen=True)
class McNemar:
    """What two classifiers differ in on the same examples.

    Attributes:
        one_only: examples that the one alone has right.
        other_only: examples that the other alone has right.
        p: how often as lopsided a split comes by chance, where each is as likely.
    """

    one_only: int
    other_only: int
    p: float


def mcnemar(correct: Bool[np.ndarray, " n"], other_correct: Bool[np.ndarray, " n"]) -> McNemar:
    """McNemar's test (1947) in its exact form, two-sided: the discordant examples are a fair coin's throws.

    Args:
        correct: whether the one classifier is right, by example.
        other_correct: whether the other is, on the same examples.
    """
    one_only, other_only = int((correct & ~other_correct).sum()), int((~correct & other_correct).sum())
    n = one_only + other_only
    return McNemar(one_only, other_only, float(binomtest(one_only, n, 0.5).pvalue) if n else 1.0)
