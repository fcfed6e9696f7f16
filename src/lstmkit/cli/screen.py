"""What a run shows: results on stdout; notes and, on a terminal, a bar on stderr."""

import time
from datetime import timedelta
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from lstmkit.cli import terminal
from lstmkit.core.names import FULL_NAMES, STEPS
from lstmkit.core.records import Epoch
from lstmkit.core.wording import one_line


class Screen:
    """Shows a run as it goes. Epoch lines go to stdout; all else to stderr.

    Args:
        epochs: whether models and epochs have their lines; of many networks they would be too many.
    """

    def __init__(self, epochs: bool = True) -> None:
        self.unit = STEPS["text"]  # of what is read so many a second
        self._has_epoch_lines = epochs
        self._console = Console(stderr=True, highlight=False)
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self._n_epochs = 0
        self._model = ""
        self._started_s = 0.0
        self._n_before: int | None = None

    def say(self, line: str) -> None:
        """A note for people."""
        self._end_bar()
        self._console.print(one_line(line), markup=False, soft_wrap=True)

    def on_fetch(self, done: int, total: int | None) -> None:
        """Move a bar of the bytes that have arrived of a set, where there is a terminal."""
        if not self._console.is_terminal:
            return
        if self._bar is None:
            columns = (TextColumn("fetching"), BarColumn(bar_width=30), DownloadColumn(), TimeRemainingColumn())
            self._bar = Progress(*columns, console=self._console, transient=True)
            self._bar.start()
            self._task = self._bar.add_task("", total=total)
        self._bar.update(self._task, completed=done, total=total)

    def on_examples(self, what: str, done: int, total: int) -> None:
        """Move a bar of the examples of an analysis, where there is a terminal."""
        if not self._console.is_terminal:
            return
        if self._bar is None:
            columns = (TextColumn("{task.description}"), BarColumn(bar_width=30), MofNCompleteColumn())
            self._bar = Progress(*columns, console=self._console, transient=True)
            self._bar.start()
            self._task = self._bar.add_task("", total=total)
        self._bar.update(self._task, description=what, completed=done, total=total)

    def on_model(self, name: str, n_parameters: int, n_epochs: int) -> None:
        """A model is about to be trained."""
        self._model, self._n_epochs = FULL_NAMES.get(name, name), n_epochs
        self._started_s, self._n_before = time.monotonic(), None
        if self._has_epoch_lines:
            terminal.result(f"{self._model}: {n_parameters:,} parameters, {n_epochs} epochs")

    def line(self, text: str) -> None:
        """A result of one line."""
        self._end_bar()
        terminal.result(text)

    def on_step(self, epoch: int, step: int, n_steps: int, loss: float, tokens_per_second: float) -> None:
        """Move the epoch's bar, where there is a terminal; the time left is that of all epochs, validation included."""
        if not self._console.is_terminal:
            return
        n_done = (epoch - 1) * n_steps + step
        if self._n_before is None:
            self._n_before = n_done - 1  # what a resumed run had behind it says nothing about this machine's speed
        elapsed_s = time.monotonic() - self._started_s
        left_s = (self._n_epochs * n_steps - n_done) * elapsed_s / (n_done - self._n_before)
        about = f"loss {loss:.4f}  {tokens_per_second:,.0f} {self.unit}/s  {timedelta(seconds=round(left_s))} left"
        if self._bar is None:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(bar_width=30),
                TextColumn("{task.completed}/{task.total}  {task.fields[about]}"),
                console=self._console,
                transient=True,
            )
            self._bar.start()
            self._task = self._bar.add_task("", total=n_steps, about=about)
        self._bar.update(self._task, description=f"{self._model} {epoch}/{self._n_epochs}", completed=step, about=about)

    def on_epoch(self, record: Epoch, history: list[Epoch]) -> None:
        """The epoch line of the contract."""
        self._end_bar()
        if self._has_epoch_lines:
            terminal.result(record.line(self._n_epochs))

    def result(self, rows: list[list[str]]) -> None:
        """The closing table; the first row is its head."""
        self._end_bar()
        rows = [[one_line(cell) for cell in row] for row in rows]
        widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
        terminal.result("")
        for row in rows:
            cells = [
                cell.ljust(w) if k == 0 else cell.rjust(w) for k, (cell, w) in enumerate(zip(row, widths, strict=True))
            ]
            terminal.result("  ".join(cells).rstrip())

    def close(self) -> None:
        """Take the bar away."""
        self._end_bar()

    def _end_bar(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def table(models: dict[str, dict[str, Any]], baselines: dict[str, Any]) -> list[list[str]]:
    """Rows of the closing table: model, parameters, test accuracy with its 95% interval, macro F1, time."""
    rows = [["model", "parameters", "test accuracy", "95% interval", "macro F1", "time"]]
    for name, model in models.items():
        rows.append([FULL_NAMES[name], f"{model['parameters']:,}", *_accuracy(model), duration(model["seconds"])])
    linear, majority = baselines["linear"], baselines["majority"]
    rows.append([linear["name"], f"{linear['n_features']:,} features", *_accuracy(linear), duration(linear["seconds"])])
    rows.append(["majority class", "0", *_accuracy(majority), ""])
    return rows


def _accuracy(record: dict[str, Any]) -> list[str]:
    low, high = record["accuracy_ci95"]
    f1 = record.get("macro_f1")  # of an older run's baselines it is not known
    return [f"{record['accuracy']:.2%}", f"{low:.2%} to {high:.2%}", "-" if f1 is None else f"{f1:.2%}"]


def duration(seconds: float) -> str:
    """A time as one reads it."""
    return f"{seconds:.1f} s" if seconds < 120 else f"{int(seconds // 60)} min {int(seconds % 60):02d} s"
