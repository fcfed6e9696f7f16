"""An explanation as plain data: what its page is drawn from. Gates and states are in 8 bits, thinned to a budget."""

import base64
import json
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from lstmkit.analyze.explained import Explanation, Inside, SeriesExplanation, TextExplanation
from lstmkit.analyze.series_recording import cells_part, drawn_bytes, kept_of, series_part
from lstmkit.core.explained import COLOURED_TOKENS

FORMAT = 1
MOST_STEPS = 1200  # of which states and running answers are kept: more than a page has pixels for
_PAGE = 2_900_000  # bytes of a page, which is to stay under 3 MB
_HOUSE = 110_000  # bytes of its styles, scripts, words and lists of reasons
_SPAN = 64  # bytes of the tags around a token that is coloured without the script
_POINT = 14  # bytes of a point of a chart
_MOST_LINES = 4  # of a chart of running answers
_UNIT = 24  # bytes that a unit takes in a layer's record beside its codes
FORGETTING = (1e-4, 30.0)  # least and most of -ln(kept) that 8 bits tell apart; less is 0
_VALUES = 40_000  # attributions kept, of all classes of all models together


def record_of(explanation: Explanation, **about: Any) -> dict[str, Any]:
    """The record of an explanation.

    Args:
        explanation: with or without a twin.
        about: further keys, plain data: `run`, `id` and `label` (the true one) are shown.
    """
    models = [explanation, *([explanation.twin] if explanation.twin else [])]
    n_steps = len(explanation.rows)
    n_classes = max(2, min(len(explanation.attribution.classes), _VALUES // (n_steps * len(models))))
    width = 1
    if isinstance(explanation, SeriesExplanation):
        width, most_classes = kept_of(explanation, len(models))
        n_classes = min(n_classes, most_classes)
    record = {
        "format": FORMAT,
        **about,
        "labels": explanation.labels,
        "n_given": explanation.n_given,
        "n_read": n_steps,
        "hole": explanation.hole,
        **_read(explanation, width),
        "forgetting": list(FORGETTING),
        "twin_left_out": explanation.twin_left_out,
        "models": [_model(model, n_classes, width) for model in models],
    }
    budget = max(0, _PAGE - _fixed(record))
    insides = [inside for model in models for layer in model.layers for inside in layer]
    n_planes = sum(map(_n_planes, insides))
    per_step = n_planes * 4 / 3  # bytes of a unit's codes, in base64
    steps = _evenly(n_steps, min(MOST_STEPS, max(2, int((budget - _UNIT * len(insides)) / per_step))))
    most_units = max(1, int(budget / (per_step * len(steps) + _UNIT * len(insides))))
    record["steps"] = steps.tolist()
    for model, kept in zip(models, record["models"], strict=True):
        kept["inside"] = [
            _inside(inside, steps, most_units, layer, is_backward)
            for layer, directions in enumerate(model.layers)
            for is_backward, inside in enumerate(directions)
        ]
    return record


def _fixed(record: dict[str, Any]) -> int:
    """Bytes of a page without its gates and states; not fewer than it will have."""

    def size(value: Any) -> int:
        words = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        # Of these letters a page's JSON has six bytes each, and its HTML at most six.
        return len(words.encode(errors="replace")) + 5 * sum(map(words.count, "<>&"))

    pieces, models = record["pieces"], record["models"]
    text = size("".join(before + token for before, token, _ in pieces) + record["tail"])
    text += 4 * sum(token.count('"') + token.count("'") for _, token, _ in pieces)
    drawn = drawn_bytes(record["series"], record["n_read"], len(models)) if record["kind"] != "text" else 0
    coloured = _SPAN * len(pieces) + text if len(pieces) <= COLOURED_TOKENS else 0
    points = sum(len(model["running"]["lengths"]) for model in models)
    return _HOUSE + size(record) + text + drawn + coloured * len(models) + _MOST_LINES * _POINT * points


def _evenly(n: int, most: int) -> Int[np.ndarray, " steps"]:
    """Which of `n` are kept: all, or evenly spaced ones with the first and the last."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(np.int64))


def _n_planes(inside: Inside) -> int:
    return len(inside.gates) + (inside.cell is not None) + 1 + (inside.kept is not None)


def _read(explanation: Explanation, width: int) -> dict[str, Any]:
    """What was read: the pieces of a text, or a series."""
    if isinstance(explanation, SeriesExplanation):
        return {"kind": explanation.kind, "pieces": [], "tail": "", "series": series_part(explanation, width)}
    if isinstance(explanation, TextExplanation):
        return {"kind": "text", **_pieces(explanation)}
    raise TypeError(f"{type(explanation).__name__}: neither of a text nor of a series")


def _pieces(explanation: TextExplanation) -> dict[str, Any]:
    """The text cut at its tokens: of each, what stands before it, itself, and whether the vocabulary holds it."""
    text, spans = explanation.text, explanation.spans
    ends = [0, *(end for _, end in spans)]
    gaps = [text[end:start] for end, (start, _) in zip(ends, spans, strict=False)] + [text[ends[-1] :]]
    if explanation.hole is not None:
        gaps[explanation.hole] = ""
    return {
        "pieces": [list(piece) for piece in zip(gaps, explanation.tokens, explanation.is_known.tolist(), strict=False)],
        "tail": gaps[-1],
    }


def _model(explanation: Explanation, n_classes: int, width: int) -> dict[str, Any]:
    """One network's part of the record, but for gates and states."""
    found, deletion, running = explanation.attribution, explanation.deletion, explanation.running
    shown = found.classes[:n_classes]
    beginnings = _evenly(len(running.lengths), MOST_STEPS)
    return {
        "cell": explanation.cell,
        "pooling": explanation.pooling,
        "bidirectional": explanation.bidirectional,
        "probabilities": explanation.probabilities.tolist(),
        "attribution": {
            "classes": shown.tolist(),
            "values": [_rounded(row, 5) for row in found.values[:n_classes]],
            "at_input": found.at_input[:n_classes].tolist(),
            "at_baseline": found.at_baseline[:n_classes].tolist(),
            "sums": found.values[:n_classes].sum(1).tolist(),
            "errors": found.error[:n_classes].tolist(),
            "n_steps": found.n_steps[:n_classes].tolist(),
            "cells": cells_part(explanation, width, n_classes) if isinstance(explanation, SeriesExplanation) else None,
        },
        "running": {
            "lengths": running.lengths[beginnings].tolist(),
            "probabilities": [_rounded(row, 5) for row in running.probabilities[beginnings][:, shown]],
        },
        "deletion": deletion
        and {
            "n_deleted": deletion.n_deleted.tolist(),
            "ordered": _rounded(deletion.ordered, 5),
            "random": [_rounded(row, 5) for row in deletion.random],
            "area": deletion.area,
            "n_beaten": deletion.n_beaten,
            "n_tied": deletion.n_tied,
        },
        "engine_difference": explanation.engine_difference,
    }


def _inside(inside: Inside, steps: np.ndarray, most_units: int, layer: int, is_backward: int) -> dict[str, Any]:
    """One layer in one direction; where there are too many units, those that put out most are kept."""
    n_units = inside.hidden.shape[1]
    units = np.argsort(-np.abs(inside.hidden).mean(0), kind="stable")[:most_units]
    units.sort()
    planes = {name: inside.gates[name][steps][:, units] for name in inside.gates}
    planes |= {"c": inside.cell[steps][:, units]} if inside.cell is not None else {}
    planes["h"] = inside.hidden[steps][:, units]
    return {
        "layer": layer,
        "direction": "backward" if is_backward else "forward",
        "n_units": n_units,
        "units": units.tolist(),
        "planes": {name: _plane(name, values) for name, values in planes.items()},
        "forgotten": None if inside.kept is None else _forgotten(inside.kept[:, units], steps, bool(is_backward)),
    }


def _plane(name: str, values: Float[np.ndarray, "steps units"]) -> dict[str, Any]:
    """Values in 8 bits, unit by unit: 0 is `low`, 255 is `high`.

    Cell states know no bounds: those of a unit are divided by the largest of them, which `scales` keeps.
    """
    by_unit = values.T.astype(np.float64)
    plane: dict[str, Any] = {"low": -1.0 if name in ("g", "n", "h", "c") else 0.0, "high": 1.0, "scales": None}
    if name == "c":
        scales = np.maximum(np.abs(by_unit).max(1), 1e-6)
        by_unit = by_unit / scales[:, None]
        plane["scales"] = _rounded(scales, 6)
    codes = np.rint((by_unit - plane["low"]) / (1.0 - plane["low"]) * 255).clip(0, 255).astype(np.uint8)
    return {**plane, "codes": base64.b64encode(codes.tobytes()).decode()}


def _forgotten(kept: Float[np.ndarray, "tokens units"], steps: np.ndarray, is_backward: bool) -> str:
    """What is forgotten at each step kept, -ln of the share kept, in 8 bits of a logarithmic scale, unit by unit.

    Sums of it over a stretch are then right to some 2%, where gates in 8 bits would lose what tells 0.999 from 1.
    Tokens between two steps kept count to the later one in the order of reading.
    """
    lost = -np.log(np.maximum(kept.astype(np.float64), 1e-30))
    if is_backward:
        sums = np.add.reduceat(lost, steps, axis=0)  # from each step kept up to the next
    else:
        sums = np.add.reduceat(lost, np.concatenate([[0], steps[:-1] + 1]), axis=0)
    least, _ = FORGETTING
    low, high = np.log(FORGETTING)
    scaled = (np.log(np.clip(sums.T, *FORGETTING)) - low) / (high - low)
    codes = np.where(least <= sums.T, 1 + np.rint(254 * scaled), 0).astype(np.uint8)
    return base64.b64encode(codes.tobytes()).decode()


def _rounded(row: np.ndarray, digits: int) -> list[float]:
    return [float(f"{value:.{digits}g}") for value in row.tolist()]
