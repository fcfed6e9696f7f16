"""Which column is the text and which the label: as asked, else by usual names, else by content."""

from collections.abc import Mapping, Sequence
from typing import Any

from lstmkit.config.resolve import nearest
from lstmkit.core.errors import DataError
from lstmkit.data.sources.corpus import ColumnsFound
from lstmkit.data.sources.plan import Reading, SourceFile

TEXT_NAMES = (
    "text", "sentence", "review", "question", "content", "tokens", "tweet", "comment", "message", "utterance",
    "document", "body", "description", "sequence",
)  # fmt: skip
LABEL_NAMES = (
    "label", "labels", "category", "class", "sentiment", "intent", "target", "polarity", "topic", "tag", "rating",
)  # fmt: skip
_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars", ",": "commas"}
_LONGEST_NAME = 60  # characters; a longer "column name" is a row of data


def choose_columns(
    file: SourceFile, names: Sequence[str], sample: Sequence[Mapping[str, Any]], reading: Reading
) -> tuple[str, str]:
    """The text's and the label's column; what was decided is told to `reading`.

    Args:
        file: the table, for errors.
        names: its columns.
        sample: its first rows, to decide by content where names say nothing.
        reading: holds the columns asked for, and those that an earlier table of the source had.

    Raises:
        DataError: a column asked for is not there, or the columns cannot be told.
    """
    if reading.columns:
        for name in reading.columns:
            require_column(file, name, names)
        return reading.columns
    if len(names) < 2:
        hint = _other_separator(names) or "a text and a label column are needed, or columns of numbers and a label"
        raise DataError(f"{file.path}: one column ({names[0]!r}); {hint}")
    if len(set(names)) < 2:
        raise DataError(f"{file.path}: {len(names)} columns are named {names[0]!r}; rename all but one")
    asked_text, asked_label = reading.data.text_column, reading.data.label_column
    for name in (asked_text, asked_label):
        if name:
            require_column(file, name, names)
    text = asked_text or by_name(names, TEXT_NAMES, taken=asked_label)
    label = asked_label or by_name(names, LABEL_NAMES, taken=text)
    named = {"text": bool(text), "label": bool(label)}
    if not text:
        text = max((name for name in names if name != label), key=lambda name: _mean_length(sample, name))
    if not label:
        others = [name for name in names if name != text]
        if len(others) > 1:
            raise DataError(f"{file.path}: which column is the label? There are {_listed(names)}; pass --label-column")
        label = others[0]
    if text == label:
        raise DataError(f"{file.path}: column {text!r} cannot be both text and label; pass --text-column")
    if not any(named.values()):
        _refuse_data_as_names(file, names, label, sample)
    for chosen in (text, label):
        if names.count(chosen) > 1:
            raise DataError(f"{file.path}: {names.count(chosen)} columns are named {chosen!r}; rename all but one")
    how_text = "as asked" if asked_text else "by its name" if named["text"] else "longest strings"
    how_label = "as asked" if asked_label else "by its name" if named["label"] else "the column left"
    reading.decisions.append(f"text column: {text!r} ({how_text})")
    reading.decisions.append(f"label column: {label!r} ({how_label})")
    reading.columns = (text, label)
    reading.found = ColumnsFound(text, label, left_out=tuple(name for name in names if name not in (text, label)))
    return reading.columns


def choose_text_column(file: SourceFile, names: Sequence[str], sample: Sequence[Mapping[str, Any]], asked: str) -> str:
    """The column to predict from: as asked, by a usual name, the only one, or the one with the longest strings.

    Raises:
        DataError: the column asked for is not there, or no column holds strings.
    """
    if asked:
        require_column(file, asked, names)
        return asked
    if found := by_name(names, TEXT_NAMES, taken=""):
        return found
    if hint := _other_separator(names):
        raise DataError(f"{file.path}: one column ({names[0]!r}); {hint}, or name the column with --text-column")
    longest = max(names, key=lambda name: _mean_length(sample, name))
    if not _mean_length(sample, longest):
        raise DataError(f"{file.path}: no column of {_listed(names)} holds text; name one with --text-column")
    return longest


def _other_separator(names: Sequence[str]) -> str:
    """What to do where the only column's name looks like several with another separator between; else nothing."""
    if len(names) == 1:
        for separator, called in _SEPARATORS.items():
            if separator in names[0]:
                return f"its fields look separated by {called}; save it with commas as .csv, or with tabs as .tsv"
    return ""


def require_column(file: SourceFile, name: str, names: Sequence[str], taken: Sequence[str] = ()) -> None:
    """See that a table has a column.

    Args:
        file: the table, for errors.
        name: the column's.
        names: the table's.
        taken: of these, what is known to be another column.

    Raises:
        DataError: it has not.
    """
    if name not in names:
        hint = _other_separator(names)
        remedy = f"; {hint}" if hint else nearest(name, [one for one in names if one not in taken])
        raise DataError(f"{file.path}: no column {name!r}; there are {_listed(names)}{remedy}")


def _listed(names: Sequence[str], most: int = 12) -> str:
    shown = ", ".join(repr(name) for name in names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def by_name(names: Sequence[str], usual: Sequence[str], taken: str) -> str:
    """The column that has the first of the usual names that any has, case folded; empty where none has."""
    by_folded = {name.strip().casefold(): name for name in reversed(names) if name != taken}
    return next((by_folded[name] for name in usual if name in by_folded), "")


def _mean_length(sample: Sequence[Mapping[str, Any]], name: str) -> float:
    values = [row.get(name) for row in sample]
    lengths = [len(value) if isinstance(value, str | list) else 0 for value in values]
    return sum(lengths) / max(1, len(lengths))


def _refuse_data_as_names(
    file: SourceFile, names: Sequence[str], label: str, sample: Sequence[Mapping[str, Any]]
) -> None:
    """A table without a header line would lose its first example in silence."""
    is_value = any(row.get(label) == label for row in sample)
    if is_value or any(not name or len(name) > _LONGEST_NAME or name.isdecimal() for name in names):
        raise DataError(
            f"{file.path}:1: the first line looks like data ({_listed(names)[:80]}), not like column names; "
            "put a line such as text,label before it"
        )
