"""What `evaluation.json` says of a model's predictions on one split."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from lstmkit.evaluate.statistics import wilson_interval

_N_CALIBRATION_BINS = 15
_LEAST_PROBABILITY = 1e-12  # a probability of 0 for the truth costs 27.6 nats, not infinity, which JSON cannot hold


def score(
    labels: Sequence[str],
    truth: Int[np.ndarray, " n"],
    probabilities: Float[np.ndarray, "n classes"],
    split: str,
) -> dict[str, Any]:
    """Score predicted probabilities; the class of the highest is the prediction, the first of equals.

    Args:
        labels: the classes' names, in the order of the columns.
        truth: `(n,)`, the true class of each example.
        probabilities: `(n, classes)`, rows that sum to 1.
        split: name of the split, as `test`.

    Returns:
        The fields of `evaluation.json` without `baselines`: `split`, `n`, `accuracy`, `accuracy_ci95` (Wilson),
        `loss` (mean cross-entropy, nats), `macro_f1`, `per_class`, `confusion_matrix` (rows truth, columns predicted),
        `labels`, `calibration_error`. Precision, recall and F1 of nothing are 0; `macro_f1` is the mean over the
        classes that occur in the truth or among the predictions.

    Raises:
        ValueError: no examples, a class number or a probability out of range, names that repeat or do not fit.
    """
    _check(labels, truth, probabilities)
    n, n_classes = probabilities.shape
    predicted = probabilities.argmax(1)
    n_correct = int((predicted == truth).sum())
    confusion = np.bincount(truth * n_classes + predicted, minlength=n_classes**2).reshape(n_classes, n_classes)
    hits, n_true, n_predicted = confusion.diagonal(), confusion.sum(1), confusion.sum(0)
    precision = _share(hits, n_predicted)
    recall = _share(hits, n_true)
    f1 = _share(2 * hits, n_true + n_predicted)
    of_truth = probabilities[np.arange(n), truth].astype(np.float64)
    return {
        "split": split,
        "n": n,
        "accuracy": n_correct / n,
        "accuracy_ci95": list(wilson_interval(n_correct, n)),
        "loss": float(-np.log(of_truth.clip(_LEAST_PROBABILITY, 1.0)).mean()),
        "macro_f1": float(f1[n_true + n_predicted > 0].mean()),
        "per_class": {
            label: {"precision": float(precision[k]), "recall": float(recall[k]), "f1": float(f1[k]),
                    "n": int(n_true[k])}
            for k, label in enumerate(labels)
        },
        "confusion_matrix": confusion.tolist(),
        "labels": list(labels),
        "calibration_error": calibration_error(probabilities.max(1), predicted == truth),
    }  # fmt: skip


def calibration_error(
    confidence: Float[np.ndarray, " n"], correct: Bool[np.ndarray, " n"], n_bins: int = _N_CALIBRATION_BINS
) -> float:
    """The expected calibration error (Guo et al. 2017, equation 3): `sum over m of |B_m|/n |acc(B_m) - conf(B_m)|`.

    Bin B_m of M holds the examples with confidence in ((m - 1)/M, m/M]; acc is their accuracy, conf the mean of their
    confidences.

    Args:
        confidence: `(n,)`, the probability of each predicted class, 0 to 1; at least one.
        correct: `(n,)`, whether the prediction was right.
        n_bins: M, bins of equal width; Guo et al. use 15.
    """
    bins = (np.ceil(confidence.astype(np.float64) * n_bins).astype(np.int64) - 1).clip(0, n_bins - 1)
    # |B_m| |acc - conf| is the absolute sum of the gaps within the bin.
    gaps = np.bincount(bins, weights=correct.astype(np.float64) - confidence.astype(np.float64), minlength=n_bins)
    return float(np.abs(gaps).sum() / len(confidence))


def accuracy_by_length(
    lengths: Int[np.ndarray, " n"], correct: Bool[np.ndarray, " n"], bins: int = 4
) -> list[dict[str, Any]]:
    """Accuracy within groups of similar length, the groups as near to equal in size as whole lengths allow.

    Examples of one length stay together, so that few distinct lengths give fewer groups.

    Args:
        lengths: `(n,)`, steps of each example.
        correct: `(n,)`, whether its prediction was right.
        bins: the most groups.

    Returns:
        From short to long: `from` and `to` (shortest and longest length in the group), `n`, `accuracy`,
        `accuracy_ci95`. No examples, no groups.
    """
    if len(lengths) == 0:
        return []
    upper_ends = np.unique(np.quantile(lengths, np.arange(1, bins) / bins, method="inverted_cdf"))
    group_of = np.searchsorted(upper_ends, lengths, side="left")
    groups: list[dict[str, Any]] = []
    for group in np.unique(group_of):
        members = group_of == group
        n, n_correct = int(members.sum()), int(correct[members].sum())
        groups.append(
            {
                "from": int(lengths[members].min()),
                "to": int(lengths[members].max()),
                "n": n,
                "accuracy": n_correct / n,
                "accuracy_ci95": list(wilson_interval(n_correct, n)),
            }
        )
    return groups


def _check(labels: Sequence[str], truth: Int[np.ndarray, " n"], probabilities: Float[np.ndarray, "n classes"]) -> None:
    n_classes = probabilities.shape[1]
    if len(truth) == 0:
        raise ValueError("no examples to score; a split holds at least one")
    if len(labels) != n_classes or len(set(labels)) != n_classes:
        raise ValueError(f"{len(labels)} labels for {n_classes} columns; each column has one name of its own")
    if truth.min() < 0 or truth.max() >= n_classes:
        raise ValueError(f"class numbers {truth.min()} to {truth.max()}; {n_classes} classes are 0 to {n_classes - 1}")
    # Written so that NaN, which no comparison holds for, is refused too.
    if not ((probabilities >= 0.0) & (probabilities <= 1.0 + 1e-6)).all():
        raise ValueError("a probability is not between 0 and 1; the model's output is not finite or not a softmax")


def _share(part: Int[np.ndarray, " classes"], whole: Int[np.ndarray, " classes"]) -> Float[np.ndarray, " classes"]:
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)
