"""From the states of each sequence to one vector, over valid states alone."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

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
    pooled: list[Tensor] = []
    if pooling in ("max", "max_mean"):
        pooled.append(layout.to_padded(states, fill=float("-inf")).amax(0))
    if pooling in ("mean", "max_mean"):
        lengths = layout.lengths.to(states.device, states.dtype)
        pooled.append(layout.to_padded(states).sum(0) / lengths[:, None])
    return torch.cat(pooled, 1)
