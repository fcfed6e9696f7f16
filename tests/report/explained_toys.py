"""Records of explanations by small untrained networks: all parts are there, and nothing in them is regular."""

from typing import Any

import torch

from lstmkit.analyze.explanation import explain
from lstmkit.analyze.recording import record_of
from lstmkit.config.schema import EncoderConfig
from lstmkit.data.encoder import Encoder
from lstmkit.models import Classifier

TEXT = (
    "A fine film, slow to begin.<br /><br />But <script>alert(1)</script> the plot is fine & moving: “never” dull, and "
    "the actor is fine in every scene of it ; \u202e a film to see."
)
DIGIT = " ".join(str(k * k % 17) for k in range(64))


def record(
    text: str = TEXT,
    cells: tuple[str, ...] = ("lstm", "rnn"),
    labels: tuple[str, ...] = ("good", "<b>bad</b>", "neither & nor"),
    max_length: int = 400,
    label: str | None = "good",
    **architecture: Any,
) -> dict[str, Any]:
    """The record of an explanation of a text, by one network or by two."""
    options = EncoderConfig(min_frequency=1, max_length=max_length)
    encoder = Encoder.fit([TEXT.replace("scene", ""), DIGIT], options, "tokens" if text == DIGIT else "text")
    found = []
    for cell in cells:
        torch.manual_seed(3)
        keywords: dict[str, Any] = {"embedding_size": 6, "hidden_size": 9} | architecture
        network = Classifier(vocabulary_size=encoder.vocabulary_size, n_classes=len(labels), cell=cell, **keywords)  # type: ignore[arg-type]
        with torch.no_grad():
            network.head.weight.mul_(4)
        found.append(explain(network.eval(), encoder, list(labels), text))
    both = found[0].beside(found[1]) if len(found) > 1 else found[0]
    return record_of(both, run="toy", id="test/17", label=label)
