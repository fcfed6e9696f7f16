"""Tasks that cannot be solved without memory, generated from a seed: what `lstmkit probe` measures a cell's horizon by.

A task has a lag, the steps over which something must be remembered, and a baseline: the best that a guesser without
memory of the marked inputs can do. Sequences of one task and lag have one length.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Int, Shaped

Purpose = Literal["train", "valid", "test"]
_PURPOSES: dict[Purpose, int] = {"train": 0, "valid": 1, "test": 2}
LONGEST_LAG = 1000
_N_SYMBOLS = 8  # of recall and copying
_N_COPIED = 10  # as in Arjovsky et al. 2016, section 4.1
_ENTER, _TRIGGER, _FIRST_DISTRACTOR, _X, _Y = 0, 1, 2, 6, 7  # temporal order: E, B, a to d, X, Y


@dataclass(frozen=True)
class Examples:
    """A batch of sequences of one length, with what is to be answered.

    Attributes:
        inputs: float32 `(time, batch, features)`.
        targets: float32 `(answers, batch)` where a number is asked for, else int64, a class for each answer; the
            answers are asked for after the last `answers` steps, one each.
    """

    inputs: Float[np.ndarray, "time batch features"]
    targets: Shaped[np.ndarray, "answers batch"]


class Draws:
    """Uniform numbers straight from a bit generator: numpy keeps that stream for good, a Generator's may change."""

    def __init__(self, *key: int) -> None:
        self._bits = np.random.PCG64(key)

    def uniform(self, *shape: int) -> Float[np.ndarray, "..."]:
        """Numbers of [0, 1), float64."""
        raw = self._bits.random_raw(int(np.prod(shape))).reshape(shape)
        return (raw >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def integers(self, low: int, high: int, *shape: int) -> Int[np.ndarray, "..."]:
        """Whole numbers of [low, high), int64."""
        return low + (self.uniform(*shape) * (high - low)).astype(np.int64)


@dataclass(frozen=True)
class Task:
    """A task by lag.

    Attributes:
        name: as on the command line.
        title: for people.
        source: where it comes from.
        asks: what is asked, in a sentence.
        n_features: inputs of a step.
        n_classes: answers to choose from; 0: a number is asked for.
        n_answers: answers asked for, after the last steps.
        baseline: the mean squared error, or the accuracy, of the best guess without memory.
        solved: a mean squared error below it, or an accuracy above it, is a solution.
        smallest_lag: below it the sequence has no room.
        draw: makes a batch from draws, lag and size.
    """

    name: str
    title: str
    source: str
    asks: str
    n_features: int
    n_classes: int
    n_answers: int
    baseline: float
    solved: float
    smallest_lag: int
    draw: Callable[[Draws, int, int], Examples]

    @property
    def measure(self) -> Literal["mse", "accuracy"]:
        """What is measured."""
        return "accuracy" if self.n_classes else "mse"

    def examples(self, lag: int, size: int, *, seed: int, purpose: Purpose, step: int = 0) -> Examples:
        """A batch, a function of its arguments alone.

        Args:
            lag: steps over which something must be remembered.
            size: sequences.
            seed: the probe's.
            purpose: what the batch is for; batches of different purposes share nothing.
            step: which batch.

        Raises:
            ValueError: the lag is below the task's smallest.
        """
        if lag < self.smallest_lag:
            raise ValueError(f"lag {lag} is below {self.smallest_lag}, the smallest of {self.name}")
        number = list(TASKS).index(self.name)
        return self.draw(Draws(seed, number, lag, _PURPOSES[purpose], step), lag, size)


def _adding(draws: Draws, lag: int, size: int) -> Examples:
    numbers = draws.uniform(lag, size)
    marked = np.zeros((lag, size))
    sequences = np.arange(size)
    marked[draws.integers(0, lag // 2, size), sequences] = 1.0
    marked[draws.integers(lag // 2, lag, size), sequences] = 1.0
    inputs = np.stack([numbers, marked], 2).astype(np.float32)
    return Examples(inputs, (numbers * marked).sum(0, keepdims=True).astype(np.float32))


def _recall(draws: Draws, lag: int, size: int) -> Examples:
    symbols = draws.integers(0, _N_SYMBOLS, lag + 1, size)
    first = symbols[:1].copy()
    symbols[-1] = _N_SYMBOLS  # the question
    return Examples(_one_hot(symbols, _N_SYMBOLS + 1), first)


def _temporal_order(draws: Draws, lag: int, size: int) -> Examples:
    symbols = draws.integers(_FIRST_DISTRACTOR, _X, lag, size)
    symbols[0], symbols[-1] = _ENTER, _TRIGGER
    sequences = np.arange(size)
    early, middle = draws.integers(0, 2, size), draws.integers(0, 2, size)
    symbols[draws.integers(lag // 10, 2 * lag // 10, size), sequences] = np.where(early, _Y, _X)
    symbols[draws.integers(5 * lag // 10, 6 * lag // 10, size), sequences] = np.where(middle, _Y, _X)
    return Examples(_one_hot(symbols, _Y + 1), (2 * early + middle)[None])


def _copying(draws: Draws, lag: int, size: int) -> Examples:
    blank, question = _N_SYMBOLS, _N_SYMBOLS + 1
    word = draws.integers(0, _N_SYMBOLS, _N_COPIED, size)
    symbols = np.full((lag + 2 * _N_COPIED, size), blank)
    symbols[:_N_COPIED] = word
    symbols[lag + _N_COPIED - 1] = question
    return Examples(_one_hot(symbols, _N_SYMBOLS + 2), word)


def _one_hot(symbols: Int[np.ndarray, "time batch"], n: int) -> Float[np.ndarray, "time batch n"]:
    return (symbols[:, :, None] == np.arange(n)).astype(np.float32)


TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        Task(
            name="adding",
            title="Adding",
            source="Hochreiter and Schmidhuber 1997, section 5.4, in the form of Arjovsky et al. 2016, section 4.2",
            asks="the sum of the two numbers that are marked, one in each half of a sequence of uniform numbers as "
            "long as the lag",
            n_features=2,
            n_classes=0,
            n_answers=1,
            baseline=1 / 6,  # the variance of a sum of two uniform numbers, which who always says 1 has
            solved=0.02,
            smallest_lag=2,
            draw=_adding,
        ),
        Task(
            name="temporal-order",
            title="Temporal order",
            source="Hochreiter and Schmidhuber 1997, section 5.6, task 6a",
            asks="which of X and Y came early (after 10 to 20% of the lag) and which in the middle (after 50 to 60%), "
            "among distractors, in a sequence as long as the lag",
            n_features=8,
            n_classes=4,
            n_answers=1,
            baseline=1 / 4,
            solved=0.95,
            smallest_lag=10,
            draw=_temporal_order,
        ),
        Task(
            name="recall",
            title="First-token recall",
            source="the simplest form of the long time lag tasks of Hochreiter and Schmidhuber 1997, section 5.2",
            asks="the first of the symbols, as many steps before the question as the lag; all between are distractors "
            "from the same eight",
            n_features=_N_SYMBOLS + 1,
            n_classes=_N_SYMBOLS,
            n_answers=1,
            baseline=1 / _N_SYMBOLS,
            solved=0.95,
            smallest_lag=2,
            draw=_recall,
        ),
        Task(
            name="copying",
            title="Copying",
            source="Hochreiter and Schmidhuber 1997, in the form of Arjovsky et al. 2016, section 4.1",
            asks="the ten symbols that the sequence began with, in their order, after as many blanks as the lag",
            n_features=_N_SYMBOLS + 2,
            n_classes=_N_SYMBOLS,
            n_answers=_N_COPIED,
            baseline=1 / _N_SYMBOLS,
            solved=0.95,
            smallest_lag=1,
            draw=_copying,
        ),
    )
}
