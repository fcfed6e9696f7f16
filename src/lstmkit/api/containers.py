"""Arrays, columns and data frames of NumPy, pandas, polars and torch, as arrays and lists."""

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any, cast

import numpy as np

from lstmkit.core.errors import DataError
from lstmkit.data.numeric import is_masked, shown


def opened(items: Any, name: str = "X") -> Any:
    """Examples out of their container: an array of one axis or more, or what is no array as it came.

    A data frame of one column is that column. Masked arrays stay such.

    Args:
        items: what a caller gave for all examples.
        name: what it is called, as the subject of a sentence.

    Raises:
        DataError: it is a single value, has no order (a set) or is read by its keys (a dictionary), or a data frame
            whose cells are series.
    """
    if isinstance(items, str | bytes):
        return items
    is_array = hasattr(items, "__array__")
    is_list = isinstance(items, Iterable) and not isinstance(items, Mapping | Set)
    if not (is_array or is_list) or getattr(items, "ndim", 1) == 0:
        raise DataError(f"{name} is a {type(items).__name__}, {shown(items)}; give a list of examples, or an array")
    if is_frame(found := cast("Any", items)):
        _refuse_nested(found, name)
        return as_array(found[found.columns[0]] if found.shape[1] == 1 else found, name)
    return as_array(items, name) if is_array else items


def is_frame(items: Any) -> bool:
    """Whether it is a data frame: two axes, and columns that have names."""
    return hasattr(items, "columns") and hasattr(items, "__getitem__") and len(getattr(items, "shape", ())) == 2


def as_array(value: Any, name: str) -> np.ndarray:
    """What has `__array__` as an array; a masked one stays such.

    Raises:
        DataError: it cannot be converted, as a tensor that records gradients.
    """
    try:
        found = value if isinstance(value, np.ma.MaskedArray) else np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(f"{name} cannot be read as an array: {' '.join(str(error).split())}") from error
    if found.dtype.names:
        raise DataError(
            f"{name} is an array of records ({', '.join(found.dtype.names)}); give an array of numbers, as "
            "numpy.lib.recfunctions.structured_to_unstructured makes it"
        )
    return found


def refuse_masked(items: Any, what: str) -> None:
    """See that nothing is masked where a missing value has no meaning.

    Args:
        items: an array, or nested lists.
        what: holds them, and what to do, as "X holds tokens; leave such examples out".

    Raises:
        DataError: a value is masked.
    """
    if is_masked(items):
        raise DataError(f"a value is masked (missing), and {what}")


def _refuse_nested(frame: Any, name: str) -> None:
    """sktime's nested frames: one cell holds a whole series."""
    for cell in as_array(frame, name)[:1].flat:
        is_series = getattr(cell, "ndim", 0) >= 1 or (isinstance(cell, Sequence) and not isinstance(cell, str | bytes))
        if is_series and (frame.shape[1] > 1 or not isinstance(cell, Sequence | np.ndarray)):
            raise DataError(
                f"{name} is a data frame whose cells hold series ({type(cell).__name__}), as sktime's nested frames; "
                "give an array (n, channels, time), as from_nested_to_3d_numpy makes it, or a list of arrays "
                "(time, channels)"
            )
