"""Which column is the text and which the label: as asked, else by usual names, else by content."""

from collections.abc import Mapping, Sequence
from typing import Any

from lstmkit.config.schema import DataConfig
from lstmkit.core.errors import DataError
from lstmkit.data.sources.cells import MOSTLY, few_cells, held_by, how_to_read, is_missing, is_number, number_format
from lstmkit.data.sources.headers import listed, other_separator, require_column
from lstmkit.data.sources.plan import Reading, SourceFile

TEXT_NAMES = (
    "text", "sentence", "review", "question", "content", "tokens", "tweet", "comment", "message", "utterance",
    "document", "body", "description", "sequence",
)  # fmt: skip
LABEL_NAMES = (
    "label", "labels", "category", "class", "sentiment", "intent", "target", "polarity", "topic", "tag", "rating",
)  # fmt: skip
SERIES_NAMES = (
    "series", "series_id", "case", "case_id", "sequence_id", "sample_id", "recording", "recording_id", "trial", "unit",
    "id",
)  # fmt: skip
TIME_NAMES = ("time", "timestamp", "t", "date", "datetime", "step")
_HELD = {
    "numbers": "numbers",
    "dates": "dates or times",
    "booleans": "yes or no",
    "identifiers": "identifiers",
    "names": "names that repeat beside columns of numbers",
}


def choose_columns(
    file: SourceFile, names: Sequence[str], sample: Sequence[Mapping[str, Any]], lines: Sequence[int], reading: Reading
) -> tuple[str, str]:
    """The text's and the label's column; what was decided is told to `reading`.

    Numbers, dates, booleans and identifiers are a text only where `--text-column` says so.

    Args:
        file: the table, for errors.
        names: its columns.
        sample: its first rows, to decide by content where names say nothing.
        lines: where these begin, for errors.
        reading: holds the columns asked for, and those that an earlier table of the source had.

    Raises:
        DataError: a column asked for is not there, or the columns cannot be told, or none holds texts.
    """
    if reading.columns:
        for name in reading.columns:
            require_column(file, name, names)
        return reading.columns
    if len(names) < 2:
        hint = other_separator(names) or "a text and a label column are needed, or columns of numbers and a label"
        raise DataError(f"{file.path}: one column ({names[0]!r}); {hint}")
    asked = (reading.data.text_column, reading.data.label_column)
    asked_text, asked_label = (require_column(file, name, names) if name else "" for name in asked)
    text = asked_text or by_name(names, TEXT_NAMES, taken=asked_label)
    label = asked_label or by_name(names, LABEL_NAMES, taken=text)
    named = {"text": bool(text), "label": bool(label)}
    if not text:
        text = max((name for name in names if name != label), key=lambda name: _mean_length(sample, name))
    if not label:
        others = [name for name in names if name != text]
        if len(others) > 1:
            raise DataError(f"{file.path}: which column is the label? There are {listed(names)}; pass --label-column")
        label = others[0]
    if text == label:
        raise DataError(f"{file.path}: column {text!r} cannot be both text and label; pass --text-column")
    held = _held_in(names, sample, text, label, reading, by_content=not named["text"])
    if held and not asked_text:
        why = "" if named["text"] else " (the longest strings)"
        raise DataError(
            f"{file.path}: no texts: column {text!r}{why} holds {_HELD[held]}; "
            f"{_no_series_because(file, names, sample, lines, reading.data, label if named['label'] else '')}; "
            f"--text-column {_quoted(text)} takes it as text all the same"
        )
    how_text = "as asked" if asked_text else "by its name" if named["text"] else "longest strings"
    how_label = "as asked" if asked_label else "by its name" if named["label"] else "the column left"
    reading.decisions.append(f"text column: {text!r} ({how_text}{f'; it holds {_HELD[held]}' if held else ''})")
    reading.decisions.append(f"label column: {label!r} ({how_label})")
    reading.columns = (text, label)
    return reading.columns


def choose_text_column(file: SourceFile, names: Sequence[str], sample: Sequence[Mapping[str, Any]], asked: str) -> str:
    """The column to predict from: as asked, by a usual name, the only one, or the one with the longest strings.

    Raises:
        DataError: the column asked for is not there, or no column holds strings.
    """
    if asked:
        return require_column(file, asked, names)
    if found := by_name(names, TEXT_NAMES, taken=""):
        return found
    if hint := other_separator(names):
        raise DataError(f"{file.path}: one column ({names[0]!r}); {hint}, or name the column with --text-column")
    longest = max(names, key=lambda name: _mean_length(sample, name))
    if not _mean_length(sample, longest):
        raise DataError(f"{file.path}: no column of {listed(names)} holds text; name one with --text-column")
    return longest


def by_name(names: Sequence[str], usual: Sequence[str], taken: str) -> str:
    """The column that has the first of the usual names that any has, case folded; empty where none has."""
    by_folded = {name.strip().casefold(): name for name in reversed(names) if name != taken}
    return next((by_folded[name] for name in usual if name in by_folded), "")


def _mean_length(sample: Sequence[Mapping[str, Any]], name: str) -> float:
    values = [row.get(name) for row in sample]
    lengths = [len(value) if isinstance(value, str | list) else 0 for value in values]
    return sum(lengths) / max(1, len(lengths))


def _quoted(name: str) -> str:
    return name if name.isidentifier() else repr(name)


def _held_in(
    names: Sequence[str],
    sample: Sequence[Mapping[str, Any]],
    text: str,
    label: str,
    reading: Reading,
    *,
    by_content: bool,
) -> str:
    """What the column of texts holds in their place; empty: texts.

    One that has a usual name for texts may hold identifiers, as names of molecules and sites look like such.
    """
    values = [row.get(text) for row in sample]
    held = held_by(values, reading.numbers)
    if not by_content:
        return "" if held == "identifiers" else held
    if held:
        return held
    words = [value.strip() for value in values if isinstance(value, str) and value.strip()]
    are_words = len(words) > 1 and not any(len(word.split()) > 1 for word in words)
    if are_words and 2 * len(set(words)) <= len(words):
        others = ([row.get(name) for row in sample] for name in names if name not in (text, label))
        if any(held_by(other, reading.numbers) == "numbers" for other in others):
            return "names"
    return ""


def _no_series_because(
    file: SourceFile,
    names: Sequence[str],
    sample: Sequence[Mapping[str, Any]],
    lines: Sequence[int],
    data: DataConfig,
    label: str,
) -> str:
    """Why a table is no table of series: the first cell that keeps it from being one, and what reads it."""
    if not label:
        return "of a table of series the label must be known: name its column with --label-column"
    form = number_format(data)
    series = data.series_column or by_name(names, SERIES_NAMES, taken=label)
    time = data.time_column or by_name(names, TIME_NAMES, taken=label)
    channels = [name for name in names if name not in (label, series, time)]
    for name in channels:
        values = [row.get(name) for row in sample]
        there = [value for value in values if not is_missing(value)]
        bad = [k for k, value in enumerate(values) if not is_number(value, form)]
        if not bad or len(there) - len(bad) >= MOSTLY * len(there):
            continue
        cell = f"{file.path.name}:{lines[bad[0]]}: {few_cells(values[bad[0]])} in column {name!r} is not a number"
        return f"it is no table of series as {cell}; {_remedy(name, there, how_to_read(there, form), series, time)}"
    if not series:
        return (
            "it is no table of series as no column names one, and a row for each series needs two columns of numbers "
            "or more: name the column with --series-column"
        )
    return "it is no table of series as each row has another name in the column of series"


def _remedy(name: str, there: Sequence[Any], reading_options: str, series: str, time: str) -> str:
    """The option that reads a column which is not one of numbers."""
    if reading_options:
        return f"read it with {reading_options}"
    held = held_by(there)
    if held == "dates":
        return f"drop the column, as {time!r} has the times" if time else f"name it with --time-column {_quoted(name)}"
    repeats = len({str(value) for value in there}) < len(there)
    if not series and repeats and held != "booleans":
        return f"if it names the series, --series-column {_quoted(name)}; else drop the column"
    return f"drop the column, or name the series with --series-column {_quoted(series or 'NAME')}, which leaves it out"
