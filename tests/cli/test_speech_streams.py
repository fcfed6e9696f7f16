"""Streams of samples on the command line: lines of numbers in, an answer out, and one more when the recording ends."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from lstmkit import load
from lstmkit.cli.main import run
from sounds import RATE, whistle, write_whistles

SMALL = ["--threads", "1", "--epochs", "2", "--set", "model.hidden_size=8", "--set", "model.embedding_size=4",
         "--set", "encoder.n_mels=13"]  # fmt: skip


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one direction."""
    folder = tmp_path_factory.mktemp("heard")
    write_whistles(folder / "words", 12)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert run(["train", "words", "--preset", "streaming", "--out", "run", *SMALL]) == 0
    return folder / "run"


class Told(NamedTuple):
    status: int
    out: str
    err: str


@pytest.fixture
def told(heard: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Told]:
    """The command's answer to some lines."""

    def ask(text: str, *options: str) -> Told:
        (tmp_path / "lines").write_text(text)
        capsys.readouterr()
        status = run(
            ["predict", str(heard), "--stream", "--threads", "1", "--input", str(tmp_path / "lines"), *options]
        )
        found = capsys.readouterr()
        return Told(status, found.out, found.err)

    return ask


def records(out: str) -> list[dict[str, Any]]:
    return [json.loads(line, parse_constant=pytest.fail) for line in out.splitlines()]


def probabilities(record: dict[str, Any]) -> list[float]:
    return list(record["probabilities"].values())


@pytest.mark.parametrize("form", ["commas", "blanks", "json"])
def test_each_recording_has_the_answer_of_the_batch(heard: Path, told: Callable[..., Told], form: str) -> None:
    samples = [whistle("rises", 1), whistle("falls", 2)]
    samples[0][:3] = 0
    lines = []
    for one in samples:
        for chunk in (one[:3], one[3:900], one[900:]):
            numbers = [int(x) if x == 0 else float(x) for x in chunk]
            lines.append(
                json.dumps(numbers) if form == "json" else {"commas": ",", "blanks": " "}[form].join(map(str, numbers))
            )
        lines.append("")
    done = told("\n".join(lines[:-1]), *(["--input-format", "jsonl"] if form == "json" else []))  # no last line
    assert done.status == 0, done.err
    found = records(done.out)
    assert [(record["sequence"], record["ended"]) for record in found] == [
        (k, end) for k in (1, 2) for end in (False, False, False, True)
    ]
    assert {found[0][name] for name in ("predicted", "probability", "probabilities")} == {None}
    assert found[0]["step"] == 0 < found[1]["step"]
    whole = load(heard).predict_proba([(one, RATE) for one in samples])
    np.testing.assert_allclose([probabilities(found[3]), probabilities(found[7])], whole, rtol=0, atol=1e-6)


def test_a_decision_passes_over_the_rest(told: Callable[..., Told]) -> None:
    line = " ".join(map(str, whistle("rises", 1)))
    done = told(f"{line}\n{line}\n\n\n{line}\n", "--decide", "0.5")
    assert [(r["sequence"], r["decided"], r["ended"]) for r in records(done.out)] == [
        (1, True, False),
        (2, True, False),
    ]


def test_lines_that_are_no_samples(told: Callable[..., Told]) -> None:
    for line, said, options in (
        ("0.1 x", "lines:1: 'x' is no number", []),
        ("0.1,,0.2", "lines:1: stream: a sample that is NaN, infinite or beyond float32 at 0.000125 s", []),
        ("[[0.1, 0.2]]", "lines:1: stream: samples of 2 channels; 1 are expected", ["--input-format", "jsonl"]),
        ("[0.1, null]", "lines:1: stream: samples of type object", ["--input-format", "jsonl"]),
        ("[0.1, true]", "lines:1: true is no number; write numbers", ["--input-format", "jsonl"]),
        ("null", "lines:1: stream: samples of type object", ["--input-format", "jsonl"]),
        (f"[{10**400}]", "lines:1: stream: samples of type object", ["--input-format", "jsonl"]),
        ('"hello"', 'lines:1: "hello" is no number', ["--input-format", "jsonl"]),
    ):
        done = told(line + "\n", *options)
        assert (done.status, done.out) == (2, "")
        assert said in done.err
        assert len(done.err.splitlines()) == 1
    done = told("x\n0.1\n0.5\n", "--on-bad-row", "skip")
    assert done.status == 0
    assert [record["ended"] for record in records(done.out)] == [False, False, True]
    assert told("\n\n") == (0, "", "")


def test_samples_of_another_rate_are_resampled(heard: Path, told: Callable[..., Told]) -> None:
    samples = whistle("rises", 1, 11_025)
    line = " ".join(map(str, samples))
    done = told(f"{line}\n", "--rate", "11025")
    assert done.status == 0, done.err
    whole = load(heard).predict_proba([(samples, 11_025)])[0]
    np.testing.assert_allclose(probabilities(records(done.out)[-1]), whole, rtol=0, atol=1e-6)
    plain = probabilities(records(told(f"{line}\n").out)[-1])
    assert np.abs(np.array(plain) - whole).max() > 1e-6
    for rate in ("500", "8000.5", "nan"):
        done = told(f"{line}\n", "--rate", rate)
        assert (done.status, done.out, len(done.err.splitlines())) == (2, "", 1)
        assert "a sampling rate of" in done.err
