"""Features of a recording while it arrives: chunks of raw samples in, the frames that they complete out."""

from copy import copy
from dataclasses import asdict
from typing import Any

import numpy as np
from jaxtyping import Float

from lstmkit.core.errors import DataError, RequestError
from lstmkit.data.audio.arrays import as_channels, as_mono, scaled
from lstmkit.data.audio.features import FeatureSettings, static_features, with_deltas
from lstmkit.data.audio.resampling import Resampler, checked_rate

_COUNTS = ("n_in", "n_out", "n_frames", "n_given")
_ARRAYS = ("tail", "pending", "recent")


def chunk_of(samples: Any, channels: int) -> np.ndarray:
    """A chunk of a stream as `(samples, channels)`, not yet scaled; none at all are allowed.

    Args:
        samples: see `FeatureStream.push`.
        channels: of the stream.

    Raises:
        DataError: other numbers or another shape, or the wrong number of channels.
    """
    if (isinstance(samples, list | tuple) and not samples) or (isinstance(samples, np.ndarray) and not samples.size):
        return np.zeros((0, channels), np.float32)
    array = as_channels(samples, "stream")
    if array.shape[1] != channels:
        raise DataError(
            f"stream: samples of {array.shape[1]} channels; {channels} are expected; give (samples,) or "
            "(samples, channels)"
        )
    return array


class FeatureStream:
    """Gives the frames of the whole recording, whatever the chunks.

    A frame comes as soon as its last sample is there, which is `settings.look_ahead` frames later with deltas and some
    milliseconds later where samples are resampled. Memory does not grow with time.

    Args:
        settings: of the features.
        source_rate: of the samples pushed, in Hz; None: `settings.rate`.
        channels: of the samples pushed; more than one are averaged.

    Raises:
        RequestError: a rate from outside 1,000 to 384,000 Hz, or fewer than one channel.
    """

    def __init__(self, settings: FeatureSettings, source_rate: int | float | None = None, channels: int = 1) -> None:
        if channels < 1:
            raise RequestError(f"stream: {channels} channels; 1 or more are allowed; say how many a sample has")
        self.settings = settings
        self.channels = channels
        self.source_rate = checked_rate(settings.rate if source_rate is None else source_rate, "stream")
        self.reset()

    def reset(self) -> None:
        """Begin another recording."""
        self._resampler = Resampler(self.source_rate, self.settings.rate)
        self._pending = np.zeros(0, np.float32)  # samples from the beginning of the next frame on
        self._recent = np.zeros((0, self.settings.n_static), np.float32)  # frames that deltas still look at
        self._n_frames = 0  # computed without deltas
        self._n_given = 0
        self._finished = False

    def push(self, samples: Any) -> Float[np.ndarray, "frames features"]:
        """The frames that these samples complete, float32; often none.

        Args:
            samples: `(samples,)`, or `(samples, channels)`: floating point between -1 and 1, or 8-, 16- or 32-bit
                integers. None at all are allowed.

        Raises:
            DataError: the wrong number of channels, other numbers, or a sample that is not finite; the stream is then
                as it was.
            RequestError: the recording was finished.
        """
        self._see_that_it_goes_on()
        array = chunk_of(samples, self.channels)
        if len(array):
            mono = as_mono(scaled(array), self._resampler.n_in, self.source_rate, "stream")
            self._take(self._resampler.push(mono), last=False)
        return self._given(self._n_frames - self.settings.look_ahead)

    def finish(self) -> Float[np.ndarray, "frames features"]:
        """The recording ends here: its last frames, filled up with zeros.

        Raises:
            DataError: there was no sample.
            RequestError: it was finished before.
        """
        self._see_that_it_goes_on()
        if not self._resampler.n_in:
            raise DataError("stream: it ended before a sample came; at least one is needed")
        self._take(self._resampler.finish(), last=True)
        self._finished = True
        return self._given(self._n_frames)

    def _see_that_it_goes_on(self) -> None:
        if self._finished:
            raise RequestError("stream: finished; reset it before another recording")

    def _take(self, samples: Float[np.ndarray, " samples"], *, last: bool) -> None:
        settings = self.settings
        pending = np.concatenate([self._pending, samples])
        whole = settings.n_whole_frames(len(pending))
        n = settings.n_frames(self._resampler.n_out) - self._n_frames if last else whole
        if n:
            self._recent = np.concatenate([self._recent, static_features(pending, n, settings)])
            self._n_frames += n
        self._pending = pending[n * settings.hop :].copy()

    def _given(self, ready: int) -> Float[np.ndarray, "frames features"]:
        """The frames up to the number `ready` that were not given before."""
        if ready <= self._n_given:
            return np.zeros((0, self.settings.n_features), np.float32)
        begins = self._n_frames - len(self._recent)
        # The deltas of the first and last frames held are those of a recording that has its ends there; they are right
        # where it has, and elsewhere the frames given are as far from both ends as deltas look.
        frames = with_deltas(self._recent, self.settings)[self._n_given - begins : ready - begins]
        self._n_given = ready
        keep = max(0, ready - self.settings.look_ahead)
        self._recent = self._recent[keep - begins :].copy()
        return frames

    def copy(self) -> "FeatureStream":
        """Another that goes on from here. Arrays are shared, since they are replaced and never written to."""
        made = copy(self)
        made._resampler = copy(self._resampler)
        return made

    def state(self) -> dict[str, Any]:
        """All that it needs to go on elsewhere, to the same bits: numbers, strings and numpy arrays."""
        return {
            "settings": asdict(self.settings),
            "source_rate": self.source_rate,
            "channels": self.channels,
            "finished": self._finished,
            "n_in": self._resampler.n_in,
            "n_out": self._resampler.n_out,
            "n_frames": self._n_frames,
            "n_given": self._n_given,
            "tail": self._resampler.tail.copy(),
            "pending": self._pending.copy(),
            "recent": self._recent.copy(),
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "FeatureStream":
        """A stream that goes on where `state` was taken.

        Raises:
            RequestError: it is no such state, or its parts do not fit each other.
        """
        try:
            stream = cls(FeatureSettings(**state["settings"]), state["source_rate"], state["channels"])
            n_in, n_out, n_frames, n_given = (int(state[name]) for name in _COUNTS)
            tail, pending, recent = (np.array(state[name], np.float32) for name in _ARRAYS)
            finished = bool(state["finished"])
            stream._resampler.restore(tail, n_in, n_out)
        except (KeyError, TypeError, ValueError) as error:
            raise RequestError(f"stream: not a saved state ({error!r}); give one that state() made") from error
        sound = (
            tail.ndim == pending.ndim == 1
            and recent.ndim == 2
            and recent.shape[1] == stream.settings.n_static
            and 0 <= n_given <= n_frames
            and len(recent) <= n_frames
            and (finished or len(pending) == n_out - n_frames * stream.settings.hop)
        )
        if not sound:
            raise RequestError("stream: a saved state whose parts do not fit each other; give one that state() made")
        stream._pending, stream._recent, stream._finished = pending, recent, finished
        stream._n_frames, stream._n_given = n_frames, n_given
        return stream
