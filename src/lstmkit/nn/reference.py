"""The recurrences as their formulas, step by step over ragged rows: slow, short, and the oracle of every engine."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from lstmkit.nn.layers import Results, State, Weights, check_shapes
from lstmkit.ragged import Layout

OtherCell = Literal["gru", "rnn"]


def recur(
    table: Tensor,
    rows: Tensor | None,
    layout: Layout,
    weights_hh: list[Tensor],
    state: State | None = None,
    *,
    wants_ends: bool = True,
) -> Results:
    """The LSTM's recurrence (Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000).

    Arguments and results: `lstmkit.nn.layers.Recurrences`. Gates are in torch's order (i f g o).
    """
    found = []
    for d, (weight_hh, part) in enumerate(zip(weights_hh, table.chunk(len(weights_hh), 1), strict=True)):
        zeros = table.new_zeros(layout.n_sequences, weight_hh.shape[1])
        h, c = (zeros, zeros) if state is None else (state[0][d], state[1][d])
        found.append(_one_direction(part, rows, layout, weight_hh, h, c, backward=d == 1))
    states, h_n, c_n = zip(*found, strict=True)
    return torch.cat(states, 1), torch.stack(h_n), torch.stack(c_n)


def _one_direction(
    table: Tensor, rows: Tensor | None, layout: Layout, weight_hh: Tensor, h: Tensor, c: Tensor, backward: bool
) -> tuple[Tensor, Tensor, Tensor]:
    states: list[Tensor] = []
    steps = list(zip(layout.starts.tolist(), layout.batch_sizes.tolist(), strict=True))
    for start, size in reversed(steps) if backward else steps:
        own = slice(start, start + size)
        # Longest first: the sequences that run at this step are the first `size`; the others keep the state they have.
        gates = table[own if rows is None else rows[own].long()] + h[:size] @ weight_hh.T
        i, f, g, o = gates.chunk(4, 1)
        c_now = torch.sigmoid(f) * c[:size] + torch.sigmoid(i) * torch.tanh(g)
        h_now = torch.sigmoid(o) * torch.tanh(c_now)
        states.append(h_now)
        h, c = torch.cat([h_now, h[size:]]), torch.cat([c_now, c[size:]])
    return torch.cat(states[::-1] if backward else states), h, c


def layer(
    inputs: Tensor,
    rows: Tensor | None,
    layout: Layout,
    weights: list[Weights],
    state: State | None = None,
    *,
    wants_ends: bool = True,
) -> Results:
    """One layer: project, then `recur`; arguments and results: `lstmkit.nn.layers.LayerRun`."""
    check_shapes(layout, rows, inputs, state, weights)
    table = torch.cat([inputs @ weight_ih.T + (bias_ih + bias_hh) for weight_ih, _, bias_ih, bias_hh in weights], 1)
    return recur(table, rows, layout, [group[1] for group in weights], state)


def other_cell(
    cell: OtherCell, inputs: Float[Tensor, "rows input"], layout: Layout, weights: Weights
) -> Float[Tensor, "rows hidden"]:
    """One layer of another cell, read forwards from a zero state.

    Args:
        cell: gru (Cho et al. 2014, as torch computes it: the reset gate acts behind the product) or rnn (Elman 1990,
        tanh).
        inputs: time-major.
        layout: where each step of each sequence lies.
        weights: gates in torch's order (r z n).

    Returns:
        The hidden state after each step, in the rows' order.
    """
    weight_ih, weight_hh, bias_ih, bias_hh = weights
    projected = inputs @ weight_ih.T + bias_ih
    hidden = inputs.new_zeros(layout.n_sequences, weight_hh.shape[1])
    states: list[Tensor] = []
    for start, size in zip(layout.starts.tolist(), layout.batch_sizes.tolist(), strict=True):
        hidden, x = hidden[:size], projected[start : start + size]
        h = hidden @ weight_hh.T + bias_hh
        if cell == "rnn":
            hidden = torch.tanh(x + h)
        else:
            (x_r, x_z, x_n), (h_r, h_z, h_n) = x.chunk(3, 1), h.chunk(3, 1)
            update = torch.sigmoid(x_z + h_z)
            candidate = torch.tanh(x_n + torch.sigmoid(x_r + h_r) * h_n)
            hidden = (1 - update) * candidate + update * hidden
        states.append(hidden)
    return torch.cat(states)
