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
    """A number, or an array or nested lists of numbers, as floats; NaN where a value is NaN, None or masked.

    Args:
        value: what came.
        name: what it is called, as the subject of a sentence.
        dtype: of the result.

    Raises:
        DataError: it holds anything but numbers, lists of unequal lengths, or an infinite value (one beyond
            float32 included, whatever the type).
    """
    try:
        found = np.asarray(unmasked(value))
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(f"{name} is no array of numbers: {_why_not(error)}") from error
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


def unmasked(value: Any) -> Any:
    """An array, or nested lists of arrays, with NaN (of other types than numbers None) where a value is masked."""
    if isinstance(value, np.ma.MaskedArray):
        if value.dtype.kind in _KINDS:
            return np.ma.filled(value.astype(np.float64), np.nan)
        found = value.data.astype(object)
        found[np.ma.getmaskarray(value)] = None
        return found
    if isinstance(value, list | tuple) and any(isinstance(one, np.ma.MaskedArray | list | tuple) for one in value):
        return [unmasked(one) for one in value]
    return value


def is_masked(value: Any) -> bool:
    """Whether any value of an array, or of nested lists of arrays, is masked."""
    if isinstance(value, list | tuple):
        return any(is_masked(one) for one in value if isinstance(one, np.ma.MaskedArray | list | tuple))
    return isinstance(value, np.ma.MaskedArray) and bool(np.ma.is_masked(value))


def beyond_float32(values: Float[np.ndarray, "..."]) -> float | None:
    """The first number that float32 would have as infinite, infinity itself left aside; None where there is none."""
    large = (np.abs(values) >= BEYOND_FLOAT32) & ~np.isinf(values)
    return float(values[large][0]) if large.any() else None


def _as_floats(found: np.ndarray, name: str) -> Float[np.ndarray, "..."]:
    if found.dtype.kind in _KINDS:
        return found.astype(np.float64)
    for one in found.flat:
        if found.dtype.kind != "O" or not (one is None or isinstance(one, Real) or _is_absent(one)):
            raise DataError(f"{name} holds {shown(one)}, which is no number; give numbers, NaN where one is missing")
    try:
        return np.array([np.nan if _is_absent(one) else one for one in found.flat], np.float64).reshape(found.shape)
    except OverflowError as error:
        raise DataError(f"{name} holds a number beyond all bounds; NaN stands for a missing one") from error


def _why_not(error: Exception) -> str:
    reason = " ".join(str(error).split())
    if any(word in reason for word in ("inhomogeneous", "sequence", "broadcast")):
        return (
            "lists of unequal lengths, or of lists and numbers; each step has as many values, NaN where one is missing"
        )
    return reason


def _is_absent(value: Any) -> bool:
    """Whether it is pandas' NA, which is no number and equals nothing."""
    return type(value).__name__ == "NAType"


def shown(value: Any) -> str:
    """A value and its type for an error, in one line of bounded length."""
    is_plain = isinstance(value, np.generic) and not isinstance(value, np.datetime64 | np.timedelta64)
    plain = value.item() if is_plain else value
    return f"{short(plain)} ({type(plain).__name__})"


def short(value: Any, most: int = 40) -> str:
    """A value's `repr` in one line of at most so many characters."""
    text = " ".join(repr(value).split())
    return text if len(text) <= most else f"{text[: most - 3]}..."
