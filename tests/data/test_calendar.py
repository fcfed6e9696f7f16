"""Times that follow: those that the same calendar has, after gaps too, or a reason why there are none."""

from calendar import monthrange
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import count, islice
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmkit.data.sources.calendar import calendar_of, calendar_season, following
from lstmkit.data.sources.dates import TimeForm
from lstmkit.data.sources.times import checked_times, times_of

Frequency = Callable[[datetime], Iterator[datetime]]
BERLIN = ZoneInfo("Europe/Berlin")


def every(**span: float) -> Frequency:
    return lambda start: (start + k * timedelta(**span) for k in count())


def days_of(*weekdays: int) -> Frequency:
    return lambda start: (day for day in every(days=1)(start) if day.weekday() in weekdays)


def monthly(day_of: Callable[[int, int], int], n_months: int = 1) -> Frequency:
    def of(start: datetime) -> Iterator[datetime]:
        for month in count(12 * start.year + start.month - 1, n_months):
            year, month_of_year = month // 12, month % 12 + 1
            yield datetime(year, month_of_year, day_of(year, month_of_year))

    return of


def last_day(year: int, month: int) -> int:
    return monthrange(year, month)[1]


def business_day(year: int, month: int, which: int) -> int:
    days = [day for day in range(1, last_day(year, month) + 1) if datetime(year, month, day).weekday() < 5]
    return days[which]


def friday(year: int, month: int, which: int) -> int:
    return [day for day in range(1, last_day(year, month) + 1) if datetime(year, month, day).weekday() == 4][which]


def sessions(weekdays: tuple[int, ...]) -> Frequency:
    def of(start: datetime) -> Iterator[datetime]:
        for day in days_of(*weekdays)(datetime(start.year, start.month, start.day)):
            yield from (day + timedelta(hours=9, minutes=30 * k) for k in range(5))

    return of


# What it is: the frequency, the steps of its season (0: none), and how many times tell it.
FREQUENCIES: dict[str, tuple[Frequency, int, int]] = {
    "days": (every(days=1), 7, 10),
    "every second day": (every(days=2), 0, 10),
    "every ten days": (every(days=10), 0, 10),
    "weeks": (every(days=7), 52, 10),
    "two weeks": (every(days=14), 26, 10),
    "hours": (every(hours=1), 24, 10),
    "six hours": (every(hours=6), 4, 10),
    "half hours": (every(minutes=30), 48, 10),
    "quarters of an hour": (every(minutes=15), 96, 10),
    "minutes": (every(minutes=1), 0, 10),
    "seven minutes": (every(minutes=7), 0, 10),
    "business days": (days_of(0, 1, 2, 3, 4), 5, 12),
    "days but Sundays": (days_of(0, 1, 2, 3, 4, 5), 6, 30),
    "Sunday to Thursday": (days_of(6, 0, 1, 2, 3), 5, 30),
    "three days a week": (days_of(0, 2, 4), 3, 18),
    "months": (monthly(lambda y, m: 1), 12, 12),
    "month ends": (monthly(last_day), 12, 12),
    "fifteenths": (monthly(lambda y, m: 15), 12, 12),
    "29ths": (monthly(lambda y, m: min(29, last_day(y, m))), 12, 14),
    "30ths": (monthly(lambda y, m: min(30, last_day(y, m))), 12, 12),
    "last business days": (monthly(lambda y, m: business_day(y, m, -1)), 12, 14),
    "first business days": (monthly(lambda y, m: business_day(y, m, 0)), 12, 14),
    "third Fridays": (monthly(lambda y, m: friday(y, m, 2)), 12, 14),
    "last Fridays": (monthly(lambda y, m: friday(y, m, -1)), 12, 14),
    "two months": (monthly(lambda y, m: 1, 2), 6, 10),
    "quarters": (monthly(lambda y, m: 1, 3), 4, 10),
    "quarter ends": (monthly(last_day, 3), 4, 10),
    "last business days of quarters": (monthly(lambda y, m: business_day(y, m, -1), 3), 4, 14),
    "years": (monthly(lambda y, m: 1, 12), 0, 8),
    "year ends": (monthly(last_day, 12), 0, 8),
    "sessions": (sessions((0, 1, 2, 3, 4, 5, 6)), 5, 40),
    "sessions on business days": (sessions((0, 1, 2, 3, 4)), 5, 60),
}
WRITTEN: dict[str, tuple[Callable[[datetime], Any], TimeForm | None]] = {
    "ISO 8601": (lambda moment: moment.isoformat(), None),
    "as pandas does": (str, None),
    "to the minute": (lambda moment: f"{moment:%Y-%m-%dT%H:%M}", None),
    "as datetime": (lambda moment: moment, None),
    "in UTC": (lambda moment: moment.isoformat() + "Z", None),
    "with an offset": (lambda moment: moment.isoformat() + "+05:30", None),
    "day first": (lambda moment: f"{moment:%d/%m/%Y %H:%M}", TimeForm("%d/%m/%Y %H:%M")),
    "day first, without zeros": (
        lambda moment: f"{moment.day}/{moment.month}/{moment:%Y} {moment.hour}:{moment:%M}",
        TimeForm("%d/%m/%Y %H:%M"),
    ),
    "with names": (lambda moment: f"{moment:%d %b %Y %H:%M}", None),
}


@st.composite
def continued(draw: st.DrawFn) -> tuple[str, list[datetime], list[datetime]]:
    """A frequency, times of it from a random start, with a gap or without, and those that follow."""
    name = draw(st.sampled_from(sorted(FREQUENCIES)))
    frequency, _, least = FREQUENCIES[name]
    start = draw(st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1))).replace(second=0, microsecond=0)
    if name not in ("hours", "six hours", "half hours", "quarters of an hour", "minutes", "seven minutes"):
        start = start.replace(hour=0, minute=0)
    n, horizon = draw(st.integers(least, 3 * least)), draw(st.integers(1, 14))
    times = list(islice(frequency(start), n + horizon))
    before = times[:n]
    if draw(st.booleans()):  # enough stays on both sides of a gap to tell the rule
        at = draw(st.integers(2, n))
        before = [*islice(frequency(start), at), *islice(frequency(start), at + draw(st.integers(1, 4)), 2 * n + at)]
        n_all = before.index(before[-1]) + 1
        whole = list(islice(frequency(start), 4 * n + at + horizon))
        end = whole.index(before[n_all - 1]) + 1
        return name, before, whole[end : end + horizon]
    return name, before, times[n:]


@settings(max_examples=400, deadline=None)
@given(continued(), st.sampled_from(sorted(WRITTEN)))
def test_what_follows_is_what_the_calendar_has(case: tuple[str, list[datetime], list[datetime]], written: str) -> None:
    name, before, after = case
    write, form = WRITTEN[written]
    times = [write(moment) for moment in before]
    found = following(times, len(after), form) or []
    if "without zeros" in written:  # a column may have none by which to tell
        found = [write(form.read(one)) for one in found if form]
    assert found == [write(moment) for moment in after]
    assert calendar_season(times, form) == FREQUENCIES[name][1]


@pytest.mark.parametrize("name", FREQUENCIES)
def test_each_frequency_has_its_season_and_no_gap(name: str) -> None:
    frequency, season, _ = FREQUENCIES[name]
    calendar = calendar_of([str(moment) for moment in islice(frequency(datetime(2023, 1, 2)), 80)])
    assert (calendar.season, calendar.n_gaps, calendar.fault) == (season, 0, "")
    assert calendar.words


@pytest.mark.parametrize(
    ("write", "n_months", "season"),
    [
        (lambda y, m: f"{y}-{m:02d}", 1, 12),
        (lambda y, m: f"{y}/{m:02d}", 1, 12),
        (lambda y, m: f"{date(y, m, 1):%b-%y}", 1, 12),
        (lambda y, m: f"{date(y, m, 1):%B %Y}", 1, 12),
        (lambda y, m: 100 * y + m, 1, 12),
        (lambda y, m: f"{y}Q{(m + 2) // 3}", 3, 4),
        (lambda y, m: f"Q{(m + 2) // 3} {y}", 3, 4),
    ],
)
@pytest.mark.parametrize("gap", [(), (5,), (6, 7)])
def test_months_and_quarters_go_on_in_their_form(
    write: Callable[[int, int], Any], n_months: int, season: int, gap: tuple[int, ...]
) -> None:
    months = [(2001 + k // 12, k % 12 + 1) for k in range(0, 30 * n_months, n_months)]
    times = [write(*month) for k, month in enumerate(months[:20]) if k not in gap]
    assert following(times, 10) == [write(*month) for month in months[20:]]
    assert calendar_season(times) == season


def test_weeks_go_on_over_the_end_of_a_year() -> None:
    mondays = list(islice(every(days=7)(datetime(2020, 10, 5)), 30))  # 2020 has 53 weeks
    weeks = [f"{day.isocalendar().year}-W{day.isocalendar().week:02d}" for day in mondays]
    assert "2020-W53" in weeks
    assert following(weeks[:10], 20) == weeks[10:]
    assert calendar_season(weeks) == 52


@pytest.mark.parametrize("minutes", [15, 30, 60])
@pytest.mark.parametrize("start", [datetime(2024, 3, 30, tzinfo=UTC), datetime(2024, 10, 26, tzinfo=UTC)])
@pytest.mark.parametrize("is_zoned", [False, True])
def test_clocks_that_are_set_hide_nothing(minutes: int, start: datetime, is_zoned: bool) -> None:
    """The local clock of Berlin: in March an hour is skipped, in October one comes twice."""
    instants = [start + k * timedelta(minutes=minutes) for k in range(240)]
    local = [one.astimezone(BERLIN) for one in instants]
    clock = [one.isoformat(" ") if is_zoned else f"{one:%Y-%m-%d %H:%M}" for one in local]
    at, fault = times_of(clock)
    assert fault is None
    assert checked_times(at) is None
    assert following(clock[:-5], 5) == clock[-5:]
    assert calendar_season(clock) == 24 * 60 // minutes


def test_days_of_a_zone_go_on_at_their_hour() -> None:
    days = [(datetime(2024, 10, 20, tzinfo=BERLIN) + timedelta(days=k)).isoformat() for k in range(20)]
    assert following(days[:12], 8) == days[12:]
    named = [datetime(2024, 3, 20, tzinfo=BERLIN) + timedelta(days=k) for k in range(20)]
    assert following(named[:5], 15) == named[5:]  # the zone itself is known, and its summer time with it


def test_an_hour_that_comes_twice_is_no_winter_time_by_day() -> None:
    hours = [f"2024-10-27 {hour:02d}:00" for hour in (10, 11, 12, 12, 13, 14)]
    at, fault = times_of(hours)
    assert fault is None
    assert checked_times(at) is not None


def test_opened_saturdays_are_no_rule() -> None:
    days = list(islice(days_of(0, 1, 2, 3, 4)(datetime(2024, 1, 1)), 150))
    saturday = datetime(2024, 3, 16)
    times = [f"{day:%Y-%m-%d}" for day in sorted([*days, saturday])]
    calendar = calendar_of(times)
    assert (calendar.words, calendar.season) == ("business days", 5)
    assert calendar.following(2)[0] == ["2024-07-29", "2024-07-30"]


def test_clocks_kept_in_utc_of_days_by_local_time() -> None:
    """One step of 23 hours among many of 24: the others tell, and the last is as they are."""
    days = [datetime(2024, 3, 1, 6, tzinfo=BERLIN) + timedelta(days=k) for k in range(60)]
    times = [f"{day.astimezone(UTC):%Y-%m-%d %H:%M}" for day in days]
    assert following(times[:-3], 3) == times[-3:]


@pytest.mark.parametrize(
    ("times", "said"),
    [
        ([], "there are no times"),
        (["2024-01-01"], "there is one time only"),
        (["2024-01-01", "2024-01-03", "2024-01-04"], "fewer than half of the steps are the usual one, 1 d"),
        ([1, 2, 4], "fewer than half of the steps are the usual one, 1"),
        ([1, 2, 3, 4.5], "the step from 3 to 4.5 is no multiple of the usual one, 1"),
        (["2024-01-01T00:00", "2024-01-01T01:00", "2024-01-01T02:00", "2024-01-01T03:20"], "no multiple of the usual"),
        (["9999-12-30", "9999-12-31"], "they would pass the year 9999"),
        (["9999-11", "9999-12"], "they would pass the year 9999"),
        (["0001-01-01T00:00+23:00", "0001-01-02T00:00+22:00", "0001-01-03T10:00+22:00"], "at the end of what"),
    ],
)  # fmt: skip
def test_where_nothing_follows_the_reason_is_said(times: list[Any], said: str) -> None:
    found, fault = calendar_of(times).following(3)
    assert found is None
    assert said in fault


def test_gaps_of_numbers_are_passed_over() -> None:
    assert following([1, 2, 3, 5, 6], 2) == [7, 8]
    assert following(["0.5", "0.75", "1.25", "1.5", "1.75"], 1) == [2.0]
    assert calendar_of([10, 20, 30, 60, 70]).n_gaps == 1
    assert calendar_of(["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-06", "2024-01-07"]).n_gaps == 1
