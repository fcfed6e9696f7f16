"""The answer after each token: what a network says of every beginning of a sequence."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int

from lstmkit.data.encoded import EncodedPart
from lstmkit.models import Classifier
from lstmkit.models.pooling import running_pool
from lstmkit.models.scoring import probabilities
from lstmkit.ragged import Layout

_ROWS = 200_000  # most tokens read for all beginnings together: about a second


@dataclass(frozen=True)
class Running:
    """Class probabilities of the beginnings of a sequence.

    Attributes:
        lengths: int64 `(beginnings,)`, tokens of each beginning; rising, the last is the whole sequence.
        probabilities: float64 `(beginnings, classes)`.
    """

    lengths: Int[np.ndarray, " beginnings"]
    probabilities: Float[np.ndarray, "beginnings classes"]


def running_probabilities(network: Classifier, tokens: Int[np.ndarray, " tokens"]) -> Running:
    """The answer for every beginning of a sequence, each as if it were the whole.

    A network that reads forwards has read every beginning on its way. One that reads from both ends reads each anew;
    where that would take more than 200,000 steps, evenly spaced ones, the whole sequence among them.

    Args:
        network: in evaluation mode.
        tokens: token numbers of the sequence.
    """
    if not network.recurrence.bidirectional:
        return Running(np.arange(1, len(tokens) + 1), _on_the_way(network, tokens))
    n = int(max(1, min(len(tokens), 2 * _ROWS // len(tokens))))
    lengths = np.unique(np.linspace(1, len(tokens), n).round().astype(np.int64)) if n > 1 else np.array([len(tokens)])
    beginnings = [tokens[:length] for length in lengths]
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    part = EncodedPart(np.concatenate(beginnings), offsets, np.zeros(len(lengths), dtype=np.int64))
    return Running(lengths, probabilities(network, part))


def _on_the_way(network: Classifier, tokens: np.ndarray) -> np.ndarray:
    rows = torch.from_numpy(tokens).long().to(network.head.weight.device)
    layout = Layout(torch.tensor([len(tokens)]))
    with torch.inference_mode():
        states = network.states(rows, layout)
        pooled = running_pool(states, layout, network.pooling)
        return network.head(pooled).double().softmax(1).cpu().numpy()
