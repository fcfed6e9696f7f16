"""From what a caller holds to the series that the encoder takes: `(time, channels)`, NaN where nothing is."""

import warnings
from collections.abc import Iterable
from typing import Any, Literal

import numpy as np

from lstmkit.artifact import ArrayForm
from lstmkit.core.errors import AxesWarning, DataError, RequestError
from lstmkit.data.numeric import numbers_of
from lstmkit.data.sources.corpus import Series

Axes = Literal["nct", "ntc"]
"""The order of the axes of a 3-D array: n examples, c channels, t steps. An item of a list has the last two."""


def checked_axes(axes: Any) -> Axes | None:
    """The axes asked for.

    Raises:
        RequestError: there are no such.
    """
    if axes is None:
        return None
    if isinstance(axes, str) and (axes == "nct" or axes == "ntc"):
        return axes
    raise RequestError(f"axes = {axes!r}: 'nct' (examples, channels, time), 'ntc' (examples, time, channels) or None")


def form_of(items: Any, axes: Axes | None) -> ArrayForm | None:
    """What a model fitted on `items` keeps of their axes."""
    return axes or ("array" if _is_whole(items) else None)


def series_of(
    items: Iterable[Any],
    n_channels: int = 0,
    dtype: type[np.floating] = np.float32,
    *,
    axes: Axes | None = None,
    form: ArrayForm | None = None,
) -> list[Series]:
    """Examples as the encoder takes them.

    Args:
        items: a 3-D array; or examples one by one, arrays or lists of two axes, or `(time,)` of one channel. NaN, None
            or a mask where a value is missing.
        n_channels: how many each must have; 0: as many as the first.
        dtype: of the result.
        axes: nct: a 3-D array is `(n, channels, time)`, an item of a list `(channels, time)`; ntc: `(n, time,
            channels)` and `(time, channels)`. None: the model's own where it has some; else a 3-D array is `(n,
            channels, time)` and an item of a list `(time, channels)`, with an `AxesWarning` where the other reading is
            as likely.
        form: what the model keeps of its training arrays; see `form_of`.

    Raises:
        DataError: an example is no such array, is empty, holds an infinite value or none but missing ones, or has
            another number of channels.
    """
    is_whole, is_fitting = _is_whole(items), not n_channels
    chosen = axes or (None if form == "array" else form)
    channels_first = chosen == "nct" or (chosen is None and is_whole)
    found: list[Series] = []
    shapes: set[tuple[int, ...]] = set()
    for place, example in enumerate(items):
        values = _array(example, place, dtype)
        shapes.add(values.shape)
        found.append(_steps_of(values, place, n_channels, channels_first))
        n_channels = n_channels or found[0].shape[1]
    if chosen is None:
        if is_fitting:
            is_ambiguous = _is_ambiguous(shapes, len(found), is_whole)
        else:  # another form than the model's, and either reading has its channels
            is_ambiguous = shapes == {(n_channels, n_channels)} and is_whole != (form == "array")
        if is_ambiguous:
            _warn(shapes.pop(), len(found), is_whole)
    return found


def one_series(item: Any, n_channels: int, *, axes: Axes | None = None, form: ArrayForm | None = None) -> Series:
    """One example, as `series_of` reads it from where the model's training arrays came from.

    Of a model that was fitted on a 3-D array it is an item of such an array; see `series_of` for the rest.
    """
    values = _array(item, 0, np.float32)
    chosen = axes or form
    channels_first = chosen == "nct" or (chosen == "array" and values.shape[0] == n_channels)
    return _steps_of(values, 0, n_channels, channels_first)


def _is_whole(items: Any) -> bool:
    return isinstance(items, np.ndarray) and items.ndim == 3


def _array(example: Any, place: int, dtype: type[np.floating]) -> Series:
    values = numbers_of(example, f"example {place}", dtype)
    if values.ndim not in (1, 2):
        raise DataError(f"example {place} has {values.ndim} axes; an example is a (time, channels) array")
    if not values.size:
        raise DataError(f"example {place} is empty; leave empty examples out")
    if np.isnan(values).all():
        raise DataError(f"example {place} holds no value, all are missing; leave it out")
    return values


def _steps_of(values: np.ndarray, place: int, n_channels: int, channels_first: bool) -> Series:
    """An example as `(time, channels)`, its memory by steps, so that sums round alike for all forms."""
    steps = values[:, None] if values.ndim == 1 else values.T if channels_first else values
    n_steps, n_found = steps.shape
    if n_found != (n_channels or n_found):
        came = f"example {place} has {_counted(n_found, 'channel')}, {n_channels} are read"
        if n_steps != n_channels or values.ndim == 1:
            raise DataError(f"{came}; give a list of (time, channels) arrays")
        read, other, name = _READINGS[not channels_first]
        raise DataError(f"{came}: its shape {values.shape} is taken for {read}; if it is {other}, set axes='{name}'")
    return np.ascontiguousarray(steps)


_READINGS = (("(channels, time)", "(time, channels)", "ntc"), ("(time, channels)", "(channels, time)", "nct"))


def _is_ambiguous(shapes: set[tuple[int, ...]], n: int, is_whole: bool) -> bool:
    """Whether training arrays have two likely readings: more channels than steps, or a list that could be stacked."""
    if len(shapes) != 1 or len(shape := next(iter(shapes))) != 2:
        return False
    return shape[0] > shape[1] if is_whole else n > 1


def _warn(shape: tuple[int, ...], n: int, is_whole: bool) -> None:
    one, other = (_counted(shape[k], "channel") + " of " + _counted(shape[1 - k], "step") for k in (0, 1))
    if is_whole:
        message = (
            f"an array of shape {(n, *shape)} is read as (n, channels, time), {one}; if "
            f"it is (n, time, channels), {other}, set axes='ntc'; axes='nct' says that it "
            "is read rightly"
        )
    else:
        message = (
            f"a list of {n} arrays of shape {shape} is read as (time, channels), {other}; "
            f"if they are (channels, time), {one}, as one array (n, channels, time) has "
            "them, set axes='nct'; axes='ntc' says that it is read rightly"
        )
    warnings.warn(message, AxesWarning, stacklevel=5)


def _counted(n: int, name: str) -> str:
    return f"{n} {name}{'s' if n > 1 else ''}"
