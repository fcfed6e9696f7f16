"""One layer by each engine: exact against the formulas and `torch.nn.LSTM`, outputs, ends and every gradient."""

import math
import weakref
from collections.abc import Callable

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from lstmkit.nn import LSTM, native, reference, torch_engine, workspace
from lstmkit.nn.layers import LayerRun, Weights
from lstmkit.ragged import Layout

ENGINES: dict[str, LayerRun] = {"native": native.layer, "reference": reference.layer, "torch": torch_engine.layer}
TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-5}
HIDDEN = (1, 3, 37, 100, 130)


# Seldom long and seldom many, so that the examples stay cheap.
LONG = st.one_of(
    st.builds(lambda longest, short: [longest, *short], st.integers(41, 2000), st.lists(st.integers(1, 9), max_size=3)),
    st.lists(st.integers(1, 3), min_size=41, max_size=300),
)


def relative(one: Tensor, other: Tensor) -> float:
    """Distance relative in norm, in float64."""
    one, other = one.detach().double(), other.detach().double()
    return float((one - other).norm() / other.norm().clamp(min=1e-30))


def draw(
    lengths: list[int], hidden: int, features: int, n_directions: int, with_state: bool, n_distinct: int, seed: int
) -> tuple[Layout, Tensor, Tensor | None, list[Weights], tuple[Tensor, Tensor] | None, list[Tensor]]:
    """A layer's arguments in float64 (recurrent weights of spectral radius 0.8), and the gradients that reach it."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int, scale: float = 1.0) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64) * scale

    layout = Layout(torch.tensor(sorted(lengths, reverse=True)))
    n, batch, scale = layout.n_rows, len(lengths), 0.8 / math.sqrt(hidden)
    rows = None
    if n_distinct:
        drawn = torch.randint(0, n_distinct, (n,), generator=generator)
        found, inverse = torch.unique(drawn, return_inverse=True)
        rows, n_inputs = inverse.int(), len(found)
    else:
        n_inputs = n
    shapes = ((4 * hidden, features), (4 * hidden, hidden), (4 * hidden,), (4 * hidden,))
    weights = [tuple(normal(*shape, scale=scale) for shape in shapes) for _ in range(n_directions)]
    state = None
    if with_state:
        state = normal(n_directions, batch, hidden), normal(n_directions, batch, hidden)
    grads = [
        normal(n, n_directions * hidden),
        normal(n_directions, batch, hidden),
        normal(n_directions, batch, hidden),
    ]
    return layout, normal(n_inputs, features), rows, weights, state, grads  # type: ignore[return-value]


def everything(run: LayerRun, dtype: torch.dtype, case: tuple) -> tuple[list[Tensor], list[Tensor]]:
    """Results, and the gradients of inputs, weights and state."""
    layout, inputs, rows, weights, state, grads = case
    inputs = inputs.to(dtype).requires_grad_()
    own = [tuple(tensor.to(dtype).requires_grad_() for tensor in group) for group in weights]
    start = None if state is None else tuple(tensor.to(dtype).requires_grad_() for tensor in state)
    results = run(inputs, rows, layout, own, start)  # type: ignore[arg-type]
    leaves = [inputs, *(tensor for group in own for tensor in group), *(start or ())]
    return list(results), list(torch.autograd.grad(results, leaves, [grad.to(dtype) for grad in grads]))  # type: ignore[arg-type]


def agree(
    found: tuple[list[Tensor], list[Tensor]], wanted: tuple[list[Tensor], list[Tensor]], tolerance: float
) -> None:
    """Each result and gradient by itself in float64; in float32 all results in one vector, and all gradients."""
    assert len(found[0]) == len(wanted[0]) == 3
    assert len(found[1]) == len(wanted[1]) >= 5
    for ours, theirs in zip(found, wanted, strict=True):
        if tolerance < 1e-8:
            for one, other in zip(ours, theirs, strict=True):
                assert relative(one, other) < tolerance
        # A lone bias, or the last state of a single unit, may be a sum that cancels: it has lost digits in any engine.
        one, other = (torch.cat([tensor.double().flatten() for tensor in side]) for side in (ours, theirs))
        assert relative(one, other) < tolerance


@settings(max_examples=30, deadline=None)
@given(
    engine=st.sampled_from(["native", "torch"]),
    dtype=st.sampled_from([torch.float64, torch.float32]),
    hidden=st.sampled_from(HIDDEN),
    features=st.sampled_from([1, 5, 48, 129]),
    n_directions=st.integers(1, 2),
    with_state=st.booleans(),
    n_distinct=st.sampled_from([0, 1, 7, 100]),
    lengths=st.one_of(
        st.lists(st.integers(1, 40), min_size=1, max_size=20),
        LONG,
        st.builds(lambda n, k: [n] * k, st.integers(1, 30), st.integers(1, 40)),
    ),
    seed=st.integers(0, 2**20),
)
@example("native", torch.float64, 3, 1, 2, True, 0, [2000, 1, 1, 700, 3], 0)
@example("native", torch.float32, 37, 5, 2, True, 7, [2000, 1, 1, 700, 3], 0)
@example("native", torch.float64, 37, 5, 2, False, 100, list(range(1, 301)), 0)
@example("native", torch.float32, 130, 48, 1, True, 0, [7] * 300, 0)
def test_layers_agree_with_the_formulas(
    engine: str,
    dtype: torch.dtype,
    hidden: int,
    features: int,
    n_directions: int,
    with_state: bool,
    n_distinct: int,
    lengths: list[int],
    seed: int,
) -> None:
    case = draw(lengths, hidden, features, n_directions, with_state, n_distinct, seed)
    agree(everything(ENGINES[engine], dtype, case), everything(reference.layer, torch.float64, case), TOLERANCE[dtype])


@pytest.mark.parametrize("n_directions", [1, 2])
def test_the_reference_is_torchs_lstm_on_each_sequence_alone(n_directions: int) -> None:
    lengths = [9, 7, 7, 2, 1]
    case = draw(lengths, 5, 4, n_directions, True, 0, 3)
    layout, inputs, _, weights, state, _ = case
    oracle = nn.LSTM(4, 5, bidirectional=n_directions == 2).double()
    with torch.no_grad():
        for parameter, value in zip(oracle.parameters(), [t for group in weights for t in group], strict=True):
            parameter.copy_(value)
    states, h_n, c_n = reference.layer(inputs, None, layout, weights, state)
    padded = layout.to_padded(states)
    assert state is not None
    assert h_n is not None
    assert c_n is not None
    for k, length in enumerate(lengths):
        own = layout.to_padded(inputs)[:length, k : k + 1]
        start = state[0][:, k : k + 1].contiguous(), state[1][:, k : k + 1].contiguous()
        output, (h, c) = oracle(own, start)
        assert relative(padded[:length, k], output[:, 0]) < 1e-14
        assert relative(h_n[:, k], h[:, 0]) < 1e-14
        assert relative(c_n[:, k], c[:, 0]) < 1e-14


def test_the_reference_passes_gradcheck() -> None:
    layout, inputs, rows, weights, state, _ = draw([4, 2, 2, 1], 3, 2, 2, True, 5, 0)
    assert state is not None
    leaves = [inputs, *(t for group in weights for t in group), *state]

    def run(*tensors: Tensor) -> tuple[Tensor, ...]:
        groups = [tensors[1:5], tensors[5:9]]
        return reference.layer(tensors[0], rows, layout, groups, tensors[9:])  # type: ignore[arg-type, return-value]

    assert torch.autograd.gradcheck(run, [leaf.requires_grad_() for leaf in leaves])


def test_recurrences_agree_and_leave_the_table_alone() -> None:
    layout, _, _, weights, state, grads = draw([30, 11, 11, 1], 37, 4, 2, True, 0, 1)
    table = torch.randn(layout.n_rows, 2 * 4 * 37, dtype=torch.float64)
    before = table.clone()
    found = []
    for recur in (native.recur, reference.recur):
        leaves = [table.clone().requires_grad_(), *(group[1].clone().requires_grad_() for group in weights)]
        results = recur(leaves[0], None, layout, leaves[1:], state)
        assert torch.equal(leaves[0], before)
        found.append([*results, *torch.autograd.grad(results, leaves, grads)])  # type: ignore[arg-type]
    assert len(found[0]) == 6
    for one, other in zip(*found, strict=True):
        assert relative(one, other) < 1e-13


def test_the_check_sees_what_is_broken() -> None:
    """The comparison above can fail: a lost recurrence, a shifted row, a gradient left out."""
    case = draw([30, 11, 11, 1], 5, 4, 1, True, 0, 1)
    wanted = everything(reference.layer, torch.float64, case)

    def broken(change: Callable[[list, Layout], list]) -> LayerRun:
        def run(inputs, rows, layout, weights, state=None, *, wants_ends=True):  # type: ignore[no-untyped-def]
            inputs, weights = change([inputs, weights], layout)
            return native.layer(inputs, rows, layout, weights, state)

        return run

    lost = broken(lambda given, _: [given[0], [(g[0], g[1] * 0, g[2], g[3]) for g in given[1]]])
    shifted = broken(lambda given, _: [given[0].roll(1, 0), given[1]])
    cut = broken(lambda given, _: [given[0], [(g[0].detach() + 0 * g[0], g[1], g[2], g[3]) for g in given[1]]])
    for subject in (lost, shifted, cut):
        with pytest.raises(AssertionError):
            agree(everything(subject, torch.float64, case), wanted, 1e-10)
    agree(everything(native.layer, torch.float64, case), wanted, 1e-10)


def test_a_retained_graph_gives_the_same_gradients_twice() -> None:
    layout, inputs, _, weights, state, _ = draw([9, 7, 1], 5, 4, 2, True, 0, 1)
    inputs.requires_grad_()
    states, _, _ = native.layer(inputs, None, layout, weights, state)
    first = torch.autograd.grad(states.square().sum(), inputs, retain_graph=True)[0]
    second = torch.autograd.grad(states.square().sum(), inputs, retain_graph=True)[0]
    third = torch.autograd.grad(states.sum(), inputs)[0]
    assert torch.equal(first, second)
    assert not torch.equal(first, third)


@pytest.mark.parametrize("with_state", [True, False])
@pytest.mark.parametrize("n_distinct", [0, 4])
def test_second_derivatives_go_through_the_reference(with_state: bool, n_distinct: int) -> None:
    layout, inputs, rows, weights, state, _ = draw([5, 3, 1], 3, 2, 2, with_state, n_distinct, 2)
    leaves = [inputs, *(t for group in weights for t in group), *(state or ())]

    def run(*tensors: Tensor) -> tuple[Tensor, ...]:
        groups = [tensors[1:5], tensors[5:9]]
        return native.layer(tensors[0], rows, layout, groups, tensors[9:] or None)  # type: ignore[arg-type, return-value]

    active = [leaf.requires_grad_() for leaf in leaves]
    assert torch.autograd.gradcheck(run, active)
    assert torch.autograd.gradgradcheck(run, active)


def test_first_derivatives_with_a_graph_are_those_without_one() -> None:
    """Chained calls, where a state comes from the weights that it meets again, and weights that are given twice."""
    layout, inputs, _, weights, _, _ = draw([5, 3, 1], 3, 2, 1, False, 0, 2)
    one = tuple(tensor.requires_grad_() for tensor in weights[0])
    found = []
    for groups in ([one], [one, (one[0].detach(), one[1], *one[2:])]):
        for create_graph in (False, True):
            first, h, c = native.layer(inputs, None, layout, groups)
            second = native.layer(first[:, :2] + inputs, None, layout, groups, (h, c))[0]  # type: ignore[arg-type]
            loss = (first + second).square().sum()
            found.append(torch.autograd.grad(loss, one, create_graph=create_graph))
    for plain, with_graph in (found[:2], found[2:]):
        for a, b in zip(plain, with_graph, strict=True):
            assert relative(b, a) < 1e-12


def test_what_backward_needed_is_given_back_while_the_output_lives() -> None:
    layout, inputs, _, weights, _, _ = draw([5, 3, 1], 3, 2, 1, False, 0, 2)
    states = native.layer(inputs.requires_grad_(), None, layout, weights)[0]
    kept = [weakref.ref(tensor) for tensor in (*states.grad_fn.run.kept, states.grad_fn.run.inputs)]  # type: ignore[union-attr]
    assert all(ref() is not None for ref in kept)
    states.sum().backward()
    assert [ref() for ref in kept] == [None] * 3


def test_what_changed_after_forward_is_refused_in_backward() -> None:
    layout, inputs, _, weights, _, _ = draw([5, 3, 1], 3, 2, 1, False, 0, 2)
    weights = [tuple(t.requires_grad_() for t in weights[0])]  # type: ignore[misc]
    states, _, _ = native.layer(inputs, None, layout, weights)
    with torch.no_grad():
        weights[0][1].mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        states.sum().backward()


def test_a_row_does_not_depend_on_the_rows_beside_it_or_on_threads() -> None:
    lengths = [40, 40, 33, 20, 20, 5, 1]
    layout, inputs, _, weights, _, _ = draw(lengths, 100, 24, 2, False, 0, 4)
    inputs, weights = inputs.float(), [tuple(t.float() for t in group) for group in weights]  # type: ignore[misc]
    states = native.layer(inputs, None, layout, weights)[0]
    for k, length in enumerate(lengths):
        own = torch.arange(layout.n_rows)[layout.sequence_of_row == k]
        alone = native.layer(inputs[own], None, Layout(torch.tensor([length])), weights)[0]
        assert torch.equal(alone, states[own])
    n_threads = torch.get_num_threads()
    try:
        for n in (1, 2, 3, 5):
            torch.set_num_threads(n)
            assert torch.equal(native.layer(inputs, None, layout, weights)[0], states)
    finally:
        torch.set_num_threads(n_threads)


def test_nan_comes_out_where_it_goes_in() -> None:
    layout, inputs, _, weights, _, _ = draw([6, 6, 4], 5, 3, 1, False, 0, 5)
    inputs[layout.starts[2] + 1, 0] = math.nan  # step 2 of the second sequence
    states = native.layer(inputs, None, layout, weights)[0]
    padded = layout.to_padded(states).isnan().any(-1)
    assert padded[:, 0].tolist() == [False] * 6
    assert padded[:, 1].tolist() == [False] * 2 + [True] * 4
    assert not padded[:, 2].any()


@pytest.mark.parametrize("gate", range(4))
@pytest.mark.parametrize("where", ["weight_ih", "bias_ih", "bias_hh"])
@pytest.mark.parametrize("with_gradient", [True, False])
def test_nan_of_each_gate_comes_out_at_the_first_step(gate: int, where: str, with_gradient: bool) -> None:
    """As by torch, for which the forget gate of a first step is multiplied with a cell of 0."""
    torch.manual_seed(0)
    ours, theirs = LSTM(3, 5, engine="native"), nn.LSTM(3, 5)
    with torch.no_grad():
        getattr(ours, f"{where}_l0")[gate * 5 + 2] = math.nan
    theirs.load_state_dict(ours.state_dict())
    inputs, found = torch.randn(1, 2, 3), []
    for module in (ours, theirs):
        with torch.set_grad_enabled(with_gradient):
            output, (_, c_n) = module(inputs)
        grads = torch.autograd.grad(output.sum(), [*module.parameters()]) if with_gradient else ()
        found.append([output.isnan(), c_n.isnan(), *(grad.isnan() for grad in grads)])
    assert found[0][0].any()
    # torch's kernels spread NaN of a whole gradient in ways of their own; where ours has none, theirs has none.
    for one, other in zip(found[0][:2], found[1][:2], strict=True):
        assert torch.equal(one, other)
    if with_gradient and gate == 1:
        assert found[0][4][5 + 2]
        assert found[1][4][5 + 2]


def test_memory_is_used_again() -> None:
    workspace.release()
    one = workspace.empty(1000, 1000, dtype=torch.float32)
    view, address = one[3:, 5], one.data_ptr()
    del one
    other = workspace.empty(1000, 1000, dtype=torch.float32)
    assert other.data_ptr() != address  # a view of the first lives
    del view
    again = workspace.empty(900, 1000, dtype=torch.float32)
    assert again.data_ptr() == address
    del again, other
    assert workspace.release() >= 2 * 4_000_000
    assert workspace.release() == 0
