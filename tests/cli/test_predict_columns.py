"""A table that is predicted keeps its other columns, whatever they hold."""

import csv
import datetime
import json
import math
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet
from small_runs import SMALL, Command

ROWS = [("r1", "a fine film", "x,y"), ("r2", "a dull plot", 'so "so"'), ("r3", "good", "")]


@pytest.fixture
def model(lstmkit: Command, reviews: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    assert lstmkit("train", reviews, "--out", folder, "--epochs", 1, *SMALL).status == 0
    return folder


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("id", "review", "note"), *ROWS])
    return path


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_the_columns_of_a_csv_are_kept_in_their_order(
    lstmkit: Command, model: Path, source: Path, tmp_path: Path, suffix: str
) -> None:
    target = tmp_path / f"out{suffix}"
    done = lstmkit("predict", model, "--input", source, "--output", target)
    assert done.status == 0, done.err
    assert "text column: 'review'\n" in done.err
    if suffix == ".csv":
        rows: list[dict[str, Any]] = list(table(target))
    else:
        rows = objects(target.read_text()) if suffix == ".jsonl" else parquet.read_table(target).to_pylist()
    assert [(row["id"], row["text"], row["note"]) for row in rows] == ROWS
    answers = ["probabilities"] if suffix == ".jsonl" else ["probability_neg", "probability_pos"]
    assert list(rows[0]) == ["line", "text", "id", "note", "predicted", "probability", *answers]


def test_predictions_may_be_predicted_again(lstmkit: Command, model: Path, source: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    assert lstmkit("predict", model, "--input", source, "--output", first).status == 0
    done = lstmkit("predict", model, "--input", first, "--output", second)
    assert done.status == 0, done.err
    for before, after in zip(table(first), table(second), strict=True):
        assert before["predicted"] == after["predicted"] == after["input_predicted"]
        assert before["probability_pos"] == after["input_probability_pos"]
        assert (after["input_line"], after["id"]) == (before["line"], before["id"])


def test_fields_of_jsonl_are_kept_and_none_is_dropped_in_silence(lstmkit: Command, model: Path, tmp_path: Path) -> None:
    lines = [{"text": "fine", "id": 7, "tags": ["a", None], "score": math.nan}] + [{"text": "dull"}] * 250
    source = tmp_path / "in.jsonl"
    source.write_text("".join(json.dumps(line) + "\n" for line in [*lines, {"text": "good", "late": True}]))
    done = lstmkit("predict", model, "--input", source)
    assert done.status == 0, done.err
    rows = objects(done.out)
    assert {name: rows[0][name] for name in ("id", "tags", "score")} == {"id": 7, "tags": ["a", None], "score": "nan"}
    assert rows[-1]["late"] is True
    assert set(rows[1]) == {"line", "text", "predicted", "probability", "probabilities"}
    target = tmp_path / "out.csv"
    done = lstmkit("predict", model, "--input", source, "--output", target)
    assert done.status == 2
    assert f"error: {source}:252: the field 'late' is in none of the first rows" in done.err
    assert not target.exists()
    source.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert lstmkit("predict", model, "--input", source, "--output", target).status == 0
    first, second, *_ = table(target)
    assert (first["id"], first["tags"], first["score"]) == ("7", '["a", null]', '"nan"')
    assert (second["id"], second["tags"]) == ("", "")


def test_columns_of_parquet_keep_their_types(lstmkit: Command, model: Path, tmp_path: Path) -> None:
    source, target = tmp_path / "in.parquet", tmp_path / "out.parquet"
    day = datetime.date(2024, 2, 29)
    given = pyarrow.table(
        {
            "id": pyarrow.array([1, None], pyarrow.int16()),
            "text": ["fine", "dull"],
            "day": [day, None],
            "vector": pyarrow.array([[1.5, math.inf], []], pyarrow.list_(pyarrow.float32())),
        }
    )
    parquet.write_table(given, source)
    assert lstmkit("predict", model, "--input", source, "--output", target).status == 0
    written = parquet.read_table(target)
    for name in ("id", "day", "vector"):
        assert written[name].type == given[name].type
        assert written[name].to_pylist() == given[name].to_pylist()
    done = lstmkit("predict", model, "--input", source)
    assert done.status == 0, done.err
    assert [objects(done.out)[0][name] for name in ("id", "day", "vector")] == [1, "2024-02-29", [1.5, "inf"]]


def test_columns_of_one_name_are_told_apart_or_left_out_aloud(lstmkit: Command, model: Path, tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text("text,id,,\nfine,1,,\n")
    done = lstmkit("predict", model, "--input", source)
    assert done.status == 0, done.err
    assert "left out: 'column 3' (no name, empty), 'column 4' (no name, empty)\n" in done.err
    assert objects(done.out)[0]["id"] == "1"
    source.write_text("text,text\nfine,dull\n")
    done = lstmkit("predict", model, "--input", source)
    assert done.status == 2
    assert "2 columns are named 'text' (columns 1, 2); rename all but one" in done.err
