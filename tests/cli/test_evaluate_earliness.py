"""`lstmkit evaluate RUN --earliness`: a record, a table, and the numbers of a stream."""

import json
from pathlib import Path

import pytest
from small_runs import SMALL, Command, write_reviews

from lstmkit.api.predictor import load
from lstmkit.core.files import read_json, read_jsonl

STREAMING = ["--preset", "streaming", *SMALL, "--epochs", "2"]


def test_the_record_is_what_a_stream_would_say(lstmkit: Command, reviews: Path) -> None:
    # Eight tokens at most, so that the whole is more than the model is scored on.
    made = lstmkit("train", reviews, "--out", "run", *STREAMING, "--set", "encoder.max_length=8")
    assert made.status == 0, made.err
    done = lstmkit("evaluate", "run", "--earliness")
    assert done.status == 0, done.err
    record = read_json(Path("run/earliness.json"))
    assert (record["format"], record["split"], record["n"]) == (1, "test", 18)
    summary = json.loads(done.out)
    assert summary["earliness"] == {name: record[name] for name in ("by_share", "decisions")}
    assert "share seen   accuracy" in done.err
    assert "decided at   accuracy" in done.err
    assert record["n_longer"] > 0
    assert f"{record['n_longer']} of 18 are longer than encoder.max_length and were read whole here" in done.err

    texts = {f"reviews.csv:{k}": line.split(",") for k, line in enumerate(reviews.read_text().splitlines(), 1)}
    rows = [texts[row["id"]] for row in read_jsonl(Path("run/predictions.jsonl"))]
    stream = load("run").stream()
    n_right = {0.5: 0, 1.0: 0}
    seen, n_decided, n_right_decided = 0.0, 0, 0
    for text, label in rows:
        stream.reset()
        words = text.split()
        answers = [stream.push(word) for word in words]
        predicted = [stream.labels[int(answer.argmax())] for answer in answers]
        for share in n_right:
            n_right[share] += predicted[-int(-share * len(words) // 1) - 1] == label
        first = next((k for k, answer in enumerate(answers) if answer.max() >= 0.6), None)
        n_decided += first is not None
        at = len(words) - 1 if first is None else first
        seen += (at + 1) / len(words)
        n_right_decided += predicted[at] == label
    by_share = {row["share"]: row["accuracy"] for row in record["by_share"]}
    assert {share: by_share[share] * 18 for share in n_right} == pytest.approx(n_right)
    (decision,) = (row for row in record["decisions"] if row["threshold"] == 0.6)
    assert decision["accuracy"] == pytest.approx(n_right_decided / 18)
    assert decision["mean_share_seen"] == pytest.approx(seen / 18)
    assert decision["share_decided"] == pytest.approx(n_decided / 18)

    other = write_reviews(Path("other.csv"), n=20, seed=3)
    assert lstmkit("evaluate", "run", other, "--earliness").status == 0
    (path,) = Path("run/evaluations").glob("*.json")
    assert read_json(path)["earliness"]["n"] == 20
    assert read_json(Path("run/earliness.json")) == record


def test_both_directions_are_refused(lstmkit: Command, reviews: Path) -> None:
    assert lstmkit("train", reviews, "--out", "run", *SMALL, "--epochs", "1").status == 0
    done = lstmkit("evaluate", "run", "--earliness")
    assert done.status == 2
    assert done.err.startswith("error: the model reads each sequence from both ends")
    assert "train with --preset streaming" in done.err
    assert not Path("run/earliness.json").exists()
