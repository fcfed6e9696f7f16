"""Rows gathered into compact parts, bytes and offsets: a corpus takes the memory of its text and little more."""

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lstmkit.config.schema import DataConfig
from lstmkit.data.sources.corpus import Blob, Clip, ClipBlob, ColumnsFound, Kind, Series, SeriesBlob
from lstmkit.data.sources.plan import Plan, Reading
from lstmkit.data.sources.times import Interval


@dataclass
class Strings:
    """Strings appended one by one to a blob of UTF-8."""

    content: bytearray = field(default_factory=bytearray)
    offsets: array = field(default_factory=lambda: array("q", [0]))

    def add(self, text: str) -> None:
        """Append one string."""
        self.content += text.encode()
        self.offsets.append(len(self.content))

    def blob(self) -> Blob:
        """What was appended, as a sequence."""
        return Blob(bytes(self.content), np.array(self.offsets, dtype=np.int64))


@dataclass
class Numbers:
    """Series appended one by one, steps end to end."""

    n_channels: int
    content: bytearray = field(default_factory=bytearray)
    offsets: array = field(default_factory=lambda: array("q", [0]))

    def add(self, series: Series) -> None:
        """Append one series."""
        self.content += np.ascontiguousarray(series, dtype=np.float32).tobytes()
        self.offsets.append(self.offsets[-1] + len(series))

    def blob(self) -> SeriesBlob:
        """What was appended, as a sequence."""
        content = np.frombuffer(bytes(self.content), dtype=np.float32).reshape(-1, self.n_channels)
        return SeriesBlob(content, np.array(self.offsets, dtype=np.int64))


@dataclass
class Clips:
    """Where recordings are, appended one by one."""

    _texts: Strings = field(default_factory=Strings)

    @property
    def content(self) -> bytearray:
        """JSON texts end to end."""
        return self._texts.content

    @property
    def offsets(self) -> array:
        """Where each begins."""
        return self._texts.offsets

    def add(self, clip: Clip) -> None:
        """Append one."""
        self._texts.add(clip.to_json())

    def blob(self) -> ClipBlob:
        """What was appended, as a sequence."""
        return ClipBlob(self._texts.blob())


@dataclass
class CollectedPart:
    """One split while it grows; `_inputs` holds texts, series of as many channels each, or where recordings are."""

    _inputs: Strings | Numbers | Clips
    _ids: Strings = field(default_factory=Strings)
    _codes: array = field(default_factory=lambda: array("i"))
    label_names: dict[str, int] = field(default_factory=dict)

    def add(self, item: Any, label: str, name: str) -> None:
        """Append one example."""
        self._inputs.add(item)
        self._ids.add(name)
        self._codes.append(self.label_names.setdefault(label, len(self.label_names)))

    def inputs(self) -> Blob | SeriesBlob | ClipBlob:
        """The inputs so far."""
        return self._inputs.blob()

    def ids(self) -> Blob:
        """The ids so far."""
        return self._ids.blob()

    def labels(self) -> list[str]:
        """The labels so far."""
        names = list(self.label_names)
        return [names[code] for code in self._codes]

    def arrays(self) -> dict[str, bytes]:
        """All of it as bytes: inputs and ids with their int64 offsets, labels as int32 codes."""
        return {
            "inputs": bytes(self._inputs.content),
            "input_offsets": self._inputs.offsets.tobytes(),
            "ids": bytes(self._ids.content),
            "id_offsets": self._ids.offsets.tobytes(),
            "labels": self._codes.tobytes(),
        }


@dataclass(frozen=True)
class Collected:
    """A source once read."""

    kind: Kind
    parts: Mapping[str, CollectedPart]
    decisions: list[str]
    rejected: list[dict[str, Any]]
    channels: list[str]
    interval: Interval | None
    has_targets: bool
    columns: ColumnsFound
    layout: str


def collect(plan: Plan, data: DataConfig) -> Collected:
    """Read a source.

    Raises:
        DataError: it cannot be read, or a row cannot be used and is not to be skipped, or none can be used.
    """
    reading = Reading(data)
    parts: dict[str, CollectedPart] = {}
    n_rows = 0
    for split, name, item, label in plan.read(reading):
        if split not in parts:
            parts[split] = CollectedPart(_container_of(item))
        parts[split].add(item, label, name)
        n_rows += 1
    reading.finish(n_rows, plan.root)
    return Collected(
        reading.kind or "text",
        parts,
        reading.decisions,
        reading.rejected,
        reading.channels,
        reading.interval,
        reading.has_targets,
        reading.found,
        reading.layout.form if reading.layout else plan.layout,
    )


def _container_of(item: str | Series | Clip) -> Strings | Numbers | Clips:
    """What inputs like this one are gathered in."""
    if isinstance(item, str):
        return Strings()
    return Clips() if isinstance(item, Clip) else Numbers(item.shape[1])
