"""What every run does around its learning: it is begun or gone on with, told of in records, and drawn."""

import inspect
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import torch

from lstmkit.config.schema import Config
from lstmkit.core.files import read_json, write_json
from lstmkit.data.sources import CATALOGUE, Corpus
from lstmkit.data.sources.panel import Panel
from lstmkit.experiment.folder import claim_data, resumed_anyway
from lstmkit.experiment.machine import environment, settle
from lstmkit.experiment.prepare import write_rejected
from lstmkit.experiment.training import Listener
from lstmkit.models import Classifier
from lstmkit.train import Result
from lstmkit.train.loop import epochs_of, train_step


class Learned(NamedTuple):
    """What a run has come to, its model and predictions written.

    Attributes:
        network: trained.
        evaluation: the content of `evaluation.json`.
        details: that of `details.json`.
    """

    network: Classifier
    evaluation: dict[str, Any]
    details: dict[str, Any]


def run_in(
    folder: Path,
    source: Corpus | Panel,
    config: Config,
    listener: Listener,
    learn: Callable[[torch.device], Learned],
    draw: Callable[[Path], object],
) -> dict[str, Any]:
    """Learn in an opened run folder; a run that was cut short goes on, a finished one is read.

    Args:
        folder: opened by `opened_folder` or `open_part`.
        source: what is learned from.
        config: the whole configuration.
        listener: shown how it goes.
        learn: trains, writes the model, scores the test part once and writes the predictions.
        draw: makes the page from the records.

    Returns:
        The content of `evaluation.json`.
    """
    if (folder / "report.html").exists():
        listener.say(f"{folder}: this run is finished")
        return read_json(folder / "evaluation.json")
    claim_data(folder, source.fingerprint)
    started = datetime.now(UTC)
    device = settle(config.run)
    write_rejected(folder, source)
    learned = learn(device)
    write_json(folder / "details.json", learned.details)
    write_json(
        folder / "environment.json",
        environment(device, learned.network.recurrence.engine, config.seed, dict(source.files), started)
        | resumed_anyway(folder),
    )
    write_json(folder / "evaluation.json", learned.evaluation)
    draw(folder)
    return learned.evaluation


def details_of_training(config: Config, result: Result, n_train: int, scoring: datetime) -> dict[str, Any]:
    """What `details.json` has of every training.

    Args:
        config: the whole configuration.
        result: of the choice, and of the training on both parts after it.
        n_train: examples of the choice's training part.
        scoring: when training was done and the test part began to be scored, which it has been.
    """
    return {
        "best_epoch": result.best_epoch,
        # Those of the choice, as history.jsonl has them: the training on both parts afterwards is none of it.
        "epochs_run": len(result.history) - (result.best_epoch if config.train.refit else 0),
        "epochs_planned": epochs_of(config.train, n_train),
        "refit": config.train.refit,
        "seconds": {
            "train": round(sum(epoch.seconds for epoch in result.history), 3),
            "evaluate": round((datetime.now(UTC) - scoring).total_seconds(), 3),
        },
        "loop_source": inspect.getsource(train_step),
    }


def title_of(source: str, name: str) -> str:
    """What a source is called on a page: as the catalogue has it, or by its own name."""
    return CATALOGUE[source].title if source in CATALOGUE else name
