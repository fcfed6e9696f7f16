"""Encoded splits, kept on disk and mapped into memory; keyed by all that decides their content, so never stale."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tokenizers
from jaxtyping import Float, Int
from numpy.typing import NDArray

from lstmkit.config.schema import EncoderConfig
from lstmkit.core.cache import entry_folder, not_kept, read_entry, writing_entry
from lstmkit.core.errors import LstmkitError
from lstmkit.core.files import digest_of
from lstmkit.data.encoder import known_share
from lstmkit.data.encoding import AnyEncoder, file_names, files_of, fit_encoder, read_encoder
from lstmkit.data.near_duplicates import near_duplicates
from lstmkit.data.sources import Corpus, Part

_FORMAT = 4
_ENTRY = "encoded.json"
_MOST_HEADER_BYTES = 1024  # of an .npy file of plain numbers: 128 are usual


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
        note: why the cache did not keep it, a line for people; empty where it did.
    """

    encoder: AnyEncoder
    labels: list[str]
    parts: Mapping[str, EncodedPart]
    coverage: Mapping[str, float]
    whole_lengths: Mapping[str, Int[np.ndarray, " sequences"]]
    near: Mapping[str, list[tuple[int, list[int]]]]
    note: str = ""


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
    folder = entry_folder("encoded", key)
    if (cached := _read(folder)) is not None:
        return cached
    fresh = _encode(corpus, parts, config)
    try:
        _write(folder, fresh)
    except LstmkitError as error:  # a cache that cannot be written costs time, not the run
        return replace(fresh, note=not_kept(error))
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


def _write(folder: Path | None, encoded: Encoded) -> None:
    about = {
        "encoder": encoded.encoder.describe(),
        "labels": encoded.labels,
        "parts": list(encoded.parts),
        "coverage": dict(encoded.coverage),
        "near": dict(encoded.near),
    }
    with writing_entry(folder, _ENTRY, about) as fresh:
        for name, content in files_of(encoded.encoder).items():
            (fresh / name).write_bytes(content)
        for name, part in encoded.parts.items():
            arrays = {field: getattr(part, field) for field in ("rows", "offsets", "labels")}
            for field, array in {**arrays, "whole_lengths": encoded.whole_lengths[name]}.items():
                np.save(fresh / f"{name}.{field}.npy", np.ascontiguousarray(array), allow_pickle=False)


def _read(folder: Path | None) -> Encoded | None:
    """The cached parts, or None where there are none or they are damaged."""
    if (entry := read_entry(folder, _ENTRY)) is None:
        return None
    about, files = entry
    description = about["encoder"]
    encoder = read_encoder(description, {name: files[name].tobytes() for name in file_names(description)})
    fields = ("rows", "offsets", "labels")
    parts = {name: EncodedPart(*(_array(files[f"{name}.{field}.npy"]) for field in fields)) for name in about["parts"]}
    whole_lengths = {name: _array(files[f"{name}.whole_lengths.npy"]) for name in parts}
    near = {name: [(row, likes) for row, likes in found] for name, found in about["near"].items()}
    return Encoded(encoder, about["labels"], parts, about["coverage"], whole_lengths, near)


def _array(content: NDArray[np.uint8]) -> np.ndarray:
    """The array in the checked content of an `.npy` file. To open the file again would be to trust it again."""
    file = io.BytesIO(content[:_MOST_HEADER_BYTES].tobytes())
    np.lib.format.read_magic(file)
    shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    return content[file.tell() :].view(dtype).reshape(shape)
