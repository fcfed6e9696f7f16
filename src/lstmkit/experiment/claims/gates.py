"""Claims about the LSTM's gates, from the analysis: whether trained units store, update and forget."""

from collections.abc import Callable
from typing import Any

from lstmkit.experiment.claims.judged import GATES, NOT_SHOWN, Claim, Measured, decide

STORES_SHARE = 0.5  # of the steps with the forget gate open: a unit that stores
SOMETIMES = 0.01  # of the steps: a gate is used that way
UNITS_SHARE = 0.05  # of the units: more than a stray one
FEWEST_STEPS = 10  # of the median example: below, nothing need be stored or forgotten

Unit = dict[str, tuple[float, float]]  # by gate, the shares of the steps that it is shut and open


def gate_claims(measured: Measured) -> list[Claim]:
    """That gates store, update and forget: one claim for each."""
    low, high = _bounds(measured)
    enough = (
        f"Holds where {UNITS_SHARE:.0%} of the trained LSTM’s units or more do so, does not hold where none does. It "
        "says that a gate is used like this, not that the answer needs it."
    )
    return [
        _claim(
            measured,
            "store",
            f"A unit stores if its forget gate is open (above {high:g}) in {STORES_SHARE:.0%} of the steps or more. "
            f"{enough}",
            lambda unit: unit["f"][1] >= STORES_SHARE,
        ),
        _claim(
            measured,
            "update",
            f"A unit updates by choice if its input gate is open (above {high:g}) in {SOMETIMES:.0%} of the steps or "
            f"more, and shut (below {low:g}) in {SOMETIMES:.0%} or more. {enough}",
            lambda unit: min(unit["i"]) >= SOMETIMES,
        ),
        _claim(
            measured,
            "forget",
            f"A unit forgets if its forget gate is shut (below {low:g}) in {SOMETIMES:.0%} of the steps or more, so "
            f"that next to nothing of what it held is left. {enough}",
            lambda unit: unit["f"][0] >= SOMETIMES,
        ),
    ]


def _claim(measured: Measured, verb: str, rule: str, does: Callable[[Unit], bool]) -> Claim:
    claim = f"LSTMs have gates to {verb} information"
    if measured.analysis is None:
        return Claim(GATES, claim, rule, measured.analysis_absent, None, NOT_SHOWN)
    model = measured.analysis["models"].get("lstm")
    if model is None:
        return Claim(GATES, claim, rule, "the analysis has no LSTM", None, NOT_SHOWN)
    shares = {}
    for stage, network in model["networks"].items():
        units = _units(network)
        shares[stage] = sum(does(unit) for unit in units) / len(units)
    trained, initial = shares["trained"], shares["initial"]
    evidence = f"{trained:.1%} of the trained LSTM’s units {verb}, {initial:.1%} at initialisation"
    median = measured.analysis["lengths"]["median"]
    if median < FEWEST_STEPS:
        short = f"the median example has {median:g} steps, fewer than {FEWEST_STEPS}: too few to judge by; {evidence}"
        return Claim(GATES, claim, rule, short, "saturation", NOT_SHOWN)
    verdict = decide(holds=trained >= UNITS_SHARE, does_not=trained == 0)
    return Claim(GATES, claim, rule, evidence, "saturation", verdict)


def _units(network: dict[str, Any]) -> list[Unit]:
    """Every unit of every layer and direction."""
    return [
        {gate: (own["low"][k], own["high"][k]) for gate, own in direction["gates"]["saturation"].items()}
        for layer in network["layers"]
        for direction in layer
        for k in range(len(direction["gates"]["saturation"]["f"]["low"]))
    ]


def _bounds(measured: Measured) -> tuple[float, float]:
    """Below and above which the analysis counts a gate as shut and as open."""
    rules = measured.analysis["rules"] if measured.analysis else {"shut_below": 0.1, "open_above": 0.9}
    return rules["shut_below"], rules["open_above"]
