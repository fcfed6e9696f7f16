"""The records of a scored test part: `predictions.jsonl` and `details.json`, all that the report needs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from lstmkit.config.schema import Config
from lstmkit.core.files import read_jsonl
from lstmkit.data.encoding import AnyEncoder
from lstmkit.data.speech import SpeechEncoder, spectrogram
from lstmkit.evaluate.metrics import accuracy_by_length
from lstmkit.experiment.frame import title_of
from lstmkit.experiment.prepare import Prepared
from lstmkit.models import Classifier

_N_ERRORS = 20
_MOST_STEPS, _MOST_CHANNELS = 200, 6  # of a series that a page shows small
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
            **_shown(part.inputs[k], prepared.encoded.encoder),
            "label": part.labels[k],
            "predicted": names[int(answers[k].argmax())],
            "probability": float(answers[k].max()),
        }
        for k in chosen.tolist()
    ]


def _shown(item: Any, encoder: AnyEncoder) -> dict[str, Any]:
    """An input as a page shows it: a text whole, of a series steps of the first channels, of a recording its bands."""
    if isinstance(item, str):
        return {"text": item}
    if isinstance(encoder, SpeechEncoder):
        levels = spectrogram(item, encoder.settings.rate, _BANDS, _MOST_FRAMES)
        low, high = np.quantile(levels, _DARKEST), levels.max()
        shades = ((levels - low) / max(high - low, 1e-9)).clip(0, 1) * _SHADES
        picture = ["".join(f"{shade:x}" for shade in band) for band in shades.round().astype(np.int64).T.tolist()]
        return {"text": "", "sound": {"seconds": round(item.seconds, 3), "rate": item.rate, "bands": picture}}
    steps = np.unique(np.linspace(0, len(item) - 1, min(len(item), _MOST_STEPS)).round().astype(np.int64))
    shown = item[steps][:, :_MOST_CHANNELS].T.astype(np.float64)
    values = [[None if np.isnan(x) else float(f"{x:.4g}") for x in channel] for channel in shown.tolist()]
    return {"text": "", "series": {"n_steps": len(item), "n_channels": item.shape[1], "values": values}}


def read_correct(folder: Path) -> Bool[np.ndarray, " n"]:
    """Whether each test example was classified correctly, in the order of a folder's `predictions.jsonl`."""
    return np.array([row["label"] == row["predicted"] for row in read_jsonl(folder / "predictions.jsonl")])
