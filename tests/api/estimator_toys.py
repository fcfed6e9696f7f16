"""Small tasks that a small network learns in a second."""

from typing import Any

import numpy as np

from lstmkit import SequenceClassifier


def order_task(n: int, seed: int) -> tuple[list[str], list[str]]:
    """Texts of one bag of words, told apart by the order of two of them alone."""
    random = np.random.default_rng(seed)
    texts, labels = [], []
    for _ in range(n):
        words = random.choice(["and", "so", "then", "well"], random.integers(1, 5)).tolist()
        first = bool(random.integers(2))
        texts.append(" ".join(["cause", *words, "effect"] if first else ["effect", *words, "cause"]))
        labels.append("forward" if first else "backward")
    return texts, labels


def small_of_series(**changes: Any) -> SequenceClassifier:
    """The same, with nothing set that series have no use for."""
    return small(**{"min_frequency": SequenceClassifier().min_frequency, **changes})


def small(**changes: Any) -> SequenceClassifier:
    """A classifier that fits in well under a second."""
    parameters: dict[str, Any] = {
        "embedding_size": 8, "hidden_size": 12, "epochs": 4, "learning_rate": 0.03, "batch_size": 16,
        "min_frequency": 1, "random_state": 0, "device": "cpu", "threads": 1,
    }  # fmt: skip
    return SequenceClassifier(**{**parameters, **changes})
