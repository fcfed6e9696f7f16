"""Time series: circles drawn left or right about, of unequal lengths, with gaps.

python examples/series.py
"""

import numpy as np

from lstmkit import SequenceClassifier, load


def circle(random: np.random.Generator, label: str) -> np.ndarray:
    """A round of 20 to 40 steps, `(time, 2)`; a tenth of the values is missing."""
    angle = np.linspace(0, 2 * np.pi, random.integers(20, 41)) + random.uniform(0, 2 * np.pi)
    way = np.stack([np.cos(angle), np.sin(angle) * (1 if label == "left" else -1)], 1)
    values = way + 0.2 * random.standard_normal(way.shape)
    values[random.random(values.shape) < 0.1] = np.nan
    return values


def main() -> None:
    """Fit, score, save, and load again."""
    random = np.random.default_rng(0)
    labels = ["left", "right"] * 100
    series = [circle(random, label) for label in labels]
    model = SequenceClassifier(hidden_size=32, embedding_size=16, epochs=12, learning_rate=0.01, random_state=0)
    model.fit(series[:150], labels[:150])
    print(f"accuracy on 50 others: {model.score(series[150:], labels[150:]):.2f}")
    model.save("circles")
    print(load("circles").predict([circle(random, "left"), circle(random, "right")]))


if __name__ == "__main__":
    main()
