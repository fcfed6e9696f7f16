"""The resampler against its formula, on what it must keep and take away, and chunk by chunk."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recordings import noise, tone

from lstmkit.core.errors import RequestError
from lstmkit.data.audio.resampling import Resampler, resampled_length
from sounds import resample

PAIRS = [(44_100, 16_000), (48_000, 16_000), (8000, 16_000), (22_050, 8000), (44_101, 16_000), (11_025, 16_000),
         (16_000, 48_000), (16_000, 16_001), (192_000, 1000)]  # fmt: skip


def by_the_formula(samples: np.ndarray, source_rate: int, rate: int) -> np.ndarray:
    """Each output by itself: a sinc of 64 crossings under Kaiser's window for 100 dB, its weights summing to 1."""
    stretch = max(1.0, source_rate / rate)
    beta, cutoff = 0.1102 * (100 - 8.7), 1 - (100 - 7.95) / (14.36 * 64) / 2
    result = []
    for m in range(math.ceil(len(samples) * rate / source_rate)):
        moment = m * source_rate / rate
        base, half = m * source_rate // rate, math.ceil(64 * stretch)
        numbers = np.arange(base + 1 - half, base + half + 1)
        distance = numbers - moment
        window = np.i0(beta * np.sqrt(np.clip(1 - (distance / (64 * stretch)) ** 2, 0, None)))
        weights = np.sinc(cutoff / stretch * distance) * window
        there = (numbers >= 0) & (numbers < len(samples))
        result.append(weights[there] @ samples[numbers[there]] / weights.sum())
    return np.array(result)


@pytest.mark.parametrize(("source_rate", "rate"), PAIRS)
@pytest.mark.parametrize("n", [1, 2, 63, 1500])
def test_each_output_is_the_formula(source_rate: int, rate: int, n: int) -> None:
    samples = noise(n)
    ours = resample(samples, source_rate, rate)
    assert ours.dtype == np.float32
    assert len(ours) == resampled_length(n, source_rate, rate) >= 1
    np.testing.assert_allclose(ours, by_the_formula(samples, source_rate, rate), rtol=0, atol=1e-7)


@settings(max_examples=60, deadline=None)
@given(
    pair=st.sampled_from([*PAIRS, (16_000, 16_000)]),
    n=st.integers(0, 3000),
    chunks=st.lists(st.integers(0, 700), max_size=30),
)
def test_any_chunking_gives_the_whole(pair: tuple[int, int], n: int, chunks: list[int]) -> None:
    samples = noise(n)
    resampler = Resampler(*pair)
    pieces, at = [], 0
    for chunk in [*chunks, n]:
        pieces.append(resampler.push(samples[at : at + chunk]))
        at += chunk
    pieces.append(resampler.finish())
    np.testing.assert_allclose(np.concatenate(pieces), resample(samples, *pair), rtol=0, atol=1e-7)


def test_what_is_held_does_not_grow_and_comes_in_time() -> None:
    resampler = Resampler(48_000, 16_000)
    for _ in range(50):
        resampler.push(noise(480))
        assert len(resampler.tail) <= 2 * 192
        assert resampler.n_in // 3 - resampler.n_out <= 64


@pytest.mark.parametrize(("source_rate", "rate"), [(44_100, 16_000), (8000, 16_000), (16_000, 8000)])
def test_a_tone_below_the_cutoff_stays_itself_and_one_above_goes(source_rate: int, rate: int) -> None:
    lower = min(source_rate, rate)
    kept = resample(tone(0.45 * lower, source_rate), source_rate, rate)
    inner = slice(1000, -1000)
    np.testing.assert_allclose(kept[inner], tone(0.45 * lower, rate)[inner], rtol=0, atol=2e-5)
    np.testing.assert_allclose(resample(np.ones(9000, np.float32), source_rate, rate)[inner], 1, rtol=0, atol=1e-7)
    if source_rate > rate:
        gone = resample(tone(0.505 * lower, source_rate, height=1.0), source_rate, rate)
        assert 20 * np.log10(np.abs(gone[inner]).max()) < -95


def test_a_state_of_other_rates_is_refused() -> None:
    one = Resampler(44_100, 16_000)
    one.push(noise(1000))
    with pytest.raises(ValueError, match="samples held after 1000 in"):
        Resampler(48_000, 16_000).restore(one.tail, one.n_in, one.n_out)
    with pytest.raises(ValueError, match="in and 400 out"):
        Resampler(44_100, 16_000).restore(one.tail, one.n_in, 400)


def test_absurd_rates_are_refused() -> None:
    with pytest.raises(RequestError, match="a sampling rate of 0 Hz"):
        Resampler(0, 16_000)
