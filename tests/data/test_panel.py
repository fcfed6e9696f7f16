"""Tables of series to forecast: columns found, times continued, and what is refused in one line."""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lstmkit.config.schema import DataConfig
from lstmkit.core.errors import DataError
from lstmkit.data.sources.calendar import calendar_season, following
from lstmkit.data.sources.panel import Panel, load_panel


def panel_of(folder: Path, text: str, name: str = "sales.csv", **data: Any) -> Panel:
    path = folder / name
    path.write_text(text)
    return load_panel(DataConfig(source=str(path), **data))


def test_columns_are_found_and_told(tmp_path: Path) -> None:
    rows = ["store,date,weather,price,y"]
    rows += [f"{s},2024-01-{d:02d},dry,{d},{'' if d == 1 else d + s}" for s in (1, 2) for d in range(1, 9)]
    panel = panel_of(tmp_path, "\n".join(rows) + "\n", series_column="store")
    assert panel.columns == ("y", "price")
    assert [(series.name, len(series)) for series in panel.series] == [("1", 7), ("2", 7)]  # from the first value on
    assert panel.series[1].values[0].tolist() == [4.0, 2.0]
    assert panel.series[1].times[0] == "2024-01-02"
    assert list(panel.decisions) == [
        "target: 'y' (by its name)",
        "series by 'store'; time by 'date'",
        "covariates: price",
        "not read, no numbers: weather",
    ]


def test_one_column_of_numbers_is_enough(tmp_path: Path) -> None:
    panel = panel_of(tmp_path, '{"level": 1}\n{"level": null}\n{"level": 2.5}\n', "river.jsonl")
    assert panel.series[0].name == "river"
    assert list(panel.series[0].times) == [1, 2, 3]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("t,a,b\n1,2,3\n2,3,4\n", "which column is to be forecast? the columns of numbers are 'a', 'b'; name one with"),
        ("t,name\n1,x\n2,y\n", "which column is to be forecast? no column holds numbers; name one with --label-column"),
        (
            "t,y\n1,2\n3,4\n2,5\n",
            "sales.csv:4: times that do not rise ('2' after '3' in column 't'); sort the rows by it, or give "
            "--time-column t, which sorts them, or if these are several series, name the column of their names with "
            "--series-column",
        ),
        ("t,y\n1,2\n1,4\n", "sales.csv:3: a time that occurs twice ('1' after '1' in column 't'); keep one row"),
        ("t,y\n1,2\nsoon,4\n", "sales.csv:3: a time that cannot be read ('soon'"),
        ("t,y\n1,2\n2024-01-02,4\n", "sales.csv:3: numbers and dates in one column of times ('1' and '2024-01-02')"),
        ("t,y\n1,inf\n2,4\n", "sales.csv:2: an infinite value in column 'y'; mend it"),
        ("t,y,z\n" + "1,1,1\n" * 200 + "2,many,1\n", "sales.csv:202: not a number ('many' in column 'y')"),
        ("id,t,y\na,1,1\na,2,2\nb,1,\nb,2,nan\n", "sales.csv:4: every value to predict is missing (series 'b', column"),
        ("t,y\n", "no rows; a row for each step with a number to predict is needed"),
    ],
)
def test_what_cannot_be_read_is_said_in_a_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DataError) as caught:
        panel_of(tmp_path, text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_series_that_cannot_be_used_can_be_left_out(tmp_path: Path) -> None:
    text = "id,t,y\na,1,1\na,2,2\nb,2,5\nb,1,6\nc,1,x\nc,2,1\n"
    panel = panel_of(tmp_path, text, on_bad_row="skip", label_column="y")
    assert [series.name for series in panel.series] == ["a"]
    assert [row["line"] for row in panel.rejected] == [6, 5]


def test_gaps_in_time_are_told(tmp_path: Path) -> None:
    days = [1, 2, 3, 7, 8, 9]
    panel = panel_of(tmp_path, "date,y\n" + "".join(f"2024-01-0{day},{day}\n" for day in days))
    assert panel.decisions[-1].startswith("time: 1 gaps; steps are read one after the other, as if there were none")


def test_times_go_on_as_they_went() -> None:
    day = date(2024, 2, 27)
    assert following([day + timedelta(days=k) for k in range(3)], 2) == [date(2024, 3, 1), date(2024, 3, 2)]
    assert following(["2023-11-30", "2023-12-31", "2024-01-31"], 2) == ["2024-02-29", "2024-03-31"]
    assert following(["2023-09-01", "2023-12-01", "2024-03-01"], 1) == ["2024-06-01"]
    assert following(["2024-01-01T22:00", "2024-01-01T23:00"], 2) == ["2024-01-02T00:00", "2024-01-02T01:00"]
    assert following([datetime(2024, 1, 1, 6), datetime(2024, 1, 2, 6)], 1) == [datetime(2024, 1, 3, 6)]
    assert following(["20231130", "20231231", "20240131"], 2) == ["20240229", "20240331"]
    assert following([20240227, 20240228], 2) == [20240229, 20240301]
    assert following([20240227, 20240299], 1) == [20240371]  # no dates
    assert following([1700, 1701, 1702], 2) == [1703, 1704]
    assert following(["0.5", "0.75"], 2) == [1.0, 1.25]
    assert following(["2024-01-01", "2024-01-03", "2024-01-04"], 1) is None  # irregular
    assert following([1, 2, 4], 1) is None
    assert following([1], 1) is None


def test_the_calendar_tells_a_season() -> None:
    months = [f"{2020 + k // 12}-{k % 12 + 1:02d}-01" for k in range(30)]
    assert calendar_season(months) == 12
    assert calendar_season([date(2024, 1, 1) + timedelta(weeks=k) for k in range(9)]) == 52
    assert calendar_season(["2024-01-01T00:00", "2024-01-01T01:00", "2024-01-01T02:00"]) == 24
    assert calendar_season(list(range(1700, 1800))) == 0
    assert calendar_season([f"202401{day:02d}" for day in range(1, 30)]) == 7
    assert calendar_season([f"202401{day:02d}" for day in range(1, 60)]) == 0
    assert calendar_season([date(2024, 1, 1) + timedelta(days=10 * k) for k in range(9)]) == 0


@pytest.mark.parametrize(
    ("last", "unit", "step", "next_"),
    [("20240131", "seconds", 86_400.0, "20240201"), ("20240132", "numbers", 1.0, 20240132)],
)
def test_compact_dates_are_dates_where_all_of_the_column_are(
    tmp_path: Path, last: str, unit: str, step: float, next_: object
) -> None:
    """The end of the second series decides how the first one's times are read."""
    days = ["20240129", "20240130", "20240131"]
    rows = [f"{name},{day},{k}" for name in "ab" for k, day in enumerate(days if name == "a" else [*days[:2], last])]
    panel = panel_of(tmp_path, "id,date,y\n" + "\n".join(rows) + "\n", label_column="y", on_bad_row="skip")
    assert panel.interval == (step, unit)
    times, form = panel.series[0].times, panel.form
    assert (calendar_season(times, form), following(times, 1, form)) == (7 if unit == "seconds" else 0, [next_])


def test_the_only_column_of_dates_is_the_time_whatever_its_name(tmp_path: Path) -> None:
    rows = [f"{shop},2024-01-{day:02d},{day * day}" for shop in ("a", "b") for day in range(1, 9)]
    panel = panel_of(tmp_path, "shop,day,sales\n" + "\n".join(rows[:8]) + "\n")
    assert (panel.time, panel.columns[0], len(panel.series)) == ("day", "sales", 1)
    two_dates = "made,due,y\n" + "".join(f"2024-01-{k + 1:02d},2024-02-{9 - k:02d},{k * k}\n" for k in range(8))
    with pytest.raises(
        DataError, match="which column has the times\\? 'made', 'due' hold dates; name one with --time-column"
    ):
        panel_of(tmp_path, two_dates)
    assert panel_of(tmp_path, two_dates, time_column="made").time == "made"
