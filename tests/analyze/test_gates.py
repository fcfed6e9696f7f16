"""Sums over gates against the same by loops, and the hand-derived time constant."""

import math

import numpy as np
import pytest
import torch
from test_flow import one_unit, part
from traced_toys import SEQUENCES, network

from lstmkit.analyze import gates
from lstmkit.analyze.gates import extremes, read_gates, summary, time_constants
from lstmkit.analyze.traced import trace
from lstmkit.ragged import Ragged


def named(token: int) -> str:
    return f"t{token}"


def test_one_unit_by_hand() -> None:
    """A forget gate of σ(2) at each step: what was held falls by it at each, to 1/e after -1/ln σ(2) steps."""
    model = one_unit("lstm", bias_ih=[-3.0, 2.0, 0.7, 0.0])
    reading = read_gates(model, part(), np.arange(5))
    f = 1 / (1 + math.exp(-2))
    ((own,),) = reading.layers
    assert time_constants(own)[0] == pytest.approx(-1 / math.log(f), rel=1e-12)
    about = summary(own)
    assert about["time_constants"] == [pytest.approx(7.878, rel=1e-4)]
    assert about["saturation"]["i"] == {"low": [1.0], "high": [0.0], "mean": [0.04743]}
    assert about["saturation"]["f"] == {"low": [0.0], "high": [0.0], "mean": [0.8808]}
    assert about["saturation"]["o"] == {"low": [0.0], "high": [0.0], "mean": [0.5]}


@pytest.mark.parametrize(("cell", "names", "holds"), [("lstm", "ifo", "f"), ("gru", "rz", "z")])
def test_sums_are_those_of_a_loop_over_examples(
    cell: str, names: str, holds: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gates, "_BATCH", 2)
    model = network(cell=cell, num_layers=2, bidirectional=True)
    with torch.no_grad():
        for name, parameter in model.recurrence.named_parameters():
            if name.startswith("weight"):
                parameter.mul_(3)  # so that gates saturate
    reading = read_gates(model, part(), np.arange(5))
    assert reading.tokens.tolist() == sorted({token for sequence in SEQUENCES for token in sequence})
    with torch.no_grad():
        singles = [trace(model, Ragged.from_sequences([torch.tensor(sequence)])) for sequence in SEQUENCES]
    n_rows = sum(map(len, SEQUENCES))
    for layer in range(2):
        for direction in range(2):
            own = reading.layers[layer][direction]
            found = [single.layers[layer][direction].gates for single in singles]
            every = {name: torch.cat([one[name] for one in found]) for name in names}
            about = summary(own)
            assert tuple(about["saturation"]) == tuple(names)
            for name in names:
                shut = [sum(float(value) < 0.1 for value in column) / n_rows for column in every[name].T]
                opened = [sum(float(value) > 0.9 for value in column) / n_rows for column in every[name].T]
                assert about["saturation"][name]["low"] == pytest.approx(shut, abs=1e-4)
                assert about["saturation"][name]["high"] == pytest.approx(opened, abs=1e-4)
                assert sum(shut) > 0
                assert sum(opened) > 0
            product = [math.prod(map(float, column)) for column in every[holds].T]
            wanted = [-n_rows / math.log(value) for value in product]
            assert about["time_constants"] == pytest.approx(wanted, rel=1e-4)


def test_extremes_and_the_tokens_that_drive_them() -> None:
    """Unit 0 holds but at token 7; unit 1 forgets, and writes up at token 3 and down at token 5."""
    model = network(hidden_size=2, embedding_size=10)
    with torch.no_grad():
        model.embedding.weight.copy_(torch.eye(10))
        for parameter in model.recurrence.parameters():
            parameter.zero_()
        weight, bias = model.recurrence.get_parameter("weight_ih_l0"), model.recurrence.get_parameter("bias_ih_l0")
        bias[2:4] = torch.tensor([6.0, -6.0])  # forget gates, in torch's order i f g o
        weight[2, 7] = -8.0
        weight[5, 3], weight[5, 5] = 2.0, -2.0  # unit 1's candidate
    reading = read_gates(model, part([[3, 7, 5, 2] * 3, [3, 5, 2, 9]], [0, 1]), np.arange(2))
    ((own,),) = reading.layers
    found = extremes(reading, own, named)
    assert [unit["unit"] for unit in found["retentive"]] == [0, 1]
    assert [unit["unit"] for unit in found["forgetful"]] == [1, 0]
    holding, forgetting = found["retentive"]
    assert holding["time_constant"] > 1
    assert forgetting["time_constant"] == pytest.approx(-1 / math.log(1 / (1 + math.exp(6))), rel=1e-4)
    first = holding["forgets_at"][0]
    assert (first["token"], first["n"]) == ("t7", 3)
    assert first["value"] == pytest.approx(1 / (1 + math.exp(2)), rel=1e-3)
    half = 0.5 * math.tanh(2)
    assert [(one["token"], one["n"]) for one in forgetting["writes_up"]] == [("t3", 4)]
    assert forgetting["writes_up"][0]["value"] == pytest.approx(half, rel=1e-3)
    assert [(one["token"], one["value"]) for one in forgetting["writes_down"]] == [
        ("t5", pytest.approx(-half, rel=1e-3))
    ]
    assert holding["writes_up"] == []
    every = {one["token"] for unit in found["retentive"] for one in unit["forgets_at"]}
    assert "t9" not in every  # it occurs once


def test_rare_tokens_are_named_where_there_are_no_others() -> None:
    reading = read_gates(network(), part([[1, 2, 3]], [0]), np.arange(1))
    found = extremes(reading, reading.layers[0][0], named)
    assert {one["token"] for one in found["retentive"][0]["forgets_at"]} == {"t1", "t2", "t3"}


def test_a_gate_that_never_closes_holds_without_end() -> None:
    model = network(hidden_size=2)
    with torch.no_grad():
        for parameter in model.recurrence.parameters():
            parameter.zero_()
        model.recurrence.get_parameter("bias_ih_l0")[3] = 60.0
    reading = read_gates(model, part(), np.arange(5))
    ((own,),) = reading.layers
    assert summary(own)["time_constants"] == [pytest.approx(1 / math.log(2), rel=1e-4), None]
    retentive = extremes(reading, own, named)["retentive"]
    assert [(unit["unit"], unit["time_constant"] is None) for unit in retentive] == [(1, True), (0, False)]


def test_a_plain_rnn_has_no_gates() -> None:
    with pytest.raises(ValueError, match="a plain rnn has no gates; lstm and gru have"):
        read_gates(network(cell="rnn"), part(), np.arange(5))
