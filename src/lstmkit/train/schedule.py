"""The learning rate as a function of the step, so that resuming needs no scheduler's state."""

import math
from typing import Literal


def learning_rate_at(
    step: int,
    n_steps: int,
    *,
    peak: float,
    schedule: Literal["constant", "one_cycle", "cosine"],
    warmup_fraction: float,
) -> float:
    """The learning rate of one step.

    Args:
        step: counted from 0 over the whole run.
        n_steps: steps of the whole run.
        peak: the highest rate.
        schedule: constant; one_cycle climbs from peak/25 and falls to peak/10000, both along a cosine
            (Smith and Topin 2018, with the momentum left alone); cosine climbs in a line from 0 and falls to 0
            (Loshchilov and Hutter 2017, one period).
        warmup_fraction: share of the run that climbs.
    """
    if schedule == "constant":
        return peak
    n_warmup = warmup_fraction * n_steps
    if step < n_warmup:
        share = step / n_warmup if schedule == "one_cycle" else (step + 1) / (n_warmup + 1)
        return _cosine(peak / 25, peak, share) if schedule == "one_cycle" else peak * share
    share = (step - n_warmup) / max(1.0, n_steps - 1 - n_warmup)
    return _cosine(peak, peak / 10_000 if schedule == "one_cycle" else 0.0, min(1.0, share))


def _cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2
