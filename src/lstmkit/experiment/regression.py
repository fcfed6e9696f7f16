"""A number for a whole sequence: train, keep the best epoch on validation, score the test part; score it again."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from lstmkit.artifact import NumberArtifact, find_model, load_regressor, save_artifact
from lstmkit.config.resolve import load_config
from lstmkit.config.schema import Config
from lstmkit.core.errors import DataError, RequestError
from lstmkit.core.files import write_jsonl
from lstmkit.data.encoded import EncodedPart
from lstmkit.data.numbers import Numbered, numbered, targets_of
from lstmkit.data.sources import Part, Progress, cut, load_corpus
from lstmkit.data.sources.plan import dialect_of
from lstmkit.evaluate.regression import number_baselines, number_scores
from lstmkit.experiment.folder import same_data
from lstmkit.experiment.frame import Learned, details_of_training, run_in, title_of
from lstmkit.experiment.other_source import Request, part_asked, write_evaluation
from lstmkit.experiment.run_data import agrees
from lstmkit.experiment.training import Lesson, Listener, train_and_refit
from lstmkit.models.build import architecture_of
from lstmkit.models.scoring import outputs
from lstmkit.report import draw_regression
from lstmkit.report.records import read_record
from lstmkit.report.regression_page import RegressionEvaluation
from lstmkit.train.objectives import SquaredError


def prepare_regression(config: Config, progress: Progress | None = None) -> Numbered:
    """Load, cut and encode `config.data.source`; see `lstmkit.experiment.prepare.prepare`."""
    corpus = load_corpus(config.data, progress)
    return numbered(corpus, cut(corpus, config.data, config.split_seed, by_label=False), config)


def told_of_regression(data: Numbered) -> Iterator[str]:
    """What was decided and left out, and how much is learned from."""
    yield from data.corpus.decisions
    if data.corpus.rejected:
        n_rejected = len(data.corpus.rejected)
        yield f"skipped {n_rejected:,} rows that cannot be used; rejected.jsonl in the run folder lists them"
    sizes = ", ".join(f"{len(part):,} {name}" for name, part in data.parts.items())
    yield f"{data.corpus.name}: {sizes}; the numbers have mean {data.mean:.4g} and deviation {data.deviation:.4g}"


def run_regression(folder: Path, data: Numbered, config: Config, listener: Listener) -> dict[str, Any]:
    """Train and score one network in an opened run folder; a run that was cut short goes on, a finished one is read.

    Args:
        folder: opened by `opened_folder`.
        data: the sequences and their numbers.
        config: the whole configuration.
        listener: shown how it goes.

    Returns:
        The content of `evaluation.json`.
    """

    def learn(device: torch.device) -> Learned:
        final = _joined(data, config) if config.train.refit else data
        both = _lesson(final, None) if config.train.refit else None
        lesson = _lesson(data, data.encoded["valid"])
        network, result = train_and_refit(folder, lesson, both, config, device, listener)
        architecture = architecture_of(config, final.encoder.shape, 1, network.recurrence.chrono_length)
        task = {"kind": "regression", "mean": final.mean, "deviation": final.deviation}
        interval, dialect = data.corpus.interval, dialect_of(config.data)
        save_artifact(folder / "model", network, architecture, final.encoder, [], task, interval, dialect=dialect)
        scoring = datetime.now(UTC)
        predicted = final.values(outputs(network, final.encoded["test"]))  # the test part is scored here, once
        training = details_of_training(config, result, len(lesson.train), scoring)
        test, truth = data.parts["test"], data.numbers["test"]
        write_jsonl(folder / "predictions.jsonl", _rows(test, truth, predicted))
        evaluation = _record("test", truth, predicted)
        evaluation["baselines"] = number_baselines(data, truth, test.inputs, config.train.refit, listener.say)
        about = {
            "format": 1,
            "source": data.corpus.name,
            "title": title_of(config.data.source, data.corpus.name),
            "kind": data.corpus.kind,
            "splits": {name: len(part) for name, part in data.parts.items()},
            "decisions": list(data.corpus.decisions),
            "mean": data.mean,
            "deviation": data.deviation,
            "architecture": {**architecture, "parameters": network.n_parameters()},
        }
        return Learned(network, evaluation, about | training)

    return run_in(folder, data.corpus, config, listener, learn, draw_regression)


def evaluate_regression(run: Path, request: Request, say: Callable[[str], None]) -> dict[str, Any]:
    """Score a run's network again, and its baselines fitted again to the run's training data.

    Args:
        run: the run folder.
        request: what to score on; without a source the run's own test part.
        say: told in a line each what is done.

    Returns:
        A record with the keys of `evaluation.json`; for another source it is written under `evaluations/` too.

    Raises:
        RequestError: earliness is asked for, or there is no such split.
        DataError: the source cannot be read, or the run's data have changed.
    """
    if request.earliness:
        raise RequestError(f"--earliness is for classifiers, and {run} predicts a number; leave it out")
    if request.threads:
        torch.set_num_threads(request.threads)
    model = find_model(run)
    home = model.parent
    artifact = load_regressor(model, request.engine)
    config = load_config(home / "config.toml")
    data = prepare_regression(config)
    if not same_data(home, data.corpus.fingerprint):
        raise DataError(f"{home}: the data of {data.corpus.name} have changed since this run was trained; train again")
    if request.source is None:
        test = data.parts["test"]
        evaluation = _record("test", data.numbers["test"], predicted_by(artifact, test))
        before = read_record(RegressionEvaluation, home / "evaluation.json")
        evaluation["agrees"] = agrees("RMSE", before.rmse, evaluation["rmse"], ".4g", say)
        return evaluation | {"baselines": before.baselines.model_dump()}
    corpus, part, split = part_asked(config, request, artifact, say)
    truth = targets_of(part)
    evaluation = _record(split, truth, predicted_by(artifact, part)) | {"source": request.source}
    evaluation["baselines"] = number_baselines(data, truth, part.inputs, config.train.refit, say)
    write_evaluation(home, corpus, split, evaluation, say)
    return evaluation


def predicted_by(artifact: NumberArtifact, part: Part) -> Float[np.ndarray, " n"]:
    """The numbers that a model predicts for a part."""
    encoded = EncodedPart(*artifact.encoder.encode(part.inputs))
    return artifact.mean + artifact.deviation * outputs(artifact.network, encoded)[:, 0]


def _joined(data: Numbered, config: Config) -> Numbered:
    train, valid = data.parts["train"], data.parts["valid"]
    joined = Part(*([*getattr(train, f), *getattr(valid, f)] for f in ("inputs", "labels", "ids")))
    return numbered(data.corpus, {"train": joined, "test": data.parts["test"]}, config)


def _lesson(data: Numbered, valid: EncodedPart | None) -> Lesson:
    return Lesson(data.encoded["train"], valid, data.encoder.shape, 1, SquaredError())


def _record(split: str, truth: np.ndarray, predicted: np.ndarray) -> dict[str, Any]:
    return {"task": "regression", "split": split, "n": len(truth), **number_scores(truth, predicted)}


def _rows(part: Part, truth: np.ndarray, predicted: np.ndarray) -> Iterator[dict[str, Any]]:
    for identity, number, answer in zip(part.ids, truth.tolist(), predicted.tolist(), strict=True):
        yield {"id": identity, "number": number, "predicted": answer}
