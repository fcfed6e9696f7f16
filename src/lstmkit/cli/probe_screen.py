"""What a probe shows: its closing table on stdout; points as they come and, on a terminal, a bar on stderr."""

from threading import RLock
from typing import Any

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from lstmkit.cli.screen import Screen
from lstmkit.core.names import CHRONO, FULL_NAMES
from lstmkit.data.tasks import Task
from lstmkit.experiment.probe.plan import Plan

_NAMES = FULL_NAMES | {"chrono": CHRONO}


class ProbeScreen(Screen):
    """Shows a probe as it goes; several threads call it.

    Args:
        plan: what is asked: the bar counts tasks, cells and lags, and those that a cell never gets to as done.
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self._lock = RLock()
        self._plan = plan
        self._running: dict[tuple[str, str], str] = {}
        self._n_done = 0

    def say(self, line: str) -> None:
        """A note for people."""
        with self._lock:
            super().say(line)

    def on_validation(self, task: Task, cell: str, lag: int, step: int, n_steps: int, value: float) -> None:
        """Show where the network stands, where there is a terminal."""
        with self._lock:
            self._running[task.name, cell] = (
                f"{task.name} {_NAMES[cell]} {lag:,}: {step / n_steps:.0%} {shown(task, value)}"
            )
            self._move()

    def on_point(self, task: Task, cell: str, point: dict[str, Any]) -> None:
        """A line for a point of the curve."""
        subject = f"{task.name:<15}{_NAMES[cell]:<13} lag {point['lag']:>5,}"
        verdict = "solved" if point["solved"] else "not solved"
        how = f"{point['steps']:,} steps at rate {point['learning_rate']:g}, {point['seconds']:.1f} s"
        n_trials = len(point["trials"])
        more = f"; best of {n_trials} networks" if n_trials > 1 else ""
        with self._lock:
            self._running.pop((task.name, cell), None)
            self._n_done += 1
            super().say(f"{subject}  {shown(task, point['value']):>7}  {verdict}: {how}{more}")
            self._move()

    def on_ladder(self, task: Task, cell: str, n_points: int) -> None:
        """Count the lags that are not climbed any more as done."""
        with self._lock:
            self._n_done += len(self._plan.lags) - n_points
            self._move()

    def _move(self) -> None:
        if not self._console.is_terminal:
            return
        if self._bar is None:
            columns = (BarColumn(bar_width=30), TextColumn("{task.completed}/{task.total}"), TimeElapsedColumn())
            about = TextColumn("{task.fields[about]}")
            self._bar = Progress(*columns, about, console=self._console, transient=True)
            self._bar.start()
            n_points = len(self._plan.tasks) * len(self._plan.cells) * len(self._plan.lags)
            self._task: TaskID = self._bar.add_task("", total=n_points, about="")
        self._bar.update(self._task, completed=self._n_done, about="  ".join(self._running.values()))


def shown(task: Task, value: float) -> str:
    """A value as one reads it: a share in percent, or an error with four digits."""
    return f"{value:.1%}" if task.n_classes else f"{value:.4f}"


def horizons(record: dict[str, Any]) -> list[list[str]]:
    """Rows of the closing table: the longest lag that each cell solved, by task."""
    plan, longest = record["plan"], record["plan"]["lags"][-1]
    rows = [["longest lag solved", *(record["tasks"][task]["title"] for task in plan["tasks"])]]
    for cell in plan["cells"]:
        lags = [record["horizon"][task][cell] for task in plan["tasks"]]
        words = [f"{lag:,}{' or longer' if lag == longest else ''}" if lag else "none" for lag in lags]
        rows.append([_NAMES[cell], *words])
    return rows
