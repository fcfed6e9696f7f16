"""`lstmkit predict RUN --stream`: a line in, an answer out, at once."""

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from small_runs import SMALL, Command, review, write_reviews

from lstmkit.api.estimator import SequenceClassifier
from lstmkit.api.predictor import load

SETTINGS: dict[str, Any] = {
    "embedding_size": 8, "hidden_size": 8, "epochs": 3, "learning_rate": 0.03, "batch_size": 16, "min_frequency": 1,
    "random_state": 0, "device": "cpu", "threads": 1, "pooling": "max",
}  # fmt: skip


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved model of one direction."""
    folder = tmp_path_factory.mktemp("model")
    generator = random.Random(0)
    labels = [("pos", "neg")[k % 2] for k in range(80)]
    clf = SequenceClassifier(**SETTINGS).fit([review(generator, label) for label in labels], labels)
    clf.save(folder / "m")
    return folder / "m"


def records(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def test_each_line_is_answered_as_the_sequence_so_far(lstmkit: Command, model: Path, tmp_path: Path) -> None:
    file = tmp_path / "words.txt"
    file.write_text("the film\nwas\n \nfine\n\n\na plot\r\n\r\ndull")
    done = lstmkit("predict", model, "--stream", "--input", file)
    assert done.status == 0, done.err
    found = records(done.out)
    seen = ["the film", "the film was", "the film was", "the film was fine", "a plot", "dull"]
    assert [(row["sequence"], row["step"]) for row in found] == [(1, 2), (1, 3), (1, 3), (1, 4), (2, 2), (3, 1)]
    predictor = load(model)
    for row, text in zip(found, seen, strict=True):
        assert list(row) == ["sequence", "step", "predicted", "probability", "probabilities"]
        (answer,) = predictor.predict_proba([text])
        assert list(row["probabilities"].values()) == pytest.approx(answer.tolist(), abs=1e-6)
        assert row["probability"] == max(row["probabilities"].values())
        assert row["predicted"] == max(row["probabilities"], key=row["probabilities"].__getitem__)


def test_json_lines(lstmkit: Command, model: Path, tmp_path: Path) -> None:
    file = tmp_path / "words.jsonl"
    file.write_text('["the", "film"]\n{"tokens": ["was"]}\n{"text": "very fine", "id": 3}\n"indeed"\n7\n  \n["a"]\n')
    done = lstmkit("predict", model, "--stream", "--input", file, "--input-format", "jsonl")
    assert done.status == 0, done.err
    assert [(row["sequence"], row["step"]) for row in records(done.out)] == [
        (1, 2),
        (1, 3),
        (1, 5),
        (1, 6),
        (1, 7),
        (2, 1),
    ]


def test_a_decision_ends_a_sequence(lstmkit: Command, model: Path, tmp_path: Path) -> None:
    file = tmp_path / "words.txt"
    file.write_text("the\nfine\ngreat\ngood\n\xff\n\nthe\ndull\nbad\n", "latin-1")
    probabilities = [row["probability"] for row in records(lstmkit("predict", model, "--stream", "--input", file).out)]
    wanted = max(probabilities)
    n_read = probabilities.index(wanted) + 1
    done = lstmkit("predict", model, "--stream", "--input", file, "--decide", wanted)
    assert done.status == 0, done.err  # what comes after a decision is not looked at, were it no text
    found = records(done.out)
    assert [(row["sequence"], row["step"]) for row in found if row["sequence"] == 1] == [
        (1, k + 1) for k in range(n_read)
    ]
    assert [row["decided"] for row in found if row["sequence"] == 1] == [False] * (n_read - 1) + [True]
    assert found[n_read]["sequence"] == 2
    assert all(row["decided"] == (row["probability"] >= wanted) for row in found)


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        (b"the film\n\xff\n", [], "words:2: not UTF-8 at byte offset 9"),
        (b"the\0film\n", [], "words:1: a NUL byte"),
        (b" \nfilm\n", [], "words:1: the stream has read no step, so it has no answer"),
        (b"[1, 2\n", ["--input-format", "jsonl"], "words:1: not JSON"),
        (b'{"words": 1}\n', ["--input-format", "jsonl"], 'words:1: an object needs "text" or "tokens"'),
        (b'{"tokens": "a b"}\n', ["--input-format", "jsonl"], "words:1: tokens is 'a b', and should be a list"),
        (b'{"text": ["a"]}\n', ["--input-format", "jsonl"], "words:1: text is ['a'], and should be a string"),
        (b"null\n", ["--input-format", "jsonl"], "words:1: null is no text, token or list of tokens"),
        (b'["the", true]\n', ["--input-format", "jsonl"], "words:1: true is no token; write strings and whole numbers"),
        (b"[0.5]\n", ["--input-format", "jsonl"], "words:1: token 0.5 is a float"),
        (b"[[1]]\n", ["--input-format", "jsonl"], "words:1: token [1] is a list"),
    ],
)
def test_a_bad_line_is_one_line(
    lstmkit: Command, model: Path, tmp_path: Path, content: bytes, options: list[str], message: str
) -> None:
    file = tmp_path / "words"
    file.write_bytes(content)
    done = lstmkit("predict", model, "--stream", "--input", file, *options)
    assert done.status == 2
    assert done.err.startswith(f"error: {file.parent}/{message}")
    assert done.err.count("\n") == 1
    assert "--on-bad-row skip" in done.err
    skipped = lstmkit("predict", model, "--stream", "--input", file, *options, "--on-bad-row", "skip")
    assert skipped.status == 0
    assert skipped.err.startswith(f"skipped {file.parent}/{message}")
    assert skipped.err.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["a text"], "TEXT came too; leave it out"),
        (["--output", "labels.csv"], "--output came too"),
        (["--text-column", "text"], "--text-column came too"),
        (["--input-format", "csv"], "--input-format csv has no lines to stream; there are lines, jsonl"),
        (["--decide", "0"], "--decide 0.0: a probability is above 0 and at most 1"),
        (["--decide", "1.5"], "--decide 1.5: a probability"),
        (["--decide", "nan"], "--decide nan: a probability"),
        (["--rate", "8000"], "--rate is of the samples of recordings, and"),
        (["--on-bad-row", "drop"], "data.on_bad_row = 'drop'"),
        (["--input", "absent.txt"], "absent.txt"),
    ],
)
def test_a_wrong_request_is_one_line(lstmkit: Command, model: Path, options: list[str], message: str) -> None:
    done = lstmkit("predict", model, "--stream", *options)
    assert done.status == 2
    assert message in done.err
    assert done.err.count("\n") == 1
    assert not done.out


@pytest.mark.parametrize("option", ["--decide", "--rate"])
def test_what_is_of_streams_is_refused_without_one(lstmkit: Command, model: Path, option: str) -> None:
    done = lstmkit("predict", model, "a text", option, "0.9")
    assert (done.status, done.err.count("\n")) == (2, 1)
    assert "give it with --stream" in done.err


def test_both_directions_are_refused_and_the_preset_helps(lstmkit: Command, tmp_path: Path) -> None:
    reviews = write_reviews(tmp_path / "reviews.csv")
    for preset, status in (("default", 2), ("streaming", 0)):
        small = [*SMALL, "--epochs", "1", "--preset", preset]
        assert lstmkit("train", reviews, "--out", preset, *small).status == 0
        file = tmp_path / "words.txt"
        file.write_text("the film\n")
        done = lstmkit("predict", preset, "--stream", "--input", file)
        assert done.status == status
        assert ("train with --preset streaming" in done.err) == bool(status)


def test_a_pipe_is_answered_line_by_line_and_a_closed_one_ends_it(model: Path) -> None:
    command = [sys.executable, "-m", "lstmkit", "predict", str(model), "--stream"]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdin
    assert process.stdout
    assert process.stderr
    with process:
        for k, word in enumerate(("fine", "dull", "film"), 1):
            process.stdin.write(f"{word}\n")
            process.stdin.flush()  # the pipe stays open, so an answer that waits in a buffer would wait for ever
            assert json.loads(process.stdout.readline())["step"] == k
        process.stdout.close()
        process.stdin.write("good\n")
        process.stdin.close()
        assert process.wait(timeout=60) == 141
        assert process.stderr.read() == ""
