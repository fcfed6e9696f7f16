"""Records of explained series by small untrained networks: gaps, a constant channel, names to be careful of."""

from typing import Any

import numpy as np
import torch

from lstmkit.analyze.explanation import explain
from lstmkit.analyze.recording import record_of
from lstmkit.config.schema import EncoderConfig
from lstmkit.data.series import SeriesEncoder
from lstmkit.models import Classifier

LABELS = ("walks", "<b>runs</b>", "stands & waits", "sits", "lies", "jumps")


def record(
    n_steps: int = 30,
    n_channels: int = 3,
    cells: tuple[str, ...] = ("lstm", "rnn"),
    labels: tuple[str, ...] = LABELS,
    max_length: int = 2000,
    label: str | None = "sits",
    **architecture: Any,
) -> dict[str, Any]:
    """The record of an explanation of a series, by one network or by two; the second channel is constant."""
    random = np.random.default_rng(2)
    series = random.normal(10, 3, size=(n_steps, n_channels)).cumsum(0).astype(np.float32)
    if n_channels > 1:
        series[:, 1] = 4.0
        series[n_steps // 3 : n_steps // 2, 0] = np.nan
    names = ["<i>x</i>", "still & quiet", *(f"c{k}" for k in range(2, n_channels))][:n_channels]
    training = [series] if n_steps > 1 else [random.normal(10, 3, size=(9, n_channels)).astype(np.float32)]
    encoder = SeriesEncoder.fit(training, EncoderConfig(max_length=max_length), names)
    found = []
    for cell in cells:
        torch.manual_seed(3)
        keywords: dict[str, Any] = {"embedding_size": 6, "hidden_size": 9} | architecture
        network = Classifier(n_features=encoder.shape["n_features"], n_classes=len(labels), cell=cell, **keywords)  # type: ignore[arg-type]
        with torch.no_grad():
            network.head.weight.mul_(4)
        found.append(explain(network.eval(), encoder, list(labels), series))
    both = found[0].beside(found[1]) if len(found) > 1 else found[0]
    return record_of(both, run="toy", id="test/17", label=label)
