"""A run remembers how its source is written: predict and evaluate read the like with it, and options override it."""

import csv
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small_runs import SMALL, SMALL_SERIES, Command, review

from lstmkit.cli.main import run
from lstmkit.core.files import read_json

TINY = [*SMALL, "--epochs", "1", "--threads", "1"]
OF_NUMBERS = [*SMALL_SERIES, "--epochs", "1", "--threads", "1"]


def write(
    path: Path, body: list[list[Any]], header: list[str] | None = None, delimiter: str = ",", encoding: str = "utf-8"
) -> Path:
    with path.open("w", newline="", encoding=encoding) as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerows([*([header] if header else []), *body])
    return path


def reviews(n: int, seed: int = 0) -> list[list[str]]:
    generator = random.Random(seed)
    labels = ["pos", "neg"]
    return [[labels[k % 2], f"N° {k}", f"{review(generator, labels[k % 2])}; café"] for k in range(n)]


SPOKEN = ["--delimiter", ";", "--encoding", "cp1252", "--no-header"]


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on a table without a header line, with semicolons, in Windows-1252."""
    folder = tmp_path_factory.mktemp("texts")
    source = write(folder / "a.csv", reviews(60), None, ";", "cp1252")
    asked = [*SPOKEN, "--label-column", "1", "--text-column", "3"]
    assert run(["train", str(source), "--out", str(folder / "run"), *asked, *TINY]) == 0
    return folder / "run"


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on a table of steps with decimal commas."""
    folder = tmp_path_factory.mktemp("series")
    source = steps(folder / "a.csv", ",", ";")
    asked = ["--decimal", ",", "--delimiter", ";"]
    assert run(["train", str(source), "--out", str(folder / "run"), *asked, *OF_NUMBERS]) == 0
    return folder / "run"


def steps(path: Path, decimal: str, delimiter: str) -> Path:
    body = [[k, t, f"{(t if k % 2 else -t) + k / 8}".replace(".", decimal), k % 2] for k in range(30) for t in range(4)]
    return write(path, body, ["id", "time", "x", "label"], delimiter)


def answers(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def test_predict_reads_as_the_run_s_own_source_is_written(lstmkit: Command, texts: Path, tmp_path: Path) -> None:
    body = reviews(8, seed=1)
    done = lstmkit("predict", texts, "--input", write(tmp_path / "new.csv", body, None, ";", "cp1252"))
    assert done.status == 0, done.err
    assert "text column: '3'" in done.err
    own = answers(done.out)
    assert [row["text"] for row in own] == [row[2] for row in body]
    assert own[0]["2"] == "N° 0"
    usual = write(tmp_path / "usual.csv", body, None)
    done = lstmkit("predict", texts, "--input", usual)
    assert done.status == 2
    assert "no column '3'; there are '1', '2'" in done.err
    done = lstmkit("predict", texts, "--input", usual, "--delimiter", ",", "--encoding", "utf-8")
    assert done.status == 0, done.err
    assert [row["probability"] for row in answers(done.out)] == [row["probability"] for row in own]


def test_a_model_folder_alone_remembers_too(lstmkit: Command, texts: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(texts / "model", model)
    assert read_json(model / "model.json")["dialect"] == {"encoding": "cp1252", "delimiter": ";", "header": False}
    new = write(tmp_path / "new.csv", reviews(8, seed=1), None, ";", "cp1252")
    done = lstmkit("predict", model, "--input", new, "--text-column", "3")
    assert done.status == 0, done.err
    whole = lstmkit("predict", texts, "--input", new)
    assert answers(done.out) == answers(whole.out)


def test_a_run_of_the_usual_kind_notes_no_dialect(lstmkit: Command, reviews: Path, tmp_path: Path) -> None:
    assert lstmkit("train", reviews, "--out", tmp_path / "run", *TINY).status == 0
    assert "dialect" not in read_json(tmp_path / "run" / "model" / "model.json")


def test_lines_and_jsonl_keep_what_applies_to_them(lstmkit: Command, texts: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("a fine café; really\n".encode("cp1252"))
    done = lstmkit("predict", texts, "--input", tmp_path / "a.txt")
    assert done.status == 0, done.err
    assert answers(done.out)[0]["text"] == "a fine café; really"
    (tmp_path / "a.jsonl").write_bytes('{"text": "a fine café"}\n'.encode("cp1252"))
    done = lstmkit("predict", texts, "--input", tmp_path / "a.jsonl")
    assert done.status == 0, done.err
    assert answers(done.out)[0]["text"] == "a fine café"


def test_evaluate_reads_so_too(lstmkit: Command, texts: Path, tmp_path: Path) -> None:
    body = reviews(20, seed=2)
    done = lstmkit("evaluate", texts, write(tmp_path / "other.csv", body, None, ";", "cp1252"), "--split", "all")
    assert done.status == 0, done.err
    own = answers(done.out)[0]
    assert "text column: '3' (as asked)" in done.err
    usual = write(tmp_path / "usual.csv", body, None)
    done = lstmkit("evaluate", texts, usual, "--split", "all", "--delimiter", ",", "--encoding", "utf-8")
    assert done.status == 0, done.err
    assert answers(done.out)[0]["accuracy"] == own["accuracy"]
    named = tmp_path / "named.jsonl"
    named.write_bytes("".join(json.dumps({"text": row[2], "label": row[0]}) + "\n" for row in body).encode("cp1252"))
    done = lstmkit("evaluate", texts, named, "--split", "all", "--label-column", "label", "--text-column", "text")
    assert done.status == 0, done.err
    assert answers(done.out)[0]["accuracy"] == own["accuracy"]


def test_series_with_decimal_commas(lstmkit: Command, series: Path, tmp_path: Path) -> None:
    commas, points = steps(tmp_path / "commas.csv", ",", ";"), steps(tmp_path / "points.csv", ".", ",")
    done = lstmkit("predict", series, "--input", commas)
    assert done.status == 0, done.err
    own = answers(done.out)
    assert len(own) == 30
    done = lstmkit("predict", series, "--input", points, "--delimiter", ",", "--decimal", ".")
    assert done.status == 0, done.err
    assert [row["probability"] for row in answers(done.out)] == [row["probability"] for row in own]
    done = lstmkit("explain", series, commas, "--id", "commas.csv:3", "--out", tmp_path / "one.json")
    assert done.status == 0, done.err
    done = lstmkit("evaluate", series, commas, "--split", "all")
    assert done.status == 0, done.err
    done = lstmkit("predict", series, "--input", points, "--delimiter", ",")
    assert done.status == 2
    assert "data.delimiter = ',': the same character is the decimal point" in done.err


def test_a_forecaster_s_table(lstmkit: Command, tmp_path: Path) -> None:
    def sales(name: str, decimal: str, delimiter: str) -> Path:
        body = [[t, f"{t % 4 + t / 8}".replace(".", decimal)] for t in range(60)]
        return write(tmp_path / name, body, ["time", "y"], delimiter)

    asked = ["--task", "forecast", "--horizon", "2", "--decimal", ",", "--delimiter", ";"]
    done = lstmkit("train", sales("a.csv", ",", ";"), "--out", tmp_path / "run", *asked, *OF_NUMBERS)
    assert done.status == 0, done.err
    own = lstmkit("predict", tmp_path / "run", "--input", sales("b.csv", ",", ";"))
    assert own.status == 0, own.err
    points = sales("c.csv", ".", ",")
    done = lstmkit("predict", tmp_path / "run", "--input", points, "--delimiter", ",", "--decimal", ".")
    assert done.status == 0, done.err
    assert [row["q50"] for row in answers(done.out)] == [row["q50"] for row in answers(own.out)]


REFUSED: dict[str, tuple[Callable[[Path], list[object]], str]] = {
    "arguments": (
        lambda d: ["a text", "--delimiter", ";"],
        "--delimiter says how a file is written, and arguments came",
    ),
    "arguments, no header": (lambda d: ["a text", "--no-header"], "--no-header says how a file is written"),
    "a stream": (lambda d: ["--stream", "--encoding", "cp1252"], "--encoding came too; leave it out"),
    "lines": (
        lambda d: ["--input", write(d / "a.txt", [["x"]]), "--no-header"],
        "a.txt, which is read without; leave it out",
    ),
    "jsonl": (
        lambda d: ["--input", write(d / "a.jsonl", [["x"]]), "--delimiter", ";"],
        "--delimiter has no meaning for",
    ),
    "an encoding that is none": (
        lambda d: ["--input", write(d / "a.txt", [["x"]]), "--encoding", "cp1525"],
        "data.encoding = 'cp1525': no encoding of text files that is known",
    ),
    "another encoding": (
        lambda d: ["--input", write(d / "a.txt", [["a café"]]), "--encoding", "ascii"],
        "a.txt:1: not ASCII at byte offset 5 (0xc3); save the file as UTF-8, or name its encoding with --encoding",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_apply_is_refused(lstmkit: Command, texts: Path, tmp_path: Path, name: str) -> None:
    words, said = REFUSED[name]
    done = lstmkit("predict", texts, *words(tmp_path))
    assert done.status == 2
    (error,) = [line for line in done.err.splitlines() if line.startswith("error: ")]
    assert said in error


def test_an_encoding_is_named_where_a_run_of_utf_8_meets_another(
    lstmkit: Command, reviews: Path, tmp_path: Path
) -> None:
    assert lstmkit("train", reviews, "--out", tmp_path / "run", *TINY).status == 0
    (tmp_path / "a.txt").write_bytes("a fine film\na café\n".encode("cp1252"))
    done = lstmkit("predict", tmp_path / "run", "--input", tmp_path / "a.txt")
    assert done.status == 2
    assert "a.txt:2: not UTF-8" in done.err
    assert "all rows are sound in Windows-1252: read the file with --encoding cp1252" in done.err
    assert lstmkit("predict", tmp_path / "run", "--input", tmp_path / "a.txt", "--encoding", "cp1252").status == 0
