"""Light changes to recordings and features for training. None changes a length, or the array that it is given.

`rng` is a numpy generator, which moves on, or a seed.
"""

import numpy as np
from jaxtyping import Float


def time_shift(
    samples: Float[np.ndarray, " samples"], rng: np.random.Generator | int, *, most: int
) -> Float[np.ndarray, " samples"]:
    """Later or earlier by up to `most` samples, evenly drawn; what leaves is lost, zeros come in."""
    _not_negative("most", most)
    shift = int(np.random.default_rng(rng).integers(-most, most + 1))
    shifted = np.zeros_like(samples)
    n = max(0, len(samples) - abs(shift))
    if shift >= 0:
        shifted[len(samples) - n :] = samples[:n]
    else:
        shifted[:n] = samples[len(samples) - n :]
    return shifted


def gain(
    samples: Float[np.ndarray, " samples"], rng: np.random.Generator | int, *, most_db: int | float
) -> Float[np.ndarray, " samples"]:
    """Louder or softer by up to `most_db`, evenly drawn in decibels. It may go beyond 1: nothing is cut off."""
    _not_negative("most_db", most_db)
    decibels = np.random.default_rng(rng).uniform(-most_db, most_db)
    return (samples * 10 ** (decibels / 20)).astype(samples.dtype)


def spec_augment(
    frames: Float[np.ndarray, "frames features"],
    rng: np.random.Generator | int,
    *,
    n_time_masks: int = 2,
    time_width: int = 20,
    time_share: int | float = 0.2,
    n_frequency_masks: int = 2,
    frequency_width: int = 8,
    groups: int = 1,
    fill: int | float | None = 0.0,
) -> Float[np.ndarray, "frames features"]:
    """Masks over time and over frequency, at random places (SpecAugment: Park et al. 2019, section 2).

    A mask's width is evenly drawn from 0 to its largest, then its place from those where it fits. Time is not warped,
    which gained little (section 5 there).

    Args:
        frames: features, scaled or not.
        rng: generator or seed.
        n_time_masks: masks over all features of some frames.
        time_width: their largest width, in frames.
        time_share: and no wider than this share of the recording, so that a short one is not hidden.
        n_frequency_masks: masks over some bands of all frames.
        frequency_width: their largest width, in bands; one band of a group is always left by a mask.
        groups: of features that lie side by side, as deltas do (`1 + deltas`): a band is masked in each. Neighbouring
            cepstral coefficients are not neighbouring frequencies: for MFCC use 0 masks over frequency.
        fill: what masked places hold. 0 is the mean of scaled features; None: each feature's mean over the recording.

    Raises:
        ValueError: a strength is negative, or the features do not divide into the groups.
    """
    n_frames, n_features = frames.shape
    strengths = {"n_time_masks": n_time_masks, "time_width": time_width, "time_share": time_share,
                 "n_frequency_masks": n_frequency_masks, "frequency_width": frequency_width}  # fmt: skip
    for name, strength in strengths.items():
        _not_negative(name, strength)
    if groups < 1 or n_features % groups:
        raise ValueError(f"{n_features} features do not divide into {groups} groups; use 1 + deltas")
    generator = np.random.default_rng(rng)
    n_bands = n_features // groups
    hidden_frames, hidden_bands = np.zeros(n_frames, bool), np.zeros(n_bands, bool)
    for _ in range(n_time_masks):
        _hide(hidden_frames, generator, min(time_width, int(time_share * n_frames)))
    for _ in range(n_frequency_masks):
        _hide(hidden_bands, generator, min(frequency_width, n_bands - 1))
    hidden = hidden_frames[:, None] | np.tile(hidden_bands, groups)[None]
    filling = frames.mean(0, dtype=np.float64) if fill is None else np.float64(fill)
    return np.where(hidden, filling, frames).astype(frames.dtype)


def _hide(hidden: np.ndarray, generator: np.random.Generator, most: int) -> None:
    width = int(generator.integers(0, min(most, len(hidden)) + 1))
    first = int(generator.integers(0, len(hidden) - width + 1))
    hidden[first : first + width] = True


def _not_negative(name: str, value: int | float) -> None:
    if not value >= 0:
        raise ValueError(f"{name} = {value}; 0 or more is allowed")
