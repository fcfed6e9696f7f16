"""From the states of each sequence to one vector, over valid states alone."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from lstmkit.nn import max_and_mean
from lstmkit.ragged import Layout

Pooling = Literal["last", "mean", "max", "max_mean"]


def pool(
    states: Float[Tensor, "rows states"], layout: Layout, pooling: Pooling, bidirectional: bool
) -> Float[Tensor, "batch pooled"]:
    """Pool the states of each sequence, longest sequence first.

    Args:
        states: one row a step, time-major; with two directions, forward features first, then backward ones.
        layout: where each step of each sequence lies.
        pooling: last takes the state that each direction ends in (the backward one ends at the first step).
        bidirectional: whether half of the features come from the backward direction.

    Returns:
        `(batch, states)`, or twice as wide for max_mean.
    """
    if pooling == "last":
        last = states.index_select(0, layout.last_rows.to(states.device))
        if not bidirectional:
            return last
        half = states.shape[1] // 2
        return torch.cat([last[:, :half], states[: layout.n_sequences, half:]], 1)
    largest, mean = max_and_mean(states, layout)
    if pooling == "max_mean":
        return torch.cat([largest, mean], 1)
    return largest if pooling == "max" else mean


def running_pool(
    states: Float[Tensor, "rows states"], layout: Layout, pooling: Pooling
) -> Float[Tensor, "rows pooled"]:
    """Pool the beginnings of each sequence, of a network that reads forwards: row r up to its own step.

    Args:
        states: as for `pool`.
        layout: where each step of each sequence lies.
        pooling: as for `pool`.

    Returns:
        A row for each row: what `pool` gives where the sequence ends there.
    """
    parts = []
    for kind in pooling.split("_"):
        if kind == "last":
            parts.append(states)
        elif kind == "max":
            parts.append(layout.from_padded(layout.to_padded(states, float("-inf")).cummax(0).values))
        else:
            sums = layout.from_padded(layout.to_padded(states.double()).cumsum(0))
            n_steps = layout.step_of_row.to(states.device)[:, None] + 1
            parts.append((sums / n_steps).to(states.dtype))
    return parts[0] if len(parts) == 1 else torch.cat(parts, 1)
