"""Training in a run folder, whatever the task: engine and resumption are told, history is written each epoch."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch

from lstmkit.config.schema import Config
from lstmkit.core.files import within, write_jsonl
from lstmkit.core.records import Epoch
from lstmkit.data.augment import Augment
from lstmkit.data.encoded import EncodedPart
from lstmkit.models import Classifier, build
from lstmkit.train import Result, train
from lstmkit.train.checkpoint import Progress, read_progress
from lstmkit.train.loop import epochs_of, steps_of
from lstmkit.train.objectives import Objective


class Listener(Protocol):
    """Who shows how a run goes."""

    def say(self, line: str) -> None:
        """A note for people."""
        ...

    def on_model(self, name: str, n_parameters: int, n_epochs: int) -> None:
        """A model is about to be trained."""
        ...

    def on_step(self, epoch: int, step: int, n_steps: int, loss: float, tokens_per_second: float) -> None:
        """See `lstmkit.train.Watch`."""
        ...

    def on_epoch(self, record: Epoch, history: list[Epoch]) -> None:
        """See `lstmkit.train.Watch`."""
        ...


class Recorder:
    """Writes `history.jsonl` whole at each epoch, and passes everything on."""

    def __init__(self, path: Path, listener: Listener) -> None:
        self.path = path
        self.on_step = listener.on_step
        self.listener = listener

    def on_epoch(self, record: Epoch, history: list[Epoch]) -> None:
        write_jsonl(self.path, (epoch.as_json() for epoch in history))
        self.listener.on_epoch(record, history)


@dataclass(frozen=True)
class Lesson:
    """What a network is trained on.

    Attributes:
        train: what is learned from.
        valid: what chooses the best epoch; None: all epochs are run and the last is kept.
        shape: see `lstmkit.models.build`.
        n_outputs: of the network: classes, or what the objective reads.
        objective: what is learned; None: to classify.
        augment: changes each training batch.
    """

    train: EncodedPart
    valid: EncodedPart | None
    shape: Mapping[str, int]
    n_outputs: int
    objective: Objective | None = None
    augment: Augment | None = None


def train_on(
    lesson: Lesson,
    config: Config,
    device: torch.device,
    listener: Listener,
    recorder: Recorder,
    checkpoint: Path,
    n_epochs: int | None,
) -> tuple[Classifier, Result]:
    """Draw a network from the run's seed and train it, or go on from its checkpoint.

    Args:
        lesson: what it is trained on.
        config: the whole configuration.
        device: where.
        listener: shown how it goes.
        recorder: writes the history.
        checkpoint: the file.
        n_epochs: in place of those configured.
    """
    torch.manual_seed(config.seed)
    longest = int(lesson.train.lengths.max())
    network = build(config, lesson.shape, lesson.n_outputs, longest).to(device)
    engine = network.recurrence.engine
    listener.say(
        f"device: {device.type}, {torch.get_num_threads()} threads; engine: {engine.name} ({engine.reason}); "
        f"seed: {config.seed}"
    )
    n_planned = n_epochs or epochs_of(config.train, len(lesson.train))
    listener.on_model(config.model.cell, network.n_parameters()["total"], n_planned)
    if checkpoint.exists():
        n_steps = steps_of(config.train, len(lesson.train))
        listener.say(resumption(read_progress(checkpoint), n_planned, n_steps))
    result = train(
        network,
        lesson.train,
        lesson.valid,
        config.train,
        seed=config.seed,
        watch=recorder,
        n_epochs=n_epochs,
        checkpoint=checkpoint,
        augment=lesson.augment,
        objective=lesson.objective,
    )
    # A death between the last checkpoint and this file has left it one epoch short.
    write_jsonl(recorder.path, (epoch.as_json() for epoch in result.history))
    return network, result


def train_and_refit(
    folder: Path,
    lesson: Lesson,
    both: Lesson | None,
    config: Config,
    device: torch.device,
    listener: Listener,
) -> tuple[Classifier, Result]:
    """Choose the best epoch on validation; then train again on training and validation for as many, where asked.

    Args:
        folder: the run's.
        lesson: training and validation.
        both: the two as one training part; None: the network of the best epoch is kept.
        config, device, listener: as for `train_on`.

    Returns:
        The network, and the records of all epochs run.
    """
    recorder = Recorder(folder / "history.jsonl", listener)
    checkpoints = within(folder, "checkpoints")
    network, result = train_on(lesson, config, device, listener, recorder, checkpoints / "last.safetensors", None)
    if both is None:
        return network, result
    why = "" if config.train.select_by == "last" else " as validation chose"
    listener.say(f"refit: training + validation, {result.best_epoch} epochs{why}")
    recorder = Recorder(folder / "history_refit.jsonl", listener)
    network, again = train_on(
        both, config, device, listener, recorder, checkpoints / "refit.safetensors", result.best_epoch
    )
    return network, Result([*result.history, *again.history], result.best_epoch)


def resumption(progress: Progress, n_epochs: int, n_steps: int) -> str:
    """In words, where a run goes on.

    Args:
        progress: as the checkpoint has it.
        n_epochs: epochs of the run.
        n_steps: steps of an epoch.
    """
    n_done = progress.epoch - 1
    if progress.stopped or n_done >= n_epochs:
        return f"resuming after the last epoch, {n_done} of {n_epochs}: training is done, scoring follows"
    if progress.step:
        return f"resuming in epoch {progress.epoch} of {n_epochs}, after batch {progress.step} of {n_steps}"
    return f"resuming after epoch {n_done} of {n_epochs}"
