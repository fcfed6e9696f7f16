"""Resampling by a windowed sinc of our own, whole or chunk by chunk: its state is the last samples and two counts.

Output m is the recording at time `m / rate`: an inner product of the samples around that time with a sinc under a
Kaiser window, samples beyond the recording being zero. There is no other state, so that a stream can be saved and
carried on elsewhere, which a library's resampler does not allow.
"""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import i0

from lstmkit.core.errors import RequestError

LOWEST_RATE, HIGHEST_RATE = 1_000, 384_000  # Hz
_ZEROS = 64  # zero crossings of the sinc to either side
_ATTENUATION_DB = 100.0  # more than the 96 dB of 16 bits
# Kaiser's formulas for a window of 2 * _ZEROS samples: its shape, and the width of the transition in shares of half the
# lower rate (Oppenheim and Schafer, Discrete-Time Signal Processing, section 7.6). It ends where aliases would begin.
_BETA = 0.1102 * (_ATTENUATION_DB - 8.7)
_TRANSITION = (_ATTENUATION_DB - 7.95) / (14.36 * _ZEROS)
_CUTOFF = 1 - _TRANSITION / 2
_ROWS = 64  # of a matrix product: bounds the memory


class _Grid(NamedTuple):
    """The geometry of a ratio `up / down` in lowest terms.

    Attributes:
        half: input samples to either side that an output depends on.
        period: outputs after which the weights repeat, a multiple of `up`.
        step: input samples in a period.
        size: outputs of a group; a group is computed by one matrix product over all periods.
    """

    half: int
    period: int
    step: int
    size: int


def checked_rate(rate: int | float, name: str, error: type[RequestError] = RequestError) -> int:
    """A sampling rate as a whole number of Hz.

    Raises:
        error: it is no whole number, or not between 1,000 and 384,000.
    """
    whole = not isinstance(rate, bool) and math.isfinite(rate) and rate == int(rate)
    if not whole or not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise error(
            f"{name}: a sampling rate of {rate} Hz; whole numbers from {LOWEST_RATE:,} to {HIGHEST_RATE:,} are "
            "allowed; give the rate at which the samples were taken"
        )
    return int(rate)


def resampled_length(n_samples: int, source_rate: int, rate: int) -> int:
    """Samples after resampling: all moments `m / rate` that lie before the recording's end."""
    return -(-n_samples * rate // source_rate)


class Resampler:
    """Resamples a recording that comes in chunks.

    Output is held back by 64 periods of the lower rate (4 ms at 16 kHz), since that far ahead an output looks.

    Args:
        source_rate: of what is pushed, in Hz.
        rate: of what comes out, in Hz.

    Raises:
        RequestError: a rate is not a whole number from 1,000 to 384,000.
    """

    def __init__(self, source_rate: int, rate: int) -> None:
        self.source_rate, self.rate = checked_rate(source_rate, "resampling"), checked_rate(rate, "resampling")
        common = math.gcd(self.source_rate, self.rate)
        self._up, self._down = self.rate // common, self.source_rate // common
        self.reset()

    def reset(self) -> None:
        """Begin another recording."""
        self.tail = np.zeros(0 if self._same else _grid(self._up, self._down).half - 1, np.float32)
        self.n_in = self.n_out = 0

    @property
    def _same(self) -> bool:
        return self._up == self._down

    def push(self, samples: Float[np.ndarray, " samples"]) -> Float[np.ndarray, " resampled"]:
        """The output that the samples so far decide, float32; what it does not need any longer is forgotten."""
        self.n_in += len(samples)
        if self._same:
            self.n_out = self.n_in
            return samples.astype(np.float32, copy=False)
        held = np.concatenate([self.tail, samples.astype(np.float32, copy=False)])
        begins = self.n_in - len(held)  # the number of the first sample held
        ready = resampled_length(max(0, self.n_in - _grid(self._up, self._down).half), self.source_rate, self.rate)
        return self._advance(held, begins, ready)

    def finish(self) -> Float[np.ndarray, " resampled"]:
        """The rest of the output, float32, with zeros for the samples after the last."""
        if self._same:
            return np.zeros(0, np.float32)
        total = resampled_length(self.n_in, self.source_rate, self.rate)
        return self._advance(self.tail, self.n_in - len(self.tail), total)

    def restore(self, tail: Float[np.ndarray, " tail"], n_in: int, n_out: int) -> None:
        """Go on where another resampler of the same rates was.

        Raises:
            ValueError: no resampler of these rates has such a state.
        """
        held = 0 if self._same else n_in - min(self._needed_from(n_out), n_in)
        if not 0 <= n_out <= resampled_length(n_in, self.source_rate, self.rate) or len(tail) != held:
            raise ValueError(f"{len(tail)} samples held after {n_in} in and {n_out} out")
        self.tail, self.n_in, self.n_out = tail, n_in, n_out

    def _needed_from(self, output: int) -> int:
        """The number of the first sample that an output and all later ones need."""
        return output * self._down // self._up + 1 - _grid(self._up, self._down).half

    def _advance(self, held: Float[np.ndarray, " held"], begins: int, ready: int) -> Float[np.ndarray, " resampled"]:
        ready = max(ready, self.n_out)
        output = _outputs(held, begins, self.n_out, ready, self._up, self._down)
        self.n_out = ready
        self.tail = held[self._needed_from(ready) - begins :].copy()
        return output


def _outputs(
    held: Float[np.ndarray, " held"], begins: int, first: int, last: int, up: int, down: int
) -> Float[np.ndarray, " resampled"]:
    """Outputs `first` to `last` from the samples held, of which the first has the number `begins`."""
    if last <= first:
        return np.zeros(0, np.float32)
    grid = _grid(up, down)
    row, end_row = first // grid.period, -(-last // grid.period)
    result = np.zeros((end_row - row, grid.period), np.float32)
    # Rows at the ends reach beyond what is held, for outputs that are not asked for; zeros stand there.
    pad = np.zeros(2 * grid.half + grid.step)
    padded = np.concatenate([pad, held.astype(np.float64), pad])
    for left in range(0, grid.period, grid.size):
        right = min(left + grid.size, grid.period)
        one = row + (row * grid.period + right <= first)
        two = end_row - ((end_row - 1) * grid.period + left >= last)
        if two <= one:
            continue
        weights = _weights(up, down, left, right)
        start = one * grid.step + left * down // up + 1 - grid.half - begins + len(pad)
        windows = np.lib.stride_tricks.sliding_window_view(padded, len(weights))[start :: grid.step]
        for at in range(one, two, _ROWS):
            stop = min(at + _ROWS, two)
            # BLAS wants rows that do not overlap.
            result[at - row : stop - row, left:right] = np.ascontiguousarray(windows[at - one : stop - one]) @ weights
    return result.reshape(-1)[first - row * grid.period : last - row * grid.period]


def _grid(up: int, down: int) -> _Grid:
    half = math.ceil(_ZEROS * max(1.0, down / up))
    times = max(1, round(2 * _ZEROS / up))
    n_groups = -(-up * times // (3 * _ZEROS))
    return _Grid(half, up * times, down * times, -(-up * times // n_groups))


@lru_cache(maxsize=128)  # all groups of an odd ratio such as 44,101 to 16,000 Hz
def _weights(up: int, down: int, left: int, right: int) -> Float[np.ndarray, "window outputs"]:
    """The weights of a period's outputs `left` to `right` over the input samples that any of them needs."""
    stretch = max(1.0, down / up)
    grid = _grid(up, down)
    outputs = np.arange(left, right)
    base = outputs * down // up
    inputs = np.arange(base[0] + 1 - grid.half, base[-1] + grid.half + 1)[:, None]
    near = (inputs > base - grid.half) & (inputs <= base + grid.half)
    time = ((inputs * up - outputs * down) / up)[near]  # in input samples, from the output's moment
    window = i0(_BETA * np.sqrt(np.clip(1 - (time / (_ZEROS * stretch)) ** 2, 0, None)))
    weights = np.zeros(near.shape)
    weights[near] = np.sinc(_CUTOFF / stretch * time) * window
    return weights / weights.sum(0)  # a constant stays exactly that
