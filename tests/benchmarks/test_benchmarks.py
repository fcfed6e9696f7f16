"""The benchmarks run, on shapes so small that their times say nothing; none is asserted."""

import importlib
import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from lstmkit.config.resolve import resolve
from lstmkit.data.encoded import EncodedPart
from lstmkit.data.sources import Corpus, Part
from lstmkit.nn.library import native_library

pytestmark = pytest.mark.slow

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SPREAD = {f"{name}_{field}" for name in ("ours", "padded", "packed") for field in ("ms", "ms_min", "ms_max", "runs")}


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch):
    """Imports a module of `benchmarks/` as it imports its neighbours: by its bare name."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if Path(getattr(sys.modules[name], "__file__", None) or "/").parent == BENCHMARKS:
            del sys.modules[name]


@pytest.fixture
def engine(load) -> ModuleType:
    return load("engine")


def test_every_kind_of_row(engine: ModuleType, load) -> None:
    shape, effort = load("shapes").Shape, load("measuring").Effort(0.001, 3, 1.0)
    tiny = [
        shape("tokens", 3, 5, 4, 6, vocabulary=30),
        shape("tokens", 3, 8, 4, 6, ragged=True, vocabulary=30, bidirectional=True),
        shape("tokens", 3, 8, 4, 6, ragged=True, vocabulary=30, mode="forward"),
        shape("dense", 3, 5, 4, 6, input_grad=True),
        shape("dense", 3, 8, 4, 6, ragged=True),
        shape("dense", 3, 8, 4, 6, mode="forward"),
        shape("step", 1, 1, 4, 6, mode="forward"),
        shape("step", 2, 1, 4, 6, mode="forward", vocabulary=30, reads_tokens=True),
    ]
    rows = engine.measure_all(tiny, effort)
    assert len(rows) == 8
    for row in rows:
        assert row.keys() >= {"kind", "batch", "steps", "input", "hidden", "ragged", "mode", "mm_share"} | SPREAD
        if row["kind"] != "step":
            assert row["difference"] < 1e-5
            assert (row["mm_share"] is not None) == (native_library().library is not None)
    json.dumps(rows)


def test_several_real_batches_are_one_row(engine: ModuleType, load) -> None:
    shape = load("shapes").Shape("imdb", 3, 8, 4, 6, ragged=True, vocabulary=30)
    draw = load("subjects").draw
    drawn = [draw(load("shapes").Shape("tokens", 3, 8, 4, 6, ragged=True, vocabulary=30), seed) for seed in (1, 2)]
    row = engine.measure(shape, load("measuring").Effort(0.001, 3, 1.0), drawn)
    assert row["n_batches"] == 2
    assert row["difference"] < 1e-5


def _toy_rows(name: str) -> list[list[object]]:
    waves = [10 + np.sin(np.pi * k / 3) + 0.1 * (k % 5) for k in range(90)]
    return [["year", name], *([1900 + k, round(value, 3)] for k, value in enumerate(waves))]


TINY = [*("--threads", "1", "--seeds", "2", "--set", "train.epochs=1", "--set", "model.hidden_size=4")]


def test_forecasts_of_real_series(
    load, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    forecast = load("forecast")
    assert forecast.HORIZONS == {"sunspots": 11, "co2": 52, "elnino": 12}
    monkeypatch.setattr(forecast, "HORIZONS", {"toy": 3})
    monkeypatch.setattr(forecast, "rows_of", _toy_rows)
    for folds, n_rows in ((0, 4), (2, 8)):
        out = tmp_path / str(folds)
        forecast.main(["--out", str(out), "--no-ets", "--folds", str(folds), *TINY])
        rows = json.loads((out / "forecast.json").read_text())
        assert [row["model"] for row in rows[:4]] == ["naive", "seasonal-naive", "LSTM", "LSTM"]
        assert len(rows) == n_rows
        own = json.loads((out / "toy-fold0-seed1" / "evaluation.json").read_text())
        assert (rows[3]["mase"], rows[3]["difference"]) == (own["mase"], own["mase_difference"])
    assert "toy | mean of the LSTMs: mase" in capsys.readouterr().out


@pytest.mark.skipif(find_spec("statsmodels") is None, reason="statsmodels is not installed (extra forecast-bench)")
def test_the_series_and_ets_of_statsmodels(load, tmp_path: Path) -> None:
    forecast = load("forecast")
    forecast.main(["--out", str(tmp_path), "--sets", "sunspots", *TINY])
    rows = json.loads((tmp_path / "forecast.json").read_text())
    assert [row["model"] for row in rows[:3]] == ["naive", "seasonal-naive", "ETS"]
    assert rows[2]["n"] == 36


def test_numbers_for_whole_sequences(
    load, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    regression = load("regression")
    part = Part(
        ["a fine film", "a dull film"] * 9, ["pos", "neg"] * 9, [f"train/pos/{k}_{k % 4 + 1}.txt" for k in range(18)]
    )
    corpus = Corpus("imdb", "text", {"train": part, "test": part}, (), (), "0", {})
    monkeypatch.setattr(regression, "load_corpus", lambda data: corpus)
    regression.main(["--out", str(tmp_path), "--lag", "4", "--examples", "60", *TINY])
    rows = json.loads((tmp_path / "regression.json").read_text())
    assert [(row["source"], row["seed"]) for row in rows] == [
        *(("adding", 0), ("adding", 1), ("stars", 0), ("stars", 1))
    ]
    assert (tmp_path / "stars" / "test.csv").read_text().startswith("text,stars\na fine film,1\na dull film,2\n")
    assert "stars | mean RMSE" in capsys.readouterr().out


def test_shapes_are_the_ones_promised(load) -> None:
    shapes = load("shapes").shapes
    for quick, n_least in ((True, 25), (False, 60)):
        found = shapes(quick)
        assert len(found) == len(set(found)) >= n_least
        assert {shape.hidden for shape in found} >= {32, 64, 128, 256, 512, 1024}
        assert {shape.batch for shape in found if shape.hidden == 128} >= {1, 8, 32, 64, 256}
        assert {shape.input for shape in found if shape.kind == "dense"} >= {12, 40, 128}
        assert {shape.mode for shape in found} == {"train", "forward"}
    assert not [shape for shape in shapes(True) if shape not in shapes(False) and shape.steps != 60]


def test_ragged_lengths_reach_down_to_a_quarter(load) -> None:
    lengths = load("subjects").lengths_of(load("shapes").FIELD[1])
    assert (max(lengths), min(lengths), len(lengths)) == (396, 100, 64)


def test_memory_counts_what_is_touched(load) -> None:
    assert load("memory").growth(lambda: bytearray(64 << 20)) >= 60


@pytest.mark.skipif(native_library().library is None, reason="the recurrence alone is the native engine's")
def test_between_products(engine: ModuleType, load) -> None:
    row = engine.between_products(load("shapes").Shape("tokens", 3, 5, 4, 6, vocabulary=30), 2)
    assert row["alone_ms"] > 0 < row["after_mm_ms"]


def test_without_data_imdb_says_so(
    engine: ModuleType, load, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("LSTMKIT_DATA", raising=False)
    assert list(engine.imdb_rows(True, load("measuring").QUICK)) == []
    assert "skipped: $LSTMKIT_DATA" in capsys.readouterr().out


@pytest.mark.parametrize("preset", ["default", "lab"])
def test_an_epoch_beside_its_peers(load, preset: str, capsys: pytest.CaptureFixture[str]) -> None:
    random = np.random.default_rng(0)
    offsets = np.cumsum([0, *random.integers(1, 9, 70)])
    part = EncodedPart(random.integers(0, 20, offsets[-1]).astype(np.int32), offsets, np.arange(70) % 2)
    config = resolve(preset, None, ["model.hidden_size=4", "train.batch_size=8"])
    peers = ("torch-bucketed", "torch-packed", "keras-jax")
    # An interpreter that has no Keras, wherever this runs.
    rows = load("imdb_epoch").compare(config, part, 20, peers=peers, share=0.5, python="false")
    assert [row["subject"] for row in rows] == ["lstmkit", "torch-bucketed", "torch-packed"]
    assert rows[0]["share"] == rows[1]["share"] == 1
    assert 0.3 < rows[2]["share"] < 0.7
    output = capsys.readouterr().out
    assert "keras-jax" in output
    assert "skipped: false has no keras" in output
    assert "scaled from" in output


def test_a_peer_that_fails_takes_no_other_with_it(
    load, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    imdb_epoch = load("imdb_epoch")
    monkeypatch.setattr(imdb_epoch, "lacking", lambda peer, python: None)
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho out of luck >&2\nexit 3\n")
    python.chmod(0o755)
    part = EncodedPart(np.zeros(12, np.int32), np.arange(0, 13, 3), np.arange(4) % 2)
    config = resolve("lab", None, ["model.hidden_size=4", "model.embedding_size=3"])
    peers = ("keras-jax", "torch-bucketed")
    rows = imdb_epoch.compare(config, part, 20, peers=peers, python=str(python))
    assert [row["subject"] for row in rows] == ["lstmkit", "keras-jax", "torch-bucketed"]
    assert rows[1]["error"] == "out of luck\n"
    assert "keras-jax         FAILED" in capsys.readouterr().out


def test_streams_beside_their_peers(load, monkeypatch: pytest.MonkeyPatch) -> None:
    streaming = load("streaming")
    effort = load("measuring").Effort(0.001, 3, 1.0)
    monkeypatch.setattr(streaming.importlib.util, "find_spec", lambda name: None)  # Keras takes seconds to import
    rows = list(streaming.measure(effort, hidden=6, vocabulary=30, n_steps=5, sizes=(1, 3)))
    assert [(row["over"], row["kind"], row["streams"]) for row in rows] == [
        (over, kind, n) for over in ("words", "series") for kind, n in (("stream", 1), ("pool", 1), ("pool", 3))
    ]
    for row in rows:
        for name in ("lstmkit", "nn.LSTM"):
            assert 0 < row[name]["slowest"] <= row[name]["steps_per_second"] <= row[name]["quickest"]
    json.dumps(rows)
    rows = list(streaming.measure_forecasts(effort, n_steps=30, sizes=(3,)))
    assert [(row["over"], row["kind"], row["streams"]) for row in rows] == [
        ("forecasts", "stream", 1),
        ("forecasts", "pool", 3),
    ]
    assert all(row["lstmkit"]["slowest"] > 0 < row["predict_quantiles"]["slowest"] for row in rows)


def test_other_probabilities_are_no_measurement(load, monkeypatch: pytest.MonkeyPatch) -> None:
    streaming = load("streaming")
    monkeypatch.setattr(streaming.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(streaming, "torch_subject", lambda artifact, steps: lambda: np.full((len(steps[0]), 2), 0.5))
    with pytest.raises(RuntimeError, match=r"nn.LSTM gives other answers than lstmkit"):
        next(streaming.measure(load("measuring").Effort(0.001, 3, 1.0), hidden=6, vocabulary=30, n_steps=5))


@pytest.mark.parametrize("script", ["engine.py", "imdb_epoch.py", "streaming.py"])
def test_help(script: str) -> None:
    done = subprocess.run([sys.executable, BENCHMARKS / script, "--help"], capture_output=True, text=True, check=True)
    assert "--json" in done.stdout


def test_a_row_of_results(load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    results = load("results")
    monkeypatch.chdir(tmp_path)
    options = [
        "--",
        "--threads",
        "1",
        "--epochs",
        "1",
        "--set",
        "model.hidden_size=4",
        "--set",
        "model.embedding_size=4",
    ]
    rows = []
    for _ in range(2):  # the second reads what the first wrote
        monkeypatch.setattr(sys, "argv", ["results", "digits", "--seeds", "1", *options])
        results.main()
        rows.append(capsys.readouterr().out.splitlines()[-1])
    evaluation = json.loads(Path("runs/results/digits-0/evaluation.json").read_text())
    accuracy, linear = evaluation["accuracy"], evaluation["baselines"]["linear"]["accuracy"]
    assert rows[0] == rows[1]
    assert rows[0].startswith(f"| `digits` (269 test) | {100 * accuracy:.2f} | {100 * accuracy:.2f} (")
    assert f"| {100 * linear:.2f} |" in rows[0]
