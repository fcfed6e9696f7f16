"""What is made of weights and kept for inference is never used for other weights."""

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations
from torch.nn.utils.rnn import PackedSequence, pack_sequence
from torch.optim import SGD
from torch.optim import Adam as TorchAdam

from lstmkit.nn import LSTM, Adam, Recurrence, TokenLSTM
from lstmkit.ragged import Ragged

TOKENS = [torch.tensor([3, 1, 2, 0]), torch.tensor([2, 2])]
PACKED = pack_sequence(TOKENS)
BATCH = Ragged.from_packed(PACKED)
ONE = pack_sequence([torch.tensor([3])])
STEP = torch.ones(1, 1, 4)
OPTIMIZERS: dict[str, Callable[[Any], torch.optim.Optimizer]] = {
    "ours": lambda p: Adam(p, lr=0.1),
    "torch": lambda p: TorchAdam(p, lr=0.1),
    "fused": lambda p: TorchAdam(p, lr=0.1, fused=True),
    "fused SGD": lambda p: SGD(p, lr=0.1, fused=True),
    "SGD": lambda p: SGD(p, lr=0.1),
}


class Read(nn.Module):
    """A recurrence with its embedding, as a classifier has it."""

    def __init__(self, engine: str, sparse: bool) -> None:
        super().__init__()
        self.recurrence = Recurrence("lstm", 4, 5, engine=engine)
        self.embedding = nn.Embedding(5, 4, sparse=sparse)

    def forward(self) -> Tensor:
        return self.recurrence.read_tokens(PACKED.data, self.embedding, BATCH.layout)


def outputs(module: nn.Module) -> list[Tensor]:
    """By every way that keeps something."""
    if isinstance(module, Read):
        return [module()]
    if isinstance(module, TokenLSTM):
        return [module(PACKED)[0].data, module(ONE)[0].data]
    return [module(STEP)[0]]


def made(kind: str, engine: str, sparse: bool = False) -> nn.Module:
    torch.manual_seed(0)
    if kind == "LSTM":
        return LSTM(4, 5, engine=engine)
    return TokenLSTM(5, 4, 5, sparse=sparse, engine=engine) if kind == "TokenLSTM" else Read(engine, sparse)


def check(module: nn.Module, kind: str) -> None:
    """The module answers as one does that has never kept anything; twice, so that it keeps something now."""
    oracle = made(kind, "reference")
    oracle.load_state_dict(module.state_dict())
    with torch.no_grad():
        for _ in range(2):
            for one, other in zip(outputs(module), outputs(oracle), strict=True):
                torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["LSTM", "TokenLSTM", "Read"])
@pytest.mark.parametrize("embedding", ["dense", "sparse", "frozen"])
@pytest.mark.parametrize("optimizer", sorted(OPTIMIZERS))
def test_steps_of_optimizers_are_seen(kind: str, embedding: str, optimizer: str) -> None:
    """Inference also between backward and the optimizer's step, which no forward with a gradient follows."""
    if kind == "LSTM" and embedding != "dense":
        return
    if embedding == "sparse" and optimizer not in ("ours", "SGD"):
        return  # torch's refuse such gradients
    module = made(kind, "native", embedding == "sparse")
    if embedding == "frozen":
        module.embedding.weight.requires_grad_(False)  # type: ignore[union-attr]
    subject = OPTIMIZERS[optimizer]([p for p in module.parameters() if p.requires_grad])
    for _ in range(2):
        subject.zero_grad()
        torch.stack([output.square().sum() for output in outputs(module)]).sum().backward()
        check(module, kind)
        subject.step()
        check(module, kind)


@pytest.mark.parametrize("kind", ["LSTM", "TokenLSTM", "Read"])
def test_data_that_is_changed_is_seen_after_a_forward_with_a_gradient_or_another_mode(kind: str) -> None:
    changes: list[Callable[[nn.Module], object]] = [outputs, lambda m: m.eval(), lambda m: m.train()]
    changes += [lambda m: m.float(), lambda m: m.load_state_dict(m.state_dict())]
    module = made(kind, "native")
    for change in changes:
        check(module, kind)
        for parameter in module.parameters():
            parameter.data.mul_(1.5)
        change(module)
        check(module, kind)
    assert len(changes) == 5


@pytest.mark.parametrize("kind", ["LSTM", "TokenLSTM", "Read"])
def test_memory_that_is_exchanged_is_seen(kind: str) -> None:
    module = made(kind, "native")
    for _ in range(3):
        check(module, kind)
        for parameter in module.parameters():
            parameter.data = parameter.data * 1.5
        check(module, kind)


def test_the_weights_of_a_functional_call_are_those_that_are_used() -> None:
    for kind in ("LSTM", "TokenLSTM"):
        module, oracle = made(kind, "native"), made(kind, "reference")
        args: tuple[Any, ...] = (STEP, (torch.ones(1, 1, 5), torch.ones(1, 1, 5))) if kind == "LSTM" else (PACKED,)
        with torch.no_grad():
            for factor in (1, 3, 1, 2):
                weights = {name: factor * value for name, value in oracle.state_dict().items()}
                found, wanted = (torch.func.functional_call(m, weights, args)[0] for m in (module, oracle))
                if isinstance(found, PackedSequence):
                    found, wanted = found.data, wanted.data
                torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-6)
                module(*args)


def test_weights_that_a_parametrization_computes_are_never_kept() -> None:
    module, oracle = LSTM(4, 5, engine="native"), LSTM(4, 5, engine="reference")
    oracle.load_state_dict(module.state_dict())
    for subject in (module, oracle):
        parametrizations.weight_norm(subject, "weight_hh_l0")
    hx = torch.ones(1, 1, 5), torch.ones(1, 1, 5)
    with torch.no_grad():
        for _ in range(3):
            torch.testing.assert_close(module(STEP, hx)[0], oracle(STEP, hx)[0], rtol=1e-5, atol=1e-6)
            for subject in (module, oracle):
                subject.parametrizations.weight_hh_l0.original0.mul_(3)  # type: ignore[union-attr]


@pytest.mark.parametrize("bias", [True, False])
def test_a_table_is_kept_between_calls_and_by_no_copy(bias: bool) -> None:
    module = TokenLSTM(5000, 4, 5, bias=bias, engine="native")
    bare = len(pickle.dumps(module))
    tokens = pack_sequence([torch.arange(5000)])
    with torch.no_grad():
        wanted = module(tokens)[0].data
        table = module._reader._table
        assert table is not None
        module.eval()
        module(tokens)
        kept = module._reader._table
        assert kept is not None
        module.eval()  # the mode that it is in
        assert torch.equal(module(tokens)[0].data, wanted)
        assert module._reader._table is kept
        assert len(pickle.dumps(module)) < 1.1 * bare
        twin = copy.deepcopy(module)
        assert twin._reader._table is None
        assert torch.equal(twin(tokens)[0].data, wanted)
        with pytest.raises(IndexError, match=r"a token is outside 0..4999"):
            module(pack_sequence([torch.tensor([1, 5000])]))
        with pytest.raises(IndexError, match=r"a token is outside 0..4999"):
            module(pack_sequence([torch.tensor([1, -1])]))
