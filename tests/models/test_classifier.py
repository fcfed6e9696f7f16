"""A prediction depends on its own sequence alone; pooling sees valid states alone."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmkit.models import Classifier
from lstmkit.models.classifier import UNKNOWN_ID
from lstmkit.models.pooling import pool
from lstmkit.ragged import Layout, Ragged

POOLINGS = ("last", "mean", "max", "max_mean")


def network(dtype: torch.dtype = torch.float32, **keywords: object) -> Classifier:
    torch.manual_seed(3)
    options = {"vocabulary_size": 50, "n_classes": 4, "embedding_size": 6, "hidden_size": 7} | keywords
    return Classifier(**options).to(dtype).eval()  # type: ignore[arg-type]


@settings(max_examples=40, deadline=None)
@given(
    cell=st.sampled_from(["lstm", "gru", "rnn"]),
    pooling=st.sampled_from(POOLINGS),
    bidirectional=st.booleans(),
    num_layers=st.integers(1, 2),
    dtype=st.sampled_from([torch.float32, torch.float64]),
    sequence=st.lists(st.integers(0, 49), min_size=1, max_size=30),
    mates=st.lists(st.lists(st.integers(0, 49), min_size=1, max_size=60), max_size=8),
    place=st.integers(0, 8),
)
def test_a_prediction_is_the_same_alone_in_any_batch_at_any_place(
    cell: str,
    pooling: str,
    bidirectional: bool,
    num_layers: int,
    dtype: torch.dtype,
    sequence: list[int],
    mates: list[list[int]],
    place: int,
) -> None:
    model = network(dtype, cell=cell, pooling=pooling, bidirectional=bidirectional, num_layers=num_layers)
    place = min(place, len(mates))
    batch = [*mates[:place], sequence, *mates[place:]]
    with torch.no_grad():
        alone = model(Ragged.from_sequences([torch.tensor(sequence)]))[0]
        among = model(Ragged.from_sequences([torch.tensor(one) for one in batch]))[place]
    difference = float((alone - among).abs().max())
    assert difference < (1e-6 if dtype == torch.float32 else 1e-12)


def test_pooling_by_hand() -> None:
    layout = Layout(torch.tensor([3, 1]))
    # Sequence a has states (1, 10), (2, 20), (3, -30); sequence b has (-5, -50).
    states = torch.tensor([[1.0, 10.0], [-5.0, -50.0], [2.0, 20.0], [3.0, -30.0]])
    assert pool(states, layout, "last", False).tolist() == [[3, -30], [-5, -50]]
    assert pool(states, layout, "last", True).tolist() == [[3, 10], [-5, -50]]  # backward ends at the first step
    assert pool(states, layout, "max", False).tolist() == [[3, 20], [-5, -50]]
    assert pool(states, layout, "mean", False).tolist() == [[2, 0], [-5, -50]]
    assert pool(states, layout, "max_mean", False).tolist() == [[3, 20, 2, 0], [-5, -50, -5, -50]]


def test_word_dropout_takes_whole_types_and_only_while_training() -> None:
    model = network(word_dropout=0.5)
    tokens = torch.arange(1, 50).repeat(4)
    dropped = model._drop_words(Ragged.from_sequences([tokens])).view(4, 49)
    assert torch.equal(dropped[0], dropped[3])
    n_dropped = int((dropped[0] == UNKNOWN_ID).sum())
    assert 5 < n_dropped < 44
    batch = Ragged.from_sequences([tokens])
    assert torch.equal(model(batch), model(batch))


def test_short_sequences_lose_fewer_words() -> None:
    model = network(word_dropout=0.5, word_dropout_length=32)
    shares = []
    for length in (4, 32, 64):
        batch = Ragged.from_sequences([torch.arange(1, 50)[: length % 49 + 1].repeat(8)[:length] for _ in range(3)])
        gone = [float((model._drop_words(batch) == UNKNOWN_ID).float().mean()) for _ in range(300)]
        shares.append(sum(gone) / len(gone))
    assert abs(shares[0] - 0.5 * 4 / 32) < 0.03
    assert abs(shares[1] - 0.5) < 0.05
    assert abs(shares[2] - 0.5) < 0.05


def test_networks_of_one_seed_share_all_but_the_cell() -> None:
    lstm, rnn = network(cell="lstm"), network(cell="rnn")
    assert torch.equal(lstm.embedding.weight, rnn.embedding.weight)
    assert torch.equal(lstm.head.weight, rnn.head.weight)


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_parameters_are_counted(cell: str) -> None:
    model = network(cell=cell)
    gates = {"lstm": 4, "gru": 3, "rnn": 1}[cell]
    counts = model.n_parameters()
    assert counts["embedding"] == 50 * 6
    assert counts["recurrence"] == gates * (7 * 6 + 7 * 7 + 2 * 7)
    assert counts["head"] == 7 * 4 + 4
    assert counts["total"] == sum(counts[name] for name in ("embedding", "recurrence", "head"))


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_embedded_tokens_are_read_as_tokens_are(cell: str, pooling: str) -> None:
    model = network(cell=cell, pooling=pooling, bidirectional=True, num_layers=2)
    batch = Ragged.from_sequences([torch.tensor(tokens) for tokens in ([3, 1, 4], [9], [2, 6, 5, 3])])
    rows = model.embedding(batch.rows)
    found = model.read_embedded(Ragged(rows, batch.layout, batch.order))
    torch.testing.assert_close(found, model(batch), rtol=0, atol=1e-6)
    (gradient,) = torch.autograd.grad(found.sum(), rows)
    assert (gradient != 0).any(1).sum() > 1
