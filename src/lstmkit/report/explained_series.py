"""The series of an explanation's record, and its attributions by channel: checked, and unpacked from their 16 bits."""

import base64
import binascii
from typing import Annotated

import numpy as np
from jaxtyping import Bool, Float
from pydantic import Field

from lstmkit.report.records import Count, Positive, Record


class Cells(Record):
    """Attributions by class, channel and span in 16 bits with a sign: 32,767 stands for `scale` nats."""

    scale: Annotated[float, Field(gt=0)]
    codes: str

    def values(self, n_classes: int, n_channels: int) -> Float[np.ndarray, "classes channels spans"]:
        """The attributions, in nats."""
        return self.scale * _codes(self.codes, "<i2").reshape(n_classes, n_channels, -1) / 32767


class ReadSeries(Record):
    """A series by channel and span; see `lstmkit.analyze.series_recording.series_part`."""

    channels: Annotated[list[str], Field(min_length=1)]
    means: list[float]
    width: Positive
    lows: list[float]
    highs: list[float]
    least: str
    most: str | None
    missing: list[list[tuple[Count, Count]]]

    def name(self, channel: int) -> str:
        """A channel as words name it: one that has a number alone is told to be a channel."""
        name = self.channels[channel]
        return f"channel {name}" if name.isdigit() else name

    def n_spans(self, n_read: int) -> int:
        """How many spans as many steps make."""
        return -(-n_read // self.width)

    def heights(self) -> tuple[Float[np.ndarray, "channels spans"], Float[np.ndarray, "channels spans"]]:
        """Least and largest value of each span, as shares of the way from the channel's lowest to its highest."""
        least = _codes(self.least, "<u2").reshape(len(self.channels), -1) / 65535
        most = least if self.most is None else _codes(self.most, "<u2").reshape(len(self.channels), -1) / 65535
        return least, most

    def gaps(self, n_read: int) -> Bool[np.ndarray, "channels spans"]:
        """Spans of which every step is missing in a channel."""
        gone = np.zeros((len(self.channels), self.n_spans(n_read) * self.width), dtype=bool)
        gone[:, n_read:] = True
        for row, stretches in zip(gone, self.missing, strict=True):
            for first, last in stretches:
                row[first : last + 1] = True
        return np.all(gone.reshape(len(gone), -1, self.width), axis=2)

    def check(self, n_read: int) -> None:
        """See that all parts fit.

        Raises:
            ValueError: one does not.
        """
        n_channels, n_spans = len(self.channels), self.n_spans(n_read)
        for name in ("means", "lows", "highs", "missing"):
            if len(getattr(self, name)) != n_channels:
                raise ValueError(f"series.{name}: {len(getattr(self, name))} values where {n_channels} belong")
        for name in ("least", "most"):
            if (text := getattr(self, name)) is not None:
                check_size(f"series.{name}", text, n_channels * n_spans)
        if any(first > last or last >= n_read for row in self.missing for first, last in row):
            raise ValueError("series.missing: a stretch outside of the series")


def check_size(name: str, text: str, n_codes: int) -> None:
    """See that a text holds so many codes of 16 bits.

    Raises:
        ValueError: it does not.
    """
    try:
        n_bytes = len(base64.b64decode(text, validate=True))
    except binascii.Error as error:
        raise ValueError(f"{name}: not base64 ({error})") from error
    if n_bytes != 2 * n_codes:
        raise ValueError(f"{name}: {n_bytes} bytes where {2 * n_codes} belong")


def _codes(text: str, kind: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), kind).astype(np.int64)
