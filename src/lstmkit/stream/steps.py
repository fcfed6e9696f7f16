"""Steps of numbers as they are pushed: a number, a list of channels, or a chunk of steps."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from lstmkit.core.errors import DataError
from lstmkit.data.numeric import numbers_of, unmasked
from lstmkit.data.sources.channels import few

_WHAT = "the step"


class NumberSteps:
    """Takes what is pushed as steps of a model's channels, or says why it is none.

    Args:
        names: of the channels.
        called: what they are called, for errors: channel or column.
        dtype: of the numbers.
        channels_first: whether a chunk of steps comes as `(channels, time)`.
    """

    def __init__(
        self, names: Sequence[str], called: str, dtype: type[np.floating], *, channels_first: bool = False
    ) -> None:
        self._names = list(names)
        self._called = called
        self._dtype = dtype
        self._channels_first = channels_first

    def check(self, step: Any) -> Float[np.ndarray, "time channels"]:
        """A step or a chunk of steps as `(time, channels)`.

        Args:
            step: `(channels,)`, or a chunk `(time, channels)`, with channels first `(channels, time)`; of one channel a
                number, or `(time,)`. NaN, a mask, or None where it is no array, where a value is missing.

        Raises:
            DataError: it is none of these, or holds an infinite value.
        """
        if step is None and len(self._names) > 1:
            raise DataError(f"None came, which is no step; push {self._wanted()}")
        return self._chunk(numbers_of(step, _WHAT, self._dtype))

    def check_all(self, steps: Sequence[Any] | np.ndarray) -> Sequence[np.ndarray] | np.ndarray:
        """As `check`, of one push for each of several streams; as many steps for each are one array.

        Raises:
            DataError: as `check`.
        """
        try:
            found = np.asarray(unmasked(steps))
        except (TypeError, ValueError):  # chunks of several lengths, or no numbers: one by one
            return [self.check(step) for step in steps]
        if found.dtype.kind not in "fiu":
            return [self.check(step) for step in steps]
        numbers = numbers_of(found, _WHAT, self._dtype)
        first = self._chunk(numbers[0])
        if numbers.ndim == 3 and self._channels_first:
            numbers = np.ascontiguousarray(numbers.swapaxes(1, 2))
        return numbers.reshape(len(numbers), *first.shape)

    def _chunk(self, numbers: Float[np.ndarray, "..."]) -> Float[np.ndarray, "time channels"]:
        n = len(self._names)
        if numbers.ndim == 2 and self._channels_first:
            numbers = np.ascontiguousarray(numbers.T)
        if numbers.ndim == 2 and numbers.shape[1] == n:
            return numbers
        if numbers.ndim == 1 and n == 1:
            return numbers[:, None]
        if numbers.ndim == 1 and len(numbers) == n:
            return numbers[None]
        if numbers.ndim == 0 and n == 1:
            return numbers[None, None]
        if not numbers.size and numbers.ndim < 3:
            return np.zeros((0, n), dtype=self._dtype)
        came = numbers.T if numbers.ndim == 2 and self._channels_first else numbers
        raise DataError(f"{_came(came)} came, and this model reads {self._named()}; push {self._wanted()}")

    def _named(self) -> str:
        n = len(self._names)
        return f"{n} {self._called}{'s' if n > 1 else ''} ({few(self._names)})"

    def _wanted(self) -> str:
        n = len(self._names)
        return "a number or a list of numbers" if n == 1 else f"a step of {n} numbers, or a chunk {self._chunks()}"

    def _chunks(self) -> str:
        n = len(self._names)
        return f"({n}, time)" if self._channels_first else f"(time, {n})"


def _came(numbers: np.ndarray) -> str:
    if numbers.ndim == 0:
        return "a single number"
    if numbers.ndim == 1:
        return f"a list of {len(numbers)} numbers"
    return f"an array of shape {numbers.shape}"
