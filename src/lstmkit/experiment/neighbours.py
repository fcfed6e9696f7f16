"""Finished runs of LSTMs that a lab finds: its own, and those in the folders beside it, which may be anybody's."""

from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import AwareDatetime

from lstmkit.core.errors import ArtifactError
from lstmkit.report.records import Interval, Record, Share, read_record


class _Architecture(Record):
    cell: str


class _Details(Record):
    source: str
    kind: str
    architecture: _Architecture


class _Environment(Record):
    started_utc: AwareDatetime


class _Score(Record):
    accuracy: Share
    accuracy_ci95: Interval


class _Baselines(Record):
    majority: _Score
    linear: _Score | None = None


class _Evaluation(_Score):
    baselines: _Baselines


def neighbours(folder: Path) -> list[dict[str, Any]]:
    """This lab's LSTM, then of each other source the newest finished LSTM in a folder beside it, by its folder's name.

    What is damaged there, unfinished, or closed to this user is passed over: it is not this lab's.

    Args:
        folder: of the lab.

    Returns:
        Objects of `source, kind, own, folder` and the `evaluation` that claims need: accuracies with their intervals.
    """
    here = folder.resolve()
    own = _finished(here / "lstm")
    newest: dict[str, tuple[datetime, str, dict[str, Any]]] = {}
    for other in _beside(here):
        for home in (other, other / "lstm"):
            found = _finished(home)
            if found is None or (own and found[1]["source"] == own[1]["source"]):
                continue
            begun, run = found
            one = (begun, other.name, run | {"own": False, "folder": other.name})
            newest[run["source"]] = max(newest.get(run["source"], one), one, key=lambda known: known[:2])
    first = [own[1] | {"own": True, "folder": here.name}] if own else []
    return first + [run for *_, run in sorted(newest.values(), key=lambda known: known[1])]


def _beside(here: Path) -> list[Path]:
    try:
        return sorted(other for other in here.parent.iterdir() if other != here)
    except OSError:  # a folder that one may pass through, and not list
        return []


def _finished(home: Path) -> tuple[datetime, dict[str, Any]] | None:
    """When a run began and what it is; None where there is no finished one of an LSTM that can be read."""
    paths = [home / f"{name}.json" for name in ("details", "environment", "evaluation")]
    try:
        if not all(path.is_file() for path in paths):
            return None
        about = read_record(_Details, paths[0])
        begun = read_record(_Environment, paths[1]).started_utc
        evaluation = read_record(_Evaluation, paths[2])
    except (ArtifactError, OSError):
        return None
    if about.architecture.cell != "lstm":
        return None
    return begun, {"source": about.source, "kind": about.kind, "evaluation": evaluation.model_dump(exclude_none=True)}
