"""Forecasts through the commands: trained, killed to the same bits, predicted, scored again, refused in a line."""

import csv
import json
import math
import re
import signal
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from lstmkit import load
from lstmkit.cli.main import run
from lstmkit.core.errors import DataError
from lstmkit.train import loop

SMALL = [
    *("--task", "forecast", "--horizon", "3", "--threads", "1", "--epochs", "2"),
    *("--set", "model.hidden_size=8", "--set", "model.embedding_size=4"),
]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def sales(tmp_path: Path) -> Path:
    """Two shops by month, one with gaps, and a covariate."""
    path = tmp_path / "sales.csv"
    random = np.random.default_rng(0)
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["id", "date", "y", "price"])
        for shop in ("a", "b"):
            for k in range(60):
                y = 100 + 10 * math.sin(math.pi * k / 6) + random.standard_normal()
                gap = shop == "b" and k in (20, 21)
                table.writerow([shop, f"{2015 + k // 12}-{k % 12 + 1:02d}-01", "" if gap else round(y, 2), k % 5])
    return path


def lines_of(path: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def test_a_run_and_all_that_follows(sales: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", str(sales), "--out", "a", *SMALL]) == 0
    out, err = capsys.readouterr()
    assert "Epoch 1/2 - Loss: " in out
    assert "ccuracy" not in out
    assert "seasonal-naive" in out
    assert "season: 12 steps, by the calendar" in err
    assert "By MASE the network" in err
    history = lines_of("a/history.jsonl")
    assert [(row["train_accuracy"], row["valid_accuracy"]) for row in history] == [(None, None)] * 2
    evaluation = json.loads(Path("a/evaluation.json").read_text())
    assert (evaluation["task"], evaluation["n"], evaluation["n_series"], evaluation["season"]) == (
        "forecast",
        14,
        2,
        12,
    )
    assert set(evaluation["baselines"]) == {"naive", "seasonal_naive"}
    predictions = lines_of("a/predictions.jsonl")
    assert len(predictions) == 14
    assert predictions[0]["origin"] == "2019-03-01"
    page = Path("a/report.html").read_text()
    assert "By MASE the network" in page
    assert page.count('id="forecast_') == 0 or "Forecasts over the truth" in page
    assert {path.name for path in Path("a/plots").glob("*.png")} == {
        *("loss.png", "error_by_step.png", "forecast_1.png", "forecast_2.png")
    }

    assert run(["evaluate", "a"]) == 0
    out, err = capsys.readouterr()
    assert "agrees with evaluation.json" in err
    assert json.loads(out)["mase"] == evaluation["mase"]
    assert run(["evaluate", "a", str(sales)]) == 0
    assert json.loads(capsys.readouterr().out)["n"] == 2 * (60 - 12 - 3 + 1)
    Path("a/report.html").unlink()
    assert run(["report", "a"]) == 0
    assert Path("a/report.html").read_text() == page

    assert run(["predict", "a", "--input", str(sales)]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()[1:]]
    assert [(row["series"], row["step"], row["time"]) for row in rows[:3]] == [
        ("a", 1, "2020-01-01"), ("a", 2, "2020-02-01"), ("a", 3, "2020-03-01")
    ]  # fmt: skip
    assert all(row["q10"] <= row["q50"] <= row["q90"] for row in rows)
    assert run(["predict", "a", "--input", str(sales), "--output", "next.csv"]) == 0
    assert Path("next.csv").read_text().startswith("series,step,time,q10,q50,q90\na,1,2020-01-01,")

    model = load("a")
    with sales.open() as file:
        own = [[float(row["y"] or "nan"), float(row["price"])] for row in csv.DictReader(file) if row["id"] == "a"]
    answer = model.predict_quantiles([own])
    np.testing.assert_allclose(answer[0, :, 1], [row["q50"] for row in rows[:3]], rtol=1e-6)
    np.testing.assert_array_equal(model.predict([own]), answer[..., 1])
    assert model.predict([]).shape == (0, 3)
    with pytest.raises(DataError, match="series 0 has 5 steps from its first value on; this model reads 12 or more"):
        model.predict([own[:5]])
    with pytest.raises(DataError, match="example 0 has 1 channel, 2 are read"):
        model.predict([[1.0, 2.0]])


def test_a_run_that_was_interrupted_ends_with_the_same_bits(sales: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = ["train", str(sales), *SMALL, "--set", "train.refit=false", "--set", "model.head_dropout=0.5"]
    assert run([*command, "--out", "whole"]) == 0
    step = loop.train_step
    calls = []

    def killing(*arguments: object) -> object:
        calls.append(1)
        if len(calls) == 7:
            signal.raise_signal(signal.SIGINT)
        return step(*arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(loop, "train_step", killing)
        assert run([*command, "--out", "cut"]) == 130
    assert not Path("cut/evaluation.json").exists()
    assert run([*command, "--out", "cut", "--resume"]) == 0
    losses = [
        [(row["train_loss"], row["valid_loss"]) for row in lines_of(f"{name}/history.jsonl")]
        for name in ("cut", "whole")
    ]
    assert losses[0] == losses[1]
    for name in ("model/model.safetensors", "predictions.jsonl", "evaluation.json"):
        assert Path("cut", name).read_bytes() == Path("whole", name).read_bytes()


def test_the_future_changes_no_bit_of_the_model(sales: Path) -> None:
    """What stands in the test part does not reach the weights, whatever it is."""
    rows = sales.read_text().splitlines()
    poisoned = [rows[0]]
    for k, row in enumerate(rows[1:]):
        id_, date, _, price = row.split(",")
        poisoned.append(f"{id_},{date},9e20,{price}" if k % 60 >= 51 else row)
    Path("poisoned.csv").write_text("\n".join(poisoned) + "\n")
    assert run(["train", str(sales), "--out", "a", *SMALL]) == 0
    assert run(["train", "poisoned.csv", "--out", "b", *SMALL]) == 0
    assert Path("a/model/model.safetensors").read_bytes() == Path("b/model/model.safetensors").read_bytes()
    assert Path("a/history.jsonl").read_text() != ""


def test_what_a_forecast_cannot_be_asked(sales: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", str(sales), "--out", "a", *SMALL]) == 0
    task = ["--set", "task.goal=forecast", "--set", "task.horizon=3"]
    for words, said in (
        (["analyze", "a"], "the model forecasts series, and one that classifies is needed here"),
        (["explain", "a", "hello"], "the model forecasts series, and one that classifies is needed here"),
        (["explain", "a", "--id", "a@2019-03-01"], "its task is forecast, and this is for classifiers"),
        (["predict", "a", "hello"], "the model forecasts series, and one that classifies is needed here"),
        (["predict", "a", "--input", "-"], "cannot come through a pipe"),
        (
            ["predict", "a", "--input", str(sales), "--text-column", "y"],
            "--text-column has no meaning for a, which forecasts the series of a table; leave it out",
        ),
        (
            ["predict", "a", "--input", str(sales), "--input-format", "csv"],
            "--input-format has no meaning for a, which",
        ),
        (["evaluate", "a", "--earliness"], "--earliness has no meaning for a, which forecasts series; leave it out"),
        (["lab", str(sales), *task], "task.goal = 'forecast': this command is for classifiers"),
        (["compare", str(sales), *task], "task.goal = 'forecast': this command is for classifiers"),
        (["train", str(sales), "--task", "forecast"], "a forecast looks 1 or more steps ahead; say how many with"),
        (["train", str(sales), "--task", "forecast", "--horizon", "0"], "a forecast looks 1 or more steps ahead"),
        (["train", str(sales), "--task", "forecast", "--horizon", "-2"], "task.horizon = -2: input should be greater"),
        (
            ["train", str(sales), "--task", "forecast", "--horizon", "40"],
            "series 'a' has 60 steps; a horizon of 40 needs",
        ),
        (
            ["train", str(sales), "--task", "forecast", "--horizon", "3", "--label-column", "date"],
            "does not hold numbers",
        ),
        (["train", "digits", "--task", "forecast", "--horizon", "3"], "digits: no table; a forecast reads .csv"),
    ):
        capsys.readouterr()
        assert run(words) == 2, words
        error = capsys.readouterr().err
        assert said in error, words
        assert error.count("error: ") == 1
    assert not any(Path("runs").iterdir())


def days(path: str, step: int, names: str = "ab") -> str:
    """Series of 40 dates, so many days apart."""
    begin = date(2020, 1, 1)
    rows = [f"{name},{begin + timedelta(days=step * k)},{k % 7},{k % 5}\n" for name in names for k in range(40)]
    Path(path).write_text("id,date,y,price\n" + "".join(rows))
    return path


def test_series_sampled_otherwise_than_the_forecaster_s_are_refused(
    sales: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["train", str(sales), "--out", "a", *SMALL]) == 0
    said = "another sampling interval (1 d; the model's is 31 d)"
    for words in (["predict", "a", "--input", days("days.csv", 1)], ["evaluate", "a", "days.csv"]):
        capsys.readouterr()
        assert run(words) == 2
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert f"days.csv:2: {said} (2 such rows); mend it" in err
    with Path("days.csv").open("a") as file:
        file.writelines(Path(days("months.csv", 30, "c")).read_text().splitlines(keepends=True)[1:])
    for words in (["predict", "a", "--input", "days.csv"], ["evaluate", "a", "days.csv"]):
        assert run([*words, "--on-bad-row", "skip"]) == 0
        assert f"skipped days.csv:42: {said}" in capsys.readouterr().err


def test_one_panel_has_one_sampling_interval(capsys: pytest.CaptureFixture[str]) -> None:
    mixed = Path(days("mixed.csv", 1, "abc"))
    with mixed.open("a") as file:
        file.writelines(Path(days("weeks.csv", 7, "d")).read_text().splitlines(keepends=True)[1:])
    assert run(["train", "mixed.csv", "--label-column", "y", *SMALL]) == 2
    assert "mixed.csv:122: another sampling interval (7 d; most have 1 d)" in capsys.readouterr().err


def test_a_series_that_is_too_short_or_empty_is_skipped(sales: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", str(sales), "--out", "a", *SMALL]) == 0
    table = sales.read_text().splitlines()
    short = [f"short,2020-0{k}-01,{k},1" for k in (1, 2, 3)]
    empty = [f"empty,2020-{k:02d}-01,,1" for k in range(1, 13)]
    Path("new.csv").write_text("\n".join([table[0], *short, *table[1:], *empty]) + "\n")
    for words in (["predict", "a", "--input", "new.csv"], ["evaluate", "a", "new.csv"]):
        capsys.readouterr()
        assert run(words) == 2
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert run([*words, "--on-bad-row", "skip"]) == 0
        out, err = capsys.readouterr()
        assert "skipped new.csv:2: series 'short' has 3 steps" in err
        assert "skipped new.csv:125: every value to predict is missing" in err
    capsys.readouterr()
    assert run(["predict", "a", "--input", "new.csv", "--on-bad-row", "skip"]) == 0
    out = capsys.readouterr().out
    assert run(["predict", "a", "--input", str(sales)]) == 0
    assert capsys.readouterr().out == out
    Path("short.csv").write_text("\n".join([table[0], *short]) + "\n")
    for skip in ([], ["--on-bad-row", "skip"]):
        assert run(["predict", "a", "--input", "short.csv", *skip]) == 2
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert "short.csv:2: series 'short' has 3 steps from its first value on; this model reads 12 or more" in err
    assert "no series is usable, so none can be skipped" in err


def test_a_part_without_a_known_value_is_refused_in_a_line(sales: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = sales.read_text().splitlines()
    gone = [
        rows[0],
        *(",".join([*row.split(",")[:2], "", "1"]) if k % 60 >= 51 else row for k, row in enumerate(rows[1:])),
    ]
    Path("gone.csv").write_text("\n".join(gone) + "\n")
    assert run(["train", "gone.csv", "--label-column", "y", *SMALL]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith(
        "error: gone: no value of 'y' is known in the test part that could be forecast; give longer"
    )


def test_another_table_is_scored_from_where_the_rules_beside_it_can_say_something(
    sales: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["train", str(sales), "--out", "a", *SMALL, "--set", "task.base=last"]) == 0
    capsys.readouterr()
    assert run(["evaluate", "a", str(sales)]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["n"] == 2 * (60 - 12 - 3 + 1)
    assert set(record["baselines"]) == {"naive", "seasonal_naive"}
    Path("short.csv").write_text("\n".join(sales.read_text().splitlines()[:15]) + "\n")
    assert run(["evaluate", "a", "short.csv"]) == 2
    assert "has 14 steps; a horizon of 3 needs 15 or more to be scored" in capsys.readouterr().err


def test_few_origins_have_no_interval_and_every_place_says_so(sales: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = sales.read_text().splitlines()
    sales.write_text("\n".join([lines[0], *(line for line in lines[1:] if line.startswith("a,"))]) + "\n")
    asked = [word if word != "3" else "8" for word in SMALL]
    assert run(["train", str(sales), "--out", "a", *asked]) == 0
    out, err = capsys.readouterr()
    assert "none: one span" in out
    assert "there is no interval, and nothing is shown for other spans" in err
    record = json.loads(Path("a/evaluation.json").read_text())
    assert (record["n"], record["n_spans"]) == (2, 1)
    assert record["mase_ci95"] is None
    assert record["mase_difference_ci95"] is None
    page = Path("a/report.html").read_text()
    assert page.count("no interval") > 10
    assert "0 to 0" not in page


def test_data_info_shows_a_table_to_forecast(sales: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with sales.open("a") as file:
        file.write("c,2015-01-01,,1\nd,2015-02-01,7,1\nd,2015-03-01,7,1\n")
    assert run(["data", "info", str(sales), "--task", "forecast"]) == 0
    out = capsys.readouterr().out
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines[0] == "sales: a table to forecast; 31 d between two steps"
    assert "series by 'id'; time by 'date'" in lines
    assert any(re.fullmatch(r"y \(forecast\) 9[89]\.\d+ .* 7 1\d\d\.?\d* 1\.6%", line) for line in lines)
    assert "3 series, 122 steps; the shortest has 2, the longest 60" in lines
    assert "b 60 2015-01-01 2019-12-01 3.3%" in lines
    assert "series that do not change: 1 (such as d)" in lines
    assert "rejected series: 1" in lines
    assert lines[-1] == "sales.csv:122: every value to predict is missing (series 'c', column 'y')"


def test_each_column_a_series_in_all_commands(capsys: pytest.CaptureFixture[str]) -> None:
    """Train, predict and evaluate read a column a series; times go on in the form of the table."""
    months = [f"{2015 + k // 12}/{k % 12 + 1:02d}" for k in range(60)]
    rows = [
        [month, *(f"{100 * shop + 9 * math.sin(k / 2):.2f}" for shop in (1, 2, 3))] for k, month in enumerate(months)
    ]
    Path("wide.csv").write_text("\n".join(["month,north,south,west", *map(",".join, rows)]) + "\n")
    assert run(["train", "wide.csv", "--out", "a", "--label-column", "*", *SMALL]) == 0
    assert "season: 12 steps, by the calendar (months)" in capsys.readouterr().err
    assert load("a").columns == ["value"]
    assert run(["predict", "a", "--input", "wide.csv"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["series"], row["time"]) for row in found] == [
        (shop, f"2020/0{month}") for shop in ("north", "south", "west") for month in (1, 2, 3)
    ]
    assert run(["evaluate", "a"]) == 0
    assert "agrees with evaluation.json" in capsys.readouterr().err
    Path("one.csv").write_text("\n".join(["month,east", *(",".join(row[:2]) for row in rows)]) + "\n")
    assert run(["evaluate", "a", "one.csv"]) == 0
    assert json.loads(capsys.readouterr().out)["n_series"] == 1
    assert run(["train", "wide.csv", "--out", "b", *SMALL]) == 2
    assert "or forecast each with --label-column '*'" in capsys.readouterr().err


def test_blank_times_have_a_line_and_others_go_on_as_the_table_has_them(capsys: pytest.CaptureFixture[str]) -> None:
    days = [date(2024, 1, 1) + timedelta(days=k) for k in range(60)]
    lines = [f"{day:%d.%m.%Y},{9 * math.sin(k):.2f}" for k, day in enumerate(days)]
    Path("daily.csv").write_text("\n".join(["day,y", *lines]) + "\n")
    assert run(["train", "daily.csv", "--out", "a", *SMALL]) == 2
    assert "--date-format '%d.%m.%Y'" in capsys.readouterr().err
    assert run(["train", "daily.csv", "--out", "a", "--date-format", "%d.%m.%Y", *SMALL]) == 0
    Path("gap.csv").write_text("\n".join(["day,y", *lines[:30], *lines[33:]]) + "\n")
    bent = [line for k, line in enumerate(lines[:59]) if k % 3 < 2]  # as many steps of two days as of one
    Path("bent.csv").write_text("\n".join(["day,y", *bent[:39]]) + "\n")
    answers = {}
    for name in ("daily", "gap", "bent"):
        capsys.readouterr()
        assert run(["predict", "a", "--input", f"{name}.csv"]) == 0
        out, err = capsys.readouterr()
        told = [line for line in err.splitlines() if line.startswith("time: blank")]
        answers[name] = ([json.loads(line)["time"] for line in out.splitlines()], told)
    after = ["01.03.2024", "02.03.2024", "03.03.2024"]
    assert answers["daily"] == answers["gap"] == (after, [])
    times, told = answers["bent"]
    assert times == [None] * 3
    assert told == [
        "time: blank for 1 of 1 series, such as 'bent': fewer than half of the steps are the usual one, 1 d"
    ]


def test_rows_of_covariates_known_ahead_have_their_own_times(capsys: pytest.CaptureFixture[str]) -> None:
    """A day off among those ahead is passed over, as the table does."""
    days = [date(2024, 1, 1) + timedelta(days=k) for k in range(64)]
    ahead = [days[60], *days[62:64]]
    lines = [f"{day},{9 * math.sin(k):.2f},{k % 3}" for k, day in enumerate(days[:60])]
    Path("daily.csv").write_text("\n".join(["date,y,price", *lines]) + "\n")
    assert run(["train", "daily.csv", "--out", "a", *SMALL, "--set", "task.known_ahead=price"]) == 0
    Path("planned.csv").write_text("\n".join(["date,y,price", *lines, *(f"{day},,1" for day in ahead)]) + "\n")
    capsys.readouterr()
    assert run(["predict", "a", "--input", "planned.csv"]) == 0
    assert [json.loads(line)["time"] for line in capsys.readouterr().out.splitlines()] == list(map(str, ahead))
