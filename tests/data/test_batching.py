"""Batches: every sequence once, similar lengths together, the same order for the same seed and epoch."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lstmkit.data.batching import batch_of, collate, shuffled_batches, sorted_batches
from lstmkit.data.encoded import EncodedPart

LENGTHS = st.lists(st.integers(1, 40), min_size=1, max_size=200)


def part_of(lengths: list[int]) -> EncodedPart:
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return EncodedPart(np.arange(offsets[-1], dtype=np.int32), offsets, np.arange(len(lengths), dtype=np.int64))


@given(LENGTHS, st.integers(1, 70), st.integers(0, 2**31 - 1), st.integers(1, 5))
def test_every_sequence_once(lengths: list[int], batch_size: int, seed: int, epoch: int) -> None:
    numbers = np.array(lengths)
    for batches in (shuffled_batches(numbers, batch_size, seed, epoch), sorted_batches(numbers, batch_size)):
        assert len(batches) == -(-len(lengths) // batch_size)
        assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
        assert max(len(batch) for batch in batches) <= batch_size
    again = shuffled_batches(numbers, batch_size, seed, epoch)
    for one, other in zip(shuffled_batches(numbers, batch_size, seed, epoch), again, strict=True):
        assert np.array_equal(one, other)


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    lengths = np.random.default_rng(0).integers(1, 400, 3000)
    orders = {
        np.concatenate(shuffled_batches(lengths, 16, seed, epoch)).tobytes() for seed in (0, 1) for epoch in (1, 2)
    }
    assert len(orders) == 4


def test_lengths_within_a_batch_are_close_and_batches_are_not_sorted() -> None:
    lengths = np.random.default_rng(0).integers(1, 400, 6400)
    batches = shuffled_batches(lengths, 64, 0, 1)
    padded = sum(int(lengths[batch].max()) * len(batch) for batch in batches)
    assert padded / int(lengths.sum()) < 1.05
    means = [float(lengths[batch].mean()) for batch in batches]
    assert abs(float(np.corrcoef(np.arange(len(means)), means)[0, 1])) < 0.3


@given(LENGTHS, st.randoms())
def test_collate_gives_each_sequence_its_own_tokens_and_label(lengths: list[int], random: object) -> None:
    part = part_of(lengths)
    chosen = np.array(random.sample(range(len(lengths)), min(9, len(lengths))))  # type: ignore[attr-defined]
    batch, labels = collate(part, chosen)
    assert labels.tolist() == chosen.tolist()
    padded = batch.to_given_order(batch.layout.to_padded(batch.rows).transpose(0, 1))
    for row, k in zip(padded, chosen.tolist(), strict=True):
        expected = torch.arange(part.offsets[k], part.offsets[k + 1])
        assert torch.equal(row[: len(expected)], expected)


def test_sequences_without_labels_are_laid_out_and_not_learned_from() -> None:
    part = EncodedPart(np.arange(5, dtype=np.int32), np.array([0, 2, 5]))
    assert len(part) == 2
    assert batch_of(part, np.array([1, 0])).rows.tolist() == [2, 0, 3, 1, 4]
    with pytest.raises(ValueError, match="these sequences were encoded without labels; training and scoring need"):
        collate(part, np.array([0]))
