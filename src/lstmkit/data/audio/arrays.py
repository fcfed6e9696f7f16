"""Samples in memory: whatever numbers they come as, `(samples, channels)` between -1 and 1."""

from typing import Any

import numpy as np
from jaxtyping import Float

from lstmkit.core.errors import DataError

_MOST_CHANNELS = 64
_INTEGERS = {np.dtype(kind): (zero, scale) for kind, zero, scale in
             ((np.uint8, 128, 2**7), (np.int8, 0, 2**7), (np.int16, 0, 2**15), (np.int32, 0, 2**31))}  # fmt: skip


def as_channels(samples: Any, name: str) -> np.ndarray:
    """An array of samples as `(samples, channels)`, not yet scaled.

    Args:
        samples: `(samples,)` or `(samples, channels)`: floating point between -1 and 1, or 8-, 16- or 32-bit integers
            as in a WAV file (8 bits with or without a sign).
        name: for errors.

    Raises:
        DataError: other numbers or another shape, no sample, or more than 64 channels.
    """
    try:
        array = np.asarray(samples)
    except ValueError as error:  # rows of different lengths
        raise DataError(
            f"{name}: samples that are no array: lists of unequal lengths; give as many for each moment"
        ) from error
    if array.dtype not in _INTEGERS and array.dtype.kind != "f":
        raise DataError(
            f"{name}: samples of type {array.dtype}; floating point between -1 and 1, or 8-, 16- or 32-bit integers, "
            "are allowed; convert them"
        )
    if array.ndim not in (1, 2):
        raise DataError(f"{name}: samples of shape {array.shape}; (samples,) or (samples, channels) is allowed")
    array = array[:, None] if array.ndim == 1 else array
    if array.shape[1] > _MOST_CHANNELS:
        raise DataError(
            f"{name}: samples of shape {array.shape}, which would be {array.shape[1]:,} channels; up to "
            f"{_MOST_CHANNELS} are allowed, as (samples, channels); transpose it"
        )
    if not array.size:
        raise DataError(f"{name}: no samples; at least one is needed; leave it out")
    return array


def full_scale_of(array: np.ndarray) -> float:
    """The largest positive sample that its type can hold; for floating point, that of 16 bits."""
    zero, scale = _INTEGERS.get(array.dtype, (0, 2**15))
    return (scale - 1) / scale if not zero else (2 * zero - 1 - zero) / scale


def scaled(array: np.ndarray) -> Float[np.ndarray, "samples channels"]:
    """`(samples, channels)` as float32 between -1 and 1; floating point may go beyond."""
    if array.dtype.kind == "f":
        with np.errstate(over="ignore"):  # what is beyond float32 becomes infinite, and is refused as that
            return array.astype(np.float32)
    zero, scale = _INTEGERS[array.dtype]
    return ((array.astype(np.float64) - zero) / scale).astype(np.float32)


def as_mono(
    samples: Float[np.ndarray, "samples channels"], begins: int, rate: int, name: str
) -> Float[np.ndarray, " samples"]:
    """The mean of the channels, float32.

    Args:
        samples: scaled.
        begins: the number of the first sample, for errors.
        rate: Hz, for errors.
        name: for errors.

    Raises:
        DataError: a sample is not finite.
    """
    sound = np.isfinite(samples).all(1)
    if not sound.all():
        first = (begins + int(np.argmin(sound))) / rate
        raise DataError(
            f"{name}: a sample that is NaN, infinite or beyond float32 at {first:.6g} s; finite numbers are needed; "
            "mend the recording or leave it out"
        )
    return samples[:, 0] if samples.shape[1] == 1 else samples.mean(1, dtype=np.float64).astype(np.float32)
