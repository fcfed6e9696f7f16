"""Another source for a trained run: read as the run read its own, channels in the model's order; and its record."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lstmkit.artifact import Artifact, NumberArtifact
from lstmkit.config.resolve import validate
from lstmkit.config.schema import Config, DataConfig
from lstmkit.core.errors import DataError, RequestError
from lstmkit.core.files import within, write_json, write_jsonl
from lstmkit.data.encoding import AnyEncoder
from lstmkit.data.series import SeriesEncoder
from lstmkit.data.sources import Corpus, Part, load_corpus
from lstmkit.data.sources.channels import few, places_of
from lstmkit.data.sources.headers import found_column
from lstmkit.data.sources.panel import Panel
from lstmkit.data.sources.plan import DIALECT_KEYS, READING_KEYS, Reading, SourceFile, applying
from lstmkit.data.sources.tables import is_table, looked_at, open_table
from lstmkit.data.sources.times import check_interval
from lstmkit.data.sources.ucr import is_ucr

_HELD = {"series": "numeric series", "tokens": "lists of tokens", "text": "texts", "audio": "recordings"}


@dataclass(frozen=True)
class Request:
    """What to score on.

    Attributes:
        source: another source; None: the run's own test split.
        split: a split of `source`; None: test, or all of a source without splits.
        reading: how to read `source`, by key of the configuration's section `data`; what it leaves out is found, or as
            the run read its own.
        threads: CPU threads; 0: as torch chooses.
        engine: see `lstmkit.nn.choose_engine`.
        earliness: also score the beginnings of the examples.
    """

    source: str | None = None
    split: str | None = None
    reading: Mapping[str, Any] = field(default_factory=dict)
    threads: int = 0
    engine: str = "auto"
    earliness: bool = False


def part_asked(
    config: Config, request: Request, artifact: Artifact | NumberArtifact, say: Callable[[str], None]
) -> tuple[Corpus, Part, str]:
    """The source of a request, the part of it that is to be scored, as the model reads it, and the part's name.

    Args:
        config: the run's, whose columns hold where the request names none.
        request: with a source.
        artifact: the model.
        say: told in a line each what was decided.

    Raises:
        RequestError: there is no such split.
        DataError: the source cannot be read, holds another kind of sequence, not the model's channels, or series that
            were sampled at another interval.
    """
    source = request.source or ""
    path = Path(source).expanduser()
    applying_keys = applying(path.suffix)
    own = {key: getattr(config.data, key) for key in READING_KEYS if key not in DIALECT_KEYS or key in applying_keys}
    written = {key: value for key, value in {**own, **request.reading}.items() if key in DIALECT_KEYS}
    there = _own_columns(config.data, path, written)
    own |= {key: column for key, column in there.items() if key not in request.reading}
    corpus = load_corpus(validate({"data": own | {"source": source} | dict(request.reading)}).data)
    for line in corpus.decisions:
        say(line)
    split = request.split or ("test" if "test" in corpus.parts else "all")
    if split not in corpus.parts:
        raise RequestError(f"{source}: no split {split!r}; there are {', '.join(corpus.parts)}; name one with --split")
    encoder = artifact.encoder
    if encoder.kind in ("series", "audio"):
        read, fits = _HELD[encoder.kind], corpus.kind == encoder.kind
    else:
        read, fits = "text and tokens", corpus.kind in ("text", "tokens")
    if not fits:
        raise DataError(f"{source}: holds {_HELD[corpus.kind]}, and the model reads {read}; give such")
    check_interval(corpus.interval, artifact.interval, source)
    return corpus, _in_order(corpus, corpus.parts[split], encoder, source, say), split


def _own_columns(data: DataConfig, source: Path, written: Mapping[str, Any]) -> dict[str, str]:
    """The columns of texts and labels that the run was told, where a table has them too; else they are found as ever.

    Args:
        data: the run's.
        source: another source.
        written: how it is written, by dialect key.
    """
    told = {"text_column": data.text_column, "label_column": data.label_column}
    if not any(told.values()) or not source.is_file() or not is_table(source) or is_ucr(source):
        return dict.fromkeys(told, "")
    reading = Reading(validate({"data": dict(written)}).data)
    names, *_ = looked_at(open_table(SourceFile(source, source.name), reading))
    return {key: column if found_column(column, names) else "" for key, column in told.items()}


def _in_order(corpus: Corpus, part: Part, encoder: AnyEncoder, source: str, say: Callable[[str], None]) -> Part:
    """Of series, the channels in the model's order and no others."""
    if not isinstance(encoder, SeriesEncoder):
        return part
    places = places_of(encoder.channels, corpus.channels, source)
    if places == list(range(len(corpus.channels))):
        return part
    left_out = [name for name in corpus.channels if name not in encoder.channels]
    say(f"channels by name: {few(encoder.channels)}" + (f"; left out: {few(left_out)}" if left_out else ""))
    return replace(part, inputs=[values[:, places] for values in part.inputs])


def write_evaluation(
    home: Path, corpus: Corpus | Panel, split: str, evaluation: Mapping[str, Any], say: Callable[[str], None]
) -> None:
    """Keep the record of another source under the run's `evaluations/`, with what could not be used."""
    name = re.sub(r"[^\w.-]+", "_", corpus.name)
    path = within(home, "evaluations") / f"{name}-{split}-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}.json"
    write_json(path, evaluation)
    if corpus.rejected:
        listed = path.with_suffix(".rejected.jsonl")
        write_jsonl(listed, corpus.rejected)
        say(f"skipped {len(corpus.rejected):,} rows that cannot be used: {listed}")
    say(f"record: {path}")
