"""Streams of a forecaster on the command line: numbers in, the forecast so far out."""

import csv
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_runs import Command

from lstmkit import load
from lstmkit.cli.main import run

SMALL = [
    *("--task", "forecast", "--horizon", "3", "--threads", "1", "--epochs", "1", "--set", "task.base=season"),
    *("--set", "model.hidden_size=8", "--set", "model.embedding_size=4"),
]


def write_sales(path: Path, columns: tuple[str, ...]) -> Path:
    random = np.random.default_rng(0)
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["time", *columns])
        for k in range(80):
            y = 100 + 10 * math.sin(math.pi * k / 2) + random.standard_normal()
            table.writerow([k, round(y, 2), *(k % 5 for _ in columns[1:])])
    return path


@pytest.fixture(scope="module")
def sales(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run over two columns with a season of four steps, fewer of which are no forecast."""
    folder = tmp_path_factory.mktemp("sales")
    source = write_sales(folder / "sales.csv", ("y", "price"))
    assert run(["train", str(source), "--out", str(folder / "run"), *SMALL]) == 0
    assert load(folder / "run").describe()["season"] == 4
    return folder / "run"


def records(out: str) -> list[dict[str, Any]]:
    return [json.loads(line, parse_constant=pytest.fail) for line in out.splitlines()]


GAP = float("nan")
STEPS = [[GAP, 1.0], [101.5, 2.0], [90.0, GAP], [99.0, 3.0], [110.0, 4.0], [GAP, GAP], [100.0, 0.0]]


def expected(model: Path, steps: list[list[float]]) -> list[dict[str, list[float]] | None]:
    """What stands after each step."""
    predict = load(model).predict_quantiles
    answers = [None] * 4 + [predict([steps[:k]])[0].T.tolist() for k in range(5, len(steps) + 1)]
    return [answer and dict(zip(("q10", "q50", "q90"), answer, strict=True)) for answer in answers]


def test_each_line_is_answered_as_the_series_so_far(lstmkit: Command, sales: Path, tmp_path: Path) -> None:
    file = tmp_path / "steps"
    file.write_text(",1\n101.5,2\n90\tNA\n99 3\n\n" + ",1\n101.5,2\n90\tNA\n \n99 3\n110,4.0\n,\n100,0\n")
    done = lstmkit("predict", sales, "--stream", "--input", file)
    assert done.status == 0, done.err
    found = records(done.out)
    steps = [(1, 1), (1, 2), (1, 3), (1, 4), (2, 1), (2, 2), (2, 3), (2, 3), (2, 4), (2, 5), (2, 6), (2, 7)]
    assert [(row["sequence"], row["step"]) for row in found] == steps
    assert all(list(row) == ["sequence", "step", "forecast"] for row in found)
    told = expected(sales, STEPS)
    assert [row["forecast"] for row in found] == [*told[:4], *told[:3], *told[2:]]


def test_json_lines(lstmkit: Command, sales: Path, tmp_path: Path) -> None:
    file = tmp_path / "steps"
    file.write_text('[null, 1]\n{"values": [[101.5, 2], [90, null], [99, 3]]}\n[110, 4]\n[NaN, null]\n[100, 0]\n')
    done = lstmkit("predict", sales, "--stream", "--input", file, "--input-format", "jsonl")
    assert done.status == 0, done.err
    told = expected(sales, STEPS)
    assert [row["forecast"] for row in records(done.out)] == [told[0], *told[3:]]


def test_bad_lines_are_skipped(lstmkit: Command, sales: Path, tmp_path: Path) -> None:
    file = tmp_path / "steps"
    lines = ["1", *(",".join("" if math.isnan(x) else str(x) for x in step) for step in STEPS), "1,fast", "1,inf"]
    file.write_text("\n".join(lines) + "\n")
    done = lstmkit("predict", sales, "--stream", "--input", file)
    assert done.status == 2
    assert done.err.startswith(f"error: {file}:1: a list of 1 numbers came, and this model reads 2 columns (y, price);")
    assert done.err.count("\n") == 1
    done = lstmkit("predict", sales, "--stream", "--input", file, "--on-bad-row", "skip")
    assert done.status == 0
    assert [line.split(": ")[0] for line in done.err.splitlines()] == [f"skipped {file}:{k}" for k in (1, 9, 10)]
    assert [row["forecast"] for row in records(done.out)] == expected(sales, STEPS)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--decide", "0.9"], "--decide ends a sequence once a class is sure, and"),
        (["--rate", "8000"], "--rate is of the samples of recordings, and"),
        (["--output", "next.csv"], "--output came too; leave it out"),
        (["--input-format", "csv"], "--input-format csv has no lines to stream"),
    ],
)
def test_a_wrong_request_is_one_line(lstmkit: Command, sales: Path, options: list[str], message: str) -> None:
    done = lstmkit("predict", sales, "--stream", *options)
    assert (done.status, done.err.count("\n"), done.out) == (2, 1, "")
    assert message in done.err


def test_what_is_known_ahead_is_refused(lstmkit: Command, tmp_path: Path) -> None:
    source = write_sales(tmp_path / "sales.csv", ("y", "price"))
    assert lstmkit("train", source, "--out", "run", *SMALL, "--set", "task.known_ahead=price").status == 0
    done = lstmkit("predict", "run", "--stream")
    assert (done.status, done.err.count("\n"), done.out) == (2, 1, "")
    assert "the model reads price 3 steps ahead (task.known_ahead)" in done.err
    assert "forecast with predict, or train without task.known_ahead" in done.err


def test_a_pipe_is_answered_line_by_line(tmp_path: Path) -> None:
    source = write_sales(tmp_path / "level.csv", ("y",))
    assert run(["train", str(source), "--out", str(tmp_path / "run"), *SMALL]) == 0
    command = [sys.executable, "-m", "lstmkit", "predict", str(tmp_path / "run"), "--stream"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        for k in range(1, 6):
            process.stdin.write(f"{k}\n")
            process.stdin.flush()  # the pipe stays open, so an answer that waits in a buffer would wait for ever
            row = json.loads(process.stdout.readline())
            assert (row["step"], row["forecast"] is None) == (k, k < 4)
        process.stdin.close()
        assert process.wait(timeout=60) == 0
