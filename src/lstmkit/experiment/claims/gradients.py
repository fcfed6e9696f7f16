"""Claims about vanishing gradients, from the analysis: the LSTM beside the RNN, at initialisation and trained."""

import math
from typing import Any

from lstmkit.experiment.claims.judged import GRADIENT, NOT_SHOWN, Claim, Measured, decide

FEW = 0.05  # of the examples: the gradient vanishes in hardly any
MANY = 0.5  # of the examples: it vanishes in most
FARTHER = 2  # times the RNN's half-life is clearly longer
STRAIGHT = 0.9  # R2 of the line that a half-life is read from: below, the decay is no exponential
FEWEST_STEPS = 20  # of the median example: over fewer a gradient has no room to vanish
_FEWEST_LAGS = 3  # of a line; so long an example has fewer only where its gradient is exactly 0
_STAGES = {"trained": "once trained", "initial": "at initialisation"}


def gradient_claims(measured: Measured) -> list[Claim]:
    """That the LSTM overcomes the vanishing gradient: as trained, and as training begins."""
    return [_claim(measured, stage) for stage in _STAGES]


def _claim(measured: Measured, stage: str) -> Claim:
    claim = f"LSTMs overcome the vanishing gradient problem, {_STAGES[stage]}"
    below = measured.analysis["rules"]["vanishes_below"] if measured.analysis else 1e-6
    rule = (
        f"A gradient vanishes in an example if at the first step it is below {below:.0e} of that at the last. Holds "
        f"where the RNN’s vanishes in {MANY:.0%} of the examples or more, so that there is something to overcome, and "
        f"the LSTM’s in fewer than {FEW:.0%}, with at least {FARTHER} times the RNN’s half-life; does not hold where "
        f"the LSTM’s vanishes in {MANY:.0%} or more, or its half-life is no longer than the RNN’s. A half-life counts "
        f"only where its line has an R² of {STRAIGHT:g} or more; else the shares decide alone. Of several layers or "
        "directions the LSTM’s worst and the RNN’s best count."
    )
    if measured.analysis is None:
        return Claim(GRADIENT, claim, rule, measured.analysis_absent, None, NOT_SHOWN)
    models = measured.analysis["models"]
    if missing := [cell for cell in ("lstm", "rnn") if cell not in models]:
        return Claim(GRADIENT, claim, rule, f"the analysis has no {missing[0].upper()}", None, NOT_SHOWN)
    lstm, rnn = (_curves(models[cell], stage) for cell in ("lstm", "rnn"))
    figure = "gradient_flow" if models["lstm"]["pooling"] == "last" else "state_flow"
    median = measured.analysis["lengths"]["median"]
    if median < FEWEST_STEPS:
        short = f"the median example has {median:g} steps, fewer than {FEWEST_STEPS}: no room to vanish in"
        shown = figure if measured.analysis["lengths"]["max"] > 1 else None
        return Claim(GRADIENT, claim, rule, short, shown, NOT_SHOWN)
    if any(curve["vanishes"] is None for curve in (*lstm, *rnn)):
        short = "no example’s gradient could be followed to its first step"
        return Claim(GRADIENT, claim, rule, short, figure, NOT_SHOWN)
    vanishes, vanishes_there = max(one["vanishes"] for one in lstm), min(one["vanishes"] for one in rnn)
    worst, best = min(lstm, key=_half_life), max(rnn, key=_half_life)
    ours, theirs = _half_life(worst), _half_life(best)
    straight = all(map(_is_straight, (*lstm, *rnn)))
    evidence = (
        f"{_STAGES[stage]}, half-life {_steps(worst)} for the LSTM and {_steps(best)} for the RNN; the gradient "
        f"vanishes in {vanishes:.0%} and {vanishes_there:.0%} of the examples"
    )
    if not straight:
        evidence += f"; an R² is below {STRAIGHT:g}, so that the half-lives do not count"
    if vanishes < FEW and vanishes_there < MANY:
        either = "it did not vanish in the RNN either, and there was nothing to overcome"
        evidence += f"; {either if vanishes_there < FEW else 'it vanished too rarely in the RNN to be overcome'}"
    verdict = decide(
        holds=vanishes < FEW
        and vanishes_there >= MANY
        and (not straight or (ours >= FARTHER * theirs and theirs < math.inf)),
        does_not=vanishes >= MANY or (straight and ours <= theirs and ours < math.inf),
    )
    return Claim(GRADIENT, claim, rule, evidence, figure, verdict)


def _curves(model: dict[str, Any], stage: str) -> list[dict[str, Any]]:
    """What tells how far the recurrence reaches, of each layer and direction; pooling hides the loss's."""
    quantity = "loss_by_hidden" if model["pooling"] == "last" else "last_by_hidden"
    return [one["flow"][quantity] for layer in model["networks"][stage]["layers"] for one in layer]


def _half_life(curve: dict[str, Any]) -> float:
    """In steps; endless where the median does not fall, 0 where it is exactly 0 before a line could be fitted."""
    if curve["half_life"] is not None:
        return curve["half_life"]
    return math.inf if curve["fit_lags"] >= _FEWEST_LAGS else 0.0


def _is_straight(curve: dict[str, Any]) -> bool:
    """Whether a half-life is one; a median that does not fall, or is exactly 0, is told by no line."""
    return curve["half_life"] is None or curve["fit_r2"] >= STRAIGHT


def _steps(curve: dict[str, Any]) -> str:
    half_life = _half_life(curve)
    if half_life == math.inf:
        return "without end (it does not fade)"
    fit = f" (R² {curve['fit_r2']:.2f})" if curve["half_life"] is not None else ""
    return f"{half_life:.3g} steps{fit}"
