"""Cells of tables: numbers as a table writes them, one spelling of names, and what a column of cells holds."""

import math
import re
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

from lstmkit.config.schema import DataConfig
from lstmkit.core.errors import RequestError
from lstmkit.data.sources.times import are_dates

MOSTLY = 0.9  # of a column's cells: what is something else among so many is a mistake
HALF_A_PAIR = "half of a surrogate pair, which is no character"
_MISSING = frozenset({"", "?", "na", "nan", "null", "none"})
_BOOLEANS = {"true": 1.0, "false": 0.0}
_SAID = frozenset({"true", "false", "yes", "no", "on", "off", "t", "f", "y", "n"})
_WHOLE = 2.0**53  # from here on a float does not tell neighbouring whole numbers apart
# Characters that look like the one that a user can type.
_ALIKE = {" ": " \N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}", "'": "'\N{RIGHT SINGLE QUOTATION MARK}"}
# Dates and times of day as people write them; which day is meant is not asked here.
_DATE = re.compile(
    r"""(\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4} | \d{4}[-/]\d{2} | \d{4}-?[QqWw]\d{1,2} | \d{1,2}[-\ ][A-Za-z]{3,9}[-\ ]\d{2,4}
        | [A-Za-z]{3,9}[-\ ]\d{2,4} | [A-Za-z]{3,9}\.?\ \d{1,2},?\ \d{4})([T\ ]+\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?.*)?
        | \d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?""",
    re.VERBOSE,
)
_HEXADECIMAL = re.compile(r"(0x)?(?=.*\d)[0-9a-f]{8,}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_MOST_SHOWN = 40  # characters of a cell in an error


class NumberFormat(NamedTuple):
    """How a table writes its numbers: the character between groups of digits (empty: none), and the decimal point."""

    thousands: str = ""
    decimal: str = "."

    @property
    def options(self) -> str:
        """The options that read numbers written so."""
        given = [f"--thousands {self.thousands!r}"] if self.thousands else []
        return " ".join([*given, *([f"--decimal {self.decimal!r}"] if self.decimal != "." else [])])


PLAIN = NumberFormat()
_OTHERS = (
    NumberFormat(","), NumberFormat("", ","), NumberFormat(".", ","), NumberFormat(" "), NumberFormat(" ", ","),
    NumberFormat("'"), NumberFormat("_"),
)  # fmt: skip


def number_format(data: DataConfig) -> NumberFormat:
    """Return how a source writes its numbers.

    Raises:
        RequestError: one character is asked to group digits and to be the decimal point, or to separate fields too.
    """
    if data.thousands == data.decimal:
        other = "," if data.decimal == "." else "."
        raise RequestError(
            f"data.thousands and data.decimal are both {data.decimal!r}; two characters are needed, as "
            f"--thousands {data.thousands!r} --decimal {other!r}"
        )
    if data.delimiter and data.delimiter in (data.thousands, data.decimal):
        what = "groups digits" if data.delimiter == data.thousands else "is the decimal point"
        raise RequestError(
            f"data.delimiter = {data.delimiter!r}: the same character {what}; leave one of the two out, or give another"
        )
    return NumberFormat(data.thousands, data.decimal)


def number_of(value: Any, form: NumberFormat = PLAIN) -> float:
    """Return a cell as a number: NaN where it is missing, 1 and 0 for true and false, infinity beyond all floats.

    Raises:
        ValueError, TypeError: it is none of these.
    """
    if isinstance(value, str):
        return _number_in(value, form)
    if value is None:
        return math.nan
    if isinstance(value, list | dict | bytes):
        raise ValueError("no number")  # noqa: TRY004  (what float says of a string that is none)
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _number_in(text: str, form: NumberFormat) -> float:
    if form == PLAIN:
        try:
            number = float(text)
        except ValueError:
            return _word_of(text)
        if "_" in text:  # Python's own notation: 12_3 in a table is a name
            raise ValueError("no number")
        return number
    bare = text.strip()
    if not _pattern(form).fullmatch(bare):
        return _word_of(text)
    for character in _ALIKE.get(form.thousands, form.thousands):
        bare = bare.replace(character, "")
    return float(bare.replace(form.decimal, "."))


def _word_of(text: str) -> float:
    """Return what a word says as a number.

    Raises:
        ValueError: nothing.
    """
    word = text.strip().lower()
    if word in _MISSING:
        return math.nan
    if word in _BOOLEANS:
        return _BOOLEANS[word]
    if word.lstrip("+-") in ("inf", "infinity"):
        return float(word)
    raise ValueError("no number")


@lru_cache
def _pattern(form: NumberFormat) -> re.Pattern[str]:
    point, whole = re.escape(form.decimal), r"\d+"
    if form.thousands:
        between = f"[{re.escape(_ALIKE.get(form.thousands, form.thousands))}]"
        whole = rf"(?:[1-9]\d{{0,2}}(?:{between}\d{{2,3}})*{between}\d{{3}}|\d+)"
    return re.compile(rf"[+-]?(?:{whole}(?:{point}\d*)?|{point}\d+)(?:[eE][+-]?\d+)?", re.ASCII)


def is_number(value: Any, form: NumberFormat = PLAIN) -> bool:
    """Whether a cell is a number or missing."""
    try:
        number_of(value, form)
    except (TypeError, ValueError):
        return False
    return True


def counted(values: Iterable[Any], form: NumberFormat = PLAIN) -> tuple[int, int]:
    """Return how many cells hold something, and how many of them a number."""
    n_there = n_numbers = 0
    for value in values:
        try:
            number = number_of(value, form)
        except (TypeError, ValueError):
            n_there += 1
        else:
            n_there += number == number
            n_numbers += number == number
    return n_there, n_numbers


def is_missing(value: Any) -> bool:
    """Whether a cell is empty, or says that there is no value."""
    if isinstance(value, str):
        return value.strip().lower() in _MISSING
    return value is None or (isinstance(value, float | Decimal) and math.isnan(value))


def spelled(value: str | bool | int | float | Decimal) -> str:
    """Return a label or a series' name in the spelling that all formats share: `true`, `1` for 1.0, no outer space."""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value).strip()
    if isinstance(value, float) and value.is_integer() and abs(value) < _WHOLE:
        return str(int(value))
    if text.lower() in _BOOLEANS:
        return text.lower()
    whole = re.fullmatch(r"([+-]?(?:0|[1-9]\d{0,14}))\.0+", text, re.ASCII)  # a column of floats that holds whole ones
    return str(int(whole[1])) if whole else text


def is_encodable(text: str) -> bool:
    """Whether a text is one of characters: JSON can spell half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def few_cells(value: Any) -> str:
    """Return a cell as an error shows it."""
    shown = repr(value)
    return shown if len(shown) <= _MOST_SHOWN else f"{shown[: _MOST_SHOWN - 1]}…"


def how_to_read(values: Iterable[Any], form: NumberFormat = PLAIN) -> str:
    """Return the options that read cells as numbers, where those that `form` does not read are such; else nothing.

    Args:
        values: cells of one column.
        form: in which some are no numbers.
    """
    unread = [value for value in values if isinstance(value, str) and not is_number(value, form)]
    reading = [
        other
        for other in _OTHERS
        if unread and sum(is_number(value, other) for value in unread) >= MOSTLY * len(unread)
    ]
    if not reading:
        return ""
    if reading[:2] == [NumberFormat(","), NumberFormat("", ",")]:
        example = next(value for value in unread if "," in value).strip()
        grouped, point = example.replace(",", ""), example.replace(",", ".")
        return f"--thousands ',' if {example} is {grouped}, or --decimal ',' if it is {point}"
    return reading[0].options


def looks_like_date(value: Any) -> bool:
    """Whether a cell is a date or a time of day, in any of the usual forms."""
    return isinstance(value, date) or (isinstance(value, str) and bool(_DATE.fullmatch(value.strip())))


def held_by(values: Iterable[Any], form: NumberFormat = PLAIN) -> str:
    """Return what a column's cells are where they are no texts: numbers, dates, booleans, identifiers; else nothing.

    Identifiers are words of one pattern, once letters and digits are taken as such, with a digit in each (`T-10448`,
    `M00`), or hexadecimal numbers and UUIDs.
    """
    there = [value for value in values if not is_missing(value)]
    least = MOSTLY * len(there)
    if not there or any(isinstance(value, list | dict) for value in there):
        return ""
    words = [str(value).strip().lower() for value in there]
    if sum(word in _SAID for word in words) >= least:
        return "booleans"
    if sum(is_number(value, form) for value in there) >= least or how_to_read(there, form):
        return "numbers"
    if sum(map(looks_like_date, there)) >= least or are_dates(there):
        return "dates"
    if sum(bool(_HEXADECIMAL.fullmatch(word)) for word in words) >= least:
        return "identifiers"
    shapes = {re.sub(r"[^\W\d_]+", "a", re.sub(r"\d+", "9", word)) for word in words}
    is_named = len(shapes) == 1 and not re.search(r"\s", next(iter(shapes))) and "9" in next(iter(shapes))
    return "identifiers" if is_named and len(words) > 1 else ""
