"""Times of a series' steps: numbers or ISO 8601 dates, rising; and what lies between them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Float

from lstmkit.core.errors import DataError

_UNITS = ((86_400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"))
_FARTHEST = 1e300  # a time: differences of larger ones are infinite
_OTHER_STEP = 0.1  # relative: what differs by more was sampled at another rate

Fault = tuple[str, str] | None
"""A reason, which is the same for all of its sort, and a detail; None: none."""


class Interval(NamedTuple):
    """What usually lies between two steps.

    Attributes:
        step: above 0.
        unit: numbers, as they stand; or seconds, between dates.
    """

    step: float
    unit: Literal["numbers", "seconds"]

    def __str__(self) -> str:
        if self.unit == "numbers":
            return f"{self.step:g}"
        length, unit = next((one for one in _UNITS if self.step >= one[0]), _UNITS[-1])
        return f"{self.step / length:.4g} {unit}"

    def agrees(self, other: "Interval") -> bool:
        """Whether series with this one were sampled as those with the other."""
        return self.unit == other.unit and abs(self.step - other.step) <= _OTHER_STEP * other.step


def times_of(values: Sequence[Any]) -> tuple[Float[np.ndarray, " steps"], Fault]:
    """Times as numbers, dates in seconds since 1970 (UTC where they name no zone), float64 `(steps,)`."""
    try:
        return np.array([_time_of(value) for value in values], dtype=np.float64), None
    except ValueError:
        unreadable = next(value for value in values if not _is_time(value))
        detail = f" ({unreadable!r}; a number or an ISO date, as 2024-05-01T12:00, is needed)"
        return np.zeros(0), ("a time that cannot be read", detail)


def interval_of(values: Sequence[Any], times: Float[np.ndarray, " steps"]) -> Interval:
    """The usual interval of a series.

    Args:
        values: two times or more, as they came.
        times: the same as numbers.
    """
    return Interval(float(np.median(np.diff(times))), "numbers" if _number_of(values[0]) is not None else "seconds")


def check_interval(found: Interval | None, model: Interval | None, where: str) -> None:
    """See that a source was sampled as what a model was trained on; what is not known of either is not compared.

    Raises:
        DataError: it was not.
    """
    if found and model and not found.agrees(model):
        raise DataError(
            f"{where}: another sampling interval ({found}; the model's is {model}); give series sampled as those that "
            "it was trained on"
        )


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
    if (number := _number_of(value)) is not None:
        if not abs(number) < _FARTHEST:
            raise ValueError
        return number
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).strip())
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _number_of(value: Any) -> float | None:
    """A time that is a number; None of one that is none."""
    if isinstance(value, bool | datetime):
        return None
    try:
        return float(value if isinstance(value, int | float) else str(value).strip())
    except ValueError:
        return None
