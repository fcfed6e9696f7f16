"""Small networks and ragged batches for the tests of the instrumented recurrence."""

from typing import Any

import torch

from lstmkit.models import Classifier
from lstmkit.ragged import Ragged

SEQUENCES = [[3, 1, 4, 1, 5], [9], [2, 6, 5, 3, 5, 8, 9, 7, 9], [3, 2], [8, 4, 6, 2, 6, 4, 3, 3, 8]]
"""Lengths 5, 1, 9, 2, 9: ragged, one of a single token, two of the greatest length; given in no order."""

CELLS = ("lstm", "gru", "rnn")
POOLINGS = ("last", "mean", "max", "max_mean")


def network(dtype: torch.dtype = torch.float64, **keywords: Any) -> Classifier:
    """A classifier of 10 tokens and 3 classes, its weights twice as large as at the start, in evaluation mode."""
    torch.manual_seed(5)
    options = {"vocabulary_size": 10, "n_classes": 3, "embedding_size": 4, "hidden_size": 6} | keywords
    model = Classifier(**options)
    with torch.no_grad():
        for name, parameter in model.recurrence.named_parameters():
            if name.startswith("weight"):
                parameter.mul_(2)
            else:
                parameter.add_(torch.randn(parameter.shape) / 4)  # two biases that differ, so that none is left out
    return model.to(dtype).eval()


def batch(sequences: list[list[int]] = SEQUENCES) -> Ragged:
    """Sequences as a batch."""
    return Ragged.from_sequences([torch.tensor(one) for one in sequences])
