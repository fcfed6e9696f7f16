"""The answer after each step: what a network says of every beginning of a sequence."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int

from lstmkit.data.batching import batch_of
from lstmkit.data.encoded import EncodedPart
from lstmkit.models import Classifier
from lstmkit.models.pooling import running_pool
from lstmkit.models.scoring import probabilities

_ROWS = 200_000  # most steps read for all beginnings together: about a second


@dataclass(frozen=True)
class Running:
    """Class probabilities of the beginnings of a sequence.

    Attributes:
        lengths: int64 `(beginnings,)`, steps of each beginning; rising, the last is the whole sequence.
        probabilities: float64 `(beginnings, classes)`.
    """

    lengths: Int[np.ndarray, " beginnings"]
    probabilities: Float[np.ndarray, "beginnings classes"]


def running_probabilities(
    network: Classifier, rows: Int[np.ndarray, " steps"] | Float[np.ndarray, "steps features"]
) -> Running:
    """The answer for every beginning of a sequence, each as if it were the whole.

    A network that reads forwards has read every beginning on its way. One that reads from both ends reads each anew;
    where that would take more than 200,000 steps, evenly spaced ones, the whole sequence among them.

    Args:
        network: in evaluation mode.
        rows: token numbers of the sequence, or rows of a series.
    """
    if not network.recurrence.bidirectional:
        return Running(np.arange(1, len(rows) + 1), _on_the_way(network, rows))
    n = int(max(1, min(len(rows), 2 * _ROWS // len(rows))))
    lengths = np.unique(np.linspace(1, len(rows), n).round().astype(np.int64)) if n > 1 else np.array([len(rows)])
    beginnings = [rows[:length] for length in lengths]
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    part = EncodedPart(np.concatenate(beginnings), offsets)
    return Running(lengths, probabilities(network, part))


def _on_the_way(network: Classifier, rows: np.ndarray) -> np.ndarray:
    part = EncodedPart(rows, np.array([0, len(rows)]))
    batch = batch_of(part, np.zeros(1, dtype=np.int64))
    with torch.inference_mode():
        states = network.states(batch.to(network.head.weight.device).rows, batch.layout)
        pooled = running_pool(states, batch.layout, network.pooling)
        return network.head(pooled).double().softmax(1).cpu().numpy()
