"""A stream of a forecaster says after each push what `predict_quantiles` says of the series so far."""

import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from forecast_stream_toys import batch, forecaster, series, toy
from hypothesis import given, settings
from hypothesis import strategies as st
from series_stream_toys import predictor as classifier

import lstmkit
from lstmkit import SequenceForecaster
from lstmkit.artifact import save_artifact
from lstmkit.core.errors import ArtifactError, DataError, RequestError
from lstmkit.data.windows import Base
from lstmkit.stream import forecast

TOLERANCE = 1e-6


@settings(max_examples=100, deadline=None)
@given(
    n_steps=st.integers(1, 40),
    ends=st.sets(st.integers(0, 40)),
    seed=st.integers(0, 2**16),
    n_columns=st.integers(1, 3),
    missing=st.sampled_from([0.0, 0.3, 0.9]),
    n_blank=st.sampled_from([0, 0, 1, 7, 40]),
    has_masks=st.booleans(),
    as_lists=st.booleans(),
    context=st.integers(4, 9),
    season=st.integers(1, 4),
    base=st.sampled_from(["last", "season", "mean"]),
    cell=st.sampled_from(["lstm", "gru", "rnn"]),
    bidirectional=st.booleans(),
    pooling=st.sampled_from(["last", "max_mean"]),
    engine=st.sampled_from(["auto", "reference"]),
)
def test_any_chunking_gives_the_answer_of_the_batch(
    n_steps: int,
    ends: set[int],
    seed: int,
    n_columns: int,
    missing: float,
    n_blank: int,
    has_masks: bool,
    as_lists: bool,
    context: int,
    season: int,
    base: Base,
    cell: str,
    bidirectional: bool,
    pooling: str,
    engine: str,
) -> None:
    model = forecaster(
        n_columns=n_columns, has_masks=has_masks, context=context, season=season, base=base, cell=cell,
        bidirectional=bidirectional, pooling=pooling, engine=engine,
    )  # fmt: skip
    values = series(n_steps, n_columns, seed, missing, n_blank)
    stream = model.stream()
    answer = stream.forecast
    for begin, end in pairwise([0, *sorted({min(end, n_steps) for end in ends}), n_steps]):
        chunk = values[begin:end]
        answer = stream.push([[None if np.isnan(x) else x for x in step] for step in chunk] if as_lists else chunk)
        np.testing.assert_allclose(answer, batch(model, values[:end]), rtol=0, atol=TOLERANCE)
        assert stream.n_steps == end
    assert answer.shape == (3, 3)
    assert answer.dtype == np.float64
    np.testing.assert_array_equal(model.stream().push(values), answer)


def test_every_single_step() -> None:
    """With gaps longer than a window, so that what stands in comes from before it."""
    model = forecaster(context=4, season=3, base="season", n_columns=3)
    values = series(300, 3, missing=0.6)
    assert max(np.diff(np.flatnonzero(~np.isnan(values[:, 0])))) > 5
    stream = model.stream()
    answers = []
    for k, step in enumerate(values, 1):
        answers.append(stream.push(step.tolist() if k % 2 else step))
        np.testing.assert_allclose(answers[-1], batch(model, values[:k]), rtol=0, atol=TOLERANCE)
    n_differ = (np.abs(np.diff(answers, axis=0)).max((1, 2)) > 1e-4).sum()
    assert n_differ > 200  # else agreement would say nothing


def test_a_value_that_stands_in_is_kept_when_its_step_is_not() -> None:
    """Forgetting it reads other values in the gap."""
    model = forecaster(context=4)
    values = np.concatenate([[[3.0, 9.0]], np.full((7, 2), np.nan), [[1.0, np.nan], [2.0, np.nan]]])
    stream, cut = model.stream(), model.stream()
    for step in values[:-1]:
        stream.push(step)
    cut.state = stream.state
    assert not np.isnan(cut._memory.steps[0, 0]).any()
    answer = stream.push(values[-1])
    np.testing.assert_allclose(answer, batch(model, values), rtol=0, atol=TOLERANCE)
    cut._memory.steps[0, :2, 1] = np.nan
    assert np.abs(cut.push(values[-1]) - answer).max() > 1e-3


def test_memory_does_not_grow() -> None:
    stream = forecaster().stream()
    stream.push(series(1, n_blank=0, missing=0.0))
    n_bytes = len(stream.state)
    stream.push(series(5_000))
    assert stream.n_steps == 5_001
    assert len(stream.state) == n_bytes
    assert stream._memory.steps.shape == (1, 9, 2)


def test_before_there_are_steps_enough_the_answer_is_nan() -> None:
    model = forecaster(season=3, base="season")
    stream, pool = model.stream(), model.stream_pool()
    one = pool.join()
    assert np.isnan(stream.forecast).all()
    assert stream.forecast.shape == (3, 3)
    for step in [[], [None, 2.0], [1.0, 2.0], [None, None]]:
        assert np.isnan(stream.push(step)).all()
        assert np.isnan(pool.push({one: step})).all()
    assert stream.n_steps == pool.n_steps(one) == 3
    assert not np.isnan(stream.push([2.0, 1.0])).any()
    assert not np.isnan(pool.push({one: [2.0, 1.0]})).any()
    assert np.isnan(pool.push({pool.join(): []})).all()


def test_one_column_takes_numbers() -> None:
    model = forecaster(n_columns=1)
    values = np.array([[1.0], [2.0], [np.nan], [4.0], [np.nan], [3.0]])
    stream = model.stream()
    stream.push(1.0)
    stream.push([2, None])
    stream.push(4)
    stream.push(None)
    answer = stream.push(np.array([3.0]))
    assert stream.n_steps == 6
    np.testing.assert_array_equal(answer, batch(model, values))


def test_small_changes_on_a_large_level_are_seen() -> None:
    values = 1e9 + np.arange(12.0)[:, None]
    model = forecaster(n_columns=1)
    stream = model.stream()
    for step in values:
        answer = stream.push(step)
    np.testing.assert_array_equal(answer, batch(model, values))
    assert np.unique(answer).size == 9


BAD: list[tuple[Any, str]] = [
    ([1.0], r"a list of 1 numbers came, and this model reads 2 columns \(y, price\); push a step of 2 numbers"),
    (np.zeros((4, 3)), r"an array of shape \(4, 3\) came, and this model reads 2 columns"),
    (7.0, "a single number came, and this model reads 2 columns"),
    ([1.0, float("inf")], "the step holds an infinite value; NaN stands for a missing one"),
    ("1 2", r"the step holds '1 2' \(str\), which is no number"),
    ([[1, 2], [3]], "the step is no array of numbers: lists of unequal lengths"),
    (None, "None came, which is no step; push a step of 2 numbers"),
]


@pytest.mark.parametrize(("step", "message"), BAD)
def test_a_bad_step_is_one_line_and_changes_nothing(step: Any, message: str) -> None:
    model = forecaster()
    stream, pool = model.stream(), model.stream_pool()
    before = stream.push(series(5))
    state = stream.state
    one, other = pool.join(state), pool.join()
    with pytest.raises(DataError, match=message) as caught:
        stream.push(step)
    assert "\n" not in str(caught.value)
    with pytest.raises(DataError, match=message):
        pool.push({other: [1, 2], one: step})
    assert stream.state == pool.state(one) == state
    assert pool.n_steps(other) == 0
    np.testing.assert_array_equal(stream.forecast, before)


def test_reset_and_finish() -> None:
    stream = forecaster().stream()
    values = series(30, seed=3)
    first = [stream.push(step).tobytes() for step in values]
    assert stream.finish().tobytes() == first[-1]
    assert stream.n_steps == 30
    stream.reset()
    assert stream.n_steps == 0
    assert [stream.push(step).tobytes() for step in values] == first
    stream.forecast[:] = 0  # a copy
    assert stream.forecast.tobytes() == first[-1]


def test_what_is_known_ahead_is_refused() -> None:
    model = forecaster(known_ahead=(1,))
    for made in (model.stream, model.stream_pool):
        with pytest.raises(RequestError, match=r"reads price 3 steps ahead \(task.known_ahead\), .* with predict"):
            made()


CONTINUE = """
import sys
from pathlib import Path
import numpy as np
import lstmkit
stream = lstmkit.load(sys.argv[1]).stream()
stream.state = Path(sys.argv[2]).read_bytes()
values = np.load(sys.argv[3], allow_pickle=False)
sys.stdout.write(str(stream.n_steps) + " " + "".join(stream.push(step).tobytes().hex() for step in values))
"""


def test_another_process_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    artifact = toy(bidirectional=True)
    save_artifact(
        tmp_path / "model",
        artifact.network,
        artifact.architecture,
        artifact.encoder,
        [],
        {"kind": "forecast", "reading": artifact.reading},
    )
    stream = lstmkit.load(tmp_path).stream()
    stream.push(series(27))
    (tmp_path / "state").write_bytes(stream.state)
    values = series(12, seed=5)
    np.save(tmp_path / "values.npy", values)
    expected = "".join(stream.push(step).tobytes().hex() for step in values)
    command = [sys.executable, "-c", CONTINUE, *(str(tmp_path / name) for name in ("", "state", "values.npy"))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"27 {expected}"


def test_a_state_that_is_none_is_refused() -> None:
    from test_stream import altered

    stream = forecaster().stream()
    stream.push(series(4, missing=0.0))
    good = stream.state
    more, fewer = forecaster(context=9).stream(), forecaster().stream()
    fewer._memory.n_kept[0] = 5
    for bad, message in (
        (good[:-40] + b"\0" + good[-39:], "damaged"),
        (good[:-1], "damaged"),
        (altered(good, format=2), "newer than this lstmkit reads"),
        (altered(good, arrays=[]), "its arrays are not this model's"),
        (altered(good, more=b"\0\0"), "its arrays are not this model's"),
        (fewer.state, "its arrays are not this model's"),  # more steps kept than were read
        (more.state, "belongs to another model"),
        (forecaster(seed=1).stream().state, "belongs to another model"),
        (classifier(n_channels=2).stream().state, "belongs to another model"),
    ):
        with pytest.raises(ArtifactError, match=message):
            stream.state = bad
        assert stream.state == good
    with pytest.raises(ArtifactError, match="belongs to another model"):
        classifier(n_channels=2).stream().state = good


def test_a_saved_estimator_is_streamed(tmp_path: Path) -> None:
    wave = np.sin(np.arange(90) / 2)
    estimator = SequenceForecaster(horizon=3, epochs=1, hidden_size=8, embedding_size=4, random_state=0, threads=1)
    estimator.fit(wave).save(tmp_path / "kept")
    stream = lstmkit.load(tmp_path / "kept").stream()
    assert (stream.columns, stream.horizon) == (["y"], 3)
    np.testing.assert_allclose(stream.push(wave), estimator.predict_quantiles(wave)[0], rtol=0, atol=TOLERANCE)


@settings(max_examples=40, deadline=None)
@given(data=st.data(), n_columns=st.integers(1, 3), context=st.integers(2, 8), bidirectional=st.booleans())
def test_joins_and_leaves_change_no_answer(
    data: st.DataObject, n_columns: int, context: int, bidirectional: bool
) -> None:
    model = forecaster(n_columns=n_columns, context=context, bidirectional=bidirectional)
    pool = model.stream_pool()
    seen: dict[int, np.ndarray] = {}
    for turn in range(data.draw(st.integers(1, 10))):
        for _ in range(data.draw(st.integers(0, 4))):
            seen[pool.join()] = np.zeros((0, n_columns))
        if seen and data.draw(st.booleans()):
            gone = data.draw(st.sampled_from(sorted(seen)))
            pool.leave(gone)
            del seen[gone]
        if not seen:
            continue
        chosen = data.draw(st.lists(st.sampled_from(sorted(seen)), min_size=1, unique=True))
        longest = data.draw(st.sampled_from([1, 1, 5]))
        chunks = {
            stream: series(data.draw(st.integers(0, longest)), n_columns, 100 * turn + k)
            for k, stream in enumerate(chosen)
        }
        at_once = all(len(chunk) == 1 for chunk in chunks.values()) and data.draw(st.booleans())
        answers = pool.push(chosen, np.concatenate([*chunks.values()])) if at_once else pool.push(chunks)
        assert answers.shape == (len(chosen), 3, 3)
        for stream, answer in zip(chosen, answers, strict=True):
            seen[stream] = np.concatenate([seen[stream], chunks[stream]])
            np.testing.assert_allclose(answer, batch(model, seen[stream]), rtol=0, atol=TOLERANCE)
            assert pool.n_steps(stream) == len(seen[stream])
        np.testing.assert_allclose(pool.finish(chosen[-1]), answers[-1], rtol=0, atol=TOLERANCE)
    assert sorted(pool.ids) == sorted(seen)
    assert len(pool) == len(seen)


def test_a_pool_is_one_call_of_the_network_and_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    model = forecaster()
    pool = model.stream_pool()
    ids = [pool.join() for _ in range(50)]
    values = np.stack([series(12, seed=k, missing=0.1) for k in ids])
    calls = []
    run = forecast.quantile_forecasts
    monkeypatch.setattr(
        forecast, "quantile_forecasts", lambda network, part: calls.append(len(part)) or run(network, part)
    )
    answers = pool.push(ids, values)
    assert calls == [50]
    monkeypatch.undo()
    for k in (0, 17, 49):
        np.testing.assert_allclose(answers[k], batch(model, values[k]), rtol=0, atol=TOLERANCE)
    pool.leave(3)
    fresh = pool.join()  # in a place that was another's
    assert pool.n_steps(fresh) == 0
    pool.push({fresh: [1.0, 2.0]})
    expected = batch(model, np.array([[1.0, 2.0], [2.0, np.nan]]))
    np.testing.assert_allclose(pool.push({fresh: [2.0, None]})[0], expected, rtol=0, atol=TOLERANCE)


def test_a_state_moves_between_streams_and_pools() -> None:
    model = forecaster()
    alone, pool = model.stream(), model.stream_pool()
    alone.push(series(20))
    others = [pool.join() for _ in range(3)]
    moved = pool.join(alone.state)
    step = [0.5, None]
    pool.push({others[0]: [1, 2], moved: step, others[2]: series(5)})
    np.testing.assert_allclose(pool.push({moved: []})[0], alone.push(step), rtol=0, atol=TOLERANCE)
    assert alone.state == pool.state(moved)
    pool.set_state(others[1], alone.state)
    assert pool.n_steps(others[1]) == 21
    pool.reset(moved)
    assert pool.n_steps(moved) == 0
    alone.state = pool.state(others[1])
    alone.push([1, 2])
    assert pool.state(others[1]) != alone.state  # nothing is shared
    with pytest.raises(ArtifactError, match="another model"):
        pool.join(forecaster(seed=1).stream().state)
    assert len(pool) == 4
    assert pool.push({}).shape == (0, 3, 3)
    for arguments, message in ((({7: step},), "stream 7 is not in the pool of 4"), (([0, 0], [step] * 2), "twice")):
        with pytest.raises(RequestError, match=message):
            pool.push(*arguments)
