"""Features against the formulas written out in numpy: a direct Fourier sum, triangles by loops, scipy's DCT."""

import math

import numpy as np
import pytest
import scipy.fft
import torch
from recordings import RATE, noise, tone

from lstmkit.core.errors import RequestError
from lstmkit.data.audio.features import FeatureSettings, delta, mel_filters
from sounds import features

SETTINGS = {
    "default": FeatureSettings(),
    "8k": FeatureSettings(rate=8000, n_mels=30, fmin=0.0),
    "odd": FeatureSettings(rate=11_025, window_ms=20.0, hop_ms=7.0, n_mels=24, fmin=100.0, fmax=4000.0, floor=1e-6),
    "power-of-two": FeatureSettings(window_ms=32.0, hop_ms=32.0),
    "mfcc": FeatureSettings(kind="mfcc", n_mfcc=13, deltas=2),
    "deltas": FeatureSettings(rate=8000, n_mels=20, deltas=1),
}


def mel_by_loops(settings: FeatureSettings) -> np.ndarray:
    """Slaney's scale in its own words: 13 linear steps of 66.67 Hz to 1 kHz... a factor of 6.4 in 27 steps above."""

    def to_hertz(mel: float) -> float:
        return mel * 200 / 3 if mel <= 15 else 1000 * 6.4 ** ((mel - 15) / 27)

    def to_mel(hertz: float) -> float:
        return hertz * 3 / 200 if hertz <= 1000 else 15 + 27 * math.log(hertz / 1000) / math.log(6.4)

    low, high = to_mel(settings.fmin), to_mel(settings.fmax or settings.rate / 2)
    corners = [to_hertz(low + (high - low) * k / (settings.n_mels + 1)) for k in range(settings.n_mels + 2)]
    n_fft = 2 ** math.ceil(math.log2(round(settings.rate * settings.window_ms / 1000)))
    weights = np.zeros((n_fft // 2 + 1, settings.n_mels))
    for bin_number in range(n_fft // 2 + 1):
        hertz = bin_number * settings.rate / n_fft
        for band in range(settings.n_mels):
            left, peak, right = corners[band : band + 3]
            if left < hertz <= peak:
                weights[bin_number, band] = (hertz - left) / (peak - left)
            elif peak < hertz < right:
                weights[bin_number, band] = (right - hertz) / (right - peak)
    return weights


def slope_by_loops(values: np.ndarray) -> np.ndarray:
    last = len(values) - 1
    result = np.zeros_like(values)
    for t in range(len(values)):
        for n in (1, 2):
            result[t] += n * (values[min(t + n, last)] - values[max(t - n, 0)])
    return result / 10


def by_the_formulas(samples: np.ndarray, settings: FeatureSettings) -> np.ndarray:
    window = round(settings.rate * settings.window_ms / 1000)
    hop = round(settings.rate * settings.hop_ms / 1000)
    weights = mel_by_loops(settings)
    n_fft = 2 * (len(weights) - 1)
    hann = np.array([0.5 - 0.5 * math.cos(2 * math.pi * n / window) for n in range(window)])
    waves = np.exp(-2j * np.pi * np.outer(np.arange(n_fft // 2 + 1), np.arange(window)) / n_fft)
    rows, first = [], 0
    while first == 0 or first - hop + window < len(samples):
        frame = np.zeros(window)
        piece = samples[first : first + window]
        frame[: len(piece)] = piece
        amplitude = np.abs(waves @ (hann * frame)) / (hann.sum() / 2)
        rows.append(np.log(np.maximum(amplitude**2 @ weights, settings.floor)))
        first += hop
    static = np.array(rows)
    if settings.kind == "mfcc":
        static = scipy.fft.dct(static, type=2, norm="ortho", axis=1)[:, : settings.n_mfcc]
    groups = [static]
    for _ in range(settings.deltas):
        groups.append(slope_by_loops(groups[-1]))
    return np.concatenate(groups, 1)


@pytest.mark.parametrize("name", sorted(SETTINGS))
@pytest.mark.parametrize("n", [1, 7, 100, 399, 400, 401, 560, 561, 5000])
def test_they_are_the_formulas(name: str, n: int) -> None:
    settings = SETTINGS[name]
    samples = noise(n) + tone(440, RATE)[:n]
    ours = features(samples, settings)
    assert ours.dtype == np.float32
    assert ours.shape == (settings.n_frames(n), settings.n_features)
    np.testing.assert_allclose(ours, by_the_formulas(samples, settings), rtol=1e-6, atol=2e-6)


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_the_filters_are_the_loops(name: str) -> None:
    filters = mel_filters(SETTINGS[name])
    np.testing.assert_allclose(filters, mel_by_loops(SETTINGS[name]), rtol=0, atol=1e-12)
    assert filters.any(0).all()


def test_more_frames_than_a_block_are_the_same_frames() -> None:
    settings = FeatureSettings(rate=8000, n_mels=20)
    samples = noise(8000 * 25)
    whole = features(samples, settings)
    assert len(whole) == 2499 > 2 * 1024
    np.testing.assert_allclose(whole[2000:], features(samples[2000 * 80 :], settings), rtol=1e-6, atol=1e-6)


def test_a_quiet_band_beside_a_loud_one_holds_none_of_its_rounding() -> None:
    """In float32 the high bands of a loud low tone would be rounding, far above the floor."""
    settings = FeatureSettings(floor=1e-20)
    exact = by_the_formulas(tone(500, RATE, 0.1, 0.9).astype(np.float64), settings)
    np.testing.assert_allclose(features(tone(500, RATE, 0.1, 0.9), settings), exact, rtol=1e-6, atol=1e-4)


def test_a_full_scale_tone_in_a_band_has_its_power() -> None:
    settings = FeatureSettings(window_ms=32.0)
    bands = mel_filters(settings)
    at = int(bands[:, 20].argmax())
    level = features(tone(at * RATE / 512, RATE, 0.1, 1.0), settings)[0, 20]
    # The Hann window spreads a tone over three frequencies, with a quarter of the power at either side.
    assert level == pytest.approx(math.log(bands[at, 20] + 0.25 * bands[[at - 1, at + 1], 20].sum()), abs=1e-4)


def test_silence_is_the_floor() -> None:
    assert np.array_equal(
        features(np.zeros(800, np.float32), FeatureSettings()), np.full((4, 40), np.log(np.float32(1e-10)), np.float32)
    )


def test_a_frame_sees_its_own_samples_alone() -> None:
    settings = FeatureSettings(n_mels=20)
    samples = noise(4000)
    before = features(samples, settings)
    samples[3 * 160 : 3 * 160 + 400] = noise(400, seed=1)
    changed = (features(samples, settings) != before).any(1)
    assert np.flatnonzero(changed).tolist() == [1, 2, 3, 4, 5]  # those that overlap samples 480 to 880


def test_the_number_of_frames_covers_every_sample() -> None:
    settings = FeatureSettings()
    for n in range(1, 3000):
        k = settings.n_frames(n)
        assert (k - 1) * 160 + 400 >= n
        assert k == 1 or (k - 2) * 160 + 400 < n
        assert settings.n_whole_frames(n) == sum(first + 400 <= n for first in range(0, n, 160))


def test_deltas_of_a_line_are_its_slope() -> None:
    line = np.outer(np.arange(9, dtype=np.float32), [1.0, -2.0]).astype(np.float32)
    np.testing.assert_allclose(delta(line)[2:-2], np.tile([[1.0, -2.0]], (5, 1)), atol=1e-6)
    assert not delta(line[:1]).any()


def test_they_are_the_same_bits_each_time_and_leave_torch_as_it_was() -> None:
    samples = noise(8000)
    one = features(samples, FeatureSettings())
    assert features(samples, FeatureSettings()).tobytes() == one.tobytes()
    assert torch.get_default_dtype() == torch.float32


@pytest.mark.parametrize(("change", "told"), [
    ({"rate": 0}, "a sampling rate of 0 Hz"), ({"window_ms": 0.0}, "window_ms = 0.0; above 0 and at most 1000"),
    ({"window_ms": 1e9}, "window_ms"), ({"window_ms": math.nan}, "window_ms"),
    ({"hop_ms": 26.0}, "hop_ms = 26.0; above 0 and at most window_ms"), ({"hop_ms": 0.0}, "hop_ms"),
    ({"hop_ms": 0.01}, "a window of 400 and a hop of 0 samples"), ({"n_mels": 0}, "n_mels = 0"),
    ({"kind": "mel"}, "kind = 'mel'; 'log_mel' or 'mfcc'"), ({"n_mfcc": 41}, r"n_mfcc = 41; 1 to n_mels \(40\)"),
    ({"deltas": 3}, "deltas = 3; 0, 1 or 2"), ({"fmin": 8000.0}, "fmin = 8000.0"), ({"fmin": -1.0}, "fmin"),
    ({"fmax": 8001.0}, r"fmax = 8001.0; at most half the rate \(8000\)"), ({"floor": 0.0}, "floor = 0.0"),
    ({"n_mels": 200}, "n_mels = 200 at 16,000 Hz leaves .* bands without a frequency of the 512-point transform"),
])  # fmt: skip
def test_settings_out_of_bounds_are_refused(change: dict, told: str) -> None:
    with pytest.raises(RequestError, match=told) as caught:
        FeatureSettings(**change)
    assert "\n" not in str(caught.value)
