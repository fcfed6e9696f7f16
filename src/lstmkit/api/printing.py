"""What an estimator shows while it is fitted."""

import sys

from lstmkit.core.records import Epoch


class Printer:
    """Shows an epoch as a run does, or nothing; see `lstmkit.train.Watch`.

    Args:
        n_epochs: that are planned.
        speaks: whether anything is shown.
    """

    def __init__(self, n_epochs: int, speaks: bool) -> None:
        self.n_epochs = n_epochs
        self.speaks = speaks

    def on_step(self, epoch: int, step: int, n_steps: int, loss: float, tokens_per_second: float) -> None:
        """Steps are not shown."""

    def on_epoch(self, record: Epoch, history: list[Epoch]) -> None:
        """One line."""
        if self.speaks:
            sys.stdout.write(record.line(self.n_epochs) + "\n")
