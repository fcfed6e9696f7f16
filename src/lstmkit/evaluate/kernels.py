"""Features of time series for a linear model: how often fixed convolutions pass thresholds, as MiniRocket has them.

The definition is that of Dempster, Schmidt and Webb (2021), "MiniRocket: a very fast (almost) deterministic transform
for time series classification", with random channel subsets as in the authors' multivariate version; what it leaves
open for unequal and very short series is settled here, in `Kernels`. Every sum is elementwise and in a fixed order, so
a series has the same features, bit for bit, whatever it stands beside.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import ceil, log2

import numpy as np
from jaxtyping import Float, Float32, Int

KERNEL_LENGTH = 9
# Three taps of 2 and six of -1: all the kernels there are. Written as -1 everywhere, and 3 more at three taps.
TAPS = tuple(combinations(range(KERNEL_LENGTH), 3))
LARGEST = 1e6  # what a scaled value is cut to: no sum overflows, and a threshold is passed all the same

_CENTER = KERNEL_LENGTH // 2
_MOST_DILATIONS = 32
_GOLDEN = (5**0.5 + 1) / 2
_CHUNK_STEPS = 16_384  # steps convolved at once: the arrays stay in a second-level cache
_LEAST_SHARE = 0.8  # of the longest series in a chunk: what is padded costs time, and only that
_MOST_ROWS = 255  # flags that a byte can count
_WIDTH = 64  # bytes added in one go

Series = Float32[np.ndarray, "_time _channels"]  # each its own


@dataclass(frozen=True)
class Kernels:
    """84 fixed kernels at each dilation, each with its channels, its thresholds and the steps that it is pooled over.

    A feature is the share of a series' steps at which the kernel, centred there and summed over its channels, exceeds
    a threshold. Beyond its ends a series is 0, the mean of a scaled channel. Every other kernel counts only the steps
    where it lies within the series altogether; where the series is too short for that, it counts all steps, as the
    others do.

    Attributes:
        n_channels: of the series.
        dilations: distances between neighbouring taps, ascending.
        channels: by dilation, by kernel: the channels that are summed, ascending.
        biases: by dilation: the thresholds of each kernel.
    """

    n_channels: int
    dilations: tuple[int, ...]
    channels: tuple[tuple[tuple[int, ...], ...], ...]
    biases: tuple[Float32[np.ndarray, "_kernels _n"], ...]

    @property
    def n_features(self) -> int:
        """How many features a series has: by dilation, in it by kernel, in it by threshold."""
        return sum(biases.size for biases in self.biases)

    def transform(self, series: Sequence[Series]) -> Float32[np.ndarray, "n features"]:
        """The features of each series, between 0 and 1.

        Raises:
            ValueError: a series is empty, not finite, or has other channels than those that the kernels were made for.
        """
        check_series(series, self.n_channels)
        features = np.empty((len(series), self.n_features), dtype=np.float32)
        for members in _chunks([len(one) for one in series]):
            chunk = _Chunk([series[k] for k in members])
            counted = np.empty((self.n_features, len(members)), dtype=np.float32)
            first = 0
            for position, (dilation, biases) in enumerate(zip(self.dilations, self.biases, strict=True)):
                chunk.dilate(dilation)
                for kernel in range(len(TAPS)):
                    whole = lies_within(position, kernel)
                    values = chunk.convolve(kernel, self.channels[position][kernel], whole)
                    last = first + biases.shape[1]
                    counted[first:last] = chunk.shares(values, biases[kernel], whole)
                    first = last
            features[members] = counted.T
        return features


def fit_kernels(series: Sequence[Series], *, n_features: int = 10_000, seed: int) -> Kernels:
    """Make kernels for such series: dilations by their length, thresholds from outputs on series drawn by the seed.

    Dilations grow from 1, evenly in their logarithm, until a kernel is as long as the longest series; there are at most
    32. Thresholds are quantiles of a kernel's output on one series (that it fits into, where there is one), at shares
    that fill the range from 0 to 1 evenly (multiples of the golden ratio, their whole part taken off).

    Args:
        series: of the training part, at least one: float32 `(time, channels)`, channels scaled, no value missing.
        n_features: about how many; the multiple of 84 at or below, and at least 84.
        seed: decides the channels and the series drawn.

    Raises:
        ValueError: there are no series, or one is empty, not finite, or differs in its channels.
    """
    if not len(series):
        raise ValueError("no series; kernels are made for at least one")
    check_series(series, series[0].shape[1])
    n_channels = series[0].shape[1]
    lengths = np.array([len(one) for one in series])
    dilations, n_biases = _spread(int(lengths.max()), max(n_features // len(TAPS), 1))
    bits = np.random.PCG64(seed)  # raw bits, whose stream numpy keeps for good
    channels: list[tuple[tuple[int, ...], ...]] = []
    biases: list[Float32[np.ndarray, "_kernels _n"]] = []
    n_before = 0
    for position, (dilation, n) in enumerate(zip(dilations, n_biases, strict=True)):
        subsets = tuple(_draw_channels(bits, n_channels) for _ in TAPS)
        fitting = np.flatnonzero(lengths > (KERNEL_LENGTH - 1) * dilation)
        pool = fitting if len(fitting) else np.arange(len(series))
        thresholds = np.empty((len(TAPS), n), dtype=np.float32)
        for kernel, subset in enumerate(subsets):
            drawn = series[pool[int(_uniform(bits, 1)[0] * len(pool))]]
            chunk = _Chunk([drawn[:, subset]])
            chunk.dilate(dilation)
            values = chunk.convolve(kernel, range(len(subset)), lies_within(position, kernel))
            shares = (np.arange(n_before + 1, n_before + n + 1) * _GOLDEN) % 1
            thresholds[kernel] = np.quantile(values[np.isfinite(values)], shares)
            n_before += n
        channels.append(subsets)
        biases.append(thresholds)
    return Kernels(n_channels, tuple(dilations), tuple(channels), tuple(biases))


def check_series(series: Sequence[Series], n_channels: int) -> None:
    """See that every series has a step, these channels, and no value that is missing or infinite."""
    for k, one in enumerate(series):
        if one.ndim != 2 or not len(one) or one.shape[1] != n_channels or not n_channels:
            raise ValueError(f"series {k} has shape {one.shape}; it is (time, {n_channels}), at least one of each")
        if not np.isfinite(one).all():
            raise ValueError(f"series {k} has a value that is missing or infinite; fill it before")


def lies_within(position: int, kernel: int) -> bool:
    """Whether a kernel at this position among the dilations counts only steps where it lies within the series."""
    return (position + kernel) % 2 == 1


def _spread(length: int, n_per_kernel: int) -> tuple[list[int], list[int]]:
    """The dilations for series of this length, and how many thresholds a kernel has at each."""
    n = min(n_per_kernel, _MOST_DILATIONS)
    largest = log2(max((length - 1) / (KERNEL_LENGTH - 1), 1.0))
    # A hair above, since 2 ** log2(5) need not reach 5.
    drawn = [int(2.0**exponent + 1e-9) for exponent in np.linspace(0.0, largest, n)]
    dilations = sorted(set(drawn))
    counts = [drawn.count(dilation) * n_per_kernel // n for dilation in dilations]
    for k in range(n_per_kernel - sum(counts)):
        counts[k % len(counts)] += 1
    return dilations, counts


def _uniform(bits: np.random.PCG64, n: int) -> Float[np.ndarray, " n"]:
    """Numbers from 0 up to, and without, 1."""
    return (bits.random_raw(n) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _draw_channels(bits: np.random.PCG64, n_channels: int) -> tuple[int, ...]:
    """Some channels: how many is even in its logarithm, at most nine; which is even."""
    n = int(2.0 ** (_uniform(bits, 1)[0] * log2(min(n_channels, KERNEL_LENGTH) + 1)))
    return tuple(sorted(int(k) for k in np.argsort(_uniform(bits, n_channels), kind="stable")[:n]))


def _chunks(lengths: Sequence[int]) -> Iterator[Int[np.ndarray, " members"]]:
    """Positions of series of like length, few enough steps at once."""
    order = np.argsort(lengths, kind="stable")
    first = 0
    for position in range(1, len(order) + 1):
        if position < len(order):
            longest = lengths[order[position]]
            like = lengths[order[first]] >= _LEAST_SHARE * longest
            if like and longest * (position + 1 - first) <= _CHUNK_STEPS:
                continue
        yield order[first:position]
        first = position


class _Chunk:
    """Series side by side, time-major, zeros after the end of each; and their convolutions at one dilation.

    Where a kernel is not pooled its output is minus infinity, which exceeds nothing. That is put into the part of the
    convolution that all kernels share, once for each dilation.
    """

    def __init__(self, series: Sequence[Series]) -> None:
        n, n_channels = len(series), series[0].shape[1]
        self._lengths = np.array([len(one) for one in series])
        longest = int(self._lengths.max())
        # Several steps to a row of flags: bytes are added in wide rows, and no more than 255 of them.
        self._fold = max(ceil(longest / _MOST_ROWS), min(ceil(_WIDTH / n), max(longest // 8, 1)))
        self._steps = ceil(longest / self._fold) * self._fold
        self._values = np.zeros((n_channels, self._steps, n), dtype=np.float32)
        for k, one in enumerate(series):
            self._values[:, : len(one), k] = np.clip(one, -LARGEST, LARGEST).T
        self._tripled = 3.0 * self._values
        self._dilation = 1
        self._shared: dict[bool, Float32[np.ndarray, "channels time n"]] = {}
        self._counted: dict[bool, Int[np.ndarray, " n"]] = {}

    def dilate(self, dilation: int) -> None:
        """Set the dilation of the kernels, and sum up what all kernels have in common: -1 at all taps."""
        self._dilation = dilation
        shared, negative = np.zeros_like(self._values), -self._values
        for tap in range(KERNEL_LENGTH):
            self._add(shared, negative, tap)
        reach = _CENTER * dilation
        time = np.arange(self._steps)[:, None]
        within = (time >= reach) & (time < self._lengths - reach)
        everywhere = time < self._lengths
        within |= everywhere & (self._lengths <= 2 * reach)
        pools = {False: everywhere, True: within}
        self._shared = {whole: np.where(pool, shared, np.float32(-np.inf)) for whole, pool in pools.items()}
        self._counted = {whole: pool.sum(axis=0) for whole, pool in pools.items()}

    def convolve(self, kernel: int, channels: Sequence[int], whole: bool) -> Float32[np.ndarray, "time n"]:
        """A kernel's output at each step; minus infinity where it is not pooled."""
        first, *others = channels
        values, tripled = self._shared[whole][first].copy(), self._tripled[first]
        if others:
            tripled = tripled.copy()
        for channel in others:
            values += self._shared[whole][channel]
            tripled += self._tripled[channel]
        for tap in TAPS[kernel]:
            self._add(values, tripled, tap)
        return values

    def shares(
        self, values: Float32[np.ndarray, "time n"], biases: Float32[np.ndarray, " biases"], whole: bool
    ) -> Float32[np.ndarray, "biases n"]:
        """By threshold, the share of the pooled steps whose output exceeds it."""
        flags = (values > biases[:, None, None]).view(np.uint8)
        rows = flags.reshape(len(biases), self._steps // self._fold, -1)
        counts = np.add.reduce(rows, axis=1, dtype=np.uint8)
        counts = counts.reshape(len(biases), self._fold, -1).sum(axis=1, dtype=np.int64)
        return (counts / self._counted[whole]).astype(np.float32)

    def _add(self, total: np.ndarray, values: np.ndarray, tap: int) -> None:
        """Add to each step what this tap sees from there; time is the last axis but one."""
        offset = (tap - _CENTER) * self._dilation
        first, last = max(0, -offset), self._steps - max(0, offset)
        if first < last:
            total[..., first:last, :] += values[..., first + offset : last + offset, :]
