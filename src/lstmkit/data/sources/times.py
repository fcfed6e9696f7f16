"""Times of a series' steps: numbers or ISO 8601 dates, rising; and what lies between them."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Float

from lstmkit.core.errors import DataError

_UNITS = ((86_400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"))
_FARTHEST = 1e300  # a time: differences of larger ones are infinite
_OTHER_STEP = 0.1  # relative: what differs by more was sampled at another rate

Unit = Literal["numbers", "seconds"]
Fault = tuple[str, str] | None
"""A reason, which is the same for all of its sort, and a detail; None: none."""


class Interval(NamedTuple):
    """What usually lies between two steps.

    Attributes:
        step: above 0.
        unit: numbers, as they stand; or seconds, between dates.
    """

    step: float
    unit: Unit

    def __str__(self) -> str:
        if self.unit == "numbers":
            return f"{self.step:g}"
        length, unit = next((one for one in _UNITS if self.step >= one[0]), _UNITS[-1])
        return f"{self.step / length:.4g} {unit}"

    def agrees(self, other: "Interval") -> bool:
        """Whether series with this one were sampled as those with the other."""
        return self.unit == other.unit and abs(self.step - other.step) <= _OTHER_STEP * other.step


def times_of(values: Sequence[Any], are_compact: bool = False) -> tuple[Float[np.ndarray, " steps"], Fault]:
    """Times as numbers, dates in seconds since 1970 (UTC where they name no zone), float64 `(steps,)`.

    Args:
        values: numbers or ISO dates, all of one sort.
        are_compact: whether numbers such as 20240131 are dates.
    """
    found = np.zeros(len(values))
    sorts = set()
    for k, value in enumerate(values):
        try:
            found[k], sort = _time_of(value, are_compact)
        except ValueError:
            detail = f" ({value!r}; a number or an ISO date, as 2024-05-01T12:00, is needed)"
            return np.zeros(0), ("a time that cannot be read", detail)
        sorts.add(sort)
        if len(sorts) > 1:
            return np.zeros(0), ("numbers and dates in one column of times", f" ({values[0]!r} and {value!r})")
    return found, None


def are_dates(values: Iterable[Any]) -> bool:
    """Whether values are ISO dates, all of those that are there, and not numbers."""
    there = [value for value in values if value not in (None, "")]
    if not there or not all(isinstance(value, str | date) for value in there):
        return False
    try:
        return {_time_of(value, are_compact=False)[1] for value in there} == {"seconds"}
    except ValueError:
        return False


def interval_of(values: Sequence[Any], times: Float[np.ndarray, " steps"], are_compact: bool = False) -> Interval:
    """The usual interval of a series.

    Args:
        values: two times or more, as they came.
        times: the same as numbers.
        are_compact: see `times_of`.
    """
    return Interval(middle(np.diff(times)), _time_of(values[0], are_compact)[1])


def middle(values: Sequence[float] | Float[np.ndarray, " n"]) -> float:
    """The median, of an even number the lower of the two in the middle: one that occurs."""
    return float(np.quantile(values, 0.5, method="inverted_cdf"))


def compact_dates(values: Iterable[Any]) -> list[date] | None:
    """Dates written as 20240131, as numbers or as text; None where not all values are such."""
    found = []
    for value in values:
        if value in (None, ""):
            continue
        text = str(value).strip() if isinstance(value, int | str) else ""
        if not (len(text) == 8 and text.isdecimal()):
            return None
        try:
            found.append(date(int(text[:4]), int(text[4:6]), int(text[6:])))
        except ValueError:
            return None
    return found or None


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


def _time_of(value: Any, are_compact: bool) -> tuple[float, Unit]:
    """A time as a number, and what it counts.

    Raises:
        ValueError: it is none.
    """
    moment = value
    if are_compact:
        moment = (compact_dates([value]) or [None])[0]
    elif not isinstance(value, bool | date):
        try:
            number = float(value if isinstance(value, int | float) else str(value).strip())
        except OverflowError as error:  # a whole number of hundreds of digits
            raise ValueError from error
        except ValueError:
            moment = str(value).strip()
        else:
            if not abs(number) < _FARTHEST:
                raise ValueError
            return number, "numbers"
    if not isinstance(moment, datetime):
        moment = datetime.fromisoformat(str(moment))
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp(), "seconds"
    except OverflowError as error:  # an offset that leads beyond the years 1 to 9999
        raise ValueError from error
