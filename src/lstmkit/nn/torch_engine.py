"""torch's kernels: oneDNN on a CPU, cuDNN on a GPU."""

from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor

from lstmkit.nn.layers import Results, State, Weights, check_shapes
from lstmkit.nn.reference import OtherCell
from lstmkit.ragged import Layout


def layer(
    inputs: Tensor,
    rows: Tensor | None,
    layout: Layout,
    weights: list[Weights],
    state: State | None = None,
    *,
    wants_ends: bool = True,
) -> Results:
    """One layer of an LSTM; arguments and results: `lstmkit.nn.layers.LayerRun`."""
    check_shapes(layout, rows, inputs, state, weights)
    read = inputs if rows is None else inputs.index_select(0, rows)
    if state is None:
        zeros = inputs.new_zeros(len(weights), layout.n_sequences, weights[0][1].shape[1])
        state = (zeros, zeros)
    flat = [tensor for group in weights for tensor in group]
    if layout.is_rectangular:
        padded, h_n, c_n = torch.lstm(layout.to_padded(read), state, flat, *_options(len(weights) == 2), False)
        return layout.from_padded(padded), h_n, c_n
    if wants_ends or inputs.device.type != "cpu":
        # A rectangle knows the state at its own end alone; packed kernels end with each sequence.
        return torch.lstm(read, layout.batch_sizes, state, flat, *_options(len(weights) == 2))
    # On a CPU packed kernels are 12 to 20 times slower than padded ones where lengths differ (pytorch#149194).
    # Padding stands behind each sequence and is dropped, so no valid state ever sees it.
    found = []
    for d, group in enumerate(weights):
        # Each sequence is reversed within its own length, so the backward direction starts at its last valid step.
        turned = layout.reversed_rows(read) if d == 1 else read
        start = (state[0][d : d + 1].contiguous(), state[1][d : d + 1].contiguous())
        states = layout.from_padded(
            torch.lstm(layout.to_padded(turned), start, list(group), *_options(False), False)[0]
        )
        found.append(layout.reversed_rows(states) if d == 1 else states)
    return torch.cat(found, 1) if len(found) > 1 else found[0], None, None


@cache
def lacks(dtype: torch.dtype, under_autocast: bool) -> str:
    """What torch says when it cannot run an LSTM in a dtype on this processor; empty where it can. It is tried once.

    Args:
        dtype: of the arithmetic, such as bfloat16, for which oneDNN has no LSTM on processors without AVX-512.
        under_autocast: whether the weights stay float32 and autocast asks for the dtype.
    """
    kind = torch.float32 if under_autocast else dtype
    try:
        with torch.no_grad(), torch.autocast("cpu", dtype, enabled=under_autocast):
            read, state = torch.zeros(1, 1, 1, dtype=kind), torch.zeros(1, 1, 1, dtype=kind)
            weights = [torch.zeros(4, 1, dtype=kind)] * 2 + [torch.zeros(4, dtype=kind)] * 2
            torch.lstm(read, (state, state), weights, *_options(False), False)
    except RuntimeError as error:
        return str(error).splitlines()[0].split(". ")[0]
    return ""


def _options(bidirectional: bool) -> tuple[bool, int, float, bool, bool]:
    # has_biases, num_layers, dropout, train, bidirectional
    return True, 1, 0.0, torch.is_grad_enabled(), bidirectional


def other_cell(
    cell: OtherCell, inputs: Float[Tensor, "rows input"], layout: Layout, weights: Weights
) -> Float[Tensor, "rows hidden"]:
    """One layer of another cell; arguments and result as `lstmkit.nn.reference.other_cell`."""
    padded = layout.to_padded(inputs)
    start = inputs.new_zeros(1, layout.n_sequences, weights[1].shape[1])
    run = torch.gru if cell == "gru" else torch.rnn_tanh
    return layout.from_padded(run(padded, start, list(weights), *_options(False), False)[0])
