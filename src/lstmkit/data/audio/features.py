"""Log-mel and MFCC features of a recording, frame by frame, as a stream can compute them too.

Frame k covers the samples `k * hop` to `k * hop + window`: it is not centred, and nothing is mirrored at the ends. The
last frame is filled up with zeros, so that no sample is left out and a recording shorter than a window is one frame.
Deltas look 2 frames ahead, deltas of deltas 4; at the ends the first and the last frame are repeated.

All is computed in float64 and given as float32: in float32 a quiet band beside a loud one holds the loud one's
rounding, which depends on how many frames are transformed at once, and the logarithm would show it.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from lstmkit.core.errors import RequestError
from lstmkit.data.audio.resampling import checked_rate

DELTA_REACH = 2  # frames to either side in the regression
_BLOCK_FRAMES = 1024  # transformed at once: bounds the memory


@dataclass(frozen=True)
class FeatureSettings:
    """How features are computed.

    Args:
        rate: of the samples, in Hz.
        window_ms: length of a frame.
        hop_ms: from a frame's beginning to the next one's; at most the window.
        n_mels: bands of the mel scale.
        kind: "log_mel", or "mfcc" (its cosine transform).
        n_mfcc: coefficients kept, from the zeroth on.
        deltas: 0: none; 1: slopes over time beside the features; 2: slopes of these too. True is 1.
        fmin: lower edge of the lowest band, in Hz.
        fmax: upper edge of the highest band, in Hz; None: half the rate.
        floor: least power of a band, a full-scale sine having 1: 1e-10, or -100 dB, is about what the rounding of 16
            bits leaves of silence.

    Raises:
        RequestError: a value is out of its bounds, or the bands are so narrow that one has no frequency of the
            transform in it.
    """

    rate: int = 16_000
    window_ms: float = 25.0
    hop_ms: float = 10.0
    n_mels: int = 40
    kind: str = "log_mel"
    n_mfcc: int = 13
    deltas: int = 0
    fmin: float = 20.0
    fmax: float | None = None
    floor: float = 1e-10

    def __post_init__(self) -> None:
        checked_rate(self.rate, "rate")
        top = self.rate / 2
        for holds, told in (
            (0 < self.window_ms <= 1000, f"window_ms = {self.window_ms}; above 0 and at most 1000 is allowed"),
            (0 < self.hop_ms <= self.window_ms, f"hop_ms = {self.hop_ms}; above 0 and at most window_ms is allowed"),
            (1 <= self.n_mels <= 512, f"n_mels = {self.n_mels}; 1 to 512 is allowed"),
            (self.kind in ("log_mel", "mfcc"), f"kind = {self.kind!r}; 'log_mel' or 'mfcc' is allowed"),
            (1 <= self.n_mfcc <= self.n_mels, f"n_mfcc = {self.n_mfcc}; 1 to n_mels ({self.n_mels}) is allowed"),
            (self.deltas in (0, 1, 2), f"deltas = {self.deltas}; 0, 1 or 2 is allowed"),
            (0 <= self.fmin < self.highest, f"fmin = {self.fmin}; from 0 to below fmax ({self.highest:g}) is allowed"),
            (self.highest <= top, f"fmax = {self.fmax}; at most half the rate ({top:g}) is allowed"),
            (0 < self.floor < 1, f"floor = {self.floor}; between 0 and 1 is allowed"),
        ):  # fmt: skip
            if not holds:
                raise RequestError(f"features: {told}")
        if self.hop < 1 or self.window < 4:
            raise RequestError(
                f"features: a window of {self.window} and a hop of {self.hop} samples at {self.rate:,} Hz; at least 4 "
                "and 1 are needed; make window_ms and hop_ms longer"
            )
        empty = np.flatnonzero(~mel_filters(self).any(0))
        if len(empty):
            raise RequestError(
                f"features: n_mels = {self.n_mels} at {self.rate:,} Hz leaves {len(empty)} bands without a frequency "
                f"of the {self.n_fft}-point transform; fewer bands are allowed; lower n_mels or lengthen window_ms"
            )

    @property
    def window(self) -> int:
        """Samples of a frame."""
        return round(self.rate * self.window_ms / 1000)

    @property
    def hop(self) -> int:
        """Samples from frame to frame."""
        return round(self.rate * self.hop_ms / 1000)

    @property
    def n_fft(self) -> int:
        """Points of the Fourier transform: the next power of two, the rest being zeros."""
        return 1 << (self.window - 1).bit_length()

    @property
    def highest(self) -> float:
        """The upper edge of the highest band, in Hz."""
        return self.rate / 2 if self.fmax is None else self.fmax

    @property
    def n_static(self) -> int:
        """Features of a frame without its deltas, which follow in groups of as many."""
        return self.n_mels if self.kind == "log_mel" else self.n_mfcc

    @property
    def n_features(self) -> int:
        """Features of a frame."""
        return self.n_static * (1 + int(self.deltas))

    @property
    def look_ahead(self) -> int:
        """Frames after it that a frame's deltas depend on."""
        return DELTA_REACH * int(self.deltas)

    def n_frames(self, n_samples: int) -> int:
        """Frames of so many samples, the last filled up with zeros."""
        return 1 + max(0, -(-(n_samples - self.window) // self.hop)) if n_samples else 0

    def n_whole_frames(self, n_samples: int) -> int:
        """Frames of so many samples that need no filling."""
        return max(0, 1 + (n_samples - self.window) // self.hop)


def silent_frame(settings: FeatureSettings) -> Float[np.ndarray, " features"]:
    """The features of a frame of silence among others, float32."""
    return _of_level(settings, np.log(settings.floor))


def added_by_a_neper(settings: FeatureSettings) -> Float[np.ndarray, " features"]:
    """What a neper more of power adds to a frame's features where no band is at the floor, float32."""
    return _of_level(settings, 1.0)


def _of_level(settings: FeatureSettings, level: float) -> Float[np.ndarray, " features"]:
    """All bands at one level: the same of cepstral coefficients only the zeroth has, and slopes have nothing of."""
    found = np.zeros(settings.n_features, dtype=np.float32)
    if settings.kind == "mfcc":
        found[0] = level * settings.n_mels**0.5
    else:
        found[: settings.n_mels] = level
    return found


def static_features(
    samples: Float[np.ndarray, " samples"], n_frames: int, settings: FeatureSettings
) -> Float[np.ndarray, "frames static"]:
    """The first frames from the samples on, without deltas; zeros stand for the samples after the last."""
    result = np.empty((n_frames, settings.n_static), np.float32)
    for first in range(0, n_frames, _BLOCK_FRAMES):
        last = min(first + _BLOCK_FRAMES, n_frames)
        stretch = np.zeros((last - first - 1) * settings.hop + settings.n_fft)
        covered = samples[first * settings.hop : (last - 1) * settings.hop + settings.window]
        stretch[: len(covered)] = covered
        result[first:last] = _transformed(torch.from_numpy(stretch), settings).numpy()
    return result


def _transformed(samples: Float64[Tensor, " samples"], settings: FeatureSettings) -> Float64[Tensor, "frames static"]:
    window, mel, cosines = _tables(settings)
    spectrum = torch.stft(
        samples, settings.n_fft, settings.hop, window=window, center=False, onesided=True, return_complex=True
    )
    power = spectrum.abs().square().T  # (frames, frequencies)
    logs = (power @ mel).clamp_min(settings.floor).log()
    return logs if cosines is None else logs @ cosines


def with_deltas(
    static: Float[np.ndarray, "frames static"], settings: FeatureSettings
) -> Float[np.ndarray, "frames features"]:
    """Features with their deltas beside them, and with the deltas' deltas."""
    groups = [static]
    for _ in range(int(settings.deltas)):
        groups.append(delta(groups[-1]))
    return np.concatenate(groups, axis=1)


def delta(values: Float[np.ndarray, "frames features"]) -> Float[np.ndarray, "frames features"]:
    """The slope over 5 frames: `sum n (c[t+n] - c[t-n]) / (2 sum n^2)` for n of 1 and 2, the end frames repeated.

    The HTK Book 3.4, equation 5.16.
    """
    n = len(values)
    padded = np.pad(values.astype(np.float64), ((DELTA_REACH, DELTA_REACH), (0, 0)), mode="edge")
    slope = np.zeros(values.shape)
    for k in range(1, DELTA_REACH + 1):
        slope += k * (padded[DELTA_REACH + k :][:n] - padded[DELTA_REACH - k :][:n])
    return (slope / (2 * sum(k * k for k in range(1, DELTA_REACH + 1)))).astype(np.float32)


def mel_filters(settings: FeatureSettings) -> Float64[np.ndarray, "frequencies bands"]:
    """Triangles of height 1 whose corners are evenly spaced on Slaney's mel scale.

    Slaney 1998, Auditory Toolbox, version 2: linear to 1,000 Hz, 15 mels there, logarithmic above. Of equal height
    rather than equal area, since the logarithm makes of a band's size a constant that scaling takes away.
    """
    corners = _corners(settings)
    frequencies = np.arange(settings.n_fft // 2 + 1)[:, None] * (settings.rate / settings.n_fft)
    low, middle, high = corners[:-2], corners[1:-1], corners[2:]
    rising, falling = (frequencies - low) / (middle - low), (high - frequencies) / (high - middle)
    return np.clip(np.minimum(rising, falling), 0, None)


def mel_centres(settings: FeatureSettings) -> Float64[np.ndarray, " bands"]:
    """Where each band is highest, in Hz."""
    return _corners(settings)[1:-1]


def _corners(settings: FeatureSettings) -> Float64[np.ndarray, " corners"]:
    return _hertz(np.linspace(_mel(settings.fmin), _mel(settings.highest), settings.n_mels + 2))


_LINEAR_MEL = 200 / 3  # Hz in a mel below 1,000 Hz
_LOG_STEP = np.log(6.4) / 27  # of a mel above


def _mel(hertz: float) -> float:
    return hertz / _LINEAR_MEL if hertz < 1000 else 15 + np.log(hertz / 1000) / _LOG_STEP


def _hertz(mel: Float[np.ndarray, " corners"]) -> Float[np.ndarray, " corners"]:
    return np.where(mel < 15, mel * _LINEAR_MEL, 1000 * np.exp(_LOG_STEP * (mel - 15)))


@lru_cache(maxsize=16)
def _tables(
    settings: FeatureSettings,
) -> tuple[Float64[Tensor, " points"], Float64[Tensor, "frequencies bands"], Float64[Tensor, "bands static"] | None]:
    """(window, mel filters, cosine transform) of settings."""
    hann = torch.hann_window(settings.window, dtype=torch.float64)
    # Half the window's sum is the height of a full-scale sine. The window stands first, the filling behind it, so
    # that a frame begins where it says; left to itself torch would put the window in the middle.
    window = torch.cat([hann / (hann.sum() / 2), torch.zeros(settings.n_fft - settings.window, dtype=torch.float64)])
    cosines = None
    if settings.kind == "mfcc":  # DCT-II, orthonormal
        band = np.arange(settings.n_mels)[:, None] + 0.5
        wave = np.cos(np.pi / settings.n_mels * band * np.arange(settings.n_mfcc)) * np.sqrt(2 / settings.n_mels)
        wave[:, 0] /= np.sqrt(2)
        cosines = torch.from_numpy(wave)
    return window, torch.from_numpy(mel_filters(settings)), cosines
