"""A trained run scored again: on its own test split, or on another source."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lstmkit.artifact import Artifact, find_model, load_artifact
from lstmkit.config.resolve import load_config, validate
from lstmkit.config.schema import Config
from lstmkit.core.errors import DataError, RequestError
from lstmkit.core.files import read_json, write_json, write_jsonl
from lstmkit.data.duplicates import n_known
from lstmkit.data.encoded import EncodedPart
from lstmkit.data.series import SeriesEncoder
from lstmkit.data.sources import Corpus, Part, cut, load_corpus
from lstmkit.data.sources.channels import few, places_of
from lstmkit.evaluate.metrics import score
from lstmkit.experiment.earliness import earliness_of, table_of
from lstmkit.experiment.opponents import baselines
from lstmkit.experiment.run_data import corpus_of
from lstmkit.models.scoring import probabilities
from lstmkit.stream.model import check_streams


@dataclass(frozen=True)
class Request:
    """What to score on.

    Attributes:
        source: another source; None: the run's own test split.
        split: a split of `source`; None: test, or all of a source without splits.
        text_column, label_column, on_bad_row: how to read `source`; None: found, or as the run read its own.
        threads: CPU threads; 0: as torch chooses.
        engine: see `lstmkit.nn.choose_engine`.
        earliness: also score the beginnings of the examples.
    """

    source: str | None = None
    split: str | None = None
    text_column: str | None = None
    label_column: str | None = None
    on_bad_row: str | None = None
    threads: int = 0
    engine: str = "auto"
    earliness: bool = False


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
    if request.source is None and (request.split or request.text_column or request.label_column or request.on_bad_row):
        raise RequestError(
            "--split, --text-column, --label-column and --on-bad-row say how to read a SOURCE and none is given; "
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
        evaluation = _score(artifact, training["test"], "test")
        evaluation["n_in_training"] = _in_training(training["test"], training, config, say)
        before = read_json(home / "evaluation.json")
        agrees = "agrees with" if before["accuracy"] == evaluation["accuracy"] else "DIFFERS from"
        say(f"the accuracy {agrees} evaluation.json ({before['accuracy']:.2%})")
        if request.earliness:
            evaluation["earliness"] = _earliness(artifact, training["test"], "test", say)
            write_json(home / "earliness.json", evaluation["earliness"])
            say(f"record: {home / 'earliness.json'}")
        return evaluation | {"baselines": before["baselines"]}
    corpus, part, split = _part_of(config, request, request.source)
    for line in corpus.decisions:
        say(line)
    part = _as_read(artifact, corpus, part, request.source, say)
    evaluation = _score(artifact, part, split)
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
    name = re.sub(r"[^\w.-]+", "_", corpus.name)
    path = home / "evaluations" / f"{name}-{split}-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}.json"
    write_json(path, evaluation)
    if corpus.rejected:
        listed = path.with_suffix(".rejected.jsonl")
        write_jsonl(listed, corpus.rejected)
        say(f"skipped {len(corpus.rejected):,} rows that cannot be used: {listed}")
    say(f"record: {path}")
    return evaluation


def _part_of(config: Config, request: Request, source: str) -> tuple[Corpus, Part, str]:
    asked = {
        "source": source,
        "text_column": request.text_column or "",
        "label_column": request.label_column or "",
        "on_bad_row": request.on_bad_row or config.data.on_bad_row,
        "series_column": config.data.series_column,
        "time_column": config.data.time_column,
    }
    data = validate({"data": asked}).data
    corpus = load_corpus(data)
    split = request.split or ("test" if "test" in corpus.parts else "all")
    if split not in corpus.parts:
        raise RequestError(f"{source}: no split {split!r}; there are {', '.join(corpus.parts)}; name one with --split")
    return corpus, corpus.parts[split], split


def _as_read(artifact: Artifact, corpus: Corpus, part: Part, source: str, say: Callable[[str], None]) -> Part:
    """A part as the model reads it: of series, its channels in the model's order and no others.

    Raises:
        DataError: the source holds another kind of sequence, or not the model's channels.
    """
    encoder = artifact.encoder
    if isinstance(encoder, SeriesEncoder) != (corpus.kind == "series"):
        names = {"series": "numeric series", "tokens": "lists of tokens", "text": "texts"}
        read = names["series"] if isinstance(encoder, SeriesEncoder) else "text and tokens"
        raise DataError(f"{source}: holds {names.get(corpus.kind, corpus.kind)}, and the model reads {read}; give such")
    if not isinstance(encoder, SeriesEncoder):
        return part
    places = places_of(encoder.channels, corpus.channels, source)
    if places == list(range(len(corpus.channels))):
        return part
    left_out = [name for name in corpus.channels if name not in encoder.channels]
    say(f"channels by name: {few(encoder.channels)}" + (f"; left out: {few(left_out)}" if left_out else ""))
    return replace(part, inputs=[values[:, places] for values in part.inputs])


def _score(artifact: Artifact, part: Part, split: str) -> dict[str, Any]:
    number = {label: k for k, label in enumerate(artifact.labels)}
    for identity, label in zip(part.ids, part.labels, strict=True):
        if label not in number:
            known = ", ".join(artifact.labels[:8])
            raise DataError(f"{identity}: label {label!r} is not one that the model knows ({known}); correct it")
    truth = np.array([number[label] for label in part.labels], dtype=np.int64)
    rows, offsets = artifact.encoder.encode(part.inputs)
    answers = probabilities(artifact.network, EncodedPart(rows, offsets, truth))
    return score(artifact.labels, truth, answers, split)


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
