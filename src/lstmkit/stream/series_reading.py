"""Streams of numeric series: what is pushed is scaled and filled as the encoder does it, and projected to the gates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from lstmkit.data.series import SeriesEncoder
from lstmkit.data.sources.corpus import Series
from lstmkit.stream.native import NativeProduct, SingleProduct
from lstmkit.stream.projected_reading import ProjectedReading, Rows
from lstmkit.stream.reading import Chosen, Room
from lstmkit.stream.stack import RowsProduct
from lstmkit.stream.steps import NumberSteps


class LastValues:
    """The values that stand in for the next ones that are missing; see `Carried`.

    Args:
        last: float32 `(n, channels)`, z-scores, 0 where a channel had no value yet.
    """

    def __init__(self, last: Float[np.ndarray, "streams channels"]) -> None:
        self.last = last

    def forget(self, chosen: slice) -> None:
        """See `Carried`."""
        self.last[chosen] = 0

    def rows(self, chosen: Chosen) -> "LastValues":
        """See `Carried`."""
        return LastValues(self.last[chosen])

    def put(self, chosen: Chosen, other: "LastValues") -> None:
        """See `Carried`."""
        self.last[chosen] = other.last

    def arrays(self) -> dict[str, np.ndarray]:
        """See `Carried`."""
        return {"last": self.last}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """See `Carried`."""
        if list(arrays) != ["last"] or arrays["last"].shape != self.last.shape or arrays["last"].dtype != np.float32:
            raise ValueError("no last values")
        self.last[:] = arrays["last"]


class SeriesReading(ProjectedReading):
    """Reads steps of a series; see `Reading`.

    Args:
        encoder: the model's.
        product: see `ProjectedReading`.
        channels_first: whether a chunk is pushed as `(channels, time)`.
    """

    holds = "a step"
    waits = False

    def __init__(self, encoder: SeriesEncoder, product: RowsProduct, *, channels_first: bool = False) -> None:
        self._encoder = encoder
        self._steps = NumberSteps(encoder.channels, "channel", np.float32, channels_first=channels_first)
        super().__init__(product)
        self.identity = [encoder.describe()]

    def blank(self, n: int) -> LastValues:
        """See `Reading`."""
        return LastValues(np.zeros((n, len(self._encoder.channels)), dtype=np.float32))

    def check(self, step: Any) -> Series:
        """See `Reading`: a step or a chunk of steps as float32 `(time, channels)`; see `NumberSteps`."""
        return self._steps.check(step)

    def check_all(self, steps: Sequence[Any] | np.ndarray) -> Sequence[Series] | np.ndarray:
        """See `Reading`; as many steps for each stream are one array `(streams, steps, channels)`."""
        return self._steps.check_all(steps)

    def advance(self, checked: Sequence[Series] | np.ndarray, carried: LastValues) -> Sequence[Rows] | np.ndarray:
        """See `Reading`."""
        if isinstance(checked, np.ndarray) and checked.shape[1] == 1:
            return self._encoder.rows_of_step(checked[:, 0], carried.last)[:, None]
        # A row of `last` is changed in the array itself.
        return [self._encoder.rows_after(chunk, last) for chunk, last in zip(checked, carried.last, strict=True)]

    def finish(self, carried: LastValues) -> Rows:
        """See `Reading`: each step was read as it came."""
        del carried
        return np.zeros((0, len(self._product.weight)), dtype=np.float32)

    def room(self) -> "_StepRoom":
        """See `Reading`."""
        product = self._product
        if not isinstance(product, NativeProduct):
            raise TypeError("a single step is taken by the native engine alone")
        features, gates = (np.empty((1, n), dtype=product.bias.dtype) for n in product.weight.shape)
        return _StepRoom(gates, features, SingleProduct(features, product.packed, product.bias, gates))

    def place(self, checked: Series, carried: LastValues, room: "_StepRoom") -> int:
        """See `Reading`."""
        room.features[:] = self._encoder.rows_of_step(checked, carried.last)
        room.project()
        return 0


@dataclass
class _StepRoom(Room):
    """Attributes: `features`, a step's row, always the same array; `project` makes the table's only row of it."""

    features: Float[np.ndarray, "1 features"]
    project: SingleProduct
