"""One network of the probe: built, trained on batches made as it goes, and scored once."""

import math
import time
from collections.abc import Callable
from threading import Lock
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from lstmkit.data.tasks import Examples, Purpose, Task
from lstmkit.evaluate.statistics import wilson_interval
from lstmkit.experiment.probe.plan import CELLS, Plan, Setting
from lstmkit.nn import Adam, Recurrence, clip_gradients
from lstmkit.ragged import Layout

_SCORED = 128  # sequences scored at once: bounds memory
_drawing = Lock()  # torch's generator is one for all threads


class Network(nn.Module):
    """Recurrence -> fully connected, read after the last steps.

    Args:
        task: gives the sizes of inputs and answers.
        subject: one of `CELLS`.
        hidden_size: units.
        lag: of the task; chrono initialisation prepares for sequences of it.
        engine: see `lstmkit.nn.choose_engine`.
    """

    def __init__(self, task: Task, subject: str, hidden_size: int, lag: int, engine: str = "auto") -> None:
        super().__init__()
        self.n_answers = task.n_answers
        self.recurrence = Recurrence(
            CELLS[subject],
            task.n_features,
            hidden_size,
            initialization="chrono" if subject == "chrono" else "standard",
            chrono_length=lag,
            engine=engine,
        )
        self.head = nn.Linear(hidden_size, task.n_classes or 1)

    def forward(self, inputs: Float[Tensor, "time batch features"]) -> Float[Tensor, "answers batch outputs"]:
        """Logits, or the number asked for, of each answer."""
        n_steps, batch, _ = inputs.shape
        states = self.recurrence(inputs.flatten(0, 1), Layout(torch.full((batch,), n_steps)))
        return self.head(states.view(n_steps, batch, -1)[-self.n_answers :])


def build(task: Task, subject: str, hidden_size: int, lag: int, seed: int, engine: str) -> Network:
    """A network whose weights depend on the arguments alone; what torch's generator gives others is not disturbed."""
    with _drawing, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Network(task, subject, hidden_size, lag, engine)


class Stopped(Exception):  # noqa: N818  (no error: somebody asked)
    """Training was asked to stop before its end."""


def train_network(
    task: Task,
    subject: str,
    lag: int,
    setting: Setting,
    plan: Plan,
    *,
    watch: Callable[[int, float], None] = lambda step, value: None,
    stopping: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """Train a fresh network until validation is solved with room to spare, or the budget is spent; score its best.

    Training ends once the validation error is half of what counts as solved. The weights that did best on validation
    are scored on test sequences, once. A network whose loss is not finite ends there, with what it had.

    Args:
        task: what it learns.
        subject: one of `CELLS`.
        lag: of the task.
        setting: rate and clipping.
        plan: steps, sizes, seed and engine.
        watch: shown the steps done and the last validation's value.
        stopping: asked before each step.

    Returns:
        The record of one trial: `learning_rate, clip_norm, steps, seconds, finite, valid, test, test_ci95`; seconds are
        of this thread's processor time, which others on the machine do not lengthen.

    Raises:
        Stopped: `stopping` said so.
    """
    started_s = time.thread_time()  # all that a network does, it does in this thread
    seed = plan.seed
    network = build(task, subject, plan.hidden_size, lag, seed, plan.engine)
    optimizer = Adam(network.parameters(), lr=setting.learning_rate)
    best, best_valid = _weights(network), _validate(network, task, lag, plan, stopping)
    step, finite = 0, True
    while step < plan.steps and finite:
        if stopping():
            raise Stopped
        batch = task.examples(lag, plan.batch_size, seed=seed, purpose="train", step=step)
        finite = _step(network, optimizer, task, batch, setting.clip_norm)
        step += 1
        if step % plan.validate_every == 0 or step == plan.steps or not finite:
            valid = _validate(network, task, lag, plan, stopping)
            watch(step, valid)
            if _better(task, valid, best_valid):
                best, best_valid = _weights(network), valid
            if _certain(task, valid):
                break
    network.load_state_dict(best)
    scores = _answers(network, task, lag, plan.n_test, seed, "test", stopping)
    value, interval = _summary(task, scores)
    return {
        "learning_rate": setting.learning_rate,
        "clip_norm": setting.clip_norm,
        "steps": step,
        "seconds": round(time.thread_time() - started_s, 2),
        "finite": finite,
        "valid": best_valid,
        "test": value,
        "test_ci95": interval,
    }


def is_solved(task: Task, value: float) -> bool:
    """The rule: a mean squared error below, or an accuracy above, what the task states."""
    return value > task.solved if task.n_classes else value < task.solved


def _step(network: Network, optimizer: Adam, task: Task, batch: Examples, clip_norm: float) -> bool:
    outputs = network(torch.from_numpy(batch.inputs))
    loss = _losses(task, outputs, torch.from_numpy(batch.targets)).mean()
    optimizer.zero_grad()
    loss.backward()
    norm = clip_gradients(network.parameters(), clip_norm or math.inf)
    if not torch.isfinite(loss + norm):
        return False
    optimizer.step()
    return True


def _losses(task: Task, outputs: Tensor, targets: Tensor) -> Tensor:
    if task.n_classes:
        return nn.functional.cross_entropy(outputs.flatten(0, 1), targets.flatten(), reduction="none")
    return (outputs[..., 0] - targets).square()


def _validate(network: Network, task: Task, lag: int, plan: Plan, stopping: Callable[[], bool]) -> float:
    return float(_answers(network, task, lag, plan.n_valid, plan.seed, "valid", stopping).mean())


def _answers(
    network: nn.Module, task: Task, lag: int, n: int, seed: int, purpose: Purpose, stopping: Callable[[], bool]
) -> Float[np.ndarray, " n"]:
    """The squared error of each sequence, or the share of its answers that is right."""
    found = []
    with torch.no_grad():
        for k, size in enumerate([min(_SCORED, n - start) for start in range(0, n, _SCORED)]):
            if stopping():
                raise Stopped
            batch = task.examples(lag, size, seed=seed, purpose=purpose, step=k)
            outputs, targets = network(torch.from_numpy(batch.inputs)), torch.from_numpy(batch.targets)
            scores = (outputs.argmax(2) == targets).double() if task.n_classes else _losses(task, outputs, targets)
            found.append(scores.double().mean(0).numpy())
    return np.concatenate(found)


def _summary(task: Task, scores: Float[np.ndarray, " n"]) -> tuple[float, list[float]]:
    """The mean over sequences with its 95% interval: Wilson's for a share of right answers, else a normal one."""
    value, n = float(scores.mean()), len(scores)
    if task.n_classes and task.n_answers == 1:
        return value, list(wilson_interval(int(scores.sum()), n))
    half = 1.96 * float(scores.std()) / math.sqrt(n)
    return value, [max(0.0, value - half), value + half if not task.n_classes else min(1.0, value + half)]


def _weights(network: Network) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def _better(task: Task, value: float, than: float) -> bool:
    return value > than if task.n_classes else value < than  # what is not a number is never better


def _certain(task: Task, value: float) -> bool:
    """Half of the error that counts as solved, so that test sequences agree with validation's."""
    return value >= (1 + task.solved) / 2 if task.n_classes else value <= task.solved / 2
