"""The recurrences as their formulas, step by step over ragged rows: slow, short, and the oracle of every engine."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from lstmkit.ragged import Layout


def run(
    cell: Literal["lstm", "gru", "rnn"],
    rows: Float[Tensor, "rows input"],
    layout: Layout,
    weights: tuple[Tensor, Tensor, Tensor, Tensor],
) -> Float[Tensor, "rows hidden"]:
    """One layer in one direction, from a zero state.

    Args:
        cell: lstm (Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000), gru (Cho et al. 2014,
            as torch computes it: the reset gate acts behind the product) or rnn (Elman 1990, tanh).
        rows: inputs, time-major.
        layout: where each step of each sequence lies.
        weights: `weight_ih, weight_hh, bias_ih, bias_hh`, gates in torch's order (i f g o; r z n).

    Returns:
        The hidden state after each step, in the rows' order.
    """
    weight_ih, weight_hh, bias_ih, bias_hh = weights
    inputs = rows @ weight_ih.T + bias_ih
    hidden = rows.new_zeros(layout.n_sequences, weight_hh.shape[1])
    cell_state = hidden
    states: list[Tensor] = []
    for start, size in zip(layout.starts.tolist(), layout.batch_sizes.tolist(), strict=True):
        # Longest first: the sequences still running are the first `size`.
        hidden, cell_state, x = hidden[:size], cell_state[:size], inputs[start : start + size]
        h = hidden @ weight_hh.T + bias_hh
        if cell == "rnn":
            hidden = torch.tanh(x + h)
        elif cell == "gru":
            (x_r, x_z, x_n), (h_r, h_z, h_n) = x.chunk(3, 1), h.chunk(3, 1)
            update = torch.sigmoid(x_z + h_z)
            candidate = torch.tanh(x_n + torch.sigmoid(x_r + h_r) * h_n)
            hidden = (1 - update) * candidate + update * hidden
        else:
            i, f, g, o = (x + h).chunk(4, 1)
            cell_state = torch.sigmoid(f) * cell_state + torch.sigmoid(i) * torch.tanh(g)
            hidden = torch.sigmoid(o) * torch.tanh(cell_state)
        states.append(hidden)
    return torch.cat(states)
