"""The records of a scored test part: `predictions.jsonl` and `details.json`, all that the report needs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from lstmkit.config.schema import Config
from lstmkit.core.explained import MOST_CURVES
from lstmkit.data.encoding import AnyEncoder
from lstmkit.data.speech import SpeechEncoder, spectrogram
from lstmkit.evaluate.metrics import accuracy_by_length
from lstmkit.experiment.frame import title_of
from lstmkit.experiment.prepare import Prepared
from lstmkit.models import Classifier
from lstmkit.report.records import read_predictions

_N_ERRORS = 20
_MOST_STEPS, _MOST_ROWS = 200, 64  # of a series that a page shows small; rows of a map
_BANDS, _MOST_FRAMES, _SHADES = 20, 80, 7  # of a recording's picture
_DARKEST = 0.2  # share of its places that are as quiet as nothing


def prediction_rows(
    prepared: Prepared, answers: Float[np.ndarray, "n classes"], split: str = "test"
) -> Iterator[dict[str, Any]]:
    """One object for each example of a split, in the split's order."""
    part, names = prepared.parts[split], prepared.encoded.labels
    for identity, label, row in zip(part.ids, part.labels, answers, strict=True):
        best = int(row.argmax())
        yield {
            "id": identity,
            "label": label,
            "predicted": names[best],
            "probability": float(row[best]),
            "probabilities": {name: float(p) for name, p in zip(names, row, strict=True)},
        }


def details(
    prepared: Prepared, config: Config, network: Classifier, answers: Float[np.ndarray, "n classes"]
) -> dict[str, Any]:
    """What the page shows besides history, evaluation and what `details_of_training` has."""
    encoded, test = prepared.encoded, prepared.encoded.parts["test"]
    correct = answers.argmax(1) == test.labels
    return {
        "format": 1,
        "source": prepared.corpus.name,
        "title": title_of(config.data.source, prepared.corpus.name),
        "kind": prepared.corpus.kind,
        "splits": prepared.splits(),
        "decisions": prepared.decisions,
        **encoded.encoder.shape,
        "coverage": dict(encoded.coverage),
        "architecture": {
            **config.model.model_dump(),
            **encoded.encoder.shape,
            "n_classes": len(encoded.labels),
            "max_length": config.encoder.max_length,
            "truncate": config.encoder.truncate,
            "parameters": network.n_parameters(),
        },
        "accuracy_by_length": accuracy_by_length(test.lengths, correct),
        "confident_errors": _confident_errors(prepared, answers, correct),
    }


def _confident_errors(prepared: Prepared, answers: np.ndarray, correct: np.ndarray) -> list[dict[str, Any]]:
    part, names = prepared.parts["test"], prepared.encoded.labels
    wrong = np.flatnonzero(~correct)
    chosen = wrong[np.argsort(-answers[wrong].max(1), kind="stable")][:_N_ERRORS]
    return [
        {
            "id": part.ids[k],
            **shown(part.inputs[k], prepared.encoded.encoder),
            "label": part.labels[k],
            "predicted": names[int(answers[k].argmax())],
            "probability": float(answers[k].max()),
        }
        for k in chosen.tolist()
    ]


def shown(item: Any, encoder: AnyEncoder) -> dict[str, Any]:
    """An input as a page shows it: a text whole, of a series steps of the first channels, of a recording its bands."""
    if isinstance(item, str):
        return {"text": item}
    if isinstance(encoder, SpeechEncoder):
        levels = spectrogram(item, encoder.settings.rate, _BANDS, _MOST_FRAMES)
        low, high = np.quantile(levels, _DARKEST), levels.max()
        picture = _shades(((levels - low) / max(high - low, 1e-9)).T)
        return {"text": "", "sound": {"seconds": round(item.seconds, 3), "rate": item.rate, "bands": picture}}
    steps = np.unique(np.linspace(0, len(item) - 1, min(len(item), _MOST_STEPS)).round().astype(np.int64))
    sizes = {"n_steps": len(item), "n_channels": item.shape[1]}
    shown = item[steps].T.astype(np.float64)
    if len(shown) <= MOST_CURVES:
        values = [[None if np.isnan(x) else float(f"{x:.4g}") for x in channel] for channel in shown.tolist()]
        return {"text": "", "series": {**sizes, "values": values}}
    channels = np.unique(np.linspace(0, len(shown) - 1, min(len(shown), _MOST_ROWS)).round().astype(np.int64))
    return {"text": "", "series": {**sizes, "shades": _shades(_by_own_range(shown[channels]))}}


def _by_own_range(values: Float[np.ndarray, "channels steps"]) -> Float[np.ndarray, "channels steps"]:
    """Each channel's values from 0, its least, to 1, its greatest; 0 where one is missing or none differs."""
    there = ~np.isnan(values)
    low = np.where(there, values, np.inf).min(1, keepdims=True)
    span = np.where(there, values, -np.inf).max(1, keepdims=True) - low
    return np.divide(values - low, span, out=np.zeros_like(values), where=there & (span > 0))


def _shades(levels: Float[np.ndarray, "rows places"]) -> list[str]:
    """A digit for each level: 0 up to level 0, the last from level 1 on."""
    digits = (levels.clip(0, 1) * _SHADES).round().astype(np.int64)
    return ["".join(map(str, row)) for row in digits.tolist()]


def read_correct(folder: Path) -> Bool[np.ndarray, " n"]:
    """Whether each test example was classified correctly, in the order of a folder's `predictions.jsonl`."""
    return np.array([row.label == row.predicted for row in read_predictions(folder)])
