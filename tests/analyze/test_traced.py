"""The instrumented recurrence is the engine's: values and gradients; and its steps can be differentiated by."""

import itertools

import pytest
import torch
from torch import Tensor, nn
from traced_toys import CELLS, POOLINGS, SEQUENCES, batch, network

from lstmkit.analyze.traced import GATES, by_step, trace
from lstmkit.nn import choose_engine
from lstmkit.ragged import Ragged

TOLERANCE = {torch.float32: 1e-6, torch.float64: 1e-13}
SHAPES = list(itertools.product(CELLS, (1, 2), (False, True)))


def engines(cell: str) -> list[str]:
    fast = ["native"] if cell == "lstm" and choose_engine("auto", "lstm").name == "native" else []
    return [*fast, "torch", "reference"]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize(("cell", "num_layers", "bidirectional"), SHAPES)
def test_logits_and_every_gradient_are_those_of_each_engine(
    cell: str, num_layers: int, bidirectional: bool, dtype: torch.dtype
) -> None:
    asked = engines(cell)
    assert len(asked) >= 2
    weights = torch.randn(len(SEQUENCES), 3, generator=torch.Generator().manual_seed(1)).to(dtype)
    for engine, pooling in itertools.product(asked, POOLINGS):
        model = network(
            dtype, cell=cell, num_layers=num_layers, bidirectional=bidirectional, pooling=pooling, engine=engine
        )
        wanted = model(batch())
        (wanted * weights).sum().backward()
        gradients = {name: dense(parameter) for name, parameter in model.named_parameters()}
        model.zero_grad()
        found = trace(model, batch()).logits
        (found * weights).sum().backward()
        assert largest_difference(found, wanted) < TOLERANCE[dtype], (engine, pooling)
        for name, parameter in model.named_parameters():
            one = gradients[name]
            scale = max(1.0, float(one.abs().max()))
            assert largest_difference(dense(parameter), one) < TOLERANCE[dtype] * scale * 5, (engine, pooling, name)


def dense(parameter: nn.Parameter) -> Tensor:
    assert parameter.grad is not None
    return parameter.grad.to_dense() if parameter.grad.is_sparse else parameter.grad.clone()


def largest_difference(one: Tensor, other: Tensor) -> float:
    return float((one - other).detach().abs().max())


@pytest.mark.parametrize(("cell", "num_layers", "bidirectional"), SHAPES)
def test_the_top_layers_states_are_the_recurrences_own(cell: str, num_layers: int, bidirectional: bool) -> None:
    model = network(cell=cell, num_layers=num_layers, bidirectional=bidirectional)
    ragged = batch()
    found = trace(model, ragged)
    wanted = model.recurrence.read_tokens(ragged.rows, model.embedding, ragged.layout)
    assert len(found.layers) == num_layers
    assert all(len(directions) == 1 + bidirectional for directions in found.layers)
    assert largest_difference(torch.cat([own.hidden for own in found.layers[-1]], 1), wanted) < 1e-13
    for own in itertools.chain(*found.layers):
        assert torch.equal(torch.cat(own.hidden_steps), own.hidden)
        assert tuple(own.gates) == GATES[cell]
        assert (own.cell is None) == (cell != "lstm")
        if own.cell is not None and own.cell_steps is not None:
            assert torch.equal(torch.cat(own.cell_steps), own.cell)
            assert largest_difference(own.hidden, own.gates["o"] * own.cell.tanh()) < 1e-15


@pytest.mark.parametrize("backward", [False, True])
def test_gates_and_cell_state_are_those_of_torchs_lstm_cell(backward: bool) -> None:
    """Step by step along one sequence, by a module that has nothing to do with the trace."""
    model = network(bidirectional=True)
    ragged = batch()
    own = trace(model, ragged).layers[0][backward]
    cell = nn.LSTMCell(4, 6, dtype=torch.float64)
    suffix = "_l0_reverse" if backward else "_l0"
    cell.load_state_dict({name: getattr(model.recurrence, name + suffix) for name, _ in cell.named_parameters()})
    layout = ragged.layout
    for k, place in enumerate(ragged.order.tolist()):
        rows = [row for row in range(layout.n_rows) if layout.sequence_of_row[row] == k]
        tokens = SEQUENCES[place]
        assert ragged.rows[rows].tolist() == tokens
        state = (torch.zeros(1, 6, dtype=torch.float64), torch.zeros(1, 6, dtype=torch.float64))
        for row, token in (
            reversed(list(zip(rows, tokens, strict=True))) if backward else zip(rows, tokens, strict=True)
        ):
            x = model.embedding.weight[token : token + 1]
            before = state
            state = cell(x, state)
            assert own.cell is not None
            assert largest_difference(own.hidden[row], state[0][0]) < 1e-14
            assert largest_difference(own.cell[row], state[1][0]) < 1e-14
            summed = x @ cell.weight_ih.T + cell.bias_ih + before[0] @ cell.weight_hh.T + cell.bias_hh
            i, f, g, o = summed[0].chunk(4)
            for name, gate in {"i": i.sigmoid(), "f": f.sigmoid(), "g": g.tanh(), "o": o.sigmoid()}.items():
                assert largest_difference(own.gates[name][row], gate) < 1e-14


def test_gru_gates_rebuild_its_state() -> None:
    own = trace(network(cell="gru"), batch()).layers[0][0]
    before = torch.cat([torch.zeros(5, 6), own.hidden])[batch().layout.rows_before(False).long() + 5]
    before[:5] = 0
    r, z, n = (own.gates[name] for name in "rzn")
    assert largest_difference(own.hidden, (1 - z) * n + z * before) < 1e-15
    assert 0 < float(r.detach().min()) < float(r.detach().max()) < 1


@pytest.mark.parametrize(("cell", "num_layers", "bidirectional"), SHAPES)
@pytest.mark.parametrize("pooling", ["last", "max_mean"])
def test_the_derivative_by_a_step_is_what_moving_that_state_does(
    cell: str, num_layers: int, bidirectional: bool, pooling: str
) -> None:
    """Finite differences: the state of one step is moved by hand, and all that comes after it is run again."""
    sequence = [3, 1, 4, 1, 5, 9]
    model = network(cell=cell, num_layers=num_layers, bidirectional=bidirectional, pooling=pooling)
    ragged = Ragged.from_sequences([torch.tensor(sequence)])
    found = trace(model, ragged)
    for layer, direction, at in itertools.product(range(num_layers), range(1 + bidirectional), (0, 2, 5)):
        own = found.layers[layer][direction]
        for kind in ("hidden", "cell") if cell == "lstm" else ("hidden",):
            steps = own.hidden_steps if kind == "hidden" else own.cell_steps
            assert steps is not None
            slope = by_step(found.logits[0, 1], steps)
            moved = torch.linspace(-1, 1, 6, dtype=torch.float64)
            ends = [logit_moved(model, sequence, (layer, direction, at), kind, way * moved) for way in (1e-5, -1e-5)]
            numeric = (ends[0] - ends[1]) / 2e-5
            assert abs(numeric - float(slope[at] @ moved)) < 1e-8


def logit_moved(model: nn.Module, sequence: list[int], at: tuple[int, int, int], kind: str, by: Tensor) -> float:
    """The logit of class 1 when one state is moved, by torch's cells and loops of its own."""
    recurrence = model.recurrence
    cells = {"lstm": nn.LSTMCell, "gru": nn.GRUCell, "rnn": nn.RNNCell}
    inputs = list(model.embedding.weight[torch.tensor(sequence)])
    forward: list[Tensor] = []
    backward: list[Tensor] = []
    for layer in range(recurrence.num_layers):
        outputs: list[list[Tensor]] = []
        for direction, suffix in enumerate(("", "_reverse") if recurrence.bidirectional else ("",)):
            cell = cells[recurrence.cell](len(inputs[0]), 6, dtype=torch.float64)
            cell.load_state_dict(
                {name: getattr(recurrence, f"{name}_l{layer}{suffix}") for name, _ in cell.named_parameters()}
            )
            h = c = torch.zeros(6, dtype=torch.float64)
            states: dict[int, Tensor] = {}
            for step in reversed(range(len(inputs))) if direction else range(len(inputs)):
                if recurrence.cell == "lstm":
                    gates = inputs[step] @ cell.weight_ih.T + cell.bias_ih + h @ cell.weight_hh.T + cell.bias_hh
                    i, f, g, o = gates.chunk(4)
                    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
                    c = c + by if (layer, direction, step) == at and kind == "cell" else c
                    h = o.sigmoid() * c.tanh()
                else:
                    h = cell(inputs[step], h)
                h = h + by if (layer, direction, step) == at and kind == "hidden" else h
                states[step] = h
            outputs.append([states[step] for step in range(len(inputs))])
        inputs = [torch.cat(step) for step in zip(*outputs, strict=True)]
        forward, backward = outputs[0], outputs[-1]
    if model.pooling == "last":
        pooled = torch.cat([forward[-1], backward[0]]) if recurrence.bidirectional else forward[-1]
    else:
        stacked = torch.stack(inputs)
        pooled = torch.cat([stacked.max(0).values, stacked.mean(0)])
    return float(model.head(pooled)[1].detach())


def test_derivatives_of_several_sums_at_once_are_those_one_by_one() -> None:
    model = network(bidirectional=True)
    found = trace(model, batch())
    own = found.layers[0][1]
    weights = torch.randn(4, 5, 3, dtype=torch.float64)
    together = by_step(found.logits, own.hidden_steps, weights, several=True)
    assert together.shape == (4, 26, 6)
    for k in range(4):
        one = by_step((found.logits * weights[k]).sum(), own.hidden_steps)
        assert largest_difference(together[k], one) < 1e-14


@pytest.mark.parametrize(("cell", "gate"), [("lstm", "f"), ("gru", "z")])
@pytest.mark.parametrize("direction", [0, 1])
def test_through_the_cell_alone_a_derivative_is_the_product_of_gates(cell: str, gate: str, direction: int) -> None:
    model = network(cell=cell, bidirectional=True)
    ragged = Ragged.from_sequences([torch.tensor([3, 1, 4, 1, 5])])
    whole, cut = trace(model, ragged), trace(model, ragged, through_cell_alone=True)
    assert torch.equal(whole.logits, cut.logits)
    own = cut.layers[0][direction]
    steps = own.cell_steps if cell == "lstm" else own.hidden_steps
    assert steps is not None
    end, order = (0, [0, 1, 2, 3, 4]) if direction else (4, [4, 3, 2, 1, 0])
    found = by_step(steps[end].sum(), steps)
    product = torch.ones(6, dtype=torch.float64)
    for row in order:
        assert largest_difference(found[row], product) < 1e-14
        product = product * own.gates[gate][row].detach()
    other = whole.layers[0][direction]
    other_steps = other.cell_steps if cell == "lstm" else other.hidden_steps
    assert other_steps is not None
    assert largest_difference(by_step(other_steps[end].sum(), other_steps), found) > 1e-3


def test_embedded_stands_in_for_the_embedding() -> None:
    model = network(num_layers=2, bidirectional=True)
    ragged = batch()
    embedded = model.embedding(ragged.rows).detach().requires_grad_()
    found = trace(model, ragged, embedded).logits
    assert torch.equal(found, trace(model, ragged).logits)
    (slope,) = torch.autograd.grad(found.sum(), embedded)
    assert slope.shape == embedded.shape
    assert not torch.equal(trace(model, ragged, embedded * 0.5).logits, found)


def test_dropout_is_left_out_whatever_the_mode() -> None:
    model = network(num_layers=2, layer_dropout=0.5, head_dropout=0.5, word_dropout=0.5)
    wanted = model(batch())
    assert largest_difference(trace(model.train(), batch()).logits, wanted) < 1e-13
