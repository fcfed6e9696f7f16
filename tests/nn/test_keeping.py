"""What is made of weights is never used for other weights, however they changed; it is kept where they are frozen."""

import copy
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations
from torch.nn.utils.rnn import PackedSequence, pack_sequence
from torch.optim import SGD
from torch.optim import Adam as TorchAdam

from lstmkit.nn import LSTM, Adam, Recurrence, TokenLSTM, frozen_weights
from lstmkit.nn.keeping import Kept
from lstmkit.ragged import Ragged

TOKENS = [torch.tensor([3, 1, 2, 0]), torch.tensor([2, 2])]
PACKED = pack_sequence(TOKENS)
BATCH = Ragged.from_packed(PACKED)
ONE = pack_sequence([torch.tensor([3])])
STEP, STEPS = torch.ones(1, 1, 4), torch.ones(5, 1, 4)
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
        for parameter in self.recurrence.parameters():
            nn.init.uniform_(parameter, 0.1, 0.5)  # biases too

    def forward(self) -> Tensor:
        return self.recurrence.read_tokens(PACKED.data, self.embedding, BATCH.layout)


def outputs(module: nn.Module) -> list[Tensor]:
    """One step and several, twice each, so that a second call could take what a first has left."""
    if isinstance(module, Read):
        return [module() for _ in range(2)]
    if isinstance(module, TokenLSTM):
        return [module(given)[0].data for given in (PACKED, ONE) for _ in range(2)]
    return [module(given)[0] for given in (STEP, STEPS) for _ in range(2)]


def made(kind: str, engine: str, sparse: bool = False) -> nn.Module:
    torch.manual_seed(0)
    if kind == "LSTM":
        return LSTM(4, 5, engine=engine)
    return TokenLSTM(5, 4, 5, sparse=sparse, engine=engine) if kind == "TokenLSTM" else Read(engine, sparse)


def check(module: nn.Module, kind: str, mode: Any = torch.no_grad) -> None:
    """The module answers as one does that has just been made."""
    oracle = made(kind, "reference")
    oracle.load_state_dict(module.state_dict())
    with mode():
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


def resized(parameter: nn.Parameter) -> None:
    parameter.data = parameter.data * 1.5


def by_pointer(parameter: nn.Parameter) -> None:
    torch.from_numpy(parameter.detach().numpy()).view(-1)[:] *= 1.5


def in_inference_mode(parameter: nn.Parameter) -> None:
    with torch.inference_mode():
        parameter.data.mul_(1.5)


def swapped(parameter: nn.Parameter) -> None:
    with torch.no_grad():
        parameter.set_((parameter * 1.5).detach())  # type: ignore[call-overload]


CHANGES: dict[str, Callable[[nn.Parameter], object]] = {
    "data.mul_": lambda p: p.data.mul_(1.5),
    "data.copy_": lambda p: p.data.copy_(p.data * 1.5),
    "data, a part of it": lambda p: p.data[:1].add_(1),
    "data, exchanged": resized,
    "detach().mul_": lambda p: p.detach().mul_(1.5),
    "a NumPy view": lambda p: p.detach().numpy().__imul__(1.5),
    "a raw pointer": by_pointer,
    "inference mode": in_inference_mode,
    "set_": swapped,
    "lerp_, as averaging does": lambda p: p.data.lerp_(torch.ones_like(p), 0.25),
    "_foreach": lambda p: torch._foreach_mul_([p.data], 1.5),
}


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("change", sorted(CHANGES))
@pytest.mark.parametrize("kind", ["LSTM", "TokenLSTM", "Read"])
def test_no_change_of_a_weight_is_missed(kind: str, change: str, mode: Any) -> None:
    module = made(kind, "native")
    before = copy.deepcopy(module.state_dict())
    for parameter in module.parameters():  # one by one, so that each counts
        with mode():
            outputs(module)
        CHANGES[change](parameter)
        check(module, kind, mode)
    assert not any(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def plain(engine: str) -> tuple[nn.LSTM, Tensor]:
    torch.manual_seed(0)
    module = LSTM(4, 5, engine=engine) if engine else nn.LSTM(4, 5)
    return module, torch.randn(20, 1, 4)


def polyak(module: nn.LSTM, steps: Tensor) -> list[Tensor]:
    """Polyak averaging: a copy follows the weights, and answers step by step without a gradient."""
    average, state, found = copy.deepcopy(module), None, []
    optimizer = SGD(module.parameters(), lr=0.5)
    for step in steps:
        optimizer.zero_grad()
        module(step[None])[0].square().sum().backward()
        optimizer.step()
        for one, other in zip(average.parameters(), module.parameters(), strict=True):
            one.data.mul_(0.9).add_(other.data, alpha=0.1)
        with torch.no_grad():
            output, state = average(step[None], state)
        found.append(output)
    return found


def evolution(module: nn.LSTM, steps: Tensor) -> list[Tensor]:
    """An evolution strategy: weights are drawn about a centre, written in place, and tried without a gradient."""
    generator = torch.Generator().manual_seed(0)
    centre = torch.cat([parameter.data.flatten() for parameter in module.parameters()])
    found = []
    with torch.no_grad():
        for step in steps:
            noise = torch.randn(6, len(centre), generator=generator)
            scores = []
            for drawn in noise:
                for parameter, part in zip(
                    module.parameters(),
                    (centre + 0.3 * drawn).split([p.numel() for p in module.parameters()]),
                    strict=True,
                ):
                    parameter.data.copy_(part.view_as(parameter))
                output, _ = module(step[None])
                found.append(output)
                scores.append(-output.square().sum())
            centre += 0.1 * (torch.stack(scores)[:, None] * noise).mean(0)
    return found


@pytest.mark.parametrize("loop", [polyak, evolution])
@pytest.mark.parametrize("engine", ["native", "auto", "torch"])
def test_loops_without_a_gradient_are_those_of_torch(
    engine: str, loop: Callable[[nn.LSTM, Tensor], list[Tensor]]
) -> None:
    found, wanted = loop(*plain(engine)), loop(*plain(""))
    assert len(found) == len(wanted) >= 20
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


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
def test_a_table_is_kept_where_weights_are_frozen_and_by_no_copy(bias: bool) -> None:
    module = TokenLSTM(5000, 4, 5, bias=bias, engine="native")
    bare = len(pickle.dumps(module))
    tokens, kept = pack_sequence([torch.arange(5000)]), Kept()
    with torch.no_grad():
        wanted = module(tokens)[0].data
        with frozen_weights(kept):
            assert torch.equal(module(tokens)[0].data, wanted)
            assert kept._table is not None
            table = kept._table.rows
            assert table is not None
            with frozen_weights():  # within another block: the same
                assert torch.equal(module(tokens)[0].data, wanted)
            with pytest.raises(IndexError, match=r"a token is outside 0..4999"):
                module(pack_sequence([torch.tensor([1, 5000])]))
            with pytest.raises(IndexError, match=r"a token is outside 0..4999"):
                module(pack_sequence([torch.tensor([1, -1])]))
        with frozen_weights(kept):  # and between blocks that say so
            module(tokens)
            assert kept._table.rows is table
            assert len(pickle.dumps(module)) < 1.1 * bare
            module.weight_ih_l0 = nn.Parameter(module.weight_ih_l0 * 2)
            changed = module(tokens)[0].data
        assert torch.equal(module(tokens)[0].data, changed)
        assert not torch.equal(changed, wanted)
        with frozen_weights(few := Kept()):
            module(pack_sequence([torch.arange(3)]))
            assert few._table is not None
            assert few._table.rows is None  # three tokens do not pay for five thousand


def test_a_block_of_frozen_weights_is_that_of_its_thread() -> None:
    module = TokenLSTM(50, 4, 5, engine="native")
    tokens = pack_sequence([torch.arange(50)])
    with torch.no_grad(), frozen_weights(), ThreadPoolExecutor(1) as pool:
        wanted = module(tokens)[0].data
        module.embedding.weight.data.mul_(2)
        assert torch.equal(module(tokens)[0].data, wanted)  # as was said
        with torch.no_grad():
            found = pool.submit(lambda: module(tokens)[0].data.detach()).result()
        assert not torch.equal(found, wanted)
