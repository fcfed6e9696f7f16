"""The two charts of an explanation: lines in an SVG that stretches to the page, ticks and labels in HTML beside it.

An SVG that is scaled as a whole would shrink its text on a telephone; here lines stretch and words do not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from markupsafe import Markup

from lstmkit.core.names import NAMES
from lstmkit.report.explanation_records import Answer, Deleted, ExplanationRecord
from lstmkit.report.style import label

_HIGH, _WIDE = 100, 1000
_MOST_LINES = 4  # with a name
_STEP = 0.05  # of probability: a smaller one is not worth a word
_APART = 13.0  # per cent of a chart's height that two labels need


@dataclass(frozen=True)
class Line:
    """One line of a chart: points in shares, 0 to 1, of width and height; its label; its look, a class of the CSS."""

    points: Sequence[tuple[float, float]]
    words: str
    look: str


READING = (
    "Thick and coloured: the class that the network says in the end; in ink, where it is another: the true one; "
    "broken: those that came highest on the way; pale, without a name: other classes."
)
"""How a running chart is read, for the words below it."""


def running_chart(answer: Answer, record: ExplanationRecord) -> Markup:
    """Probabilities after each step: the class that is said, the true one, those that came highest on the way, named.

    All others that were attributed are there too, pale and without a name: many lines that are told apart by their
    dashes alone are not told apart.
    """
    labels, n_read = record.labels, record.n_read
    found, beginnings = answer.attribution.classes, answer.running
    highest = [max(column) for column in zip(*beginnings.probabilities, strict=True)]
    true = next((k for k, number in enumerate(found) if labels[number] == record.label), 0)
    others = sorted({*range(1, len(found))} - {true}, key=lambda k: -highest[k])
    looks = {0: f"line-0 is-{answer.cell}"} | ({true: "line-true"} if true else {})
    looks |= {k: f"line-{place}" for place, k in enumerate(others[: _MOST_LINES - len(looks)], start=1)}
    lines = []
    for k in sorted(range(len(found)), key=lambda k: (k in looks, -k)):  # the class that is said on top
        # Each answer stands in the middle of its step, as the columns of the maps below do.
        points = [
            ((n - 0.5) / n_read, row[k]) for n, row in zip(beginnings.lengths, beginnings.probabilities, strict=True)
        ]
        if len(points) == 1:  # one step: a level line is better seen than a dot
            points = [(0.0, points[0][1]), (1.0, points[0][1])]
        name = label(labels[found[k]], 14) if k in looks else ""
        lines.append(Line(points, name, looks.get(k, "line-rest")))
    last = beginnings.probabilities[-1]
    alt = f"{NAMES[answer.cell]}: probability after each of {n_read:,} {record.unit}s. At the end: " + ", ".join(
        f"{label(labels[found[k]], 14)} {last[k]:.1%}" for k in looks
    )
    return _chart(lines, alt, (f"first {record.unit}", f"last {record.unit}"), "running")


def journey(answer: Answer, record: ExplanationRecord) -> str:
    """What to see in the running probability: the largest steps of the class that is said in the end."""
    lengths, name, unit = answer.running.lengths, record.labels[answer.best], record.unit
    values = [row[0] for row in answer.running.probabilities]
    steps = [(abs(after - before), k) for k, (before, after) in enumerate(pairwise(values), start=1)]
    largest = sorted(sorted(steps, reverse=True)[:3], key=lambda step: step[1])
    moves = []
    for size, k in largest:
        if size >= _STEP:
            way, what = "up" if values[k] > values[k - 1] else "down", record.step_name(lengths[k] - 1)
            where = "at" if lengths[k] == lengths[k - 1] + 1 else "by"  # some steps were not asked after
            moves.append(f"{way} {100 * size:.0f} points {where} {f'{unit} ' if record.series else ''}{what}")
    if len(values) == 1:
        return f"One {unit}, and one answer: “{name}” at {values[0]:.0%}."
    says = f"“{name}” begins at {values[0]:.0%} and ends at {values[-1]:.0%}"
    return (
        f"{says}; largest steps: {', '.join(moves)}."
        if moves
        else f"{says}; no single {unit} moves it by {100 * _STEP:.0f} points."
    )


def deletion_chart(deletion: Deleted, answer: Answer, name: str, what: str) -> Markup:
    """Probability while input goes, by attribution and at random; the band holds the middle 80% of these orders."""
    n = deletion.n_deleted[-1]
    shares = [k / n for k in deletion.n_deleted]
    columns = [sorted(column) for column in zip(*deletion.random, strict=True)]
    mean = [sum(column) / len(column) for column in columns]
    low, high = ([_quantile(column, q) for column in columns] for q in (0.1, 0.9))
    band = [*zip(shares, high, strict=True), *reversed(list(zip(shares, low, strict=True)))]
    lines = [
        Line(band, "", "band"),
        Line(list(zip(shares, mean, strict=True)), "random", "line-1"),
        Line(list(zip(shares, deletion.ordered, strict=True)), "attribution", f"line-0 is-{answer.cell}"),
    ]
    half = len(shares) // 2
    alt = (
        f"{NAMES[answer.cell]}: probability of {name} while {what} are deleted. With {shares[half]:.0%} of them gone "
        f"it is {deletion.ordered[half]:.1%} by attribution, {mean[half]:.1%} at random."
    )
    return _chart(lines, alt, ("none deleted", "all deleted"), "deletion")


def _quantile(values: Sequence[float], share: float) -> float:
    place = share * (len(values) - 1)
    below = int(place)
    above = min(below + 1, len(values) - 1)
    return values[below] + (place - below) * (values[above] - values[below])


def _chart(lines: Sequence[Line], alt: str, ends: tuple[str, str], kind: str) -> Markup:
    paths = Markup("").join(Markup('<path class="{}" d="{}"/>').format(line.look, _path(line)) for line in lines)
    named = [line for line in lines if line.words]
    places = _spread([100 * (1 - line.points[-1][1]) for line in named])
    words = Markup("").join(
        Markup('<span class="{}" style="top:{:.1f}%">{}</span>').format(line.look.split()[0], place, line.words)
        for line, place in zip(named, places, strict=True)
    )
    # From each line's end to its name, drawn as the line is: labels that were moved apart are still found.
    leaders = Markup("").join(
        Markup('<path class="{}" d="M0 {:.1f}L10 {:.1f}"/>').format(line.look, 100 * (1 - line.points[-1][1]), place)
        for line, place in zip(named, places, strict=True)
    )
    return Markup(
        '<div class="chart {kind}">'
        '<div class="ticks" aria-hidden="true"><span>100%</span><span>50%</span><span>0%</span></div>'
        '<div class="area timed">'
        '<svg role="img" aria-label="{alt}" viewBox="0 0 {wide} {high}" preserveAspectRatio="none">'
        '<path class="grid" d="M0 0H{wide}M0 {half}H{wide}M0 {high}H{wide}"/>{paths}</svg>'
        '<i class="cursor" hidden></i></div>'
        '<div class="names" aria-hidden="true">'
        '<svg viewBox="0 0 10 100" preserveAspectRatio="none">{leaders}</svg>{words}</div>'
        '<div class="ends" aria-hidden="true"><span>{first}</span><span>{last}</span></div></div>'
    ).format(kind=kind, alt=alt, wide=_WIDE, high=_HIGH, half=_HIGH // 2, paths=paths, words=words, leaders=leaders,
             first=ends[0], last=ends[1])  # fmt: skip


def _path(line: Line) -> str:
    points = [f"{_WIDE * x:.1f} {_HIGH * (1 - y):.2f}" for x, y in line.points]
    return "M" + "L".join(points) + ("Z" if line.look == "band" else "")


def _spread(places: Sequence[float]) -> list[float]:
    """Labels' heights, in per cent from the top, moved apart until none covers another."""
    order = sorted(range(len(places)), key=lambda k: places[k])
    found = list(places)
    for before, after in pairwise(order):
        found[after] = max(found[after], found[before] + _APART)
    lowest = 100.0
    for k in reversed(order):  # what was pushed below the chart comes up again, and pushes the others
        found[k] = min(found[k], lowest)
        lowest = found[k] - _APART
    return found


def reasons(
    answer: Answer, pieces: Sequence[tuple[str, str, bool]], place: int, most: int = 6
) -> dict[str, list[dict[str, Any]]]:
    """The tokens that speak most for a class, and most against it: `{"for": […], "against": […]}`."""
    values = answer.attribution.values[place]
    order = sorted(range(len(values)), key=lambda k: -abs(values[k]))

    def rows(sign: int) -> list[dict[str, Any]]:
        return [{"place": k, "token": pieces[k][1], "value": values[k]} for k in order if sign * values[k] > 0][:most]

    return {"for": rows(1), "against": rows(-1)}
