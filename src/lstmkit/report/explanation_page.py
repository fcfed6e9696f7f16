"""The page of an explanation: one file, drawn from its record alone."""

import json
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from markupsafe import Markup

from lstmkit.core.explained import COLOURED_TOKENS, ENGINE_WITHIN
from lstmkit.core.names import NAMES
from lstmkit.report import drawing
from lstmkit.report import explanation_drawing as charts
from lstmkit.report.explanation_records import Answer, ExplanationRecord, checked_record
from lstmkit.report.page import write_page
from lstmkit.report.style import printable

_SCRIPTS = ("page.js", "explain_planes.js", "explain.js")
_TITLE = 60  # characters of the text in the page's title
_STEP = 0.05  # of probability: a smaller one is not worth a word
PLANES = {
    "i": "input gate: how much is let in",
    "f": "forget gate: how much of the cell is kept",
    "o": "output gate: how much is shown",
    "g": "candidate: what would be let in",
    "r": "reset gate: how much of the past the candidate reads",
    "z": "update gate: how much of the state is kept",
    "n": "candidate: the new state",
    "c": "cell state: what is remembered",
    "h": "hidden state: what is put out",
}


def draw_explanation(record: Mapping[str, Any], path: Path) -> Path:
    """Draw the page of one explanation.

    Args:
        record: as `lstmkit.analyze.recording.record_of` makes it.
        path: the HTML file; written whole or not at all.

    Raises:
        ArtifactError: the record is damaged; nothing is written then.
        LstmkitError: the file could not be written.
    """
    found = checked_record(record)
    models = [_model(found, answer) for answer in found.models]
    scale = max(abs(value) for model in models for value in model["shades"]) or 1.0
    text = " ".join(token for _, token, _ in found.pieces)
    picture = drawing.digit_picture(text)
    return write_page(
        path.parent,
        "explain.html.j2",
        path.name,
        scripts=_SCRIPTS,
        x=found,
        title=text if len(text) <= _TITLE else text[: _TITLE - 1] + "…",
        picture=Markup(picture) if picture else None,  # noqa: S704
        models=models,
        scale=scale,
        data=_data(found),
        plane_words=PLANES,
        unknown=sum(not known for *_, known in found.pieces),
        notes=_notes(found),
        is_coloured=len(found.pieces) <= COLOURED_TOKENS,
        engine_within=ENGINE_WITHIN,
    )


def _model(record: ExplanationRecord, answer: Answer) -> dict[str, Any]:
    """What the template shows of one network beside its record."""
    found = answer.attribution
    place = found.classes.index(record.predicted) if record.predicted in found.classes else 0
    deletion = answer.deletion
    return {
        "answer": answer,
        "name": NAMES[answer.cell],
        "place": place,
        "shades": found.values[place],
        "shown": record.labels[found.classes[place]],
        "label": record.labels[answer.best],
        "probability": answer.probabilities[answer.best],
        "reasons": charts.reasons(answer, record.pieces, place),
        "running": charts.running_chart(answer, record.labels, record.n_read),
        "journey": journey(answer, record),
        "deletion": deletion and charts.deletion_chart(deletion, answer, record.labels[answer.best]),
        "has_gates": answer.cell != "rnn",
    }


def journey(answer: Answer, record: ExplanationRecord) -> str:
    """What to see in the running probability: the largest steps of the class that is said in the end."""
    lengths, name = answer.running.lengths, record.labels[answer.best]
    values = [row[0] for row in answer.running.probabilities]
    steps = [(abs(after - before), k) for k, (before, after) in enumerate(pairwise(values), start=1)]
    largest = sorted(sorted(steps, reverse=True)[:3], key=lambda step: step[1])
    moves = []
    for size, k in largest:
        if size >= _STEP:
            way, token = "up" if values[k] > values[k - 1] else "down", record.pieces[lengths[k] - 1][1]
            where = "at" if lengths[k] == lengths[k - 1] + 1 else "by"  # some tokens were not asked after
            moves.append(f"{way} {100 * size:.0f} points {where} “{token}” ({lengths[k]:,})")
    if len(values) == 1:
        return f"One token, and one answer: “{name}” at {values[0]:.0%}."
    says = f"“{name}” begins at {values[0]:.0%} and ends at {values[-1]:.0%}"
    return (
        f"{says}; largest steps: {', '.join(moves)}."
        if moves
        else f"{says}; no single token moves it by {100 * _STEP:.0f} points."
    )


def _data(record: ExplanationRecord) -> Markup:
    """The record as the page's script reads it, in a form that no text of it can leave."""
    kept = record.model_dump(include={"labels", "steps", "forgetting", "models", "hole"})
    kept["pieces"] = [printable(token) for _, token, _ in record.pieces]
    kept["gaps"] = [_shown(before) for before, *_ in record.pieces] + [_shown(record.tail)]
    kept["unknown"] = [k for k, (*_, known) in enumerate(record.pieces) if not known]
    kept["left_out"] = f"… {record.n_left_out:,} tokens not read …"
    for model, answer in zip(kept["models"], record.models, strict=True):
        model["name"] = NAMES[model["cell"]]
        del model["deletion"]
        found = model["attribution"]
        found["complete"] = [answer.attribution.completeness(k) for k in range(len(found["classes"]))]
    words = json.dumps(kept, ensure_ascii=False, separators=(",", ":"))
    return Markup(words.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))  # noqa: S704


def _shown(gap: str) -> str:
    """What stands between tokens, as the page has it."""
    return printable(gap.replace("<br />", "\n"))


def _notes(record: ExplanationRecord) -> list[str]:
    """What was left out of this page, and why."""
    notes = []
    if record.n_left_out:
        notes.append(
            f"The text has {record.n_given:,} tokens; the model reads {record.n_read:,} of them, as in training. The "
            f"{record.n_left_out:,} others are not read and not shown."
        )
    if not record.n_given:
        notes.append(
            "The text holds no token that the encoder knows how to cut out, so it is read as one unknown token."
        )
    if not any(known for *_, known in record.pieces):
        notes.append(
            "No token of it is in the vocabulary. To the model it is a sequence of unknown tokens, which is the "
            "baseline itself: there is nothing to attribute."
        )
    if len(record.steps) < record.n_read:
        notes.append(
            f"Of {record.n_read:,} tokens the maps show the states after {len(record.steps):,}, evenly spaced; what is "
            "forgotten in between is counted all the same."
        )
    for answer in record.models:
        layer = answer.inside[0]
        if len(layer.units) < layer.n_units:
            notes.append(
                f"{NAMES[answer.cell]}: of {layer.n_units:,} units in each layer and direction the maps show the "
                f"{len(layer.units):,} that put out most (largest mean |h|), so that the page stays under 3 MB."
            )
        if len(answer.attribution.classes) < len(record.labels):
            notes.append(
                f"{NAMES[answer.cell]}: of {len(record.labels):,} classes the {len(answer.attribution.classes):,} most "
                "probable are attributed here."
            )
        if len(answer.running.lengths) < record.n_read:
            kept = f"of {record.n_read:,} beginnings {len(answer.running.lengths):,}"
            notes.append(
                f"{NAMES[answer.cell]}: {kept} were read, evenly spaced: a network that reads from both ends reads "
                "each anew."
                if answer.bidirectional
                else f"{NAMES[answer.cell]}: {kept} are shown, evenly spaced, as many as a chart has room for."
            )
    if record.twin_left_out:
        notes.append(f"The run has a twin, which is left out: {record.twin_left_out}.")
    return notes
