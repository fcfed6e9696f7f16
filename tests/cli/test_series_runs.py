"""Series through the commands: trained, interrupted to the same bits, analysed, predicted, and refused in one line."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest

from lstmkit import load
from lstmkit.analyze.explained import SeriesExplanation
from lstmkit.cli.main import run
from lstmkit.core.errors import DataError

SMALL = ["--threads", "1", "--epochs", "3", "--set", "model.hidden_size=8", "--set", "model.embedding_size=4"]


@pytest.fixture
def gestures(tmp_path: Path) -> Path:
    """60 ragged series of two channels, the second with gaps, in a table with a row for each step."""
    path = tmp_path / "gestures.csv"
    random = np.random.default_rng(0)
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["series_id", "time", "x", "y", "label"])
        for k in range(60):
            for step in range(4 + k % 5):
                y = "" if random.random() < 0.2 else round(random.standard_normal(), 3)
                table.writerow([k, step, (step if k % 2 else -step) + round(random.standard_normal() / 4, 3), y, k % 2])
    return path


def test_a_run_on_series(gestures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["train", str(gestures), "--out", "a", *SMALL]) == 0
    details, evaluation = (json.loads(Path("a", name).read_text()) for name in ("details.json", "evaluation.json"))
    assert (details["kind"], details["n_features"]) == ("series", 3)  # x, y, and that y is missing
    assert evaluation["baselines"]["linear"]["name"].endswith("ridge classifier")
    page = Path("a", "report.html").read_text()
    assert "each example is a series of numbers, 3 at each step" in page
    assert details["confident_errors"][0]["series"]["n_channels"] == 2
    assert page.count('<svg class="series"') == len(details["confident_errors"])
    assert not Path("a", "model", "tokenizer.json").exists()

    model = load("a")
    whole = np.array([[0, 1], [1, np.nan], [2, 0]], dtype=np.float32)
    answers = model.predict_proba([whole, whole[:1]])
    np.testing.assert_allclose(model.predict_proba([whole[:1]])[0], answers[1], atol=1e-6)
    np.testing.assert_allclose(model.predict_proba(whole.T[None]), answers[:1], atol=1e-6)  # (n, channels, time)
    with pytest.raises(DataError, match="example 0 has 3 channels, 2 are read"):
        model.predict([np.zeros((4, 3))])
    explanation = model.explain(whole)
    assert isinstance(explanation, SeriesExplanation)
    assert explanation.by_channel.shape == (2, 3, 2)
    np.testing.assert_allclose(explanation.probabilities, answers[0], atol=1e-6)
    with pytest.raises(DataError, match=r"example 0 holds 'a text' \(str\), which is no number"):
        model.explain("a text")

    assert run(["evaluate", "a", str(gestures), "--split", "all"]) == 0
    assert run(["analyze", "a", "--threads", "1"]) == 0
    analysis = json.loads(Path("a", "analysis.json").read_text())
    units = analysis["models"]["lstm"]["networks"]["trained"]["layers"][0][0]["gates"]["units"]
    named = {row["token"] for unit in units["retentive"] for row in unit["forgets_at"]}
    assert named <= {f"{name} {way}" for name in ("x", "y", "y missing") for way in ("high", "low")}
    for page in ("report.html", "analysis.html"):
        words = re.sub(r"<(script|style)\b.*?</\1>|<[^>]*>", " ", Path("a", page).read_text(), flags=re.DOTALL)
        assert not re.search(r"\btokens?\b", words.replace("tokens_per_second", ""), re.IGNORECASE), page


def test_what_takes_texts_refuses_a_run_on_series(
    gestures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["train", str(gestures), "--out", "a", *SMALL, "--set", "model.bidirectional=false"]) == 0
    capsys.readouterr()
    assert run(["predict", "a", "hello"]) == 2
    error = capsys.readouterr().err
    assert "a: reads numeric series, and a text came" in error
    assert error.count("error: ") == 1
    assert run(["evaluate", "a", "--earliness"]) == 0


def test_series_that_stand_in_two_splits_are_told(
    gestures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "both"
    folder.mkdir()
    for name in ("train.csv", "test.csv"):
        (folder / name).write_text(gestures.read_text())
    assert run(["data", "info", str(folder), "--set", "encoder.max_length=5"]) == 0
    out = capsys.readouterr().out
    assert "54 of 60 test series also stand in train: 90.0%" in out  # the others are validation's
    assert "white space" not in out
    assert (
        "of all steps; the network is judged on series of which it sees a part; the linear baseline sees no more" in out
    )


def test_augmented_training_is_resumed_to_the_same_bits(
    gestures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    augmented = [*SMALL, "--set", "augment.jitter=0.1", "--set", "augment.time_warp=0.3", "--set", "train.refit=false"]
    assert run(["train", str(gestures), "--out", "whole", *augmented]) == 0
    from lstmkit.train import loop

    real, steps = loop.train_step, []

    def dying(*arguments: object) -> tuple[float, int]:
        if len(steps) == 5:
            raise KeyboardInterrupt
        steps.append(None)
        return real(*arguments)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(loop, "train_step", dying)
    assert run(["train", str(gestures), "--out", "cut", *augmented]) == 130
    assert len(steps) == 5
    monkeypatch.setattr(loop, "train_step", real)
    assert run(["train", str(gestures), "--out", "cut", *augmented, "--resume"]) == 0
    assert Path("cut/model/model.safetensors").read_bytes() == Path("whole/model/model.safetensors").read_bytes()


def test_a_lab_explains_its_examples(gestures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from small_evidence import shorten_evidence

    monkeypatch.chdir(tmp_path)
    shorten_evidence(monkeypatch)
    assert run(["lab", str(gestures), "--out", "lab", *SMALL]) == 0
    evidence = json.loads(Path("lab/evidence.json").read_text())
    assert all("classified wrongly" in one["reason"] for one in evidence["left_out"])
    assert evidence["explained"]
    page = Path("lab/report.html").read_text()
    for one in evidence["explained"]:
        record = json.loads(Path("lab/explanations", f"{one['kind']}.json").read_text())
        assert (record["kind"], record["id"]) == ("series", one["id"])
        assert f'href="explanations/{one["kind"]}.html"' in page
    assert page.count('<svg class="curve"') == 2 * len(evidence["explained"])
    assert page.count('class="chart running"') == 2 * len(evidence["explained"])
    assert "The area above a channel’s curve" in page
    assert "what drives them" in page
    claims = {claim["claim"]: claim for claim in json.loads(Path("lab/lab.json").read_text())["claims"]}
    assert "gestures" in claims["LSTMs perform well on time series"]["evidence"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train", "X", "--set", "encoder.kind=words"], "encoder.kind=words: this source holds numeric series"),
        (["train", "X", "--set", "data.series_column=who"], "no column 'who'"),
        (["train", "X", "--text-column", "nowhere"], "no column 'nowhere'"),
    ],
)
def test_bad_requests_have_one_line(
    gestures: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(gestures.parent)
    assert run([str(gestures) if word == "X" else word for word in words]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("error: ") == 1


def test_an_option_for_forecasts_alone_is_refused(
    gestures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["train", str(gestures), "--out", "a", "--horizon", "3"]) == 2
    assert capsys.readouterr().err.startswith("error: --horizon is for forecasts; add --task forecast; ")
    assert not Path("a").exists()


def test_another_table_is_read_with_the_runs_own_label_column(
    gestures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("own.csv", "other.csv"):
        header, *rows = gestures.read_text().splitlines()
        assert header.endswith("label")
        Path(name).write_text("\n".join([header.removesuffix("label") + "move", *rows]) + "\n")
    assert run(["train", "own.csv", "--label-column", "move", "--out", "a", *SMALL]) == 0
    assert run(["evaluate", "a", "other.csv"]) == 0
    assert run(["evaluate", "a", str(gestures)]) == 0  # whose column is called label
