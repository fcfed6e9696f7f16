"""What counts as numbers in a caller's hands."""

from numbers import Real
from typing import Any

import numpy as np
from jaxtyping import Float

from lstmkit.core.errors import DataError

ORDINARY = 1e70  # a sum of squares below it has no number beyond float32, and is not NaN
BEYOND_FLOAT32 = float(np.finfo(np.float32).max) + 2.0**103  # from here on a number is rounded to infinity
_KINDS = "fiub"  # of numpy's types: floats, integers, unsigned ones, booleans


def numbers_of(value: Any, name: str, dtype: type[np.floating] = np.float32) -> Float[np.ndarray, "..."]:
    """A number, or an array or nested lists of numbers, as floats; NaN where a value is NaN or None.

    Args:
        value: what came.
        name: what it is called, as the subject of a sentence.
        dtype: of the result.

    Raises:
        DataError: it holds anything but numbers, lists of unequal lengths, or an infinite value (one beyond
            float32 included, whatever the type).
    """
    try:
        found = np.asarray(value)
    except (TypeError, ValueError) as error:
        raise DataError(f"{name} is no array of numbers: lists of unequal lengths, or of lists and numbers") from error
    if found.dtype != np.float64:
        found = _as_floats(found, name)
    # One product sees, of the few numbers of a step, quicker than any search that none is missing, infinite or huge.
    if np.vdot(found, found) < ORDINARY:
        return found.astype(dtype)
    if np.isinf(found).any():
        raise DataError(f"{name} holds an infinite value; NaN stands for a missing one")
    if (large := beyond_float32(found)) is not None:
        raise DataError(f"{name} holds an infinite value ({large:g} is beyond float32); NaN stands for a missing one")
    return found.astype(dtype)


def beyond_float32(values: Float[np.ndarray, "..."]) -> float | None:
    """The first number that float32 would have as infinite, infinity itself left aside; None where there is none."""
    large = (np.abs(values) >= BEYOND_FLOAT32) & ~np.isinf(values)
    return float(values[large][0]) if large.any() else None


def _as_floats(found: np.ndarray, name: str) -> Float[np.ndarray, "..."]:
    if found.dtype.kind in _KINDS:
        return found.astype(np.float64)
    for one in found.flat:
        if found.dtype.kind != "O" or not (one is None or isinstance(one, Real)):
            raise DataError(f"{name} holds {_shown(one)}, which is no number; give numbers, NaN where one is missing")
    try:
        return found.astype(np.float64)
    except OverflowError as error:
        raise DataError(f"{name} holds a number beyond all bounds; NaN stands for a missing one") from error


def _shown(value: Any) -> str:
    plain = value.item() if isinstance(value, np.generic) else value
    text = " ".join(repr(plain).split())
    return f"{text if len(text) <= 40 else text[:37] + '...'} ({type(plain).__name__})"
