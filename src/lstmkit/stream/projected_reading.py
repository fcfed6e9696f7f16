"""What the readings of rows of features share: a row is projected to what the lowest layer's gates receive."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int

from lstmkit.stream.stack import Arrived

Rows = Float[np.ndarray, "steps features"]


class ProjectedReading:
    """The third way of a push, of rows of features; see `lstmkit.stream.reading.Reading`.

    Args:
        weight: `(features, gates * hidden)`: the projection and the lowest layer's input weights in one.
        bias: `(gates * hidden,)`, the biases of both.
    """

    def __init__(self, weight: Float[np.ndarray, "features gates"], bias: Float[np.ndarray, " gates"]) -> None:
        self._weight, self._bias = torch.from_numpy(np.ascontiguousarray(weight)), torch.from_numpy(bias)

    def arrive(self, inputs: Sequence[Rows] | np.ndarray, starts: Int[np.ndarray, " steps_plus_1"]) -> Arrived:
        """See `Reading`."""
        rows = inputs.reshape(-1, inputs.shape[2]) if isinstance(inputs, np.ndarray) else np.concatenate(inputs)
        if len(inputs) > 1 and len(starts) > 2:
            begins = np.cumsum([0, *(len(chunk) for chunk in inputs[:-1])])
            rows = rows[np.concatenate([begins[:size] + t for t, size in enumerate(np.diff(starts).tolist())])]
        gates = torch.addmm(self._bias, torch.from_numpy(rows).to(self._bias.dtype), self._weight)
        return Arrived(gates.numpy(), None, starts)
