"""What a network can be trained for: its loss, whether answers are right or wrong, what validation chooses by."""

from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from lstmkit.config.schema import TrainConfig
from lstmkit.core.records import Epoch
from lstmkit.data.encoded import EncodedPart
from lstmkit.models import Classifier
from lstmkit.models.quantiles import QUANTILES, quantiles_of
from lstmkit.models.scoring import outputs, probabilities


@runtime_checkable
class Objective(Protocol):
    """The seam between the loop and a task: all that the loop needs to know of what it trains for."""

    @property
    def has_accuracy(self) -> bool:
        """Whether an answer is right or wrong, so that an epoch has an accuracy."""
        ...

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The mean loss of a batch: outputs `(batch, outputs)`, targets as `collate` gives them."""
        ...

    def n_correct(self, outputs: Tensor, targets: Tensor) -> int | None:
        """How many answers of a batch are right; None where answers are neither right nor wrong."""
        ...

    def validate(self, network: Classifier, part: EncodedPart) -> tuple[float, float | None]:
        """Mean loss over a part, and accuracy where there is one."""
        ...

    def rank(self, epoch: Epoch) -> tuple[float, ...]:
        """What the best epoch has the smallest of."""
        ...


class Classification:
    """Cross-entropy over classes.

    Args:
        config: the loop's section of the configuration.
        part: the training part, whose labels balanced class weights count.
        n_classes: classes.
    """

    has_accuracy = True

    def __init__(self, config: TrainConfig, part: EncodedPart, n_classes: int) -> None:
        self._select_by = config.select_by
        self._label_smoothing = config.label_smoothing
        self._weights: Tensor | None = None
        if config.class_weights == "balanced":
            # n / (classes * count), as scikit-learn's "balanced" (King and Zeng 2001).
            counts = np.bincount(part.labels, minlength=n_classes)
            self._weights = torch.tensor(len(part) / (n_classes * np.maximum(counts, 1)), dtype=torch.float32)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Mean cross-entropy in nats, weighted and smoothed as configured."""
        weights = None if self._weights is None else self._weights.to(outputs.device)
        return nn.functional.cross_entropy(outputs, targets, weights, label_smoothing=self._label_smoothing)

    def n_correct(self, outputs: Tensor, targets: Tensor) -> int | None:
        """How many have their class as the most probable one."""
        return int((outputs.argmax(1) == targets).sum())

    def validate(self, network: Classifier, part: EncodedPart) -> tuple[float, float | None]:
        """Mean cross-entropy in nats, neither weighted nor smoothed, and accuracy."""
        answers = probabilities(network, part)
        right = answers[np.arange(len(part)), part.labels]
        loss = float(-np.log(np.maximum(right, 1e-300)).mean())
        return loss, float((answers.argmax(1) == part.labels).mean())

    def rank(self, epoch: Epoch) -> tuple[float, ...]:
        """By accuracy or loss, as configured; the other measure breaks a tie."""
        measures = (-(epoch.valid_accuracy or 0.0), epoch.valid_loss or 0.0)
        return measures if self._select_by == "accuracy" else measures[::-1]


class QuantileForecast:
    """Pinball loss over the quantiles of each step ahead (Koenker and Bassett 1978); missing targets count nothing."""

    has_accuracy = False

    def loss(self, outputs: Tensor, targets: Float[Tensor, "batch horizon"]) -> Tensor:
        """Mean pinball loss over quantiles and the targets that are there, in units of each window's scale."""
        there = torch.isfinite(targets)
        errors = torch.where(there, targets, 0.0)[..., None] - quantiles_of(outputs)
        levels = torch.tensor(QUANTILES, dtype=outputs.dtype, device=outputs.device)
        pinball = torch.maximum(levels * errors, (levels - 1) * errors).mean(2)
        return (pinball * there).sum() / there.sum().clamp(min=1)

    def n_correct(self, outputs: Tensor, targets: Tensor) -> int | None:
        """None: a forecast is neither right nor wrong."""
        del outputs, targets
        return None

    def validate(self, network: Classifier, part: EncodedPart) -> tuple[float, float | None]:
        """The same loss over a part."""
        return float(self.loss(torch.from_numpy(outputs(network, part)), torch.from_numpy(part.labels))), None

    def rank(self, epoch: Epoch) -> tuple[float, ...]:
        """By loss."""
        return (epoch.valid_loss or 0.0,)


class SquaredError:
    """Mean squared error of a number for each sequence, in deviations of the training part."""

    has_accuracy = False

    def loss(self, outputs: Float[Tensor, "batch 1"], targets: Float[Tensor, " batch"]) -> Tensor:
        """Mean squared error of a batch."""
        return nn.functional.mse_loss(outputs[:, 0], targets.to(outputs.dtype))

    def n_correct(self, outputs: Tensor, targets: Tensor) -> int | None:
        """None: a number is neither right nor wrong."""
        del outputs, targets
        return None

    def validate(self, network: Classifier, part: EncodedPart) -> tuple[float, float | None]:
        """The same loss over a part."""
        return float(self.loss(torch.from_numpy(outputs(network, part)), torch.from_numpy(part.labels))), None

    def rank(self, epoch: Epoch) -> tuple[float, ...]:
        """By loss."""
        return (epoch.valid_loss or 0.0,)
