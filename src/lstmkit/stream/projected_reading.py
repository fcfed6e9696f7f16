"""What the readings of rows of features share: a row is projected to what the lowest layer's gates receive."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from lstmkit.stream.stack import Arrived, RowsProduct

Rows = Float[np.ndarray, "steps features"]


class ProjectedReading:
    """The third way of a push, of rows of features; see `lstmkit.stream.reading.Reading`.

    Args:
        product: by `(features, gates * hidden)`, the projection and the lowest layer's input weights in one, with the
            biases of both.
    """

    def __init__(self, product: RowsProduct) -> None:
        self._product = product

    def arrive(self, inputs: Sequence[Rows] | np.ndarray, starts: Int[np.ndarray, " steps_plus_1"]) -> Arrived:
        """See `Reading`."""
        rows = inputs.reshape(-1, inputs.shape[2]) if isinstance(inputs, np.ndarray) else np.concatenate(inputs)
        if len(inputs) > 1 and len(starts) > 2:
            begins = np.cumsum([0, *(len(chunk) for chunk in inputs[:-1])])
            rows = rows[np.concatenate([begins[:size] + t for t, size in enumerate(np.diff(starts).tolist())])]
        return Arrived(self._product(rows), None, starts)
