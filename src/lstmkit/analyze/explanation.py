"""Making an explanation: the input is encoded, and the network asked, differentiated and traced."""

from typing import Any, overload

import numpy as np
import torch
from jaxtyping import Int

from lstmkit.analyze.attribution import integrated_gradients
from lstmkit.analyze.deletion import deletion_curve
from lstmkit.analyze.explained import Explanation, Inside, SeriesExplanation, TextExplanation, channel_sums
from lstmkit.analyze.running import running_probabilities
from lstmkit.analyze.traced import LayerTrace, difference_from_engine, trace
from lstmkit.core.errors import DataError
from lstmkit.data.batching import batch_of
from lstmkit.data.encoded import EncodedPart
from lstmkit.data.encoder import Encoder
from lstmkit.data.encoding import AnyEncoder
from lstmkit.data.series import SeriesEncoder, kept_steps
from lstmkit.data.sources.corpus import Series
from lstmkit.data.speech import Sound, SpeechEncoder
from lstmkit.models import Classifier
from lstmkit.models.scoring import probabilities

MOST_CLASSES = 10  # to which a prediction is attributed: each costs a gradient of its own


@overload
def explain(
    network: Classifier, encoder: Encoder, labels: list[str], item: str, *, most_classes: int = ...,
    n_orders: int = ..., seed: int = ...,
) -> TextExplanation: ...  # fmt: skip
@overload
def explain(
    network: Classifier, encoder: SeriesEncoder, labels: list[str], item: Series, *, most_classes: int = ...,
    n_orders: int = ..., seed: int = ...,
) -> SeriesExplanation: ...  # fmt: skip
@overload
def explain(
    network: Classifier, encoder: SpeechEncoder, labels: list[str], item: Sound, *, most_classes: int = ...,
    n_orders: int = ..., seed: int = ...,
) -> SeriesExplanation: ...  # fmt: skip
@overload
def explain(
    network: Classifier, encoder: AnyEncoder, labels: list[str], item: Any, *, most_classes: int = ...,
    n_orders: int = ..., seed: int = ...,
) -> Explanation: ...  # fmt: skip
def explain(
    network: Classifier,
    encoder: AnyEncoder,
    labels: list[str],
    item: Any,
    *,
    most_classes: int = MOST_CLASSES,
    n_orders: int = 20,
    seed: int = 0,
) -> Explanation:
    """Explain the prediction for one text, series or recording.

    Args:
        network: the trained classifier; it is put into evaluation mode, and back afterwards.
        encoder: its encoder.
        labels: its class names.
        item: what to classify: a text, a sequence of tokens with single spaces between, or a series, float32
            `(time, channels)`, NaN where a value is missing, or a recording.
        most_classes: how many of the most probable classes are attributed.
        n_orders: random orders of deletion.
        seed: draws them.

    Raises:
        DataError: the text is empty, or the series has another number of channels.
        LstmkitError: the instrumented network and the engine differ by more than rounding.
    """
    options = {"most_classes": most_classes, "n_orders": n_orders, "seed": seed}
    if isinstance(encoder, SpeechEncoder):
        return _explain_sound(network, encoder, list(labels), item, options)
    if isinstance(encoder, SeriesEncoder):
        return _explain_series(network, encoder, list(labels), item, options)
    if not item.strip():
        raise DataError("the text is empty; give a text with at least one token")
    found = encoder.locate(item)
    return TextExplanation(
        text=item,
        tokens=[item[start:end] for start, end in found.spans],
        spans=found.spans,
        n_given=found.n_given,
        hole=found.hole,
        labels=list(labels),
        **_of_rows(network, found.ids, None, **options),
    )


def _explain_series(
    network: Classifier, encoder: SeriesEncoder, labels: list[str], series: Series, options: dict[str, int]
) -> SeriesExplanation:
    rows, _ = encoder.encode([series])
    places = kept_steps(len(series), encoder.max_length, encoder.truncate)
    n_channels = len(encoder.channels)
    channel_of = np.array([*range(n_channels), *encoder.masked], dtype=np.int64)
    means = np.array(encoder.means)
    return SeriesExplanation(
        kind="series",
        channels=list(encoder.channels),
        places=places,
        values=np.asarray(series, dtype=np.float32)[places],
        filled=rows[:, :n_channels].astype(np.float64) * encoder.deviations + means,
        means=means,
        channel_of=channel_of,
        n_given=len(series),
        hole=_hole(places, len(series)),
        labels=labels,
        **_of_rows(network, rows, channel_of, **options),
    )


def _explain_sound(
    network: Classifier, encoder: SpeechEncoder, labels: list[str], sound: Sound, options: dict[str, int]
) -> SeriesExplanation:
    """Frames as steps and bands as channels, the highest first; a band's slopes count to it."""
    rows, _, (n_given,) = encoder.encode_counted([sound])
    places = kept_steps(int(n_given), encoder.max_length, encoder.truncate)
    n_static = encoder.settings.n_static
    means = np.array(encoder.means[:n_static])
    values = (rows[:, :n_static].astype(np.float64) * encoder.deviations[:n_static] + means)[:, ::-1]
    channel_of = n_static - 1 - np.arange(encoder.settings.n_features) % n_static
    return SeriesExplanation(
        kind="audio",
        channels=encoder.features[:n_static][::-1],
        places=places,
        values=values.astype(np.float32),
        filled=values,
        means=means[::-1],
        channel_of=channel_of,
        n_given=int(n_given),
        hole=_hole(places, int(n_given)),
        labels=labels,
        **_of_rows(network, rows, channel_of, **options),
    )


def _hole(places: Int[np.ndarray, " kept"], n_given: int) -> int | None:
    """How many steps were read before those that truncation left out; None where it left none out."""
    jump = np.flatnonzero(places != np.arange(len(places)))
    return None if len(places) == n_given else int(jump[0]) if len(jump) else len(places)


def _of_rows(
    network: Classifier,
    rows: np.ndarray,
    channel_of: np.ndarray | None,
    *,
    most_classes: int,
    n_orders: int,
    seed: int,
) -> dict[str, Any]:
    """What an explanation has of any kind of sequence, by name: all that follows from its rows."""
    was_training = network.training
    network.eval()
    try:
        whole = EncodedPart(rows, np.array([0, len(rows)]))
        answer = probabilities(network, whole)[0]
        classes = np.argsort(-answer, kind="stable")[:most_classes]
        attribution = integrated_gradients(network, rows, classes.tolist())
        values = attribution.values[0] if channel_of is None else channel_sums(attribution, channel_of)[0]
        deletion = None
        if values.size > 1 and (rows != 0).any():  # number 0 is the unknown token, and 0 a channel's mean
            deletion = deletion_curve(
                network, rows, values, int(classes[0]), channel_of=channel_of, n_orders=n_orders, seed=seed
            )
        running = running_probabilities(network, rows)
        batch = batch_of(whole, np.zeros(1, dtype=np.int64))
        with torch.no_grad():
            traced = trace(network, batch.to(network.head.weight.device))
        engine_difference = difference_from_engine(
            traced.logits.double().softmax(1).cpu().numpy(), answer[None], network.recurrence.engine.name
        )
    finally:
        network.train(was_training)
    return {
        "rows": rows,
        "cell": network.recurrence.cell,
        "pooling": network.pooling,
        "bidirectional": network.recurrence.bidirectional,
        "probabilities": answer,
        "attribution": attribution,
        "running": running,
        "layers": [[_arrays(direction) for direction in layer] for layer in traced.layers],
        "deletion": deletion,
        "engine_difference": engine_difference,
    }


def _arrays(held: LayerTrace) -> Inside:
    return Inside(
        {name: gate.cpu().numpy() for name, gate in held.gates.items()},
        None if held.cell is None else held.cell.cpu().numpy(),
        held.hidden.cpu().numpy(),
    )
