"""From recordings to the rows that a network reads: features by frame, scaled, of bounded length."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from jaxtyping import Float, Int

from lstmkit.config.schema import EncoderConfig
from lstmkit.data.audio.features import FeatureSettings, added_by_a_neper, mel_centres, silent_frame
from lstmkit.data.audio.reading import Recording
from lstmkit.data.audio.stream import FeatureStream
from lstmkit.data.described import read_described
from lstmkit.data.series import SeriesEncoder
from lstmkit.data.sources.clips import Archives, open_clip
from lstmkit.data.sources.corpus import Clip

Sound = Clip | Recording
"""A recording by reference, or one in memory at the encoder's rate."""


@dataclass(frozen=True)
class SpeechEncoder:
    """How a recording becomes rows: a feature's z-score by its mean and deviation in the training part.

    Attributes:
        settings: of the features.
        means, deviations: of each feature in training; the deviation of a constant one counts as 1.
        max_length: most frames read.
        truncate: what is kept of a longer recording: head, tail, or half of each (ends).
    """

    kind: ClassVar[Literal["audio"]] = "audio"
    settings: FeatureSettings
    means: tuple[float, ...]
    deviations: tuple[float, ...]
    max_length: int
    truncate: Literal["head", "tail", "ends"]

    @classmethod
    def fit(cls, clips: Sequence[Clip], config: EncoderConfig) -> "SpeechEncoder":
        """Learn the sampling rate and the features' scales from the training part.

        Args:
            clips: the training part's.
            config: the encoder's section of the configuration; a rate of 0 is the commonest among the clips.

        Raises:
            RequestError: features that cannot be computed at this rate.
            DataError: a recording cannot be read any longer.
        """
        # Of equals the highest.
        commonest = max(Counter(clip.rate for clip in clips).items(), key=lambda found: found[::-1])[0]
        settings = FeatureSettings(
            rate=config.rate or commonest,
            window_ms=config.window_ms,
            hop_ms=config.hop_ms,
            n_mels=config.n_mels,
            kind=config.features,
            n_mfcc=config.n_mfcc if config.features == "mfcc" else min(config.n_mfcc, config.n_mels),
            deltas=config.deltas,
        )
        names = features_of(settings)
        blank = cls(settings, (0.0,) * len(names), (1.0,) * len(names), config.max_length, config.truncate)
        scales = SeriesEncoder.fit((rows for rows, _ in blank._frames(clips)), config, names)
        return cls(settings, scales.means, scales.deviations, config.max_length, config.truncate)

    @property
    def shape(self) -> dict[str, int]:
        """What the network's input is built from: the features of a row."""
        return {"n_features": self.settings.n_features}

    @property
    def silence(self) -> Float[np.ndarray, " features"]:
        """A row of silence, float32."""
        return ((silent_frame(self.settings) - np.array(self.means)) / np.array(self.deviations)).astype(np.float32)

    @property
    def loudness(self) -> Float[np.ndarray, " features"]:
        """What a neper more of power adds to a row, float32."""
        return (added_by_a_neper(self.settings) / np.array(self.deviations)).astype(np.float32)

    @property
    def features(self) -> list[str]:
        """Names of a row's features."""
        return features_of(self.settings)

    def encode(
        self, sounds: Iterable[Sound]
    ) -> tuple[Float[np.ndarray, "rows features"], Int[np.ndarray, " n_plus_1"]]:
        """Rows of many recordings end to end (float32), and the offsets (int64) at which each begins.

        Raises:
            DataError: a recording cannot be read.
        """
        rows, offsets, _ = self.encode_counted(sounds)
        return rows, offsets

    def encode_counted(
        self, sounds: Iterable[Sound]
    ) -> tuple[Float[np.ndarray, "rows features"], Int[np.ndarray, " n_plus_1"], Int[np.ndarray, " n"]]:
        """As `encode`, and how many frames each recording had before it was shortened (int64)."""
        pieces: list[np.ndarray] = []
        whole_lengths: list[int] = []
        for frames, n_whole in self._frames(sounds):
            pieces.append(self.rows_of(frames))
            whole_lengths.append(n_whole)
        offsets = np.cumsum([0, *map(len, pieces)], dtype=np.int64)
        rows = np.concatenate(pieces) if pieces else np.zeros((0, self.settings.n_features), dtype=np.float32)
        return rows, offsets, np.array(whole_lengths, dtype=np.int64)

    def rows_of(self, frames: Float[np.ndarray, "frames features"]) -> Float[np.ndarray, "frames features"]:
        """Frames' features as rows, float32."""
        return ((frames.astype(np.float64) - np.array(self.means)) / np.array(self.deviations)).astype(np.float32)

    def describe(self) -> dict[str, Any]:
        """What `model.json` keeps of the encoder: all of it."""
        return {"kind": self.kind, **asdict(self)}

    @classmethod
    def from_description(cls, description: dict[str, Any]) -> "SpeechEncoder":
        """Read an encoder back.

        Raises:
            ArtifactError: the description is not one.
        """
        return read_described(cls, description, settings=FeatureSettings)

    def _frames(self, sounds: Iterable[Sound]) -> Iterator[tuple[Float[np.ndarray, "frames features"], int]]:
        """Of each recording the features of the frames that are kept, and how many frames there are."""
        with Archives() as archives:
            for sound in sounds:
                kept = _Kept(self.max_length, self.truncate, self.settings.n_features)
                with one_thread():
                    for frames in _streamed(sound, self.settings, archives):
                        kept.add(frames)
                yield kept.rows(), kept.n_whole


def features_of(settings: FeatureSettings) -> list[str]:
    """Names of the features: a band's middle in Hz, or a cepstral coefficient; then slopes, then slopes of these."""
    if settings.kind == "mfcc":
        static = [f"c{k}" for k in range(settings.n_mfcc)]
    else:
        static = [f"{hertz:.0f} Hz" for hertz in mel_centres(settings)]
    return [f"{name}{behind}" for behind in ("", " slope", " curvature")[: 1 + settings.deltas] for name in static]


def spectrogram(sound: Sound, rate: int, n_bands: int, most_frames: int) -> Float[np.ndarray, "frames bands"]:
    """The log power of a recording's mel bands for a small picture, the most of frames that lie side by side.

    Args:
        sound: the recording.
        rate: at which it is read, in Hz.
        n_bands: mel bands.
        most_frames: columns of the picture at most.
    """
    with Archives() as archives, one_thread():
        frames = np.concatenate(list(_streamed(sound, FeatureSettings(rate=rate, n_mels=n_bands), archives)))
    n_beside = -(-len(frames) // most_frames)
    return np.maximum.reduceat(frames, np.arange(0, len(frames), n_beside))


def _streamed(sound: Sound, settings: FeatureSettings, archives: Archives) -> Iterator[np.ndarray]:
    """The frames of a recording, piece by piece, so that an hour takes no more memory than a minute."""
    stream = FeatureStream(settings)
    if isinstance(sound, Recording):
        yield stream.push(sound.samples)
    else:
        with open_clip(sound, settings.rate, archives) as blocks:
            for samples in blocks:
                yield stream.push(samples)
    yield stream.finish()


class _Kept:
    """Frames of a recording while they come: as many of its head and tail as `truncate` keeps."""

    def __init__(self, most: int, truncate: str, n_features: int) -> None:
        self._most = most
        self._n_tail = {"head": 0, "tail": most, "ends": most // 2}[truncate]
        self._head = self._tail = np.zeros((0, n_features), dtype=np.float32)
        self.n_whole = 0

    def add(self, frames: Float[np.ndarray, "frames features"]) -> None:
        """Take note of the next ones."""
        self.n_whole += len(frames)
        if len(self._head) < self._most:
            self._head = np.concatenate([self._head, frames[: self._most - len(self._head)]])
        if self._n_tail:
            self._tail = np.concatenate([self._tail, frames])[-self._n_tail :]

    def rows(self) -> Float[np.ndarray, "kept features"]:
        """Those that are kept."""
        if self.n_whole <= self._most:
            return self._head
        return np.concatenate([self._head[: self._most - self._n_tail], self._tail])


@contextmanager
def one_thread() -> Iterator[None]:
    """Transforms of a frame are so small that a second thread makes them many times slower."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
