"""A trained run scored again: on its own test split, or on another source."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lstmkit.artifact import Artifact, find_model, load_artifact
from lstmkit.config.resolve import load_config
from lstmkit.config.schema import Config
from lstmkit.core.errors import DataError, RequestError
from lstmkit.core.files import write_json
from lstmkit.data.duplicates import n_known
from lstmkit.data.encoded import EncodedPart
from lstmkit.data.sources import Part, cut
from lstmkit.evaluate.audit import unfound
from lstmkit.evaluate.metrics import score
from lstmkit.experiment.earliness import earliness_of, table_of
from lstmkit.experiment.opponents import baselines
from lstmkit.experiment.other_source import Request, part_asked, write_evaluation
from lstmkit.experiment.run_data import agrees, corpus_of
from lstmkit.models.scoring import probabilities
from lstmkit.report.records import Evaluation, read_record
from lstmkit.stream.model import check_streams


def evaluate_run(run: Path, request: Request, say: Callable[[str], None]) -> dict[str, Any]:
    """Score a run's model, and its linear baseline fitted again to the run's training data, on the same examples.

    Args:
        run: a run or lab folder.
        request: what to score on.
        say: told in a line each what is done.

    Returns:
        A record with the keys of `evaluation.json`, and `n_in_training`: how many of the examples the model was
        trained on. For another source it is written under `evaluations/` too. With `earliness`, that record is in it;
        of the run's own test split it is written to `earliness.json`.

    Raises:
        RequestError: there is no such split, the run is not one, how to read a source is told and none is given, or
            earliness is asked of a model that reads from both ends.
        DataError: the source cannot be read, or holds a label that training never saw.
    """
    if request.source is None and (request.split or request.reading):
        raise RequestError(
            "--split, columns, dialects and --on-bad-row say how to read a SOURCE and none is given; "
            "name one, or leave them out: a run's own test split is read as the run read it"
        )
    if request.threads:
        torch.set_num_threads(request.threads)
    model = find_model(run)
    home = model.parent
    artifact = load_artifact(model, request.engine)
    if request.earliness:
        check_streams(artifact.network)
    config = load_config(home / "config.toml")
    own = corpus_of(home, config)
    training = cut(own, config.data, config.split_seed)
    if request.source is None:
        for line in own.decisions:
            say(line)
        evaluation = _score(artifact, training["test"], "test", say)
        evaluation["n_in_training"] = _in_training(training["test"], training, config, say)
        before = read_record(Evaluation, home / "evaluation.json")
        evaluation["agrees"] = agrees("accuracy", before.accuracy, evaluation["accuracy"], ".2%", say)
        if request.earliness:
            evaluation["earliness"] = _earliness(artifact, training["test"], "test", say)
            write_json(home / "earliness.json", evaluation["earliness"])
            say(f"record: {home / 'earliness.json'}")
        return evaluation | {"baselines": before.baselines.model_dump(exclude_none=True)}
    corpus, part, split = part_asked(config, request, artifact, say)
    evaluation = _score(artifact, part, split, say)
    evaluation["source"] = request.source
    evaluation["n_in_training"] = _in_training(part, training, config, say)
    say("fitting the linear baseline again to the run's training data")
    evaluation["baselines"], _ = baselines(
        training,
        part,
        artifact.encoder,
        tokens=corpus.kind == "tokens",
        refit=config.train.refit,
        progress=say,
    )
    if request.earliness:
        evaluation["earliness"] = _earliness(artifact, part, split, say)
    write_evaluation(home, corpus, split, evaluation, say)
    return evaluation


def _score(artifact: Artifact, part: Part, split: str, say: Callable[[str], None]) -> dict[str, Any]:
    number = {label: k for k, label in enumerate(artifact.labels)}
    for identity, label in zip(part.ids, part.labels, strict=True):
        if label not in number:
            known = ", ".join(artifact.labels[:8])
            raise DataError(f"{identity}: label {label!r} is not one that the model knows ({known}); correct it")
    truth = np.array([number[label] for label in part.labels], dtype=np.int64)
    answers = probabilities(artifact.network, EncodedPart(*artifact.encoder.encode(part.inputs)))
    evaluation = score(artifact.labels, truth, answers, split)
    for finding in unfound(evaluation, ""):
        say(f"warning: {finding['line']}")
    return evaluation


def _earliness(artifact: Artifact, part: Part, split: str, say: Callable[[str], None]) -> dict[str, Any]:
    record = earliness_of(artifact, part, split)
    for line in table_of(record):
        say(line)
    if n := record["n_longer"]:
        say(f"{n:,} of {len(part):,} are longer than encoder.max_length and were read whole here, as a stream would")
    return record


def _in_training(part: Part, training: dict[str, Part], config: Config, say: Callable[[str], None]) -> int:
    """How many of the examples scored the model was trained on; it is said where there are any."""
    seen = [*training["train"].inputs, *(training["valid"].inputs if config.train.refit else [])]
    n = n_known(part.inputs, seen)
    if n:
        folded = " (white space and case folded)" if isinstance(part.inputs[0], str) else ""
        say(
            f"{n:,} of the {len(part):,} examples scored also stand in the run's training data{folded}; on these the "
            "accuracy shows what was learned by heart"
        )
    return n
