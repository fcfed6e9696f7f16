"""By the native engine an answer depends on its own example alone, to the bit: in batches, in pools, in chunks."""

from collections.abc import Callable, Sequence
from typing import Any

import forecast_stream_toys
import numpy as np
import pytest
import series_stream_toys
import sound_stream_toys
import streaming_toys
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmkit.api.forecaster import ForecastPredictor
from lstmkit.api.numbers import NumberPredictor
from lstmkit.artifact import NumberArtifact
from lstmkit.nn.library import native_library

pytestmark = pytest.mark.skipif(native_library().library is None, reason=native_library().reason)

WORDS = streaming_toys.WORDS


def text(n: int, seed: int) -> str:
    return " ".join(np.random.default_rng(seed).choice(WORDS, n))


def tokens(n: int, seed: int) -> list[str]:
    return text(n, seed).split()


def values(n: int, seed: int) -> np.ndarray:
    return series_stream_toys.series(n, seed=seed, missing=0.1)


def sound(n: int, seed: int) -> np.ndarray:
    return sound_stream_toys.sound(400 + 80 * n, seed)


def number(artifact: Any) -> NumberPredictor:
    """A model that predicts a number, made of a classifier's first output."""
    return NumberPredictor(NumberArtifact(artifact.network, artifact.encoder, artifact.architecture, 3.0, 2.0))


Call = Callable[[Any], np.ndarray]
CASES: dict[str, tuple[Callable[[], Call], Callable[[int, int], Any]]] = {
    "text": (lambda: streaming_toys.predictor().predict_proba, text),
    "characters": (lambda: streaming_toys.predictor(encoder="characters").predict_proba, text),
    "tokens": (lambda: streaming_toys.predictor().predict_proba, tokens),
    "both directions": (lambda: streaming_toys.predictor(bidirectional=True, num_layers=2).predict_proba, text),
    "series": (lambda: series_stream_toys.predictor().predict_proba, values),
    "audio": (lambda: sound_stream_toys.predictor().predict_proba, sound),
    "audio, deltas": (lambda: sound_stream_toys.predictor(deltas=2).predict_proba, sound),
    "number of a text": (lambda: number(streaming_toys.toy(n_classes=1)).predict, text),
    "number of a series": (lambda: number(series_stream_toys.toy(n_classes=1)).predict, values),
    "forecast": (
        lambda: ForecastPredictor(forecast_stream_toys.toy()).predict_quantiles,
        lambda n, seed: forecast_stream_toys.series(8 + n, seed=seed, missing=0.1),
    ),
}


@pytest.mark.parametrize("what", sorted(CASES))
@settings(max_examples=12, deadline=None)
@given(data=st.data(), lengths=st.lists(st.integers(1, 30), min_size=2, max_size=20))
def test_predicted_alone_and_in_any_batch(what: str, data: st.DataObject, lengths: list[int]) -> None:
    make, example = CASES[what]
    call = make()
    items = [example(n, seed) for seed, n in enumerate(lengths)]
    wanted = call(items)
    chosen = list(data.draw(st.permutations(range(len(items)))))[: data.draw(st.integers(1, len(items)))]
    assert np.array_equal(call([items[k] for k in chosen]), wanted[chosen])
    for k in range(len(items)):
        assert np.array_equal(call([items[k]]), wanted[[k]])


POOLS: dict[str, tuple[Callable[..., Any], Callable[[int, int], Sequence[Any]]]] = {
    "tokens": (streaming_toys.predictor, tokens),
    "series": (series_stream_toys.predictor, values),
    "audio": (sound_stream_toys.predictor, sound),
}


@pytest.mark.parametrize("what", sorted(POOLS))
@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 999),
    pooling=st.sampled_from(["last", "mean", "max_mean"]),
    num_layers=st.integers(1, 2),
    n_classes=st.sampled_from([2, 3, 9]),
    n_streams=st.integers(1, 9),
)
def test_streams_alone_and_in_any_pool(
    what: str, seed: int, pooling: str, num_layers: int, n_classes: int, n_streams: int
) -> None:
    """However their steps come: one by one, or in chunks."""
    make, example = POOLS[what]
    random, unit = np.random.default_rng(seed), 160 if what == "audio" else 1
    model = make(pooling=pooling, num_layers=num_layers, n_classes=n_classes)
    model._artifact.labels[:] = [str(k) for k in range(n_classes)]
    sequences = [example(12, seed) for seed in range(n_streams)]
    pool = model.stream_pool()
    numbers = [pool.join() for _ in sequences]
    places = [0] * n_streams
    answers: dict[int, np.ndarray] = {}
    while any(place < len(one) for place, one in zip(places, sequences, strict=True)):
        pushed = {}
        for k, one in enumerate(sequences):
            size = int(random.choice([0, 1, 1, 3])) * unit
            if size and places[k] < len(one):
                pushed[numbers[k]] = one[places[k] : places[k] + size]
                places[k] += size
        for k, answer in zip(pushed, pool.push(pushed), strict=True):
            answers[numbers.index(k)] = answer
    for k, one in enumerate(sequences):
        alone = model.stream()
        assert np.array_equal(alone.push(one), answers[k], equal_nan=True)
        in_steps = model.stream()
        for begin in range(0, len(one), unit):
            last = in_steps.push(one[begin : begin + unit])
        assert np.array_equal(last, answers[k], equal_nan=True)
