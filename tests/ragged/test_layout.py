"""The ragged layout against torch's own packing."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.utils.rnn import PackedSequence, pack_sequence, pad_packed_sequence

from lstmkit.ragged import Layout, Ragged

LENGTHS = st.lists(st.integers(1, 40), min_size=1, max_size=30)


def sequences_of(lengths: list[int]) -> list[torch.Tensor]:
    return [torch.arange(n * 2, dtype=torch.float64).view(n, 2) + 1000 * k for k, n in enumerate(lengths)]


@given(LENGTHS)
def test_rows_and_batch_sizes_are_those_of_packed_sequence(lengths: list[int]) -> None:
    sequences = sequences_of(lengths)
    ours, theirs = Ragged.from_sequences(sequences), pack_sequence(sequences, enforce_sorted=False)
    assert torch.equal(ours.layout.batch_sizes, theirs.batch_sizes)
    assert torch.equal(ours.layout.lengths, torch.tensor(sorted(lengths, reverse=True)))
    again = Ragged.from_packed(theirs)
    assert torch.equal(again.layout.lengths, ours.layout.lengths)
    assert torch.equal(again.rows, theirs.data)
    # Equal lengths may be ordered otherwise, so the sequences are compared in the order given.
    for batch in (ours, again):
        padded = batch.layout.to_padded(batch.rows)
        back = batch.to_given_order(padded.transpose(0, 1))
        for k, sequence in enumerate(sequences):
            assert torch.equal(back[k, : len(sequence)], sequence)


@given(LENGTHS)
def test_padding_is_the_fill_and_leaves_no_trace(lengths: list[int]) -> None:
    batch = Ragged.from_sequences(sequences_of(lengths))
    padded = batch.layout.to_padded(batch.rows, fill=-7.0)
    packed = pack_sequence(sequences_of(sorted(lengths, reverse=True)), enforce_sorted=True)
    _, theirs = pad_packed_sequence(packed)
    assert torch.equal(batch.layout.lengths, theirs)
    assert int((padded == -7.0).sum()) == 2 * (padded.shape[0] * padded.shape[1] - sum(lengths))
    assert torch.equal(batch.layout.from_padded(padded), batch.rows)


@given(LENGTHS)
def test_reversal_turns_each_sequence_within_its_own_length(lengths: list[int]) -> None:
    sequences = sequences_of(lengths)
    batch = Ragged.from_sequences(sequences)
    turned = Ragged.from_sequences([sequence.flip(0) for sequence in sequences])
    assert torch.equal(batch.layout.reversed_rows(batch.rows), turned.rows)
    assert torch.equal(batch.layout.reversed_rows(turned.rows), batch.rows)


@given(LENGTHS)
def test_last_rows_are_the_last_steps(lengths: list[int]) -> None:
    sequences = sequences_of(lengths)
    batch = Ragged.from_sequences(sequences)
    last = batch.to_given_order(batch.rows[batch.layout.last_rows])
    assert torch.equal(last, torch.stack([sequence[-1] for sequence in sequences]))


@pytest.mark.parametrize(
    ("lengths", "message"), [([], "at least one sequence"), ([3, 0], "length 0"), ([2, 3], "longest first")]
)
def test_a_wrong_layout_is_refused(lengths: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Layout(torch.tensor(lengths, dtype=torch.int64))


IMPOSSIBLE = [([1, 2], 3), ([3, 1, 2], 6), ([2, 2], 5), ([2, 2], 3), ([2], 3)]
"""Batch sizes, and numbers of rows, of packed sequences that cannot be."""


@pytest.mark.parametrize(("sizes", "n_rows"), IMPOSSIBLE)
def test_a_packed_sequence_that_cannot_be_is_refused(sizes: list[int], n_rows: int) -> None:
    packed = PackedSequence(torch.zeros(n_rows, 2), torch.tensor(sizes))
    with pytest.raises(ValueError, match=rf"batch_sizes of {n_rows} rows must not grow, .* add up to {sum(sizes)};"):
        Ragged.from_packed(packed)
