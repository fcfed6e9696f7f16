"""Synthetic records for claims: each of a kind that a real command writes, altered where a test asks."""

from collections.abc import Sequence
from typing import Any

from lstmkit.experiment.claims import Measured

MAJORITY = {"label": "a", "accuracy": 0.5, "accuracy_ci95": [0.45, 0.55]}
LINEAR = {"name": "linear", "accuracy": 0.8, "accuracy_ci95": [0.78, 0.82]}


def history(losses: Sequence[float], accuracies: Sequence[float] | None = None) -> list[dict[str, Any]]:
    """An epoch for each training loss; accuracy mirrors it where none is given; validation follows training."""
    accuracies = [1 - loss for loss in losses] if accuracies is None else accuracies
    return [
        {"epoch": k, "train_loss": loss, "train_accuracy": right, "valid_loss": loss, "valid_accuracy": right}
        for k, (loss, right) in enumerate(zip(losses, accuracies, strict=True), start=1)
    ]


FALLING = [0.9 - 0.08 * k for k in range(10)]


def evaluation(
    accuracy: float = 0.9, half: float = 0.01, linear: tuple[float, float] | None = (0.78, 0.82)
) -> dict[str, Any]:
    """Scores with an interval of `half` to both sides, beside a majority of one half."""
    baselines: dict[str, Any] = {"majority": MAJORITY}
    if linear:
        baselines["linear"] = {**LINEAR, "accuracy": sum(linear) / 2, "accuracy_ci95": list(linear)}
    return {
        "n": 1000,
        "accuracy": accuracy,
        "accuracy_ci95": [accuracy - half, accuracy + half],
        "baselines": baselines,
    }


def probe(
    rnn: Sequence[int] = (10, 10), lstm: Sequence[int] = (100, 50), lags: Sequence[int] = (10, 20, 50, 100)
) -> dict[str, Any]:
    """Two tasks with the longest lag that each cell solved, all shorter ones, too; two unsolved ones end its climb."""
    tasks = ("adding", "temporal-order")
    reached = {"rnn": dict(zip(tasks, rnn, strict=True)), "lstm": dict(zip(tasks, lstm, strict=True))}
    return {
        "plan": {"tasks": list(tasks), "cells": ["rnn", "lstm"], "lags": list(lags)},
        "tasks": {"adding": {"title": "Adding"}, "temporal-order": {"title": "Temporal order"}},
        "horizon": {task: {cell: reached[cell][task] for cell in reached} for task in tasks},
        "curves": {task: {cell: _climb(lags, reached[cell][task]) for cell in reached} for task in tasks},
    }


def _climb(lags: Sequence[int], horizon: int) -> list[dict[str, Any]]:
    n_solved = sum(lag <= horizon for lag in lags)
    return [{"lag": lag, "solved": lag <= horizon} for lag in lags[: n_solved + 2]]


Units = Sequence[tuple[float, float, float, float]]  # shares: forget gate shut, open; input gate shut, open
USED: Units = [(0.1, 0.6, 0.3, 0.2)] * 20
IDLE: Units = [(0.0, 0.0, 0.0, 0.0)] * 20


def analysis(
    units: Units = USED,
    *,
    lstm: tuple[float | None, float] = (40.0, 0.01),
    rnn: tuple[float | None, float] = (3.0, 0.98),
    initial: tuple[float | None, float] = (3.6, 0.97),
    median: float = 64.0,
    pooling: str = "last",
    fit_lags: int = 30,
    fit_r2: float = 0.97,
) -> dict[str, Any]:
    """Gates by unit; half-life and share of vanished examples of LSTM and RNN as trained and of the LSTM before."""
    quantity = "loss_by_hidden" if pooling == "last" else "last_by_hidden"

    def network(flow: tuple[float | None, float], own: Units | None) -> dict[str, Any]:
        half_life, vanishes = flow
        gates = None
        if own is not None:
            columns = list(zip(*own, strict=True))
            gates = {
                "saturation": {
                    "f": {"low": columns[0], "high": columns[1]},
                    "i": {"low": columns[2], "high": columns[3]},
                }
            }
        curve = {"half_life": half_life, "vanishes": vanishes, "fit_lags": fit_lags, "fit_r2": fit_r2}
        return {"layers": [[{"direction": "forward", "flow": {quantity: curve}, "gates": gates}]]}

    return {
        "lengths": {"min": 1, "median": median, "max": int(2 * median)},
        "rules": {"vanishes_below": 1e-6, "shut_below": 0.1, "open_above": 0.9},
        "models": {
            cell: {"pooling": pooling, "networks": {"initial": first, "trained": last}}
            for cell, first, last in (
                ("lstm", network(initial, IDLE), network(lstm, units)),
                ("rnn", network((0.9, 1.0), None), network(rnn, None)),
            )
        },
    }


def measured(**changed: Any) -> Measured:
    """A whole lab's records, altered."""
    own = {
        "history": history(FALLING),
        "best_epoch": 9,
        "evaluation": evaluation(),
        "difference": (0.2, 0.15, 0.25),
        "analysis": analysis(),
        "probe": probe(),
        "recorded": [{"source": "reviews", "kind": "text", "own": True, "folder": "lab", "evaluation": evaluation()}],
    }
    return Measured(**(own | changed))
