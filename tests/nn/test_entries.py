"""What the compiled code gets is looked at before: every entry of the library with every kind of wrong argument."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from lstmkit.core.errors import RequestError
from lstmkit.nn import LSTM, Adam, Recurrence, TokenLSTM, max_and_mean, native
from lstmkit.nn.library import native_library
from lstmkit.ragged import Layout
from lstmkit.stream.native import NativeStack, NativeWeights, SingleProduct
from lstmkit.stream.stack import Arrived, Weights

pytestmark = pytest.mark.skipif(native_library().library is None, reason=native_library().reason)

LAYOUT = Layout(torch.tensor([5, 4, 3]))
N_ROWS, HIDDEN, FEATURES = 12, 6, 5
Arguments = dict[str, Tensor]
REFUSALS = (RuntimeError, ValueError, IndexError, TypeError, RequestError)


def wider(tensor: Tensor) -> Tensor:
    return torch.cat([tensor, tensor[..., :1]], -1)


def longer(tensor: Tensor) -> Tensor:
    return torch.cat([tensor, tensor[:1]])


def apart(tensor: Tensor) -> Tensor:
    """The same numbers, two places apart."""
    wide = torch.zeros(*tensor.shape, 2, dtype=tensor.dtype)
    wide[..., 0] = tensor
    return wide[..., 0]


def turned(tensor: Tensor) -> Tensor:
    """The same numbers, column by column."""
    return tensor.transpose(0, -1).contiguous().transpose(0, -1)


def other_dtype(tensor: Tensor) -> Tensor:
    return tensor.double() if tensor.dtype != torch.float64 else tensor.float()


def without_memory(tensor: Tensor) -> Tensor:
    found = tensor.clone()
    found.untyped_storage().resize_(0)
    return found


FAULTS: dict[str, Callable[[Tensor], Tensor]] = {
    "shorter": lambda t: t[:-1].clone(),
    "longer": longer,
    "narrower": lambda t: t[..., :-1].clone(),
    "wider": wider,
    "one dimension more": lambda t: t[None],
    "flat": lambda t: t.flatten()[: len(t)],
    "empty": lambda t: t[:0],
    "another dtype": other_dtype,
    "whole numbers": lambda t: t.to(torch.int16),
    "half numbers": lambda t: t.to(torch.bfloat16),
    "on no device": lambda t: t.to("meta"),
    "elements apart": apart,
    "turned": turned,
    "without its memory": without_memory,
}


def weights(n_directions: int = 1, features: int = FEATURES) -> Arguments:
    found = {}
    for d in range(n_directions):
        found |= {
            f"weight_ih{d}": torch.randn(4 * HIDDEN, features),
            f"weight_hh{d}": torch.randn(4 * HIDDEN, HIDDEN),
            f"bias_ih{d}": torch.randn(4 * HIDDEN),
            f"bias_hh{d}": torch.randn(4 * HIDDEN),
        }
    return found


def groups(given: Arguments, n_directions: int = 1) -> list[Any]:
    return [
        tuple(given[f"{name}{d}"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
        for d in range(n_directions)
    ]


def of_layer(given: Arguments) -> list[Tensor]:
    state = (given["h"], given["c"])
    return list(native.layer(given["inputs"], given["rows"], LAYOUT, groups(given, 2), state))  # type: ignore[arg-type]


def of_backward(given: Arguments) -> list[Tensor]:
    """A graph that is retained runs forward once more, with what its tensors are by then."""
    torch.manual_seed(0)
    start = weights()
    leaves = {name: nn.Parameter(tensor) for name, tensor in start.items()}
    states = native.layer(torch.ones(N_ROWS, FEATURES), None, LAYOUT, groups(leaves))[0]  # type: ignore[arg-type]
    torch.autograd.grad(states.sum(), list(leaves.values()), retain_graph=True)
    for name, leaf in leaves.items():
        leaf.data = given[name]
    return list(torch.autograd.grad(states.sum(), list(leaves.values())))


def of_recurrence(given: Arguments) -> list[Tensor]:
    return list(native.recur(given["table"], given["rows"], LAYOUT, [given["weight_hh0"]]))  # type: ignore[arg-type]


def of_step(given: Arguments) -> list[Tensor]:
    """The second of two steps, which goes the short way."""
    module = LSTM(FEATURES, HIDDEN, engine="native")
    x, h, c = given["inputs"], given["h"], given["c"]
    with torch.no_grad():
        module(torch.zeros(1, 3, FEATURES), (torch.zeros(1, 3, HIDDEN),) * 2)
        for name, tensor in given.items():
            if name.endswith("0"):
                vars(module)["_parameters"][f"{name[:-1]}_l0"] = tensor
        output, ends = module(x, (h, c))
    return [output, *ends]


def of_pooling(given: Arguments) -> list[Tensor]:
    return list(max_and_mean(given["states"], LAYOUT))


def of_pooling_backward(given: Arguments) -> list[Tensor]:
    states = torch.randn(N_ROWS, 7, generator=torch.Generator().manual_seed(0)).requires_grad_()
    return list(torch.autograd.grad(max_and_mean(states, LAYOUT), states, (given["largest"], given["mean"])))


def of_adam(given: Arguments) -> list[Tensor]:
    parameter = nn.Parameter(torch.ones(4, 3))
    optimizer = Adam([parameter])
    places = torch.tensor([[1, 3]])
    for _ in range(2):
        parameter.grad = torch.sparse_coo_tensor(places, torch.ones(2, 3), (4, 3), check_invariants=True)
        optimizer.step()
        optimizer.state[parameter] |= {name: given[name].clone() for name in ("exp_avg", "exp_avg_sq")}
        optimizer.state[parameter] |= {name: given[name] for name in ("exp_avg", "exp_avg_sq")}
    return [parameter.detach()]


def of_packing(given: Arguments) -> list[Tensor]:
    weight = given["weight"]
    packed = native.packed(weight, True)
    m, k = weight.shape
    return [native.multiply(torch.eye(k, dtype=weight.dtype), packed, torch.empty(k, m, dtype=weight.dtype))]


def of_sum_outer(given: Arguments) -> list[Tensor]:
    out, sums = native.sum_outer(given["a"], given["b"], given["b_rows"], sums=True)
    assert sums is not None
    return [out, sums]


def of_multiply(given: Arguments) -> list[Tensor]:
    out = native.multiply(given["a"], given["packed"], given["out"], given["bias"])
    return [out.clone()]


def stack(given: Arguments) -> NativeStack:
    arrays = [weight.numpy() for weight in groups(given)[0]]
    return NativeStack(NativeWeights([Weights(*arrays), Weights(arrays[1], *arrays[1:])]))


def of_stream(given: Arguments) -> list[Tensor]:
    arrived = Arrived(given["table"].numpy(), given["rows"].numpy(), given["starts"].numpy())
    hidden, cells = ([given[name].numpy(), np.zeros((3, HIDDEN), np.float32)] for name in ("h", "c"))
    torch.manual_seed(0)
    return [torch.from_numpy(stack(weights()).advance(arrived, hidden, cells).copy())]


def of_stream_weights(given: Arguments) -> list[Tensor]:
    row = torch.zeros(1, 4 * HIDDEN).numpy()
    hidden, cells = ([np.zeros((1, HIDDEN), np.float32) for _ in range(2)] for _ in range(2))
    stack(given).single(row, hidden, cells)(0)
    return [torch.from_numpy(array) for array in (*hidden, *cells)]


def of_single(given: Arguments) -> list[Tensor]:
    torch.manual_seed(0)
    hidden, cells = ([given[name].numpy(), np.zeros((1, HIDDEN), np.float32)] for name in ("h", "c"))
    step = stack(weights()).single(given["table"].numpy(), hidden, cells)
    step(1)
    return [torch.from_numpy(array.copy()) for array in (*hidden, *cells)]


def of_single_product(given: Arguments) -> list[Tensor]:
    out = torch.zeros(1, 7)
    SingleProduct(given["row"].numpy(), given["packed"], given["bias"].numpy(), out.numpy())()
    return [out]


def numbers(*values: int) -> Tensor:
    return torch.tensor(values, dtype=torch.int32)


ROWS = numbers(*[0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4])
STATES = {"h": torch.randn(2, 3, HIDDEN), "c": torch.randn(2, 3, HIDDEN)}
ENTRIES: dict[str, tuple[Callable[[Arguments], list[Tensor]], Callable[[], Arguments]]] = {
    "pack": (of_packing, lambda: {"weight": torch.randn(7, 9)}),
    "multiply": (
        of_multiply,
        lambda: {
            "a": torch.randn(8, 9),
            "packed": native.packed(torch.randn(7, 9), True),
            "out": torch.zeros(8, 7),
            "bias": torch.randn(7),
        },
    ),
    "outer products": (
        of_sum_outer,
        lambda: {"a": torch.randn(8, 3), "b": torch.randn(6, 4), "b_rows": numbers(0, 1, -1, 5, 4, 3, 2, 0)},
    ),
    "rows added up": (
        lambda g: [native.sum_rows(g["source"], g["rows"], 5)],
        lambda: {"source": torch.randn(8, 3), "rows": numbers(0, 1, 4, 3, 2, 2, 2, 0)},
    ),
    "distinct": (lambda g: [*native.distinct(g["tokens"], 9)], lambda: {"tokens": torch.tensor([3, 1, 3, 8])}),
    "layer": (of_layer, lambda: {"inputs": torch.randn(7, FEATURES), "rows": ROWS, **STATES, **weights(2)}),
    "layer backward": (of_backward, weights),
    "recurrence": (
        of_recurrence,
        lambda: {"table": torch.randn(7, 4 * HIDDEN), "rows": ROWS, "weight_hh0": torch.randn(4 * HIDDEN, HIDDEN)},
    ),
    "step": (
        of_step,
        lambda: {"inputs": torch.randn(1, 3, FEATURES), **{k: v[:1] for k, v in STATES.items()}, **weights()},
    ),
    "pooling": (of_pooling, lambda: {"states": torch.randn(N_ROWS, 7)}),
    "pooling backward": (of_pooling_backward, lambda: {"largest": torch.randn(3, 7), "mean": torch.randn(3, 7)}),
    "adam": (of_adam, lambda: {"exp_avg": torch.ones(4, 3), "exp_avg_sq": torch.ones(4, 3)}),
    "stream": (
        of_stream,
        lambda: {
            "table": torch.randn(7, 4 * HIDDEN),
            "rows": ROWS,
            "starts": torch.tensor([0, 3, 6, 9, 11, 12]),
            "h": torch.randn(3, HIDDEN),
            "c": torch.randn(3, HIDDEN),
        },
    ),
    "stream's weights": (of_stream_weights, lambda: weights(features=HIDDEN)),
    "one step of a stream": (
        of_single,
        lambda: {"table": torch.randn(7, 4 * HIDDEN), "h": torch.randn(1, HIDDEN), "c": torch.randn(1, HIDDEN)},
    ),
    "one row's product": (
        of_single_product,
        lambda: {"row": torch.randn(1, 9), "packed": native.packed(torch.randn(7, 9), True), "bias": torch.randn(7)},
    ),
}
CASES = [
    (entry, argument, fault)
    for entry, (_, make) in ENTRIES.items()
    for argument in make()
    for fault in FAULTS
    if not (fault == "turned" and make()[argument].dim() == 1)
    # torch itself dies of other tensors whose storage was taken away; of weights sharded modules do so between calls.
    if fault != "without its memory" or (argument.startswith(("weight", "bias_")) and not entry.startswith("stream"))
]


# Of these another number of rows or columns is another call, and a right one.
FREE = {
    ("pack", "weight"),
    ("outer products", "a"),
    ("outer products", "b"),
    ("rows added up", "source"),
    ("distinct", "tokens"),
    ("layer", "inputs"),
    ("recurrence", "table"),
    ("step", "inputs"),
    ("pooling", "states"),
    ("stream", "table"),
    ("stream", "h"),
    ("stream", "c"),
    ("stream's weights", "weight_ih0"),
    ("one step of a stream", "table"),
    ("one step of a stream", "h"),
    ("one step of a stream", "c"),
}


def bare(results: list[Tensor]) -> list[Tensor]:
    return [result.detach().clone() for result in results if result is not None]


@pytest.mark.parametrize(("entry", "argument", "fault"), CASES)
def test_every_entry_refuses_or_gives_what_it_gives_of_the_same_numbers(entry: str, argument: str, fault: str) -> None:
    """Never another result: a wrong argument is refused before the library sees it, or is as good as the right one."""
    call, make = ENTRIES[entry]
    torch.manual_seed(1)
    given = make()
    changed = {name: tensor.clone() for name, tensor in given.items()}
    changed[argument] = FAULTS[fault](changed[argument])
    try:
        found = bare(call(changed))
    except REFUSALS:
        return
    if changed[argument].is_meta or changed[argument].dtype != given[argument].dtype:
        # By torch's own kernels, or in another dtype throughout.
        assert entry in ("pack", "rows added up", "pooling", "pooling backward"), (entry, argument, fault)
        return
    if changed[argument].shape != given[argument].shape:
        assert (entry, argument) in FREE, (entry, argument, fault)
        return
    for one, other in zip(found, bare(call(given)), strict=True):
        torch.testing.assert_close(one, other)


OUT_OF_RANGE: dict[str, Callable[[], object]] = {
    "outer products": lambda: native.sum_outer(torch.ones(2, 3), torch.ones(2, 3), numbers(0, 2)),
    "rows added up": lambda: native.sum_rows(torch.ones(2, 3), numbers(0, 5), 5),
    "rows added up, below": lambda: native.sum_rows(torch.ones(2, 3), numbers(-1, 0), 5),
    "recurrence": lambda: native.recur(torch.ones(7, 24), ROWS + 1, LAYOUT, [torch.ones(24, HIDDEN)]),
    "recurrence, below": lambda: native.recur(torch.ones(7, 24), ROWS - 1, LAYOUT, [torch.ones(24, HIDDEN)]),
    "stream": lambda: of_stream({**ENTRIES["stream"][1](), "rows": ROWS + 1}),
    "one step of a stream": lambda: stack(weights()).single(
        np.zeros((2, 24), np.float32), *([np.zeros((1, HIDDEN), np.float32)] * 2 for _ in range(2))
    )(2),
}


@pytest.mark.parametrize("what", sorted(OUT_OF_RANGE))
def test_row_numbers_out_of_range(what: str) -> None:
    with pytest.raises(IndexError):
        OUT_OF_RANGE[what]()


def test_a_sum_that_no_row_goes_to_is_zero() -> None:
    out = native.sum_rows(torch.ones(3, 2), numbers(0, 3, 3), 5)
    assert out.tolist() == [[1, 1], [0, 0], [0, 0], [2, 2], [0, 0]]


def test_an_empty_product_is_the_bias() -> None:
    nothing = native.packed(torch.ones(3, 0), True)
    assert native.multiply(torch.ones(2, 0), nothing, torch.ones(2, 3), torch.ones(3)).tolist() == [[1] * 3] * 2
    assert native.multiply(torch.ones(2, 0), nothing, torch.ones(2, 3)).tolist() == [[0] * 3] * 2


# Modules whose weights or sizes were changed: by every engine, of one step and of several, with a gradient and without.


def twice(module: nn.Module, name: str) -> None:
    getattr(module, name).data = torch.cat([getattr(module, name).data] * 2)


def doubled_columns(module: nn.Module, name: str) -> None:
    getattr(module, name).data = torch.cat([getattr(module, name).data] * 2, -1)


def exchanged(shape: tuple[int, ...]) -> Callable[[nn.Module, str], None]:
    return lambda module, name: setattr(module, name, nn.Parameter(torch.randn(shape)))


CHANGES: dict[str, Callable[[nn.Module, str], None]] = {
    "twice as long": twice,
    "twice as wide": doubled_columns,
    "half": lambda module, name: setattr(module, name, nn.Parameter(getattr(module, name).detach()[: 2 * HIDDEN])),
    "a number": exchanged((1,)),
    "large": exchanged((4 * 512, 512)),
    "narrow": exchanged((4 * HIDDEN, 2)),
    "float64": lambda module, name: setattr(module, name, nn.Parameter(getattr(module, name).detach().double())),
}
PARAMETERS = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
X = torch.randn(N_ROWS, FEATURES)


def called(module: nn.Module, n_steps: int) -> None:
    if isinstance(module, Recurrence):
        module(X, LAYOUT)
    elif isinstance(module, TokenLSTM):
        module(
            PackedSequence(
                torch.zeros(12, dtype=torch.int64), LAYOUT.batch_sizes if n_steps > 1 else torch.tensor([12])
            )
        )
    elif n_steps == 0:
        module(PackedSequence(X, LAYOUT.batch_sizes))
    else:
        module(X[None] if n_steps == 1 else X[:, None])


def made(kind: str, engine: str) -> nn.Module:
    if kind == "TokenLSTM":
        return TokenLSTM(9, FEATURES, HIDDEN, engine=engine)
    return (
        LSTM(FEATURES, HIDDEN, engine=engine) if kind == "LSTM" else Recurrence("lstm", FEATURES, HIDDEN, engine=engine)
    )


@pytest.mark.parametrize("with_gradient", [True, False])
@pytest.mark.parametrize("engine", ["native", "torch", "reference"])
@pytest.mark.parametrize("kind", ["LSTM", "TokenLSTM", "Recurrence"])
def test_modules_whose_weights_are_of_another_size(kind: str, engine: str, with_gradient: bool) -> None:
    n_tried = 0
    for n_steps in (0, 1, 5):
        for change in CHANGES.values():
            for name in PARAMETERS:
                module = made(kind, engine)
                with torch.set_grad_enabled(with_gradient):
                    called(module, n_steps)
                    change(module, name)
                    with pytest.raises(REFUSALS):
                        called(module, n_steps)
                n_tried += 1
    assert n_tried == 3 * 7 * 4


SIZES = {"input_size": 4, "hidden_size": 3, "num_layers": 2, "bidirectional": True, "bias": False, "proj_size": 2}


@pytest.mark.parametrize("name", sorted(SIZES))
@pytest.mark.parametrize("engine", ["native", "torch", "reference", "auto"])
def test_modules_whose_attributes_were_changed(engine: str, name: str) -> None:
    for n_steps in (0, 1, 5):
        for with_gradient in (True, False):
            module = LSTM(FEATURES, HIDDEN, engine=engine)
            with torch.set_grad_enabled(with_gradient):
                called(module, n_steps)
                setattr(module, name, SIZES[name])
                with pytest.raises(REFUSALS, match="make a new LSTM"):
                    called(module, n_steps)


@pytest.mark.parametrize("engine", ["native", "torch", "reference"])
@pytest.mark.parametrize("shape", [(12, 4), (12, 6), (11, 5), (12, 50)])
def test_rows_of_another_width(engine: str, shape: tuple[int, int]) -> None:
    with pytest.raises(RuntimeError):
        Recurrence("lstm", FEATURES, HIDDEN, engine=engine)(torch.ones(shape), LAYOUT)
