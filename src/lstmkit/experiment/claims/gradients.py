"""Claims about vanishing gradients, from the analysis: the LSTM beside the RNN, at initialisation and trained."""

import math
from typing import Any

from lstmkit.experiment.claims.judged import GRADIENT, NOT_SHOWN, Claim, Measured, decide

FEW = 0.05  # of the examples: the gradient vanishes in hardly any
MANY = 0.5  # of the examples: it vanishes in most
FARTHER = 2  # times the RNN's half-life is clearly longer
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
        f"where the LSTM’s vanishes in fewer than {FEW:.0%} of the examples and has at least {FARTHER} times the RNN’s "
        f"half-life; does not hold where it vanishes in {MANY:.0%} of them or more, or its half-life is no longer than "
        "the RNN’s. Of several layers or directions the LSTM’s worst and the RNN’s best count."
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
    vanishes = max(curve["vanishes"] for curve in lstm)
    ours, theirs = min(map(_half_life, lstm)), max(map(_half_life, rnn))
    evidence = (
        f"{_STAGES[stage]}, half-life {_steps(ours)} for the LSTM and {_steps(theirs)} for the RNN; the gradient "
        f"vanishes in {vanishes:.0%} and {min(curve['vanishes'] for curve in rnn):.0%} of the examples"
    )
    verdict = decide(
        holds=vanishes < FEW and ours >= FARTHER * theirs and theirs < math.inf,
        does_not=vanishes >= MANY or (ours <= theirs and ours < math.inf),
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


def _steps(half_life: float) -> str:
    return "without end (it does not fade)" if half_life == math.inf else f"{half_life:.3g} steps"
