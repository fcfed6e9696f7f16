"""Recordings through the commands: trained, resumed to the same bits, predicted, analysed, and refused in one line."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from lstmkit import load
from lstmkit.analyze.explained import SeriesExplanation
from lstmkit.cli.main import run
from lstmkit.core.errors import DataError
from sounds import RATE, whistle, write_sound, write_whistles

SMALL = ["--threads", "1", "--epochs", "3", "--set", "model.hidden_size=8", "--set", "model.embedding_size=4",
         "--set", "encoder.n_mels=12", "--set", "model.bidirectional=false"]  # fmt: skip


@pytest.fixture
def words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """40 whistles that rise or fall, in a folder for each; the working folder is the one above."""
    monkeypatch.chdir(tmp_path)
    return write_whistles(tmp_path / "words", 20)


def lines_of(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_run_on_recordings(words: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_sound(words / "rises" / "long.wav", np.tile(whistle("rises", 7), 20))
    assert run(["train", "words", "--out", "a", *SMALL, "--set", "encoder.max_length=200"]) == 0
    said = (
        "1 recordings are longer than encoder.max_length = 200 frames (2 s); of each half of it from each end is kept"
    )
    assert said in " ".join(capsys.readouterr().err.split())
    details, evaluation = (json.loads(Path("a", name).read_text()) for name in ("details.json", "evaluation.json"))
    assert (details["kind"], details["n_features"]) == ("audio", 24)
    assert (details["epochs_run"], details["epochs_planned"]) == (3, 3)  # of the choice, without the refit
    assert any(said in line for line in details["decisions"])
    assert evaluation["baselines"]["linear"]["name"].endswith("ridge classifier")
    page = Path("a", "report.html").read_text()
    assert "each example is a recording, read as 24 features of each frame" in page
    assert page.count('<svg class="sound"') == len(details["confident_errors"])
    assert not Path("a", "model", "tokenizer.json").exists()
    assert run(["evaluate", "a", "words", "--split", "all"]) == 0
    assert run(["evaluate", "a", "--earliness"]) == 0
    assert run(["analyze", "a", "--threads", "1"]) == 0
    analysis = json.loads(Path("a", "analysis.json").read_text())
    units = analysis["models"]["lstm"]["networks"]["trained"]["layers"][0][0]["gates"]["units"]
    assert all(row["token"].split()[1] == "Hz" for unit in units["retentive"] for row in unit["forgets_at"])


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small trained run."""
    folder = tmp_path_factory.mktemp("model")
    write_whistles(folder / "words", 20)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert run(["train", "words", "--out", "a", *SMALL]) == 0
    return folder / "a"


def test_predictions_from_python(model: Path, tmp_path: Path) -> None:
    predictor = load(model)
    sound = whistle("rises", 5)
    path = write_sound(tmp_path / "x.wav", sound)
    kept = np.round(sound * 2**15).clip(-(2**15), 2**15 - 1).astype(np.int16)
    assert predictor.kind == "audio"
    answers = predictor.predict_proba([path, str(path), path.read_bytes(), (kept, RATE), kept, kept[:1]])
    np.testing.assert_allclose(answers[:5], np.tile(answers[:1], (5, 1)), atol=2e-3)
    np.testing.assert_allclose(answers[:3], np.tile(answers[:1], (3, 1)), atol=1e-6)
    np.testing.assert_allclose(predictor.predict_proba([path])[0], answers[0], atol=1e-6)  # whatever is beside it
    twice = predictor.predict_proba([(np.stack([kept, kept], 1), RATE)])
    np.testing.assert_allclose(twice[0], answers[3], atol=1e-6)
    assert predictor.predict_proba([]).shape == (0, 2)
    ragged = [[0.1, 0.2], [0.3]]
    for given in (ragged, (ragged, RATE)):
        with pytest.raises(DataError, match="example 0: samples that are no array: lists of unequal lengths") as caught:
            predictor.predict_proba([given])
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("items", "said"),
    [
        ("x.wav", "one recording came; give a list of them"),
        ([3], "example 0 is int; an example is a path, the bytes of an audio file, a pair"),
        ([("a", "b")], "example 0 is tuple"),
        ([b"hello"], "example 0: a text file"),
        (["nowhere.wav"], "nowhere.wav: cannot be read"),
        ([np.zeros(0)], "example 0: no samples"),
        ([np.zeros(100)], "example 0: silent: every sample is zero"),
        ([[0.1, np.nan]], "example 0: a sample that is NaN"),
        ([(np.ones(9), 3)], "example 0: a sampling rate of 3"),
        ([np.zeros((1, 100))], "example 0: samples of shape (1, 100)"),
    ],
    ids=str,
)
def test_what_is_no_recording_is_named(model: Path, items: object, said: str) -> None:
    with pytest.raises(DataError) as found:
        load(model).predict(items)  # pyright: ignore[reportArgumentType]
    assert str(found.value).startswith(said), found.value
    assert "\n" not in str(found.value)


def test_predictions_on_the_command_line(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    long = np.concatenate([whistle("rises", 1), whistle("falls", 2)])
    write_sound(tmp_path / "new" / "sub" / "long.flac", long)
    write_sound(tmp_path / "new" / "b.wav", whistle("falls", 3))
    assert run(["predict", str(model), "new/b.wav", "new/sub/long.flac"]) == 0
    two = lines_of(capsys)
    assert [(row["line"], row["path"]) for row in two] == [(1, "new/b.wav"), (2, "new/sub/long.flac")]
    assert run(["predict", str(model), "--input", "new"]) == 0
    folder = lines_of(capsys)
    assert [row["path"] for row in folder] == ["b.wav", "sub/long.flac"]
    assert [row["probabilities"] for row in folder] == [row["probabilities"] for row in two]
    Path("list.txt").write_text("new/b.wav\n\nnew/sub/long.flac\n")
    assert run(["predict", str(model), "--input", "list.txt"]) == 0
    assert [row["line"] for row in lines_of(capsys)] == [1, 3]
    Path("heard.csv").write_text("path,start,end,who\nnew/sub/long.flac,,0.15,ann\nnew/sub/long.flac,0.3,,bob\n")
    assert run(["predict", str(model), "--input", "heard.csv", "--output", "said.csv"]) == 0
    head, first, _ = Path("said.csv").read_text().splitlines()
    assert head.startswith("line,path,start,end,who,predicted,probability")
    assert first.startswith("2,new/sub/long.flac,,0.15,ann,")
    capsys.readouterr()
    Path("new/bad.wav").write_text("hello")
    assert run(["predict", str(model), "--input", "new", "--on-bad-row", "skip"]) == 0
    found = capsys.readouterr()
    assert len(found.out.splitlines()) == 2
    assert "skipped new:2: bad.wav: a text file" in found.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["predict", "M", "nowhere.wav"], "path:1: nowhere.wav: cannot be read"),
        (["predict", "M", "--input", "empty"], "empty: holds no recording (.wav .flac .mp3 "),
        (["predict", "M", "--input", "texts.csv"], "texts.csv: no column of paths; call it path"),
        (["predict", "M", "--input", "heard.csv"], "heard.csv:2: start or end is not a number of seconds"),
        (["predict", "M", "--input", "x.parquet"], "x.parquet: cannot be read (No such file"),
        (["explain", "M", "hello"], "hello: cannot be read"),
        (["explain", "M"], "explain takes a recording or --id, one of the two"),
        (
            ["predict", "M", "--stream", "--input", "texts.csv"],
            "texts.csv:1: 'text' is no number; write numbers with commas between",
        ),
    ],
)
def test_bad_requests_have_one_line(
    model: Path,
    words: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    Path("texts.csv").write_text("text\nhello\n")
    Path("heard.csv").write_text("path,start\nx.wav,soon\n")
    assert run([str(model) if word == "M" else word for word in words]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("error: ") == 1


@pytest.mark.parametrize("deltas", [0, 2])
def test_explanations_show_bands_over_frames(words: Path, deltas: int) -> None:
    settings = ["--set", f"encoder.deltas={deltas}", "--set", "encoder.max_length=9"]
    assert run(["train", str(words), "--out", "a", *SMALL, *settings]) == 0
    model = load("a")
    path = min(words.glob("*/*.wav"))
    found = model.explain(path)
    assert isinstance(found, SeriesExplanation)
    hertz = [float(name.removesuffix(" Hz")) for name in found.channels]
    assert hertz == sorted(hertz, reverse=True)
    assert found.values.shape == (9, 12)
    assert (found.hole, len(found.places)) == (5, 9)
    assert found.n_given > 9
    assert found.by_channel.shape[1:] == (9, 12)
    np.testing.assert_allclose(found.by_channel.sum(2), found.attribution.values, atol=1e-9)
    np.testing.assert_allclose(found.probabilities, model.predict_proba([path])[0], atol=1e-6)
    assert run(["explain", "a", str(path), "--out", "page.html"]) == 0
    assert run(["explain", "a", str(path), "--out", "page.json"]) == 0
    page = Path("page.html").read_text()
    assert "Hz" in page
    assert "Which frames count, in which feature" in page
    assert (found.kind, json.loads(Path("page.json").read_text())["kind"]) == ("audio", "audio")
    words_of = re.sub(r"(?s)<script.*?</script>|<style.*?</style>|<[^>]*>", " ", page)
    assert not re.search(r"\bthe series\b|\bthis series\b|\bchannels?\b|\bfirst step\b", words_of)
    first = json.loads(Path("a/predictions.jsonl").read_text().splitlines()[0])
    assert run(["explain", "a", "--id", first["id"], "--text"]) == 0


def test_data_info_shows_rates_lengths_and_clipping(words: Path, capsys: pytest.CaptureFixture[str]) -> None:
    loud = np.tile(np.repeat(np.float32([1, -1]), 10), 100)
    write_sound(words / "rises" / "loud.wav", loud, 16_000)
    write_sound(words / "rises" / "again.wav", loud, 16_000)
    write_sound(words / "falls" / "silent.wav", np.zeros(900, np.float32))
    assert run(["data", "info", "words", "--set", "encoder.n_mels=12"]) == 0
    out = capsys.readouterr().out
    assert "words: audio" in out
    assert "length in milliseconds" in out
    assert "8,000 (4), 16,000 (2)" not in out
    assert "minutes in all" in out
    assert "clipping: 2 recordings have samples cut off at full scale" in out
    assert "rejected rows: 1" in out
    assert "falls/silent.wav: silent: every sample is zero" in out
    assert "text" not in out


def test_augmented_training_is_resumed_to_the_same_bits(words: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    augmented = [*SMALL, "--set", "train.refit=false", "--set", "augment.time_warp=0.2"]
    assert run(["train", "words", "--out", "whole", *augmented]) == 0
    from lstmkit.train import loop

    real, steps = loop.train_step, []

    def dying(*arguments: object) -> tuple[float, int]:
        if len(steps) == 2:
            raise KeyboardInterrupt
        steps.append(None)
        return real(*arguments)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(loop, "train_step", dying)
    assert run(["train", "words", "--out", "cut", *augmented]) == 130
    assert len(steps) == 2
    monkeypatch.setattr(loop, "train_step", real)
    assert run(["train", "words", "--out", "cut", *augmented, "--resume"]) == 0
    assert Path("cut/model/model.safetensors").read_bytes() == Path("whole/model/model.safetensors").read_bytes()


def test_a_lab_on_recordings_explains_its_examples(words: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from small_evidence import shorten_evidence

    shorten_evidence(monkeypatch)
    assert run(["lab", "words", "--out", "lab", *SMALL]) == 0
    evidence = json.loads(Path("lab/evidence.json").read_text())
    assert all("classified wrongly" in one["reason"] for one in evidence["left_out"])
    assert evidence["explained"]
    claims = {claim["claim"]: claim for claim in json.loads(Path("lab/lab.json").read_text())["claims"]}
    assert "words" in claims["LSTMs perform well on speech"]["evidence"]
    page = Path("lab/report.html").read_text()
    assert "Look for the few frames that carry the answer" in page
    assert "first frame" in page
    assert "the answer to the series" not in page
