"""A number for a whole sequence through the commands: series and text, killed to the same bits, predicted, refused."""

import json
import random
import signal
from pathlib import Path

import numpy as np
import pytest

from lstmkit import load
from lstmkit.cli.main import run
from lstmkit.data.tasks import TASKS
from lstmkit.train import loop
from sounds import whistle, write_sound

RARE = ("--set", "encoder.min_frequency=1")
SMALL = [
    *("--task", "regression", "--threads", "1", "--epochs", "2", "--preset", "lab"),
    *("--set", "model.hidden_size=8", "--set", "model.embedding_size=4"),
]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def adding() -> str:
    examples = TASKS["adding"].examples(6, 80, seed=0, purpose="train")
    rows = [
        {"number": inputs[:, 0].tolist(), "marked": inputs[:, 1].tolist(), "sum": float(target)}
        for inputs, target in zip(examples.inputs.swapaxes(0, 1), examples.targets[0], strict=True)
    ]
    Path("adding.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return "adding.jsonl"


@pytest.fixture
def stars() -> str:
    generator = random.Random(0)
    lines = ["text,stars"]
    for _ in range(80):
        words = [generator.choice(["good", "bad", "film", "the"]) for _ in range(generator.randint(2, 7))]
        lines.append(f"{' '.join(words)},{words.count('good') - words.count('bad')}")
    Path("stars.csv").write_text("\n".join(lines) + "\n")
    return "stars.csv"


def test_a_number_for_a_series(
    adding: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["train", adding, "--label-column", "sum", *SMALL]
    assert run([*command, "--out", "a"]) == 0
    out = capsys.readouterr().out
    assert "ccuracy" not in out
    assert "mean of training" in out
    evaluation = json.loads(Path("a/evaluation.json").read_text())
    assert evaluation["task"] == "regression"
    assert evaluation["baselines"]["ridge"]["rmse"] < evaluation["baselines"]["mean"]["rmse"]
    predictions = [json.loads(line) for line in Path("a/predictions.jsonl").read_text().splitlines()]
    errors = [row["predicted"] - row["number"] for row in predictions]
    assert evaluation["rmse"] == pytest.approx(np.sqrt(np.mean(np.square(errors))), rel=1e-12)
    assert {path.name for path in Path("a/plots").glob("*.png")} == {"loss.png", "predicted.png"}

    row = json.loads(Path(adding).read_text().splitlines()[-1])
    whole = np.array([row["number"], row["marked"]]).T
    both = load("a").predict([whole, whole[:3]])
    np.testing.assert_allclose(load("a").predict([whole]), both[:1], atol=1e-6)
    assert run(["evaluate", "a"]) == 0
    assert "agrees with evaluation.json" in capsys.readouterr().err
    assert run(["evaluate", "a", adding, "--label-column", "sum"]) == 0
    assert json.loads(capsys.readouterr().out)["n"] == 80

    step, calls = loop.train_step, []

    def killing(*arguments: object) -> object:
        calls.append(1)
        if len(calls) == 3:
            signal.raise_signal(signal.SIGINT)
        return step(*arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(loop, "train_step", killing)
        assert run([*command, "--out", "cut"]) == 130
    assert run([*command, "--out", "cut", "--resume"]) == 0
    assert Path("a/model/model.safetensors").read_bytes() == Path("cut/model/model.safetensors").read_bytes()


def test_a_number_for_a_text(stars: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        run(["train", stars, "--label-column", "stars", *SMALL, *RARE, "--out", "a", "--set", "train.refit=true"]) == 0
    )
    capsys.readouterr()
    assert run(["predict", "a", "good film", "bad"]) == 0
    answers = [json.loads(line)["predicted"] for line in capsys.readouterr().out.splitlines()]
    np.testing.assert_allclose(load("a").predict(["good film", "bad"]), answers)
    assert load("a").predict([]).shape == (0,)
    assert run(["predict", "a", "--input", stars, "--output", "numbers.csv"]) == 0
    lines = Path("numbers.csv").read_text().splitlines()
    assert lines[0] == "line,text,stars,predicted"
    assert len(lines) == 81
    page = Path("a/report.html").read_text()
    Path("a/report.html").unlink()
    assert run(["report", "a"]) == 0
    assert Path("a/report.html").read_text() == page
    for words, said in (
        (["analyze", "a"], "the model predicts a number, and one that classifies is needed here"),
        (["explain", "a", "good"], "the model predicts a number, and one that classifies is needed here"),
        (["evaluate", "a", "--earliness"], "--earliness is for classifiers"),
        (["lab", stars, "--set", "task.goal=regression"], "task.goal = 'regression': this command is for classifiers"),
        (["train", stars, "--label-column", "text", "--text-column", "stars", *SMALL], "is no finite number"),
    ):
        capsys.readouterr()
        assert run(words) == 2, words
        error = capsys.readouterr().err
        assert said in error, words
        assert error.count("error: ") == 1


def test_another_source_is_read_by_the_names_of_its_channels(
    adding: str, stars: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["train", adding, "--label-column", "sum", *SMALL, "--out", "a"]) == 0
    rows = [json.loads(line) for line in Path(adding).read_text().splitlines()]
    other = [
        {"marked": row["marked"], "more": row["marked"], "number": row["number"], "sum": row["sum"]} for row in rows
    ]
    Path("other.jsonl").write_text("".join(json.dumps(row) + "\n" for row in other))
    found = []
    for source in (adding, "other.jsonl"):
        capsys.readouterr()
        assert run(["evaluate", "a", source, "--label-column", "sum", "--split", "all"]) == 0
        err = capsys.readouterr().err
        record = next(line.removeprefix("record: ") for line in err.splitlines() if line.startswith("record: "))
        found.append(json.loads(Path(record).read_text())["rmse"])
    assert "channels by name: number, marked; left out: more" in err
    assert found[0] == pytest.approx(found[1], rel=1e-6)
    assert run(["evaluate", "a", stars, "--label-column", "stars", "--split", "all"]) == 2
    assert "stars.csv: holds texts, and the model reads numeric series" in capsys.readouterr().err


def test_a_number_for_a_recording() -> None:
    rows = []
    for k in range(24):
        write_sound(Path(f"{k}.wav"), whistle(("rises", "falls")[k % 2], k))
        rows.append({"path": f"{k}.wav", "label": float(k % 2)})
    Path("heard.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert run(["train", "heard.jsonl", *SMALL, "--set", "encoder.n_mels=12", "--out", "a"]) == 0
    assert json.loads(Path("a/evaluation.json").read_text())["baselines"]["ridge"]["name"].startswith("random conv")
    assert load("a").predict([Path("0.wav")]).shape == (1,)


def archive(name: str, n: int, seed: int) -> str:
    """Series of unequal lengths in the format of the regression archive, whose values to predict are their means."""
    random = np.random.default_rng(seed)
    lines = [f"@problemName {name}", "@timeStamps false", "@univariate true", "@equalLength false", "@targetLabel true"]
    for k in range(n):
        values = random.standard_normal(4 + k % 5) + random.standard_normal()
        lines += [*(["@data"] if not k else []), f"{','.join(f'{value:.3f}' for value in values)}:{values.mean():.4f}"]
    return "\n".join(lines) + "\n"


def test_a_file_of_the_regression_archive(capsys: pytest.CaptureFixture[str]) -> None:
    Path("Means_TRAIN.ts").write_text(archive("Means", 40, 0))
    Path("Means_TEST.ts").write_text(archive("Means", 12, 1))
    assert run(["train", "Means_TRAIN.ts", *SMALL, "--out", "a"]) == 0
    assert json.loads(Path("a/evaluation.json").read_text())["n"] == 12
    capsys.readouterr()
    assert run(["predict", "a", "--input", "Means_TEST.ts"]) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    predictions = [json.loads(line) for line in Path("a/predictions.jsonl").read_text().splitlines()]
    np.testing.assert_allclose(
        [one["predicted"] for one in answers], [one["predicted"] for one in predictions], rtol=1e-5
    )
    assert run(["evaluate", "a", "Means_TEST.ts"]) == 0
    for command in ("train", "lab", "compare"):
        capsys.readouterr()
        assert run([command, "Means_TRAIN.ts"]) == 2
        err = capsys.readouterr().err
        assert (
            "Means: its labels are values to predict (@targetLabel), and here they are classes; use lstmkit train"
            in err
        )
        assert err.splitlines()[-1].endswith("with --task regression")
