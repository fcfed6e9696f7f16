"""Summaries of time series for a linear model: height, spread and course of each channel."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32, Float64

from lstmkit.evaluate.kernels import LARGEST, Series, check_series

N_SPANS = 4


def summaries(series: Sequence[Series], n_channels: int) -> Float32[np.ndarray, "n features"]:
    """Mean, deviation, least, largest, slope and the means of four equal spans of each channel, then log length.

    The shares of steps that kernels count know neither height nor order nor length; these do. The slope is that of the
    least-squares line, times the series' duration. A span may end between two steps, and has its part of the step's
    value.

    Args:
        series: float32 `(time, channels)`, one step or more.
        n_channels: of each.

    Returns:
        `(n, 9 channels + 1)`: statistic by statistic, in each channel by channel.

    Raises:
        ValueError: a series is empty, not finite, or has other channels.
    """
    check_series(series, n_channels)
    found = np.empty((len(series), (5 + N_SPANS) * n_channels + 1), dtype=np.float32)
    for row, one in zip(found, series, strict=True):
        values = np.clip(one.astype(np.float64), -LARGEST, LARGEST)
        time = np.linspace(-1.0, 1.0, len(values)) if len(values) > 1 else np.zeros(1)
        slope = 2.0 * (time @ values) / max(time @ time, 1.0)
        each = (values.mean(axis=0), values.std(axis=0), values.min(axis=0), values.max(axis=0), slope)
        row[:-1] = np.concatenate((*each, _span_means(values).ravel()))
        row[-1] = np.log(len(values))
    return found


def _span_means(values: Float64[np.ndarray, "time channels"]) -> Float64[np.ndarray, "spans channels"]:
    """The mean of each of four equal spans, by differences of the running sum between steps."""
    running = np.concatenate((np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)))
    ends = np.linspace(0.0, len(values), N_SPANS + 1)
    whole = np.minimum(ends.astype(np.int64), len(values) - 1)
    at_ends = running[whole] + (ends - whole)[:, None] * values[whole]
    return np.diff(at_ends, axis=0) * (N_SPANS / len(values))
