"""All that streams remember of what they have read: states, and what pooling needs. It does not grow with time."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Int

from lstmkit.models.pooling import Pooling
from lstmkit.stream.reading import Carried, Chosen
from lstmkit.stream.stack import Arrays, Arrived, Cell

_CARRIED = "carried."  # before the names of what the reading remembers


@dataclass(frozen=True)
class Memory:
    """What n streams remember; a row of each array belongs to one.

    Attributes:
        hidden: `(n, hidden)` for each layer.
        cells: the same for an LSTM's cell states; of other cells there are none.
        largest: `(n, hidden)`, the largest value of each unit of the top layer so far; where pooling needs it.
        total: `(n, hidden)`, the sum of its values so far, in float64, since it may run for weeks; where pooling needs
            it.
        n_steps: int64 `(n,)`, steps read.
        carried: what their reading remembers of them.
    """

    hidden: Arrays
    cells: Arrays
    largest: Float[np.ndarray, "streams hidden"] | None
    total: Float[np.ndarray, "streams hidden"] | None
    n_steps: Int[np.ndarray, " streams"]
    carried: Carried

    @classmethod
    def blank(
        cls, n: int, hidden_size: int, n_layers: int, cell: Cell, pooling: Pooling, dtype: np.dtype, carried: Carried
    ) -> "Memory":
        """The memory of n streams that have read nothing."""
        shape, kinds = (n, hidden_size), pooling.split("_")
        made = cls(
            [np.empty(shape, dtype) for _ in range(n_layers)],
            [np.empty(shape, dtype) for _ in range(n_layers if cell == "lstm" else 0)],
            np.empty(shape, dtype) if "max" in kinds else None,
            np.empty(shape, np.float64) if "mean" in kinds else None,
            np.empty(n, np.int64),
            carried,
        )
        made.forget(slice(None))
        return made

    def arrays(self) -> dict[str, np.ndarray]:
        """See `Carried`: what the reading remembers is among them."""
        return self._own() | {_CARRIED + name: array for name, array in self.carried.arrays().items()}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """See `Carried`.

        Raises:
            KeyError, ValueError: they are no such memory's.
        """
        own = self._own()
        if any((arrays[name].dtype, arrays[name].shape) != (array.dtype, array.shape) for name, array in own.items()):
            raise ValueError("an array of the memory is of another type or shape")
        self.carried.restore({name.removeprefix(_CARRIED): array for name, array in arrays.items() if name not in own})
        for name, array in own.items():
            array[:] = arrays[name]

    def forget(self, chosen: slice) -> None:
        """Let streams begin anew."""
        for name, array in self._own().items():
            array[chosen] = -np.inf if name == "largest" else 0
        self.carried.forget(chosen)

    def rows(self, chosen: Chosen) -> "Memory":
        """The memory of some streams: the arrays' own rows for a slice, copies otherwise."""
        return Memory(
            [array[chosen] for array in self.hidden],
            [array[chosen] for array in self.cells],
            None if self.largest is None else self.largest[chosen],
            None if self.total is None else self.total[chosen],
            self.n_steps[chosen],
            self.carried.rows(chosen),
        )

    def put(self, chosen: Chosen, other: "Memory") -> None:
        """Write the memory of some streams."""
        for mine, theirs in zip(self._own().values(), other._own().values(), strict=True):
            mine[chosen] = theirs
        self.carried.put(chosen, other.carried)

    def observe(self, states: Float[np.ndarray, "rows hidden"], arrived: Arrived) -> None:
        """Take the top layer's new states into account; row k belongs to stream k of `arrived`."""
        starts = arrived.starts.tolist()
        if len(starts) == 2 or starts[1] == 1:  # one step each, or one stream: nothing is ragged
            n = starts[1]
            if self.largest is not None:
                new = states if len(starts) == 2 else states.max(0, keepdims=True)
                np.maximum(self.largest[:n], new, out=self.largest[:n])
            if self.total is not None:
                if len(starts) == 2:
                    self.total[:n] += states
                else:  # one after the other, so that chunks of any length give the same bits
                    self.total[:n] = np.cumsum(np.concatenate([self.total[:n], states]), 0)[-1]
            self.n_steps[:n] += len(starts) - 1
            return
        for start, end in pairwise(starts):
            n = end - start
            if self.largest is not None:
                np.maximum(self.largest[:n], states[start:end], out=self.largest[:n])
            if self.total is not None:
                self.total[:n] += states[start:end]
            self.n_steps[:n] += 1

    def pooled(self) -> Float[np.ndarray, "streams pooled"]:
        """What the head reads of each stream."""
        if self.largest is None and self.total is None:
            return self.hidden[-1]
        parts = [] if self.largest is None else [self.largest]
        if self.total is not None:
            parts.append((self.total / self.n_steps[:, None]).astype(self.hidden[0].dtype))
        return parts[0] if len(parts) == 1 else np.concatenate(parts, 1)

    def _own(self) -> dict[str, np.ndarray]:
        """Every array by name, but for what is carried."""
        named = {f"hidden.{k}": array for k, array in enumerate(self.hidden)}
        named |= {f"cell.{k}": array for k, array in enumerate(self.cells)}
        named |= {"largest": self.largest} if self.largest is not None else {}
        named |= {"total": self.total} if self.total is not None else {}
        return named | {"n_steps": self.n_steps}
