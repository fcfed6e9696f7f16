"""A stream of raw samples says at its end what `predict` says of the whole recording, whatever the chunks."""

import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sound_stream_toys import predictor, sound, toy

import lstmkit
from lstmkit.artifact import save_artifact
from lstmkit.core.errors import ArtifactError, DataError, RequestError
from sounds import RATE

TOLERANCE = 1e-6
RATES = (RATE, 11_025)
CELLS, POOLINGS = ("lstm", "gru"), ("last", "mean", "max")


def whole_of(model: Any, samples: np.ndarray, rate: int) -> np.ndarray:
    """The batch answer to a whole recording."""
    return model.predict_proba([(samples, rate)])[0]


@settings(max_examples=100, deadline=None)
@given(
    n=st.integers(1, 3000),
    ends=st.sets(st.one_of(st.integers(0, 300), st.integers(0, 3000)), max_size=12),
    seed=st.integers(0, 2**10),
    rate=st.sampled_from(RATES),
    channels=st.integers(1, 2),
    kind=st.sampled_from(["float32", "float64", "int16", "int32", "list"]),
    deltas=st.integers(0, 1),
    cell=st.sampled_from(CELLS),
    num_layers=st.integers(1, 2),
    pooling=st.sampled_from(POOLINGS),
    engine=st.sampled_from(["auto", "reference"]),
)
def test_any_chunking_gives_the_answer_of_the_batch(
    n: int,
    ends: set[int],
    seed: int,
    rate: int,
    channels: int,
    kind: str,
    deltas: int,
    cell: str,
    num_layers: int,
    pooling: str,
    engine: str,
) -> None:
    model = predictor(deltas=deltas, cell=cell, num_layers=num_layers, pooling=pooling, engine=engine)
    samples = sound(n, seed)
    if channels == 2:
        samples = np.stack([samples, 0.5 * samples[::-1]], 1)
    if kind.startswith("int"):
        samples = (samples * np.iinfo(kind).max).astype(kind)
    elif kind != "list":
        samples = samples.astype(kind)
    stream = model.stream(rate=rate, channels=channels)
    places = [0, *sorted({min(end, n) for end in ends}), n]
    middle = len(places) // 2
    for k, (begin, end) in enumerate(pairwise(places)):
        if k == middle:  # as in another process
            saved, stream = stream.state, model.stream(rate=rate, channels=channels)
            stream.state = saved
            assert stream.state == saved
        chunk = samples[begin:end]
        answer = stream.push(chunk.tolist() if kind == "list" else chunk)
        assert answer.shape == (3,)
        assert np.isnan(answer).all() == (stream.n_steps == 0)
    answer = stream.finish()
    np.testing.assert_allclose(answer, whole_of(model, samples, rate), rtol=0, atol=TOLERANCE)
    assert answer.tobytes() == stream.probabilities.tobytes()


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("deltas", [0, 1])
def test_sample_by_sample_the_answer_moves_with_each_frame(rate: int, deltas: int) -> None:
    model, samples = predictor(deltas=deltas), sound(2000)
    stream = model.stream(rate=rate)
    answers = np.array([stream.push(samples[k : k + 1]) for k in range(len(samples))])
    known = answers[~np.isnan(answers).any(1)]
    if rate == RATE:  # a first frame of 25 ms, and two more with a hop of 10 ms where slopes look ahead
        assert len(samples) - len(known) == 199 + 160 * deltas
    assert len(np.unique(known, axis=0)) == stream.n_steps > 10
    np.testing.assert_allclose(stream.finish(), whole_of(model, samples, rate), rtol=0, atol=TOLERANCE)


def test_the_models_own_rate_unless_another_is_said() -> None:
    model, samples = predictor(), sound(1500)
    stream, same, other = model.stream(), model.stream(rate=RATE), model.stream(rate=RATE // 2)
    for one in (stream, same, other):
        one.push(samples)
    assert stream.finish().tobytes() == same.finish().tobytes()
    assert np.abs(stream.probabilities - other.finish()).max() > 1e-3


def test_no_frame_yet_is_nan_and_no_error() -> None:
    for pooling in (*POOLINGS, "max_mean"):
        model = predictor(pooling=pooling)
        stream, pool = model.stream(), model.stream_pool()
        one, other = pool.join(), pool.join()
        for step in ([], np.zeros((0, 1)), sound(1), sound(150)):
            assert np.isnan(stream.push(step)).all()
            assert np.isnan(pool.push({one: step})).all()
        assert np.isnan(stream.probabilities).all()
        assert stream.n_steps == 0
        both = pool.push([one, other], [sound(100), sound(800)])
        assert np.isnan(both).any(1).tolist() == [False, False]
        third = pool.join()
        assert np.isnan(pool.push([third, one], [sound(9), sound(800)])).any(1).tolist() == [True, False]


def test_finish_is_once_and_of_something() -> None:
    model, samples = predictor(), sound(900)
    stream, pool = model.stream(), model.stream_pool()
    one = pool.join()
    with pytest.raises(DataError, match="it ended before a sample came; at least one is needed"):
        stream.finish()
    with pytest.raises(DataError, match="it ended before a sample came"):
        pool.finish(one)
    stream.push(samples)
    pool.push({one: samples})
    answer = stream.finish()
    np.testing.assert_allclose(pool.finish(one), answer, rtol=0, atol=TOLERANCE)
    before = stream.state
    for call in (
        lambda: stream.push(samples),
        stream.finish,
        lambda: pool.push({one: samples}),
        lambda: pool.finish(one),
    ):
        with pytest.raises(RequestError, match="finished; reset it before another recording"):
            call()
    assert stream.state == before
    again = model.stream()
    again.state = before  # that it has ended is remembered too
    assert again.probabilities.tobytes() == answer.tobytes()
    with pytest.raises(RequestError, match="finished"):
        again.push(samples)
    stream.reset()
    pool.reset(one)
    stream.push(samples)
    assert stream.finish().tobytes() == answer.tobytes()
    assert np.isnan(pool.push({one: samples[:10]})).all()


BAD: list[tuple[Any, str]] = [
    (np.zeros((40, 2)), r"samples of 2 channels; 1 are expected; give \(samples,\) or \(samples, channels\)"),
    (np.zeros((2, 3, 4)), r"samples of shape \(2, 3, 4\)"),
    ([0.1, float("nan")], "a sample that is NaN, infinite or beyond float32 at 0.125125 s"),
    ([0.1, float("inf")], "a sample that is NaN, infinite"),
    (0.5, r"samples of shape \(\)"),
    ("0.1 0.2", "samples of type <U7"),
    (["0.1"], "samples of type <U3"),
    (b"12", r"samples of type \|S2"),
    ("", "samples of type <U"),
    (None, "samples of type object"),
    ([0.1, None], "samples of type object"),
    ([1j], "samples of type complex128"),
    ([1, 2], "samples of type int64; floating point between -1 and 1, or 8-, 16- or 32-bit integers"),
    ([[0.1], [0.1, 0.2]], "samples that are no array"),
    ({"x": 1}, "samples of type object"),
]


@pytest.mark.parametrize(("step", "message"), BAD)
def test_bad_samples_are_one_line_and_change_nothing(step: Any, message: str) -> None:
    model = predictor()
    stream, pool = model.stream(), model.stream_pool()
    stream.push(sound(1000))
    one, other = pool.join(stream.state), pool.join()
    before, fresh, answer = stream.state, pool.state(other), stream.probabilities
    with pytest.raises(DataError, match=message) as caught:
        stream.push(step)
    assert "\n" not in str(caught.value)
    with pytest.raises(DataError, match=message):
        pool.push({other: sound(500), one: step})
    assert stream.state == pool.state(one) == before
    assert pool.state(other) == fresh
    assert stream.probabilities.tobytes() == answer.tobytes()


def test_a_rate_that_cannot_be_is_refused() -> None:
    from series_stream_toys import predictor as of_series

    model = predictor()
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"rate": 10}, "a sampling rate of 10 Hz; whole numbers from 1,000 to 384,000"),
        ({"rate": 8000.5}, "a sampling rate of 8000.5 Hz"),
        ({"rate": True}, "a sampling rate of True Hz"),
        ({"channels": 0}, "0 channels; 1 or more are allowed"),
    ]
    for options, message in wrong:
        for make in (model.stream, model.stream_pool):
            with pytest.raises(RequestError, match=message):
                make(**options)
    others: list[dict[str, Any]] = [{"rate": 8000}, {"channels": 2}]
    for options in others:
        with pytest.raises(RequestError, match="are of recordings, and this model reads series; leave them out"):
            of_series().stream(**options)


def test_finish_changes_nothing_of_a_series() -> None:
    from series_stream_toys import predictor as of_series

    model = of_series()
    stream, pool = model.stream(), model.stream_pool()
    one = pool.join()
    for call in (stream.finish, lambda: pool.finish(one)):
        with pytest.raises(RequestError, match="has read no step, so it has no answer"):
            call()
    answer = stream.push([1, 2, 3])
    pool.push({one: [1, 2, 3]})
    before = stream.state
    assert stream.finish().tobytes() == answer.tobytes()
    np.testing.assert_allclose(pool.finish(one), answer, rtol=0, atol=TOLERANCE)
    assert stream.state == before


CONTINUE = """
import sys
from pathlib import Path
import numpy as np
import lstmkit
stream = lstmkit.load(sys.argv[1]).stream(rate=11_025)
stream.state = Path(sys.argv[2]).read_bytes()
samples = np.load(sys.argv[3], allow_pickle=False)
for chunk in np.array_split(samples, 7):
    sys.stdout.write(stream.push(chunk).tobytes().hex())
sys.stdout.write(stream.finish().tobytes().hex())
"""


@pytest.mark.parametrize("cell", CELLS)
def test_another_process_goes_on_to_the_same_bits(tmp_path: Path, cell: str) -> None:
    artifact = toy(cell=cell, num_layers=2, deltas=1)
    save_artifact(tmp_path / "model", artifact.network, artifact.architecture, artifact.encoder, artifact.labels)
    stream = lstmkit.load(tmp_path).stream(rate=11_025)
    stream.push(sound(1777))
    (tmp_path / "state").write_bytes(stream.state)
    samples = sound(1234, seed=5)
    np.save(tmp_path / "samples.npy", samples)
    expected = "".join(stream.push(chunk).tobytes().hex() for chunk in np.array_split(samples, 7))
    expected += stream.finish().tobytes().hex()
    command = [sys.executable, "-c", CONTINUE, *(str(tmp_path / name) for name in ("", "state", "samples.npy"))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == expected


def test_a_state_that_is_none_is_refused() -> None:
    from test_stream import altered

    model = predictor()
    stream = model.stream()
    stream.push(sound(1000))
    good = stream.state
    for bad, message in (
        (good[:-40] + b"\0" + good[-39:], "damaged"),
        (altered(good, arrays=[]), "its arrays are not this model's"),
        (altered(good, more=b"\0\0"), "its arrays are not this model's"),
        (model.stream(rate=11_025).state, "to sound of another rate"),
        (model.stream(channels=2).state, "belongs to another model"),
        (predictor(deltas=1).stream().state, "belongs to another model"),
    ):
        with pytest.raises(ArtifactError, match=message):
            stream.state = bad
        assert stream.state == good


def test_what_is_remembered_does_not_grow() -> None:
    stream = predictor(deltas=1).stream(rate=11_025)
    sizes = set()
    for k in range(60):
        stream.push(sound(1102, seed=k))
        sizes.add(len(stream.state) // 1000)
    assert stream.n_steps > 500
    assert len(sizes) <= 3


@settings(max_examples=40, deadline=None)
@given(data=st.data(), cell=st.sampled_from(CELLS), pooling=st.sampled_from(POOLINGS), rate=st.sampled_from(RATES))
def test_joins_and_leaves_change_no_answer(data: st.DataObject, cell: str, pooling: str, rate: int) -> None:
    model = predictor(cell=cell, pooling=pooling, deltas=1)
    pool = model.stream_pool(rate=rate)
    alone: dict[int, Any] = {}
    for turn in range(data.draw(st.integers(1, 8))):
        for _ in range(data.draw(st.integers(0, 3))):
            alone[pool.join()] = model.stream(rate=rate)
        if alone and data.draw(st.booleans()):
            gone = data.draw(st.sampled_from(sorted(alone)))
            pool.leave(gone)
            del alone[gone]
        if not alone:
            continue
        chosen = data.draw(st.lists(st.sampled_from(sorted(alone)), min_size=1, unique=True))
        chunks = {k: sound(data.draw(st.sampled_from([0, 1, 80, 110, 700])), turn) for k in chosen}
        for k, answer in zip(chosen, pool.push(chunks), strict=True):
            np.testing.assert_allclose(answer, alone[k].push(chunks[k]), rtol=0, atol=TOLERANCE)
            assert pool.n_steps(k) == alone[k].n_steps
        if data.draw(st.booleans()) and alone[chosen[0]].n_steps:
            ended = chosen[0]
            np.testing.assert_allclose(pool.finish(ended), alone[ended].finish(), rtol=0, atol=TOLERANCE)
            pool.reset(ended)
            alone[ended].reset()
