"""Streams in a pool answer as they would alone, whoever joins, leaves or is silent."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from streaming_toys import WORDS, batch, predictor

from lstmkit.core.errors import ArtifactError, DataError, RequestError
from lstmkit.ragged import Layout
from lstmkit.stream.stack import Arrived

TOLERANCE = 1e-6


@settings(max_examples=60, deadline=None)
@given(
    data=st.data(),
    cell=st.sampled_from(["lstm", "gru", "rnn"]),
    num_layers=st.integers(1, 3),
    pooling=st.sampled_from(["last", "mean", "max", "max_mean"]),
)
def test_joins_and_leaves_change_no_answer(data: st.DataObject, cell: str, num_layers: int, pooling: str) -> None:
    model = predictor(cell=cell, num_layers=num_layers, pooling=pooling)
    pool = model.stream_pool()
    seen: dict[int, list[str]] = {}
    for _ in range(data.draw(st.integers(1, 12))):
        for _ in range(data.draw(st.integers(0, 4))):
            seen[pool.join()] = []
        if seen and data.draw(st.booleans()):
            gone = data.draw(st.sampled_from(sorted(seen)))
            pool.leave(gone)
            del seen[gone]
        if not seen:
            continue
        chosen = data.draw(st.lists(st.sampled_from(sorted(seen)), min_size=1, unique=True))
        longest = data.draw(st.sampled_from([1, 1, 5]))
        chunks = {
            stream: data.draw(st.lists(st.sampled_from(WORDS), min_size=0 if seen[stream] else 1, max_size=longest))
            for stream in chosen
        }
        answers = pool.push(chunks)
        assert answers.shape == (len(chosen), 3)
        for stream, answer in zip(chosen, answers, strict=True):
            seen[stream] += chunks[stream]
            np.testing.assert_allclose(answer, batch(model, seen[stream]), rtol=0, atol=TOLERANCE)
            assert pool.n_steps(stream) == len(seen[stream])
    assert sorted(pool.ids) == sorted(seen)
    assert len(pool) == len(seen)


def test_it_grows_and_numbers_are_never_given_twice() -> None:
    model = predictor()
    pool = model.stream_pool()
    ids = [pool.join() for _ in range(100)]
    assert ids == list(range(100))
    pool.push(ids, ["w1"] * 100)
    for stream in ids[::2]:
        pool.leave(stream)
    assert [pool.join() for _ in range(3)] == [100, 101, 102]
    assert 0 not in pool
    assert 1 in pool
    answers = pool.push(np.array(ids[1::2]), np.array(["w2"] * 50))
    np.testing.assert_allclose(answers, np.tile(batch(model, ["w1", "w2"]), (50, 1)), rtol=0, atol=TOLERANCE)
    # A place that was another's is as new.
    np.testing.assert_allclose(pool.push({101: "w5"})[0], batch(model, ["w5"]), rtol=0, atol=TOLERANCE)


def test_chunks_longer_than_a_block() -> None:
    model = predictor(max_length=5000)
    pool = model.stream_pool()
    random = np.random.default_rng(0)
    chunks = {pool.join(): random.choice(WORDS, n).tolist() for n in (3, 700, 256, 1)}
    for answer, words in zip(pool.push(chunks), chunks.values(), strict=True):
        np.testing.assert_allclose(answer, batch(model, words), rtol=0, atol=TOLERANCE)


@settings(deadline=None)
@given(lengths=st.lists(st.integers(1, 9), min_size=1, max_size=9))
def test_last_rows_are_those_of_the_layout(lengths: list[int]) -> None:
    layout = Layout(torch.tensor(sorted(lengths, reverse=True)))
    arrived = Arrived(np.zeros((1, 4)), np.zeros(layout.n_rows, np.int32), layout.offsets.numpy())
    np.testing.assert_array_equal(arrived.last_rows(), layout.last_rows.numpy())


def test_a_state_moves_between_streams_and_pools() -> None:
    model = predictor(num_layers=2)
    alone, pool = model.stream(), model.stream_pool()
    alone.push(["w1", "w2", "w3"])
    others = [pool.join() for _ in range(3)]
    moved = pool.join(alone.state)
    pool.push({others[0]: "w1", moved: "w4", others[2]: ["w5", "w6"]})
    alone.push("w4")
    np.testing.assert_allclose(pool.push({moved: ""})[0], alone.probabilities, rtol=0, atol=TOLERANCE)
    alone.state = pool.state(moved)
    assert alone.probabilities.tobytes() == pool.push([moved], [""])[0].tobytes()
    pool.set_state(others[1], alone.state)
    assert pool.n_steps(others[1]) == 4
    assert pool.state(others[1]) == pool.state(moved)
    pool.reset(moved)
    assert pool.n_steps(moved) == 0
    other = predictor(seed=1).stream()
    for wrong in (lambda: pool.join(other.state), lambda: pool.set_state(moved, other.state)):
        with pytest.raises(ArtifactError, match="another model"):
            wrong()
    assert len(pool) == 4


def test_an_empty_push_is_allowed() -> None:
    pool = predictor().stream_pool()
    assert pool.push({}).shape == (0, 3)
    assert pool.push([], []).shape == (0, 3)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (({7: "w1"},), RequestError, r"stream 7 is not in the pool of 2; join\(\) gives a number to each"),
        (([0, 7], ["w1", "w1"]), RequestError, "stream 7 is not in the pool"),
        (
            ([0, 1, 0], ["w1"] * 3),
            RequestError,
            "stream 0 stands twice in one push; give all that it has got as one chunk",
        ),
        (([0, 1], ["w1"]), RequestError, "2 streams came with 1 steps; give one step for each stream"),
        (([0, 1],), RequestError, "streams came without steps"),
        (({0: "w1"}, ["w1"]), RequestError, "a mapping and steps came"),
        (({0: "w1", 1: None},), DataError, "token None is a NoneType"),
        (({0: "w1", 1: ""},), RequestError, "stream 1 has read no step, so it has no answer"),
    ],
)
def test_a_bad_push_changes_nothing(arguments: tuple[Any, ...], error: type[Exception], message: str) -> None:
    pool = predictor().stream_pool()
    for _ in range(2):
        pool.join()
    pool.push({0: "w3"})
    before = [pool.state(stream) for stream in pool.ids]
    with pytest.raises(error, match=message) as caught:
        pool.push(*arguments)
    assert "\n" not in str(caught.value)
    assert [pool.state(stream) for stream in pool.ids] == before
    for of_one in (pool.leave, pool.state, pool.reset, pool.n_steps):
        with pytest.raises(RequestError, match="stream 9 is not in the pool"):
            of_one(9)
