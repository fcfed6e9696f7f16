"""A small task on which order matters, ragged, with a validation part."""

import numpy as np
import pytest

from lstmkit.core.records import Epoch
from lstmkit.data.encoded import EncodedPart


class Quiet:
    """A watch that keeps what it is told."""

    def __init__(self) -> None:
        self.steps: list[tuple[int, int]] = []
        self.records: list[Epoch] = []

    def on_step(self, epoch: int, step: int, n_steps: int, loss: float, tokens_per_second: float) -> None:
        self.steps.append((epoch, step))

    def on_epoch(self, record: Epoch, history: list[Epoch]) -> None:
        self.records.append(record)


def part_of(n: int, seed: int, n_classes: int = 2) -> EncodedPart:
    """The class of a sequence is its first token, modulo the classes; the rest is noise."""
    random = np.random.default_rng(seed)
    sequences = [random.integers(1, 13, size=random.integers(1, 12)) for _ in range(n)]
    lengths = np.array([len(sequence) for sequence in sequences])
    return EncodedPart(
        np.concatenate(sequences).astype(np.int32),
        np.concatenate([[0], lengths.cumsum()]).astype(np.int64),
        np.array([sequence[0] % n_classes for sequence in sequences], dtype=np.int64),
    )


@pytest.fixture
def quiet() -> Quiet:
    return Quiet()


@pytest.fixture
def parts() -> tuple[EncodedPart, EncodedPart]:
    return part_of(150, 1), part_of(60, 2)
