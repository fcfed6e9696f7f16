"""Rows gathered into compact parts, bytes and offsets: a corpus takes the memory of its text and little more."""

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lstmkit.config.schema import DataConfig
from lstmkit.data.sources.corpus import Blob, Kind
from lstmkit.data.sources.plan import Plan, Reading


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
class CollectedPart:
    """One split while it grows."""

    _texts: Strings = field(default_factory=Strings)
    _ids: Strings = field(default_factory=Strings)
    _codes: array = field(default_factory=lambda: array("i"))
    label_names: dict[str, int] = field(default_factory=dict)

    def add(self, text: str, label: str, name: str) -> None:
        """Append one example."""
        self._texts.add(text)
        self._ids.add(name)
        self._codes.append(self.label_names.setdefault(label, len(self.label_names)))

    def texts(self) -> Blob:
        """The texts so far."""
        return self._texts.blob()

    def ids(self) -> Blob:
        """The ids so far."""
        return self._ids.blob()

    def labels(self) -> list[str]:
        """The labels so far."""
        names = list(self.label_names)
        return [names[code] for code in self._codes]

    def arrays(self) -> dict[str, bytes]:
        """All of it as bytes: texts and ids with their int64 offsets, labels as int32 codes."""
        return {
            "texts": bytes(self._texts.content),
            "text_offsets": self._texts.offsets.tobytes(),
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


def collect(plan: Plan, data: DataConfig) -> Collected:
    """Read a source.

    Raises:
        DataError: it cannot be read, or a row cannot be used and is not to be skipped, or none can be used.
    """
    reading = Reading(data)
    parts: dict[str, CollectedPart] = {}
    n_rows = 0
    for split, name, text, label in plan.read(reading):
        if split not in parts:
            parts[split] = CollectedPart()
        parts[split].add(text, label, name)
        n_rows += 1
    reading.finish(n_rows, plan.root)
    return Collected(reading.kind or "text", parts, reading.decisions, reading.rejected)
