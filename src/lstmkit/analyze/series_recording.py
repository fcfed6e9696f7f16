"""What the record of an explanation keeps of a series: its channels and their attributions, in 16 bits, by spans."""

import base64
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from lstmkit.analyze.explained import SeriesExplanation
from lstmkit.core.explained import MOST_COLUMNS, MOST_CURVES, MOST_POINTS

MOST_SPANS = 1000  # of a series; a longer one is kept by spans of as many steps each: a page has no more pixels
_CELLS = 200_000  # values and attributions kept, of all channels, classes and models together
_FEWEST_CLASSES = 2
_CURVE_POINT = 50  # bytes of a curve's point with the areas above and below it
_TILE = 17  # bytes of a map's square


def kept_of(explanation: SeriesExplanation, n_models: int) -> tuple[int, int]:
    """How finely a series is kept: steps of a span, and classes attributed by channel.

    Args:
        explanation: of the series.
        n_models: explained side by side.
    """
    n_steps, n_channels = explanation.filled.shape
    most_spans = max(1, min(MOST_SPANS, _CELLS // (n_channels * (2 + _FEWEST_CLASSES * n_models))))
    width = -(-n_steps // most_spans)
    n_spans = -(-n_steps // width)
    n_classes = max(_FEWEST_CLASSES, _CELLS // (n_spans * n_channels * n_models) - 2)
    return width, min(n_classes, len(explanation.attribution.classes))


def series_part(explanation: SeriesExplanation, width: int) -> dict[str, Any]:
    """The series itself: of each span and channel the least and the largest value, and what was missing.

    Args:
        explanation: of the series.
        width: steps of a span.
    """
    filled = explanation.filled
    lows, highs = filled.min(0), filled.max(0)
    starts = np.arange(0, len(filled), width)
    least, most = (ufunc.reduceat(filled, starts, axis=0) for ufunc in (np.minimum, np.maximum))
    return {
        "channels": explanation.channels,
        "means": explanation.means.tolist(),
        "width": width,
        "lows": lows.tolist(),
        "highs": highs.tolist(),
        "least": _levels(least, lows, highs),
        "most": _levels(most, lows, highs) if width > 1 else None,
        "missing": [_stretches(column) for column in np.isnan(explanation.values).T],
    }


def cells_part(explanation: SeriesExplanation, width: int, n_classes: int) -> dict[str, Any]:
    """Attributions by channel and span, of some classes: the sum over a span's steps, in shares of the largest.

    Args:
        explanation: of the series.
        width: steps of a span.
        n_classes: how many of those that are attributed.
    """
    by_channel = explanation.by_channel[:n_classes]
    sums = np.add.reduceat(by_channel, np.arange(0, by_channel.shape[1], width), axis=1).transpose(0, 2, 1)
    scale = float(np.abs(sums).max()) or 1.0
    codes = np.rint(sums / scale * 32767).astype("<i2")
    return {"scale": scale, "codes": base64.b64encode(codes.tobytes()).decode()}


def drawn_bytes(series: dict[str, Any], n_steps: int, n_models: int) -> int:
    """Bytes of a page's curves and maps; not fewer than they will have.

    Args:
        series: as `series_part` makes it.
        n_steps: steps read.
        n_models: explained side by side.
    """
    n_channels, n_spans = len(series["channels"]), -(-n_steps // series["width"])
    n_points = n_channels * n_spans
    if n_channels > MOST_CURVES and n_points > MOST_POINTS:
        n_points = MOST_CURVES * n_spans
    n_tiles = n_channels * min(n_spans, MOST_COLUMNS) if n_channels > MOST_CURVES else 0
    return n_models * (_CURVE_POINT * n_points + _TILE * n_tiles) + _TILE * n_tiles


def _levels(
    values: Float[np.ndarray, "spans channels"], lows: Float[np.ndarray, " channels"],
    highs: Float[np.ndarray, " channels"],
) -> str:  # fmt: skip
    """Values in 16 bits, channel by channel: 0 is the channel's `low`, 65,535 its `high`."""
    spread = np.where(highs > lows, highs - lows, 1.0)
    codes = np.rint((values - lows) / spread * 65535).astype("<u2")
    return base64.b64encode(codes.T.tobytes()).decode()


def _stretches(gaps: Bool[np.ndarray, " steps"]) -> list[list[int]]:
    """First and last step of each stretch that is missing."""
    edges: Int[np.ndarray, " edges"] = np.flatnonzero(np.diff(np.concatenate([[False], gaps, [False]])))
    return (edges.reshape(-1, 2) - [0, 1]).tolist()
