"""An explained series as pictures: curves with their attribution drawn over them, and maps of channel by step.

All are SVGs that stretch to the page, a span of steps to each unit of width, so that one time axis rules them all. The
page's script (templates/explain_series.js) draws the attributions of another class by the same rules.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from markupsafe import Markup

from lstmkit.core.explained import MOST_COLUMNS, MOST_CURVES, MOST_POINTS
from lstmkit.report.explained_series import ReadSeries
from lstmkit.report.style import label

HIGH = 200  # of a curve's picture; the curve keeps to the middle half
LEVELS = 8  # of colour in a map
_LONGEST_NAME = 16


@dataclass(frozen=True)
class Lane:
    """A channel's curve with its attribution: its number and name, the picture, and what it adds and takes in all."""

    channel: int
    name: str
    picture: Markup
    gain: float
    loss: float


def lanes(
    series: ReadSeries, cells: Float[np.ndarray, "channels spans"], scale: float, n_read: int, network: str
) -> list[Lane]:
    """The curves, those of the channels that count most first where there are many.

    Args:
        series: as recorded.
        cells: attributions for one class, in nats.
        scale: the attribution that is drawn highest.
        n_read: steps.
        network: its name.
    """
    least, most = series.heights()
    gaps = series.gaps(n_read)
    order = range(len(cells))
    if len(cells) > MOST_CURVES:
        n = len(cells) if cells.size <= MOST_POINTS else MOST_CURVES
        order = np.argsort(-np.abs(cells).sum(1), kind="stable")[:n].tolist()
    found = []
    for k in order:
        top, bottom = _heights(most[k]), _heights(least[k])
        name = label(series.channels[k], _LONGEST_NAME)
        gain, loss = (float(np.clip(sign * cells[k], 0, None).sum()) for sign in (1, -1))
        alt = (
            f"{network}: {label(series.name(k), _LONGEST_NAME)} over {n_read:,} steps, from {series.lows[k]:.4g} to "
            f"{series.highs[k]:.4g}; it adds {gain:.2f} nats and takes {loss:.2f}"
        )
        paths = Markup('<path class="for" d="{}"/><path class="against" d="{}"/>{}').format(
            band(cells[k], top, scale, 1), band(cells[k], bottom, scale, -1), _curve(top, bottom, gaps[k])
        )
        found.append(Lane(k, name, _picture("curve", alt, cells.shape[1], HIGH, paths), gain, loss))
    return found


def attribution_map(
    series: ReadSeries, cells: Float[np.ndarray, "channels spans"], scale: float, n_read: int, network: str
) -> Markup:
    """Channel by step, coloured by what each adds, or takes."""
    alt = (
        f"{network}: attribution by channel and step, {len(cells):,} channels over {n_read:,} steps; the lists below "
        "say where it is largest"
    )
    shades = np.sign(cells) * np.sqrt(np.abs(cells) / scale)
    shown = shades if shades.shape[1] <= MOST_COLUMNS else _grouped(shades, _strongest)
    paths = Markup("").join(
        Markup('<path class="{} l{}" d="{}"/>').format(kind, level, d) for kind, level, d in tiles(shown)
    )
    return _picture("map", alt, shown.shape[1], len(shown), paths)


def value_map(series: ReadSeries, n_read: int) -> Markup:
    """The series itself, channel by step: the darker the higher, each channel from its lowest to its highest."""
    least, most = series.heights()
    middle = (least + most) / 2
    shown = _grouped(middle, np.mean)
    alt = f"the series itself: {len(shown):,} channels over {n_read:,} steps, the darker the higher"
    paths = Markup("").join(
        Markup('<path class="value l{}" d="{}"/>').format(level, d) for _, level, d in tiles(shown)
    )  # fmt: skip
    return _picture("map", alt, shown.shape[1], len(shown), paths)


def tiles(shades: Float[np.ndarray, "channels columns"]) -> list[tuple[str, int, str]]:
    """A map's paths: for each sign and level of colour the squares that have it, neighbours in one stroke."""
    codes = _rounded(LEVELS * np.clip(shades, -1, 1))
    pieces: dict[int, list[str]] = {}
    for y, row in enumerate(codes):
        edges = [0, *(np.flatnonzero(np.diff(row)) + 1).tolist(), len(row)]
        for start, end in pairwise(edges):
            if code := int(row[start]):
                pieces.setdefault(code, []).append(f"M{start} {y}h{end - start}v1h-{end - start}z")
    return [("for" if code > 0 else "against", abs(code), "".join(pieces[code])) for code in sorted(pieces)]


def band(cells: Float[np.ndarray, " spans"], heights: Sequence[int], scale: float, sign: int) -> str:
    """The area between a curve and what lies above it (for) or below it (against) by as much as its attribution."""
    sizes = np.maximum(0, _rounded(HIGH / 4 * sign * cells / scale)).tolist()
    n = len(sizes)

    def between(k: int) -> str:  # the curve half-way from span k - 1 to k
        y = heights[k] if k == 0 else heights[k - 1] if k == n else (heights[k - 1] + heights[k]) / 2
        return f"{k} {y:g}"

    found, k = [], 0
    while k < n:
        if not sizes[k]:
            k += 1
            continue
        end = k
        while end < n and sizes[end]:
            end += 1
        out = [f"{i}.5 {heights[i] - sign * sizes[i]}" for i in range(k, end)]
        back = [f"{i}.5 {heights[i]}" for i in reversed(range(k, end))]
        found.append(f"M{'L'.join([between(k), *out, between(end), *back])}Z")
        k = end
    return "".join(found)


@dataclass(frozen=True)
class Reason:
    """A stretch of one channel that speaks one way throughout: first and last span, and its sum in nats."""

    channel: int
    first: int
    last: int
    value: float


def reasons(cells: Float[np.ndarray, "channels spans"], most: int = 6) -> dict[str, list[Reason]]:
    """The stretches that speak most for a class, and most against it: `{"for": […], "against": […]}`."""
    found = []
    for channel, row in enumerate(cells):
        signs = np.sign(row)
        edges = [0, *(np.flatnonzero(np.diff(signs)) + 1).tolist(), len(row)]
        found += [
            Reason(channel, start, end - 1, float(row[start:end].sum()))
            for start, end in pairwise(edges)
            if signs[start]
        ]
    found.sort(key=lambda one: -abs(one.value))
    return {
        "for": [one for one in found if one.value > 0][:most],
        "against": [one for one in found if one.value < 0][:most],
    }


def _heights(shares: Float[np.ndarray, " spans"]) -> list[int]:
    return _rounded(HIGH * (0.75 - shares / 2)).tolist()


def _rounded(values: np.ndarray) -> np.ndarray:
    """Whole numbers, halves upwards, as the page's script rounds."""
    return np.floor(values + 0.5).astype(np.int64)


def _curve(top: Sequence[int], bottom: Sequence[int], gaps: Bool[np.ndarray, " spans"]) -> Markup:
    """What was measured as a line, and dotted what was read where nothing was."""
    is_gap = gaps.tolist()
    measured, filled = [], []
    pen = ""  # which line the pen is on
    for k, (high, low) in enumerate(zip(top, bottom, strict=True)):
        line, name = (filled, "filled") if is_gap[k] else (measured, "measured")
        point = f"{k}.5 {high}" + (f"V{low}" if low != high else "")
        if pen == name:
            line.append(f"L{point}")
        else:
            joint = f"M{k - 1}.5 {bottom[k - 1]}L" if k and is_gap[k] else "M"
            line.append(joint + point)
            if not is_gap[k] and k:
                filled.append(f"L{k}.5 {high}")
        pen = name
    if len(top) == 1:  # one span: a level line is better seen than a dot
        measured = [f"M0 {top[0]}H1"]
    return Markup('<path class="line" d="{}"/>').format("".join(measured)) + (
        Markup('<path class="line filled" d="{}"/>').format("".join(filled)) if filled else Markup("")
    )


def _picture(kind: str, alt: str, wide: int, high: int, paths: Markup) -> Markup:
    return Markup(
        '<svg class="{}" role="img" aria-label="{}" viewBox="0 0 {} {}" preserveAspectRatio="none">{}</svg>'
    ).format(kind, alt, wide, high, paths)


def _grouped(values: Float[np.ndarray, "channels spans"], how: Any) -> Float[np.ndarray, "channels columns"]:
    """Neighbouring spans together, so that no more than `MOST_COLUMNS` are left."""
    width = -(-values.shape[1] // MOST_COLUMNS)
    edges = range(0, values.shape[1], width)
    return np.stack([how(values[:, k : k + width], axis=1) for k in edges], 1)


def _strongest(values: Float[np.ndarray, "channels spans"], axis: int) -> Float[np.ndarray, " channels"]:
    place = np.abs(values).argmax(axis)
    return np.take_along_axis(values, place[:, None], axis)[:, 0]
