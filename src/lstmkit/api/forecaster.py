"""A trained forecaster as an object that predicts."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from lstmkit.api.containers import is_frame, opened
from lstmkit.api.series import Axes, checked_axes, series_of
from lstmkit.artifact import ArrayForm, ForecastArtifact
from lstmkit.core.errors import DataError
from lstmkit.data.windows import WindowEncoder, Windows
from lstmkit.models import Classifier
from lstmkit.models.quantiles import QUANTILES
from lstmkit.models.scoring import quantile_forecasts

if TYPE_CHECKING:
    from lstmkit.stream import ForecastPool, ForecastStream, StreamingForecaster


class ForecastPredictor:
    """Forecasts series with a trained model.

    Args:
        artifact: as read by `lstmkit.artifact.load_forecaster`.
    """

    def __init__(self, artifact: ForecastArtifact) -> None:
        self._artifact = artifact
        self._streams: dict[bool, StreamingForecaster] = {}

    @property
    def horizon(self) -> int:
        """Steps of a forecast."""
        return self._artifact.encoder.horizon

    @property
    def columns(self) -> list[str]:
        """Names of the columns of a series, the one to forecast first."""
        return list(self._artifact.encoder.columns)

    def predict(self, series: Iterable[Any], *, axes: Axes | None = None) -> Float[np.ndarray, "n horizon"]:
        """The median of each of the steps that follow each series; arguments and errors as `predict_quantiles`."""
        return self.predict_quantiles(series, axes=axes)[..., QUANTILES.index(0.5)]

    def predict_quantiles(
        self, series: Iterable[Any], *, axes: Axes | None = None
    ) -> Float[np.ndarray, "n horizon quantiles"]:
        """The 10, 50 and 90% quantiles of the steps that follow each series; each depends on its own series alone.

        Args:
            series: arrays or lists `(time, columns)`, the column to forecast first, or `(time,)` where there is no
                other; NaN, None or a mask where a value is missing. A 2-D array has a series in each row, a 3-D array
                is `(n, columns, time)`. Where covariates are known ahead, a series goes on with rows that have these
                and no value to forecast.
            axes: of arrays of two columns or more. nct: a 3-D array is `(n, columns, time)`, an item of a list
                `(columns, time)`; ntc: `(n, time, columns)` and `(time, columns)`. None: as the model was fitted from
                Python, or else `(n, columns, time)` and `(time, columns)`.

        Raises:
            DataError: a series is no such array, or too short for the model.
            RequestError: axes that there are none of.
        """
        return forecast_after(
            self._artifact.network,
            self._artifact.encoder,
            listed(series, len(self.columns), axes=axes, form=self._artifact.axes),
        )

    def stream(self, *, axes: Axes | None = None) -> "ForecastStream":
        """A series that is still arriving, to be pushed step by step; see `lstmkit.stream.ForecastStream`.

        Args:
            axes: nct: a chunk of steps is pushed as `(columns, time)`; ntc: as `(time, columns)`. None: as `axes` was
                when the model was fitted, or else `(time, columns)`.

        Raises:
            RequestError: the model reads covariates ahead of time; or axes that there are none of.
        """
        from lstmkit.stream import ForecastStream

        return ForecastStream(self._streaming(checked_axes(axes)))

    def stream_pool(self, *, axes: Axes | None = None) -> "ForecastPool":
        """Many such series, forecast in one call; see `lstmkit.stream.ForecastPool`; arguments as `stream`."""
        from lstmkit.stream import ForecastPool

        return ForecastPool(self._streaming(checked_axes(axes)))

    def _streaming(self, axes: Axes | None) -> "StreamingForecaster":
        from lstmkit.stream import StreamingForecaster

        columns_first = (axes or self._artifact.axes) == "nct"
        if columns_first not in self._streams:
            self._streams[columns_first] = StreamingForecaster(self._artifact, columns_first=columns_first)
        return self._streams[columns_first]

    def describe(self) -> dict[str, Any]:
        """The model in a few plain words and numbers."""
        encoder = self._artifact.encoder
        return {
            "columns": self.columns,
            "horizon": encoder.horizon,
            "season": encoder.season,
            "context": encoder.context,
            "parameters": self._artifact.network.n_parameters()["total"],
        }


def listed(
    items: Any, n_columns: int = 0, *, axes: Axes | None = None, form: ArrayForm | None = None
) -> list[np.ndarray]:
    """One series or several as float64 arrays `(time, columns)`; arguments and errors as `series_of` has them."""
    found = opened(items)
    if isinstance(found, np.ndarray) and is_frame(items) and found.ndim == 2:
        raise DataError(
            f"a data frame of {found.shape[1]} columns may be one series with covariates or several series; "
            "give [frame] for one, its first column forecast, or frame.to_numpy().T for a series in each column"
        )
    if isinstance(found, str | bytes):
        raise DataError(f"a {type(found).__name__} came; give a series, or a list of series")
    if not isinstance(found, np.ndarray):
        found = list(found)
    is_one = len(found) > 0 and not any(np.iterable(value) for value in found)
    return series_of([found] if is_one else found, n_columns, np.float64, axes=checked_axes(axes), form=form)


def forecast_after(
    network: Classifier, encoder: WindowEncoder, series: Sequence[np.ndarray]
) -> Float[np.ndarray, "n horizon quantiles"]:
    """What follows the last row of each series, or with covariates known ahead its last row with a value to forecast.

    Args:
        network: a forecaster's.
        encoder: its own.
        series: `(time, columns)`, NaN where a value is missing.

    Raises:
        DataError: a series has a fault, see `forecast_fault`.
    """
    values, origins = [], []
    for k, one in enumerate(series):
        if fault := forecast_fault(encoder, one):
            raise DataError(f"series {k} {fault}")
        first = int((~np.isnan(one[:, 0])).argmax())
        values.append(one[first:].astype(np.float64))
        origins.append([last_read(encoder, one) - first])
    if not values:
        return np.zeros((0, encoder.horizon, len(QUANTILES)))
    windows: Windows = encoder.windows(values, origins)
    return windows.values(quantile_forecasts(network, windows.part))


def forecast_fault(encoder: WindowEncoder, values: Float[np.ndarray, "time columns"]) -> str:
    """Why no forecast can follow a series: it is too short, or lacks rows of what is known ahead; empty for nothing."""
    origin = last_read(encoder, values)
    known = np.flatnonzero(~np.isnan(values[: origin + 1, 0]))
    n_read = origin + 1 - int(known[0]) if len(known) else 0
    if n_read < encoder.least_context:
        return (
            f"has {n_read} steps from its first value on; this model reads {encoder.least_context} or more before a "
            "forecast; give longer series"
        )
    if encoder.known_ahead and (n_ahead := len(values) - 1 - origin) < encoder.horizon:
        return (
            f"goes on for {n_ahead} rows after its last value; covariates of this model are known ahead, and "
            f"{encoder.horizon} rows that have them are needed; give those, with no value to forecast"
        )
    return ""


def last_read(encoder: WindowEncoder, values: Float[np.ndarray, "time columns"]) -> int:
    """The step after which a series' forecast begins, counted from 0; -1 where there is none."""
    known = np.flatnonzero(~np.isnan(values[:, 0]))
    return int(known[-1]) if encoder.known_ahead and len(known) else len(values) - 1
