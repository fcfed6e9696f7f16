"""From numeric series to the rows that a network reads: scaled, filled, of bounded length. Fitted on training alone."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import chain
from typing import Any, ClassVar, Literal

import numpy as np
from jaxtyping import Float, Int

from lstmkit.config.schema import EncoderConfig
from lstmkit.core.errors import DataError
from lstmkit.data.described import read_described
from lstmkit.data.numeric import ORDINARY, beyond_float32
from lstmkit.data.sources.channels import few
from lstmkit.data.sources.corpus import Series


@dataclass(frozen=True)
class SeriesEncoder:
    """How a series is scaled and filled.

    A value's z-score by its channel's training mean and deviation is what is read. Where a value is missing, the last
    one before it stands in its place, or the channel's mean before there is any; and a further feature, a mask, is 1
    there and 0 elsewhere. A mask is added for each channel that has missing values in the training part.

    Attributes:
        channels: their names.
        means, deviations: of each channel in training; the deviation of a constant channel counts as 1.
        masked: numbers of the channels that have a mask.
        max_length: most steps read.
        truncate: what is kept of a longer series: head, tail, or half of each (ends).
    """

    kind: ClassVar[str] = "series"
    channels: tuple[str, ...]
    means: tuple[float, ...]
    deviations: tuple[float, ...]
    masked: tuple[int, ...]
    max_length: int
    truncate: Literal["head", "tail", "ends"]

    @classmethod
    def fit(cls, series: Iterable[Series], config: EncoderConfig, channels: Sequence[str]) -> "SeriesEncoder":
        """Learn scales and masks from the training part.

        Args:
            series: float32 `(time, channels)` each, NaN where a value is missing.
            config: the encoder's section of the configuration.
            channels: their names.

        Raises:
            DataError: no channel varies, and none has gaps.
        """
        n = len(channels)
        counts, sums, squares, missing = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n, dtype=bool)
        # Around a value near the mean, so that the squares do not drown a small deviation on a large offset.
        series = iter(series)
        first = next(series)
        origin = np.nanmean(np.where(np.isnan(first).all(0), 0.0, first), 0, dtype=np.float64)
        for values in chain([first], series):
            there = ~np.isnan(values)
            centred = np.where(there, values - origin, 0.0)
            counts += there.sum(0)
            sums += centred.sum(0)
            squares += np.square(centred).sum(0)
            missing |= ~there.all(0)
        means = sums / np.maximum(counts, 1)
        deviations = np.sqrt(np.maximum(squares / np.maximum(counts, 1) - means**2, 0))
        # Rounding leaves a constant channel some 1e-8 of its size.
        constant = deviations <= 1e-7 * np.maximum(np.abs(means + origin), 1e-30)
        if constant.all() and not missing.any():
            raise DataError(
                f"every channel stands still in the training part ({few(channels)}); one "
                " that varies is needed; see the source with lstmkit data info"
            )
        return cls(
            tuple(channels),
            tuple((means + origin).tolist()),
            tuple(np.where(constant, 1.0, deviations).tolist()),
            tuple(np.flatnonzero(missing).tolist()),
            config.max_length,
            config.truncate,
        )

    @property
    def shape(self) -> dict[str, int]:
        """What the network's input is built from: the features of a row."""
        return {"n_features": len(self.channels) + len(self.masked)}

    @property
    def features(self) -> list[str]:
        """Names of a row's features: channels, then masks."""
        return [*self.channels, *(f"{self.channels[k]} missing" for k in self.masked)]

    def encode(
        self, series: Sequence[Series]
    ) -> tuple[Float[np.ndarray, "rows features"], Int[np.ndarray, " n_plus_1"]]:
        """Rows of many series end to end (float32), and the offsets (int64) at which each begins.

        Raises:
            DataError: a series has another number of channels than those of the training part.
        """
        rows, offsets, _ = self.encode_counted(series)
        return rows, offsets

    def encode_counted(
        self, series: Sequence[Series]
    ) -> tuple[Float[np.ndarray, "rows features"], Int[np.ndarray, " n_plus_1"], Int[np.ndarray, " n"]]:
        """As `encode`, and how many steps each series had before it was shortened (int64)."""
        pieces = [self._rows(values) for values in series]
        lengths = np.array([len(piece) for piece in pieces], dtype=np.int64)
        whole_lengths = np.array([len(values) for values in series], dtype=np.int64)
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        rows = np.concatenate(pieces) if pieces else np.zeros((0, self.shape["n_features"]), dtype=np.float32)
        return rows, offsets, whole_lengths

    def describe(self) -> dict[str, Any]:
        """What `model.json` keeps of the encoder: all of it."""
        return {"kind": self.kind, **asdict(self)}

    @classmethod
    def from_description(cls, description: dict[str, Any]) -> "SeriesEncoder":
        """Read an encoder back.

        Raises:
            ArtifactError: the description is not one.
        """
        return read_described(cls, description)

    def check(self, values: Series) -> None:
        """See that steps have as many channels as those of the training part.

        Raises:
            DataError: they have not.
        """
        if values.shape[1] != len(self.channels):
            n = len(self.channels)
            raise DataError(f"a series with {values.shape[1]} channels came; this model reads {n}; give as many")

    def rows_after(self, values: Series, last: Float[np.ndarray, " channels"]) -> Float[np.ndarray, "steps features"]:
        """Scale and fill the next steps of one series.

        Args:
            values: checked, `(steps, channels)`.
            last: float32; each channel's last z-score before these steps, 0 where it had no value yet. Changed in place
                to what it is after them.
        """
        rows, scaled, gaps = self._scaled(values)
        if gaps is not None:
            scaled[:] = filled(scaled, last)
        if len(rows):
            last[:] = scaled[-1]
        return rows

    def rows_of_step(
        self, values: Float[np.ndarray, "series channels"], last: Float[np.ndarray, "series channels"]
    ) -> Float[np.ndarray, "series features"]:
        """As `rows_after`, of one step of each of many series."""
        rows, scaled, gaps = self._scaled(values)
        if gaps is not None:
            np.copyto(scaled, last, where=gaps)
        last[:] = scaled
        return rows

    def _scaled(self, values: Series) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Rows with their masks; the part of them that holds z-scores; where these are missing, None for nowhere."""
        n = len(self._means)
        rows = np.zeros((len(values), n + len(self.masked)), dtype=np.float32)
        scaled = rows[:, :n]
        scores = values - self._means
        scores /= self._deviations
        if np.vdot(scores, scores) < ORDINARY:  # of few numbers quicker to know than by looking at each
            scaled[:] = scores
            return rows, scaled, None
        if (far := beyond_float32(scores)) is not None:
            step, channel = (int(place[0]) for place in (scores == far).nonzero())
            raise DataError(
                f"channel {self.channels[channel]!r} holds {values[step, channel]:g}, and the deviation in training is "
                f"{self.deviations[channel]:g}: too far to be read; correct it, or leave the series out"
            )
        scaled[:] = scores
        gaps = np.isnan(scaled)
        rows[:, n:] = gaps[:, self._masked]
        return rows, scaled, gaps

    @cached_property
    def _means(self) -> Float[np.ndarray, " channels"]:
        return np.array(self.means, dtype=np.float64)

    @cached_property
    def _deviations(self) -> Float[np.ndarray, " channels"]:
        return np.array(self.deviations, dtype=np.float64)

    @cached_property
    def _masked(self) -> Int[np.ndarray, " masked"]:
        return np.array(self.masked, dtype=np.int64)

    def _rows(self, values: Series) -> Float[np.ndarray, "rows features"]:
        self.check(values)
        rows = self.rows_after(values, np.zeros(len(self.channels), dtype=np.float32))
        return rows[kept_steps(len(rows), self.max_length, self.truncate)]


def kept_steps(length: int, most: int, truncate: str) -> Int[np.ndarray, " kept"]:
    """Which steps of a sequence are read, rising: all, or of one longer than `most` its head, tail or half of each."""
    if length <= most:
        return np.arange(length)
    if truncate == "head":
        return np.arange(most)
    if truncate == "tail":
        return np.arange(length - most, length)
    n_tail = most // 2
    return np.concatenate([np.arange(most - n_tail), np.arange(length - n_tail, length)])


def filled(values: Float[np.ndarray, "steps channels"], last: Any = 0.0) -> Float[np.ndarray, "steps channels"]:
    """Each gap takes the last value before it, or where there is none `last`: of z-scores, 0 is the mean."""
    steps = np.where(np.isnan(values), -1, np.arange(len(values))[:, None])
    latest = np.maximum.accumulate(steps, 0)
    return np.where(latest < 0, last, np.take_along_axis(values, np.maximum(latest, 0), 0))
