"""From SOURCE to encoded splits, once for all models of an experiment."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from lstmkit.config.schema import Config
from lstmkit.core.files import write_jsonl
from lstmkit.core.names import KEPT
from lstmkit.data.encoded import Encoded, encode
from lstmkit.data.sources import Corpus, Part, Progress, cut, load_corpus
from lstmkit.data.sources.panel import Panel
from lstmkit.data.speech import SpeechEncoder
from lstmkit.evaluate.audit import audit


@dataclass(frozen=True)
class Prepared:
    """The data of an experiment.

    Attributes:
        corpus: as the source gave it.
        parts: train, valid and test as texts or series.
        encoded: the same as numbers.
    """

    corpus: Corpus
    parts: dict[str, Part]
    encoded: Encoded

    @cached_property
    def warnings(self) -> list[dict[str, Any]]:
        """What makes numbers on this data say less than they seem to: see `lstmkit.evaluate.audit`."""
        return audit(self.parts, self.encoded)

    @cached_property
    def decisions(self) -> list[str]:
        """What was decided, a line each: in reading the source; of recordings, also in encoding them."""
        told = list(self.corpus.decisions)
        if self.encoded.note and not any(line.startswith("cache:") for line in told):  # one line on it is enough
            told.append(self.encoded.note)
        encoder = self.encoded.encoder
        if not isinstance(encoder, SpeechEncoder):
            return told
        settings = encoder.settings
        if any(clip.rate != settings.rate for part in self.parts.values() for clip in part.inputs):
            told.append(f"rate: recordings are read at {settings.rate:,} Hz, what has another is resampled")
        n_cut = sum(int((lengths > encoder.max_length).sum()) for lengths in self.encoded.whole_lengths.values())
        if n_cut:
            seconds = encoder.max_length * settings.hop_ms / 1000
            told.append(
                f"length: {n_cut:,} recordings are longer than encoder.max_length = {encoder.max_length:,} frames "
                f"({seconds:g} s); of each {KEPT[encoder.truncate]}"
            )
        return told

    def splits(self) -> dict[str, Any]:
        """Examples by split and label: plain data for the records."""
        return {
            name: {"n": len(part.labels), "labels": dict(sorted(Counter(part.labels).items()))}
            for name, part in self.parts.items()
        }


def prepare(config: Config, progress: Progress | None = None) -> Prepared:
    """Load, cut and encode `config.data.source`.

    Args:
        config: the whole configuration.
        progress: told the bytes so far, and in all, where the set has to be fetched.

    Raises:
        DataError: the source cannot be used; the message names file and line.
    """
    corpus = load_corpus(config.data, progress)
    parts = cut(corpus, config.data, config.split_seed)
    return Prepared(corpus, parts, encode(corpus, parts, config.encoder, _cut_of(config)))


def prepare_refit(prepared: Prepared, config: Config) -> Prepared:
    """The same data with training and validation as one part, encoded anew from both."""
    parts = prepared.parts
    joined = Part(*([*getattr(parts["train"], f), *getattr(parts["valid"], f)] for f in ("inputs", "labels", "ids")))
    both = {"train": joined, "test": parts["test"]}
    encoded = encode(prepared.corpus, both, config.encoder, {**_cut_of(config), "refit": True})
    return Prepared(prepared.corpus, both, encoded)


def write_rejected(folder: Path, source: Corpus | Panel) -> None:
    """List the rows or series that could not be used, where there are any."""
    if source.rejected:
        write_jsonl(folder / "rejected.jsonl", source.rejected)


def _cut_of(config: Config) -> dict[str, Any]:
    return {
        "seed": config.split_seed,
        "valid_fraction": config.data.valid_fraction,
        "test_fraction": config.data.test_fraction,
    }
