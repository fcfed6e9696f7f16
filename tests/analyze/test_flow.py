"""Norms of derivatives: by hand on one unit, and by torch's own cells and full Jacobians on small ragged batches."""

import itertools
import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from traced_toys import CELLS, POOLINGS, SEQUENCES, network

from lstmkit.analyze import flow
from lstmkit.analyze.flow import Quantity, jacobian_norm, measure, projections
from lstmkit.data.batching import collate
from lstmkit.data.encoded import EncodedPart
from lstmkit.models import Classifier

LABELS = [0, 2, 1, 1, 0]


def part(sequences: list[list[int]] = SEQUENCES, labels: list[int] = LABELS) -> EncodedPart:
    offsets = np.cumsum([0, *map(len, sequences)]).astype(np.int64)
    tokens = np.array(list(itertools.chain(*sequences)), dtype=np.int32)
    return EncodedPart(tokens, offsets, np.array(labels, dtype=np.int64))


def measured(model: Classifier, n_projections: int = 99) -> list[list[flow.Flow]]:
    return measure(model, part(), np.arange(5), n_projections=n_projections, seed=0)


def one_unit(cell: str, **parameters: list[float]) -> Classifier:
    """One unit and an embedding of zeros; what is not given of the recurrence is 0. The head's weights are 2 and -1."""
    model = network(cell=cell, hidden_size=1, embedding_size=1, n_classes=2)
    with torch.no_grad():
        model.embedding.weight.zero_()
        for name, parameter in model.recurrence.named_parameters():
            wanted = parameters.get(name.removesuffix("_l0"), [0.0] * parameter.numel())
            parameter.copy_(torch.tensor(wanted, dtype=torch.float64).view_as(parameter))
        model.head.weight.copy_(torch.tensor([[2.0], [-1.0]]))
        model.head.bias.zero_()
    return model


def test_one_unit_rnn_by_hand() -> None:
    """h stays 0, where tanh has slope 1: each step multiplies by w. Both classes have probability 1/2."""
    w = 0.5
    model = one_unit("rnn", weight_hh=[w])
    (((found,),)) = measure(model, part([[1] * 30, [1] * 3], [0, 1]), np.arange(2), n_projections=8, seed=0)
    lags = np.arange(30)
    at_last = abs(0.5 * 2 - 0.5 * -1)  # |(p - y) W|: for label 0, (1/2 - 1) 2 + (1/2) (-1) = -1.5
    np.testing.assert_allclose(found.norms["loss_by_hidden"][0], at_last * w**lags, rtol=1e-12)
    np.testing.assert_allclose(found.norms["last_by_hidden"][0], w**lags, rtol=1e-12)
    assert np.isnan(found.norms["loss_by_hidden"][1, 3:]).all()
    np.testing.assert_allclose(found.norms["loss_by_hidden"][1, :3], at_last * w ** lags[:3], rtol=1e-12)


def test_one_unit_lstm_by_hand() -> None:
    """Gates by their biases alone, so that c is a geometric sum and dc_last/dc_t a power of f."""
    i, f, g, o = 0.5, 1.2, 0.7, -0.3
    model = one_unit("lstm", bias_ih=[i, f, g, o])
    n = 12
    (((found,),)) = measure(model, part([[1] * n], [0]), np.arange(1), n_projections=8, seed=0)
    si, sf, so = (1 / (1 + math.exp(-x)) for x in (i, f, o))
    cell = si * math.tanh(g) * sum(sf**k for k in range(n))
    h = so * math.tanh(cell)
    p = 1 / (1 + math.exp(-3 * h))  # softmax of 2h and -h
    by_h = abs((p - 1) * 2 + (1 - p) * -1)
    by_c = by_h * so * (1 - math.tanh(cell) ** 2)
    lags = np.arange(n)
    np.testing.assert_allclose(
        found.norms["loss_by_hidden"][0], [by_h, *[0.0] * (n - 1)], rtol=1e-12
    )  # nothing reads h
    np.testing.assert_allclose(found.norms["loss_by_cell"][0], by_c * sf**lags, rtol=1e-12)
    for name in ("cell_by_cell", "cell_by_cell_alone", "forget_product"):
        np.testing.assert_allclose(found.norms[name][0], sf**lags, rtol=1e-12)


def test_one_unit_lstm_with_a_recurrence_by_hand() -> None:
    """Of one step, what the gates read of h adds a path: f + (c f' + g i' + i g') dh/dc."""
    u = [0.4, -0.8, 0.9, 0.3]
    b = [0.5, 0.6, 0.7, -0.3]
    model = one_unit("lstm", weight_hh=u, bias_ih=b)
    n = 6
    (((found,),)) = measure(model, part([[1] * n], [0]), np.arange(1), n_projections=1, seed=0)
    c = h = 0.0
    factors, forgets, slope = [], [], 0.0  # slope: dh/dc of the step before
    for _ in range(n):
        i, f, o = (1 / (1 + math.exp(-(u[k] * h + b[k]))) for k in (0, 1, 3))
        g = math.tanh(u[2] * h + b[2])
        by_h = c * f * (1 - f) * u[1] + g * i * (1 - i) * u[0] + i * (1 - g**2) * u[2]
        factors.append(f + by_h * slope)
        forgets.append(f)
        c = f * c + i * g
        slope = o * (1 - math.tanh(c) ** 2)
        h = o * math.tanh(c)
    last = found.norms["cell_by_cell"][0]
    alone = found.norms["cell_by_cell_alone"][0]
    np.testing.assert_allclose(alone, [math.prod(forgets[n - k :]) for k in range(n)], rtol=1e-12)
    assert last[1] == pytest.approx(abs(factors[-1]), rel=1e-12)
    assert abs(last[1] - alone[1]) > 0.01


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("cell", CELLS)
def test_loss_gradients_are_those_that_torchs_cells_retain(cell: str, pooling: str) -> None:
    model = network(cell=cell, pooling=pooling)
    ((found,),) = measured(model)
    for example, (sequence, label) in enumerate(zip(SEQUENCES, LABELS, strict=True)):
        hidden, cells = retained(model, sequence)
        stacked = torch.stack(hidden)
        pooled = {
            "last": hidden[-1],
            "mean": stacked.mean(0),
            "max": stacked.max(0).values,
            "max_mean": torch.cat([stacked.max(0).values, stacked.mean(0)]),
        }[pooling]
        nn.functional.cross_entropy(model.head(pooled), torch.tensor(label)).backward()
        check(found.norms["loss_by_hidden"][example], [norm_of_gradient(one) for one in reversed(hidden)])
        assert ("loss_by_cell" in found.norms) == (cell == "lstm")
        if cell == "lstm":
            check(found.norms["loss_by_cell"][example], [norm_of_gradient(one) for one in reversed(cells)])


def retained(model: Classifier, sequence: list[int]) -> tuple[list[Tensor], list[Tensor]]:
    """Hidden and cell states of one sequence by torch's own cells, each keeping its gradient."""
    kinds = {"lstm": nn.LSTMCell, "gru": nn.GRUCell, "rnn": nn.RNNCell}
    cell = kinds[model.recurrence.cell](4, 6, dtype=torch.float64)
    cell.load_state_dict({name: getattr(model.recurrence, name + "_l0") for name, _ in cell.named_parameters()})
    hidden: list[Tensor] = []
    cells: list[Tensor] = []
    h = c = torch.zeros(6, dtype=torch.float64)
    for token in sequence:
        x = model.embedding.weight[token]
        if model.recurrence.cell == "lstm":
            before = h
            c = cell(x, (h, c))[1]
            c.retain_grad()
            h = output_gate(cell, x, before) * torch.tanh(c)  # torch's own h comes from a c that it keeps to itself
            cells.append(c)
        else:
            h = cell(x, h)
        h.retain_grad()
        hidden.append(h)
    return hidden, cells


def norm_of_gradient(state: Tensor) -> float:
    return 0.0 if state.grad is None else float(state.grad.norm())


def check(found: np.ndarray, wanted: list[float]) -> None:
    np.testing.assert_allclose(found[: len(wanted)], wanted, rtol=1e-10, atol=1e-16)
    assert np.isnan(found[len(wanted) :]).all()


@pytest.mark.parametrize("cell", CELLS)
def test_jacobians_are_the_products_of_each_steps_own(cell: str) -> None:
    """Two layers, both directions: each step's Jacobian in full, multiplied by hand, in Frobenius' norm."""
    model = network(cell=cell, num_layers=2, bidirectional=True)
    found = measured(model)
    embedded = [model.embedding.weight[torch.tensor(sequence)].detach() for sequence in SEQUENCES]
    for layer in range(2):
        outputs: list[list[Tensor]] = []
        for direction, suffix in enumerate(("", "_reverse")):
            own = found[layer][direction].norms
            outputs.append([])
            for example, inputs in enumerate(embedded):
                ordered = inputs.flip(0) if direction else inputs
                states, jacobians = chain(model, ordered, f"_l{layer}{suffix}")
                check(own["last_by_hidden"][example], [norm_of(j[:6, :6]) for j in reversed(jacobians)])
                if cell == "lstm":
                    check(own["cell_by_cell"][example], [norm_of(j[6:, 6:]) for j in reversed(jacobians)])
                outputs[-1].append(states.flip(0) if direction else states)
        embedded = [torch.cat(pair, 1) for pair in zip(*outputs, strict=True)]


def chain(model: Classifier, inputs: Tensor, suffix: str) -> tuple[Tensor, list[Tensor]]:
    """Hidden states in the order read, and the Jacobian of the last (h, c) by the (h, c) of each step."""
    kinds = {"lstm": nn.LSTMCell, "gru": nn.GRUCell, "rnn": nn.RNNCell}
    recurrence = model.recurrence
    cell = kinds[recurrence.cell](inputs.shape[1], 6, dtype=torch.float64)
    cell.load_state_dict({name: getattr(recurrence, name + suffix).detach() for name, _ in cell.named_parameters()})
    width = 12 if recurrence.cell == "lstm" else 6

    def step(state: Tensor, x: Tensor) -> Tensor:
        """(h, c) before to (h, c) after, where c of the step feeds h of the step, as the derivative by c has it."""
        if recurrence.cell != "lstm":
            return cell(x, state)
        return torch.cat(cell(x, (state[:6], state[6:])))

    state = torch.zeros(width, dtype=torch.float64)
    states, steps = [], []
    for x in inputs:
        steps.append(torch.autograd.functional.jacobian(lambda before, x=x: step(before, x), state))
        state = step(state, x).detach()
        states.append(state[:6])
    product = torch.eye(width, dtype=torch.float64)
    jacobians = [product]
    for one in reversed(steps[1:]):
        product = product @ one
        jacobians.append(product)
    if recurrence.cell == "lstm":
        # Moving c_t moves h_t with it, o·tanh(c): by the chain rule its column gains that of h times dh_t/dc_t.
        gates = [output_gate(cell, x, before).detach() for x, before in zip(inputs, [None, *states[:-1]], strict=True)]
        cells = [torch.atanh((h / o).clamp(-1, 1)) for h, o in zip(states, gates, strict=True)]
        for place, whole in enumerate(jacobians):
            at = len(inputs) - 1 - place
            own = gates[at] * (1 - torch.tanh(cells[at]) ** 2)
            corrected = whole.clone()
            corrected[:, 6:] += whole[:, :6] * own
            jacobians[place] = corrected
        jacobians[0][6:, 6:] = torch.eye(6, dtype=torch.float64)
    return torch.stack(states), jacobians[::-1]


def output_gate(cell: nn.Module, x: Tensor, before: Tensor | None) -> Tensor:
    summed = x @ cell.weight_ih.T + cell.bias_ih + cell.bias_hh + (0 if before is None else before @ cell.weight_hh.T)
    return summed[18:].sigmoid()


def norm_of(jacobian: Tensor) -> float:
    return float(torch.linalg.matrix_norm(jacobian)) / len(jacobian) ** 0.5


@pytest.mark.parametrize("direction", [0, 1])
def test_the_path_along_the_cell_alone_is_theorys(direction: int) -> None:
    own = measured(network(num_layers=2, bidirectional=True))[1][direction].norms
    np.testing.assert_allclose(own["cell_by_cell_alone"], own["forget_product"], rtol=1e-13)
    assert not np.allclose(own["cell_by_cell_alone"], own["cell_by_cell"], rtol=0.01, equal_nan=True)


def test_an_examples_norms_do_not_depend_on_its_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    model = network(bidirectional=True)
    together = measured(model, n_projections=2)
    monkeypatch.setattr(flow, "_HELD", 2 * 6 * 6)  # six rows, so that each example is a batch of its own
    told: list[int] = []
    apart = measure(model, part(), np.arange(5), n_projections=2, seed=0, progress=told.append)
    assert told[-1] == 5
    assert len(told) == 4  # 9, 9, 5 and then 2 + 1 tokens
    for one, other in zip(together[0], apart[0], strict=True):
        for name, norms in one.norms.items():
            np.testing.assert_allclose(norms, other.norms[name], rtol=1e-12, err_msg=name)


def test_a_batch_may_hold_its_examples_in_any_order() -> None:
    model = network(bidirectional=True)
    wanted = measured(model, n_projections=2)[0]
    batch, labels = collate(part(), np.arange(5))
    assert batch.order.tolist() != list(range(5))
    (found,) = flow._measure_batch(model, batch, labels, projections(5, 6, 2, seed=0))
    for direction in (0, 1):
        for name, norms in wanted[direction].norms.items():
            again = flow.by_lag(found[direction][name], batch, backward=direction == 1)
            np.testing.assert_allclose(again, norms, rtol=1e-12, err_msg=name)


def test_the_chosen_examples_come_in_the_order_chosen() -> None:
    model = network()
    whole = measured(model)[0][0].norms["loss_by_hidden"]
    some = measure(model, part(), np.array([4, 0]), n_projections=99, seed=0)[0][0].norms["loss_by_hidden"]
    np.testing.assert_allclose(some, whole[[4, 0]], rtol=1e-12)


def test_projections_are_exact_in_full_and_right_on_average() -> None:
    generator = torch.Generator().manual_seed(1)
    jacobian = torch.randn(6, 6, dtype=torch.float64, generator=generator)
    wanted = norm_of(jacobian)

    def estimates(n: int) -> Tensor:
        onto = projections(400, 6, n, seed=0)
        return jacobian_norm((onto.transpose(1, 2) @ jacobian).transpose(0, 1))

    assert float((estimates(6) - wanted).abs().max()) < 1e-14
    assert float((estimates(99) - wanted).abs().max()) < 1e-14
    squares = estimates(2) ** 2
    error = float(squares.std()) / 20
    assert abs(float(squares.mean()) - wanted**2) < 3 * error
    assert error < 0.05 * wanted**2


def test_a_gradient_far_below_float32_is_still_there() -> None:
    model = one_unit("rnn", weight_hh=[1e-3])
    ((found,),) = measure(model, part([[1] * 80], [0]), np.arange(1), n_projections=1, seed=0)
    np.testing.assert_allclose(found.norms["last_by_hidden"][0], 1e-3 ** np.arange(80), rtol=1e-9)  # down to 1e-237


def test_an_overflow_is_capped() -> None:
    model = one_unit("rnn", weight_hh=[1e6])
    ((found,),) = measure(model, part([[1] * 60], [0]), np.arange(1), n_projections=1, seed=0)
    norms: dict[Quantity, np.ndarray] = found.norms
    assert norms["last_by_hidden"][0, -1] == flow.LARGEST
    assert np.isfinite(norms["last_by_hidden"]).all()


def test_the_network_is_left_as_it_is() -> None:
    model = network(torch.float32).train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    measured(model)
    assert model.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
