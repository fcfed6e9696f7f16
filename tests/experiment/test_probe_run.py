"""A probe in its folder: the same numbers however many networks are trained at once and however often it dies."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from test_probe_protocol import TINY, Silent

from lstmkit.core.errors import ArtifactError, RequestError, StorageError
from lstmkit.data.tasks import TASKS
from lstmkit.experiment.probe import ladder
from lstmkit.experiment.probe.network import train_network
from lstmkit.experiment.probe.plan import CELLS, plan_of
from lstmkit.experiment.probe.run import is_finished, run_probe
from lstmkit.nn import choose_engine

OPTIONS = ["--quick", "--tasks", "recall", "--cells", "rnn,lstm", "--lags", "2,3,4", "--seed", "5"]
SMALL = replace(TINY, cells=("rnn", "gru", "lstm", "chrono"))
N_NETWORKS = 6


def timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: timeless(item) for key, item in value.items() if key != "seconds"}
    return [timeless(item) for item in value] if isinstance(value, list) else value


def read(folder: Path) -> Any:
    return json.loads((folder / "probe.json").read_text())


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A finished probe of all cells, one network at a time."""
    folder = tmp_path_factory.mktemp("probe") / "small"
    return folder, run_probe(folder, SMALL, Silent(), n_at_once=1)


def test_a_finished_probe_has_all_its_files(small: tuple[Path, dict[str, Any]]) -> None:
    folder, record = small
    assert sorted(path.name for path in folder.iterdir()) == [
        "checkpoints", "environment.json", "networks", "plan.json", "plots", "probe.json", "report.html",
    ]  # fmt: skip
    assert read(folder) == json.loads(json.dumps(record))
    assert set(record["horizon"]["recall"]) == set(SMALL.cells)
    assert {path.name for path in (folder / "plots").iterdir()} == {
        f"{name}.{kind}" for name in ("horizon", "recall") for kind in ("png", "svg")
    }
    about = json.loads((folder / "environment.json").read_text())
    assert about["networks_at_once"] == 1
    assert about["wall_seconds"] >= 0
    assert list(about["engine"]) == list(SMALL.cells)
    engines = {cell: choose_engine("auto", CELLS[cell]) for cell in SMALL.cells}
    assert {cell: engine["name"] for cell, engine in about["engine"].items()} == {
        cell: engine.name for cell, engine in engines.items()
    }


def test_a_resumed_probe_tells_its_time_since_then(small: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    folder = tmp_path / "resumed"
    shutil.copytree(small[0], folder)
    (folder / "report.html").unlink()
    os.utime(folder / "plan.json", (1e9, 1e9))
    run_probe(folder, SMALL, Silent(), resume=True)
    about = json.loads((folder / "environment.json").read_text())
    assert about["started_utc"] == "2001-09-09T01:46:40+00:00"
    assert about["resumed_utc"] > about["started_utc"]
    assert "wall_seconds" not in about
    assert about["seconds_since_resumed"] < 600


def test_seconds_are_the_threads_and_none_are_spent_elsewhere() -> None:
    """Waiting is no training; and were a kernel's work done by another thread, the process would have spent more."""
    brief = replace(SMALL, steps=20)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for cell in SMALL.cells:
            own_s, all_s = time.thread_time(), time.process_time()
            record = train_network(TASKS["recall"], cell, 3, SMALL.settings[0], brief, watch=lambda *_: time.sleep(0.3))
            own_s, all_s = time.thread_time() - own_s, time.process_time() - all_s
            assert record["seconds"] == pytest.approx(own_s, abs=0.02)
            assert all_s - own_s < 0.05
    finally:
        torch.set_num_threads(before)


def test_the_numbers_do_not_depend_on_how_many_are_trained_at_once(
    small: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    before = torch.get_num_threads()
    record = run_probe(tmp_path / "three", SMALL, Silent(), n_at_once=3)
    assert timeless(record) == timeless(small[1])
    assert torch.get_num_threads() == before


def test_another_plan_does_not_go_on_with_it(small: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = small
    assert is_finished(folder, SMALL)
    with pytest.raises(RequestError, match=r"was begun with another plan: seed \(0 there, 1 here\); give the same"):
        is_finished(folder, replace(SMALL, seed=1))
    with pytest.raises(RequestError, match=r"was begun with another plan: lags \(\[2, 3\] there, \[2\] here\)"):
        run_probe(folder, replace(SMALL, lags=(2,)), Silent(), resume=True)


def test_a_damaged_record_of_a_network_is_one_line(small: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    folder = tmp_path / "damaged"
    (folder / "networks").mkdir(parents=True)
    (folder / "plan.json").write_text((small[0] / "plan.json").read_text())
    name = next(path.name for path in (small[0] / "networks").glob("recall-rnn-2-*"))
    (folder / "networks" / name).write_text('{"learning_rate": 0.0')
    with pytest.raises(ArtifactError, match=rf"{name}: damaged, not JSON"):
        run_probe(folder, SMALL, Silent(), resume=True)
    assert not (folder / "probe.json").exists()


def test_an_error_in_one_network_ends_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = ladder.train_network

    def train(task: Any, cell: str, *rest: Any, **options: Any) -> dict[str, Any]:
        if cell == "gru":
            raise StorageError("the disk is full")
        return honest(task, cell, *rest, **options)

    monkeypatch.setattr(ladder, "train_network", train)
    # What is not ended would go on for days.
    endless = replace(SMALL, lags=(900, 1000), steps=10**6)
    with pytest.raises(StorageError, match="the disk is full"):
        run_probe(tmp_path / "probe", endless, Silent(), n_at_once=2)


# Killed at any moment


def start(folder: Path, *more: str) -> "subprocess.Popen[str]":
    words = [sys.executable, "-m", "lstmkit", "probe", "--out", str(folder), *OPTIONS, *more]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The record of the same probe, which never died."""
    folder = tmp_path_factory.mktemp("whole") / "probe"
    plan = plan_of(quick=True, tasks="recall", cells="rnn,lstm", lags="2,3,4", seed=5)
    record = run_probe(folder, plan, Silent(), n_at_once=1)
    assert len(list((folder / "networks").iterdir())) == N_NETWORKS
    return timeless(json.loads(json.dumps(record)))


@pytest.mark.slow
def test_sigkill_at_random_moments(whole: Any, tmp_path: Path) -> None:
    folder = tmp_path / "probe"
    generator = random.Random(3)
    seen: dict[str, tuple[int, bytes]] = {}
    n_killed = 0
    for n_wanted in (0, 3, None):  # killed once so many networks are kept; the last life is left to end
        process = start(folder, *(["--resume"] if (folder / "plan.json").exists() else []))
        while process.poll() is None and n_wanted is not None:
            kept = list((folder / "networks").glob("*.json")) if (folder / "plan.json").exists() else None
            if kept is not None and len(kept) >= n_wanted:
                time.sleep(generator.uniform(0, 0.1))
                process.kill()
                break
            time.sleep(0.002)
        _, err = process.communicate(timeout=300)
        n_killed += process.returncode == -signal.SIGKILL
        for path in (folder / "networks").glob("*.json"):
            found = (path.stat().st_ino, path.read_bytes())
            assert seen.setdefault(path.name, found) == found, "a network that is kept is never trained again"
    assert process.returncode == 0, err
    assert n_killed == 2
    assert timeless(read(folder)) == whole
    assert len(seen) == N_NETWORKS
    assert not list(folder.rglob(".*.partial"))


def test_a_signal_ends_it_soon_and_says_how_to_go_on(whole: Any, tmp_path: Path) -> None:
    folder = tmp_path / "probe"
    process = start(folder)
    while not list(folder.glob("networks/*.json")):
        assert process.poll() is None
        time.sleep(0.002)
    process.terminate()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 143, err
    said = err.splitlines()[-1]
    assert said == f"stopped: the networks trained so far are kept in {folder}, --resume goes on from them"
    assert "Traceback" not in err
    again = start(folder, "--resume")
    _, err = again.communicate(timeout=300)
    assert again.returncode == 0, err
    assert timeless(read(folder)) == whole
