"""Which columns of a table to forecast are what: as people's tables have them, as asked for, or asked about."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lstmkit.config.schema import DataConfig, TaskConfig
from lstmkit.core.errors import DataError, RequestError
from lstmkit.data.cutting import cut_panel, season_of
from lstmkit.data.panel_info import next_times, panel_lines
from lstmkit.data.sources.panel import Panel, load_panel
from lstmkit.data.sources.panel_columns import PanelColumns

MONTHS = [f"{2019 + k // 12}-{k % 12 + 1:02d}" for k in range(40)]
DAYS = [date(2024, 1, 1) + timedelta(days=k) for k in range(40)]
HOUR = timedelta(hours=1)


def wave(k: int, shop: int = 0) -> float:
    return round(100 + 10 * shop + 9 * np.sin(k / 2) + k % 3, 2)


def written(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Path:
    path.write_text("\n".join([",".join(header), *(",".join(map(str, row)) for row in rows)]) + "\n")
    return path


def read(path: Path, **data: Any) -> Panel:
    return load_panel(DataConfig(source=str(path), **data))


def refused(path: Path, said: str, error: type[Exception] = DataError, **data: Any) -> None:
    with pytest.raises(error) as caught:
        read(path, **data)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def by_shop(shop: str = "shop", time: str = "month", target: str = "units") -> tuple[list[str], list[list[Any]]]:
    """Three shops one after the other, and a covariate."""
    rows = [[name, month, wave(k, at), k % 2] for at, name in enumerate("abc") for k, month in enumerate(MONTHS)]
    return [shop, time, target, "promo"], rows


NAMES = [
    *("unique_id", "item_id", "series_id", "id", "ts_id", "store", "shop", "sku", "product", "Store_ID", "ticker"),
    *(
        "meter_id",
        "Site ID",
        "storeId",
        "STATION",
        "region",
        "warehouse",
    ),  # the last is a text that repeats
]
TIMES = ["ds", "timestamp", "date", "datetime", "month", "week", "year", "quarter", "period", "Monat"]


@pytest.mark.parametrize("shop", NAMES)
@pytest.mark.parametrize("by_time", [False, True])
def test_a_column_that_names_series_is_found(tmp_path: Path, shop: str, by_time: bool) -> None:
    header, rows = by_shop(shop)
    path = written(tmp_path / "a.csv", header, sorted(rows, key=lambda row: row[1]) if by_time else rows)
    panel = read(path, label_column="units")
    assert (panel.series_column, panel.time, panel.columns) == (shop, "month", ("units", "promo"))
    assert [(one.name, len(one), one.times[-1]) for one in panel.series] == [(name, 40, MONTHS[-1]) for name in "abc"]


def test_ids_that_are_numbers_name_series_too_and_are_never_covariates(tmp_path: Path) -> None:
    rows = [[day, store, 3, wave(k, store)] for k, day in enumerate(DAYS) for store in range(300)]
    path = written(tmp_path / "a.csv", ["date", "store", "dept_id", "y"], rows)  # the first 200 rows are one day
    panel = read(path)
    assert (panel.series_column, len(panel.series), panel.columns, panel.left_out) == (
        "store",
        300,
        ("y",),
        ("dept_id",),
    )
    assert "not read, names of things: dept_id" in panel.decisions
    one = read(
        written(tmp_path / "b.csv", ["date", "store_id", "y"], [[day, 7, wave(k)] for k, day in enumerate(DAYS)])
    )
    assert [one.series[0].name, one.columns] == ["7", ("y",)]


@pytest.mark.parametrize("time", TIMES)
def test_a_column_of_times_is_found(tmp_path: Path, time: str) -> None:
    header, rows = by_shop(time=time)
    panel = read(written(tmp_path / "a.csv", header, rows), label_column="units")
    assert (panel.time, len(panel.series), panel.interval) == (time, 3, (31 * 86_400, "seconds"))
    assert season_of(panel, TaskConfig(), DataConfig()) == (12, "12 steps, by the calendar (months)")


def test_a_text_beside_times_that_rise_names_nothing(tmp_path: Path) -> None:
    rows = [[day, "dry" if k % 3 else "wet", wave(k)] for k, day in enumerate(DAYS)]
    panel = read(written(tmp_path / "a.csv", ["date", "weather", "y"], rows))
    assert (panel.series_column, len(panel.series), panel.left_out) == ("", 1, ("weather",))


def test_what_names_series_is_asked_about_where_several_columns_may(tmp_path: Path) -> None:
    both = [[day, store, item, wave(k, store)] for k, day in enumerate(DAYS) for store in (1, 2) for item in (1, 2, 3)]
    path = written(tmp_path / "a.csv", ["date", "store", "item", "sales"], both)
    refused(path, "'store' and 'item' together tell them apart; add one column that joins these, such as 1/1")
    joined = [[day, f"{store}/{item}", value] for day, store, item, value in both]
    panel = read(written(tmp_path / "b.csv", ["date", "key", "sales"], joined))
    assert (panel.series_column, len(panel.series)) == ("key", 6)
    assert "series by 'key': its names repeat, and each has its own times" in panel.decisions
    twice = [[day, name, name.upper(), wave(k)] for name in ("north", "south") for k, day in enumerate(DAYS)]
    path = written(tmp_path / "c.csv", ["date", "filiale", "ort", "sales"], twice)
    refused(path, "'filiale', 'ort' may name them; name the column with --series-column filiale")
    assert len(read(path, series_column="ort").series) == 2
    assert len(read(path, series_column="2").series) == 2  # by its number
    untold = [[day, "x", wave(k)] for k, day in enumerate([*DAYS, *DAYS])]
    refused(written(tmp_path / "d.csv", ["date", "kind", "y"], untold), "several rows have one time in column 'date'")
    none = [[day, wave(k)] for k, day in enumerate([*DAYS, *DAYS])]
    refused(written(tmp_path / "e.csv", ["date", "y"], none), "name the column of their names with --series-column")
    no_times = [[store, item, wave(k)] for k in range(9) for store in (1, 2) for item in (1, 2)]
    path = written(tmp_path / "f.csv", ["store", "item", "y"], no_times)
    refused(
        path, "which column names the series? 'store', 'item' have values that repeat; name one with --series-column"
    )


def test_what_is_asked_for_is_used_or_refused(tmp_path: Path) -> None:
    header, rows = by_shop()
    path = written(tmp_path / "a.csv", header, rows)
    refused(path, "no column 'shops'; there are 'shop', 'month', 'units', 'promo'", series_column="shops")
    refused(path, "no column 'when'", time_column="when")
    refused(path, "no column '9'", label_column="9")
    refused(path, "column 'shop' does not hold numbers", label_column="shop")
    refused(path, "is the column of times too", RequestError, label_column="month", time_column="month")
    refused(path, "no year in it", RequestError, date_format="%d.%m.")
    refused(path, "no column holds such dates", label_column="units", date_format="%d.%m.%Y")
    numbered = read(path, series_column="1", time_column="2", label_column="3")
    assert numbered.columns == ("units", "promo")
    assert (numbered.series_column, numbered.time) == ("shop", "month")


@pytest.mark.parametrize("name", ["", "Unnamed: 0", "index"])
def test_an_unnamed_index_is_left_out_and_named(tmp_path: Path, name: str) -> None:
    rows = [[k, day, wave(k)] for k, day in enumerate(DAYS)]
    panel = read(written(tmp_path / "a.csv", [name, "date", "y"], rows))
    assert (panel.columns, panel.time, panel.left_out) == (("y",), "date", (name or "column 1",))
    assert f"not read, no name, as of an index: {name or 'column 1'}" in panel.decisions
    assert read(written(tmp_path / "b.csv", [name, "y"], [row[::2] for row in rows])).columns == ("y",)


@pytest.mark.parametrize("name", ["", "Unnamed: 0"])
def test_an_unnamed_column_of_dates_is_the_time(tmp_path: Path, name: str) -> None:
    rows = [[f"2015-{k % 12 + 1:02d}-01".replace("2015", str(2015 + k // 12)), wave(k)] for k in range(40)]
    panel = read(written(tmp_path / "a.csv", [name, "sales"], rows))
    called = name or "column 1"
    assert (panel.time, panel.columns, panel.series[0].times[0]) == (called, ("sales",), "2015-01-01")
    shuffled = [rows[k] for k in np.random.default_rng(0).permutation(len(rows))]
    path = written(tmp_path / "b.csv", [name, "sales"], shuffled)
    way = "1" if not name else "'Unnamed: 0'"
    refused(path, f"in column '{called}'); sort the rows by it, or give --time-column {way}, which sorts them")
    ordered = read(path, time_column="1")
    np.testing.assert_array_equal(ordered.series[0].values, panel.series[0].values)
    assert list(ordered.series[0].times) == list(panel.series[0].times)
    assert f"order: rows are sorted by '{called}', as its column was asked for" in ordered.decisions
    assert ordered.reading == {"series": "", "time": called, "sort": True}
    twice = written(tmp_path / "c.csv", [name, "sales"], [*shuffled, shuffled[0]])
    refused(twice, "a time that occurs twice", time_column="1")


def test_newest_first_is_refused_until_its_column_is_named(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", ["date", "y"], [[day, wave(k)] for k, day in enumerate(DAYS)][::-1])
    refused(
        path, "a.csv:3: times that do not rise ('2024-02-08' after '2024-02-09' in column 'date'); sort the rows by it"
    )
    assert read(path, time_column="date").series[0].values[:, 0].tolist() == [wave(k) for k in range(40)]


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", ["date", "y", "y"], [[day, 1, 2] for day in DAYS])
    refused(path, "2 columns are named 'y'")


def test_parts_of_a_time_are_asked_about(tmp_path: Path) -> None:
    rows = [[2019 + k // 12, k % 12 + 1, wave(k)] for k in range(40)]
    refused(
        written(tmp_path / "a.csv", ["year", "month", "y"], rows), "'year' and 'month' are parts of the time; write the"
    )
    counted = read(written(tmp_path / "b.csv", ["week", "y"], [[k + 1, wave(k)] for k in range(60)]))
    assert (counted.time, counted.columns, counted.interval) == ("week", ("y",), (1.0, "numbers"))
    of_year = read(
        written(tmp_path / "c.csv", ["date", "week", "y"], [[day, k // 7, wave(k)] for k, day in enumerate(DAYS)])
    )
    assert (of_year.time, of_year.columns) == ("date", ("y", "week"))
    refused(
        written(
            tmp_path / "d.csv", ["Month", "Sales"], [[f"{k // 12 + 1}-{k % 12 + 1:02d}", wave(k)] for k in range(30)]
        ),
        "d.csv:2: a time that cannot be read ('1-01'",
    )


def test_numbers_and_dates_of_another_country(tmp_path: Path) -> None:
    rows = [[f"{k % 12 + 1}/1/{2019 + k // 12}", "a", f'"{k or 1},{k:03d}"'] for k in range(40)]
    path = written(tmp_path / "a.csv", ["Date", "Store", "Sales"], rows)
    for asked in ({}, {"label_column": "Sales"}):
        with pytest.raises(DataError) as caught:
            read(path, **asked)
        assert "--thousands ','" in str(caught.value)
        assert "--date-format '%d/%m/%Y' or --date-format '%m/%d/%Y'" in str(caught.value)
    refused(path, "have 2 readings; say which with --date-format '%d/%m/%Y'", thousands=",", label_column="Sales")
    panel = read(path, thousands=",", date_format="%m/%d/%Y")
    assert (panel.columns, panel.series[0].values[1, 0], panel.interval) == (
        ("Sales",),
        1001.0,
        (31 * 86_400, "seconds"),
    )
    assert next_times(panel, 2) == "5/1/2022, 6/1/2022, … (months)"
    refused(
        path,
        "('1/1/2019' does not have the form '%Y' of --date-format)",
        thousands=",",
        date_format="%Y",
        time_column="1",
    )


@pytest.mark.parametrize(
    ("day_of", "form", "first_of_february"),
    [
        (lambda day: f"{day:%d/%m/%Y}", "%d/%m/%Y", "01/02/2024"),
        (lambda day: f"{day.month}/{day.day}/{day:%Y}", "%m/%d/%Y", "2/1/2024"),
    ],
)
def test_a_day_beyond_the_twelfth_tells_and_a_run_remembers(
    tmp_path: Path, day_of: Callable[[date], str], form: str, first_of_february: str
) -> None:
    header, rows = ["date", "y"], [[day_of(day), wave(k)] for k, day in enumerate(DAYS)]
    panel = read(written(tmp_path / "a.csv", header, rows[:31]))
    assert f"times are read as '{form}'" in " ".join(panel.decisions)
    assert next_times(panel, 1).startswith(first_of_february)
    short = written(tmp_path / "b.csv", header, rows[:12])
    refused(short, "have 2 readings")
    columns = PanelColumns.of_run(panel.columns, json.loads(json.dumps(panel.reading)))
    assert next_times(load_panel(DataConfig(source=str(short)), columns), 1).startswith(day_of(DAYS[12]))
    iso = written(tmp_path / "c.csv", header, [[day, wave(k)] for k, day in enumerate(DAYS)])
    assert next_times(load_panel(DataConfig(source=str(iso)), columns), 1).startswith("2024-02-10")


def test_dates_that_nothing_but_a_format_reads(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", ["day", "y"], [[f"{day:%d.%m.%Y}", wave(k)] for k, day in enumerate(DAYS)])
    refused(path, "a.csv:2: a time that cannot be read ('01.01.2024'; a number,", time_column="day")
    refused(path, "--date-format '%d.%m.%Y' reads such", time_column="day")
    panel = read(path, date_format="%d.%m.%Y")
    assert next_times(panel, 1) == "10.02.2024, … (days)"
    rows = [[f"{day:%d.%m.%Y}" if k != 20 else "31.02.2024", wave(k)] for k, day in enumerate(DAYS)]
    bad = written(tmp_path / "b.csv", ["day", "y"], rows)
    refused(bad, "b.csv:22: a time that cannot be read ('31.02.2024' does not have the form", date_format="%d.%m.%Y")


# ---- a column a series

WIDE = [[month, *(wave(k, shop) for shop in range(4))] for k, month in enumerate(MONTHS)]
SHOPS = ["Berlin", "Wien", "Paris", "Oslo"]


def test_each_column_is_a_series_when_asked(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", ["", "month", *SHOPS], [[k, *row] for k, row in enumerate(WIDE)])
    refused(path, "name one with --label-column, or forecast each with --label-column '*'")
    one = read(path, label_column="Wien")
    assert one.columns == ("Wien", "Berlin", "Paris", "Oslo")
    said = "covariates: Berlin, Paris, Oslo (if they are series of their own, --label-column '*' forecasts each)"
    assert said in one.decisions
    assert (one.layout, one.found.channels) == ("panel", ("Berlin", "Paris", "Oslo"))
    panel = read(path, label_column="*")
    assert [one.name for one in panel.series] == SHOPS
    assert (panel.layout, panel.columns, panel.time, panel.left_out) == (
        "panel-wide",
        ("value",),
        "month",
        ("column 1",),
    )
    assert asdict(panel.found) == {
        **{"text": "", "label": "*", "series": "", "time": "month"},
        **{"channels": tuple(SHOPS), "left_out": ("column 1",)},
    }
    assert panel.series[2].values[5].tolist() == [wave(5, 2)]
    assert panel.fingerprint != one.fingerprint
    later = written(tmp_path / "b.csv", ["month", "Rom", "note"], [[*row[:2], "x"] for row in WIDE])
    again = load_panel(DataConfig(source=str(later)), PanelColumns.of_run(panel.columns, panel.reading))
    assert [(one.name, len(one)) for one in again.series] == [("Rom", 40)]


def test_columns_that_begin_late_or_end_early(tmp_path: Path) -> None:
    rows = [[row[0], row[1], row[2] if k > 5 else "", row[3] if k < 30 else "", ""] for k, row in enumerate(WIDE)]
    path = written(tmp_path / "a.csv", ["month", "whole", "late", "short", "empty"], rows)
    panel = read(path, label_column="*")  # a column without a value is none of numbers
    assert [(one.name, len(one), one.times[0], one.times[-1]) for one in panel.series] == [
        ("whole", 40, MONTHS[0], MONTHS[-1]),
        ("late", 34, MONTHS[6], MONTHS[-1]),
        ("short", 30, MONTHS[0], MONTHS[29]),
    ]
    assert "series: 1 end before the table; each is forecast from its last value" in panel.decisions
    assert panel.left_out == ("empty",)


def test_what_keeps_columns_from_being_series_is_said(tmp_path: Path) -> None:
    rows = [[row[0], row[1], "oops" if k == 20 else row[2]] for k, row in enumerate(WIDE)]
    path = written(tmp_path / "a.csv", ["month", "a", "b"], rows)
    refused(path, "a.csv:22: not a number ('oops' in column 'b')", label_column="*")
    skipped = read(path, label_column="*", on_bad_row="skip")
    assert ([one.name for one in skipped.series], [row["line"] for row in skipped.rejected]) == (["a"], [22])
    refused(path, "leave one out", RequestError, label_column="*", series_column="a")
    falling = written(tmp_path / "b.csv", ["month", "a", "b"], [row[:3] for row in WIDE[::-1]])
    refused(falling, "b.csv:3: times that do not rise", label_column="*")
    assert [one.times[0] for one in read(falling, label_column="*", time_column="month").series] == [MONTHS[0]] * 2
    texts = written(tmp_path / "c.csv", ["month", "a"], [[month, "x"] for month in MONTHS])
    refused(texts, "no column holds numbers", label_column="*")
    rows = [[month, f'"{1 + k},000.5"'] for k, month in enumerate(MONTHS)]
    grouped = written(tmp_path / "d.csv", ["month", "a"], rows)
    refused(grouped, "read 'a' with --thousands ','", label_column="*")


# ---- seasons, gaps and what follows


def test_business_days_have_five_to_a_season_and_no_gaps(tmp_path: Path) -> None:
    days = [day for k in range(150) if (day := date(2024, 1, 1) + timedelta(days=k)).weekday() < 5]
    del days[40]  # a holiday
    panel = read(written(tmp_path / "a.csv", ["date", "y"], [[day, wave(k)] for k, day in enumerate(days)]))
    assert season_of(panel, TaskConfig(), DataConfig()) == (5, "5 steps, by the calendar (business days)")
    assert cut_panel(panel, TaskConfig(horizon=5), DataConfig()).encoder.season == 5
    assert [line for line in panel.decisions if "gaps" in line] == [
        "time: 1 gaps; steps are read one after the other, as if there were none (give a row with an empty value for "
        "each step that is missing)"
    ]
    lines = list(panel_lines(panel, season_of(panel, TaskConfig(), DataConfig())))
    assert "  season: 5 steps, by the calendar (business days)" in lines
    assert "  next times: 2024-05-30, 2024-05-31, 2024-06-03, … (business days)" in lines


def test_the_season_and_its_reason(tmp_path: Path) -> None:
    hours = [[datetime(2024, 1, 1) + k * HOUR, wave(k)] for k in range(60)]
    panel = read(written(tmp_path / "a.csv", ["time", "y"], hours))
    assert season_of(panel, TaskConfig(season=3), DataConfig()) == (3, "3 steps, as asked")
    assert season_of(panel, TaskConfig(season=1), DataConfig()) == (1, "none, as asked")
    assert season_of(panel, TaskConfig(), DataConfig()) == (24, "24 steps, by the calendar (every 1 h)")
    short = read(written(tmp_path / "b.csv", ["time", "y"], hours[:20]))
    season, why = season_of(short, TaskConfig(), DataConfig())
    assert season < 24
    assert "; the 24 of the calendar (every 1 h) are more than the 14 steps to learn from" in why
    tiny = read(written(tmp_path / "c.csv", ["time", "y"], hours[:3]))
    assert season_of(tiny, TaskConfig(), DataConfig()) == (1, "none, as all series are too short to learn from")


def test_the_table_is_told_with_what_follows_or_why_nothing_does(tmp_path: Path) -> None:
    rows = [["a", DAYS[0], 1.0], *(["b", day, wave(k)] for k, day in enumerate(DAYS))]
    panel = read(written(tmp_path / "a.csv", ["id", "date", "y"], rows))
    (line,) = [line for line in panel_lines(panel, (1, "none")) if "next times" in line]
    assert line == "  next times: 2024-02-10, 2024-02-11, 2024-02-12, … (days), of series 'b'; none of 1 others"
    days = [DAYS[k] for k in (0, 1, 4, 8, 9, 15, 22)]
    alone = read(written(tmp_path / "b.csv", ["date", "y"], [[day, wave(k)] for k, day in enumerate(days)]))
    (line,) = [line for line in panel_lines(alone, (1, "none")) if "next times" in line]
    assert line.startswith("  next times: none can be told (the step from ")


def test_a_clock_that_is_set_back_is_read_and_told(tmp_path: Path) -> None:
    from zoneinfo import ZoneInfo

    local = [(datetime(2024, 10, 25, tzinfo=UTC) + k * HOUR).astimezone(ZoneInfo("Europe/Berlin")) for k in range(90)]
    path = written(
        tmp_path / "a.csv", ["time", "y"], [[f"{one:%Y-%m-%d %H:%M}", wave(k)] for k, one in enumerate(local)]
    )
    panel = read(path)
    assert panel.decisions[-1] == "time: a clock is set back 1×; the hour that comes twice is read as two hours"
    assert next_times(panel, 1) == f"{local[-1] + HOUR:%Y-%m-%d %H:%M}, … (every 1 h)"
    doubled = written(tmp_path / "b.csv", ["time", "y"], [[f"2024-10-27 {h:02d}:00", h] for h in (8, 9, 10, 10, 11)])
    refused(doubled, "b.csv:5: a time that occurs twice ('2024-10-27 10:00' after '2024-10-27 10:00'")


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_formats_of_one_table_agree(tmp_path: Path, suffix: str) -> None:
    header, rows = by_shop("store_id")
    path = tmp_path / f"a.{suffix}"
    if suffix == "csv":
        written(path, header, rows)
    elif suffix == "jsonl":
        path.write_text("".join(json.dumps(dict(zip(header, row, strict=True))) + "\n" for row in rows))
    else:
        pyarrow = pytest.importorskip("pyarrow")
        columns = {name: [row[k] for row in rows] for k, name in enumerate(header)}
        pytest.importorskip("pyarrow.parquet").write_table(pyarrow.table(columns), path)
    panel = read(path, label_column="units")
    assert (panel.series_column, panel.time, panel.columns) == ("store_id", "month", ("units", "promo"))
    assert [one.values[3].tolist() for one in panel.series] == [[wave(3, shop), 1.0] for shop in range(3)]
    assert next_times(panel, 1) == "2022-05, … (months), of series 'a'"
