"""A learning rate for each cell, chosen on validation: every rate of the grid has its whole training."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from lstmkit.config.schema import Config
from lstmkit.core.errors import TrainingError
from lstmkit.experiment.folder import claim_data, open_part
from lstmkit.experiment.machine import settle
from lstmkit.experiment.prepare import Prepared
from lstmkit.experiment.single import train_and_choose
from lstmkit.experiment.training import Listener

RATES = (0.0003, 0.001, 0.003, 0.01)  # half a power of ten apart; on digits no cell's best is at an end


@dataclass(frozen=True)
class Tried:
    """What validation said of a rate, at the epoch that the trainer chose.

    Attributes:
        rate: the learning rate, or the highest of the schedule.
        valid_accuracy, valid_loss, best_epoch, epochs_run, seconds: None where training failed.
        failure: why it did; None where it did not.
    """

    rate: float
    valid_accuracy: float | None = None
    valid_loss: float | None = None
    best_epoch: int | None = None
    epochs_run: int | None = None
    seconds: float | None = None
    failure: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The object that stands in the records."""
        return asdict(self)


def try_rate(folder: Path, prepared: Prepared, config: Config, listener: Listener) -> Tried:
    """Train with a configuration's rate in a run folder; one that was cut short goes on.

    A training that fails is a result too: such a rate is not chosen.
    """
    open_part(folder, config)
    claim_data(folder, prepared.corpus.fingerprint)
    rate = config.train.learning_rate
    try:
        _, result = train_and_choose(folder, prepared, config, settle(config.run), listener)
    except TrainingError as error:
        return Tried(rate, failure=str(error).partition(";")[0])
    best = result.history[result.best_epoch - 1]
    return Tried(
        rate,
        best.valid_accuracy,
        best.valid_loss,
        result.best_epoch,
        len(result.history),
        round(sum(epoch.seconds for epoch in result.history), 3),
    )


def best_of(tried: Sequence[Tried], select_by: Literal["accuracy", "loss", "last"]) -> Tried:
    """The rate that validation likes best, by loss where loss chooses epochs; ties go by accuracy, then to the lower.

    Raises:
        TrainingError: every one failed.
    """
    sound = [one for one in tried if one.valid_accuracy is not None and one.valid_loss is not None]
    if not sound:
        raise TrainingError(
            f"training failed at every learning rate of the grid ({tried[-1].failure}); give lower ones with --rates"
        )

    def rank(one: Tried) -> tuple[float, float, float]:
        accuracy, loss = -(one.valid_accuracy or 0.0), one.valid_loss or 0.0
        return (loss, accuracy, one.rate) if select_by == "loss" else (accuracy, loss, one.rate)

    return min(sound, key=rank)
