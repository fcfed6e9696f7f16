"""What counts as a token in a caller's hands."""

import math
from numbers import Integral, Real
from typing import Any

from lstmkit.core.errors import DataError


def token_of(value: Any) -> str:
    """A token as a string. Numbers are tokens by their value: 3, `np.int64(3)` and 3.0 are one token.

    Raises:
        DataError: it is neither a string nor a whole number.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, Integral):
        return str(int(value))
    if isinstance(value, Real) and math.isfinite(value) and float(value).is_integer():
        return str(int(float(value)))
    hint = "bin real values first, as with KBinsDiscretizer(encode='ordinal')" if isinstance(value, Real) else "map it"
    raise DataError(f"token {value!r} is a {type(value).__name__}; a token is a string or a whole number; {hint}")
