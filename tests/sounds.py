"""Small recordings: whistles that rise or fall, in files of their own, for the tests of whatever reads speech."""

from pathlib import Path

import numpy as np
import soundfile

from lstmkit.data.audio.features import FeatureSettings, static_features, with_deltas
from lstmkit.data.audio.resampling import Resampler

RATE = 8_000
WORDS = ("falls", "rises")


def whistle(word: str, seed: int, rate: int = RATE) -> np.ndarray:
    """A whistle that rises or falls through an octave, a fifth of a second long or a little more, float32."""
    random = np.random.default_rng(seed)
    n = round(rate * random.uniform(0.2, 0.3))
    low = random.uniform(400, 800)
    pitch = low * 2 ** (np.linspace(0, 1, n) if word == "rises" else np.linspace(1, 0, n))
    sound = random.uniform(0.2, 0.6) * np.sin(2 * np.pi * np.cumsum(pitch) / rate)
    return (sound + 0.01 * random.standard_normal(n)).astype(np.float32)


def write_sound(path: Path, samples: np.ndarray, rate: int = RATE) -> Path:
    """A file of 16 bits, WAV or FLAC by its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, subtype="PCM_16")
    return path


def write_whistles(folder: Path, n: int, seed: int = 0) -> Path:
    """`n` files of each word in `folder/WORD/`, every third a FLAC file."""
    for k in range(n):
        for place, word in enumerate(WORDS):
            name = f"{k}.{'flac' if k % 3 == 2 else 'wav'}"
            write_sound(folder / word / name, whistle(word, 1000 * seed + 2 * k + place))
    return folder


def resample(samples: np.ndarray, source_rate: int, rate: int) -> np.ndarray:
    """A whole recording at another rate."""
    resampler = Resampler(source_rate, rate)
    return np.concatenate([resampler.push(samples), resampler.finish()])


def features(samples: np.ndarray, settings: FeatureSettings) -> np.ndarray:
    """The features of a whole recording at `settings.rate`, `(frames, features)`."""
    return with_deltas(static_features(samples, settings.n_frames(len(samples)), settings), settings)
