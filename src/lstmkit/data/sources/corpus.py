"""The shape that every source is brought to: parts of inputs, labels and ids, in lazy sequences."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Generic, Literal, TypeVar, overload

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from lstmkit.data.sources.times import Interval

Kind = Literal["text", "tokens", "series", "audio"]
Series = Float[np.ndarray, "time channels"]
"""A numeric series, float32; NaN where a value is missing."""
SPLITS = ("train", "valid", "test")
_T = TypeVar("_T")


class Blob(Sequence[str]):
    """Strings laid end to end in UTF-8, decoded on access; memory-mapped when they come from the cache.

    Args:
        content: the bytes of all strings.
        offsets: int64, shape (n + 1,): string i is `content[offsets[i]:offsets[i + 1]]`.
    """

    def __init__(self, content: Any, offsets: NDArray[np.int64]) -> None:
        self.content = memoryview(content)
        self.offsets = offsets

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        position = range(len(self))[index]  # raises IndexError, and counts from the end below zero
        return str(self.content[self.offsets[position] : self.offsets[position + 1]], "utf-8")

    def __iter__(self) -> Iterator[str]:
        for start, end in pairwise(self.offsets.tolist()):
            yield str(self.content[start:end], "utf-8")


class SeriesBlob(Sequence[Series]):
    """Series of as many channels laid end to end; memory-mapped when they come from the cache.

    Args:
        content: float32, shape (steps of all series, channels).
        offsets: int64, shape (n + 1,): series i is `content[offsets[i]:offsets[i + 1]]`.
    """

    def __init__(self, content: Series, offsets: NDArray[np.int64]) -> None:
        self.content = content
        self.offsets = offsets

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @overload
    def __getitem__(self, index: int) -> Series: ...
    @overload
    def __getitem__(self, index: slice) -> list[Series]: ...
    def __getitem__(self, index: int | slice) -> Series | list[Series]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        position = range(len(self))[index]  # raises IndexError, and counts from the end below zero
        return self.content[self.offsets[position] : self.offsets[position + 1]]


@dataclass(frozen=True)
class Clip:
    """Where a recording or a stretch of one is, and what reading it once told; its samples are read when needed.

    Args:
        path: the file, or the zip archive or Parquet table that holds it.
        rate: of the file, in Hz.
        channels: of the file; they are averaged.
        n_samples: of each channel, in the stretch.
        clipped: share of the samples in runs of two or more at full scale.
        digest: hexadecimal, of rate and averaged samples: two with one digest sound alike.
        member: the file's name in the archive, `COLUMN:ROW` of a table; empty: `path` is the file.
        start, end: of the stretch, in seconds; an end of None is the file's.
    """

    path: str
    rate: int
    channels: int
    n_samples: int
    clipped: float
    digest: str
    member: str = ""
    start: float = 0.0
    end: float | None = None

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return self.n_samples / self.rate

    @property
    def name(self) -> str:
        """For errors."""
        return f"{self.path}: {self.member}" if self.member else self.path

    def to_json(self) -> str:
        """All of it."""
        return json.dumps(asdict(self))


class ClipBlob(Sequence[Clip]):
    """Recordings by reference; kept as JSON texts, a few hundred bytes each.

    Args:
        texts: of `Clip.to_json`.
    """

    def __init__(self, texts: Blob) -> None:
        self.texts = texts

    def __len__(self) -> int:
        return len(self.texts)

    @overload
    def __getitem__(self, index: int) -> Clip: ...
    @overload
    def __getitem__(self, index: slice) -> list[Clip]: ...
    def __getitem__(self, index: int | slice) -> Clip | list[Clip]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        return Clip(**json.loads(self.texts[index]))


class Selection(Sequence[_T], Generic[_T]):
    """The items of `base` at `indices`, without a copy.

    Args:
        base: any sequence.
        indices: int64, shape (n,), each from 0 to len(base) - 1.
    """

    def __init__(self, base: Sequence[_T], indices: NDArray[np.int64]) -> None:
        self.base = base
        self.indices = indices

    def __len__(self) -> int:
        return len(self.indices)

    @overload
    def __getitem__(self, index: int) -> _T: ...
    @overload
    def __getitem__(self, index: slice) -> list[_T]: ...
    def __getitem__(self, index: int | slice) -> _T | list[_T]:
        if isinstance(index, slice):
            positions: list[int] = self.indices[index].tolist()
            return [self.base[position] for position in positions]
        return self.base[int(self.indices[index])]

    def __iter__(self) -> Iterator[_T]:
        positions: list[int] = self.indices.tolist()
        for position in positions:
            yield self.base[position]


@dataclass(frozen=True, eq=False)
class Part:
    """One split: three sequences of one length.

    Args:
        inputs: the texts; for a corpus of kind "tokens", the tokens joined by single spaces; for "series", arrays;
            for "audio", where recordings are (`Clip`).
        labels: the label of each input.
        ids: stable and readable: "test/pos/0_10.txt", "train.csv:17" (the line), "digits:12".
    """

    inputs: Sequence[Any]
    labels: Sequence[str]
    ids: Sequence[str]

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: NDArray[np.int64]) -> "Part":
        """The examples at `indices` (int64, shape (n,)), in their order."""
        labels = Selection(self.labels, indices)
        return Part(Selection(self.inputs, indices), list(labels), Selection(self.ids, indices))


@dataclass(frozen=True)
class ColumnsFound:
    """The columns of a table by what they hold; empty: none.

    Attributes:
        left_out: columns that are not read, in the table's order.
    """

    text: str = ""
    label: str = ""
    series: str = ""
    time: str = ""
    channels: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Corpus:
    """A source as it was read.

    Args:
        name: short, for the run folder's name: "imdb", "digits", a file's stem, a folder's name.
        kind: "text"; "tokens" where the source has sequences of tokens; "series" where it has numbers by time;
            "audio" where it has recordings.
        parts: the splits that the source has, in the order train, valid, test; {"all": ...} where it has none.
        rejected: rows left out under on_bad_row="skip": file, line, reason, text (its beginning).
        decisions: what was decided while reading, one line each.
        fingerprint: a digest of the files' contents, the reader's options and what was read: equal for equal content.
        files: name -> SHA-256; a folder of text files counts as one, under the folder's name.
        channels: names of the columns of a series; empty for text and tokens.
        interval: of most series, what usually lies between two steps; None where no times tell.
        has_targets: whether the source says that its labels are values to predict, and no classes.
        columns: of tables, what each column holds.
        layout: how the source is laid out: "texts", "long", "wide" or "lists" of a table, "manifest" of recordings,
            "sounds" of a table that holds them, "ts", "ucr", "idx", "folder", "archive", "bundled".
    """

    name: str
    kind: Kind
    parts: Mapping[str, Part]
    rejected: Sequence[Mapping[str, Any]]
    decisions: Sequence[str]
    fingerprint: str
    files: Mapping[str, str]
    channels: Sequence[str] = ()
    interval: Interval | None = None
    has_targets: bool = False
    columns: ColumnsFound = ColumnsFound()
    layout: str = "folder"
