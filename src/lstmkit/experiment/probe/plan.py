"""What a probe is asked to do, checked before anything is trained, and what every network may use. No torch."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from lstmkit.config.resolve import nearest
from lstmkit.config.schema import Cell
from lstmkit.core.errors import RequestError
from lstmkit.data.tasks import LONGEST_LAG, TASKS

CELLS: dict[str, Cell] = {"rnn": "rnn", "gru": "gru", "lstm": "lstm", "chrono": "lstm"}
"""The recurrent cell of each subject: chrono is the LSTM with chrono initialisation, the others begin as always."""


@dataclass(frozen=True)
class Setting:
    """What is tried for a cell at a lag.

    Attributes:
        learning_rate: Adam's.
        clip_norm: largest norm of the gradient; 0: none.
    """

    learning_rate: float
    clip_norm: float


@dataclass(frozen=True)
class Plan:
    """A probe's whole request: with the same plan come the same numbers, but for times.

    Attributes:
        tasks: names of `lstmkit.data.tasks.TASKS`.
        cells: names of `CELLS`.
        lags: ascending.
        seed: of weights and sequences.
        quick: whether the small budget was asked for.
        engine: implementation of the recurrence.
        settings: tried at each lag until one solves validation; the one that solved the lag before goes first.
        hidden_size: units of every network.
        batch_size: sequences of a step.
        steps: most steps of a network.
        validate_every: steps between validations.
        n_valid, n_test: sequences that validation and the score are taken over.
    """

    tasks: tuple[str, ...]
    cells: tuple[str, ...]
    lags: tuple[int, ...]
    seed: int = 0
    quick: bool = False
    engine: str = "auto"
    settings: tuple[Setting, ...] = (Setting(1e-2, 1.0), Setting(3e-3, 1.0), Setting(1e-3, 0.0))
    hidden_size: int = 64
    batch_size: int = 32
    steps: int = 3000
    validate_every: int = 100
    n_valid: int = 512
    n_test: int = 2048

    def as_json(self) -> dict[str, Any]:
        """Plain data, as `plan.json` holds it."""
        plain = asdict(self)
        return {key: list(value) if isinstance(value, tuple) else value for key, value in plain.items()}


FULL = Plan(tasks=("adding", "temporal-order"), cells=tuple(CELLS), lags=(10, 20, 50, 100, 200, 500, 1000))
QUICK = Plan(
    tasks=("adding", "temporal-order"),
    cells=tuple(CELLS),
    lags=(10, 20, 50, 100),
    quick=True,
    settings=(Setting(1e-2, 1.0), Setting(3e-3, 1.0)),
    steps=1000,
    n_test=1024,
)


def plan_of(
    *,
    quick: bool = False,
    tasks: str | None = None,
    cells: str | None = None,
    lags: str | None = None,
    seed: int | None = None,
    engine: str | None = None,
) -> Plan:
    """The plan for a command's options; what is None is the full or the quick probe's own.

    Args:
        quick: the small budget.
        tasks, cells: names with commas between; all: every one.
        lags: whole numbers with commas between.
        seed: of weights and sequences.
        engine: implementation of the recurrence.

    Raises:
        RequestError: a list is empty; a task or cell is unknown; a lag is no whole number or out of bounds.
    """
    own = QUICK if quick else FULL
    chosen_tasks = own.tasks if tasks is None else _names("--tasks", "task", tasks, list(TASKS))
    chosen = Plan(
        **{
            **vars(own),
            "tasks": chosen_tasks,
            "cells": own.cells if cells is None else _names("--cells", "cell", cells, list(CELLS)),
            "lags": own.lags if lags is None else _lags(lags, chosen_tasks),
            "seed": own.seed if seed is None else seed,
            "engine": engine or own.engine,
        }
    )
    if not 0 <= chosen.seed < 2**31:
        raise RequestError(f"--seed {chosen.seed}: a seed is 0 to {2**31 - 1:,}; give another")
    return chosen


def _names(option: str, kind: str, text: str, known: list[str]) -> tuple[str, ...]:
    words = _words(option, text, known)
    if words == ["all"]:
        return tuple(known)
    for word in words:
        if word not in known:
            raise RequestError(f"{kind} {word!r} is unknown; there are {', '.join(known)}{nearest(word, known)}")
    return tuple(name for name in known if name in words)


def _lags(text: str, tasks: Sequence[str]) -> tuple[int, ...]:
    lags = set()
    for word in _words("--lags", text, ["10", "100"]):
        if not (word.isascii() and word.isdigit()):
            raise RequestError(f"--lags {word}: not a whole number; give steps with commas between, as 10,100")
        lag = int(word)
        for name in tasks:
            if lag < TASKS[name].smallest_lag:
                raise RequestError(
                    f"--lags {lag}: {name} needs {TASKS[name].smallest_lag} steps or more; give longer lags"
                )
        if lag > LONGEST_LAG:
            raise RequestError(f"--lags {lag}: above {LONGEST_LAG:,}, the longest; give shorter lags")
        lags.add(lag)
    return tuple(sorted(lags))


def _words(option: str, text: str, example: list[str]) -> list[str]:
    words = [word.strip() for word in text.split(",") if word.strip()]
    if not words:
        raise RequestError(f"{option} is empty; give one or more with commas between, as {','.join(example[:2])}")
    return words
