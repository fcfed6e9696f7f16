"""A run that dies at any moment ends, resumed, in the bits of one that never died."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from small_runs import write_reviews

pytestmark = pytest.mark.slow

OPTIONS = [
    *("--epochs", "4", "--seed", "3", "--threads", "1"),
    *("--set", "model.hidden_size=16"),
    *("--set", "model.embedding_size=256"),
    *("--set", "train.batch_size=8"),
    *("--set", "encoder.min_frequency=1"),
    *("--set", "train.checkpoint_seconds=0.0001"),  # a checkpoint after every step: kills fall into writing them, too
]
# Training alone is what is killed; the linear baseline is left out to keep the test quick.
SCRIPT = """
import sys
from lstmkit.experiment import single
single.baselines_of = lambda *_: {
    "linear": {"name": "none", "accuracy": 0.5, "accuracy_ci95": [0.4, 0.6], "C": None, "grid": {},
               "valid_accuracy": None, "n_features": 0, "seconds": 0.0, "refit": False},
    "majority": {"label": "pos", "accuracy": 0.5, "accuracy_ci95": [0.4, 0.6]},
}
import lstmkit.cli.train
from lstmkit.cli.main import run
sys.exit(run(sys.argv[1:]))
"""


def start(source: Path, folder: Path, *more: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, "train", str(source), "--out", str(folder), *OPTIONS, *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def result(folder: Path) -> dict[str, bytes]:
    """All that must not depend on how often a run died: the history, but for its times, too."""
    names = ("model/model.safetensors", "model/tokenizer.json", "predictions.jsonl", "evaluation.json")
    untimed = [
        {key: value for key, value in json.loads(line).items() if key not in ("seconds", "tokens_per_second")}
        for line in (folder / "history.jsonl").read_text().splitlines()
    ]
    return {name: (folder / name).read_bytes() for name in names} | {"history": json.dumps(untimed).encode()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, bytes]]:
    """A run that never died: its source and its result."""
    place = tmp_path_factory.mktemp("whole")
    source = write_reviews(place / "reviews.csv", n=200)
    process = start(source, place / "run")
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return source, result(place / "run")


def test_sigkill_at_random_moments(whole: tuple[Path, dict[str, bytes]], tmp_path: Path) -> None:
    """Killed again and again, anywhere from the first write to the last, it arrives where the whole run did."""
    source, expected = whole
    generator = random.Random(8)
    folder = tmp_path / "run"
    checkpoint = folder / "checkpoints" / "last.safetensors"

    def written() -> int:
        return checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0

    # Each life but the last ends a random while after so many checkpoints of its own: in a step, in a checkpoint's
    # writing, in validation. The first ends before any; the last but one after training, in scoring or drawing.
    n_killed = 0
    for n_checkpoints in (0, 1, 3, 8, 13, None, 1000):
        process = start(source, folder, *(["--resume"] if (folder / "config.toml").exists() else []))
        last, n_seen = written(), 0
        while process.poll() is None:
            if n_checkpoints is None and (folder / "model").exists():
                break
            if n_checkpoints is not None and n_seen >= n_checkpoints and (folder / "config.toml").exists():
                break
            if (now := written()) != last:
                last, n_seen = now, n_seen + 1
            time.sleep(0.0005)
        if process.poll() is None:
            time.sleep(generator.uniform(0, 0.02))
            process.kill()
        out, err = process.communicate(timeout=300)
        n_killed += process.returncode == -signal.SIGKILL
    assert process.returncode == 0, out + err
    assert n_killed == 6
    assert result(folder) == expected
    assert not list(folder.rglob(".*.partial")), "what a kill left half-written is swept up"


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_writes_a_checkpoint_and_says_so(
    whole: tuple[Path, dict[str, bytes]], tmp_path: Path, number: int, status: int
) -> None:
    source, expected = whole
    folder = tmp_path / "run"
    process = start(source, folder)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("Epoch 2/"):
            break
    os.kill(process.pid, number)
    _, err = process.communicate(timeout=120)
    assert process.returncode == status, err
    assert "a checkpoint is written, --resume goes on from it" in err.splitlines()[-1]
    assert "Traceback" not in err
    again = start(source, folder, "--resume")
    out, err = again.communicate(timeout=300)
    assert again.returncode == 0, err
    assert "Epoch 1/" not in out
    assert result(folder) == expected


def test_resume_of_a_run_that_died_before_its_first_checkpoint(
    whole: tuple[Path, dict[str, bytes]], tmp_path: Path
) -> None:
    source, expected = whole
    folder = tmp_path / "run"
    process = start(source, folder)
    while not (folder / "config.toml").exists():
        assert process.poll() is None
        time.sleep(0.002)
    process.kill()
    process.communicate()
    assert not (folder / "model").exists()
    again = start(source, folder, "--resume")
    _, err = again.communicate(timeout=300)
    assert again.returncode == 0, err
    assert result(folder) == expected
