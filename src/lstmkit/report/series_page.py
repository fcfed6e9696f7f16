"""What the page of an explained series shows and that of a text does not: curves, maps, stretches, notes."""

from collections.abc import Callable
from typing import Any

from markupsafe import Markup

from lstmkit.core.explained import MOST_COLUMNS, MOST_CURVES, MOST_POINTS
from lstmkit.core.names import NAMES
from lstmkit.report import series_drawing as pictures
from lstmkit.report.explained_series import ReadSeries
from lstmkit.report.explanation_records import ExplanationRecord

_ROW_PX, _LOWEST_PX, _HIGHEST_PX = 14, 120, 420  # a map's height: by channel, at least, at most


def series_values(record: ExplanationRecord, series: ReadSeries, places: list[int]) -> dict[str, Any]:
    """Values for `explain_series.html.j2`.

    Args:
        record: of the explanation.
        series: its series.
        places: of the first models, the place of the class that is shown among their attributed ones.

    Returns:
        `of_models`, what each has of its own, and what all share.
    """
    models = record.models[: len(places)]
    cells = [
        answer.attribution.by_channel(len(series.channels))[place] for answer, place in zip(models, places, strict=True)
    ]
    scale = max(float(abs(one).max()) for one in cells) or 1.0
    has_map = len(series.channels) > MOST_CURVES
    return {
        "scale": scale,
        "values": pictures.value_map(series, record.n_read) if has_map else None,
        "map_height": min(_HIGHEST_PX, max(_LOWEST_PX, _ROW_PX * len(series.channels))),
        "most_curves": MOST_CURVES,
        "hole": hole(record),
        "stretch": stretches(record, series),
        "of_models": [
            {
                "lanes": pictures.lanes(series, one, scale, record.n_read, NAMES[answer.cell]),
                "map": pictures.attribution_map(series, one, scale, record.n_read, NAMES[answer.cell])
                if has_map
                else None,
                "reasons": pictures.reasons(one),
            }
            for answer, one in zip(models, cells, strict=True)
        ],
    }


def hole(record: ExplanationRecord) -> Markup:
    """A mark where steps are left out, for the area of a curve; nothing where none are, or where all follow."""
    if record.hole is None or not 0 < record.hole < record.n_read:
        return Markup("")
    return Markup('<i class="cut" style="left:{:.2f}%"></i>').format(100 * record.hole / record.n_read)


def stretches(record: ExplanationRecord, series: ReadSeries) -> Callable[[int, int], str]:
    """How a stretch of spans is told: by the first and last step, as they are numbered in the whole series."""

    def told(first: int, last: int) -> str:
        start, end = first * series.width, min((last + 1) * series.width, record.n_read) - 1
        start, end = record.place(start) + 1, record.place(end) + 1
        return f"{record.unit} {start:,}" if start == end else f"{record.unit}s {start:,} to {end:,}"

    return told


def series_notes(record: ExplanationRecord, series: ReadSeries) -> list[str]:
    """What was thinned of a series, and why."""
    notes, n_channels, n_spans = [], len(series.channels), series.n_spans(record.n_read)
    if series.width > 1:
        notes.append(
            f"Of {record.n_read:,} {record.unit}s this page keeps {n_spans:,} spans of {series.width} each: a "
            f"{record.channel}’s least and largest value in a span, and the sum of its attributions."
        )
    if n_channels > MOST_CURVES and n_spans > MOST_COLUMNS:
        notes.append(
            f"The maps have {-(-n_spans // -(-n_spans // MOST_COLUMNS)):,} columns: of the neighbours that "
            "share one, the mean value and the strongest attribution are shown."
        )
    if n_channels > MOST_CURVES and n_channels * n_spans > MOST_POINTS:
        notes.append(
            f"Of {n_channels:,} {record.channel}s the {MOST_CURVES} that count most are drawn as curves, so that the "
            "page stays under 3 MB; the others stand in the map."
        )
    return notes
