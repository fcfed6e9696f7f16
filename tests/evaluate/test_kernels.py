"""Kernels and summaries beside plain loops over the same definition; what a series stands beside changes nothing."""

import numpy as np
import pytest

from lstmkit.evaluate.kernels import KERNEL_LENGTH, TAPS, Kernels, fit_kernels, lies_within
from lstmkit.evaluate.summaries import N_SPANS, summaries

RAGGED = [1, 40, 2, 7, 8, 9, 10, 17, 33, 40, 40, 64, 3, 65]


def ragged(lengths: list[int], n_channels: int, seed: int = 0) -> list[np.ndarray]:
    """Series of small multiples of 1/8: every sum is exact, so no rounding can hide or make a difference."""
    generator = np.random.default_rng(seed)
    return [(generator.integers(-24, 25, (n, n_channels)) / 8).astype(np.float32) for n in lengths]


def naive_output(one: np.ndarray, dilation: int, kernel: int, channels: tuple[int, ...], whole: bool) -> list[float]:
    """The kernel's output at the steps it is pooled over, one multiplication at a time."""
    n, reach = len(one), 4 * dilation
    inside = [t for t in range(n) if t - reach >= 0 and t + reach < n]
    outputs = []
    for t in inside if whole and inside else range(n):
        total = 0.0
        for channel in channels:
            for tap in range(KERNEL_LENGTH):
                at = t + (tap - 4) * dilation
                total += (2.0 if tap in TAPS[kernel] else -1.0) * (float(one[at, channel]) if 0 <= at < n else 0.0)
        outputs.append(total)
    return outputs


def naive_features(kernels: Kernels, one: np.ndarray) -> list[float]:
    features = []
    for position, dilation in enumerate(kernels.dilations):
        for kernel in range(84):
            outputs = naive_output(
                one, dilation, kernel, kernels.channels[position][kernel], (position + kernel) % 2 == 1
            )
            for bias in kernels.biases[position][kernel]:
                features.append(np.float32(sum(value > bias for value in outputs) / len(outputs)))  # noqa: PERF401
    return features


def test_the_kernels_are_all_there_are() -> None:
    assert len(set(TAPS)) == len(TAPS) == 84
    assert all(len(set(taps)) == 3 for taps in TAPS)


@pytest.mark.parametrize("n_channels", [1, 3, 12])
def test_features_are_those_of_plain_loops(n_channels: int) -> None:
    series = ragged(RAGGED, n_channels)
    kernels = fit_kernels(series, n_features=84 * 9, seed=3)
    assert kernels.dilations == (1, 2, 3, 4, 6, 8)
    found = kernels.transform(series)
    assert found.shape == (len(series), kernels.n_features) == (14, 756)
    for features, one in zip(found, series, strict=True):
        assert features.tolist() == naive_features(kernels, one)
    assert 0.2 < found.mean() < 0.8
    assert len(np.unique(found[RAGGED.index(64)])) > 20


def test_a_series_of_more_steps_than_a_byte_counts() -> None:
    series = ragged([700, 255, 256, 511], 1)
    kernels = fit_kernels(series, n_features=84, seed=0)
    for features, one in zip(kernels.transform(series), series, strict=True):
        assert features.tolist() == naive_features(kernels, one)
    always = Kernels(1, (1,), (((0,),) * 84,), (np.full((84, 1), -1e9, dtype=np.float32),))
    assert (always.transform(series) == 1.0).all()
    assert (always.transform(ragged([256] * 64, 1)) == 1.0).all()  # so many that no two steps share a row of flags


def test_thresholds_are_quantiles_of_outputs_on_a_training_series_that_the_kernel_fits_into() -> None:
    (long,) = ragged([40], 2)
    series = [*ragged([3, 5, 8], 2, seed=1), long]
    kernels = fit_kernels(series, n_features=84 * 5, seed=0)
    assert kernels.dilations == (1, 2, 3, 4)
    number = 0
    for position, dilation in enumerate(kernels.dilations):
        for kernel, biases in enumerate(kernels.biases[position]):
            whole = lies_within(position, kernel)
            outputs = sorted(naive_output(long, dilation, kernel, kernels.channels[position][kernel], whole))
            for bias in biases:
                number += 1
                place = ((number * (5**0.5 + 1) / 2) % 1) * (len(outputs) - 1)
                low = int(place)
                expected = outputs[low] + (place - low) * (outputs[min(low + 1, len(outputs) - 1)] - outputs[low])
                assert bias == pytest.approx(expected, rel=1e-5, abs=1e-5)
    assert number == kernels.n_features == 420


def test_what_a_series_stands_beside_changes_no_bit() -> None:
    generator = np.random.default_rng(0)
    series = [generator.standard_normal((n, 4)).astype(np.float32) for n in [*RAGGED, 300, 301, 290]]
    kernels = fit_kernels(series, n_features=840, seed=0)
    together = kernels.transform(series)
    alone = np.concatenate([kernels.transform([one]) for one in series])
    assert (together == alone).all()
    order = generator.permutation(len(series))
    assert (kernels.transform([series[k] for k in order]) == together[order]).all()
    assert (summaries(series, 4) == np.concatenate([summaries([one], 4) for one in series])).all()


def test_a_seed_gives_the_same_bits_and_another_gives_others() -> None:
    series = ragged(RAGGED, 6)
    one, same, other = (fit_kernels(series, n_features=336, seed=seed).transform(series) for seed in (0, 0, 1))
    assert (one == same).all()
    assert (one != other).any()


def test_channel_subsets_are_small_and_every_channel_occurs() -> None:
    kernels = fit_kernels(ragged([40] * 3, 20), seed=0)
    subsets = [subset for by_kernel in kernels.channels for subset in by_kernel]
    assert {len(subset) for subset in subsets} == set(range(1, 10))
    assert all(list(subset) == sorted(set(subset)) for subset in subsets)
    assert {channel for subset in subsets for channel in subset} == set(range(20))
    n_single = sum(len(subset) == 1 for subset in subsets) / len(subsets)
    assert n_single == pytest.approx(np.log(2) / np.log(10), abs=0.08)


@pytest.mark.parametrize(("length", "most"), [(1, 1), (8, 1), (9, 1), (17, 2), (81, 10), (784, 97), (10_000, 1249)])
def test_dilations_go_from_one_to_the_longest_kernel_that_fits(length: int, most: int) -> None:
    kernels = fit_kernels([np.ones((length, 1), dtype=np.float32)], n_features=84 * 33, seed=0)
    assert (kernels.dilations[0], kernels.dilations[-1]) == (1, most)
    assert len(kernels.dilations) <= 32
    assert kernels.n_features == 84 * 33
    assert list(kernels.dilations) == sorted(set(kernels.dilations))


def test_enormous_values_overflow_nothing() -> None:
    series = [np.array([[3e38], [-3e38]] * 10, dtype=np.float32)]
    assert np.isfinite(fit_kernels(series, seed=0).transform(series)).all()
    assert np.isfinite(summaries(series, 1)).all()


def test_summaries_are_those_of_plain_formulas() -> None:
    for one in ragged([1, 2, 3, 5, 8, 30], 2):
        x, n = one.astype(float), len(one)
        slope = np.polyfit(np.linspace(0, 1, n), x, 1)[0] if n > 1 else np.zeros(2)
        fine = np.repeat(x, N_SPANS, axis=0).reshape(N_SPANS, n, 2).mean(axis=1)  # a step is cut into four
        expected = [x.mean(0), x.std(0), x.min(0), x.max(0), slope, *fine, [np.log(n)]]
        assert summaries([one], 2)[0] == pytest.approx(np.concatenate(expected), rel=1e-5, abs=1e-5)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (np.zeros((0, 2), dtype=np.float32), r"series 1 has shape \(0, 2\)"),
        (np.zeros((3, 1), dtype=np.float32), r"series 1 has shape \(3, 1\); it is \(time, 2\)"),
        (np.array([[0, np.nan]], dtype=np.float32), "series 1 has a value that is missing"),
        (np.array([[0, np.inf]], dtype=np.float32), "series 1 has a value that is missing or infinite"),
    ],
)
def test_what_is_no_series_is_refused(bad: np.ndarray, words: str) -> None:
    good = np.ones((4, 2), dtype=np.float32)
    kernels = fit_kernels([good], n_features=84, seed=0)
    with pytest.raises(ValueError, match=words):
        kernels.transform([good, bad])
    with pytest.raises(ValueError, match=words):
        fit_kernels([good, bad], seed=0)
    with pytest.raises(ValueError, match=words):
        summaries([good, bad], 2)


def test_kernels_of_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="no series"):
        fit_kernels([], seed=0)
