"""The records of a run: plain data that the report is drawn from. Their fields are the contract of the run folder."""

from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any


@dataclass(frozen=True)
class Epoch:
    """One line of `history.jsonl`. Accuracies are shares between 0 and 1, and None where answers are neither
    right nor wrong; losses are mean cross-entropy in nats, or the task's own."""

    epoch: int
    train_loss: float
    train_accuracy: float | None
    valid_loss: float | None
    valid_accuracy: float | None
    learning_rate: float
    seconds: float
    tokens_per_second: float

    def line(self, n_epochs: int) -> str:
        """The epoch line of the contract."""
        text = f"Epoch {self.epoch}/{n_epochs} - Loss: {self.train_loss:.4f}"
        if self.train_accuracy is not None:
            text += f", Accuracy: {self.train_accuracy:.2%}"
        if self.valid_loss is None:
            return text
        text += f" - Val loss: {self.valid_loss:.4f}"
        return text if self.valid_accuracy is None else f"{text}, Val accuracy: {self.valid_accuracy:.2%}"

    def as_json(self) -> dict[str, Any]:
        """The object that stands in `history.jsonl`."""
        return asdict(self)


def epoch_of(row: Any) -> Epoch:
    """An epoch from plain data, as `history.jsonl` or a checkpoint holds it.

    Raises:
        ValueError: a field is missing, or of another type.
    """
    return Epoch(**vars(_epoch_adapter().validate_python(row)))


@lru_cache(maxsize=1)
def _epoch_adapter() -> Any:
    from pydantic import ConfigDict, TypeAdapter  # which --help does without
    from pydantic.dataclasses import dataclass as checked

    return TypeAdapter(checked(Epoch, frozen=True, config=ConfigDict(allow_inf_nan=False)))
