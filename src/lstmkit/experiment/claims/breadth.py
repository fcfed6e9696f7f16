"""Claims about kinds of data: whether recorded runs perform well on text, on speech, on time series."""

from typing import Any

from lstmkit.experiment.claims.judged import GRADIENT, NOT_SHOWN, Claim, Measured, decide, interval

KINDS = {"text": "text", "audio": "speech", "series": "time series"}
"""What a run's record calls the kinds that the sheet names, and how they are called here."""


def breadth_claims(measured: Measured) -> list[Claim]:
    """That LSTMs perform well on each kind of data that the sheet names."""
    return [_claim(measured, kind) for kind in KINDS]


def _claim(measured: Measured, kind: str) -> Claim:
    found = [run for run in measured.recorded if run["kind"] == kind]
    verdicts = [_performs(run["evaluation"]) for run in found]
    others = sorted({run["source"] for run in measured.recorded if run["kind"] not in KINDS})
    beside = f"; {', '.join(others)} is none of the three kinds" if others else ""
    return Claim(
        GRADIENT,
        f"LSTMs perform well on {KINDS[kind]}",
        "A run performs well if its test accuracy’s 95% interval lies above the majority class’s and not wholly below "
        "the linear baseline’s. Holds where every recorded LSTM run on such data does, does not hold where one lies "
        "wholly below the linear baseline or its accuracy is not above the majority class’s. The runs are this "
        "lab’s and finished ones in the folders beside it, of each other source the one begun last.",
        "; ".join(map(_words, found)) if found else f"no recorded run on {KINDS[kind]}{beside}",
        "test_accuracy" if any(run["own"] for run in found) else None,
        decide(holds=all(v == "well" for v in verdicts), does_not="badly" in verdicts) if found else NOT_SHOWN,
    )


def _performs(evaluation: dict[str, Any]) -> str:
    low, high = evaluation["accuracy_ci95"]
    majority, linear = evaluation["baselines"]["majority"], evaluation["baselines"].get("linear")
    if evaluation["accuracy"] <= majority["accuracy"] or (linear and high < linear["accuracy_ci95"][0]):
        return "badly"
    return "well" if low > majority["accuracy_ci95"][1] else "unclear"


def _words(run: dict[str, Any]) -> str:
    own, linear = run["evaluation"], run["evaluation"]["baselines"].get("linear")
    beside = f", linear baseline {linear['accuracy']:.2%} ({interval(linear['accuracy_ci95'])})" if linear else ""
    where = "this lab" if run["own"] else run["folder"]
    return (
        f"{run['source']} ({where}): {own['accuracy']:.2%} ({interval(own['accuracy_ci95'])}), majority class "
        f"{own['baselines']['majority']['accuracy']:.2%}{beside}"
    )
