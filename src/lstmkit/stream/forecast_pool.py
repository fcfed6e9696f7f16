"""Many series of a forecaster that are still arriving, forecast in one call."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from lstmkit.models.quantiles import QUANTILES
from lstmkit.stream.forecast import StreamingForecaster
from lstmkit.stream.joining import Pool
from lstmkit.stream.reading import Step
from lstmkit.stream.recent import Recent


class ForecastPool(Pool[Recent]):
    """Series of one forecaster, which join and leave at any time; a push forecasts any of them at once.

    Each is forecast as it would be alone. A pool serves one thread at a time.

    Args:
        model: see `lstmkit.load(RUN).stream_pool()`.
    """

    def __init__(self, model: StreamingForecaster) -> None:
        self._model = model
        super().__init__(model)

    @property
    def columns(self) -> list[str]:
        """Names of the columns of a step, the one to forecast first."""
        return list(self._model.columns)

    @property
    def horizon(self) -> int:
        """Steps of a forecast."""
        return self._model.horizon

    def push(
        self, streams: Mapping[int, Step] | Sequence[int] | np.ndarray, steps: Sequence[Step] | np.ndarray | None = None
    ) -> Float[np.ndarray, "streams horizon quantiles"]:
        """Read what has arrived for some streams.

        Args:
            streams: what each has got, by its number; or the numbers alone.
            steps: where numbers came, what each has got, in their order. A step is what `ForecastStream.push` takes.

        Returns:
            The 10, 50 and 90% quantiles of the steps that follow, float64 `(streams, horizon, 3)`, in the order given;
            NaN for a stream that has too few steps.

        Raises:
            DataError: a step is none; all streams are as they were.
            RequestError: a stream is not here or stands twice; all streams are as they were.
        """
        numbers, steps, places = self._pushed(streams, steps)
        if not numbers:
            return np.zeros((0, self.horizon, len(QUANTILES)))
        for place, chunk in zip(places.tolist(), self._model.steps.check_all(steps), strict=True):
            self._memory.read(place, chunk)
        return self._model.forecasts(self._memory.rows(places))

    def finish(self, stream: int) -> Float[np.ndarray, "horizon quantiles"]:
        """A stream's series ends here; see `ForecastStream.finish`.

        Raises:
            RequestError: it is not here.
        """
        place = self._place(stream)
        return self._model.forecasts(self._memory.rows(slice(place, place + 1)))[0]
