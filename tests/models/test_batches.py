"""By the native engine an answer depends on its own sequence alone, to the bit: any batch, any place, any threads."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from lstmkit.data.encoded import EncodedPart
from lstmkit.models import Classifier
from lstmkit.models.quantiles import n_outputs
from lstmkit.models.scoring import outputs, probabilities, quantile_forecasts
from lstmkit.nn import Linear
from lstmkit.nn.library import native_library

pytestmark = pytest.mark.skipif(native_library().library is None, reason=native_library().reason)

SCORES: dict[str, Callable[..., np.ndarray]] = {
    "classifier": probabilities,
    "regression": outputs,
    "forecaster": quantile_forecasts,
}


def network(kind: str, reads: str, **sizes: Any) -> Classifier:
    shape = {"vocabulary_size": 30} if reads == "tokens" else {"n_features": 7}
    n = {"classifier": sizes.pop("n_classes"), "regression": 1, "forecaster": n_outputs(6)}[kind]
    made = Classifier(n_classes=n, embedding_size=11, engine="native", **shape, **sizes)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.mul_(2).add_(0.1 * torch.randn_like(parameter))
    return made


def part(reads: str, lengths: list[int], dtype: type = np.float32) -> EncodedPart:
    random, n = np.random.default_rng(0), sum(lengths)
    rows = random.integers(0, 30, n) if reads == "tokens" else random.standard_normal((n, 7)).astype(dtype)
    return EncodedPart(rows, np.concatenate([[0], np.cumsum(lengths)]), np.zeros(len(lengths), dtype=np.int64))


def some(whole: EncodedPart, chosen: list[int]) -> EncodedPart:
    pieces = [whole.rows[whole.offsets[k] : whole.offsets[k + 1]] for k in chosen]
    offsets = np.concatenate([[0], np.cumsum([len(piece) for piece in pieces])])
    return EncodedPart(np.concatenate(pieces), offsets, np.zeros(len(chosen), dtype=np.int64))


@settings(max_examples=60, deadline=None)
@given(
    data=st.data(),
    kind=st.sampled_from(sorted(SCORES)),
    reads=st.sampled_from(["tokens", "rows"]),
    pooling=st.sampled_from(["last", "mean", "max", "max_mean"]),
    hidden_size=st.sampled_from([1, 9, 32, 65]),
    num_layers=st.integers(1, 2),
    bidirectional=st.booleans(),
    n_classes=st.sampled_from([2, 3, 8, 77]),
    is_double=st.booleans(),
    lengths=st.lists(st.integers(1, 40), min_size=2, max_size=40),
)
def test_alone_and_in_any_batch_at_any_place(
    data: st.DataObject,
    kind: str,
    reads: str,
    pooling: Any,
    hidden_size: int,
    num_layers: int,
    bidirectional: bool,
    n_classes: int,
    is_double: bool,
    lengths: list[int],
) -> None:
    torch.manual_seed(hidden_size)
    subject = network(
        kind,
        reads,
        pooling=pooling,
        hidden_size=hidden_size,
        num_layers=num_layers,
        bidirectional=bidirectional,
        n_classes=n_classes,
    ).to(torch.float64 if is_double else torch.float32)
    whole, score = part(reads, lengths), SCORES[kind]
    wanted = score(subject, whole)
    order = data.draw(st.permutations(range(len(lengths))))
    chosen = list(order[: data.draw(st.integers(1, len(lengths)))])
    batch_size = data.draw(st.sampled_from([1, 2, 5, 256]))
    assert np.array_equal(score(subject, some(whole, chosen), batch_size=batch_size), wanted[chosen])
    one = data.draw(st.integers(0, len(lengths) - 1))
    assert np.array_equal(score(subject, some(whole, [one])), wanted[[one]])


@pytest.mark.parametrize("kind", sorted(SCORES))
@pytest.mark.parametrize("n_threads", [1, 3])
def test_many_at_once(kind: str, n_threads: int) -> None:
    """Enough rows that several threads share the products."""
    torch.manual_seed(0)
    subject = network(kind, "rows", hidden_size=64, n_classes=20)
    whole = part("rows", [int(n) for n in np.random.default_rng(1).integers(1, 30, 600)])
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(n_threads)
        wanted = SCORES[kind](subject, whole, batch_size=600)
        for k in range(0, 600, 29):
            assert np.array_equal(SCORES[kind](subject, some(whole, [k])), wanted[[k]])
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("engine", ["torch", "reference"])
def test_other_engines_agree_nearly(engine: str) -> None:
    torch.manual_seed(0)
    subject = Classifier(n_classes=5, vocabulary_size=30, embedding_size=11, hidden_size=32, engine=engine)
    whole = part("tokens", list(range(1, 41)))
    wanted = probabilities(subject, whole)
    for k in range(40):
        np.testing.assert_allclose(probabilities(subject, some(whole, [k])), wanted[[k]], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("bias", [True, False])
def test_the_layer_is_torchs_linear(dtype: torch.dtype, bias: bool) -> None:
    torch.manual_seed(0)
    ours = Linear(9, 5, bias=bias, dtype=dtype)
    torch.manual_seed(0)
    theirs = nn.Linear(9, 5, bias=bias, dtype=dtype)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for x in (torch.randn(7, 9), torch.randn(9, 7).T, torch.randn(0, 9), torch.randn(9), torch.randn(2, 3, 9)):
        given_input = x.to(dtype)
        assert torch.equal(ours(given_input), theirs(given_input))  # with a gradient: torch's own
        with torch.no_grad():
            torch.testing.assert_close(ours(given_input), theirs(given_input))
    with torch.no_grad(), pytest.raises(RuntimeError):
        ours(torch.randn(7, 8, dtype=dtype))
    theirs.weight.data.mul_(2)
    ours.weight.data.mul_(2)
    with torch.no_grad():
        torch.testing.assert_close(ours(torch.ones(2, 9, dtype=dtype)), theirs(torch.ones(2, 9, dtype=dtype)))
