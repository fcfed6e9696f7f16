"""A forecaster's series that is still arriving: after each push the window is read again, since it scales itself."""

from functools import cached_property

import numpy as np
from jaxtyping import Float

from lstmkit.artifact import ForecastArtifact
from lstmkit.core.errors import RequestError
from lstmkit.core.files import digest_of
from lstmkit.models.quantiles import QUANTILES
from lstmkit.models.scoring import quantile_forecasts
from lstmkit.stream.model import digest_of_weights
from lstmkit.stream.reading import Step
from lstmkit.stream.recent import Recent
from lstmkit.stream.state import from_bytes, to_bytes
from lstmkit.stream.steps import NumberSteps


class StreamingForecaster:
    """What all streams of a trained forecaster share. Nothing in it changes.

    Args:
        artifact: the forecaster, of one direction or two.
        columns_first: whether a chunk is pushed as `(columns, time)`.

    Attributes:
        columns: names of the columns of a series, the one to forecast first.
        horizon: steps of a forecast.
        steps: from what is pushed to float64 `(time, columns)`.

    Raises:
        RequestError: it reads covariates ahead of time.
    """

    def __init__(self, artifact: ForecastArtifact, *, columns_first: bool = False) -> None:
        self._artifact, self._encoder = artifact, artifact.encoder
        self.columns, self.horizon = list(self._encoder.columns), self._encoder.horizon
        if self._encoder.known_ahead:
            ahead = ", ".join(self.columns[k] for k in self._encoder.known_ahead)
            raise RequestError(
                f"the model reads {ahead} {self.horizon} steps ahead (task.known_ahead), which have not come while a "
                "series is still arriving; forecast with predict, or train without task.known_ahead"
            )
        self.steps = NumberSteps(self.columns, "column", np.float64, channels_first=columns_first)

    @cached_property
    def digest(self) -> str:
        """Tells this model from any other: a SHA-256 over weights, architecture and encoder."""
        return digest_of(
            [digest_of_weights(self._artifact.network), self._artifact.architecture, self._encoder.describe()]
        )

    def blank(self, n: int) -> Recent:
        """The memory of n streams that have read nothing."""
        return Recent.blank(n, self._encoder.context, len(self.columns))

    def forecasts(self, memory: Recent) -> Float[np.ndarray, "streams horizon quantiles"]:
        """What follows the last step of each stream, in one batch; NaN where too few steps have come."""
        found = np.full((len(memory.n_steps), self.horizon, len(QUANTILES)), np.nan)
        ready = np.flatnonzero(memory.n_kept >= self._encoder.least_context)
        if len(ready):
            series = [memory.window(stream) for stream in ready.tolist()]
            windows = self._encoder.windows(series, [[len(values) - 1] for values in series])
            found[ready] = windows.values(quantile_forecasts(self._artifact.network, windows.part))
        return found


class ForecastStream:
    """Reads a series as it arrives, and after each push forecasts what follows, as if the series ended there.

    Memory and the time of a push do not grow with the steps read: the last ones are kept, as many as a window has. A
    stream serves one thread at a time.

    Args:
        model: see `lstmkit.load(RUN).stream()`.
    """

    def __init__(self, model: StreamingForecaster) -> None:
        self._model = model
        self._memory = model.blank(1)
        self._answer: Float[np.ndarray, "horizon quantiles"] | None = None

    @property
    def columns(self) -> list[str]:
        """Names of the columns of a step, the one to forecast first."""
        return list(self._model.columns)

    @property
    def horizon(self) -> int:
        """Steps of a forecast."""
        return self._model.horizon

    @property
    def n_steps(self) -> int:
        """Steps read since the beginning of the series."""
        return int(self._memory.n_steps[0])

    @property
    def forecast(self) -> Float[np.ndarray, "horizon quantiles"]:
        """The 10, 50 and 90% quantiles of the steps that follow, float64 `(horizon, 3)`; NaN before there are any."""
        answer = self._answer
        if answer is None:
            answer = self._answer = self._model.forecasts(self._memory)[0]
        return answer.copy()

    def push(self, step: Step) -> Float[np.ndarray, "horizon quantiles"]:
        """Read what has arrived.

        Args:
            step: a step `(columns,)`, of one column a number too, or a chunk `(time, columns)`, of one column
                `(time,)`; NaN, or None in lists, where a value is missing. One without any step changes nothing.

        Returns:
            The 10, 50 and 90% quantiles of the steps that follow, float64 `(horizon, 3)`. NaN before there are as many
            steps as the model needs, counted from the first value to forecast.

        Raises:
            DataError: it is none of these; the stream is as it was.
        """
        chunk = self._model.steps.check(step)
        if len(chunk):
            self._answer = None
            self._memory.read(0, chunk)
        return self.forecast

    def finish(self) -> Float[np.ndarray, "horizon quantiles"]:
        """The series ends here: each step was read as it came, so nothing changes.

        Returns:
            The forecast, as `push` gives it.
        """
        return self.forecast

    def reset(self) -> None:
        """Begin another series."""
        self._memory.forget(slice(None))
        self._answer = None

    @property
    def state(self) -> bytes:
        """All that the stream remembers, to go on with in another process, to the same bits.

        Setting it goes on from there.

        Raises:
            ArtifactError: on setting, the bytes are no stream's state, damaged, of a newer format or of another model;
                the stream is as it was.
        """
        return to_bytes(self._model.digest, self._memory)

    @state.setter
    def state(self, state: bytes) -> None:
        self._memory = from_bytes(self._model.digest, self._model.blank(1), state)
        self._answer = None
