"""Recordings and files for the tests of audio."""

import io

import numpy as np
import soundfile

RATE = 16_000


def noise(n: int, seed: int = 0, loudness: float = 0.1) -> np.ndarray:
    """`n` samples of noise, float32."""
    return (np.random.default_rng(seed).standard_normal(n) * loudness).clip(-0.9, 0.9).astype(np.float32)


def tone(hertz: float, rate: int, seconds: float = 1.0, height: float = 0.5) -> np.ndarray:
    """A sine, float32."""
    return (height * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def packed(samples: np.ndarray, rate: int = RATE, form: str = "WAV", width: str = "PCM_16") -> bytes:
    """A file's content."""
    stream = io.BytesIO()
    soundfile.write(stream, samples, rate, format=form, subtype=width)
    return stream.getvalue()
