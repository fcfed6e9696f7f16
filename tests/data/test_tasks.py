"""The probe's tasks: made from the seed alone, with the answer in the inputs, and unanswerable without memory."""

import hashlib
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmkit.data.tasks import LONGEST_LAG, TASKS, Draws, Examples, Task

NAMES = sorted(TASKS)
ENTER, TRIGGER, X, Y = 0, 1, 6, 7


def make(name: str, lag: int, size: int = 500, seed: int = 0) -> Examples:
    return TASKS[name].examples(lag, size, seed=seed, purpose="test")


def symbols(batch: Examples) -> np.ndarray:
    """The numbers of one-hot inputs `(time, batch)`; each step must have exactly one."""
    assert set(np.unique(batch.inputs)) <= {0.0, 1.0}
    assert (batch.inputs.sum(2) == 1).all()
    return batch.inputs.argmax(2)


def test_there_are_the_four_of_the_probe() -> None:
    assert NAMES == ["adding", "copying", "recall", "temporal-order"]
    assert all(TASKS[name].name == name for name in NAMES)


@settings(max_examples=40, deadline=None)
@given(name=st.sampled_from(NAMES), lag=st.integers(10, LONGEST_LAG), seed=st.integers(0, 2**31 - 1))
def test_a_batch_depends_on_its_arguments_alone(name: str, lag: int, seed: int) -> None:
    task = TASKS[name]
    one, same = (task.examples(lag, 3, seed=seed, purpose="train", step=7) for _ in range(2))
    assert one.inputs.tobytes() == same.inputs.tobytes()
    assert one.targets.tobytes() == same.targets.tobytes()
    assert one.inputs.dtype == np.float32
    assert one.inputs.shape[1:] == (3, task.n_features)
    assert one.targets.shape == (task.n_answers, 3)
    if task.n_classes:
        assert one.targets.dtype == np.int64
        assert set(np.unique(one.targets)) <= set(range(task.n_classes))


@pytest.mark.parametrize("name", NAMES)
def test_batches_of_other_steps_purposes_seeds_and_lags_differ(name: str) -> None:
    task = TASKS[name]
    batches = [
        task.examples(20, 8, seed=seed, purpose=purpose, step=step).inputs.tobytes()
        for seed, purpose, step in itertools.product((0, 1), ("train", "valid", "test"), (0, 1))
    ]
    assert len(set(batches)) == len(batches) == 12
    assert task.examples(21, 8, seed=0, purpose="train").inputs[:20].tobytes() != batches[0]


def test_the_stream_is_pinned() -> None:
    """A probe resumed with another numpy still sees the same sequences."""
    digest = hashlib.sha256()
    for name in NAMES:
        batch = make(name, 30, 16, seed=5)
        digest.update(batch.inputs.tobytes() + batch.targets.tobytes())
    assert digest.hexdigest() == "928bbb3dfd05e8aec23bd54aea01d2770fe28703a1eeafade5a3ddd4ababbc7a"


def test_draws_are_uniform_and_within_bounds() -> None:
    numbers = Draws(1, 2, 3).uniform(200_000)
    assert 0.0 <= numbers.min() < 1e-4 < 1 - 1e-4 < numbers.max() < 1.0
    assert abs(numbers.mean() - 0.5) < 5 * (1 / 12 / 200_000) ** 0.5
    counts = np.bincount(Draws(4).integers(3, 7, 80_000), minlength=7)
    assert counts[:3].sum() == 0
    assert counts[3:].sum() == 80_000
    assert abs(counts[3:] - 20_000).max() < 5 * (80_000 * 3 / 16) ** 0.5


@pytest.mark.parametrize("lag", [2, 3, 10, 101])
def test_adding_marks_one_number_in_each_half(lag: int) -> None:
    batch = make("adding", lag)
    numbers, marks = batch.inputs[..., 0], batch.inputs[..., 1]
    assert batch.inputs.shape[0] == lag
    assert (marks[: lag // 2].sum(0) == 1).all()
    assert (marks[lag // 2 :].sum(0) == 1).all()
    wanted = [
        sum(float(number) for number, mark in zip(numbers[:, k], marks[:, k], strict=True) if mark) for k in range(500)
    ]
    assert np.allclose(batch.targets[0], wanted, rtol=0, atol=1e-6)
    if lag == 101:  # every place is marked now and then
        assert (marks.sum(1) > 0).sum() > 95


def test_without_memory_adding_costs_a_sixth() -> None:
    """The variance of a sum of two uniform numbers is 2/12; the best that who has seen no mark can say is the mean."""
    targets = make("adding", 10, 200_000).targets[0].astype(float)
    error = float(((targets - 1.0) ** 2).mean())
    assert TASKS["adding"].baseline == pytest.approx(1 / 6)
    assert error == pytest.approx(1 / 6, abs=5 * float(((targets - 1.0) ** 2).std()) / 200_000**0.5)


@pytest.mark.parametrize("lag", [10, 11, 19, 50, 1000])
def test_temporal_order_has_two_marks_at_their_places_among_distractors(lag: int) -> None:
    batch = make("temporal-order", lag)
    found = symbols(batch)
    assert found.shape == (lag, 500)
    assert (found[0] == ENTER).all()
    assert (found[-1] == TRIGGER).all()
    for k in range(500):
        places = [int(place) for place in np.flatnonzero(found[:, k] >= X)]
        early, middle = places
        assert lag // 10 <= early < 2 * lag // 10
        assert lag // 2 <= middle < 6 * lag // 10
        wanted = {(X, X): 0, (X, Y): 1, (Y, X): 2, (Y, Y): 3}[int(found[early, k]), int(found[middle, k])]
        assert batch.targets[0, k] == wanted
        others = np.delete(found[1:-1, k], [early - 1, middle - 1])
        assert set(others.tolist()) <= {2, 3, 4, 5}


@pytest.mark.parametrize("lag", [2, 10, 333])
def test_recall_asks_for_the_first_symbol_as_many_steps_later_as_the_lag(lag: int) -> None:
    batch = make("recall", lag)
    found = symbols(batch)
    assert found.shape == (lag + 1, 500)
    assert (found[-1] == 8).all()
    assert (found[:-1] < 8).all()
    assert batch.targets[0].tolist() == found[0].tolist()


@pytest.mark.parametrize("lag", [1, 10, 250])
def test_copying_asks_for_the_word_after_the_blanks(lag: int) -> None:
    batch = make("copying", lag)
    found = symbols(batch)
    assert found.shape == (lag + 20, 500)
    assert batch.targets.tolist() == found[:10].tolist()
    assert (found[:10] < 8).all()
    (questions,) = {tuple(np.flatnonzero(found[:, k] == 9)) for k in range(500)}
    assert questions == (lag + 9,)  # the next ten steps are those of the answers
    assert (np.delete(found[10:], lag - 1, axis=0) == 8).all()


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"adding"}))
def test_without_memory_every_class_is_as_likely(name: str) -> None:
    task = TASKS[name]
    targets = make(name, 10, 40_000).targets[0]
    shares = np.bincount(targets, minlength=task.n_classes) / 40_000
    assert task.baseline == 1 / task.n_classes
    assert abs(shares - task.baseline).max() < 5 * (task.baseline * (1 - task.baseline) / 40_000) ** 0.5


@pytest.mark.parametrize("name", ["recall", "temporal-order"])
def test_what_comes_last_tells_nothing_of_the_answer(name: str) -> None:
    """Who sees the last three steps alone guesses no better than one who sees none."""
    task: Task = TASKS[name]
    batch = make(name, 20, 40_000)
    seen = [tuple(column) for column in symbols(batch)[-4:-1].T.tolist()]
    best: dict[tuple[int, ...], np.ndarray] = {}
    for key, target in zip(seen[:20_000], batch.targets[0, :20_000].tolist(), strict=True):
        best.setdefault(key, np.zeros(task.n_classes))[target] += 1
    nothing = np.ones(task.n_classes)
    right = [
        int(best.get(key, nothing).argmax()) == target
        for key, target in zip(seen[20_000:], batch.targets[0, 20_000:].tolist(), strict=True)
    ]
    assert np.mean(right) < task.baseline + 5 * (task.baseline * (1 - task.baseline) / 20_000) ** 0.5


@pytest.mark.parametrize("name", NAMES)
def test_a_lag_without_room_is_refused(name: str) -> None:
    task = TASKS[name]
    task.examples(task.smallest_lag, 4, seed=0, purpose="train")
    with pytest.raises(ValueError, match=rf"lag {task.smallest_lag - 1} is below {task.smallest_lag}.*{name}"):
        task.examples(task.smallest_lag - 1, 4, seed=0, purpose="train")
