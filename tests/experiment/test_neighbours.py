"""Which finished runs beside a lab it counts, and that none of them can hurt it."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from claim_records import MAJORITY, measured

from lstmkit.experiment.claims import judge
from lstmkit.experiment.neighbours import neighbours

SCORES = {"accuracy": 0.9, "accuracy_ci95": [0.8, 0.95], "baselines": {"majority": MAJORITY}}


def write(home: Path, source: str, cell: str = "lstm", day: int = 1, **scores: Any) -> None:
    home.mkdir(parents=True)
    about = {"source": source, "kind": "text", "architecture": {"cell": cell}}
    records = {
        "details": about,
        "evaluation": SCORES | scores,
        "environment": {"started_utc": f"2026-03-{day:02}T10:00:00+00:00"},
    }
    for name, content in records.items():
        (home / f"{name}.json").write_text(json.dumps(content))


def test_neighbours_are_this_lab_and_the_newest_lstm_of_each_other_source(tmp_path: Path) -> None:
    write(tmp_path / "m" / "lstm", "own", accuracy=0.1)
    write(tmp_path / "a" / "lstm", "own", accuracy=0.2, day=9)
    write(tmp_path / "b-trial", "other", accuracy=0.3, day=2)
    write(tmp_path / "c" / "lstm", "other", accuracy=0.4, day=3)
    write(tmp_path / "d-older", "other", accuracy=0.5, day=1)
    write(tmp_path / "e", "a third", cell="rnn")
    (tmp_path / "f").mkdir()
    (tmp_path / "g.txt").write_text("a file")
    found = [
        (run["source"], run["own"], run["folder"], run["evaluation"]["accuracy"]) for run in neighbours(tmp_path / "m")
    ]
    assert found == [("own", True, "m", 0.1), ("other", False, "c", 0.4)]


def text(content: Any) -> str:
    return content if isinstance(content, str) else json.dumps(content)


DAMAGES = {
    "no JSON": ("details.json", "{"),
    "not text": ("details.json", "\0"),
    "an empty object": ("details.json", {}),
    "a list": ("details.json", []),
    "a cell that is none": ("details.json", {"source": "x", "kind": "text", "architecture": None}),
    "no baselines": ("evaluation.json", {key: SCORES[key] for key in ("accuracy", "accuracy_ci95")}),
    "no majority": ("evaluation.json", SCORES | {"baselines": {}}),
    "an interval of one number": ("evaluation.json", SCORES | {"accuracy_ci95": [0.5]}),
    "an accuracy in percent": ("evaluation.json", SCORES | {"accuracy": 90}),
    "a time of no zone": ("environment.json", {"started_utc": "2026-03-01T10:00:00"}),
    "no day": ("environment.json", {"started_utc": ""}),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_neighbours_damage_is_passed_over(tmp_path: Path, name: str) -> None:
    write(tmp_path / "a", "damaged")
    write(tmp_path / "m" / "lstm", "own")
    write(tmp_path / "z", "whole")
    path, content = DAMAGES[name]
    (tmp_path / "a" / path).write_text(text(content))
    found = neighbours(tmp_path / "m")
    assert [run["source"] for run in found] == ["own", "whole"]
    judge(measured(recorded=found))


def test_a_neighbour_that_may_not_be_entered_is_passed_over() -> None:
    """As another user than root, who may enter everything; nor may the folder above be listed in the second place."""
    script = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from lstmkit.experiment.neighbours import neighbours\n"
        "if os.geteuid() == 0:\n"
        "    os.setgroups([]), os.setgid(65534), os.setuid(65534)\n"
        "for place in sys.argv[1:]:\n"
        "    print(*[run['source'] for run in neighbours(Path(place) / 'm')])\n"
    )
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        for name, mode in ((one, 0o755), (other, 0o111)):
            write(Path(name) / "a", "closed")
            write(Path(name) / "m" / "lstm", "own")
            write(Path(name) / "z", "whole")
            (Path(name) / "a").chmod(0)
            Path(name).chmod(mode)
        try:
            done = subprocess.run(
                [sys.executable, "-c", script, one, other], capture_output=True, text=True, check=False
            )
        finally:
            for name in (one, other):
                Path(name).chmod(0o755)
                (Path(name) / "a").chmod(0o755)
    assert (done.stdout.splitlines(), done.stderr) == (["own whole", "own"], "")
