"""Times as people write them: each form read as the one moment that it means, asked about where it means two, written
again as it was."""

import re
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lstmkit.config.schema import DataConfig
from lstmkit.core.errors import DataError, RequestError
from lstmkit.data.sources import load_corpus
from lstmkit.data.sources.dates import PLAIN, TimeForm, form_of, forms_of
from lstmkit.data.sources.times import are_dates, times_of

READ = {
    "year-month": (["1949-01", "1949-12"], datetime(1949, 12, 1)),
    "year/month": (["1949/01", "1949/12"], datetime(1949, 12, 1)),
    "yearMmonth": (["1949M01", "1949M12"], datetime(1949, 12, 1)),
    "numbers of year and month": ([194901, 194912], datetime(1949, 12, 1)),
    "year/month/day": (["2024/01/31", "2024/02/01"], datetime(2024, 2, 1)),
    "year.month.day": (["2024.01.31", "2024.02.01"], datetime(2024, 2, 1)),
    "without zeros": (["2024-1-31", "2024-2-1"], datetime(2024, 2, 1)),
    "without zeros, but for most": (["2024-10-31", "2024-11-30", "2024-12-1"], datetime(2024, 12, 1)),
    "with a clock": (["2024/01/31 9:05", "2024/01/31 10:05"], datetime(2024, 1, 31, 10, 5)),
    "quarter": (["2000Q1", "2000Q2"], datetime(2000, 4, 1)),
    "quarter with a dash": (["2000-Q1", "2000-Q4"], datetime(2000, 10, 1)),
    "quarter with a space": (["2000 Q3", "2000 Q4"], datetime(2000, 10, 1)),
    "quarter first": (["Q3 2000", "Q4 2000"], datetime(2000, 10, 1)),
    "small quarter": (["2000q3", "2000q4"], datetime(2000, 10, 1)),
    "month-year": (["Jan-00", "Feb-00"], datetime(2000, 2, 1)),
    "month year": (["Jan 2000", "Feb 2000"], datetime(2000, 2, 1)),
    "month-long year": (["Jan-2000", "Feb-2000"], datetime(2000, 2, 1)),
    "year month": (["2000 Jan", "2000 Feb"], datetime(2000, 2, 1)),
    "long month": (["April 2000", "May 2000", "June 2000"], datetime(2000, 6, 1)),
    "capitals": (["JAN-00", "FEB-00"], datetime(2000, 2, 1)),
    "day-month-year": (["31-Jan-2024", "01-Feb-2024"], datetime(2024, 2, 1)),
    "month day, year": (["Jan 31, 2024", "Feb 01, 2024"], datetime(2024, 2, 1)),
    "compact": (["20240131", "20240201"], datetime(2024, 2, 1)),
    "compact numbers": ([20240131, 20240201], datetime(2024, 2, 1)),
    "week": (["2024-W05", "2024-W06"], datetime(2024, 2, 5)),
    "compact week": (["2024W05", "2024W06"], datetime(2024, 2, 5)),
    "day of a week": (["2024-W05-7", "2024-W06-1"], datetime(2024, 2, 5)),
    "month first, by one day": (["1/2/2024", "1/13/2024"], datetime(2024, 1, 13)),
    "day first, by one day": (["1/2/2024", "13/2/2024"], datetime(2024, 2, 13)),
    "as a spreadsheet has it": (["1/31/24 0:05", "1/31/24 13:05"], datetime(2024, 1, 31, 13, 5)),
    "noon": (["1/31/2024 9:05 AM", "1/31/2024 1:05 PM"], datetime(2024, 1, 31, 13, 5)),
    "date": ([date(2024, 1, 31), date(2024, 2, 1)], datetime(2024, 2, 1)),
    "zone": (["2024-01-31T00:00Z", "2024-02-01T00:00Z"], datetime(2024, 2, 1, tzinfo=UTC)),
    "space": (["2024-01-31 00:00:00", "2024-02-01 00:00:00"], datetime(2024, 2, 1)),
    "milliseconds": (["2024-01-31 00:00:00.500", "2024-02-01 00:00:00.500"], datetime(2024, 2, 1, 0, 0, 0, 500_000)),
}


@pytest.mark.parametrize("form", READ)
def test_a_form_is_read_and_written_again(form: str) -> None:
    values, last = READ[form]
    (found,) = forms_of(values)
    assert found.read(values[-1]) == last
    moments = [found.read(value) for value in values]
    assert found.write([one for one in moments if isinstance(one, datetime)], values) == values


@pytest.mark.parametrize(
    "values",
    [
        ["0.5", "1"],
        [1.5, 2.5],
        ["1949.01", "1949.12"],
        [1949, 1950],
        ["194913", "194914"],
        ["100001", "100012"],
        ["194901"],
    ],
)
def test_numbers_stay_numbers(values: list[object]) -> None:
    assert forms_of(values) == (PLAIN,)
    assert PLAIN.read(values[0]) == float(str(values[0]))


@pytest.mark.parametrize(
    ("values", "ways"),
    [
        (["1/1/2019", "2/1/2019", "12/1/2019"], ["%d/%m/%Y", "%m/%d/%Y"]),
        (["01-02-2019", "03-04-2019"], ["%d-%m-%Y", "%m-%d-%Y"]),
        (["01/02/03 12:00", "02/02/03 12:00"], ["%d/%m/%y %H:%M", "%m/%d/%y %H:%M", "%y/%m/%d %H:%M"]),
    ],
)
def test_what_means_several_dates_is_asked_about(values: list[str], ways: list[str]) -> None:
    with pytest.raises(DataError) as caught:
        form_of(values, "", "a.csv: column 'd'")
    assert str(caught.value).startswith(
        f"a.csv: column 'd': times such as {values[0]!r} have {len(ways)} readings; say which"
    )
    assert re.findall(r"--date-format '([^']+)'", str(caught.value)) == ways
    for way in ways:
        assert form_of(values, way, "").read(values[0]) == datetime.strptime(values[0], way)
    assert (
        form_of(values, "", "", known=TimeForm(ways[1])).format == ways[1]
    )  # as an earlier table of the source has it


def test_what_was_decided_is_said() -> None:
    assert (
        forms_of(["1/2/2024", "13/2/2024"])[0].note
        == "times are read as '%d/%m/%Y', since '13/2/2024' has no other reading"
    )
    assert forms_of(["Jan-49", "Feb-49"])[0].note == "the year of 'Jan-49' is read as 2049"
    assert forms_of([194901, 194902])[0].note == "times such as 194901 are read as a year and its month"
    assert forms_of(["2024-01-01"])[0].note == ""


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("31.01.2024", "--date-format '%d.%m.%Y' reads such"),
        ("2024-01-01 24:00", "other forms are read with --date-format"),
        ("2024-02-30", "other times of the column have the form"),
        ("0000-01-01", "other times of the column have the form"),
        ("10000-01-01", "a number, 2024-05-01T12:00, 2024-05, 2024Q2 or May 2024 is needed"),
        ("31-Jan", "is needed"),
        ("1-01", "is needed"),
        (True, "is needed"),
        ("1e999", "is needed"),
        (10**400, "is needed"),
        ("9" * 400, "is needed"),
        ([1], "is needed"),
        (None, "is needed"),
    ],
)
def test_what_is_no_time_is_said(value: object, said: str) -> None:
    times, fault = times_of([value, value])
    assert len(times) == 0
    assert fault is not None
    assert (fault.reason, fault.step) == ("a time that cannot be read", 0)
    assert said in fault.detail
    assert len(fault.detail) < 200


@pytest.mark.parametrize(
    ("values", "reason", "step"),
    [
        (["2024-01-01T00:00", "2024-01-01T01:00Z"], "times with and without a zone in one column", 1),
        ([1, 2, "2024-01-01"], "numbers and dates in one column of times", 2),
        (["2024/01/01", "2024/01/02", "2024-W05"], "a time that cannot be read", 2),
    ],
)
def test_a_column_has_times_of_one_sort(values: list[object], reason: str, step: int) -> None:
    _, fault = times_of(values)
    assert fault is not None
    assert (fault.reason, fault.step) == (reason, step)


def test_zones_of_several_offsets_are_one_sort() -> None:
    times, fault = times_of(["2024-10-27T02:00+02:00", "2024-10-27T02:00+01:00"])
    assert fault is None
    assert times[1] - times[0] == 3600


@pytest.mark.parametrize(
    ("format_", "said"),
    [
        ("%Q", "no format of strptime ('Q' is a bad directive"),
        ("%", "no format of strptime (stray %"),
        ("%Y %Y", "no format of strptime"),
        ("date", "no part of a date in it"),
        ("%d %b", "no year in it"),
    ],
)
def test_what_is_no_format_is_refused(format_: str, said: str) -> None:
    with pytest.raises(RequestError, match=re.escape(said)):
        forms_of(["1"], format_)


@pytest.mark.parametrize(
    ("format_", "text", "moment"),
    [
        ("%d.%m.%Y", "31.01.2024", datetime(2024, 1, 31)),
        ("%m/%y", "12/68", datetime(2068, 12, 1)),
        ("%m/%y", "12/69", datetime(1969, 12, 1)),
        ("%Y", "1949", datetime(1949, 1, 1)),
        ("%Y%m", "194901", datetime(1949, 1, 1)),
        ("%Y-%W", "2024-05", datetime(2024, 1, 29)),
        ("%Y, quarter %q", "2024, quarter 3", datetime(2024, 7, 1)),
        ("%Y-%j", "2024-032", datetime(2024, 2, 1)),
        (
            "%d/%m/%Y %H:%M:%S%z",
            "31/01/2024 10:00:00+0100",
            datetime(2024, 1, 31, 10, tzinfo=timezone(timedelta(hours=1))),
        ),
        ("%H:%M", "10:30", datetime(1900, 1, 1, 10, 30)),
    ],
)
def test_a_format_that_was_asked_for(format_: str, text: str, moment: datetime) -> None:
    (form,) = forms_of([text], format_)
    assert form.read(text) == moment
    assert form.write([moment], [text]) == [text]
    for other in ("2024-99-99", "", "x"):
        _, fault = times_of([text, other], form)
        assert fault is not None
        assert (fault.step, fault.detail) == (1, f" ({other!r} does not have the form {format_!r} of --date-format)")


def test_a_column_of_dates_may_have_a_mistake_in_it() -> None:
    days = [f"2024/01/{day:02d}" for day in range(1, 31)]
    assert are_dates([*days, "soon"])
    assert are_dates([*days, "", None])
    assert not are_dates([*days[:5], *"abcd"])
    assert not are_dates([20240131, 20240201])  # numbers, unless their column is named as the time
    assert not are_dates(["1.5", "2"])
    assert not are_dates([])
    assert are_dates(["31.01.2024"], "%d.%m.%Y")
    assert not are_dates(["31.01.2024"])


@given(
    st.lists(st.datetimes(datetime(1000, 1, 1), datetime(9999, 12, 31)), min_size=1, max_size=6),
    st.sampled_from(
        ["%d/%m/%Y %H:%M:%S", "%Y%m%d", "%b %d, %Y", "%j of %Y", "%d-%b-%Y %I:%M %p", "%Y-Q%q", "%G-W%V-%u"]
    ),
)
def test_what_a_format_writes_it_reads(moments: list[datetime], format_: str) -> None:
    form = TimeForm(format_)
    texts = form.write(moments, [form.write([moment], ["-"])[0] for moment in moments])
    assert form.write([one for text in texts if isinstance(one := form.read(text), datetime)], texts) == texts


@pytest.mark.parametrize(("date_format", "said"), [("", "--date-format '%d.%m.%Y'"), ("%d.%m.%Y", ""), ("%Y", "'%Y'")])
def test_a_table_of_series_to_classify_is_read_by_the_format_too(tmp_path: Path, date_format: str, said: str) -> None:
    days = [date(2024, 1, 30) + timedelta(days=k) for k in range(4)]
    rows = [
        f"{name},{day:%d.%m.%Y},{k},{label}" for name, label in ("au", "bv", "cu", "dv") for k, day in enumerate(days)
    ]
    path = tmp_path / "a.csv"
    path.write_text("series_id,time,x,label\n" + "\n".join(rows) + "\n")
    data = DataConfig(source=str(path), date_format=date_format)
    if said:
        with pytest.raises(DataError, match=re.escape(said)) as caught:
            load_corpus(data)
        assert "a.csv:2: a time that cannot be read ('30.01.2024'" in str(caught.value)
    else:
        corpus = load_corpus(data)
        assert (corpus.kind, corpus.interval) == ("series", (86_400, "seconds"))


def test_a_later_table_of_a_source_is_read_as_the_first(tmp_path: Path) -> None:
    for name, first in (("train", date(2024, 1, 10)), ("test", date(2024, 1, 1))):
        days = [first + timedelta(days=k) for k in range(5)]  # of the second table both readings are dates
        rows = [f"{who},{day:%d/%m/%Y},{k},{who[-1]}" for who in ("au", "bv", "cu", "dv") for k, day in enumerate(days)]
        (tmp_path / f"{name}.csv").write_text("series_id,time,x,label\n" + "\n".join(rows) + "\n")
    corpus = load_corpus(DataConfig(source=str(tmp_path)))
    assert corpus.interval == (86_400, "seconds")
    assert {part: len(of) for part, of in corpus.parts.items()} == {"train": 4, "test": 4}
