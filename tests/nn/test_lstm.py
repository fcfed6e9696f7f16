"""`lstmkit.nn.LSTM` against `torch.nn.LSTM`, and `TokenLSTM` against an embedding followed by one."""

import copy
import io
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_sequence

from lstmkit.core.errors import RequestError
from lstmkit.nn import LSTM, TokenLSTM, torch_engine

TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-5}


def relative(one: Tensor, other: Tensor) -> float:
    """Distance relative in norm, in float64."""
    one, other = one.detach().double(), other.detach().double()
    return float((one - other).norm() / other.norm().clamp(min=1e-30))


def twins(dtype: torch.dtype, engine: str = "native", **keywords: Any) -> tuple[LSTM, nn.LSTM]:
    """Ours, and torch's in float64 with the same weights."""
    torch.manual_seed(keywords.get("hidden_size", 0))
    ours = LSTM(4, engine=engine, dtype=dtype, **keywords)
    theirs = nn.LSTM(4, dtype=torch.float64, **keywords)
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


def flat(result: Any) -> list[Tensor]:
    output, (h_n, c_n) = result
    return [output.data if isinstance(output, PackedSequence) else output, h_n, c_n]


def compare(ours: nn.LSTM, theirs: nn.LSTM, given_input: Any, hx: tuple[Tensor, Tensor] | None) -> None:
    """Results and every gradient, for one input in float64."""
    dtype = next(ours.parameters()).dtype
    sides = []
    for module, kind in ((ours, dtype), (theirs, torch.float64)):
        module.zero_grad()
        if isinstance(given_input, list):
            leaves = [sequence.to(kind, copy=True).requires_grad_() for sequence in given_input]
            subject: Any = pack_sequence(leaves, enforce_sorted=False)
        else:
            leaves = [given_input.to(kind, copy=True).requires_grad_()]
            subject = leaves[0]
        start = None if hx is None else tuple(h.to(kind, copy=True).requires_grad_() for h in hx)
        results = flat(module(subject, start))
        assert all(result.dtype == kind for result in results)
        torch.manual_seed(0)
        loss = torch.stack(
            [(result * torch.randn(result.shape, dtype=torch.float64)).sum() for result in results]
        ).sum()
        loss.backward()
        grads = [leaf.grad for leaf in (*leaves, *(start or ()), *module.parameters())]
        assert all(grad is not None for grad in grads)
        sides.append((results, torch.cat([grad.double().flatten() for grad in grads if grad is not None])))
    for one, other in zip(sides[0][0], sides[1][0], strict=True):
        assert one.shape == other.shape
        assert relative(one, other) < TOLERANCE[dtype]
    assert relative(sides[0][1], sides[1][1]) < TOLERANCE[dtype]


@settings(max_examples=30, deadline=None)
@given(
    kind=st.sampled_from(["padded", "batch_first", "packed", "unbatched"]),
    engine=st.sampled_from(["native", "reference", "torch"]),
    dtype=st.sampled_from([torch.float64, torch.float32]),
    hidden_size=st.sampled_from([1, 3, 37]),
    num_layers=st.integers(1, 3),
    bidirectional=st.booleans(),
    bias=st.booleans(),
    with_state=st.booleans(),
    lengths=st.lists(st.integers(1, 30), min_size=1, max_size=8),
)
def test_results_are_those_of_torch(
    kind: str,
    engine: str,
    dtype: torch.dtype,
    hidden_size: int,
    num_layers: int,
    bidirectional: bool,
    bias: bool,
    with_state: bool,
    lengths: list[int],
) -> None:
    ours, theirs = twins(
        dtype,
        engine,
        hidden_size=hidden_size,
        num_layers=num_layers,
        bidirectional=bidirectional,
        bias=bias,
        batch_first=kind == "batch_first",
    )
    n, batch = lengths[0], len(lengths)
    subject: Any = {
        "padded": torch.randn(n, batch, 4, dtype=torch.float64),
        "batch_first": torch.randn(batch, n, 4, dtype=torch.float64),
        "unbatched": torch.randn(n, 4, dtype=torch.float64),
        "packed": [torch.randn(length, 4, dtype=torch.float64) for length in lengths],
    }[kind]
    shape = (num_layers * (1 + bidirectional), batch, hidden_size)
    hx = None
    if with_state:
        own = (shape[0], hidden_size) if kind == "unbatched" else shape
        hx = torch.randn(own, dtype=torch.float64), torch.randn(own, dtype=torch.float64)
    compare(ours, theirs, subject, hx)
    assert (ours.last_engine, ours.last_reason[:9]) == (engine, "asked for")


@pytest.mark.parametrize("hidden_size", [100, 130])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_three_layers_in_both_directions_at_sizes_that_no_vector_divides(hidden_size: int, dtype: torch.dtype) -> None:
    ours, theirs = twins(dtype, hidden_size=hidden_size, num_layers=3, bidirectional=True)
    shape = (6, 5, hidden_size)
    hx = torch.randn(shape, dtype=torch.float64), torch.randn(shape, dtype=torch.float64)
    compare(ours, theirs, [torch.randn(n, 4, dtype=torch.float64) for n in (3, 21, 1, 8, 8)], hx)


def test_state_dicts_move_both_ways() -> None:
    ours, theirs = LSTM(4, 5, 2, bidirectional=True), nn.LSTM(4, 5, 2, bidirectional=True)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict())
    theirs.load_state_dict(ours.state_dict())
    stored = io.BytesIO()
    torch.save(ours.state_dict(), stored)
    stored.seek(0)
    theirs.load_state_dict(torch.load(stored))
    assert repr(ours) == repr(theirs)
    assert relative(copy.deepcopy(ours)(torch.ones(3, 1, 4))[0], ours(torch.ones(3, 1, 4))[0]) == 0


def test_the_same_seed_draws_the_same_weights() -> None:
    torch.manual_seed(5)
    ours = LSTM(4, 5)
    torch.manual_seed(5)
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), nn.LSTM(4, 5).parameters(), strict=True))


def test_dropout_stands_between_layers_and_only_in_training() -> None:
    torch.manual_seed(0)
    module = LSTM(4, 5, 2, dropout=0.5)
    given_input = torch.randn(6, 2, 4)
    assert not torch.equal(module(given_input)[0], module(given_input)[0])
    module.eval()
    assert torch.equal(module(given_input)[0], module(given_input)[0])
    with pytest.warns(UserWarning, match="dropout option adds dropout after all but last"):
        single = LSTM(4, 5, 1, dropout=0.5)
    assert torch.equal(single(given_input)[0], single(given_input)[0])


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
def test_what_the_native_engine_cannot_do_goes_to_torch_with_its_reason() -> None:
    given_input = torch.randn(6, 2, 4)
    cases = []
    projected = LSTM(4, 5, proj_size=3)
    projected(given_input)
    cases.append((projected, "with projections"))
    brain = LSTM(4, 5, dtype=torch.bfloat16)
    brain(given_input.bfloat16())
    cases.append((brain, "the native engine knows float32 and float64, not bfloat16"))
    meta = LSTM(4, 5, device="meta")
    meta(given_input.to("meta"))
    cases.append((meta, "the native engine runs on the CPU alone, not on meta"))
    assert len(cases) == 3
    for module, reason in cases:
        assert (module.last_engine, module.last_reason) == ("torch", reason)


LACKS = torch_engine.lacks(torch.bfloat16, True)


@pytest.mark.skipif(bool(LACKS), reason=f"torch has no bfloat16 LSTM on this processor: {LACKS}")
def test_autocast_goes_to_torch() -> None:
    module = LSTM(4, 5)
    with torch.autocast("cpu", torch.bfloat16):
        module(torch.randn(6, 2, 4))
    assert (module.last_engine, module.last_reason) == ("torch", "under autocast")


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")  # by torch.func.jvp itself
def test_transforms_go_to_the_formulas_for_torchs_kernels_have_no_rules_for_them() -> None:
    module = LSTM(4, 5)
    batches = torch.randn(3, 6, 2, 4)
    mapped = torch.func.vmap(lambda x: module(x)[0])(batches)
    assert (module.last_engine, module.last_reason) == ("reference", "under a transform of torch.func, such as vmap")
    for one, batch in zip(mapped, batches, strict=True):
        assert relative(one, module(batch)[0]) < 1e-5
    _, derivative = torch.func.jvp(lambda x: module(x)[0].sum(), (batches[0],), (torch.ones(6, 2, 4),))
    assert module.last_engine == "reference"
    step = batches[0].double().requires_grad_()
    double = copy.deepcopy(module).double()
    gradient = torch.autograd.grad(double(step)[0].sum(), step)[0]
    assert abs(float(derivative.detach()) - float(gradient.sum())) < 1e-4


def test_an_engine_asked_for_by_name_never_falls_back() -> None:
    with pytest.raises(RequestError, match="engine native cannot be used here: with projections; use auto or torch"):
        LSTM(4, 5, proj_size=3, engine="native")(torch.randn(6, 2, 4))
    with torch.autocast("cpu", torch.bfloat16), pytest.raises(RequestError, match="under autocast"):
        LSTM(4, 5, engine="native")(torch.randn(6, 2, 4))
    with pytest.raises(RequestError, match="engine 'quick' is not one"):
        LSTM(4, 5, engine="quick")


@pytest.mark.parametrize("engine", ["auto", "torch", "reference"])
def test_a_sequence_without_steps_is_refused(engine: str) -> None:
    module = LSTM(4, 5, engine=engine)
    for empty in (torch.zeros(0, 2, 4), torch.zeros(0, 4)):
        with pytest.raises(RuntimeError, match="Expected sequence length to be larger than 0 in RNN"):  # torch's words
            module(empty)


def test_shapes_that_do_not_agree_are_refused_in_torchs_words() -> None:
    module = LSTM(4, 5, engine="native")
    with pytest.raises(RuntimeError, match=r"input.size\(-1\) must be equal to input_size"):
        module(torch.randn(6, 2, 3))
    zeros = torch.zeros(1, 3, 5)
    with pytest.raises(RuntimeError, match=r"Expected hidden\[0\] size"):
        module(torch.randn(6, 2, 4), (zeros, zeros))


TOKENS = st.lists(st.lists(st.integers(0, 19), min_size=1, max_size=40), min_size=1, max_size=8)


@settings(max_examples=30, deadline=None)
@given(
    sequences=TOKENS,
    engine=st.sampled_from(["native", "reference", "torch"]),
    dtype=st.sampled_from([torch.float64, torch.float32]),
    num_layers=st.integers(1, 2),
    bidirectional=st.booleans(),
    sparse=st.booleans(),
    with_state=st.booleans(),
)
def test_tokens_give_what_an_embedding_and_an_lstm_give(
    sequences: list[list[int]],
    engine: str,
    dtype: torch.dtype,
    num_layers: int,
    bidirectional: bool,
    sparse: bool,
    with_state: bool,
) -> None:
    torch.manual_seed(1)
    ours = TokenLSTM(20, 4, 5, num_layers, bidirectional=bidirectional, engine=engine, sparse=sparse, dtype=dtype)
    embedding = nn.Embedding(20, 4, dtype=torch.float64)
    theirs = nn.LSTM(4, 5, num_layers, bidirectional=bidirectional, dtype=torch.float64)
    own = ours.state_dict()
    embedding.load_state_dict({"weight": own.pop("embedding.weight")})
    theirs.load_state_dict(own)
    tokens = pack_sequence([torch.tensor(sequence) for sequence in sequences], enforce_sorted=False)
    shape = (num_layers * (1 + bidirectional), len(sequences), 5)
    hx = (torch.randn(shape, dtype=torch.float64), torch.randn(shape, dtype=torch.float64)) if with_state else None
    start = None if hx is None else (hx[0].to(dtype), hx[1].to(dtype))

    found = flat(ours(tokens, start))
    wanted = flat(theirs(PackedSequence(embedding(tokens.data), *tokens[1:]), hx))
    for one, other in zip(found, wanted, strict=True):
        assert relative(one, other) < TOLERANCE[dtype]
    for results in (found, wanted):
        torch.manual_seed(0)
        torch.stack([(r * torch.randn(r.shape, dtype=torch.float64)).sum() for r in results]).sum().backward()
    gradient = ours.embedding.weight.grad
    assert gradient is not None
    assert gradient.is_sparse == sparse
    if sparse and engine != "torch":
        assert gradient._nnz() == len(set(tokens.data.tolist()))
    pairs = [(gradient.to_dense() if sparse else gradient, embedding.weight.grad)]
    pairs += [(getattr(ours, name).grad, parameter.grad) for name, parameter in theirs.named_parameters()]
    assert len(pairs) == 1 + 4 * num_layers * (1 + bidirectional)
    ours_all, theirs_all = (torch.cat([p[k].double().flatten() for p in pairs]) for k in (0, 1))  # type: ignore[union-attr]
    assert relative(ours_all, theirs_all) < TOLERANCE[dtype]


@pytest.mark.parametrize("engine", ["native", "reference", "torch"])
def test_tokens_that_cannot_be_are_refused(engine: str) -> None:
    module = TokenLSTM(20, 4, 5, engine=engine)
    with pytest.raises(IndexError):
        module(pack_sequence([torch.tensor([3, 20])]))
    with pytest.raises(IndexError):
        module(pack_sequence([torch.tensor([3, -1])]))
    module(pack_sequence([torch.tensor([3, 19])]))  # and it is sound afterwards
    with pytest.raises(TypeError, match="takes a PackedSequence of tokens"):
        module(torch.tensor([3, 4]))
    with pytest.raises(TypeError, match="batch_first has no place"):
        TokenLSTM(20, 4, 5, batch_first=True)


def test_torch_takes_what_it_does_quicker_and_says_so() -> None:
    n_threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        large, small = LSTM(4, 512), LSTM(4, 128)
        for module, batch, engine in ((large, 1, "torch"), (large, 2, "native"), (small, 1, "native")):
            module(torch.randn(3, batch, 4))
            assert module.last_engine == engine
        large(torch.randn(3, 1, 4))
        assert large.last_reason == "fewer sequences than threads and many units, which torch's kernels share"
        with torch.no_grad():
            large(pack_sequence([torch.randn(3, 4), torch.randn(2, 4)]))
            assert large.last_engine == "native"  # not of one length
            for packed in (False, True):
                small(torch.randn(2, 1, 4))
                assert small.last_engine == "native"
                small(pack_sequence([torch.randn(3, 4)] * 32) if packed else torch.randn(3, 32, 4))
                assert small.last_engine == "torch"
        assert small.last_engine == "torch"
        assert small.last_reason.startswith("many sequences of one length without a gradient")
        named = LSTM(4, 512, engine="native")
        named(torch.randn(3, 1, 4))
        assert named.last_engine == "native"
    finally:
        torch.set_num_threads(n_threads)
