"""What times say of a series: how many steps a season may have, and which times follow."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np

from lstmkit.data.sources.times import compact_dates

_DAY_S = 86_400.0
_SHORTEST_MONTH = timedelta(days=28)
# Seconds of a usual step, up to a tenth more or less -> steps of the season that calendars suggest.
_SEASONS = ((3600.0, 24), (_DAY_S, 7), (7 * _DAY_S, 52), (30.4 * _DAY_S, 12), (91.3 * _DAY_S, 4))


def calendar_season(times: Sequence[Any]) -> int:
    """Steps of a day for hours, a week for days, a year for weeks, months and quarters; 0 where times are no dates."""
    moments = _dates(times)
    if moments is None or len(moments) < 3:
        return 0
    usual = float(np.median([step.total_seconds() for step in _steps(moments)]))
    return next((season for seconds, season in _SEASONS if abs(usual - seconds) <= 0.1 * seconds), 0)


def following(times: Sequence[Any], n: int) -> list[Any] | None:
    """The `n` times after the last, in the form of the others; None where the steps are not regular or years end.

    Numbers go on by their step; dates by a fixed span, or by whole months where each falls on the same day of its
    month, or on its last.
    """
    try:
        return _following(times, n)
    except (OverflowError, ValueError):  # beyond the year 9999
        return None


def _following(times: Sequence[Any], n: int) -> list[Any] | None:
    if len(times) < 2:
        return None
    moments = _dates(times)
    if moments is None:
        return _numbers_after(times, n)
    steps = set(_steps(moments))
    months = {12 * (b.year - a.year) + b.month - a.month for a, b in pairwise(moments)}
    ends = all((moment + timedelta(days=1)).day == 1 for moment in moments)
    same_place = (ends or len({moment.day for moment in moments}) == 1) and len({m.timetz() for m in moments}) == 1
    if len(months) == 1 and same_place and min(steps) >= _SHORTEST_MONTH:
        n_months = months.pop()
        found = [_months_on(moments[-1], (k + 1) * n_months, ends) for k in range(n)]
    elif len(steps) == 1:
        step = steps.pop()
        found = [moments[-1] + (k + 1) * step for k in range(n)]
    else:
        return None
    if compact_dates(times):
        return [type(times[-1])(f"{moment:%Y%m%d}") for moment in found]
    if not isinstance(times[-1], str):
        return [moment.date() if type(times[-1]) is date else moment for moment in found]
    has_clock = len(times[-1].strip()) > len("2024-05-01")
    return [moment.isoformat() if has_clock else moment.date().isoformat() for moment in found]


def _months_on(moment: datetime, months: int, at_end: bool) -> datetime:
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    if not at_end:
        return moment.replace(year=year, month=month + 1)
    first_of_next = moment.replace(year=year + (month == 11), month=(month + 1) % 12 + 1, day=1)
    return first_of_next - timedelta(days=1)


def _numbers_after(times: Sequence[Any], n: int) -> list[Any] | None:
    numbers = np.array([float(time) for time in times])
    steps = np.diff(numbers)
    if not np.allclose(steps, steps[0], rtol=1e-6, atol=0.0):
        return None
    found = [float(numbers[-1] + (k + 1) * steps[0]) for k in range(n)]
    whole = all(number == int(number) for number in (*numbers.tolist(), *found))
    return [int(number) for number in found] if whole else found


def _dates(times: Sequence[Any]) -> list[datetime] | None:
    """Times as dates, in UTC where only some name a zone; None where they are numbers."""
    if compact := compact_dates(times):
        return [datetime(day.year, day.month, day.day) for day in compact]
    found: list[datetime] = []
    for time in times:
        if isinstance(time, datetime):
            found.append(time)
        elif isinstance(time, date):
            found.append(datetime(time.year, time.month, time.day))
        elif isinstance(time, str):
            try:
                float(time)
            except ValueError:
                found.append(datetime.fromisoformat(time.strip()))
                continue
            return None
        else:
            return None
    if len({moment.tzinfo is None for moment in found}) > 1:
        return [moment if moment.tzinfo else moment.replace(tzinfo=UTC) for moment in found]
    return found


def _steps(moments: Sequence[datetime]) -> list[timedelta]:
    return [later - earlier for earlier, later in pairwise(moments)]
