"""How a column writes its times: numbers, ISO 8601, months, quarters, weeks, or a format; read, and written again."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any

from lstmkit.core.errors import DataError, RequestError

_FARTHEST = 1e300  # a time: differences of larger ones are infinite
_MONTH_YEARS = range(1600, 2300)  # in which numbers such as 194901 are months
_MOST_SHOWN = 40  # characters of a cell in an error
_MOST_SHAPES = 4  # of one column that are tried on all of it
_KEPT = 65_536  # texts whose dates are remembered: series of one panel share theirs

_WEEK = re.compile(r"\d{4}-?W\d{2}(-?\d)?")
_QUARTER = re.compile(r"\d{4}([- ]?)[Qq][1-4]|([Qq])[1-4]([-/ ]?)\d{4}")
_CLOCK = re.compile(r"(?P<gap>[ T]+)\d{1,2}:\d{2}(?P<seconds>:\d{2}(?P<fraction>\.\d{1,6})?)?(?P<half> ?[AaPp][Mm])?$")
_NUMBERS = re.compile(r"(\d{1,4})([-/.])(\d{1,2})(?:\2(\d{1,4}))?")
_YEAR_M = re.compile(r"\d{4}([mM])\d{1,2}")
_MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
_LONG_MONTHS = "january|february|march|april|may|june|july|august|september|october|november|december"
_NAMED = re.compile(r"([a-z]+|\d+)([-/. ]?(?:, )?)([a-z]+|\d+)(?:([-/ ]|, ?)(\d+|[a-z]+))?", re.IGNORECASE)
_ISO = re.compile(
    r"\d{4}-\d{2}-\d{2}(?P<gap>[T ])(?P<clock>\d{2}(:\d{2}(:\d{2}(?P<fraction>\.\d+)?)?)?)(?P<zone>Z|[+-]\d.*)?"
)
_DIRECTIVE = re.compile(r"%(.)")
_DIGITS = {"Y": r"\d{4}", "G": r"\d{4}", "f": r"\d{1,6}", "j": r"\d{1,3}", "q": "[1-4]", "u": r"\d", "w": r"\d"}
_WORDS = {"b": r"[^\W\d_]+\.?", "B": r"[^\W\d_]+", "a": r"[^\W\d_]+", "A": r"[^\W\d_]+", "p": "[AaPp][Mm]"}
_UNPADDED = frozenset("dmHIjyUWV")
_DAY_FIRST = ("%d", "%m")


@dataclass(frozen=True)
class TimeForm:
    """How a column writes its times.

    Attributes:
        format: as strptime takes it, and %q for a quarter's number; empty: numbers, ISO 8601, and what files hold as
            dates.
        note: what is to be said of the reading; empty: nothing.
        is_asked: whether it was asked for.
    """

    format: str = ""
    note: str = ""
    is_asked: bool = False

    def read(self, value: Any) -> datetime | float:
        """Return a time as a moment, or as the number that it is.

        Raises:
            ValueError: it is neither.
        """
        if isinstance(value, datetime):
            return value
        if isinstance(value, date):
            return datetime(value.year, value.month, value.day)
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ValueError("no time")  # noqa: TRY004  (as of a text that is none)
        if self.format:
            return _moment(str(value).strip(), self.format)
        return _plain(value)

    def write(self, moments: Iterable[datetime], like: Sequence[Any]) -> list[Any]:
        """Return moments in the form of a column's times.

        Args:
            moments: to be written.
            like: times of the column, one or more.
        """
        last = like[-1]
        if not isinstance(last, str | int):
            return [moment.date() if type(last) is date else moment for moment in moments]
        if not self.format:
            return [_iso_like(str(last).strip(), moment) for moment in moments]
        styled = _Styled(self.format, [str(value).strip() for value in like])
        return [type(last)(styled.written(moment)) for moment in moments]


PLAIN = TimeForm()


def forms_of(values: Iterable[Any], date_format: str = "") -> Sequence[TimeForm]:
    """Return the forms that read a column best: one, or several between which nobody but its writer can choose.

    Args:
        values: of the whole column.
        date_format: the format asked for; empty: found.

    Raises:
        RequestError: the format asked for is none.
    """
    if date_format:
        _check_format(date_format)
        return (TimeForm(date_format, is_asked=True),)
    there = list(dict.fromkeys(value for value in values if isinstance(value, str | int | float) and value != ""))
    texts = [str(value).strip() for value in there if isinstance(value, str | int)]
    if not texts:
        return (PLAIN,)
    if len(texts) == len(there):
        if _are_all(texts, "%Y%m%d", 8):
            return (TimeForm("%Y%m%d"),)
        if _are_all(texts, "%Y%m", 6) and len(texts) > 1 and all(int(one[:4]) in _MONTH_YEARS for one in texts):
            return (TimeForm("%Y%m", f"times such as {texts[0]} are read as a year and its month"),)
    shapes = Counter(("",) if _is_plain(one) else _formats_like(one) for one in texts)
    del shapes[()]  # what no form is known of is told by its row
    if not shapes:
        return (PLAIN,)
    failures = {
        shape: [sum(not (_reads(one, way) if way else _is_plain(one)) for one in texts) for way in shape]
        for shape, _ in shapes.most_common(_MOST_SHAPES)
    }
    formats = min(failures, key=lambda shape: min(failures[shape]))  # the commonest of those that read as much
    least = min(failures[formats])
    best = [one for one, n in zip(formats, failures[formats], strict=True) if n == least]
    return tuple(TimeForm(one, _note(one, formats, texts)) for one in best)


def form_of(values: Iterable[Any], date_format: str, where: str, known: TimeForm = PLAIN) -> TimeForm:
    """Return the one form of a column.

    Args:
        values, date_format: see `forms_of`.
        where: file and column, for the error.
        known: of an earlier table of the same source; it is the one where several read the column, and it is of them.

    Raises:
        DataError: several forms read the column.
        RequestError: the format asked for is none.
    """
    values = list(values)
    forms = forms_of(values, date_format)
    if len(forms) > 1:
        if known.format in [form.format for form in forms]:
            return known
        raise DataError(f"{where}: {doubt_of(forms, values)}")
    return forms[0]


def doubt_of(forms: Sequence[TimeForm], values: Iterable[Any]) -> str:
    """Return what is to be asked where several forms read a column."""
    example = next(str(value).strip() for value in values if value not in (None, ""))
    ways = " or ".join(f"--date-format {form.format!r}" for form in forms)
    return f"times such as {shown(example)} have {len(forms)} readings; say which with {ways}"


def unreadable(value: Any, form: TimeForm = PLAIN) -> str:
    """Return why a cell is no time of a column, and which option reads it."""
    if form.is_asked:
        return f" ({shown(value)} does not have the form {form.format!r} of --date-format)"
    numbers = _NUMBERS.fullmatch(str(value).strip())
    hint = "other forms are read with --date-format, such as '%d.%m.%Y'"
    if numbers and numbers[2] == "." and numbers[4]:
        hint = "--date-format '%d.%m.%Y' reads such, where the day comes first"
    if form.format:
        return f" ({shown(value)}; other times of the column have the form {form.format!r}; {hint})"
    return f" ({shown(value)}; a number, 2024-05-01T12:00, 2024-05, 2024Q2 or May 2024 is needed; {hint})"


def shown(value: Any) -> str:
    """Return a cell as an error shows it."""
    text = repr(value)
    return text if len(text) <= _MOST_SHOWN else f"{text[: _MOST_SHOWN - 1]}…"


def _plain(value: float | str) -> datetime | float:
    text = value if isinstance(value, int | float) else value.strip()
    try:
        number = float(text)
    except OverflowError as error:
        raise ValueError("too large") from error
    except ValueError:
        return datetime.fromisoformat(str(text))
    if not abs(number) < _FARTHEST:
        raise ValueError("no finite number")
    return number


def _is_plain(text: str) -> bool:
    if _WEEK.fullmatch(text):
        return False  # ISO 8601 too, but to be written as it was read
    try:
        _plain(text)
    except ValueError:
        return False
    return True


def _are_all(texts: Sequence[str], format_: str, width: int) -> bool:
    return all(len(one) == width and one.isascii() and one.isdecimal() and _reads(one, format_) for one in texts)


def _reads(text: str, format_: str) -> bool:
    try:
        _moment(text, format_)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=_KEPT)
def _moment(text: str, format_: str) -> datetime:
    if "%q" in format_:
        found = _pattern(format_).fullmatch(text)
        if not found:
            raise ValueError("no quarter")
        quarter = int(found["q"])
        rest = text[: found.start("q")] + f"{3 * quarter - 2:02d}" + text[found.end("q") :]
        return datetime.strptime(rest, format_.replace("%q", "%m"))
    if _names_week_alone(format_):
        return datetime.strptime(f"{text} 1", f"{format_} %u")  # strptime passes over a week without a weekday
    return datetime.strptime(text, format_)


def _names_week_alone(format_: str) -> bool:
    found = set(_DIRECTIVE.findall(format_))
    return bool(found & set("UWV")) and not found & set("uwaA")


@lru_cache(maxsize=1024)
def _check_format(format_: str) -> None:
    """See that a format is one that tells a date.

    Raises:
        RequestError: it is none.
    """
    found = set(_DIRECTIVE.findall(format_))
    try:
        _moment(_Styled(format_, []).written(datetime(2024, 12, 30, 13, tzinfo=UTC)), format_)
    except (ValueError, re.error) as error:
        raise RequestError(
            f"data.date_format = {format_!r}: no format of strptime ({error}); give one as --date-format '%d/%m/%Y'"
        ) from error
    has_date = found & set("dmbBjUWVq")
    if not found or (has_date and not found & set("YyGcx")):
        raise RequestError(
            f"data.date_format = {format_!r}: {'no year' if found else 'no part of a date'} in it; give a format "
            "such as --date-format '%d/%m/%Y'"
        )


def _formats_like(text: str) -> tuple[str, ...]:
    """Return the formats that a text may have by its shape; none where none is known."""
    if _WEEK.fullmatch(text):
        dash = "-" if "-" in text[:5] else ""
        day = "" if text[-3] == "W" else "-%u" if text[-2] == "-" else "%u"
        return (f"%G{dash}W%V{day}",)
    if found := _QUARTER.fullmatch(text):
        letter = "q" if "q" in text else "Q"
        return (f"%Y{found[1]}{letter}%q",) if found[2] is None else (f"{letter}%q{found[3]}%Y",)
    if found := _YEAR_M.fullmatch(text):
        return (f"%Y{found[1]}%m",)
    clock = ""
    if found := _CLOCK.search(text):
        hour = "%I" if found["half"] else "%H"
        clock = f"{found['gap']}{hour}:%M" + ("" if not found["seconds"] else ":%S.%f" if found["fraction"] else ":%S")
        clock += "" if not found["half"] else " %p" if found["half"][0] == " " else "%p"
        text = text[: found.start()]
    return tuple(one + clock for one in (_of_numbers(text) or _of_names(text)) if not clock or "%d" in one)


def _of_numbers(text: str) -> list[str]:
    found = _NUMBERS.fullmatch(text)
    if not found:
        return []
    first, sign, _, last = found.groups()
    if len(first) == 4:
        if sign == "." and not last:
            return []  # a number
        return [sign.join(("%Y", "%m", *(["%d"] if last else [])))] if len(last or "") < 3 else []
    if sign == "." or not last or len(first) > 2 or len(last) not in (2, 4):
        return []  # a number, or one that --date-format must name
    year = "%Y" if len(last) == 4 else "%y"
    ways = [sign.join((*_DAY_FIRST, year)), sign.join((*reversed(_DAY_FIRST), year))]
    return ways if year == "%Y" else [*ways, sign.join(("%y", "%m", "%d"))]


def _of_names(text: str) -> list[str]:
    """Return the format of a date whose month has a name."""
    found = _NAMED.fullmatch(text)
    if not found:
        return []
    words, signs = [found[1], found[3], *([found[5]] if found[5] else [])], [found[2], found[4] or ""]
    directives = [_of_word(word) for word in words]
    if sum(one in ("%b", "%B") for one in directives) != 1:
        return []
    if len(words) == 2:
        directives = ["%y" if one == "%d" else one for one in directives]
        if directives[0] == "%y" or "" in directives:
            return []  # 31-Jan, the day of a year that nobody names
    elif directives == ["%d", directives[1], "%d"]:
        directives[2] = "%y"
    if len(words) == 3 and sorted(one.lower() for one in directives) != ["%b", "%d", "%y"]:
        return []
    return [directives[0] + signs[0] + directives[1] + signs[1] + "".join(directives[2:])]


def _of_word(word: str) -> str:
    if re.fullmatch(_MONTHS, word, re.IGNORECASE):
        return "%b"
    if re.fullmatch(_LONG_MONTHS, word, re.IGNORECASE):
        return "%B"
    return {1: "%d", 2: "%d", 4: "%Y"}.get(len(word), "") if word.isdecimal() else ""


def _note(format_: str, formats: Sequence[str], texts: Sequence[str]) -> str:
    """Return what is to be said of a form that was chosen: what it was chosen over, and the century of short years."""
    said = []
    if len(formats) > 1:
        example = next((one for one in texts if _reads(one, format_) and not all(map(_reader(one), formats))), texts[0])
        said.append(f"times are read as {format_!r}, since {example!r} has no other reading")
    if "%y" in format_:
        said.append(f"the year of {texts[0]!r} is read as {_moment(texts[0], format_).year}")
    return "; ".join(said)


def _reader(text: str) -> Any:
    return lambda format_: _reads(text, format_)


def _iso_like(text: str, moment: datetime) -> str:
    """Return a moment as ISO 8601, with the parts that another has."""
    if len(text) <= len("2024-05-01"):
        return moment.date().isoformat()
    found = _ISO.fullmatch(text)
    if not found:
        return moment.isoformat()
    clock = found["clock"]
    parts = "hours" if len(clock) == 2 else "minutes" if len(clock) == 5 else "seconds"
    if moment.microsecond or found["fraction"]:
        parts = "milliseconds" if found["fraction"] and len(found["fraction"]) == 4 else "microseconds"
    elif moment.second or (moment.minute and parts == "hours"):
        parts = "seconds"
    written = moment.isoformat(found["gap"], parts)
    return written.removesuffix("+00:00") + "Z" if found["zone"] == "Z" else written


@lru_cache(maxsize=1024)
def _pattern(format_: str) -> re.Pattern[str]:
    """Return a pattern with a group for each directive, named by its letter."""
    seen: set[str] = set()
    pieces = []
    for piece in re.split(r"(%.)", format_):
        letter = piece[1:] if piece[:1] == "%" else ""
        if not letter:
            pieces.append(re.sub(r"(\\ |\s)+", r"\\s+", re.escape(piece)))
        elif letter == "%" or letter in seen or not letter.isalpha():
            pieces.append("%" if letter == "%" else ".+?")
        else:
            seen.add(letter)
            inside = _DIGITS.get(letter) or _WORDS.get(letter) or (r"\d{1,2}" if letter in "dmHIMSyUWV" else ".+?")
            pieces.append(f"(?P<{letter}>{inside})")
    return re.compile("".join(pieces), re.IGNORECASE)


class _Styled:
    """Writes a format as a column does: with or without zeros before a digit, in its case of letters."""

    def __init__(self, format_: str, like: Sequence[str]) -> None:
        self._format = format_
        self._first: dict[str, str] = {}
        self._short: set[str] = set()
        padded: set[str] = set()
        for text in like:
            for letter, part in self._parts(text):
                self._first.setdefault(letter, part)
                if letter in _UNPADDED and len(part) == 1:
                    self._short.add(letter)
                elif letter in _UNPADDED and part.startswith("0"):
                    padded.add(letter)
        if self._short and not padded:
            self._short.update(_UNPADDED)  # a column that ends before October has no month of two digits to tell by

    def written(self, moment: datetime) -> str:
        return _DIRECTIVE.sub(lambda found: self._part(found[1], moment), self._format)

    def _part(self, letter: str, moment: datetime) -> str:
        if letter == "q":
            return str((moment.month + 2) // 3)
        if letter in "YG":
            return f"{moment.year if letter == 'Y' else moment.isocalendar().year:04d}"
        text, model = moment.strftime(f"%{letter}"), self._first.get(letter, "")
        if letter in self._short:
            return text.lstrip("0") or "0"
        if letter == "z" and ":" in model:
            return f"{text[:3]}:{text[3:]}"
        if letter == "f" and model:
            return text[: len(model)]
        if letter in _WORDS and model.isupper():
            return text.upper()
        return text.lower() if letter in _WORDS and model.islower() else text

    def _parts(self, text: str) -> Iterator[tuple[str, str]]:
        found = _pattern(self._format).fullmatch(text)
        return iter(found.groupdict().items() if found else ())
