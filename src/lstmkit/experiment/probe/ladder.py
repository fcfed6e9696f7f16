"""A cell climbs the lags of a task until two in a row are unsolved; every network trained is kept as a record."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from lstmkit.core.files import read_json, write_json
from lstmkit.data.tasks import TASKS, Task
from lstmkit.experiment.probe.network import is_solved, train_network
from lstmkit.experiment.probe.plan import Plan, Setting

_UNSOLVED_IN_A_ROW = 2


class Listener(Protocol):
    """Who shows how a probe goes. Several threads call it."""

    def say(self, line: str) -> None:
        """A note for people."""
        ...

    def on_validation(self, task: Task, cell: str, lag: int, step: int, n_steps: int, value: float) -> None:
        """A network was validated."""
        ...

    def on_point(self, task: Task, cell: str, point: dict[str, Any]) -> None:
        """All was tried that is tried at a lag."""
        ...

    def on_ladder(self, task: Task, cell: str, n_points: int) -> None:
        """A cell's climb is over after so many lags."""
        ...


@dataclass(frozen=True)
class Ladder:
    """One cell's climb.

    Attributes:
        folder: where the records of trained networks are kept.
        task: what is learned.
        cell: one of `plan.CELLS`.
        plan: what is asked.
        listener: shown how it goes.
        stopping: asked before each step of training.
    """

    folder: Path
    task: Task
    cell: str
    plan: Plan
    listener: Listener
    stopping: Callable[[], bool]

    def climb(self) -> list[dict[str, Any]]:
        """The points of the curve, by lag.

        Raises:
            Stopped: `stopping` said so; networks that were trained are kept.
        """
        points: list[dict[str, Any]] = []
        settings = list(self.plan.settings)
        for lag in self.plan.lags:
            point = self._point(lag, settings)
            points.append(point)
            self.listener.on_point(self.task, self.cell, point)
            if point["solved"]:  # what worked goes first from now on
                best = Setting(point["learning_rate"], point["clip_norm"])
                settings = [best, *(setting for setting in settings if setting != best)]
            elif len(points) >= _UNSOLVED_IN_A_ROW and not any(p["solved"] for p in points[-_UNSOLVED_IN_A_ROW:]):
                break
        self.listener.on_ladder(self.task, self.cell, len(points))
        return points

    def _point(self, lag: int, settings: list[Setting]) -> dict[str, Any]:
        """Fresh networks, a setting each, until one solves validation; the best on validation is the point."""
        trials: list[dict[str, Any]] = []
        for setting in settings:
            trials.append(self._trial(lag, setting))
            if is_solved(self.task, trials[-1]["valid"]):
                break
        sign = -1.0 if self.task.n_classes else 1.0
        best = min(trials, key=lambda trial: sign * trial["valid"])  # of equal ones the first
        return {
            "lag": lag,
            "value": best["test"],
            "ci95": best["test_ci95"],
            "baseline": self.task.baseline,
            "solved": is_solved(self.task, best["test"]),
            "steps": best["steps"],
            "seconds": best["seconds"],
            "learning_rate": best["learning_rate"],
            "clip_norm": best["clip_norm"],
            "seed": self.plan.seed,
            "trials": trials,
        }

    def _trial(self, lag: int, setting: Setting) -> dict[str, Any]:
        """Train one network, or read what is known of it."""
        name = f"{self.task.name}-{self.cell}-{lag}-rate{setting.learning_rate:g}-clip{setting.clip_norm:g}.json"
        path = self.folder / name
        if path.exists():
            return read_json(path)

        def watch(step: int, value: float) -> None:
            self.listener.on_validation(self.task, self.cell, lag, step, self.plan.steps, value)

        record = train_network(
            self.task,
            self.cell,
            lag,
            setting,
            self.plan,
            watch=watch,
            stopping=self.stopping,
        )
        write_json(path, record)
        return record


def record_of(plan: Plan, curves: dict[str, dict[str, list[dict[str, Any]]]]) -> dict[str, Any]:
    """The content of `probe.json`.

    Args:
        plan: what was asked.
        curves: the points by task and cell.
    """
    return {
        "format": 1,
        "plan": plan.as_json(),
        "tasks": {name: _about(TASKS[name]) for name in plan.tasks},
        "horizon": {
            task: {
                cell: max((point["lag"] for point in points if point["solved"]), default=0)
                for cell, points in cells.items()
            }
            for task, cells in curves.items()
        },
        "curves": curves,
    }


def _about(task: Task) -> dict[str, Any]:
    about = {key: value for key, value in asdict(task).items() if key not in ("name", "draw")}
    return {**about, "measure": task.measure}
