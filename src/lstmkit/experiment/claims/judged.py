"""What claims are made of: the sheet's sentences, the measurements, a verdict."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Verdict = Literal["holds", "does not hold", "not shown"]
HOLDS: Verdict = "holds"
DOES_NOT_HOLD: Verdict = "does not hold"
NOT_SHOWN: Verdict = "not shown"

LEARNS = "Model learns to classify the sequence correctly over 10 epochs"
PROGRESSES = "Loss decreases and accuracy improves as training progresses"
TREND = (
    "Plotted graphs show a clear trend of decreasing training loss and increasing training accuracy, indicating "
    "successful learning"
)
ACCURACY = "The trained model achieves a test accuracy of around 85.95%"
RNN_MEMORY = "RNN's remember short-term information but struggle with long sequences."
GATES = (
    "LSTM overcome this by introducing gates to store, update, and forget information allowing them to learn long-term "
    "dependencies effectively."
)
GRADIENT = (
    "LSTM overcome the vanishing gradient problem and perform well on sequential tasks like text, speech and "
    "time-series prediction."
)
SENTENCES = (LEARNS, PROGRESSES, TREND, ACCURACY, RNN_MEMORY, GATES, GRADIENT)
"""The sheet's observations, word for word, in its order."""


@dataclass(frozen=True)
class Measured:
    """All that claims are judged by.

    Attributes:
        history: the LSTM's `history.jsonl`, at least one epoch.
        best_epoch: the epoch that was kept.
        evaluation: the LSTM's `evaluation.json`, with both baselines.
        difference: LSTM minus RNN on the test set, with its paired 95% interval.
        analysis: `analysis.json`, or None.
        analysis_absent: why there is none.
        probe: `probe.json`, or None.
        probe_absent: why there is none.
        recorded: finished runs of LSTMs, this lab's among them: `source, kind, own, folder` and `evaluation` of each.
    """

    history: Sequence[dict[str, Any]]
    best_epoch: int
    evaluation: dict[str, Any]
    difference: tuple[float, float, float]
    analysis: dict[str, Any] | None = None
    analysis_absent: str = "no analysis was made"
    probe: dict[str, Any] | None = None
    probe_absent: str = "no probe was made"
    recorded: Sequence[dict[str, Any]] = field(default_factory=tuple)


@dataclass(frozen=True)
class Claim:
    """A part of a sentence, judged: the rule in words, what was measured, the plot that shows it, the verdict."""

    sentence: str
    claim: str
    rule: str
    evidence: str
    figure: str | None
    verdict: Verdict

    def as_json(self) -> dict[str, str | None]:
        """Plain data, as `lab.json` holds it."""
        return asdict(self)


def decide(*, holds: bool, does_not: bool) -> Verdict:
    """The verdict of a rule whose two sides leave a middle, which shows neither."""
    return HOLDS if holds else DOES_NOT_HOLD if does_not else NOT_SHOWN


def interval(bounds: Sequence[float]) -> str:
    """A 95% interval as one reads it: `80.38% to 88.89%`."""
    return f"{bounds[0]:.2%} to {bounds[1]:.2%}"
