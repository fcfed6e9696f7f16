"""Made-up records of a probe, in the shapes that the probe writes."""

from copy import deepcopy
from pathlib import Path
from typing import Any

from fake_records import write_json

HORIZONS = {"adding": {"rnn": 20, "gru": 1000, "lstm": 500, "chrono": 1000},
            "recall": {"rnn": 0, "gru": 100, "lstm": 20, "chrono": 500}}  # fmt: skip
LAGS = [10, 20, 50, 100, 200, 500, 1000]
SETTINGS = [{"learning_rate": 0.01, "clip_norm": 1.0}, {"learning_rate": 0.001, "clip_norm": 0.0}]
ABOUT = {
    "adding": {"title": "Adding", "source": "somebody 1997", "asks": "a sum", "n_features": 2, "n_classes": 0,
               "n_answers": 1, "baseline": 1 / 6, "solved": 0.02, "smallest_lag": 2, "measure": "mse"},
    "recall": {"title": "First-token recall", "source": "somebody", "asks": "the first symbol", "n_features": 9,
               "n_classes": 8, "n_answers": 1, "baseline": 0.125, "solved": 0.95, "smallest_lag": 2,
               "measure": "accuracy"},
}  # fmt: skip


def points(task: str, horizon: int) -> list[dict[str, Any]]:
    """A curve that is solved up to the horizon, and two lags beyond."""
    found, beyond = [], 0
    for place, lag in enumerate(LAGS):
        solved = lag <= horizon
        beyond += not solved
        if beyond > 2:
            break
        value = (0.004 + 0.001 * place if solved else 0.165) if task == "adding" else (0.99 if solved else 0.13)
        trials = [
            {**setting, "steps": 700 + k, "seconds": 12.5, "finite": k == 0, "valid": value, "test": value,
             "test_ci95": [0.9 * value, min(1.0, 1.1 * value)]}
            for k, setting in enumerate(SETTINGS[: 1 if solved else 2])
        ]  # fmt: skip
        found.append(
            {"lag": lag, "value": value, "ci95": trials[0]["test_ci95"], "baseline": ABOUT[task]["baseline"],
             "solved": solved, "steps": 700, "seconds": 12.5, **SETTINGS[0], "seed": 0, "trials": trials}
        )  # fmt: skip
    return found


def record(horizons: dict[str, dict[str, int]] = HORIZONS) -> dict[str, Any]:
    """The content of `probe.json`."""
    horizons = deepcopy(horizons)
    return {
        "format": 1,
        "plan": {"tasks": list(horizons), "cells": list(next(iter(horizons.values()))), "lags": LAGS, "seed": 0,
                 "quick": False, "engine": "auto", "settings": deepcopy(SETTINGS), "hidden_size": 64, "batch_size": 32,
                 "steps": 3000, "validate_every": 100, "n_valid": 512, "n_test": 2048},
        "tasks": {name: dict(ABOUT[name]) for name in horizons},
        "horizon": horizons,
        "curves": {task: {cell: points(task, lag) for cell, lag in cells.items()} for task, cells in horizons.items()},
    }  # fmt: skip


def write_probe(folder: Path, content: dict[str, Any] | None = None) -> Path:
    """Write the records of a probe; the same arguments write the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "probe.json", content or record())
    environment = {"command": ["lstmkit", "probe", "--out", "my runs/p"], "started_utc": "2026-03-14T15:09:26+00:00",
                   "threads": 1, "networks_at_once": 2, "versions": {"torch": "2.13.0"}}  # fmt: skip
    write_json(folder / "environment.json", environment)
    return folder
