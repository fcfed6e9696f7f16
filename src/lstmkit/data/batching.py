"""Batches of similar length, shuffled from the seed, laid out ragged."""

import numpy as np
import torch
from jaxtyping import Int, Shaped
from torch import Tensor

from lstmkit.data.encoded import EncodedPart
from lstmkit.ragged import Layout, Ragged

_GROUP = 50  # batches sorted together: enough that lengths within a batch are close, few enough to stay shuffled


def shuffled_batches(
    lengths: Int[np.ndarray, " sequences"], batch_size: int, seed: int, epoch: int
) -> list[Int[np.ndarray, " batch"]]:
    """The order of one epoch: every sequence once, batches of similar lengths, in an order drawn from seed and epoch.

    Args:
        lengths: tokens of each sequence.
        batch_size: sequences a batch; the last may be smaller.
        seed: the run's seed.
        epoch: counted from 1; each epoch has its own order.
    """
    random = np.random.default_rng([seed, epoch])
    order = random.permutation(len(lengths))
    batches: list[np.ndarray] = []
    for start in range(0, len(order), batch_size * _GROUP):
        group = order[start : start + batch_size * _GROUP]
        batches += _cut(group[np.argsort(-lengths[group], kind="stable")], batch_size)
    return [batches[k] for k in random.permutation(len(batches))]


def sorted_batches(lengths: Int[np.ndarray, " sequences"], batch_size: int) -> list[Int[np.ndarray, " batch"]]:
    """Every sequence once, longest first: the quickest order for scoring, where order does not matter."""
    return _cut(np.argsort(-lengths, kind="stable"), batch_size)


def collate(part: EncodedPart, chosen: Int[np.ndarray, " batch"]) -> tuple[Ragged, Shaped[Tensor, "batch *targets"]]:
    """The chosen sequences as a batch (see `batch_of`), and their labels, or numbers to predict, in the same order."""
    return batch_of(part, chosen), torch.from_numpy(part.labels[chosen])


def batch_of(part: EncodedPart, chosen: Int[np.ndarray, " batch"]) -> Ragged:
    """Lay the chosen sequences out as a ragged batch of tokens (int64 rows) or of a series' rows (float32)."""
    starts = torch.from_numpy(part.offsets[chosen])
    given = torch.from_numpy(part.offsets[chosen + 1]) - starts
    lengths, order = given.sort(descending=True, stable=True)
    layout = Layout(lengths)
    places = starts[order][layout.sequence_of_row] + layout.step_of_row
    rows = torch.from_numpy(part.rows[places.numpy()])
    return Ragged(rows if rows.is_floating_point() else rows.long(), layout, order)


def _cut(order: Int[np.ndarray, " sequences"], batch_size: int) -> list[Int[np.ndarray, " batch"]]:
    return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
