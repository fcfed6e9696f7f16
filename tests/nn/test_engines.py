"""Every engine against torch's modules run on each sequence alone, forward and gradients."""

import math
import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from lstmkit.core.errors import RequestError
from lstmkit.nn import EngineChoice, Recurrence, choose_engine, engines
from lstmkit.nn.library import Found
from lstmkit.ragged import Layout, Ragged

CELLS = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}
ENGINES = ("auto", "torch", "reference")
TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-5}


def relative(one: torch.Tensor, other: torch.Tensor) -> float:
    """Distance relative in norm, in float64."""
    one, other = one.detach().double(), other.detach().double()
    return float((one - other).norm() / other.norm().clamp(min=1e-30))


@settings(max_examples=25, deadline=None)
@given(
    cell=st.sampled_from(sorted(CELLS)),
    engine=st.sampled_from(ENGINES),
    dtype=st.sampled_from([torch.float64, torch.float32]),
    hidden=st.sampled_from([1, 3, 8, 37]),
    num_layers=st.integers(1, 3),
    bidirectional=st.booleans(),
    lengths=st.lists(st.integers(1, 60), min_size=1, max_size=12),
    seed=st.integers(0, 2**20),
)
def test_states_and_gradients_are_those_of_each_sequence_alone(
    cell: str,
    engine: str,
    dtype: torch.dtype,
    hidden: int,
    num_layers: int,
    bidirectional: bool,
    lengths: list[int],
    seed: int,
) -> None:
    torch.manual_seed(seed)
    subject = Recurrence(
        cell,
        5,
        hidden,
        num_layers=num_layers,
        bidirectional=bidirectional,
        engine=engine,  # type: ignore[arg-type]
    ).to(dtype)
    # Biases that are not zero, and recurrent weights of spectral radius 0.8: above 1 a tanh RNN is chaotic, and any two
    # orders of summation drift apart.
    for parameter in subject.parameters():
        nn.init.normal_(parameter, std=0.8 / math.sqrt(hidden))
    oracle = CELLS[cell](5, hidden, num_layers, bidirectional=bidirectional).double()
    oracle.load_state_dict(subject.state_dict())  # names and shapes are torch's own
    sequences = [torch.randn(n, 5, dtype=dtype) for n in lengths]
    weights = [torch.randn(n, subject.output_size, dtype=torch.float64) for n in lengths]

    batch = Ragged.from_sequences(sequences)
    rows = batch.rows.clone().requires_grad_()
    states = subject(rows, batch.layout)
    (states * Ragged.from_sequences(weights).rows.to(dtype)).sum().backward()

    alone = [sequence.double().requires_grad_() for sequence in sequences]
    wanted = [oracle(sequence)[0] for sequence in alone]
    torch.stack([(w * s).sum() for w, s in zip(weights, wanted, strict=True)]).sum().backward()

    tolerance = TOLERANCE[dtype]
    assert relative(states, Ragged.from_sequences(wanted).rows) < tolerance
    assert rows.grad is not None
    assert relative(rows.grad, Ragged.from_sequences([x.grad for x in alone if x.grad is not None]).rows) < tolerance
    theirs = dict(oracle.named_parameters())
    assert len(theirs) == len(dict(subject.named_parameters())) == 4 * num_layers * (1 + bidirectional)
    gradients = [(name, parameter.grad, theirs[name].grad) for name, parameter in subject.named_parameters()]
    if dtype == torch.float64:
        for name, ours, wanted_gradient in gradients:
            assert relative(ours, wanted_gradient) < tolerance, name
    # All in one vector for float32: a lone bias may be a sum that cancels, and has then lost digits in any engine.
    ours, wanted_gradient = (torch.cat([row[k].flatten().double() for row in gradients]) for k in (1, 2))
    assert relative(ours, wanted_gradient) < tolerance


@pytest.mark.parametrize("cell", sorted(CELLS))
def test_the_reference_passes_gradcheck(cell: str) -> None:
    torch.manual_seed(0)
    module = Recurrence(cell, 3, 4, bidirectional=True, engine="reference").double()  # type: ignore[arg-type]
    layout = Layout(torch.tensor([4, 2, 2, 1]))
    rows = torch.randn(9, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, *_: module(x, layout), (rows, *module.parameters()))


def test_the_check_sees_a_lost_recurrence() -> None:
    """The oracle test above can fail: without its recurrent weights the network is another one."""
    torch.manual_seed(0)
    module = Recurrence("lstm", 3, 4)
    layout = Layout(torch.tensor([6, 5, 1]))
    rows = torch.randn(12, 3)
    before = module(rows, layout)
    with torch.no_grad():
        module.weight_hh_l0.zero_()
    assert relative(module(rows, layout), before) > 1e-3


def test_the_forget_bias_is_set_once() -> None:
    module = Recurrence("lstm", 3, 4, num_layers=2, bidirectional=True, forget_bias=1.0)
    n_found = 0
    for suffix in ("_l0", "_l0_reverse", "_l1", "_l1_reverse"):
        total = getattr(module, f"bias_ih{suffix}") + getattr(module, f"bias_hh{suffix}")
        assert torch.equal(total, torch.tensor([0.0] * 4 + [1.0] * 4 + [0.0] * 8))
        n_found += 1
    assert n_found == 4


def test_a_long_sequence_among_short_ones() -> None:
    torch.manual_seed(0)
    module = Recurrence("lstm", 2, 3, bidirectional=True).double()
    oracle = nn.LSTM(2, 3, bidirectional=True).double()
    oracle.load_state_dict(module.state_dict())
    sequences = [torch.randn(n, 2, dtype=torch.float64) for n in (1, 2000, 1, 3)]
    batch = Ragged.from_sequences(sequences)
    wanted = Ragged.from_sequences([oracle(sequence)[0] for sequence in sequences])
    assert relative(module(batch.rows, batch.layout), wanted.rows) < 1e-12


def test_the_native_engine_is_the_default_and_says_what_it_runs_on() -> None:
    choice = choose_engine("auto")
    assert choice.name == "native"
    assert re.fullmatch(r"compiled, (avx512|avx2|baseline|neon)", choice.reason)
    assert choose_engine("native") == EngineChoice("native", f"asked for; {choice.reason}")


def test_a_fallback_speaks_and_a_request_by_name_never_falls_back(monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose_engine("auto", "gru") == EngineChoice("torch", "the native engine runs LSTMs alone, no gru")
    assert choose_engine("auto", device="cuda").reason == "the native engine runs on the CPU alone, not on cuda"
    assert choose_engine("torch") == EngineChoice("torch", "asked for")
    with pytest.raises(
        RequestError, match="engine native cannot be used: the native engine runs LSTMs alone, no rnn; use"
    ):
        choose_engine("native", "rnn")
    with pytest.raises(RequestError, match="engine 'fast' is not one; there are auto, native, torch, reference"):
        choose_engine("fast")
    monkeypatch.setattr(engines, "native_library", lambda: Found(None, "no compiled engine"))
    assert choose_engine("auto") == EngineChoice("torch", "no compiled engine")
    with pytest.raises(RequestError, match="engine native cannot be used: no compiled engine; use auto or torch"):
        choose_engine("native")


def test_the_environment_asks_for_an_engine_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LSTMKIT_ENGINE", "reference")
    assert choose_engine("auto") == EngineChoice("reference", "asked for by LSTMKIT_ENGINE")
    assert choose_engine("torch").name == "torch"
    assert Recurrence("lstm", 2, 3).engine.name == "reference"
    monkeypatch.setenv("LSTMKIT_ENGINE", "quick")
    with pytest.raises(RequestError, match="engine 'quick' is not one"):
        choose_engine("auto")
