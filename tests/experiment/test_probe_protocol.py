"""The probe's protocol: what is asked, how a cell climbs, how a network is trained and scored."""

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from lstmkit.core.errors import RequestError
from lstmkit.data.tasks import TASKS, Task
from lstmkit.experiment.probe import ladder, network
from lstmkit.experiment.probe.ladder import Ladder, record_of
from lstmkit.experiment.probe.network import Stopped, is_solved, train_network
from lstmkit.experiment.probe.plan import CELLS, FULL, QUICK, Plan, Setting, plan_of

ADDING, RECALL = TASKS["adding"], TASKS["recall"]
TINY = replace(
    QUICK, tasks=("recall",), cells=("lstm",), lags=(2, 3), hidden_size=16, steps=400, validate_every=20, n_valid=130,
    n_test=300,
)  # fmt: skip


class Silent:
    """A listener that keeps what it is told."""

    def __init__(self) -> None:
        self.points: list[dict[str, Any]] = []
        self.n_points: list[int] = []

    def say(self, line: str) -> None: ...

    def on_validation(self, task: Task, cell: str, lag: int, step: int, n_steps: int, value: float) -> None: ...

    def on_point(self, task: Task, cell: str, point: dict[str, Any]) -> None:
        self.points.append(point)

    def on_ladder(self, task: Task, cell: str, n_points: int) -> None:
        self.n_points.append(n_points)


# What is asked


def test_the_full_and_the_quick_plan_are_those_of_the_help() -> None:
    assert plan_of() == FULL
    assert plan_of(quick=True) == QUICK
    assert FULL.tasks == QUICK.tasks == ("adding", "temporal-order")
    assert (FULL.lags[0], FULL.lags[-1]) == (10, 1000)
    assert FULL.cells == QUICK.cells == tuple(CELLS) == ("rnn", "gru", "lstm", "chrono")


def test_options_choose_from_the_plan_in_its_order() -> None:
    plan = plan_of(tasks="recall, adding,recall", cells="lstm,rnn", lags="100,10,100", seed=3, engine="torch")
    assert plan == replace(
        FULL, tasks=("adding", "recall"), cells=("rnn", "lstm"), lags=(10, 100), seed=3, engine="torch"
    )
    assert plan_of(tasks="all").tasks == tuple(TASKS)


BAD = {
    "an unknown task": ({"tasks": "addding"}, "task 'addding' is unknown; there are adding, .*did you mean 'adding'"),
    "one known and one not": ({"tasks": "adding,memory"}, "task 'memory' is unknown; there are adding, "),
    "all and more": ({"tasks": "all,adding"}, "task 'all' is unknown"),
    "no task": ({"tasks": ""}, "--tasks is empty; give one or more with commas between"),
    "commas alone": ({"tasks": " , "}, "--tasks is empty"),
    "an unknown cell": ({"cells": "lstm,grru"}, "cell 'grru' is unknown; there are rnn, gru, .*did you mean 'gru'"),
    "no cell": ({"cells": ","}, "--cells is empty"),
    "no lag": ({"lags": ""}, "--lags is empty; give one or more with commas between, as 10,100"),
    "a lag below the smallest": ({"lags": "9"}, "--lags 9: temporal-order needs 10 steps or more; give longer lags"),
    "a lag below every smallest": ({"lags": "1", "tasks": "recall"}, "--lags 1: recall needs 2 steps or more"),
    "a lag above the longest": ({"lags": "10,1001"}, "--lags 1001: above 1,000, the longest; give shorter lags"),
    "a lag that is no number": ({"lags": "10,many"}, "--lags many: not a whole number"),
    "a negative lag": ({"lags": "-10"}, "--lags -10: not a whole number"),
    "a fraction": ({"lags": "10.5"}, "--lags 10.5: not a whole number"),
    "a digit of another script": ({"lags": "²"}, "--lags ²: not a whole number"),
    "a negative seed": ({"seed": -1}, "--seed -1: a seed is 0 to 2,147,483,647"),
    "a seed too large": ({"seed": 2**31}, "--seed 2147483648: a seed is 0 to"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_request_is_one_line(name: str) -> None:
    options, message = BAD[name]
    with pytest.raises(RequestError, match=message) as caught:
        plan_of(**options)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


# How a cell climbs


def trial(setting: Setting, valid: float, test: float | None = None) -> dict[str, Any]:
    test = valid if test is None else test
    return {"learning_rate": setting.learning_rate, "clip_norm": setting.clip_norm, "steps": 10, "seconds": 0.1,
            "finite": True, "valid": valid, "test": test, "test_ci95": [test, test]}  # fmt: skip


FIRST, SECOND, THIRD = SETTINGS = (Setting(0.1, 1.0), Setting(0.2, 1.0), Setting(0.3, 0.0))


@pytest.fixture
def climbing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Climb with made-up networks: a table of validation values by (lag, setting); those trained are listed."""
    trained: list[tuple[int, Setting]] = []

    def climb(task: Task, lags: tuple[int, ...], values: dict[tuple[int, Setting], Any]) -> Silent:
        def train(task: Task, cell: str, lag: int, setting: Setting, plan: Plan, **_: Any) -> dict[str, Any]:
            trained.append((lag, setting))
            found = values.get((lag, setting), 0.0 if task.n_classes else 0.17)
            return trial(setting, *found) if isinstance(found, tuple) else trial(setting, found)

        monkeypatch.setattr(ladder, "train_network", train)
        listener = Silent()
        plan = replace(FULL, lags=lags, settings=SETTINGS)
        points = Ladder(tmp_path / "networks", task, "lstm", plan, listener, lambda: False).climb()
        assert points == listener.points
        assert listener.n_points == [len(points)]
        return listener

    climb.trained = trained  # type: ignore[attr-defined]
    return climb


def test_two_unsolved_in_a_row_end_the_climb_and_one_does_not(climbing: Any) -> None:
    solved = {(10, FIRST): 0.01, (50, FIRST): 0.01}
    points = climbing(ADDING, (10, 20, 50, 100, 200, 500), solved).points
    assert [(p["lag"], p["solved"]) for p in points] == [
        (10, True), (20, False), (50, True), (100, False), (200, False)
    ]  # fmt: skip
    curves = {"adding": {"lstm": points}}
    plan = replace(FULL, tasks=("adding",), cells=("lstm",))
    assert record_of(plan, curves)["horizon"] == {"adding": {"lstm": 50}}


def test_a_cell_that_solves_nothing_has_a_horizon_of_0(climbing: Any) -> None:
    points = climbing(RECALL, (2, 3, 4), {}).points
    assert [p["lag"] for p in points] == [2, 3]
    plan = replace(FULL, tasks=("recall",), cells=("lstm",))
    assert record_of(plan, {"recall": {"lstm": points}})["horizon"]["recall"]["lstm"] == 0


def test_the_setting_that_solved_goes_first_and_ends_the_search(climbing: Any) -> None:
    climbing(ADDING, (10, 20, 50), {(10, SECOND): 0.01, (20, SECOND): 0.01, (50, THIRD): 0.019})
    assert climbing.trained == [
        (10, FIRST), (10, SECOND), (20, SECOND), (50, SECOND), (50, FIRST), (50, THIRD),
    ]  # fmt: skip


def test_validation_chooses_and_the_test_value_is_the_chosen_ones(climbing: Any) -> None:
    """The test value of another trial is better, and of no account."""
    values = {(10, FIRST): (0.10, 0.001), (10, SECOND): (0.05, 0.09), (10, THIRD): (0.07, 0.001)}
    (point,) = climbing(ADDING, (10,), values).points
    assert (point["learning_rate"], point["value"], point["solved"]) == (0.2, 0.09, False)
    assert [t["valid"] for t in point["trials"]] == [0.10, 0.05, 0.07]


def test_more_is_better_where_accuracy_is_measured(climbing: Any) -> None:
    values = {(10, FIRST): 0.5, (10, SECOND): 0.9, (10, THIRD): 0.7}
    (point,) = climbing(RECALL, (10,), values).points
    assert (point["value"], point["solved"], point["baseline"]) == (0.9, False, 0.125)


def test_a_network_that_is_known_is_not_trained_again(climbing: Any, tmp_path: Path) -> None:
    values = {(10, SECOND): 0.01, (20, SECOND): 0.01}
    first = climbing(ADDING, (10, 20), values).points
    assert len(climbing.trained) == 3
    gone = next((tmp_path / "networks").glob("adding-lstm-20-*"))
    gone.unlink()
    assert climbing(ADDING, (10, 20), values).points == first
    assert climbing.trained[3:] == [(20, SECOND)]


# How a network is trained and scored


@pytest.mark.parametrize(
    ("task", "value", "solved"),
    [("adding", 0.0199, True), ("adding", 0.02, False), ("adding", math.nan, False), ("recall", 0.95, False),
     ("recall", 0.9501, True), ("recall", math.nan, False)],
)  # fmt: skip
def test_the_rule(task: str, value: float, solved: bool) -> None:
    assert is_solved(TASKS[task], value) is solved


@pytest.mark.parametrize("name", sorted(TASKS))
@pytest.mark.parametrize("cell", sorted(CELLS))
def test_a_network_answers_after_the_last_steps(name: str, cell: str) -> None:
    task = TASKS[name]
    batch = task.examples(10, 6, seed=0, purpose="test")
    net = network.build(task, cell, 8, 10, 0, "auto")
    inputs = torch.from_numpy(batch.inputs)
    outputs = net(inputs)
    assert outputs.shape == (*batch.targets.shape, task.n_classes or 1)
    changed = inputs.clone()
    changed[-1] += 1.0  # the last step reaches the last answer alone
    moved = (net(changed) - outputs).abs().amax((1, 2)) > 1e-6
    assert moved.tolist() == [False] * (task.n_answers - 1) + [True]
    changed = inputs.clone()
    changed[0] += 1.0  # the first step reaches all
    assert bool(((net(changed) - outputs).abs().amax((1, 2)) > 0).all())


def test_chrono_is_the_lstm_prepared_for_the_lag_and_nothing_else() -> None:
    one, other = (network.build(ADDING, cell, 8, 40, 3, "auto") for cell in ("lstm", "chrono"))
    differing = {n for n, p in one.named_parameters() if not torch.equal(p, other.get_parameter(n))}
    assert differing >= {"recurrence.bias_ih_l0"}
    assert "recurrence.weight_ih_l0" not in differing
    assert "recurrence.weight_hh_l0" not in differing
    spans = other.recurrence.bias_ih_l0.detach()[8:16].exp()
    assert bool((spans >= 0.999).all() and (spans <= 39.001).all())


class Oracle(nn.Module):
    """Answers adding rightly, or as one who has seen no mark."""

    def __init__(self, knows: bool) -> None:
        super().__init__()
        self.knows = knows

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        total = (inputs[..., 0] * inputs[..., 1]).sum(0)
        return (total if self.knows else torch.ones_like(total))[None, :, None]


def scored(net: nn.Module, n: int) -> tuple[float, list[float]]:
    scores = network._answers(net, ADDING, 50, n, 0, "test", lambda: False)  # type: ignore[arg-type]
    assert scores.shape == (n,)
    return network._summary(ADDING, scores)


def test_scores_are_those_of_who_knows_and_of_who_does_not() -> None:
    assert scored(Oracle(True), 300)[0] < 1e-12
    value, (low, high) = scored(Oracle(False), 4000)
    assert low < 1 / 6 < high
    assert high - low == pytest.approx(2 * 1.96 * math.sqrt(7 / 180 - 1 / 36) * 2 / math.sqrt(4000), rel=0.35)
    assert abs(value - 1 / 6) < 0.02


def test_an_accuracys_interval_is_wilsons() -> None:
    value, interval = network._summary(RECALL, np.array([1.0] * 95 + [0.0] * 5))
    assert value == 0.95
    assert interval == pytest.approx([0.8882, 0.9785], abs=1e-4)
    value, interval = network._summary(TASKS["copying"], np.array([1.0] * 50))  # shares of ten answers: a normal one
    assert interval == [1.0, 1.0]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """As the probe trains its networks."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def train(plan: Plan = TINY, cell: str = "lstm", lag: int = 6, **options: Any) -> dict[str, Any]:
    return train_network(RECALL, cell, lag, Setting(0.01, 1.0), plan, **options)


def timeless(record: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key != "seconds"}


def test_a_network_that_learns_stops_early_and_is_scored_on_its_best() -> None:
    seen: list[tuple[int, float]] = []
    record = train(watch=lambda step, value: seen.append((step, value)))
    assert [step for step, _ in seen] == list(range(20, record["steps"] + 1, 20))
    assert seen[-1][1] == record["valid"] >= 0.975 > max(value for _, value in seen[:-1])
    assert record["steps"] < TINY.steps
    assert record["test"] > 0.95
    assert record["test_ci95"][0] <= record["test"] <= record["test_ci95"][1]
    json.dumps(record, allow_nan=False)


def test_the_same_request_gives_the_same_bits_and_leaves_torchs_generator_alone() -> None:
    torch.manual_seed(11)
    first = train()
    drawn = torch.rand(3)
    torch.manual_seed(11)
    assert torch.equal(torch.rand(3), drawn)
    assert timeless(train()) == timeless(first)
    assert timeless(train(replace(TINY, seed=1))) != timeless(first)


def test_a_budget_that_is_too_small_leaves_the_baseline() -> None:
    record = train(replace(TINY, steps=3, n_valid=2000, n_test=2000), lag=50)
    assert record["steps"] == 3
    assert abs(record["test"] - 1 / 8) < 0.04


def test_a_loss_that_is_no_number_ends_training_with_what_was_there() -> None:
    record = train_network(ADDING, "rnn", 20, Setting(1e38, 0.0), replace(TINY, steps=50))
    assert record["finite"] is False
    assert record["steps"] < 50
    json.dumps(record, allow_nan=False)


def test_training_stops_when_it_is_asked_to() -> None:
    asked = iter([False] * 20 + [True] * 1000)
    with pytest.raises(Stopped):
        train(stopping=lambda: next(asked))
