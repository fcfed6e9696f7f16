"""A stream of a series says after each push what a batch says of the series so far, values missing or not."""

import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from series_stream_toys import batch, predictor, series, toy

import lstmkit
from lstmkit.artifact import save_artifact
from lstmkit.core.errors import ArtifactError, DataError, RequestError
from lstmkit.nn.library import native_library

TOLERANCE = 1e-6
CELLS, POOLINGS = ("lstm", "gru", "rnn"), ("last", "mean", "max", "max_mean")


@settings(max_examples=100, deadline=None)
@given(
    n_steps=st.integers(1, 40),
    ends=st.sets(st.integers(0, 40)),
    seed=st.integers(0, 2**16),
    n_channels=st.integers(1, 3),
    missing=st.sampled_from([0.0, 0.3, 0.9]),
    fitted_missing=st.sampled_from([0.0, 0.3]),
    as_lists=st.booleans(),
    cell=st.sampled_from(CELLS),
    num_layers=st.integers(1, 3),
    pooling=st.sampled_from(POOLINGS),
    engine=st.sampled_from(["auto", "reference"]),
)
def test_any_chunking_gives_the_answer_of_the_batch(
    n_steps: int,
    ends: set[int],
    seed: int,
    n_channels: int,
    missing: float,
    fitted_missing: float,
    as_lists: bool,
    cell: str,
    num_layers: int,
    pooling: str,
    engine: str,
) -> None:
    model = predictor(
        n_channels=n_channels, missing=fitted_missing, cell=cell, num_layers=num_layers, pooling=pooling, engine=engine
    )
    values = series(n_steps, n_channels, seed, missing)
    stream = model.stream()
    for begin, end in pairwise([0, *sorted({min(end, n_steps) for end in ends}), n_steps]):
        if not end:
            continue
        chunk = values[begin:end]
        answer = stream.push([[None if np.isnan(x) else x for x in step] for step in chunk] if as_lists else chunk)
        np.testing.assert_allclose(answer, batch(model, values[:end]), rtol=0, atol=TOLERANCE)
        assert stream.n_steps == end
    assert answer.shape == (3,)
    assert answer.dtype == np.float64


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("pooling", POOLINGS)
def test_every_single_step(cell: str, pooling: str) -> None:
    model = predictor(cell=cell, num_layers=2, pooling=pooling, hidden_size=37)
    assert (model.stream().engine.name == "native") == (cell == "lstm" and native_library().library is not None)
    values = series(80)
    stream = model.stream()
    answers = []
    for k, step in enumerate(values, 1):
        answers.append(stream.push(step.tolist() if k % 2 else step))
        np.testing.assert_allclose(answers[-1], batch(model, values[:k]), rtol=0, atol=TOLERANCE)
    n_differ = (np.abs(np.diff(answers, axis=0)).max(1) > 1e-4).sum()
    assert n_differ > (70 if pooling == "last" else 20)  # else agreement would say nothing


def test_a_value_that_stands_in_is_carried_over_a_push() -> None:
    """Forgetting it at a push's end, which reads a gap as the mean, is another answer."""
    model = predictor(pooling="last")
    stream, cut = model.stream(), model.stream()
    first, gap = np.array([[9.0, 90.0, 900.0]], dtype=np.float32), np.full((1, 3), np.nan, dtype=np.float32)
    stream.push(first)
    answer = stream.push(gap)
    np.testing.assert_allclose(answer, batch(model, np.concatenate([first, gap])), rtol=0, atol=TOLERANCE)
    cut.push(first)
    cut._memory.carried.forget(slice(None))
    assert np.abs(cut.push(gap) - answer).max() > 1e-3


def test_one_channel_takes_numbers() -> None:
    model = predictor(n_channels=1)
    values = series(6, 1, missing=0.0)
    stream = model.stream()
    stream.push(float(values[0, 0]))
    stream.push(values[1, 0])
    stream.push(values[2])  # a step of one channel, or a chunk of one step: the same
    stream.push(values[3:5, 0].tolist())
    answer = stream.push(values[5:])
    assert stream.n_steps == 6
    np.testing.assert_allclose(answer, batch(model, values), rtol=0, atol=TOLERANCE)
    whole = predictor(n_channels=1).stream()
    np.testing.assert_allclose(whole.push([3, np.nan, None]), batch(model, np.array([[3], [np.nan], [np.nan]])))


def test_long_chunks_are_read_in_blocks_and_not_truncated() -> None:
    model, short = predictor(max_length=5000), predictor(max_length=4)
    values = series(2500)
    answer = short.stream().push(values)
    np.testing.assert_allclose(answer, batch(model, values), rtol=0, atol=TOLERANCE)
    assert np.abs(answer - batch(short, values)).max() > 1e-3


def test_a_push_without_a_step_changes_nothing() -> None:
    stream = predictor().stream()
    for empty in ([], np.zeros((0, 3))):
        with pytest.raises(RequestError, match="has read no step, so it has no answer; push one that holds a step"):
            stream.push(empty)
    before = stream.push([1, 2, 3])
    assert stream.push([]).tobytes() == before.tobytes()
    assert stream.n_steps == 1


BAD: list[tuple[Any, str]] = [
    ([1.0, 2.0], r"a list of 2 numbers came, and this model reads 3 channels \(x, y, z\); push a step of 3 numbers"),
    (np.zeros((4, 2)), r"an array of shape \(4, 2\) came, and this model reads 3 channels"),
    (np.zeros((1, 4, 3)), r"an array of shape \(1, 4, 3\) came"),
    (7.0, "a single number came, and this model reads 3 channels"),
    ([1.0, 2.0, float("inf")], "the step holds an infinite value; NaN stands for a missing one"),
    ([1.0, 2.0, 1e39], "the step holds an infinite value"),
    ([1.0, 2.0, 10**400], "the step holds a number beyond all bounds"),
    ("1 2 3", r"the step holds '1 2 3' \(str\), which is no number"),
    (["1", "2", "3"], r"the step holds '1' \(str\), which is no number"),
    ([1.0, "2", None], r"the step holds '2' \(str\), which is no number"),
    ([1.0, 2.0, 1j], r"holds \(1\+0j\) \(complex\), which is no number"),
    (b"123", r"the step holds b'123' \(bytes\)"),
    ([[1, 2, 3], [4, 5]], "the step is no array of numbers: lists of unequal lengths"),
    ({"x": 1}, r"the step holds \{'x': 1\} \(dict\), which is no number"),
    (None, "None came, which is no step; push a step of 3 numbers"),
]


@pytest.mark.parametrize(("step", "message"), BAD)
def test_a_bad_step_is_one_line_and_changes_nothing(step: Any, message: str) -> None:
    model = predictor()
    stream, pool = model.stream(), model.stream_pool()
    stream.push(series(5))
    one, other = pool.join(stream.state), pool.join()
    before = stream.state
    with pytest.raises(DataError, match=message) as caught:
        stream.push(step)
    assert "\n" not in str(caught.value)
    with pytest.raises(DataError, match=message):
        pool.push({other: [1, 2, 3], one: step})
    assert stream.state == pool.state(one) == before
    assert pool.n_steps(other) == 0


def test_reset_forgets_what_stood_in() -> None:
    stream = predictor(num_layers=2).stream()
    values = series(12, seed=3)
    assert np.isnan(values[0]).any()
    first = [stream.push(step).tobytes() for step in values]
    stream.reset()
    assert [stream.push(step).tobytes() for step in values] == first


CONTINUE = """
import sys
from pathlib import Path
import numpy as np
import lstmkit
stream = lstmkit.load(sys.argv[1]).stream()
stream.state = Path(sys.argv[2]).read_bytes()
values = np.load(sys.argv[3], allow_pickle=False)
sys.stdout.write(str(stream.n_steps) + " " + "".join(stream.push(step).tobytes().hex() for step in values))
sys.stdout.write(stream.push(values).tobytes().hex())
"""


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_another_process_goes_on_to_the_same_bits(tmp_path: Path, cell: str) -> None:
    artifact = toy(cell=cell, num_layers=2)
    save_artifact(tmp_path / "model", artifact.network, artifact.architecture, artifact.encoder, artifact.labels)
    stream = lstmkit.load(tmp_path).stream()
    stream.push(series(7))
    (tmp_path / "state").write_bytes(stream.state)
    values = series(9, seed=5)
    assert np.isnan(values[0]).any()  # what stands in there comes with the state
    np.save(tmp_path / "values.npy", values)
    expected = "".join(stream.push(step).tobytes().hex() for step in values) + stream.push(values).tobytes().hex()
    command = [sys.executable, "-c", CONTINUE, *(str(tmp_path / name) for name in ("", "state", "values.npy"))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"7 {expected}"


def test_a_state_that_is_none_is_refused() -> None:
    from test_stream import altered

    stream = predictor().stream()
    stream.push(series(4))
    good = stream.state
    for bad, message in (
        (good[:-40] + b"\0" + good[-39:], "damaged"),
        (altered(good, arrays=[]), "its arrays are not this model's"),
        (altered(good, more=b"\0\0"), "its arrays are not this model's"),
        (predictor(n_channels=2).stream().state, "belongs to another model"),
        (predictor(missing=0.0).stream().state, "belongs to another model"),  # other scales, and no masks
    ):
        with pytest.raises(ArtifactError, match=message):
            stream.state = bad
        assert stream.state == good


@settings(max_examples=60, deadline=None)
@given(
    data=st.data(),
    cell=st.sampled_from(CELLS),
    num_layers=st.integers(1, 2),
    pooling=st.sampled_from(POOLINGS),
    n_channels=st.integers(1, 3),
)
def test_joins_and_leaves_change_no_answer(
    data: st.DataObject, cell: str, num_layers: int, pooling: str, n_channels: int
) -> None:
    model = predictor(cell=cell, num_layers=num_layers, pooling=pooling, n_channels=n_channels)
    pool = model.stream_pool()
    seen: dict[int, np.ndarray] = {}
    for turn in range(data.draw(st.integers(1, 10))):
        for _ in range(data.draw(st.integers(0, 4))):
            seen[pool.join()] = np.zeros((0, n_channels), dtype=np.float32)
        if seen and data.draw(st.booleans()):
            gone = data.draw(st.sampled_from(sorted(seen)))
            pool.leave(gone)
            del seen[gone]
        if not seen:
            continue
        chosen = data.draw(st.lists(st.sampled_from(sorted(seen)), min_size=1, unique=True))
        longest = data.draw(st.sampled_from([1, 1, 5]))
        chunks = {
            stream: series(data.draw(st.integers(0 if len(seen[stream]) else 1, longest)), n_channels, 100 * turn + k)
            for k, stream in enumerate(chosen)
        }
        at_once = all(len(chunk) == 1 for chunk in chunks.values()) and data.draw(st.booleans())
        answers = pool.push(chosen, np.concatenate([*chunks.values()])) if at_once else pool.push(chunks)
        for stream, answer in zip(chosen, answers, strict=True):
            seen[stream] = np.concatenate([seen[stream], chunks[stream]])
            np.testing.assert_allclose(answer, batch(model, seen[stream]), rtol=0, atol=TOLERANCE)
            assert pool.n_steps(stream) == len(seen[stream])


def test_a_pool_grows_and_a_place_that_was_anothers_is_as_new() -> None:
    model = predictor()
    pool = model.stream_pool()
    ids = [pool.join() for _ in range(50)]
    values = np.stack([series(4, seed=k) for k in ids])
    answers = pool.push(ids, values)
    for k in (0, 17, 49):
        np.testing.assert_allclose(answers[k], batch(model, values[k]), rtol=0, atol=TOLERANCE)
    pool.leave(3)
    fresh = pool.join()
    gap = [None, 1.0, None]
    np.testing.assert_allclose(
        pool.push({fresh: gap})[0], batch(model, np.array([[np.nan, 1.0, np.nan]])), rtol=0, atol=TOLERANCE
    )


def test_chunks_longer_than_a_block() -> None:
    model = predictor(max_length=5000)
    pool = model.stream_pool()
    chunks = {pool.join(): series(n, seed=n) for n in (3, 700, 256, 1)}
    for answer, values in zip(pool.push(chunks), chunks.values(), strict=True):
        np.testing.assert_allclose(answer, batch(model, values), rtol=0, atol=TOLERANCE)
