"""`lstmkit.nn.LSTM` where `torch.nn.LSTM` stood: what looks into it, what stores it, and inputs at the borders."""

import copy
import io
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations
from torch.nn.utils.rnn import PackedSequence, pack_sequence

from lstmkit.nn import LSTM, TokenLSTM

KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "batch first": {"batch_first": True},
    "two layers, both directions": {"num_layers": 2, "bidirectional": True},
    "no biases": {"bias": False},
    "dropout": {"num_layers": 2, "dropout": 0.5},
    "float64": {"dtype": torch.float64},
    "projections": {"proj_size": 3},
    "projections without biases": {"proj_size": 3, "bias": False, "num_layers": 2, "bidirectional": True},
}
pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")


class Model(nn.Module):
    """A user's network with an LSTM inside."""

    def __init__(self, lstm: Any) -> None:
        super().__init__()
        self.lstm = lstm
        self.head = nn.Linear(lstm.proj_size or lstm.hidden_size, 2)

    def forward(self, x: Tensor) -> Tensor:
        output, _ = self.lstm(x)
        return self.head(output[-1])


def flat(result: Any) -> list[Tensor]:
    output, (h_n, c_n) = result
    return [output.data if isinstance(output, PackedSequence) else output, h_n, c_n]


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_to_torch(kind: str) -> None:
    ours = LSTM(4, 5, **KINDS[kind]).eval()
    before = torch.get_rng_state()
    theirs = ours.to_torch()
    assert torch.equal(before, torch.get_rng_state())
    assert type(theirs) is nn.LSTM
    assert repr(theirs) == repr(ours)
    assert list(theirs.state_dict()) == list(ours.state_dict())
    assert all(torch.equal(value, ours.state_dict()[name]) for name, value in theirs.state_dict().items())
    dtype = KINDS[kind].get("dtype", torch.float32)
    for given in (torch.randn(6, 2, 4, dtype=dtype), pack_sequence([torch.randn(n, 4, dtype=dtype) for n in (5, 2)])):
        for one, other in zip(flat(ours(given)), flat(theirs(given)), strict=True):
            torch.testing.assert_close(one, other)
    theirs.weight_hh_l0.data.zero_()
    assert ours.weight_hh_l0.data.abs().min() > 0  # a copy
    assert not theirs.training
    assert ours.train().to_torch().training
    ours.weight_ih_l0.requires_grad_(False)
    assert [p.requires_grad for p in ours.to_torch().parameters()] == [p.requires_grad for p in ours.parameters()]


def test_to_torch_of_tokens_and_of_computed_weights() -> None:
    tokens = pack_sequence([torch.tensor([5, 3, 8]), torch.tensor([2])])
    ours = TokenLSTM(10, 4, 5, 2)
    embedding, lstm = ours.to_torch()
    assert (type(embedding), type(lstm)) == (nn.Embedding, nn.LSTM)
    states = lstm(PackedSequence(embedding(tokens.data), *tokens[1:]))
    for one, other in zip(flat(ours(tokens)), flat(states), strict=True):
        torch.testing.assert_close(one, other)
    computed = LSTM(4, 5)
    parametrizations.weight_norm(computed, "weight_hh_l0")
    x = torch.randn(3, 2, 4)
    torch.testing.assert_close(computed.to_torch()(x)[0], computed(x)[0])


@pytest.mark.filterwarnings("ignore")  # torch's own, of the age of its tools
@pytest.mark.parametrize("kind", ["LSTM", "TokenLSTM"])
def test_quantization_is_refused_by_a_line_that_names_the_way(kind: str) -> None:
    quantize = torch.ao.quantization.quantize_dynamic
    model = Model(LSTM(4, 5) if kind == "LSTM" else TokenLSTM(10, 4, 5))
    line = r"torch cannot quantize a lstmkit.nn.LSTM; put module.to_torch\(\) in its place first"
    for chosen in ({nn.LSTM}, {LSTM, nn.Linear}, None):
        with pytest.raises(RuntimeError, match=line):
            quantize(model, chosen, dtype=torch.qint8)
    assert not hasattr(model.lstm, "qconfig")
    if kind == "LSTM":
        x = torch.randn(6, 2, 4)
        wanted = model.eval()(x)
        model.lstm = model.lstm.to_torch()
        found = quantize(model, {nn.LSTM}, dtype=torch.qint8)
        assert type(found.lstm) is not nn.LSTM
        torch.testing.assert_close(found(x), wanted, rtol=0.1, atol=0.1)


@pytest.mark.filterwarnings("ignore")  # torch's own, of the age of its tools
def test_a_script_is_refused_by_a_line_that_names_the_way() -> None:
    module, x = Model(LSTM(4, 5, 2)).eval(), torch.randn(6, 2, 4)
    for subject in (module, module.lstm):
        with pytest.raises(RuntimeError, match=r"cannot script a lstmkit.nn.LSTM; put module.to_torch\(\) in its"):
            torch.jit.script(subject)
    assert type(module.lstm) is LSTM
    wanted = module(x)
    module.lstm = module.lstm.to_torch()
    torch.testing.assert_close(torch.jit.script(module)(x), wanted)


def test_a_symbolic_trace_is_refused_by_a_line_that_names_the_way() -> None:
    line = r"torch.fx cannot trace a lstmkit.nn.LSTM; put module.to_torch\(\) in its place first"
    model = Model(LSTM(4, 5))
    for subject in (model, LSTM(4, 5), TokenLSTM(9, 4, 5)):
        for context in (torch.enable_grad, torch.no_grad):
            with context(), pytest.raises(TypeError, match=line):
                torch.fx.symbolic_trace(subject)
    x = torch.randn(6, 2, 4)
    wanted = model(x)
    model.lstm = model.lstm.to_torch()
    torch.testing.assert_close(torch.fx.symbolic_trace(model)(x), wanted)


def by_set_state(theirs: nn.LSTM) -> LSTM:
    made = LSTM.__new__(LSTM)
    made.__setstate__(copy.deepcopy(theirs).__dict__)
    return made


def by_class(theirs: nn.LSTM) -> LSTM:
    made = copy.deepcopy(theirs)
    made.__class__ = LSTM
    return made  # type: ignore[return-value]


class Renaming(pickle.Unpickler):
    """Reads a checkpoint of torch's module as ours, as a program does that has exchanged the import."""

    def find_class(self, module: str, name: str) -> Any:
        return LSTM if name == "LSTM" else super().find_class(module, name)


def by_pickle(theirs: nn.LSTM) -> LSTM:
    return Renaming(io.BytesIO(pickle.dumps(theirs))).load()


@pytest.mark.parametrize("take", [by_set_state, by_class, by_pickle])
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_stored_torch_module_goes_on_as_ours(kind: str, take: Callable[[nn.LSTM], LSTM]) -> None:
    theirs = nn.LSTM(4, 5, **KINDS[kind]).eval()
    if kind == "projections without biases" and take is not by_class:
        del theirs._all_weights[1:]  # as old checkpoints have it: torch reads the names again from what is there
        theirs._all_weights = nn.LSTM(4, 5, **KINDS[kind])._all_weights
    ours = take(theirs)
    x = torch.randn(6, 2, 4, dtype=KINDS[kind].get("dtype", torch.float32))
    for context in (torch.enable_grad, torch.no_grad):
        for given in (x, x[:1]) if not ours.batch_first else (x, x[:, :1]):
            with context():
                for one, other in zip(flat(ours(given)), flat(theirs(given)), strict=True):
                    torch.testing.assert_close(one, other)
    assert ours.last_engine
    again = pickle.loads(pickle.dumps(ours))  # noqa: S301  (written by this test)
    torch.testing.assert_close(again(x)[0], theirs(x)[0])
    assert copy.deepcopy(ours).engine == "auto"


SHAPES: list[tuple[int, ...]] = [(0, 2, 4), (5, 0, 4), (0, 0, 4), (0, 4), (5, 2, 0), (1, 0, 4)]


@pytest.mark.parametrize("with_gradient", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("engine", ["auto", "native", "torch", "reference"])
def test_nothing_to_read_is_as_for_torch(shape: tuple[int, ...], engine: str, with_gradient: bool) -> None:
    for keywords in ({}, {"batch_first": True}, {"num_layers": 2, "bidirectional": True}):
        ours, theirs = LSTM(4, 5, engine=engine, **keywords), nn.LSTM(4, 5, **keywords)
        theirs.load_state_dict(ours.state_dict())
        given = torch.zeros(shape)
        with torch.set_grad_enabled(with_gradient):
            try:
                wanted = flat(theirs(given))
            except (RuntimeError, ValueError) as error:
                with pytest.raises(type(error)) as caught:
                    ours(given)
                assert str(caught.value) == str(error)  # noqa: PT017
            else:
                for one, other in zip(flat(ours(given)), wanted, strict=True):
                    assert one.shape == other.shape
                    torch.testing.assert_close(one, other)
                    assert one.requires_grad == other.requires_grad


STATES = [(1, 2, 4), (1, 2, 5), (1, 1, 3), (2, 2, 3), (0, 2, 3), (1, 3, 3), (1, 2, 1), (2, 3), (1, 0, 3), (3,)]
CELLS = [(1, 2, 5), (1, 2, 3), (0, 2, 5), (2, 2, 5), (1, 1, 5), (1, 2, 1), (2, 5)]


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("engine", ["auto", "torch"])
@pytest.mark.parametrize("projects", [True, False])
def test_states_of_another_shape_are_refused_in_torchs_words(projects: bool, engine: str, packed: bool) -> None:
    """torch checks padded batches alone, and reads past a state of packed ones that is too small."""
    sizes = {"proj_size": 3} if projects else {}
    right = ((1, 2, 3 if projects else 5), (1, 2, 5))
    given: Any = pack_sequence([torch.randn(6, 4), torch.randn(3, 4)]) if packed else torch.randn(6, 2, 4)
    n_refused = 0
    for h in [right[0], *STATES]:
        for c in [right[1], *CELLS]:
            module = LSTM(4, 5, engine=engine, **sizes)
            if (h, c) == right:
                module(given, (torch.zeros(h), torch.zeros(c)))
                continue
            with pytest.raises(RuntimeError, match=r"Expected hidden\[[01]\] size|should also be 3-D"):
                module(given, (torch.zeros(h), torch.zeros(c)))
            n_refused += 1
    assert n_refused > 60


def test_dropout_warns_once_when_it_is_made_and_not_when_it_is_copied() -> None:
    with pytest.warns(UserWarning, match="dropout option adds dropout after all but last"):
        module = LSTM(4, 5, 1, dropout=0.5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        module.to_torch()
