"""Small data, and options that make small networks."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

SMALL_SERIES = [
    *("--set", "model.hidden_size=8"),
    *("--set", "model.embedding_size=8"),
    *("--set", "train.batch_size=16"),
]
SMALL = [*SMALL_SERIES, "--set", "encoder.min_frequency=1"]


class Outcome(NamedTuple):
    """What a command gave."""

    status: int
    out: str
    err: str


Command = Callable[..., Outcome]


def review(generator: random.Random, label: str) -> str:
    words = {"pos": ["fine", "good", "great"], "neg": ["bad", "poor", "dull"]}[label]
    text = [generator.choice(["the", "film", "was", "a", "plot", "actor"]) for _ in range(generator.randint(1, 12))]
    text.insert(generator.randrange(len(text) + 1), generator.choice(words))
    return " ".join(text)


def write_reviews(path: Path, n: int = 120, seed: int = 0) -> Path:
    """A CSV of reviews whose label one word tells."""
    generator = random.Random(seed)
    lines = ["text,label"]
    for k in range(n):
        label = ("pos", "neg")[k % 2]
        lines.append(f"{review(generator, label)},{label}")
    path.write_text("\n".join(lines) + "\n")
    return path
