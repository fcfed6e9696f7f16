"""How early a classifier is right: accuracy by the share of a sequence that it has seen, and by when it decides."""

from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from lstmkit.evaluate.statistics import wilson_interval

PERCENTS = tuple(range(5, 101, 5))
THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)


def earliness(
    correct: Bool[np.ndarray, " tokens"],
    confidence: Float[np.ndarray, " tokens"],
    offsets: Int[np.ndarray, " sequences_plus_1"],
) -> dict[str, Any]:
    """Score the answers to all beginnings of some sequences.

    Args:
        correct: whether the answer after each token is right, all sequences end to end.
        confidence: the probability of that answer.
        offsets: where each sequence begins, and one past the end.

    Returns:
        `by_share`: for each of `PERCENTS`, the accuracy (with its 95% interval) after that share of each sequence,
        rounded up to a whole token. `decisions`: for each of `THRESHOLDS`, where a sequence is decided at the first
        token after which the largest probability reaches it, and at its end where none does: the accuracy, the mean
        share of the sequence seen then, and the share of the sequences that reached the threshold.

    Raises:
        ValueError: there is no sequence, or one is empty.
    """
    lengths = np.diff(offsets)
    if not len(lengths) or lengths.min() < 1:
        raise ValueError("earliness is of sequences of one token or more, of one sequence at least")
    begins, last = offsets[:-1], offsets[1:] - 1
    by_share = []
    for percent in PERCENTS:
        n_seen = -(-percent * lengths // 100)  # whole numbers: 0.1 * 30 is more than 3
        by_share.append({"share": percent / 100, **_accuracy(correct[begins + n_seen - 1])})
    decisions = []
    for threshold in THRESHOLDS:
        reached = np.where(confidence >= threshold, np.arange(len(confidence)), len(confidence))
        first = np.minimum.reduceat(reached, begins)
        is_decided = first <= last
        at = np.where(is_decided, first, last)
        decisions.append(
            {
                "threshold": threshold,
                **_accuracy(correct[at]),
                "mean_share_seen": float(((at - begins + 1) / lengths).mean()),
                "share_decided": float(is_decided.mean()),
            }
        )
    return {"n": len(lengths), "by_share": by_share, "decisions": decisions}


def _accuracy(correct: Bool[np.ndarray, " n"]) -> dict[str, Any]:
    n_correct, n = int(correct.sum()), len(correct)
    return {"accuracy": n_correct / n, "accuracy_ci95": list(wilson_interval(n_correct, n))}
