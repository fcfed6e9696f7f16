"""Calls that the native engine cannot run go elsewhere with the reason, for every module alike."""

import re
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn.utils.rnn import PackedSequence

from lstmkit.core.errors import RequestError
from lstmkit.nn import LSTM, Recurrence, TokenLSTM, engines, torch_engine
from lstmkit.nn.library import Found
from lstmkit.ragged import Layout

LAYOUT = Layout(torch.tensor([4, 2, 1]))
X = torch.randn(7, 4, generator=torch.Generator().manual_seed(0))
TOKENS = torch.tensor([3, 1, 2, 0, 2, 2, 1])
TRANSFORM = "under a transform of torch.func, such as vmap"


class Embedded(nn.Module):
    """Modules over the same rows: x -> states."""

    def __init__(self, kind: str, engine: str = "auto") -> None:
        super().__init__()
        torch.manual_seed(0)
        self.kind = kind
        self.inner: Any = TokenLSTM(5, 4, 6, engine=engine) if kind == "TokenLSTM" else LSTM(4, 6, engine=engine)
        if kind in ("lstm", "gru", "rnn"):
            self.inner = Recurrence(kind, 4, 6, engine=engine)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        if isinstance(self.inner, Recurrence):
            return self.inner(x, LAYOUT)
        rows = TOKENS if isinstance(self.inner, TokenLSTM) else x
        return self.inner(PackedSequence(rows, LAYOUT.batch_sizes))[0].data


def wanted(module: Embedded) -> Tensor:
    oracle = Embedded(module.kind, "reference")
    oracle.load_state_dict(module.state_dict())
    return oracle(X)


KINDS = ("LSTM", "TokenLSTM", "lstm", "gru", "rnn")


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")  # by torch.func.jvp itself
@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "TokenLSTM"])
def test_transforms_by_every_module_with_the_library_and_without(
    kind: str, compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not compiled:
        monkeypatch.setattr(engines, "native_library", lambda: Found(None, "no compiled engine"))
    module = Embedded(kind)
    mapped = torch.func.vmap(module)(torch.stack([X, X * 2]))
    assert (module.inner.last_engine, module.inner.last_reason) == ("reference", TRANSFORM)
    torch.testing.assert_close(mapped[0], wanted(module))
    _, tangent = torch.func.jvp(module, (X,), (torch.ones_like(X),))
    assert module.inner.last_engine == "reference"
    assert tangent.shape == mapped[0].shape


@pytest.mark.parametrize("kind", ["TokenLSTM"])
def test_a_mapped_state_over_tokens(kind: str) -> None:
    module = Embedded(kind).inner
    states = torch.randn(3, 1, 3, 6)
    packed = PackedSequence(TOKENS, LAYOUT.batch_sizes)
    mapped = torch.func.vmap(lambda h: module(packed, (h, h))[0].data)(states)
    torch.testing.assert_close(mapped[1], module(packed, (states[1], states[1]))[0].data)


LACKS = torch_engine.lacks(torch.bfloat16, True)
runs_autocast = pytest.mark.skipif(bool(LACKS), reason=f"torch has no bfloat16 LSTM on this processor: {LACKS}")
# torch's packed kernels, which LSTM and TokenLSTM take of packed sequences, know every dtype.
autocast_kinds = [pytest.param(kind, marks=runs_autocast) if kind == "lstm" else kind for kind in KINDS]


@pytest.mark.parametrize("kind", autocast_kinds)
def test_autocast(kind: str) -> None:
    module = Embedded(kind)
    exact = wanted(module)
    with torch.autocast("cpu", torch.bfloat16):
        under = module(X)
    torch.testing.assert_close(under.float(), exact, rtol=0.05, atol=0.05)
    reason = "under autocast" if kind not in ("gru", "rnn") else f"the native engine runs LSTMs alone, no {kind}"
    assert (module.inner.last_engine, module.inner.last_reason) == ("torch", reason)


@pytest.mark.parametrize("kind", KINDS)
def test_half_numbers(kind: str) -> None:
    module = Embedded(kind)
    exact = wanted(module)
    half = module.bfloat16()(X.bfloat16())
    torch.testing.assert_close(half.float(), exact, rtol=0.05, atol=0.05)
    if kind not in ("gru", "rnn"):
        assert module.inner.last_reason == "the native engine knows float32 and float64, not bfloat16"
        with pytest.raises(RequestError, match="engine native cannot be used here: the native engine knows float32"):
            Embedded(kind, "native").bfloat16()(X.bfloat16())


PADDED: dict[str, Callable[[], object]] = {
    "LSTM": lambda: LSTM(4, 6)(X[:, None]),
    "LSTM of one step": lambda: LSTM(4, 6)(X[None]),
    "LSTM, torch by name": lambda: LSTM(4, 6, engine="torch")(X[:, None]),
    "recurrence": lambda: Recurrence("lstm", 4, 6)(X, LAYOUT),
    "recurrence of equal lengths": lambda: Recurrence("lstm", 4, 6)(X[:6], Layout(torch.tensor([3, 3]))),
}


@pytest.mark.parametrize("under_autocast", [True, False])
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("what", sorted(PADDED))
def test_what_torch_cannot_do_on_a_processor_is_one_line(
    what: str, dtype: str, under_autocast: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On every processor, as if it were one of those."""
    monkeypatch.setattr(torch_engine, "lacks", lambda *_: "could not create a primitive descriptor")
    monkeypatch.setattr(torch, "is_autocast_enabled", lambda *_: under_autocast)
    monkeypatch.setattr(torch, "get_autocast_dtype", lambda *_: getattr(torch, dtype))
    way = "leave autocast" if under_autocast else r"take module.float\(\)"
    monkeypatch.setattr(sys.modules[__name__], "X", X if under_autocast else X.to(getattr(torch, dtype)))
    with torch.no_grad(), pytest.raises(RequestError) as caught:
        PADDED[what]()
    line = str(caught.value)
    assert re.fullmatch(
        rf"torch runs no LSTM in {dtype} on this processor, which lacks the instructions \(could not create a "
        rf"primitive descriptor\); {way} and compute in float32, or use bfloat16 on a processor with AVX-512",
        line,
    )


@pytest.mark.skipif(not LACKS, reason="torch runs such an LSTM on this processor")
def test_where_torch_cannot_it_is_seen() -> None:
    with torch.autocast("cpu", torch.bfloat16), pytest.raises(RequestError, match="torch runs no LSTM in bfloat16 on"):
        LSTM(4, 6)(X[:, None])
    with pytest.raises(RuntimeError, match="primitive"), torch.autocast("cpu", torch.bfloat16):
        nn.LSTM(4, 6)(X[:, None])


@pytest.mark.filterwarnings("ignore")  # torch's own, of what becomes a constant in a trace, and of its age
@pytest.mark.parametrize("with_gradient", [True, False])
def test_traces(with_gradient: bool) -> None:
    for module, shape in ((LSTM(4, 6), (5, 2, 4)), (LSTM(4, 6), (1, 2, 4)), (Embedded("lstm"), (7, 4))):
        x = torch.randn(shape)
        inner: Any = getattr(module, "inner", module)
        with torch.set_grad_enabled(with_gradient):
            module(x)
            traced = torch.jit.trace(module, x, check_trace=False)
            assert (inner.last_engine, inner.last_reason) == ("torch", "while torch traces")
            found, again = traced(x), module(x)
        if isinstance(found, tuple):
            found, again = found[0], again[0]
        torch.testing.assert_close(found, again)


def test_fake_tensors_and_proxies() -> None:
    reason = "under a dispatch mode of torch, such as fake tensors"
    module, x = LSTM(4, 6), torch.randn(1, 2, 4)

    def call(x: Tensor) -> Tensor:
        return module(x)[0]

    with torch.no_grad():
        exact = call(x)
        graph = make_fx(call)(x)
        assert (module.last_engine, module.last_reason) == ("torch", reason)
        torch.testing.assert_close(graph(x), exact)
        with FakeTensorMode(allow_non_fake_inputs=True) as mode:
            fake = mode.from_tensor(x)
            assert call(fake).shape == exact.shape
            assert module.last_reason == reason
        call(fake)
        assert module.last_reason == "a FakeTensor is no plain tensor"
        torch.testing.assert_close(call(x), exact)  # and nothing of it was kept
        assert module.last_engine == "native"
