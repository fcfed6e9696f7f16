"""What is told of a recording rather than refused: clipping, silence, how it was made mono and resampled."""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

SILENCE_DBFS = -60.0
_SILENCE = 10 ** (SILENCE_DBFS / 20)


@dataclass(frozen=True)
class Facts:
    """A recording as it came, of the stretch that was read.

    Attributes:
        source_rate: Hz.
        rate: Hz, of the samples that reading gives.
        channels: averaged to one.
        n_source_samples: of each channel.
        clipped: share of the samples in runs of two or more at full scale, on any channel.
        peak: the largest magnitude of a sample on any channel.
        mono_peak: the largest magnitude after averaging.
        remarks: what else was handled rather than refused.
    """

    source_rate: int
    rate: int
    channels: int
    n_source_samples: int
    clipped: float
    peak: float
    mono_peak: float
    remarks: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.n_source_samples / self.source_rate

    @property
    def silent(self) -> bool:
        """Whether nothing in it, made mono, reaches -60 dBFS."""
        return self.mono_peak < _SILENCE

    @property
    def notes(self) -> tuple[str, ...]:
        """What was handled, a phrase each; empty for a sound mono recording at the wanted rate."""
        notes = list(self.remarks)
        if self.channels > 1:
            notes.append(f"{self.channels} channels averaged")
        if self.source_rate != self.rate:
            notes.append(f"resampled from {self.source_rate:,} to {self.rate:,} Hz")
        if self.clipped:
            notes.append(f"clipped: {self.clipped:.2%} of the samples at full scale")
        if self.silent:
            notes.append(self.silence)
        return tuple(notes)

    @property
    def silence(self) -> str:
        """In what way a silent recording is that."""
        if self.peak >= _SILENCE:
            return "silent once averaged: the channels cancel each other"
        if not self.peak:
            return "silent: every sample is zero"
        return f"silent: it peaks at {20 * np.log10(self.peak):.1f} dBFS, below {SILENCE_DBFS:.0f}"


@dataclass
class Levels:
    """Gathers `Facts` from blocks.

    Args:
        full_scale: the largest positive sample that the format can hold; what reaches it may have been cut off.
    """

    full_scale: float
    n_samples: int = 0
    peak: float = 0.0
    mono_peak: float = 0.0
    _n_clipped: int = 0
    # For each channel: the sign of the last sample if it was at full scale, and whether it has been counted.
    _last_sign: np.ndarray | None = field(default=None, repr=False)
    _last_counted: np.ndarray | None = field(default=None, repr=False)

    def add(self, samples: Float[np.ndarray, "samples channels"], mono: Float[np.ndarray, " samples"]) -> None:
        """Take note of a block of at least one sample."""
        channels = samples.shape[1]
        self.n_samples += len(samples)
        self.peak = max(self.peak, float(np.abs(samples).max()))
        self.mono_peak = max(self.mono_peak, float(np.abs(mono).max()))
        sign = np.where(np.abs(samples) >= self.full_scale, np.sign(samples), 0).astype(np.int8)
        before = np.zeros(channels, np.int8) if self._last_sign is None else self._last_sign
        counted = np.zeros(channels, bool) if self._last_counted is None else self._last_counted
        self._last_sign = sign[-1]
        if sign.any():
            follows = (sign != 0) & (sign == np.concatenate([before[None], sign[:-1]]))
            in_run = follows.copy()
            in_run[:-1] |= follows[1:]
            # The last sample of the block before began a run: it was not known to be one then.
            self._n_clipped += int(in_run.sum()) + int((follows[0] & ~counted).sum())
            self._last_counted = in_run[-1]
        else:
            self._last_counted = np.zeros(channels, bool)

    def facts(self, source_rate: int, rate: int, channels: int, remarks: tuple[str, ...]) -> Facts:
        """What was gathered."""
        share = self._n_clipped / (self.n_samples * channels) if self.n_samples else 0.0
        return Facts(source_rate, rate, channels, self.n_samples, share, self.peak, self.mono_peak, remarks)
