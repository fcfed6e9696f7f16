"""The page of an explanation: one file, drawn from its record alone."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from lstmkit.core.explained import COLOURED_TOKENS, ENGINE_WITHIN
from lstmkit.core.names import NAMES
from lstmkit.core.wording import escaped, printable
from lstmkit.report import drawing
from lstmkit.report import explanation_drawing as charts
from lstmkit.report.explanation_records import Answer, ExplanationRecord, checked_record
from lstmkit.report.page import write_page
from lstmkit.report.series_page import series_notes, series_values

_TITLE = 60  # characters of the text in the page's title
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
    kind = "series" if found.series else "text"
    own = (
        series_values(found, found.series, [m["place"] for m in models])
        if found.series
        else _text_values(found, models)
    )
    models = [model | more for model, more in zip(models, own.pop("of_models"), strict=True)]
    return write_page(
        path.parent,
        "explain_series.html.j2" if found.series else "explain.html.j2",
        path.name,
        scripts=("page.js", "explain_planes.js", f"explain_{kind}.js", "explain.js"),
        x=found,
        thing=found.thing,
        reading=charts.READING,
        models=models,
        data=_data(found),
        plane_words=PLANES,
        notes=_notes(found),
        engine_within=ENGINE_WITHIN,
        **{"picture": None, "unknown": 0, "title": found.id or "a series"} | own,
    )


def _model(record: ExplanationRecord, answer: Answer) -> dict[str, Any]:
    """What the template shows of one network beside its record."""
    found = answer.attribution
    place = found.classes.index(record.predicted) if record.predicted in found.classes else 0
    deletion, name = answer.deletion, record.labels[answer.best]
    return {
        "answer": answer,
        "name": NAMES[answer.cell],
        "place": place,
        "shown": record.labels[found.classes[place]],
        "label": name,
        "probability": answer.probabilities[answer.best],
        "running": charts.running_chart(answer, record),
        "journey": charts.journey(answer, record),
        "deletion": deletion and charts.deletion_chart(deletion, answer, name, "values" if record.series else "tokens"),
        "has_gates": answer.cell != "rnn",
    }


def _text_values(record: ExplanationRecord, models: list[dict[str, Any]]) -> dict[str, Any]:
    """What the template shows of a text: its tokens and their colours."""
    text = " ".join(token for _, token, _ in record.pieces)
    picture = drawing.digit_picture(text)
    shades = [model["answer"].attribution.values[model["place"]] for model in models]
    return {
        "title": text if len(text) <= _TITLE else text[: _TITLE - 1] + "…",
        "picture": Markup(picture) if picture else None,  # noqa: S704
        "scale": max(abs(value) for row in shades for value in row) or 1.0,
        "unknown": sum(not known for *_, known in record.pieces),
        "is_coloured": len(record.pieces) <= COLOURED_TOKENS,
        "of_models": [
            {"shades": row, "reasons": charts.reasons(model["answer"], record.pieces, model["place"])}
            for model, row in zip(models, shades, strict=True)
        ],
    }


def _data(record: ExplanationRecord) -> Markup:
    """The record as the page's script reads it, in a form that no text of it can leave."""
    kept = record.model_dump(
        include={"labels", "steps", "forgetting", "models", "hole", "n_read", "n_given", "kind", "series"}
    )
    kept |= {"unit": record.unit, "thing": record.thing, "channel": record.channel}
    kept["pieces"] = [printable(token) for _, token, _ in record.pieces]
    kept["gaps"] = [_shown(before) for before, *_ in record.pieces] + [_shown(record.tail)]
    kept["unknown"] = [k for k, (*_, known) in enumerate(record.pieces) if not known]
    kept["left_out"] = f"… {record.n_left_out:,} tokens not read …"
    for model, answer in zip(kept["models"], record.models, strict=True):
        model["name"] = NAMES[model["cell"]]
        del model["deletion"]
        found = model["attribution"]
        found["complete"] = [answer.attribution.completeness(k) for k in range(len(found["classes"]))]
    words = escaped(json.dumps(kept, ensure_ascii=False, separators=(",", ":")))
    return Markup(words.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))  # noqa: S704


def _shown(gap: str) -> str:
    """What stands between tokens, as the page has it."""
    return printable(gap.replace("<br />", "\n"))


def _notes(record: ExplanationRecord) -> list[str]:
    """What was left out of this page, and why."""
    notes, units, thing = [], f"{record.unit}s", record.thing
    if record.n_left_out:
        notes.append(
            f"The {thing} has {record.n_given:,} {units}; the model reads {record.n_read:,} of them, as in training. "
            f"The {record.n_left_out:,} others are not read and not shown."
        )
    if record.series:
        notes += series_notes(record, record.series)
    elif not record.n_given:
        notes.append(
            "The text holds no token that the encoder knows how to cut out, so it is read as one unknown token."
        )
    if not record.series and not any(known for *_, known in record.pieces):
        notes.append(
            "No token of it is in the vocabulary. To the model it is a sequence of unknown tokens, which is the "
            "baseline itself: there is nothing to attribute."
        )
    if len(record.steps) < record.n_read:
        notes.append(
            f"Of {record.n_read:,} {units} the maps show the states after {len(record.steps):,}, evenly spaced; what "
            "is forgotten in between is counted all the same."
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
