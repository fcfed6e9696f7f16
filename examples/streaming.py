"""Streaming: an answer after every step, a decision before the end, and a state that goes on elsewhere.

python examples/streaming.py
"""

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np

from lstmkit import load


def machine(random: np.random.Generator, label: str) -> np.ndarray:
    """60 steps of temperature and vibration; from step 20 on a worn machine warms up and shakes."""
    wear = np.maximum(0, np.arange(60) - 20) / 40 * (label == "worn")
    return np.stack([wear + 0.2 * random.standard_normal(60), (0.3 + wear) * random.standard_normal(60)], 1)


def main() -> None:
    """Write a table, train one direction, stream a new series step by step."""
    random = np.random.default_rng(0)
    with Path("machines.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["series_id", "time", "temperature", "vibration", "label"])
        for k in range(120):
            label = ("sound", "worn")[k % 2]
            table.writerows([k, t, *row, label] for t, row in enumerate(machine(random, label).tolist()))
    options = ["--preset", "streaming", "--epochs", "20", "--threads", "1", "--set", "model.hidden_size=32"]
    command = [sys.executable, "-m", "lstmkit", "train", "machines.csv", "--out", "runs/machines", *options]
    subprocess.run(command, check=True)  # noqa: S603

    model = load("runs/machines")
    worn, stream = model.labels.index("worn"), model.stream()
    for step in machine(random, "worn"):
        probability = float(stream.push(step)[worn])
        if probability > 0.95:
            break
    print(f"worn with {probability:.2f} after {stream.n_steps} of 60 steps")
    elsewhere = model.stream()
    elsewhere.state = stream.state  # bytes: a file, a socket, another process
    print(f"{len(stream.state):,} bytes; the same answer: {(elsewhere.probabilities == stream.probabilities).all()}")


if __name__ == "__main__":
    main()
