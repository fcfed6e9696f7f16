"""What streams of a forecaster remember: the last steps, as many as its next window can depend on."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from lstmkit.data.series import filled
from lstmkit.stream.reading import Chosen


@dataclass(frozen=True)
class Recent:
    """The last steps of n series; see `Carried`. It does not grow with time.

    Attributes:
        steps: float64 `(n, context + 1, columns)`, the last one at the end, NaN where a value is missing. One more than
            a window has: the first of a full row holds what stood last in each column, up to there, for the values
            missing after it.
        n_kept: int64 `(n,)`, how many of `steps` are a series'. They begin with the first value to forecast, before
            which nothing is read.
        n_steps: int64 `(n,)`, steps read.
    """

    steps: Float[np.ndarray, "streams kept columns"]
    n_kept: Int[np.ndarray, " streams"]
    n_steps: Int[np.ndarray, " streams"]

    @classmethod
    def blank(cls, n: int, context: int, n_columns: int) -> "Recent":
        """The memory of n streams that have read nothing."""
        return cls(np.full((n, context + 1, n_columns), np.nan), np.zeros(n, np.int64), np.zeros(n, np.int64))

    def forget(self, chosen: slice) -> None:
        """See `Carried`."""
        self.steps[chosen] = np.nan
        self.n_kept[chosen] = self.n_steps[chosen] = 0

    def rows(self, chosen: Chosen) -> "Recent":
        """See `Carried`."""
        return Recent(self.steps[chosen], self.n_kept[chosen], self.n_steps[chosen])

    def put(self, chosen: Chosen, other: "Recent") -> None:
        """See `Carried`."""
        for mine, theirs in zip(self.arrays().values(), other.arrays().values(), strict=True):
            mine[chosen] = theirs

    def arrays(self) -> dict[str, np.ndarray]:
        """See `Carried`."""
        return {"steps": self.steps, "n_kept": self.n_kept, "n_steps": self.n_steps}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """See `Carried`."""
        own = self.arrays()
        kinds = {name: (array.dtype, array.shape) for name, array in own.items()}
        if {name: (array.dtype, array.shape) for name, array in arrays.items()} != kinds:
            raise ValueError("no steps and counts")
        n_kept, n_steps = int(arrays["n_kept"][0]), int(arrays["n_steps"][0])
        if not 0 <= n_kept <= min(n_steps, self.steps.shape[1]):
            raise ValueError("counts that do not fit each other")
        for name, array in own.items():
            array[:] = arrays[name]

    def window(self, stream: int) -> Float[np.ndarray, "steps columns"]:
        """What a stream's next forecast reads, oldest first."""
        return self.steps[stream, self.steps.shape[1] - self.n_kept[stream] :]

    def read(self, stream: int, chunk: Float[np.ndarray, "time columns"]) -> None:
        """Take the next steps of a stream."""
        self.n_steps[stream] += len(chunk)
        if not self.n_kept[stream]:
            there = np.flatnonzero(~np.isnan(chunk[:, 0]))
            chunk = chunk[there[0] if len(there) else len(chunk) :]
        steps, room = np.concatenate([self.window(stream), chunk]), self.steps.shape[1]
        if (n_older := len(steps) - room) > 0:
            stood_last = filled(steps[: n_older + 1], np.nan)[-1]
            steps = steps[n_older:]
            steps[0] = stood_last
        self.n_kept[stream] = len(steps)
        self.steps[stream, room - len(steps) :] = steps
