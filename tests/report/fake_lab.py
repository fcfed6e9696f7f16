"""The evidence of a made-up lab: an analysis, a probe, two explanations, and claims of each verdict."""

from pathlib import Path
from typing import Any

import explained_toys
import fake_analysis
import fake_probe
from fake_records import read_json, write_json

RULES = {"right": "the right one of median confidence", "wrong": "the wrong one of which it was surest"}
CLAIMS: list[dict[str, Any]] = [
    {"sentence": "Loss decreases & accuracy improves", "claim": "Loss decreases", "verdict": "holds", "figure": "loss",
     "rule": "Holds where the last is below the first.", "evidence": "0.65 in epoch 1, 0.07 in epoch 10"},
    {"sentence": "Loss decreases & accuracy improves", "claim": "Accuracy improves", "verdict": "not shown",
     "figure": "accuracy", "rule": "Holds where the last is above the first.", "evidence": "one epoch"},
    {"sentence": "LSTM overcome this by introducing gates", "claim": "LSTMs have gates to store",
     "figure": "saturation", "verdict": "does not hold", "rule": "Holds where 5% of units do.",
     "evidence": "0.0% of the units"},
    {"sentence": "RNN's struggle", "claim": "RNNs struggle", "figure": "memory", "verdict": "holds",
     "rule": "Holds where the LSTM goes farther.", "evidence": "adding: RNN 10, LSTM 100"},
    {"sentence": "LSTM overcome the vanishing gradient", "claim": "once trained", "figure": "gradient_flow",
     "verdict": "not shown", "rule": "Holds where it does not vanish.", "evidence": "half-life 9 steps"},
    {"sentence": "LSTM overcome the vanishing gradient", "claim": "on speech", "figure": None,
     "verdict": "not shown", "rule": "Holds where runs do.", "evidence": "no recorded run on speech"},
]  # fmt: skip


def write_evidence(folder: Path, text: str = explained_toys.TEXT) -> None:
    """Put all evidence into a lab folder."""
    write_json(folder / "analysis.json", fake_analysis.analysis())
    fake_probe.write_probe(folder / "memory")
    (folder / "explanations").mkdir()
    for kind, label in (("right", "good"), ("wrong", "neither & nor")):
        write_json(folder / "explanations" / f"{kind}.json", explained_toys.record(text, label=label))
    explained = [{"kind": kind, "id": f"test/{kind}", "rule": rule} for kind, rule in RULES.items()]
    write_json(folder / "evidence.json", {"format": 1, "explained": explained, "left_out": []})
    write_json(folder / "lab.json", read_json(folder / "lab.json") | {"claims": CLAIMS})
