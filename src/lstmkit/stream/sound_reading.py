"""Streams of recordings: samples are resampled and framed as they come, and frames scaled as the encoder does it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lstmkit.core.errors import RequestError
from lstmkit.data.audio.stream import FeatureStream, chunk_of
from lstmkit.data.speech import SpeechEncoder, one_thread
from lstmkit.stream.projected_reading import ProjectedReading, Rows
from lstmkit.stream.reading import Chosen
from lstmkit.stream.stack import RowsProduct

_COUNTS = ("n_in", "n_out", "n_frames", "n_given", "finished")
_SAMPLES = ("tail", "pending", "recent")


class Heard:
    """Of each stream the samples and frames that later frames need; see `Carried`.

    A `FeatureStream` that stands here is never changed: a push changes a copy and puts it in its place, so that one
    that is refused leaves all as it was.

    Args:
        blank: of a stream that has heard nothing.
        streams: `(n,)`, of each stream.
    """

    def __init__(self, blank: FeatureStream, streams: np.ndarray) -> None:
        self._blank = blank
        self.streams = streams

    def forget(self, chosen: slice) -> None:
        """See `Carried`."""
        self.streams[chosen] = self._blank

    def rows(self, chosen: Chosen) -> "Heard":
        """See `Carried`."""
        return Heard(self._blank, self.streams[chosen])

    def put(self, chosen: Chosen, other: "Heard") -> None:
        """See `Carried`."""
        self.streams[chosen] = other.streams

    def arrays(self) -> dict[str, np.ndarray]:
        """See `Carried`."""
        state = self.streams[0].state()
        counts = np.array([int(state[name]) for name in _COUNTS], dtype=np.int64)
        return {"counts": counts} | {name: state[name] for name in _SAMPLES}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """See `Carried`."""
        kinds = {name: (array.dtype, array.ndim) for name, array in arrays.items()}
        samples, counts = np.dtype(np.float32), np.dtype(np.int64)
        if kinds != {"counts": (counts, 1), "tail": (samples, 1), "pending": (samples, 1), "recent": (samples, 2)}:
            raise ValueError("no samples and counts")
        named = dict(zip(_COUNTS, arrays["counts"].tolist(), strict=True))
        try:
            self.streams[0] = FeatureStream.from_state(
                self._blank.state() | named | {name: arrays[name] for name in _SAMPLES}
            )
        except RequestError as error:
            raise ValueError(str(error)) from error


class SoundReading(ProjectedReading):
    """Reads samples of a recording; see `Reading`.

    Args:
        encoder: the model's.
        product: see `ProjectedReading`.
        rate: of the samples pushed, in Hz; None: the model's own.
        channels: of the samples pushed; more than one are averaged.

    Raises:
        RequestError: a rate from outside 1,000 to 384,000 Hz, or fewer than one channel.
    """

    holds = "samples"
    waits = True

    def __init__(
        self,
        encoder: SpeechEncoder,
        product: RowsProduct,
        rate: int | float | None,
        channels: int,
    ) -> None:
        super().__init__(product)
        self._encoder = encoder
        self._blank = FeatureStream(encoder.settings, rate, channels)
        self.identity = [encoder.describe(), self._blank.source_rate, channels]

    def blank(self, n: int) -> Heard:
        """See `Reading`."""
        return Heard(self._blank, np.full(n, self._blank, dtype=object))

    def check(self, step: Any) -> np.ndarray:
        """A chunk as `(samples, channels)`; that samples are finite is seen in `advance`.

        Raises:
            DataError: other numbers or another shape, or the wrong number of channels.
        """
        return chunk_of(step, self._blank.channels)

    def check_all(self, steps: Sequence[Any] | np.ndarray) -> list[np.ndarray]:
        """See `Reading`."""
        return [self.check(step) for step in steps]

    def advance(self, checked: Sequence[np.ndarray], carried: Heard) -> list[Rows]:
        """See `Reading`: a row for each frame that is complete; DataError where a sample is not finite."""
        rows = []
        with one_thread():
            for k, samples in enumerate(checked):
                stream = carried.streams[k].copy()
                rows.append(self._encoder.rows_of(stream.push(samples)))
                carried.streams[k] = stream
        return rows

    def finish(self, carried: Heard) -> Rows:
        """See `Reading`: the last frames, filled up with zeros."""
        stream = carried.streams[0].copy()
        with one_thread():
            rows = self._encoder.rows_of(stream.finish())
        carried.streams[0] = stream
        return rows
