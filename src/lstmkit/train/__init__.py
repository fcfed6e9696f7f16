"""The training loop, the learning rate, and checkpoints that resume to the same bits."""

from lstmkit.train.loop import Result, Watch, train

__all__ = ["Result", "Watch", "train"]
