"""Streams of series on the command line: numbers in, an answer out, and how early they are right."""

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_runs import SMALL_SERIES, Command

from lstmkit import load
from lstmkit.cli.main import run
from lstmkit.core.files import read_json, read_jsonl

STREAMING = ["--preset", "streaming", *SMALL_SERIES, "--epochs", "2", "--threads", "1"]


def write_gestures(path: Path, channels: str = "xy", n: int = 60) -> Path:
    """Ragged series, the second channel with gaps, in a table with a row for each step."""
    random = np.random.default_rng(0)
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["series_id", *channels, "label"])
        for k in range(n):
            for step in range(4 + k % 5):
                values = [(step if k % 2 else -step) + round(random.standard_normal() / 4, 3)]
                values += ["" if random.random() < 0.2 else round(random.standard_normal(), 3) for _ in channels[1:]]
                table.writerow([k, *values, "up" if k % 2 else "down"])
    return path


@pytest.fixture(scope="module")
def gestures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one direction, and its data beside it."""
    folder = tmp_path_factory.mktemp("gestures")
    source = write_gestures(folder / "gestures.csv")
    assert run(["train", str(source), "--out", str(folder / "run"), *STREAMING]) == 0
    return folder / "run"


@pytest.fixture(scope="module")
def level(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run over one channel."""
    folder = tmp_path_factory.mktemp("level")
    source = write_gestures(folder / "level.csv", "x")
    assert run(["train", str(source), "--out", str(folder / "run"), *STREAMING]) == 0
    return folder / "run"


def records(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def answers_to(model: Path, steps: list[list[float]]) -> list[list[float]]:
    stream = load(model).stream()
    return [stream.push(step).tolist() for step in steps]


def test_the_preset_is_of_one_direction_and_keeps_what_series_need(gestures: Path) -> None:
    config = (gestures / "config.toml").read_text()
    for line in (
        "bidirectional = false",
        "max_length = 2000",
        'pooling = "max"',
        "jitter = 0.2",
        "label_smoothing = 0.0",
    ):
        assert line in config


def test_lines_of_numbers(lstmkit: Command, gestures: Path, tmp_path: Path) -> None:
    file = tmp_path / "steps"
    file.write_text("1,2\n-1.5 , \n3\t?\n \n4   nan\n\n\r\n0.5 1\n")
    done = lstmkit("predict", gestures, "--stream", "--input", file)
    assert done.status == 0, done.err
    found = records(done.out)
    assert [(row["sequence"], row["step"]) for row in found] == [(1, 1), (1, 2), (1, 3), (1, 3), (1, 4), (2, 1)]
    gap = float("nan")
    seen = [*answers_to(gestures, [[1, 2], [-1.5, gap], [3, gap], [], [4, gap]]), *answers_to(gestures, [[0.5, 1]])]
    assert [list(row["probabilities"].values()) for row in found] == seen


def test_json_lines(lstmkit: Command, gestures: Path, tmp_path: Path) -> None:
    file = tmp_path / "steps"
    file.write_text('[1, 2]\n[[3, null], [4, 5]]\n{"values": [6, NaN], "at": "12:00"}\n{"values": [[7, 8]]}\n[]\n')
    done = lstmkit("predict", gestures, "--stream", "--input", file, "--input-format", "jsonl")
    assert done.status == 0, done.err
    assert [row["step"] for row in records(done.out)] == [1, 3, 4, 5, 5]


def test_one_channel(lstmkit: Command, level: Path, tmp_path: Path) -> None:
    file = tmp_path / "steps"
    file.write_text("1\n2, 3, 4\n?\n")
    done = lstmkit("predict", level, "--stream", "--input", file)
    assert [row["step"] for row in records(done.out)] == [1, 4, 5]
    file.write_text('1\n[2, 3, 4]\n[[5], [6]]\n{"values": 7}\n')
    done = lstmkit("predict", level, "--stream", "--input", file, "--input-format", "jsonl")
    assert [row["step"] for row in records(done.out)] == [1, 4, 6, 7]
    file.write_text('1\nnull\n\nnull\n{"values": null}\n2\n')
    done = lstmkit("predict", level, "--stream", "--input", file, "--input-format", "jsonl")
    assert [(row["sequence"], row["step"]) for row in records(done.out)] == [(1, 1), (1, 2), (2, 1), (2, 2), (2, 3)]
    gap = float("nan")
    seen = [*answers_to(level, [[1], [gap]]), *answers_to(level, [[gap], [gap], [2]])]
    assert [list(row["probabilities"].values()) for row in records(done.out)] == seen


def test_a_decision_ends_a_series(lstmkit: Command, gestures: Path, tmp_path: Path) -> None:
    file = tmp_path / "steps"
    file.write_text("1,2\n2,1\n3,1\n4,x\n\n-1,2\n")
    largest = [max(answer) for answer in answers_to(gestures, [[1, 2], [2, 1], [3, 1]])]
    n_read = largest.index(max(largest)) + 1
    done = lstmkit("predict", gestures, "--stream", "--input", file, "--decide", max(largest))
    assert done.status == 0, done.err  # what comes after a decision is not looked at, were it no number
    first = [row for row in records(done.out) if row["sequence"] == 1]
    assert [row["decided"] for row in first] == [False] * (n_read - 1) + [True]


BAD = [
    ("1,2\n3\n", [], "steps:2: a list of 1 numbers came, and this model reads 2 channels (x, y); push a step of 2"),
    ("1,2\n3,4,5\n", [], "steps:2: a list of 3 numbers came"),
    ("1,fast\n", [], "steps:1: 'fast' is no number; write numbers with commas between"),
    ("1,inf\n", [], "steps:1: the step holds an infinite value; NaN stands for a missing one"),
    (" \n1,2\n", [], "steps:1: the stream has read no step, so it has no answer; push one that holds a step"),
    ("[1, 2\n", ["--input-format", "jsonl"], "steps:1: not JSON"),
    ('["1", "2"]\n', ["--input-format", "jsonl"], "steps:1: the step holds '1' (str), which is no number"),
    ('{"text": "a"}\n', ["--input-format", "jsonl"], 'steps:1: an object needs "values"'),
    ('"1,2"\n', ["--input-format", "jsonl"], 'steps:1: "1,2" is no number and no list of numbers'),
    ("true\n", ["--input-format", "jsonl"], "steps:1: true is no number and no list of numbers"),
    ("[1, true]\n", ["--input-format", "jsonl"], "steps:1: true is no number; write numbers, and null where one is"),
    ('{"values": [[1, 2], [false, 2]]}\n', ["--input-format", "jsonl"], "steps:1: false is no number; write numbers"),
    ("null\n", ["--input-format", "jsonl"], "steps:1: None came, which is no step; push a step of 2 numbers"),
    ("[[1, 2], [3]]\n", ["--input-format", "jsonl"], "steps:1: the step is no array of numbers: lists of unequal"),
]


@pytest.mark.parametrize(("content", "options", "message"), BAD)
def test_a_bad_line_is_one_line(
    lstmkit: Command, gestures: Path, tmp_path: Path, content: str, options: list[str], message: str
) -> None:
    file = tmp_path / "steps"
    file.write_text(content)
    done = lstmkit("predict", gestures, "--stream", "--input", file, *options)
    assert done.status == 2
    assert done.err.startswith(f"error: {file.parent}/{message}")
    assert done.err.count("\n") == 1
    skipped = lstmkit("predict", gestures, "--stream", "--input", file, *options, "--on-bad-row", "skip")
    assert skipped.status == 0
    assert skipped.err.startswith(f"skipped {file.parent}/{message}")


def test_a_pipe_is_answered_line_by_line(level: Path) -> None:
    command = [sys.executable, "-m", "lstmkit", "predict", str(level), "--stream"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        for k in (1, 2, 3):
            process.stdin.write(f"{k}\n")
            process.stdin.flush()  # the pipe stays open, so an answer that waits in a buffer would wait for ever
            assert json.loads(process.stdout.readline())["step"] == k
        process.stdin.close()
        assert process.wait(timeout=60) == 0


def test_earliness_is_what_a_stream_would_say(
    lstmkit: Command, gestures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(gestures.parent)
    done = lstmkit("evaluate", gestures, "--earliness")
    assert done.status == 0, done.err
    record = read_json(gestures / "earliness.json")
    assert json.loads(done.out)["earliness"]["by_share"] == record["by_share"]
    series: dict[str, list[list[float]]] = {}
    for row in csv.DictReader((gestures.parent / "gestures.csv").read_text().splitlines()):
        series.setdefault(f"gestures.csv:{row['series_id']}", []).append([float(row[c] or "nan") for c in "xy"])
    stream = load(gestures).stream()
    n_right = {0.5: 0, 1.0: 0}
    rows = read_jsonl(gestures / "predictions.jsonl")
    for row in rows:
        stream.reset()
        predicted = [stream.labels[int(stream.push(step).argmax())] for step in series[row["id"]]]
        for share in n_right:
            n_right[share] += predicted[-int(-share * len(predicted) // 1) - 1] == row["label"]
    by_share = {row["share"]: row["accuracy"] for row in record["by_share"]}
    assert {share: by_share[share] * len(rows) for share in n_right} == pytest.approx(n_right)
