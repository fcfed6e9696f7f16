"""Single steps by the library that stands in the package, run by test_sanitizers.py with the address sanitizer in it.

    python altered_weights.py

First sizes that no vector divides, so that a read past an array would be seen; then weights and sizes that were changed
between two steps. Prints a line `NAME ok` for each.
"""

from collections.abc import Callable

import torch
from torch import nn

from lstmkit.nn import LSTM, Recurrence
from lstmkit.ragged import Layout

torch.manual_seed(0)


def parameter(*shape: int) -> nn.Parameter:
    return nn.Parameter(torch.randn(*shape))


def overflow(module: LSTM) -> None:
    module.weight_hh_l0 = parameter(64, 32)


def grown(module: LSTM) -> None:
    module.weight_ih_l0, module.weight_hh_l0 = parameter(4 * 512, 8), parameter(4 * 512, 512)
    module.bias_ih_l0, module.bias_hh_l0 = parameter(4 * 512), parameter(4 * 512)


def hidden_size(module: LSTM) -> None:
    module.hidden_size = 8


def short(module: LSTM) -> None:
    module.weight_hh_l0 = parameter(64, 4)


def dtype(module: LSTM) -> None:
    module.weight_hh_l0 = nn.Parameter(module.weight_hh_l0.detach().double())


def bias(module: LSTM) -> None:
    module.bias_ih_l0 = module.bias_hh_l0 = parameter(1)


def cut_in_place(module: LSTM) -> None:
    module.weight_ih_l0.data = module.weight_ih_l0.data[:32].clone()


def turned(module: LSTM) -> None:
    module.weight_hh_l0.data = torch.randn(16, 64).T  # as many numbers, read as they lie


CHANGES: list[Callable[[LSTM], None]] = [overflow, grown, hidden_size, short, dtype, bias, cut_in_place, turned]


def sizes() -> None:
    for kind in (torch.float32, torch.float64):
        for features, hidden, batch in ((1, 1, 1), (3, 5, 2), (7, 9, 3), (17, 33, 4), (40, 23, 9)):
            for options in ({}, {"bias": False}, {"num_layers": 2, "bidirectional": True}):
                module, state = LSTM(features, hidden, dtype=kind, **options), None
                for _ in range(3):
                    output, state = module(torch.randn(1, batch, features, dtype=kind), state)
                assert module.last_engine == "native"
                assert torch.isfinite(output).all()
    print("sizes ok", flush=True)


def changed(change: Callable[[LSTM], None], n_steps: int) -> None:
    module = LSTM(8, 16)
    x = torch.randn(n_steps, 4, 8)
    wanted = module(x)[0].shape
    change(module)
    try:
        found = module(x)[0].shape
    except RuntimeError:
        assert change is not turned
    else:
        assert change is turned
        assert found == wanted


with torch.no_grad():
    sizes()
    for one in CHANGES:
        for steps in (1, 5):
            changed(one, steps)
        print(f"{one.__name__} ok", flush=True)
    layout = Layout(torch.tensor([5, 3, 1]))
    Recurrence("lstm", 7, 13, bidirectional=True)(torch.randn(9, 7), layout)
    print("recurrence ok", flush=True)
