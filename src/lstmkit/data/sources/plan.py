"""What a source consists of (`Plan`), and what reading it gathers beside the rows (`Reading`)."""

import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lstmkit.config.schema import DataConfig
from lstmkit.core.errors import DataError
from lstmkit.core.files import printable
from lstmkit.core.reading import readable as readable
from lstmkit.data.sources.corpus import Clip, ColumnsFound, Kind, Series
from lstmkit.data.sources.times import Interval

if TYPE_CHECKING:
    from lstmkit.data.sources.series_tables import SeriesLayout

SPLIT_NAMES = {
    "train": "train",
    "valid": "valid",
    "validation": "valid",
    "val": "valid",
    "dev": "valid",
    "test": "test",
}
_SHOWN_CHARACTERS = 200  # of a rejected row's text


@dataclass(frozen=True)
class SourceFile:
    """A file of a source: where it is, and its name within the source (as ids show it)."""

    path: Path
    name: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", printable(self.name))


class Row(NamedTuple):
    """One usable example."""

    split: str
    id: str
    input: "str | Series | Clip"
    label: str


@dataclass(frozen=True)
class Plan:
    """What a source consists of, known before any of it is read.

    Args:
        name: the corpus' name.
        root: the file or folder that the user named.
        files: all files that the content depends on, in a fixed order.
        read: gives the rows, and tells `Reading` what it decides and rejects.
        decisions: what the layout decided.
        kind: what it holds, where the layout tells; a table's columns tell of text and series.
        layout: how it is laid out, a word; a table of series says more by its columns.
    """

    name: str
    root: Path
    files: tuple[SourceFile, ...]
    read: "Callable[[Reading], Iterator[Row]]"
    decisions: tuple[str, ...] = ()
    kind: Kind | None = None
    layout: str = "folder"

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", printable(self.name))


DIALECT_KEYS = ("encoding", "delimiter", "header", "date_format", "thousands", "decimal")
"""Keys of the configuration's section `data` that say how a file is written."""
READING_KEYS = ("text_column", "label_column", "series_column", "time_column", *DIALECT_KEYS, "on_bad_row")
"""Keys of the configuration's section `data` that decide what is read from a file."""


class Reading:
    """Gathers decisions, the kind of the corpus and the rows that cannot be used.

    A bad row does not end the reading at once even under on_bad_row="fail": the error then says how many there are.

    Args:
        data: the columns asked for, and what to do with bad rows.
        model_interval: the sampling interval that series must have; None: that of most of them.
    """

    def __init__(self, data: DataConfig, model_interval: Interval | None = None) -> None:
        self.data = data
        self.kind: Kind | None = None
        self.columns: tuple[str, str] | None = None
        self.found = ColumnsFound()
        self.channels: list[str] = []
        self.layout: SeriesLayout | None = None  # of the tables of numbers read so far
        self.interval = model_interval  # None: that of most series of the first table that has times
        self.whose_interval = "the model's is" if model_interval else "most have"
        self.has_targets = False  # whether the source says that labels are values to predict
        self.decisions: list[str] = []
        self.rejected: list[dict[str, Any]] = []
        self._counts: Counter[str] = Counter()
        self._first: tuple[str, str, str] | None = None

    def reject(self, file: SourceFile, line: int | None, reason: str, detail: str = "", text: str = "") -> None:
        """Note a row that cannot be used. `reason` is the same for all rows of its sort; `detail` is this row's own."""
        self._counts[reason] += 1
        if self._first is None:
            self._first = (f"{file.path}:{line}" if line else str(file.path), reason, detail)
        if self.data.on_bad_row == "skip":
            beginning = text[:_SHOWN_CHARACTERS].encode(errors="replace").decode()
            shown = {"text": beginning} if beginning.strip() else {}
            self.rejected.append({"file": file.name, "line": line, "reason": reason + detail, **shown})

    def row(self, split: str, file: SourceFile, line: int | None, text: Any, label: Any) -> Row | None:
        """A checked row; None, with the reason noted, where text or label cannot be used."""
        fault, string = checked_text(text)
        if not fault and self.kind and self.kind != _kind_of(text):
            fault = "a string among lists of tokens" if self.kind == "tokens" else "a list of tokens among strings"
        if fault:
            self.reject(file, line, fault, text=string)
            return None
        fault, name = _label_of(label)
        if fault:
            self.reject(file, line, fault, text=string)
            return None
        self.kind = self.kind or _kind_of(text)
        return Row(split, f"{file.name}:{line}" if line else file.name, string, name)

    def series_row(
        self, split: str, file: SourceFile, line: int | None, values: Series, label: Any, id_: str = ""
    ) -> Row | None:
        """A checked series; None, with the reason noted, where it or its label cannot be used.

        The first usable one decides how many channels all have, named 1, 2, … unless `channels` has names already.

        Args:
            split, file, line, label: as for `row`.
            values: NaN where a value is missing.
            id_: the example's id; empty: file and line.
        """
        fault, detail = fault_of_series(values, len(self.channels), "the first series has")
        if not fault:
            fault, name = _label_of(label)
            if not fault:
                self.kind = "series"
                self.channels = self.channels or [str(k + 1) for k in range(values.shape[1])]
                return Row(split, id_ or (f"{file.name}:{line}" if line else file.name), values, name)
        self.reject(file, line, fault, detail)
        return None

    def clip_row(self, split: str, file: SourceFile, line: int | None, clip: Clip, label: Any, id_: str) -> Row | None:
        """A recording; None, with the reason noted, where its label cannot be used."""
        fault, name = _label_of(label)
        if fault:
            self.reject(file, line, fault)
            return None
        self.kind = "audio"
        return Row(split, id_, clip, name)

    def finish(self, n_rows: int, root: Path) -> None:
        """Close the reading.

        Raises:
            DataError: a row is bad and bad rows are not to be skipped; or no row is usable.
        """
        if self._first is None and n_rows:
            return
        if self._first is None:
            raise DataError(f"{root}: no rows; an input and a label are needed for each example")
        where, reason, detail = self._first
        n_such = self._counts[reason]
        count = f" ({n_such:,} such rows)" if n_such > 1 else ""
        if self.data.on_bad_row == "fail":
            remedy = "save the file as UTF-8" if reason == "not UTF-8" else "mend it"
            raise DataError(
                f"{where}: {reason}{detail}{count}; {remedy}, or leave such rows out with --on-bad-row skip"
            )
        if not n_rows:
            raise DataError(f"{where}: {reason}{detail}{count}; no row of {root} is usable, so none can be skipped")


def fault_of_series(values: Series, n_channels: int, having: str) -> tuple[str, str]:
    """(fault, detail) of a series; the fault is empty where it can be used.

    Args:
        values: `(time, channels)`.
        n_channels: how many it must have; 0: any number.
        having: who has as many, for the detail.
    """
    if not len(values):
        return "the series has no steps", ""
    if n_channels and values.shape[1] != n_channels:
        return "another number of channels", f" ({values.shape[1]}; {having} {n_channels})"
    if np.isinf(values).any():
        return "an infinite value", f" at step {int(np.isinf(values).any(1).argmax()) + 1}"
    if np.isnan(values).all():
        return "every value is missing", ""
    return "", ""


def _kind_of(text: Any) -> Kind:
    return "tokens" if isinstance(text, list) else "text"


def checked_text(value: Any) -> tuple[str, str]:
    """(fault, text) of a string or a list of tokens: the fault is empty where the text can be used."""
    if isinstance(value, str):
        text = value
    elif isinstance(value, list):
        if not all(isinstance(token, str | int) and not isinstance(token, bool) for token in value):
            return "a token that is neither a string nor an integer", ""
        tokens = [str(token) for token in value]
        if not all(token.split() == [token] for token in tokens):
            return "a token that is empty or holds white space", " ".join(tokens)
        text = " ".join(tokens)
    elif value is None:
        return "the text is missing", ""
    else:
        return "the text is neither a string nor a list of tokens", str(value)
    if not text.strip():
        return "the text is empty", ""
    return _encodable(text)


def _label_of(value: Any) -> tuple[str, str]:
    """(fault, label): JSON's numbers and booleans become their JSON text; white space around a label is dropped."""
    if isinstance(value, bool):
        return "", "true" if value else "false"
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return "", str(value)
    if value is None or isinstance(value, float):
        return "the label is missing", ""
    if not isinstance(value, str):
        return "the label is neither a string nor a number", ""
    label = value.strip()
    return _encodable(label) if label else ("the label is missing", "")


def _encodable(text: str) -> tuple[str, str]:
    try:
        text.encode()
    except UnicodeEncodeError:  # JSON can spell half of a surrogate pair
        return "half of a surrogate pair, which is no character", text.encode(errors="replace").decode()
    return "", text
