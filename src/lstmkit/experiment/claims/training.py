"""Claims about learning: the test set beside chance, the two ends of training, its trend, the sheet's accuracy."""

import math
from collections.abc import Sequence
from itertools import accumulate, combinations

from lstmkit.experiment.claims.judged import (
    ACCURACY,
    DOES_NOT_HOLD,
    HOLDS,
    LEARNS,
    NOT_SHOWN,
    PROGRESSES,
    TREND,
    Claim,
    Measured,
    decide,
    interval,
)

N_EPOCHS = 10  # the sheet's
TREND_P = 0.01  # below it a trend is clear
SHEET_ACCURACY = 0.8595
AROUND = 0.02  # what "around" is taken to mean

_EXACT_UP_TO = 50
_CURVES = {"loss": ("train_loss", "decreasing", False), "accuracy": ("train_accuracy", "increasing", True)}


def training_claims(measured: Measured) -> list[Claim]:
    """The sheet's first four sentences."""
    return [
        _learns(measured),
        *(_progresses(measured, what) for what in _CURVES),
        *(_trend(measured, what) for what in _CURVES),
        _accuracy(measured),
    ]


def trend_p(values: Sequence[float], rising: bool) -> float:
    """The one-sided p of Mann's test for trend: how often shuffled values would be in as good an order.

    The statistic is the number of pairs that are out of order; its distribution over all orders counts permutations
    by inversions, exactly up to 50 values, above by the normal curve that it tends to. A tie counts as out of order,
    which makes the test careful (Mann 1945).
    """
    n = len(values)
    wrong = sum(not (a < b if rising else a > b) for a, b in combinations(values, 2))
    if n > _EXACT_UP_TO:
        mean, variance = n * (n - 1) / 4, n * (n - 1) * (2 * n + 5) / 72
        return 0.5 * math.erfc((mean - wrong - 0.5) / math.sqrt(2 * variance))
    orders = [1] + [0] * wrong  # how many orders of k values have so many inversions
    for k in range(2, n + 1):
        upto = list(accumulate(orders))
        orders = [upto[m] - (upto[m - k] if m >= k else 0) for m in range(wrong + 1)]
    return sum(orders) / math.factorial(n)


def _learns(measured: Measured) -> Claim:
    own, majority = measured.evaluation, measured.evaluation["baselines"]["majority"]
    n, kept = len(measured.history), measured.best_epoch
    holds = own["accuracy_ci95"][0] > majority["accuracy_ci95"][1]
    in_time = n >= N_EPOCHS and kept <= N_EPOCHS
    why = "" if in_time else f"; {n} epochs were run and epoch {kept} kept, which says nothing of {N_EPOCHS}"
    return Claim(
        LEARNS,
        "Model learns to classify the sequence correctly over 10 epochs",
        f"Holds where the test accuracy’s 95% interval lies above the majority class’s, with {N_EPOCHS} epochs run and "
        f"the epoch kept among them; does not hold where the accuracy is not above the majority class’s. Whether the "
        "accuracy is any good is another question: the linear baseline stands beside it.",
        f"{own['accuracy']:.2%} ({interval(own['accuracy_ci95'])}) on {own['n']:,} test examples beside "
        f"{majority['accuracy']:.2%} ({interval(majority['accuracy_ci95'])}) for the majority class, after {n} "
        f"epochs{why}",
        "test_accuracy",
        decide(holds=holds, does_not=own["accuracy"] <= majority["accuracy"]) if in_time else NOT_SHOWN,
    )


def _progresses(measured: Measured, what: str) -> Claim:
    key, _, rising = _CURVES[what]
    values = [row[key] for row in measured.history]
    first, last = values[0], values[-1]
    better = last > first if rising else last < first
    evidence = (
        f"training {what} {_value(what, first)} in epoch 1, {_value(what, last)} in epoch {len(values)}"
        f"{_validation(measured, what)}"
    )
    if len(values) == 1:
        verdict, evidence = NOT_SHOWN, f"training {what} {_value(what, first)} in the only epoch"
    else:
        verdict = HOLDS if better else DOES_NOT_HOLD
    side = "above" if rising else "below"
    return Claim(
        PROGRESSES,
        "Accuracy improves as training progresses" if rising else "Loss decreases as training progresses",
        f"Holds where the last epoch’s training {what} is {side} the first one’s, else does not hold; it takes two "
        "epochs to tell.",
        evidence,
        what,
        verdict,
    )


def _trend(measured: Measured, what: str) -> Claim:
    key, words, rising = _CURVES[what]
    values = [row[key] for row in measured.history]
    p, n = trend_p(values, rising), len(values)
    enough = trend_p(range(n), True) < TREND_P  # whether the best of all orders could pass
    verdict = decide(holds=p < TREND_P, does_not=True) if enough else NOT_SHOWN
    right = sum(a < b if rising else a > b for a, b in combinations(values, 2))
    evidence = f"{right} of {n * (n - 1) // 2} pairs of epochs are in order, p = {p:.2g}"
    return Claim(
        TREND,
        f"Plotted graphs show a clear trend of {words} training {what}",
        f"Holds where Mann’s test for {words} values over all epochs has p below {TREND_P:g}, else does not "
        "hold; not shown where so few epochs could not pass it in any order.",
        evidence if enough else f"{n} {'epoch is' if n == 1 else 'epochs are'} too few for a trend",
        what,
        verdict,
    )


def _accuracy(measured: Measured) -> Claim:
    own = measured.evaluation
    low, high = own["accuracy_ci95"]
    least, most = SHEET_ACCURACY - AROUND, SHEET_ACCURACY + AROUND
    return Claim(
        ACCURACY,
        ACCURACY,
        f"Around is taken to mean {least:.2%} to {most:.2%}. Holds where the whole 95% interval lies in it, does not "
        "hold where all of it lies outside, is not shown where it lies on both sides of a border: that test set is "
        "too small to tell.",
        f"{own['accuracy']:.2%} ({interval((low, high))}) on {own['n']:,} test examples; the sheet’s 85.95% is on a "
        "data set that it does not name, so that neither answer confirms or refutes it there",
        "test_accuracy",
        decide(holds=least <= low and high <= most, does_not=high < least or low > most),
    )


def _validation(measured: Measured, what: str) -> str:
    """What validation did meanwhile, where it was measured: that it turned is part of the truth."""
    key = f"valid_{what}"
    found = {row["epoch"]: row[key] for row in measured.history if row[key] is not None}
    if not found:
        return ""
    best = (max if what == "accuracy" else min)(found, key=lambda epoch: found[epoch])
    last = max(found)
    turned = f", {_value(what, found[last])} at the end" if best != last else ", the last"
    return f"; on validation it was best in epoch {best}, {_value(what, found[best])}{turned}"


def _value(what: str, value: float) -> str:
    return f"{value:.2%}" if what == "accuracy" else f"{value:.4f}"
