"""What counts as a token in a caller's hands."""

import math
from numbers import Integral, Real
from typing import Any

import numpy as np

from lstmkit.core.errors import DataError
from lstmkit.data.numeric import short

_OF_REALS = (
    "bin real values first, as with KBinsDiscretizer(encode='ordinal'), or give series, arrays (time, channels), or "
    "(time, 1) of one channel"
)


def token_of(value: Any) -> str:
    """A token as a string. Numbers are tokens by their value: 3, `np.int64(3)` and 3.0 are one token.

    Raises:
        DataError: it is neither a string nor a whole number.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool | np.bool_):
        raise DataError(
            f"token {value} is a boolean; a token is a string or a whole number; give 1 and 0 for tokens, or a series"
        )
    if isinstance(value, Integral):
        return str(int(value))
    if isinstance(value, Real) and math.isfinite(value) and float(value).is_integer():
        return str(int(float(value)))
    hint = _OF_REALS if isinstance(value, Real) else "map it"
    what = f"token {short(value)} is a {type(value).__name__}"
    raise DataError(f"{what}; a token is a string or a whole number; {hint}")
