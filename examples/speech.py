"""Speech: a folder of recordings by label, trained by the command line. The words here are whistles of two syllables.

python examples/speech.py
"""

import subprocess
import sys
import wave
from pathlib import Path

import numpy as np

from lstmkit import load

RATE = 8_000
WORDS = {"rise": (1.0, 1.5), "fall": (1.5, 1.0), "stay": (1.2, 1.2)}


def word(random: np.random.Generator, name: str) -> np.ndarray:
    """Two tones in noise, of a voice's own pitch and pace; float samples at `RATE`."""
    base, pace = random.uniform(300, 600), random.uniform(0.08, 0.15)
    pitch = np.concatenate([np.full(round(RATE * pace), base * factor) for factor in WORDS[name]])
    return 0.4 * np.sin(2 * np.pi * np.cumsum(pitch) / RATE) + 0.05 * random.standard_normal(len(pitch))


def write(path: Path, samples: np.ndarray) -> None:
    """A WAV file of 16 bits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((samples * 32767).astype("<i2").tobytes())


def main() -> None:
    """Write recordings, train on the folder, and predict a file and samples in memory."""
    random = np.random.default_rng(0)
    for name in WORDS:
        for k in range(40):
            write(Path("words", name, f"{k}.wav"), word(random, name))
    options = ["--out", "runs/words", "--epochs", "15", "--threads", "1", "--set", "model.hidden_size=32"]
    subprocess.run([sys.executable, "-m", "lstmkit", "train", "words", *options], check=True)  # noqa: S603
    write(Path("new.wav"), word(random, "fall"))
    print(load("runs/words").predict(["new.wav", (word(random, "rise"), RATE)]))


if __name__ == "__main__":
    main()
