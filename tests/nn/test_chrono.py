"""Chrono initialisation: the gates' biases are those of Tallec and Ollivier (2018), and nothing else changes."""

from typing import Any

import pytest
import torch

from lstmkit.config.presets import PRESETS
from lstmkit.config.resolve import resolve
from lstmkit.models import build
from lstmkit.models.build import architecture_of
from lstmkit.nn import Recurrence

HIDDEN = 1000


def drawn(cell: str = "lstm", **keywords: Any) -> Recurrence:
    torch.manual_seed(7)
    return Recurrence(cell, 3, keywords.pop("hidden_size", 50), **keywords)  # type: ignore[arg-type]


@pytest.mark.parametrize("length", [3, 10, 784])
def test_forget_biases_are_log_uniform_and_input_biases_their_negatives(length: int) -> None:
    module = drawn(hidden_size=HIDDEN, initialization="chrono", chrono_length=length)
    total = (module.bias_ih_l0 + module.bias_hh_l0).detach().double()  # the LSTM adds the two
    input_gate, forget_gate, candidate, output = total.split(HIDDEN)
    assert torch.equal(input_gate, -forget_gate)
    assert not candidate.any()
    assert not output.any()
    spans = forget_gate.exp()
    assert float(spans.min()) >= 1 - 1e-5
    assert float(spans.max()) <= length - 1 + 1e-3
    # Uniform on [1, T-1], by Kolmogorov and Smirnov: beyond 1.95 / sqrt(n) in one of a thousand samples.
    if length > 3:
        uniform = (spans.sort().values - 1) / (length - 2)
        steps = torch.arange(1, HIDDEN + 1, dtype=torch.float64) / HIDDEN
        assert float((uniform - steps).abs().max()) < 1.95 / HIDDEN**0.5


def test_a_unit_forgets_once_in_its_span_of_steps() -> None:
    """f = sigmoid(log u) = u / (1 + u): of what a unit holds 1 / (1 + u) is lost in a step, with a zero input."""
    module = drawn(hidden_size=HIDDEN, initialization="chrono", chrono_length=100)
    gate = torch.sigmoid(module.bias_ih_l0.detach()[HIDDEN : 2 * HIDDEN])
    span = 1 / (1 - gate)
    assert 1.99 < float(span.min()) < 3
    assert 95 < float(span.max()) < 100.5


def test_each_layer_and_direction_has_spans_of_its_own() -> None:
    module = drawn(num_layers=2, bidirectional=True, initialization="chrono", chrono_length=50)
    biases = [getattr(module, f"bias_ih_l{k}{way}")[50:100] for k in (0, 1) for way in ("", "_reverse")]
    assert all((bias > 0).any() for bias in biases)
    assert not torch.equal(biases[0], biases[1])
    assert not torch.equal(biases[0], biases[2])


def test_the_weights_are_those_of_the_standard_initialisation() -> None:
    standard, chrono = drawn(), drawn(initialization="chrono", chrono_length=50)
    assert torch.equal(standard.weight_ih_l0, chrono.weight_ih_l0)
    assert torch.equal(standard.weight_hh_l0, chrono.weight_hh_l0)
    assert not torch.equal(standard.bias_ih_l0, chrono.bias_ih_l0)


@pytest.mark.parametrize("length", [0, 1, 2])
def test_of_two_steps_nothing_is_to_be_spread(length: int) -> None:
    module = drawn(initialization="chrono", chrono_length=length)
    assert not module.bias_ih_l0.any()


@pytest.mark.parametrize("cell", ["gru", "rnn"])
def test_cells_without_such_gates_begin_as_always(cell: str) -> None:
    one, other = drawn(cell), drawn(cell, initialization="chrono", chrono_length=50)
    for name, parameter in one.named_parameters():
        assert torch.equal(parameter, other.get_parameter(name))


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_every_preset_has_the_option(preset: str) -> None:
    assert len(PRESETS) >= 2
    assert resolve(preset).model.initialization == "standard"
    config = resolve(preset, assignments=["model.initialization=chrono"])
    network = build(config, {"vocabulary_size": 20}, 2, longest=38)
    assert network.recurrence.chrono_length == 38
    spans = network.recurrence.bias_ih_l0.detach()[config.model.hidden_size : 2 * config.model.hidden_size].exp()
    assert 30 < float(spans.max()) < 37.01
    assert architecture_of(config, {"vocabulary_size": 20}, 2, 38)["chrono_length"] == 38
    assert build(config, {"vocabulary_size": 20}, 2).recurrence.chrono_length == config.encoder.max_length
    chosen = resolve(preset, assignments=["model.initialization=chrono", "model.chrono_length=90"])
    assert build(chosen, {"vocabulary_size": 20}, 2, longest=38).recurrence.chrono_length == 90
