"""The answers to all beginnings in one pass are those to each beginning as a whole sequence."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmkit.data.encoded import EncodedPart
from lstmkit.models import Classifier, scoring
from lstmkit.models.scoring import probabilities, running_answers


def part_of(lengths: list[int]) -> EncodedPart:
    offsets = np.cumsum([0, *lengths]).astype(np.int64)
    tokens = np.random.default_rng(0).integers(0, 20, offsets[-1]).astype(np.int32)
    return EncodedPart(tokens, offsets)


@settings(max_examples=40, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 12), min_size=1, max_size=8),
    cell=st.sampled_from(["lstm", "gru", "rnn"]),
    pooling=st.sampled_from(["last", "mean", "max", "max_mean"]),
    batch_size=st.sampled_from([1, 3, 256]),
)
def test_every_beginning(lengths: list[int], cell: str, pooling: str, batch_size: int) -> None:
    part = part_of(lengths)
    network = Classifier(vocabulary_size=20, n_classes=3, cell=cell, pooling=pooling, hidden_size=7).eval()  # type: ignore[arg-type]
    best, confidence = running_answers(network, part, batch_size)
    begins = np.repeat(part.offsets[:-1], lengths)
    beginnings = [part.rows[begin : place + 1] for place, begin in enumerate(begins)]
    sizes = [len(beginning) for beginning in beginnings]
    each = EncodedPart(np.concatenate(beginnings), np.cumsum([0, *sizes]).astype(np.int64))
    expected = probabilities(network, each)
    np.testing.assert_allclose(confidence, expected.max(1), rtol=0, atol=1e-6)
    np.testing.assert_allclose(expected[np.arange(len(best)), best], expected.max(1), rtol=0, atol=1e-6)


def test_long_sequences_go_in_smaller_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    part = part_of([30, 5, 17, 30])
    network = Classifier(vocabulary_size=20, n_classes=3, pooling="max_mean", hidden_size=7).eval()
    expected = running_answers(network, part)
    monkeypatch.setattr(scoring, "_RUNNING_ROWS", 20)
    for one, other in zip(running_answers(network, part), expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-6)


def test_both_directions_have_no_beginnings() -> None:
    network = Classifier(vocabulary_size=20, n_classes=3, bidirectional=True).eval()
    with pytest.raises(ValueError, match="no answer before the end"):
        running_answers(network, part_of([3]))
