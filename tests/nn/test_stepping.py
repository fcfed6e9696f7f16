"""Single steps of a few sequences, where no gradient is wanted, against torch's LSTM."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils.rnn import pack_sequence

from lstmkit.nn import LSTM, TokenLSTM

TOLERANCE = {torch.float64: 1e-13, torch.float32: 1e-6}


@settings(max_examples=60, deadline=None)
@given(
    dtype=st.sampled_from([torch.float64, torch.float32]),
    features=st.sampled_from([1, 5, 48]),
    hidden=st.sampled_from([1, 3, 37, 128]),
    batch=st.sampled_from([1, 2, 7, 8, 9, 31, 128]),
    num_layers=st.integers(1, 3),
    bidirectional=st.booleans(),
    batch_first=st.booleans(),
    bias=st.booleans(),
    with_state=st.booleans(),
)
def test_steps_are_those_of_torch(
    dtype: torch.dtype,
    features: int,
    hidden: int,
    batch: int,
    num_layers: int,
    bidirectional: bool,
    batch_first: bool,
    bias: bool,
    with_state: bool,
) -> None:
    torch.manual_seed(hidden)
    keywords = {"bidirectional": bidirectional, "batch_first": batch_first, "bias": bias}
    ours = LSTM(features, hidden, num_layers, engine="native", dtype=dtype, **keywords)
    theirs = nn.LSTM(features, hidden, num_layers, dtype=torch.float64, **keywords)
    theirs.load_state_dict(ours.state_dict())
    state, wanted = None, None
    if with_state:
        shape = (num_layers * (1 + bidirectional), batch, hidden)
        wanted = torch.randn(shape, dtype=torch.float64), torch.randn(shape, dtype=torch.float64)
        state = wanted[0].to(dtype), wanted[1].to(dtype)
    with torch.no_grad():
        for _ in range(3):
            given_input = torch.randn(
                (batch, 1, features) if batch_first else (1, batch, features), dtype=torch.float64
            )
            output, state = ours(given_input.to(dtype), state)
            expected, wanted = theirs(given_input, wanted)
            assert output.shape == expected.shape
            for one, other in ((output, expected), (state[0], wanted[0]), (state[1], wanted[1])):
                assert one.shape == other.shape
                assert float((one.double() - other).norm() / other.norm()) < TOLERANCE[dtype] * 10
    assert ours._step is not None  # the short way was taken


@pytest.mark.parametrize("with_state", [True, False])
def test_a_step_of_tokens_is_that_of_longer_sequences(with_state: bool) -> None:
    torch.manual_seed(0)
    module = TokenLSTM(20, 4, 5, 2, bidirectional=True, engine="native")
    tokens = pack_sequence([torch.tensor([7]), torch.tensor([3]), torch.tensor([7])], enforce_sorted=False)
    state = (torch.randn(4, 3, 5), torch.randn(4, 3, 5)) if with_state else None
    output, (h_n, c_n) = module(tokens, state)  # with a gradient, so by the long way
    assert module._step is None
    with torch.no_grad():
        again, (h, c) = module(tokens, state)
    assert module._step is not None
    assert torch.equal(again.batch_sizes, output.batch_sizes)
    for one, other in ((again.data, output.data), (h, h_n), (c, c_n)):
        torch.testing.assert_close(one, other)


def test_the_state_given_is_left_alone_and_nothing_is_shared() -> None:
    module = LSTM(4, 5)
    h, c = torch.ones(1, 2, 5), torch.ones(1, 2, 5)
    with torch.no_grad():
        output, (h_n, c_n) = module(torch.randn(1, 2, 4), (h, c))
        assert torch.equal(h, torch.ones(1, 2, 5))
        assert torch.equal(c, torch.ones(1, 2, 5))
        assert torch.equal(output, h_n)
        output.zero_()
        assert h_n.abs().min() > 0
        assert c_n.abs().min() > 0


def test_weights_that_change_are_seen() -> None:
    module = LSTM(4, 5)
    given_input = torch.randn(1, 1, 4)
    with torch.no_grad():
        before = module(given_input)[0]
        for parameter in module.parameters():
            parameter.mul_(2)
        after = module(given_input)[0]
        assert not torch.equal(before, after)
        module.load_state_dict({name: tensor / 2 for name, tensor in module.state_dict().items()})
        torch.testing.assert_close(module(given_input)[0], before)


def test_a_gradient_is_never_lost_to_the_short_way() -> None:
    module = LSTM(4, 5)
    given_input = torch.randn(1, 1, 4, requires_grad=True)
    output, _ = module(given_input)
    output.sum().backward()
    assert given_input.grad is not None
    assert module._step is None


def test_wrong_shapes_and_dtypes_are_refused_in_one_line() -> None:
    module = LSTM(4, 5)
    zeros = torch.zeros(1, 1, 5)
    with torch.no_grad():
        with pytest.raises(RuntimeError, match=r"input.size\(-1\) must be equal to input_size"):
            module(torch.randn(1, 1, 3))
        with pytest.raises(RuntimeError, match=r"Expected hidden\[0\] size"):
            module(torch.randn(1, 2, 4), (zeros, zeros))
        with pytest.raises(RuntimeError, match="give one dtype"):
            module(torch.randn(1, 1, 4), (zeros.double(), zeros.double()))
        with pytest.raises(RuntimeError, match="are float32 on cpu, float64 on cpu; give one dtype"):
            module(torch.randn(1, 1, 4).double())
        with pytest.raises(ValueError, match="does not match weight dtype"):
            module(torch.randn(7, 1, 4).double())
        with pytest.raises(RuntimeError, match="give one dtype"):
            module(torch.randn(7, 1, 4), (zeros.double(), zeros.double()))


def test_a_module_that_has_stepped_is_copied_and_stored() -> None:
    module = LSTM(4, 5)
    given_input = torch.randn(1, 1, 4)
    with torch.no_grad():
        wanted = module(given_input)[0]
        assert module._step is not None
        twin = copy.deepcopy(module)
        again = pickle.loads(pickle.dumps(module))  # noqa: S301  (written by this test)
        for other in (twin, again):
            assert torch.equal(other(given_input)[0], wanted)
            other.weight_hh_l0.zero_()
        assert torch.equal(module(given_input)[0], wanted)


def test_threads_of_the_program_step_one_module_at_once() -> None:
    module = LSTM(64, 128)
    inputs = torch.randn(8, 1, 8, 64)

    def walk(given_input: torch.Tensor) -> torch.Tensor:
        state = None
        with torch.no_grad():
            for _ in range(300):
                output, state = module(given_input, state)
        return output

    wanted = [walk(one) for one in inputs]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(walk, inputs))
    assert len(found) == 8
    assert all(torch.equal(one, other) for one, other in zip(found, wanted, strict=True))


def test_a_step_like_the_last_goes_straight_on_and_any_other_is_checked_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    module = LSTM(4, 5, 2, dropout=0.5).eval()
    one, zeros = torch.randn(1, 1, 4), torch.zeros(2, 1, 5)
    with torch.no_grad():
        module(one)
        first = module._step

        def is_taken(given_input: torch.Tensor, state: object) -> bool:
            return module._again(given_input, state) is not None

        assert is_taken(one, None)
        assert is_taken(one, (zeros, zeros))
        assert is_taken(torch.randn(1, 1, 4), (zeros + 1, zeros + 2))
        others = [
            (torch.randn(1, 2, 4), None),
            (torch.randn(1, 2, 4), (zeros, zeros)),
            (one.double(), (zeros, zeros)),
            (one, (zeros.double(), zeros)),
            (one, (zeros, zeros.double())),
            (one, (torch.zeros(2, 2, 5), torch.zeros(2, 2, 5))),
            (one, (zeros, torch.zeros(1, 1, 5))),
            (torch.randn(1, 1, 8)[..., ::2], (zeros, zeros)),
            (one, (torch.zeros(2, 1, 10)[..., ::2], zeros)),
        ]
        assert [is_taken(*other) for other in others] == [False] * len(others)
        monkeypatch.setenv("LSTMKIT_ENGINE", "torch")
        assert not is_taken(one, (zeros, zeros))
        module(one, (zeros, zeros))
        assert module.last_engine == "torch"
        monkeypatch.delenv("LSTMKIT_ENGINE")
        module.engine = "reference"
        assert not is_taken(one, (zeros, zeros))
        module.engine = "auto"
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert not is_taken(one, (zeros, zeros))
        assert module._step is first
        assert is_taken(one, (zeros, zeros))
        assert not module.train()._again(one, (zeros, zeros))
        module.eval().weight_hh_l1.add_(1)
        assert is_taken(one, (zeros, zeros))  # with the weights as they are now
        for name, value in (("hidden_size", 4), ("num_layers", 1), ("bidirectional", True), ("batch_first", True)):
            before = getattr(module, name)
            setattr(module, name, value)
            assert not is_taken(one, (zeros, zeros))
            setattr(module, name, before)
        assert is_taken(one, (zeros, zeros))
    with torch.inference_mode():
        module.weight_hh_l0 = nn.Parameter(torch.randn(20, 5), requires_grad=False)
        module.flatten_parameters()
        module(one, (zeros, zeros))


def test_the_output_of_a_step_and_its_states_own_their_memory() -> None:
    module = LSTM(4, 5, 2)
    with torch.no_grad():
        state = (torch.zeros(2, 3, 5), torch.zeros(2, 3, 5))
        for _ in range(2):  # checked, and straight on
            output, state = module(torch.randn(1, 3, 4), state)
            assert len({tensor.untyped_storage().data_ptr() for tensor in (output, *state)}) == 3
