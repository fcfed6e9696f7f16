"""Killed at any file-system event, a run that is resumed or begun again has the bits of one that never died."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from small_runs import write_reviews

pytestmark = pytest.mark.slow

SMALL = [
    *("--epochs", "1", "--threads", "1"),
    *("--set", "model.hidden_size=4"),
    *("--set", "model.embedding_size=4"),
    *("--set", "train.batch_size=16"),
    *("--set", "encoder.min_frequency=1"),
]
SOURCE = "SOURCE"
N_KILLS = int(os.environ.get("LSTMKIT_KILLS", "3"))
COMMANDS = {
    "train": ["train", SOURCE, *SMALL],
    "lab": ["lab", SOURCE, *SMALL],
    "compare": ["compare", SOURCE, "--seeds", "1", "--rates", "0.01,0.02", *SMALL],
    "probe": ["probe", "--quick", "--tasks", "recall", "--cells", "rnn,lstm", "--lags", "2,3", "--threads", "1"],
}
FIRST = {"train": "config.toml", "lab": "config.toml", "compare": "config.toml", "probe": "plan.json"}
RESULTS = (
    *("model.safetensors", "tokenizer.json", "evaluation.json", "predictions.jsonl", "history.jsonl"),
    *("lab.json", "analysis.json", "evidence.json", "compare.json", "rates.json", "baselines.json", "probe.json"),
)
TIMES = ("second",)  # in the names of what differs from run to run


@dataclass(frozen=True)
class Done:
    """What became of a run.

    Attributes:
        status: exit status; -9 where it was killed.
        output: stdout and stderr.
        events: kind, number and path of all events, as `killing.py` counts them.
    """

    status: int
    output: str
    events: list[list[Any]]


class Killer:
    """Runs commands in processes of their own, which die at the event that is named by its kind and number."""

    def __init__(self, cache: Path) -> None:
        self.cache = cache
        words = [sys.executable, str(Path(__file__).with_name("killing.py"))]
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(
        self, arguments: list[str], watched: Path, kill: tuple[str, int] | None = None, cache: Path | None = None
    ) -> Done:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        job = {"arguments": arguments, "folder": str(watched), "kill": kill, "cache": str(cache or self.cache)}
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        return Done(**json.loads(self.process.stdout.readline()))


@pytest.fixture(scope="module")
def killer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killer]:
    killer = Killer(tmp_path_factory.mktemp("cache"))
    yield killer
    killer.process.communicate()


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_reviews(tmp_path_factory.mktemp("source") / "reviews.csv", n=60)


def command_of(name: str, source: Path, folder: Path) -> list[str]:
    return [str(source) if word == SOURCE else word for word in COMMANDS[name]] + ["--out", str(folder)]


def untimed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: untimed(item) for key, item in value.items() if not any(word in key for word in TIMES)}
    return [untimed(item) for item in value] if isinstance(value, list) else value


def results(folder: Path) -> dict[str, Any]:
    """Weights to the byte, and records without their times, by path."""
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        if path.name in RESULTS:
            text = path.read_bytes()
            name = str(path.relative_to(folder))
            if path.suffix == ".json":
                found[name] = untimed(json.loads(text))
            elif path.suffix == ".jsonl":
                found[name] = [untimed(json.loads(line)) for line in text.splitlines()]
            else:
                found[name] = text
    return found


Whole = tuple[dict[str, Any], list[list[Any]]]
_known: dict[tuple[Path, str], Whole] = {}


def undisturbed(killer: Killer, name: str, source: Path) -> Whole:
    """Results and events of the run that was never killed; made once."""
    key = (source, name)
    if key not in _known:
        folder = source.parent / name
        done = killer.run(command_of(name, source, folder), folder)
        assert done.status == 0, done.output
        assert not [path for path in folder.rglob("*") if path.name.endswith((".partial", ".lock"))]
        _known[key] = results(folder), done.events
    return _known[key]


def die_and_go_on(killer: Killer, name: str, source: Path, folder: Path, kind: str, number: int) -> None:
    """Kill a run at an event, then resume it, or begin it where it has not begun: in the end all is as it should be."""
    expected, _ = undisturbed(killer, name, source)
    command = command_of(name, source, folder)
    died = killer.run(command, folder, (kind, number))
    assert died.status == -9, died.output
    is_begun = (folder / FIRST[name]).exists()
    done = killer.run([*command, *(["--resume"] if is_begun else [])], folder)
    assert done.status == 0, (kind, number, is_begun, done.output)
    assert "warning: " + str(folder) not in done.output
    assert results(folder) == expected
    # A finished run needs no lock, so that one which a kill left in the last moment stays; it hinders nobody.
    left = (".partial",) if "is finished" in done.output else (".partial", ".lock")
    assert not [path for path in folder.rglob("*") if path.name.endswith(left)]


def numbers_of(events: list[list[Any]], kind: str, word: str) -> list[int]:
    return [number for name, number, path in events if name == kind and word in path]


# Of each command some points by kind and number: before, within and after the first write, then others to its end.
# "model" is the first event of its kind at a model's folder, "last" the last of its kind.
POINTS: list[tuple[str, str, int | str]] = [
    ("train", "mkdir", 1),
    ("train", "open", 1),
    ("train", "open", 2),
    ("train", "rename", 1),
    ("train", "rename", 2),
    ("train", "open", "model"),
    ("train", "rename", "model"),
    ("train", "rename", "last"),
    ("train", "remove", 1),
    ("lab", "open", "model"),
    ("compare", "rename", 2),
    ("probe", "rename", 1),
    ("probe", "open", 5),
    ("probe", "rename", "last"),
]


@pytest.mark.parametrize(("name", "kind", "at"), POINTS)
def test_killed_at_a_point(name: str, kind: str, at: int | str, killer: Killer, source: Path, tmp_path: Path) -> None:
    _, events = undisturbed(killer, name, source)
    if isinstance(at, str):
        found = numbers_of(events, kind, "model" if at == "model" else "")
        number = found[0] if at == "model" else found[-1]
    else:
        number = at
    die_and_go_on(killer, name, source, tmp_path / "run", kind, number)


@pytest.mark.parametrize("name", COMMANDS)
def test_killed_here_and_there(name: str, killer: Killer, source: Path, tmp_path: Path) -> None:
    """At as many events as `LSTMKIT_KILLS` says, evenly spaced; a large number is all of them."""
    _, events = undisturbed(killer, name, source)
    chosen = events[:: max(1, len(events) // N_KILLS)]
    assert len(chosen) >= min(N_KILLS, len(events))
    for kind, number, _ in chosen:
        die_and_go_on(killer, name, source, tmp_path / f"{kind}-{number}", kind, number)


def test_killed_twice(killer: Killer, source: Path, tmp_path: Path) -> None:
    """A resumed run dies as well, at each of its events up to the first that training writes, then at some later."""
    expected, _ = undisturbed(killer, "train", source)
    for number in range(1, 12, max(1, 11 // N_KILLS)):
        folder = tmp_path / str(number)
        command = command_of("train", source, folder)
        assert killer.run(command, folder, ("open", 12)).status == -9
        assert killer.run([*command, "--resume"], folder, ("open", number)).status == -9
        done = killer.run([*command, "--resume"], folder)
        assert done.status == 0, done.output
        assert results(folder) == expected


@pytest.mark.parametrize("kind", ["mkdir", "rename"])
def test_killed_while_the_cache_is_written(kind: str, killer: Killer, source: Path, tmp_path: Path) -> None:
    """What dies in the cache is no part of it: the next run has the same bits, and sweeps up what was left."""
    expected, _ = undisturbed(killer, "train", source)
    cache = tmp_path / "cache"
    whole = killer.run(command_of("train", source, tmp_path / "whole"), cache, cache=cache)
    assert whole.status == 0, whole.output
    assert results(tmp_path / "whole") == expected
    numbers = numbers_of(whole.events, kind, "")
    assert len(numbers) >= 4
    for number in (numbers[1], numbers[-2]):
        again, folder = tmp_path / f"cache-{number}", tmp_path / f"run-{number}"
        command = command_of("train", source, folder)
        assert killer.run(command, again, (kind, number), again).status == -9
        done = killer.run([*command, "--resume"], folder, cache=again)
        assert done.status == 0, done.output
        assert results(folder) == expected
        assert not list(again.rglob(".*.partial"))
