"""Times of a series' steps: numbers or ISO 8601 dates, rising."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from jaxtyping import Float

Fault = tuple[str, str] | None
"""A reason, which is the same for all of its sort, and a detail; None: none."""


def times_of(values: Sequence[Any]) -> tuple[Float[np.ndarray, " steps"], Fault]:
    """Times as numbers, dates in seconds since 1970 (UTC where they name no zone), float64 `(steps,)`."""
    try:
        return np.array([_time_of(value) for value in values], dtype=np.float64), None
    except ValueError:
        unreadable = next(value for value in values if not _is_time(value))
        detail = f" ({unreadable!r}; a number or an ISO date, as 2024-05-01T12:00, is needed)"
        return np.zeros(0), ("a time that cannot be read", detail)


def checked_times(times: Float[np.ndarray, " steps"]) -> Fault:
    """What is wrong with the order of times: they fall, or stand still."""
    rises = np.diff(times)
    if (rises == 0).any():
        return "a time that occurs twice", f" (step {int((rises == 0).argmax()) + 2})"
    if (rises < 0).any():
        return "times that do not rise", f" (step {int((rises < 0).argmax()) + 2})"
    return None


def _is_time(value: Any) -> bool:
    try:
        _time_of(value)
    except ValueError:
        return False
    return True


def _time_of(value: Any) -> float:
    if isinstance(value, datetime):
        moment = value
    elif isinstance(value, int | float) and not isinstance(value, bool):
        return _finite(float(value))
    else:
        text = str(value).strip()
        try:
            return _finite(float(text))
        except ValueError:
            moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _finite(value: float) -> float:
    if not np.isfinite(value):
        raise ValueError
    return value
