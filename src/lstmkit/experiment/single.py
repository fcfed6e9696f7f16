"""One model: train, keep the best epoch on validation, score the test split once, write the records and the report."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from lstmkit.artifact import save_artifact
from lstmkit.config.schema import Config
from lstmkit.core.files import within, write_jsonl
from lstmkit.data.audio.augment import SpeechAugmentation
from lstmkit.data.augment import Augment, Augmentation
from lstmkit.data.encoding import AnyEncoder
from lstmkit.data.series import SeriesEncoder
from lstmkit.data.sources.plan import dialect_of
from lstmkit.data.speech import SpeechEncoder
from lstmkit.evaluate.audit import unfound
from lstmkit.evaluate.baselines import commonest
from lstmkit.evaluate.metrics import score
from lstmkit.experiment.frame import Learned, details_of_training, run_in
from lstmkit.experiment.opponents import ANNOUNCED, baselines
from lstmkit.experiment.prepare import Prepared, prepare_refit
from lstmkit.experiment.records import details, prediction_rows
from lstmkit.experiment.training import Lesson, Listener, Recorder, train_and_refit, train_on
from lstmkit.models import Classifier
from lstmkit.models.build import architecture_of
from lstmkit.models.scoring import probabilities
from lstmkit.report import draw_run
from lstmkit.train import Result


def baselines_of(prepared: Prepared, refit: bool, listener: Listener) -> dict[str, Any]:
    """Score the majority class and the linear model on the same test split, under the same rules."""
    return baselines_with_predictions(prepared, refit, listener)[0]


def baselines_with_predictions(prepared: Prepared, refit: bool, listener: Listener) -> tuple[dict[str, Any], list[str]]:
    """As `baselines_of`, and the label that the linear baseline gives each test example."""
    corpus = prepared.corpus
    listener.say(f"baselines: majority class; {ANNOUNCED.get(corpus.kind, ANNOUNCED['text'])}")
    return baselines(
        prepared.parts,
        prepared.parts["test"],
        prepared.encoded.encoder,
        tokens=corpus.kind == "tokens",
        refit=refit,
        progress=listener.say,
    )


def run_one(
    folder: Path,
    prepared: Prepared,
    config: Config,
    opponents: Callable[[], dict[str, Any]],
    listener: Listener,
) -> dict[str, Any]:
    """Train and score one model in an opened run folder; a run that was cut short goes on, a finished one is read.

    Args:
        folder: opened by `open_folder`.
        prepared: the data, shared by all models of an experiment.
        config: this model's configuration.
        opponents: the baselines; called once training is done.
        listener: shown how it goes.

    Returns:
        The content of `evaluation.json`.
    """

    def learn(device: torch.device) -> Learned:
        network, result, final = _train(folder, prepared, config, device, listener)
        encoded = final.encoded
        longest = network.recurrence.chrono_length
        architecture = architecture_of(config, encoded.encoder.shape, len(encoded.labels), longest)
        interval, dialect = prepared.corpus.interval, dialect_of(config.data)
        model, labels = folder / "model", encoded.labels
        save_artifact(model, network, architecture, encoded.encoder, labels, interval=interval, dialect=dialect)
        scoring = datetime.now(UTC)
        answers = probabilities(network, encoded.parts["test"])  # the test split is scored here, once
        training = details_of_training(config, result, len(prepared.encoded.parts["train"]), scoring)
        write_jsonl(folder / "predictions.jsonl", prediction_rows(final, answers))
        evaluation = score(encoded.labels, encoded.parts["test"].labels, answers, "test")
        evaluation["baselines"] = opponents()
        about = details(final, config, network, answers) | training
        found = [*prepared.warnings, *unfound(evaluation, commonest(prepared.parts["train"].labels))]
        return Learned(network, evaluation, about | {"splits": prepared.splits(), "warnings": found})

    return run_in(folder, prepared.corpus, config, listener, learn, draw_run)


def train_and_choose(
    folder: Path, prepared: Prepared, config: Config, device: torch.device, listener: Listener
) -> tuple[Classifier, Result]:
    """Train in an opened run folder and choose the best epoch on validation: all of `run_one` that needs no test part.

    `run_one` in the same folder then goes on from the checkpoint, which is that of the last epoch.
    """
    recorder = Recorder(folder / "history.jsonl", listener)
    checkpoint = within(folder, "checkpoints") / "last.safetensors"
    return train_on(_lesson(prepared, config), config, device, listener, recorder, checkpoint, None)


def _train(
    folder: Path, prepared: Prepared, config: Config, device: torch.device, listener: Listener
) -> tuple[Classifier, Result, Prepared]:
    """Choose the best epoch on validation; with `train.refit`, train again on training + validation for as many."""
    lesson = _lesson(prepared, config)
    if not config.train.refit:
        return *train_and_refit(folder, lesson, None, config, device, listener), prepared
    final = prepare_refit(prepared, config)
    return *train_and_refit(folder, lesson, _lesson(final, config), config, device, listener), final


def _lesson(prepared: Prepared, config: Config) -> Lesson:
    encoded = prepared.encoded
    return Lesson(
        encoded.parts["train"],
        encoded.parts.get("valid"),
        encoded.encoder.shape,
        len(encoded.labels),
        augment=augmentation_of(encoded.encoder, config),
    )


def augmentation_of(encoder: AnyEncoder, config: Config) -> Augment | None:
    """What the configuration asks to be done to training batches; None for nothing, or where they are of tokens."""
    asked = config.augment
    if isinstance(encoder, SeriesEncoder) and (asked.jitter or asked.scaling or asked.offset or asked.time_warp):
        return Augmentation(asked, len(encoder.channels), config.seed)
    if isinstance(encoder, SpeechEncoder):
        silence, loudness = torch.from_numpy(encoder.silence), torch.from_numpy(encoder.loudness)
        return SpeechAugmentation(asked, encoder.settings, silence, loudness, config.seed)
    return None
