"""Encoded splits, kept on disk and mapped into memory; keyed by all that decides their content, so never stale."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tokenizers
from jaxtyping import Float, Int

from lstmkit.config.schema import EncoderConfig
from lstmkit.core.errors import ArtifactError, LstmkitError
from lstmkit.core.files import cache_folder, digest_of, replacing_folder, write_bytes, write_json
from lstmkit.data.encoder import known_share
from lstmkit.data.encoding import AnyEncoder, file_names, files_of, fit_encoder, read_encoder
from lstmkit.data.near_duplicates import near_duplicates
from lstmkit.data.sources import Corpus, Part

_FORMAT = 3


@dataclass(frozen=True)
class EncodedPart:
    """One split as numbers.

    Attributes:
        rows: what the network reads, all sequences end to end: token numbers, int32 `(rows,)`, or of a series float32
            `(rows, features)`.
        offsets: int64 `(sequences + 1,)`, where each begins.
        known_labels: int64 `(sequences,)`, an index into the label names; or float32 numbers to predict, one for each
            sequence or several, NaN where one is missing. None where the inputs alone are known, as in prediction.
    """

    rows: Int[np.ndarray, " rows"] | Float[np.ndarray, "rows features"]
    offsets: Int[np.ndarray, " sequences_plus_1"]
    known_labels: Int[np.ndarray, " sequences"] | Float[np.ndarray, "sequences *targets"] | None = None

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def labels(self) -> Int[np.ndarray, " sequences"] | Float[np.ndarray, "sequences *targets"]:
        """The labels or numbers.

        Raises:
            ValueError: the part has none.
        """
        if self.known_labels is None:
            raise ValueError("these sequences were encoded without labels; training and scoring need a label for each")
        return self.known_labels

    @property
    def lengths(self) -> Int[np.ndarray, " sequences"]:
        """Steps of each sequence, int64 `(sequences,)`."""
        return np.diff(self.offsets)


@dataclass(frozen=True)
class Encoded:
    """All that training needs of the data.

    Attributes:
        encoder: fitted on the training part.
        labels: class names; a class's number is its place.
        parts: train, valid, test.
        coverage: share of each part's tokens that the vocabulary covers; of series, of its values that are there;
            empty for recordings.
        whole_lengths: steps of each sequence of a part before it was shortened, int64 `(sequences,)`.
        near: for valid and test, their sequences that (nearly) stand in train, each with its likes there.
    """

    encoder: AnyEncoder
    labels: list[str]
    parts: Mapping[str, EncodedPart]
    coverage: Mapping[str, float]
    whole_lengths: Mapping[str, Int[np.ndarray, " sequences"]]
    near: Mapping[str, list[tuple[int, list[int]]]]


def encode(corpus: Corpus, parts: Mapping[str, Part], config: EncoderConfig, cut: Mapping[str, Any]) -> Encoded:
    """Fit the encoder on `parts["train"]` and number every part, or take both from the cache.

    Args:
        corpus: where the parts came from; its fingerprint stands for the content.
        parts: the splits; `train` must be among them.
        config: the encoder's section of the configuration.
        cut: all that decided how the corpus was cut into `parts` (seed, fractions): part of the cache's key.
    """
    key = digest_of(
        {
            "format": _FORMAT,
            "tokenizers": tokenizers.__version__,
            "corpus": corpus.fingerprint,
            "encoder": config.model_dump(),
            "cut": dict(cut),
            "parts": sorted(parts),
        }
    )
    folder = cache_folder() / "encoded" / key
    if (cached := _read(folder)) is not None:
        return cached
    fresh = _encode(corpus, parts, config)
    try:
        _write(folder, fresh)
    except LstmkitError:  # a cache that cannot be written costs time, not the run
        return fresh
    return fresh


def _encode(corpus: Corpus, parts: Mapping[str, Part], config: EncoderConfig) -> Encoded:
    encoder = fit_encoder(parts["train"].inputs, config, corpus.kind, corpus.channels)
    labels = sorted(set(parts["train"].labels))
    number = {label: k for k, label in enumerate(labels)}
    encoded: dict[str, EncodedPart] = {}
    whole_lengths: dict[str, np.ndarray] = {}
    for name, part in parts.items():
        rows, offsets, whole_lengths[name] = encoder.encode_counted(part.inputs)
        encoded[name] = EncodedPart(rows, offsets, np.array([number[label] for label in part.labels], dtype=np.int64))
    if corpus.kind == "audio":
        return Encoded(encoder, labels, encoded, {}, whole_lengths, {})
    if corpus.kind == "series":
        coverage = {name: _share_there(part.inputs) for name, part in parts.items()}
        return Encoded(encoder, labels, encoded, coverage, whole_lengths, {})
    coverage = {name: known_share(part.rows) for name, part in encoded.items()}
    near = {name: list(near_duplicates(encoded["train"], encoded[name])) for name in ("valid", "test") if name in parts}
    return Encoded(encoder, labels, encoded, coverage, whole_lengths, near)


def _share_there(series: Sequence[Any]) -> float:
    """The share of values that are not missing."""
    n_missing = sum(int(np.isnan(values).sum()) for values in series)
    return 1 - n_missing / sum(values.size for values in series)


def _write(folder: Path, encoded: Encoded) -> None:
    with replacing_folder(folder) as fresh:
        for name, content in files_of(encoded.encoder).items():
            write_bytes(fresh / name, content)
        sizes = {name: [len(part.rows), len(part)] for name, part in encoded.parts.items()}
        for name, part in encoded.parts.items():
            for field in ("rows", "offsets", "labels"):
                np.save(fresh / f"{name}.{field}.npy", getattr(part, field), allow_pickle=False)
            np.save(fresh / f"{name}.whole_lengths.npy", encoded.whole_lengths[name], allow_pickle=False)
        write_json(
            fresh / "encoded.json",
            {
                "encoder": encoded.encoder.describe(),
                "labels": encoded.labels,
                "sizes": sizes,
                "coverage": dict(encoded.coverage),
                "near": dict(encoded.near),
            },
        )


def _read(folder: Path) -> Encoded | None:
    """The cached parts, or None where there are none or they are damaged."""
    try:
        about = json.loads((folder / "encoded.json").read_text("utf-8"))
        encoder = read_encoder(
            about["encoder"], {name: (folder / name).read_bytes() for name in file_names(about["encoder"])}
        )
        parts = {name: _read_part(folder, name, sizes) for name, sizes in about["sizes"].items()}
        whole_lengths = {name: _mapped(folder, name, "whole_lengths") for name in parts}
        if any(len(whole_lengths[name]) != len(part) for name, part in parts.items()):
            return None
        near = {name: [(row, likes) for row, likes in found] for name, found in about["near"].items()}
        return Encoded(encoder, about["labels"], parts, about["coverage"], whole_lengths, near)
    except (OSError, EOFError, ValueError, TypeError, KeyError, ArtifactError):
        return None


def _read_part(folder: Path, name: str, sizes: Sequence[int]) -> EncodedPart:
    part = EncodedPart(*(_mapped(folder, name, field) for field in ("rows", "offsets", "labels")))
    if [len(part.rows), len(part)] != list(sizes) or len(part.labels) != len(part):
        raise ValueError(f"{folder}: sizes do not agree")
    return part


def _mapped(folder: Path, name: str, field: str) -> np.ndarray:
    return np.load(folder / f"{name}.{field}.npy", mmap_mode="r", allow_pickle=False)
