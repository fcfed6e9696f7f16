"""What times say of a series: how many steps a season may have, and which times follow."""

from calendar import monthrange
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count, islice, pairwise
from typing import Any

import numpy as np

from lstmkit.data.sources.dates import TimeForm, forms_of
from lstmkit.data.sources.times import Interval, middle

_DAY_S = 86_400
_MICROSECOND = timedelta(microseconds=1)
_DAY = timedelta(days=1) // _MICROSECOND
# Seconds of a usual step, up to a tenth more or less -> steps of the season, where no rule is found.
_SEASONS = ((3600.0, 24), (_DAY_S, 7), (7 * _DAY_S, 52), (30.4 * _DAY_S, 12), (91.3 * _DAY_S, 4))
_SEASONS_OF_DAYS = {1: 7, 7: 52, 14: 26}
_MOST_OF_A_DAY = 288  # steps of a season within a day; of more, as of minutes, the data tell
_LEAST_ABSENT = 3  # weeks in which a day of the week does not come until it is taken for one that never does
_LEAST_DAYS = 5  # days of business, with a weekend among them, until weekends are taken for days off
_LEAST_MONTHS = 3  # months until their business days or days of the week are taken for a rule
_MOSTLY = 0.9  # of the steps: where so many are alike, the others do not hide the rule
_RARELY = 0.2  # of the weeks: a day of the week that comes in fewer is an exception, such as an opened Saturday
_GAP = 1.5  # usual steps, where no rule is found: a longer one is a gap
_WEEKEND = frozenset({5, 6})
_DAY_NAMES = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_PERIODS = {1: "months", 3: "quarters", 12: "years"}


@dataclass(frozen=True, eq=False)
class Calendar:
    """The rule by which times go on.

    Attributes:
        words: the rule, such as "business days"; empty: there is none.
        season: steps of a season that the calendar suggests; 0: it suggests none.
        n_gaps: steps after which times are missing that the rule has.
        fault: why no time follows; empty: some do.
        after: all that follow, as moments or numbers.
        write: them as the column has its times.
    """

    words: str = ""
    season: int = 0
    fault: str = ""
    n_gaps: int = 0
    after: Callable[[], Iterator[Any]] = lambda: iter(())
    write: Callable[[Sequence[Any]], list[Any]] = list

    def following(self, n: int) -> tuple[list[Any] | None, str]:
        """Return the `n` times after the last, in the form of the others; None, and why, where no rule gives them."""
        if self.fault:
            return None, self.fault
        try:
            return self.write(list(islice(self.after(), n))), ""
        except (OverflowError, ValueError):  # as datetime has it
            return None, "they would pass the year 9999"


def calendar_of(times: Sequence[Any], form: TimeForm | None = None) -> Calendar:
    """Find the rule of a series' times. Steps that are missing do not hide it.

    Args:
        times: rising, as the table has them.
        form: how their column writes them; None: found.
    """
    if len(times) < 2:
        return Calendar(fault="there is one time only" if len(times) else "there are no times")
    form = form or forms_of(times)[0]
    moments = [form.read(time) for time in times]
    dates = [moment for moment in moments if isinstance(moment, datetime)]
    if len(dates) < len(moments):
        return _of_numbers([float(one) for one in moments if not isinstance(one, datetime)])
    return replace(_of_dates(dates), write=lambda after: form.write(after, times))


def calendar_season(times: Sequence[Any], form: TimeForm | None = None) -> int:
    """Return the steps of a season that the calendar suggests: a day of hours, a week of days, a year of months.

    0 where times are no dates, are fewer than three, or suggest none.
    """
    return calendar_of(times, form).season if len(times) > 2 else 0


def following(times: Sequence[Any], n: int, form: TimeForm | None = None) -> list[Any] | None:
    """Return the `n` times after the last, in the form of the others; None where no rule gives them."""
    return calendar_of(times, form).following(n)[0]


def _of_numbers(numbers: list[float]) -> Calendar:
    steps, last = np.diff(numbers), numbers[-1]
    usual = middle(steps)
    is_usual = np.isclose(steps, usual, rtol=1e-6, atol=0.0)
    places = steps / usual if usual else steps
    if not usual or is_usual.sum() * 2 <= len(steps) or not np.allclose(places, places.round(), rtol=1e-6, atol=1e-6):
        fault = _irregular(
            [f"{number:g}" for number in numbers], is_usual | np.isclose(places, places.round()), f"{usual:g}"
        )
        return Calendar(fault=fault, n_gaps=int((steps > _GAP * usual).sum()))

    def written(after: Sequence[float]) -> list[Any]:
        whole = all(number == int(number) for number in (*numbers, *after))
        return [int(number) for number in after] if whole else list(after)

    n_gaps = len(steps) - int(is_usual.sum())
    return Calendar(
        f"every {usual:g}", n_gaps=n_gaps, after=lambda: (float(last + k * usual) for k in count(1)), write=written
    )


def _of_dates(dates: list[datetime]) -> Calendar:
    offsets, zone = {moment.utcoffset() for moment in dates}, dates[-1].tzinfo
    local = [moment.replace(tzinfo=None) for moment in dates]
    found = _by_clock(local)
    if len(offsets) == 1:
        found = found or _by_step(local) or _by_weekday(local)
        return _in_zone(found, zone) if found else _without_rule(local)
    if None in offsets:
        return Calendar(fault="some times name a zone and others do not")
    if found:
        return _in_zone(found, zone)
    try:
        universal = [moment.astimezone(UTC).replace(tzinfo=None) for moment in dates]
    except OverflowError:
        return Calendar(fault="they lie at the end of what calendars have, the years 1 to 9999")
    if not (found := _by_step(universal)):
        return _without_rule(universal)
    after = found.after
    return replace(found, after=lambda: (moment.replace(tzinfo=UTC).astimezone(zone) for moment in after()))


def _in_zone(found: Calendar, zone: Any) -> Calendar:
    after = found.after
    return replace(found, after=lambda: (moment.replace(tzinfo=zone) for moment in after()))


def _by_clock(dates: list[datetime]) -> Calendar | None:
    """Return the rule of times that come at the same hours of a day, on the same days of a week or month."""
    hours = {_within_day(moment) for moment in dates}
    if len(hours) == 1:
        return _by_month(dates) or _by_day(dates) or _by_step(dates)
    return _by_session(dates)


def _by_month(dates: list[datetime]) -> Calendar | None:
    def last_business_day(year: int, month: int) -> int:
        last = _last_day(year, month)
        return last - max(0, datetime(year, month, last).weekday() - 4)

    def first_business_day(year: int, month: int) -> int:
        return 1 + (-datetime(year, month, 1).weekday() % 7 if datetime(year, month, 1).weekday() > 4 else 0)

    latest = max(moment.day for moment in dates)
    rules: list[tuple[str, Callable[[int, int], int]]] = [
        (", on their last day", _last_day),
        ("" if latest == 1 else f", on day {latest}", lambda year, month: min(latest, _last_day(year, month))),
    ]
    if len(dates) >= _LEAST_MONTHS:
        rules += [
            (", on their last business day", last_business_day),
            (", on their first business day", first_business_day),
        ]
    return next(filter(None, (_monthly(dates, words, day_of) for words, day_of in rules)), None)


def _by_weekday(dates: list[datetime]) -> Calendar | None:
    """Return the rule of times on one day of the week in each month, the third Friday or the last."""
    weekday, ordinal = dates[-1].weekday(), (dates[-1].day + 6) // 7
    if len(dates) < _LEAST_MONTHS or len({_within_day(moment) for moment in dates}) > 1:
        return None

    def nth(year: int, month: int) -> int:
        return 1 + (weekday - datetime(year, month, 1).weekday()) % 7 + 7 * (ordinal - 1)

    def last(year: int, month: int) -> int:
        end = _last_day(year, month)
        return end - (datetime(year, month, end).weekday() - weekday) % 7

    name = _DAY_NAMES[weekday]
    return _monthly(dates, f", on {name} {ordinal}", nth) or _monthly(dates, f", on their last {name}", last)


def _monthly(dates: list[datetime], words: str, day_of: Callable[[int, int], int]) -> Calendar | None:
    """Return the rule of times on one day of each month, or of each few months; None where it is not so."""
    months = [12 * moment.year + moment.month - 1 for moment in dates]
    steps = _steps(months)
    usual = _usual(steps)
    if not usual or any(moment.day != day_of(moment.year, moment.month) for moment in dates):
        return None

    def after() -> Iterator[datetime]:
        for month in count(months[-1] + usual, usual):
            year, month_of_year = month // 12, month % 12 + 1
            yield dates[-1].replace(year=year, month=month_of_year, day=day_of(year, month_of_year))

    season = 12 // usual if usual < 12 and 12 % usual == 0 else 0
    return Calendar(_PERIODS.get(usual, f"every {usual} months") + words, season, "", _n_gaps(steps, usual), after)


def _by_day(dates: list[datetime]) -> Calendar | None:
    """Return the rule of times on some days of each week."""
    days = [moment.toordinal() for moment in dates]
    weekdays = _weekdays(days)
    steps = _steps([_place(day, weekdays) for day in days if _is_on(day, weekdays)])
    if len(weekdays) == 7 or _usual(steps) != 1:
        return None

    def after() -> Iterator[datetime]:
        for day in count(1):
            if (moment := dates[-1] + timedelta(days=day)).weekday() in weekdays:
                yield moment

    return Calendar(_days_in_words(weekdays), len(weekdays), "", _n_gaps(steps, 1), after)


def _by_session(dates: list[datetime]) -> Calendar | None:
    """Return the rule of times at some hours of some days, as of a shop or a market."""
    hours = sorted({_within_day(moment) for moment in dates})
    days = sorted({moment.toordinal() for moment in dates})
    weekdays = _weekdays(days)
    is_round = len({b - a for a, b in pairwise([*hours, hours[0] + _DAY])}) == 1
    often = Counter(_within_day(moment) for moment in dates)
    if (is_round and len(weekdays) == 7) or len(days) < _LEAST_ABSENT or min(often.values()) * 2 <= len(days):
        return None
    rank = {hour: place for place, hour in enumerate(hours)}
    places = [
        _place(moment.toordinal(), weekdays) * len(hours) + rank[_within_day(moment)]
        for moment in dates
        if _is_on(moment.toordinal(), weekdays)
    ]
    steps = _steps(places)
    if _usual(steps) != 1:
        return None

    def after() -> Iterator[datetime]:
        midnight = datetime.fromordinal(dates[-1].toordinal())
        for day in count():
            today = midnight + timedelta(days=day)
            moments = [today + hour * _MICROSECOND for hour in hours] if today.weekday() in weekdays else []
            yield from (moment for moment in moments if moment > dates[-1])

    season = len(hours) if len(hours) <= _MOST_OF_A_DAY else 0
    on = "" if len(weekdays) == 7 else f" on {_days_in_words(weekdays)}"
    return Calendar(f"{len(hours)} times a day{on}", season, "", _n_gaps(steps, 1), after)


def _by_step(dates: list[datetime]) -> Calendar | None:
    """Return the rule of times that are a fixed span apart, but for gaps."""
    steps = [(later - earlier) // _MICROSECOND for earlier, later in pairwise(dates)]
    if min(map(abs, steps)) < _DAY:
        steps = [step for step in steps if step > 0]  # others are a clock that was set back, or were refused before
    usual = _usual(steps)
    if not usual:
        alike = Counter(steps).most_common(1)
        # Such as a clock set forward in times that are kept in UTC.
        if not alike or alike[0][1] < _MOSTLY * len(steps) or steps[-1] != alike[0][0] or alike[0][0] <= 0:
            return None
        usual = alike[0][0]
    if _DAY % usual == 0 and usual < _DAY:
        season = _DAY // usual if _DAY // usual <= _MOST_OF_A_DAY else 0
    else:
        season = _SEASONS_OF_DAYS.get(usual // _DAY, 0) if usual % _DAY == 0 else 0
    last, step = dates[-1], usual * _MICROSECOND
    words = {1: "days", 7: "weeks"}.get(usual // _DAY if usual % _DAY == 0 else 0, f"every {_span(usual)}")
    return Calendar(words, season, "", _n_gaps(steps, usual), lambda: (last + k * step for k in count(1)))


def _without_rule(dates: list[datetime]) -> Calendar:
    steps = np.array([(later - earlier) / _MICROSECOND for earlier, later in pairwise(dates)])
    usual = middle(steps)
    season = next((n for seconds, n in _SEASONS if abs(usual / 1e6 - seconds) <= 0.1 * seconds), 0)
    fault = _irregular([str(one) for one in dates], steps % (usual or 1) == 0, _span(usual))
    return Calendar("", season, fault, int((steps > _GAP * usual).sum()))


def _irregular(times: Sequence[str], is_regular: np.ndarray, usual: str) -> str:
    at = int(is_regular.argmin())
    if is_regular[at]:
        return f"fewer than half of the steps are the usual one, {usual}"
    return f"the step from {times[at]} to {times[at + 1]} is no multiple of the usual one, {usual}"


def _usual(steps: Sequence[int]) -> int:
    """Return the step that more than half are, where all are multiples of it; else 0."""
    if not steps or min(steps) <= 0:
        return 0
    usual, n = Counter(steps).most_common(1)[0]
    return usual if 2 * n > len(steps) and all(step % usual == 0 for step in steps) else 0


def _n_gaps(steps: Sequence[int], usual: int) -> int:
    return sum(step > usual for step in steps)


def _steps(places: Sequence[int]) -> list[int]:
    return [later - earlier for earlier, later in pairwise(places)]


def _weekdays(days: Sequence[int]) -> tuple[int, ...]:
    """Return the days of the week that come, 0 for Monday; all seven unless others are absent often enough."""
    came = Counter((day - 1) % 7 for day in days)
    chances = [len(range(days[0] + (weekday - days[0] + 1) % 7, days[-1] + 1, 7)) for weekday in range(7)]
    absent = {day for day in range(7) if not came[day]}
    absent |= {day for day in range(7) if chances[day] >= _LEAST_DAYS and came[day] < _RARELY * chances[day]}
    there = tuple(day for day in range(7) if day not in absent)
    if not absent or len(there) < 2:
        return tuple(range(7))
    is_business = absent == _WEEKEND and len(days) >= _LEAST_DAYS
    return there if min(chances[day] for day in absent) >= (1 if is_business else _LEAST_ABSENT) else tuple(range(7))


def _is_on(day: int, weekdays: Sequence[int]) -> bool:
    return (day - 1) % 7 in weekdays


def _place(day: int, weekdays: Sequence[int]) -> int:
    """Return the number of a day, counting only some days of the week."""
    return (day - 1) // 7 * len(weekdays) + weekdays.index((day - 1) % 7)


def _days_in_words(weekdays: Sequence[int]) -> str:
    if frozenset(range(7)) - set(weekdays) == _WEEKEND:
        return "business days"
    return ", ".join(_DAY_NAMES[day] for day in weekdays)


def _within_day(moment: datetime) -> int:
    return (moment - datetime.combine(moment.date(), datetime.min.time())) // _MICROSECOND


def _last_day(year: int, month: int) -> int:
    return monthrange(year, month)[1]


def _span(microseconds: float) -> str:
    return str(Interval(microseconds / 1e6, "seconds"))
