"""The training loop: forward, loss, backward, clip, step, track; validate, keep the best epoch, checkpoint."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from lstmkit.config.schema import TrainConfig
from lstmkit.core.errors import ArtifactError, Interrupted, TrainingError
from lstmkit.core.records import Epoch
from lstmkit.core.signals import deferring_signals
from lstmkit.data.augment import Augment
from lstmkit.data.batching import collate, shuffled_batches
from lstmkit.data.encoded import EncodedPart
from lstmkit.models import Classifier
from lstmkit.nn import Adam, clip_gradients
from lstmkit.ragged import Ragged
from lstmkit.train.checkpoint import Kept, Progress, Weights, load_checkpoint, save_checkpoint, weights_of
from lstmkit.train.objectives import Classification, Objective
from lstmkit.train.schedule import learning_rate_at

Criterion = Callable[[Tensor, Tensor], Tensor]


@runtime_checkable
class Watch(Protocol):
    """Who wants to know how training goes."""

    def on_step(self, epoch: int, step: int, n_steps: int, loss: float, tokens_per_second: float) -> None:
        """After each step: `step` of `n_steps` in this epoch are done; `loss` is the epoch's mean so far."""
        ...

    def on_epoch(self, record: Epoch, history: list[Epoch]) -> None:
        """After each epoch, with the records of all epochs so far."""
        ...


@dataclass(frozen=True)
class Result:
    """What training gave; the network holds the weights of the best epoch.

    Attributes:
        history: a record for each epoch.
        best_epoch: the epoch whose weights were kept; the last one where there was no validation part.
    """

    history: list[Epoch]
    best_epoch: int


def epochs_of(config: TrainConfig, n_examples: int) -> int:
    """The epochs of a run: as configured, or for 0 six, and on small data up to 60, for 2,000 steps."""
    return config.epochs or min(60, max(6, math.ceil(2000 / steps_of(config, n_examples))))


def batch_size_of(config: TrainConfig, n_examples: int) -> int:
    """Sequences of a step: as configured, or for 0 a hundredth of the examples, from 16 to 64."""
    return config.batch_size or min(64, max(16, n_examples // 100))


def steps_of(config: TrainConfig, n_examples: int) -> int:
    """The steps of an epoch."""
    return math.ceil(n_examples / batch_size_of(config, n_examples))


def train_step(
    network: Classifier,
    optimizer: torch.optim.Optimizer,
    criterion: Criterion,
    batch: Ragged,
    targets: Tensor,
    clip_norm: float,
) -> tuple[float, Tensor]:
    """One step of training: the sheet's pseudocode, line by line."""
    outputs = network(batch)  # forward pass
    loss = criterion(outputs, targets)  # compute loss
    optimizer.zero_grad()
    loss.backward()  # backpropagate
    norm = clip_gradients(network.parameters(), clip_norm or math.inf)
    if not torch.isfinite(loss + norm):
        return math.nan, outputs
    optimizer.step()  # update weights
    return loss.item(), outputs  # track accuracy and loss


@torch.enable_grad()
def train(
    network: Classifier,
    train_part: EncodedPart,
    valid_part: EncodedPart | None,
    config: TrainConfig,
    *,
    seed: int,
    watch: Watch,
    n_epochs: int | None = None,
    checkpoint: Path | None = None,
    augment: Augment | None = None,
    objective: Objective | None = None,
) -> Result:
    """Train a network in place, also where the caller has switched gradients off.

    Args:
        network: on its device, its weights as drawn.
        train_part: what is learned from.
        valid_part: what chooses the best epoch; None: all epochs are run and the last is kept.
        config: the loop's section of the configuration.
        seed: decides the order of batches.
        watch: told of each step and epoch.
        n_epochs: in place of `epochs_of`, as when training again for the chosen number of epochs.
        checkpoint: the file to write checkpoints to; where it exists, training goes on from it to the same bits as
            a run that never stopped.
        augment: changes each batch before it is learned from.
        objective: what is learned; None: to classify, as the configuration says.

    Raises:
        TrainingError: a loss or gradient is not finite; the checkpoint of before stays.
        Interrupted: a signal came; a checkpoint is written first.
    """
    device = network.head.weight.device
    optimizer = _optimizer(network, config)
    objective = objective or Classification(config, train_part, network.head.out_features)
    n_epochs = n_epochs or epochs_of(config, len(train_part))
    n_steps = steps_of(config, len(train_part))
    batch_size = batch_size_of(config, len(train_part))
    progress, kept = Progress(), Kept()
    if config.averaging:
        kept.mean = weights_of(network)
    if checkpoint and checkpoint.exists():
        progress, kept = load_checkpoint(checkpoint, network, optimizer)

    def rate_at(step: int) -> float:
        return learning_rate_at(
            (progress.epoch - 1) * n_steps + step,
            n_epochs * n_steps,
            peak=config.learning_rate,
            schedule=config.schedule,
            warmup_fraction=config.warmup_fraction,
        )

    def save() -> None:
        if checkpoint:
            save_checkpoint(checkpoint, network, optimizer, kept, progress)

    with deferring_signals() as signals:
        while progress.epoch <= n_epochs and not progress.stopped:
            batches = shuffled_batches(train_part.lengths, batch_size, seed, progress.epoch)
            started_s = saved_s = time.monotonic()
            earlier_s = progress.seconds
            network.train()
            while progress.step < n_steps:
                batch, targets = collate(train_part, batches[progress.step])
                batch = augment(batch, progress.epoch, progress.step) if augment else batch
                for group in optimizer.param_groups:
                    group["lr"] = rate_at(progress.step)
                targets = targets.to(device)
                loss, outputs = train_step(
                    network, optimizer, objective.loss, batch.to(device), targets, config.clip_norm
                )
                if math.isnan(loss):
                    advice = "; the last good checkpoint is kept" if checkpoint else ""
                    raise TrainingError(
                        f"epoch {progress.epoch}, batch {progress.step + 1} of {n_steps}: the loss or its gradient is "
                        f"not finite; try a lower train.learning_rate (now {rate_at(progress.step):.2g}) or "
                        f"train.clip_norm=1.0{advice}"
                    )
                if kept.mean:
                    _average(kept.mean, network, config.averaging, (progress.epoch - 1) * n_steps + progress.step)
                progress.step += 1
                progress.loss_sum += loss * len(targets)
                progress.n_correct += objective.n_correct(outputs, targets) or 0
                progress.n_seen += len(targets)
                progress.n_tokens += len(batch.rows)
                now_s = time.monotonic()
                progress.seconds = earlier_s + now_s - started_s
                watch.on_step(
                    progress.epoch,
                    progress.step,
                    n_steps,
                    progress.loss_sum / progress.n_seen,
                    progress.n_tokens / max(progress.seconds, 1e-9),
                )
                if signals.received:
                    save()
                    where = f"in epoch {progress.epoch} after batch {progress.step} of {n_steps}"
                    raise Interrupted(signals.received, f"{where}; a checkpoint is written, --resume goes on from it")
                if now_s - saved_s > config.checkpoint_seconds:
                    save()
                    saved_s = time.monotonic()
            own = weights_of(network)
            network.load_state_dict(kept.mean or own)
            record = _finish_epoch(network, valid_part, objective, progress, rate_at(n_steps - 1))
            progress.history.append(record.as_json())
            if valid_part is None or _is_better(record, _best_record(progress), objective, config.select_by):
                progress.best_epoch = progress.epoch
                kept.best = weights_of(network)
            network.load_state_dict(own)
            if config.early_stopping and progress.epoch - progress.best_epoch >= config.early_stopping:
                progress.stopped = True
            progress.begin_epoch(progress.epoch + 1)
            save()
            watch.on_epoch(record, [Epoch(**row) for row in progress.history])
    network.load_state_dict(kept.best)
    return Result([Epoch(**row) for row in progress.history], progress.best_epoch)


def _finish_epoch(
    network: Classifier, valid_part: EncodedPart | None, objective: Objective, progress: Progress, rate: float
) -> Epoch:
    valid_loss = valid_accuracy = None
    if valid_part is not None:
        not_finite = TrainingError(
            f"epoch {progress.epoch}, after its last batch: the validation loss is not finite; try a lower "
            f"train.learning_rate (now {rate:.2g})"
        )
        try:
            valid_loss, valid_accuracy = objective.validate(network, valid_part)
        except ArtifactError as error:  # an answer is not finite; here the network is not read but in the making
            raise not_finite from error
        if not math.isfinite(valid_loss):
            raise not_finite
    return Epoch(
        epoch=progress.epoch,
        train_loss=progress.loss_sum / progress.n_seen,
        train_accuracy=progress.n_correct / progress.n_seen if objective.has_accuracy else None,
        valid_loss=valid_loss,
        valid_accuracy=valid_accuracy,
        learning_rate=rate,
        seconds=progress.seconds,
        tokens_per_second=progress.n_tokens / max(progress.seconds, 1e-9),
    )


def _average(mean: Weights, network: Classifier, decay: float, step: int) -> None:
    """Move the running mean towards the network's weights (Polyak and Juditsky 1992, with exponential forgetting)."""
    decay = min(decay, (1 + step) / (10 + step))  # the first weights are random, and soon forgotten
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            mean[name].lerp_(tensor, 1 - decay)


def _best_record(progress: Progress) -> Epoch | None:
    return Epoch(**progress.history[progress.best_epoch - 1]) if progress.best_epoch else None


def _is_better(record: Epoch, best: Epoch | None, objective: Objective, select_by: str) -> bool:
    """Whether this epoch is kept in place of the best so far."""
    return best is None or select_by == "last" or objective.rank(record) < objective.rank(best)


def _optimizer(network: Classifier, config: TrainConfig) -> torch.optim.Optimizer:
    return Adam(
        network.parameters(),
        lr=config.learning_rate,
        weight_decay=config.weight_decay,
        decoupled=config.optimizer == "adamw",
    )
