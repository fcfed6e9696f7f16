"""From what a caller holds to the series that the encoder takes: `(time, channels)`, NaN where nothing is."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from lstmkit.core.errors import DataError
from lstmkit.data.numeric import numbers_of
from lstmkit.data.sources.corpus import Series


def series_of(items: Iterable[Any], n_channels: int = 0, dtype: type[np.floating] = np.float32) -> list[Series]:
    """Examples as the encoder takes them.

    Args:
        items: a 3-D array `(n, channels, time)`, as scikit-learn's kin for time series have it; or examples one by one,
            arrays or lists `(time, channels)`, or `(time,)` of one channel. NaN, or None, where a value is missing.
        n_channels: how many each must have; 0: as many as the first.
        dtype: of the result.

    Raises:
        DataError: an example is no such array, is empty, holds an infinite value or none but missing ones, or has
            another number of channels.
    """
    examples = np.swapaxes(items, 1, 2) if isinstance(items, np.ndarray) and items.ndim == 3 else items
    found: list[Series] = []
    for place, example in enumerate(examples):
        values = _array(example, place, dtype)
        n_channels = n_channels or values.shape[1]
        if values.shape[1] != n_channels:
            raise DataError(
                f"example {place} has {values.shape[1]} channel{'s' if values.shape[1] > 1 else ''}, {n_channels} are "
                "read; give a list of (time, channels) arrays"
            )
        found.append(values)
    return found


def _array(example: Any, place: int, dtype: type[np.floating]) -> Series:
    values = numbers_of(example, f"example {place}", dtype)
    if values.ndim == 1:
        values = values[:, None]
    if values.ndim != 2:
        raise DataError(f"example {place} has {values.ndim} axes; an example is a (time, channels) array")
    if not values.size:
        raise DataError(f"example {place} is empty; leave empty examples out")
    if np.isnan(values).all():
        raise DataError(f"example {place} holds no value, all are missing; leave it out")
    return values
