"""An explained series on the terminal: a sparkline for each channel, coloured by what its values add or take."""

from collections.abc import Iterator

import numpy as np
from rich.text import Text

from lstmkit.cli.shades import shade_of
from lstmkit.core.wording import clean
from lstmkit.report.explained_series import ReadSeries
from lstmkit.report.explanation_records import ExplanationRecord
from lstmkit.report.series_drawing import Reason, reasons
from lstmkit.report.series_page import stretches

_BLOCKS = "▁▂▃▄▅▆▇█"
_WIDE = 64  # characters of a sparkline
_MOST_CHANNELS = 12
_MARKED = 0.25  # of the largest attribution: marked where there are no colours
_LONGEST = 16


def curve_lines(record: ExplanationRecord, series: ReadSeries, coloured: bool) -> Iterator[Text | str]:
    """Channels that count most, as sparklines with what each adds and takes in all."""
    cells = record.models[0].attribution.by_channel(len(series.channels))[0]
    least, most = series.heights()
    gaps = series.gaps(record.n_read)
    width = -(-cells.shape[1] // _WIDE)
    edges = list(range(0, cells.shape[1], width))
    columns = np.add.reduceat(cells, edges, axis=1)
    heights = np.maximum.reduceat((least + most) / 2, edges, axis=1)
    missing = np.logical_and.reduceat(gaps, edges, axis=1)
    largest = float(np.abs(columns).max()) or 1.0
    order = np.argsort(-np.abs(cells).sum(1), kind="stable")[:_MOST_CHANNELS].tolist()
    names = [clean(series.channels[k])[:_LONGEST] for k in order]
    room = max(map(len, names))
    for k, name in zip(order, names, strict=True):
        line, marks = Text(f"{name:>{room}} "), ""
        for value, height, gone in zip(columns[k], heights[k], missing[k], strict=True):
            block = "·" if gone else _BLOCKS[min(7, int(8 * height))]
            line.append(block, shade_of(value / largest) if coloured else None)
            marks += " " if abs(value) < _MARKED * largest else "+" if value > 0 else "-"
        gain, loss = (np.clip(sign * cells[k], 0, None).sum() for sign in (1, -1))
        yield line.append(f"  {gain:+.2f} {-loss:+.2f}")
        if not coloured and marks.strip():
            yield f"{'':>{room}} {marks}".rstrip()
    if len(cells) > len(order):
        yield f"of {len(cells):,} channels the {len(order)} that count most are shown"
    if width * series.width > 1:
        yield f"each character is {width * series.width} steps"


def reason_lines(record: ExplanationRecord, series: ReadSeries, name: str) -> Iterator[str]:
    """The stretches that speak most for the class, and most against it."""
    told = stretches(record, series)
    found = reasons(record.models[0].attribution.by_channel(len(series.channels))[0], most=5)

    def words(one: Reason) -> str:
        return f"{clean(series.name(one.channel))} {one.value:+.2f} ({told(one.first, one.last)})"

    yield f"for “{name}”: {', '.join(map(words, found['for'])) or 'none'}"
    yield f"against “{name}”: {', '.join(map(words, found['against'])) or 'none'}"
