"""The laboratory sheet's observations held against what was measured: plain records in, plain records out.

Each sentence is split into the parts that can be measured by themselves. A part has a rule, whose thresholds are named
in the file of the rule, and one of three verdicts. No rule knows what the sheet would like to hear.
"""

from lstmkit.experiment.claims.breadth import breadth_claims
from lstmkit.experiment.claims.gates import gate_claims
from lstmkit.experiment.claims.gradients import gradient_claims
from lstmkit.experiment.claims.judged import DOES_NOT_HOLD, HOLDS, NOT_SHOWN, SENTENCES, Measured
from lstmkit.experiment.claims.memory import long_term_claim, memory_claims
from lstmkit.experiment.claims.training import training_claims

__all__ = ["DOES_NOT_HOLD", "HOLDS", "NOT_SHOWN", "SENTENCES", "Measured", "judge"]


def judge(measured: Measured) -> list[dict[str, str | None]]:
    """Every part of every sentence, in the sheet's order.

    Args:
        measured: the records; what could not be made is None there, and its claims are then not shown.

    Returns:
        Objects of `sentence, claim, rule, evidence, figure, verdict`. `figure` is the name of the plot that shows the
        evidence, or None.
    """
    claims = [
        *training_claims(measured),
        *memory_claims(measured),
        *gate_claims(measured),
        long_term_claim(measured),
        *gradient_claims(measured),
        *breadth_claims(measured),
    ]
    return [claim.as_json() for claim in claims]
