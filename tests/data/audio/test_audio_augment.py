"""Augmentation: functions of their arguments, within their strengths, that keep length and input."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recordings import noise

from lstmkit.data.audio.augment import gain, spec_augment, time_shift

FRAMES = noise(50 * 24).reshape(50, 24) + 3.0

CHANGES: dict[str, Callable[[np.ndarray, np.random.Generator | int], np.ndarray]] = {
    "shift": lambda values, rng: time_shift(values.reshape(-1), rng, most=100),
    "gain": lambda values, rng: gain(values.reshape(-1), rng, most_db=6.0),
    "masks": lambda values, rng: spec_augment(values, rng),
    "masks-mean": lambda values, rng: spec_augment(values, rng, fill=None),
}


@pytest.mark.parametrize("name", sorted(CHANGES))
def test_it_depends_on_the_seed_alone_and_leaves_its_input(name: str) -> None:
    kept = FRAMES.copy()
    one = CHANGES[name](FRAMES, 5)
    assert np.array_equal(FRAMES, kept)
    assert one.dtype == np.float32
    assert one.size == FRAMES.size
    assert np.array_equal(CHANGES[name](FRAMES, np.random.default_rng(5)), one)
    assert len({CHANGES[name](FRAMES, seed).tobytes() for seed in range(20)}) > 10
    generator = np.random.default_rng(5)  # moves on
    assert len({CHANGES[name](FRAMES, generator).tobytes() for _ in range(20)}) > 10


@settings(max_examples=100, deadline=None)
@given(n=st.integers(1, 40), most=st.integers(0, 60), seed=st.integers(0, 1000))
def test_a_shift_moves_the_samples_and_fills_with_zeros(n: int, most: int, seed: int) -> None:
    samples = np.arange(1, n + 1, dtype=np.float32)
    shifted = time_shift(samples, seed, most=most)
    shift = int(np.random.default_rng(seed).integers(-most, most + 1))
    expected = [samples[k - shift] if 0 <= k - shift < n else 0.0 for k in range(n)]
    assert shifted.tolist() == expected


def test_shifts_reach_both_ends_and_no_further() -> None:
    pulse = np.zeros(21, np.float32)
    pulse[10] = 1.0
    assert {int(time_shift(pulse, seed, most=3).argmax()) for seed in range(200)} == set(range(7, 14))


def test_gain_is_in_decibels_to_both_sides() -> None:
    samples = noise(100)
    decibels = [
        20 * np.log10(np.abs(gain(samples, seed, most_db=6.0)).max() / np.abs(samples).max()) for seed in range(300)
    ]
    assert -6.0 <= min(decibels) < -5.5
    assert 5.5 < max(decibels) <= 6.0
    np.testing.assert_array_equal(gain(samples, 1, most_db=0.0), samples)
    assert (
        np.abs(gain(np.ones(3, np.float32), 0, most_db=60.0) / gain(np.ones(1, np.float32), 0, most_db=60.0)).max() == 1
    )


def hidden(masked: np.ndarray, frames: np.ndarray = FRAMES) -> tuple[np.ndarray, np.ndarray]:
    """(frames hidden, bands hidden); all that is neither must be untouched."""
    changed = masked != frames
    times, bands = changed.all(1), changed.all(0)
    np.testing.assert_array_equal(changed, times[:, None] | bands[None])
    return times, bands


def test_masks_are_as_wide_as_they_may_be_and_no_wider() -> None:
    widths = [
        hidden(spec_augment(FRAMES, seed, n_time_masks=1, time_width=7, n_frequency_masks=1, frequency_width=5))
        for seed in range(400)
    ]
    assert {int(times.sum()) for times, _ in widths} == set(range(8))
    assert {int(bands.sum()) for _, bands in widths} == set(range(6))
    assert np.any([times for times, _ in widths], axis=0).all()  # every place is reached
    assert np.any([bands for _, bands in widths], axis=0).all()
    assert all(np.abs(np.diff(np.pad(times.astype(int), 1))).sum() <= 2 for times, _ in widths)  # in one piece


def test_deltas_are_masked_with_their_band() -> None:
    for seed in range(50):
        _, bands = hidden(spec_augment(FRAMES, seed, n_time_masks=0, groups=3, frequency_width=4))
        assert np.array_equal(bands[:8], bands[8:16])
        assert np.array_equal(bands[:8], bands[16:])


def test_masks_hold_zero_or_the_mean() -> None:
    zero, mean = spec_augment(FRAMES, 3), spec_augment(FRAMES, 3, fill=None)
    assert set(zero[zero != FRAMES].tolist()) == {0.0}
    rows, columns = np.nonzero(mean != FRAMES)
    assert len(rows) > 50
    np.testing.assert_allclose(mean[rows, columns], FRAMES.mean(0, dtype=np.float64)[columns], rtol=1e-6)
    assert np.array_equal(zero != FRAMES, mean != FRAMES)


@pytest.mark.parametrize("n_frames", [1, 2, 4, 9])
def test_a_short_recording_is_not_hidden(n_frames: int) -> None:
    short = FRAMES[:n_frames]
    for seed in range(100):
        masked = spec_augment(short, seed, n_time_masks=1, n_frequency_masks=1, frequency_width=99)
        assert (masked == short).any()
        assert (masked != short).all(1).sum() <= 0.2 * n_frames


def test_no_strength_changes_nothing() -> None:
    same = spec_augment(FRAMES, 0, n_time_masks=0, n_frequency_masks=0)
    assert np.array_equal(same, FRAMES)
    assert np.array_equal(spec_augment(FRAMES, 0, time_width=0, frequency_width=0), FRAMES)


def test_strengths_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="time_width = -1; 0 or more"):
        spec_augment(FRAMES, 0, time_width=-1)
    with pytest.raises(ValueError, match="24 features do not divide into 5 groups; use 1 \\+ deltas"):
        spec_augment(FRAMES, 0, groups=5)
    with pytest.raises(ValueError, match="most = -1"):
        time_shift(FRAMES[:, 0], 0, most=-1)
    with pytest.raises(ValueError, match="most_db = nan"):
        gain(FRAMES[:, 0], 0, most_db=float("nan"))
