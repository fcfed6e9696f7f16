"""Intervals around measured shares."""

from math import sqrt
from statistics import NormalDist

import numpy as np
from jaxtyping import Bool


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
