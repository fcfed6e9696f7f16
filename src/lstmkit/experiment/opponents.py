"""What a run's network must beat, on the same examples and under the same rules: majority class and linear model."""

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from lstmkit.data.encoder import Encoder
from lstmkit.data.encoding import AnyEncoder
from lstmkit.data.series import SeriesEncoder
from lstmkit.data.sources import Part
from lstmkit.data.speech import SpeechEncoder
from lstmkit.evaluate.baselines import linear_baseline, majority_baseline
from lstmkit.evaluate.series_baseline import series_baseline

ANNOUNCED = {
    "text": "TF-IDF over words 1 to 2 + logistic regression, C chosen on validation",
    "series": "random convolution kernels and summaries + ridge regression, chosen on validation",
    "audio": "random convolution kernels and summaries of the features + ridge regression, chosen on validation",
}


def baselines(
    parts: Mapping[str, Part],
    test: Part,
    encoder: AnyEncoder,
    *,
    tokens: bool,
    refit: bool,
    progress: Callable[[str], None],
) -> tuple[dict[str, Any], list[str]]:
    """Fit both to a run's training data and score them once.

    Args:
        parts: `train` and `valid` of the run.
        test: what is scored.
        encoder: the run's; of series and recordings, what makes their rows for the linear model too.
        tokens: whether texts are tokens with spaces between, and not words.
        refit: whether the network was trained on training + validation in the end.
        progress: told in a line what is done.

    Returns:
        `linear` and `majority` as `evaluation.json` has them, and the label that the linear model gives each example.
    """
    train, valid = parts["train"], parts["valid"]
    if not isinstance(encoder, Encoder):
        inputs = [_rows_of(encoder, part) for part in (train, valid, test)]
        linear = series_baseline(
            inputs[0], train.labels, inputs[1], valid.labels, inputs[2], test.labels, refit=refit, progress=progress
        )
    else:
        linear = linear_baseline(
            train.inputs,
            train.labels,
            valid.inputs,
            valid.labels,
            test.inputs,
            test.labels,
            kind="tokens" if tokens else "text",
            refit=refit,
            progress=progress,
        )
    predictions = linear.pop("predictions")
    return {"linear": linear, "majority": majority_baseline(train.labels, test.labels)}, predictions


def _rows_of(encoder: SeriesEncoder | SpeechEncoder, part: Part) -> list[np.ndarray]:
    rows, offsets = encoder.encode(part.inputs)
    return [rows[begin:end] for begin, end in pairwise(offsets.tolist())]
