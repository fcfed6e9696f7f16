"""Times of a series' steps: numbers or dates, rising; and what lies between them."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Float

from lstmkit.core.errors import DataError
from lstmkit.data.sources.dates import PLAIN, TimeForm, forms_of, shown, unreadable

_UNITS = ((86_400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"))
_HOUR_S = 3600.0
_SET_BACK_HOURS = (22, 23, 0, 1, 2, 3, 4)  # of the day, at which clocks are set back to winter time
_BETWEEN_SET_BACKS_S = 90 * 86_400.0
_MOSTLY = 0.9  # of a column's cells: what is no date among so many is a mistake
_OTHER_STEP = 0.1  # relative: what differs by more was sampled at another rate

UNORDERED = ("a time that occurs twice", "times that do not rise")
Unit = Literal["numbers", "seconds"]


class TimeFault(NamedTuple):
    """What is wrong with the times of a series.

    Attributes:
        reason: the same for all faults of its sort.
        detail: of this one.
        step: at which it is, from 0.
    """

    reason: str
    detail: str
    step: int = 0


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


def times_of(
    values: Sequence[Any], form: TimeForm | None = None
) -> tuple[Float[np.ndarray, " steps"], TimeFault | None]:
    """Return times as numbers, dates in seconds since 1970 (UTC where they name no zone), float64 `(steps,)`.

    Where a local clock is set back to winter time, the hour that comes twice is read as two hours.

    Args:
        values: numbers or dates, all of one sort.
        form: how their column writes them; None: found.
    """
    form = form or forms_of(values)[0]
    found = np.zeros(len(values))
    first = ""
    for k, value in enumerate(values):
        try:
            moment = form.read(value)
            found[k], sort = _counted(moment)
        except (ValueError, OverflowError):
            return np.zeros(0), TimeFault("a time that cannot be read", unreadable(value, form), k)
        first = first or sort
        if sort != first:
            return np.zeros(0), TimeFault(
                _MIXED[{sort, first} == _DATES], f" ({shown(values[0])} and {shown(value)})", k
            )
    return (_with_winter_time(found) if first == "local" else found), None


_DATES = {"local", "zoned"}
_MIXED = ("numbers and dates in one column of times", "times with and without a zone in one column")


def _counted(moment: datetime | float) -> tuple[float, str]:
    """Return a time as a number, and its sort: numbers, local or zoned."""
    if not isinstance(moment, datetime):
        return moment, "numbers"
    if moment.tzinfo:
        return moment.timestamp(), "zoned"
    return moment.replace(tzinfo=UTC).timestamp(), "local"


def _with_winter_time(times: Float[np.ndarray, " steps"]) -> Float[np.ndarray, " steps"]:
    """Return times of a local clock with an hour added after each point at which it is set back by one, in the night.

    Times that fall otherwise are left, to be refused.
    """
    steps = np.diff(times)
    falls = np.flatnonzero(steps <= 0)
    if not len(falls) or not (steps > 0).any():
        return times
    usual = middle(steps[steps > 0])
    hours = (times[falls + 1] % 86_400 // _HOUR_S).astype(int)
    is_set_back = (
        usual <= _HOUR_S
        and np.allclose(steps[falls], usual - _HOUR_S, rtol=0.0, atol=1.0)
        and np.isin(hours, _SET_BACK_HOURS).all()
        and (np.diff(times[falls]) >= _BETWEEN_SET_BACKS_S).all()
    )
    if not is_set_back:
        return times
    moved = times.copy()
    for fall in falls.tolist():
        moved[fall + 1 :] += _HOUR_S
    return moved


def are_dates(values: Iterable[Any], date_format: str = "") -> bool:
    """Return whether values are dates and not numbers, all but a few, which reading then names.

    Args:
        values: cells of one column.
        date_format: the format asked for; empty: any form that is known.
    """
    there = [value for value in values if value not in (None, "")]
    if not there:
        return False
    form = forms_of(there, date_format)[0]
    return sum(_is_date(value, form) for value in there) >= _MOSTLY * len(there)


def _is_date(value: Any, form: TimeForm) -> bool:
    try:
        if not isinstance(PLAIN.read(value), datetime):
            return False  # a number may be a date, such as 20240131, and is one where its column is named as the time
    except ValueError:
        pass  # a date that only the form reads
    try:
        return isinstance(form.read(value), datetime)
    except ValueError:
        return False


def interval_of(times: Float[np.ndarray, " steps"], are_numbers: bool) -> Interval:
    """Return the usual interval of a series.

    Args:
        times: two or more, see `times_of`.
        are_numbers: whether they stand as numbers, and are no dates.
    """
    return Interval(middle(np.diff(times)), "numbers" if are_numbers else "seconds")


def middle(values: Sequence[float] | Float[np.ndarray, " n"]) -> float:
    """The median, of an even number the lower of the two in the middle: one that occurs."""
    return float(np.quantile(values, 0.5, method="inverted_cdf"))


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


def checked_times(times: Float[np.ndarray, " steps"]) -> TimeFault | None:
    """Return what is wrong with the order of times: they fall, or stand still."""
    steps = np.diff(times)
    for reason, bad in zip(UNORDERED, (steps == 0, steps < 0), strict=True):
        if bad.any():
            step = int(bad.argmax()) + 1
            return TimeFault(reason, f" (step {step + 1})", step)
    return None
