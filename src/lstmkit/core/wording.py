"""Text from files, labels and errors as a terminal and a page may show it: nothing in it steers either."""

import re
import unicodedata

LONGEST_ERROR = 500  # characters of an error's line
_REPLACED = "\ufffd"
_JOINERS = "\u00ad\u200c\u200d"  # soft hyphen; what joins letters and emoji or keeps them apart: they turn nothing
_BREAKS = re.compile("[\t\n\x0b\x0c\r\x1c-\x1f\x85\u2028\u2029]")
_IN_NO_PAGE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_TURNS = re.compile("[\u202a-\u202e\u2066-\u2069]")  # a reading direction, also of what follows its own text
_STEERS_FROM_JSON = re.compile("[\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")


def clean(text: str) -> str:
    """The text without what could steer a terminal: control and formatting characters become U+FFFD.

    Line feeds and tabs are kept, and so are joiners within words and emoji.
    """
    if text.isprintable():
        return text
    return "".join(_REPLACED if _steers(letter) else letter for letter in text)


def one_line(text: str) -> str:
    """The text as one line: `clean`, with a space for each character that would begin another line or move on it."""
    return clean(_BREAKS.sub(" ", text))


def shortened(line: str, longest: int = LONGEST_ERROR) -> str:
    """A line of at most `longest` characters; of a longer one the middle is left out, as its end says what to do."""
    if len(line) <= longest:
        return line
    n_tail = (longest - 3) // 3
    return f"{line[: longest - 3 - n_tail]} … {line[-n_tail:]}"


def printable(text: str) -> str:
    """The text without what no page or XML file can hold: control characters and lone surrogates become U+FFFD."""
    return _IN_NO_PAGE.sub(_REPLACED, text)


def straight(text: str) -> str:
    """As `printable`, and without what turns the reading direction of all that follows; a page isolates each text."""
    return _TURNS.sub(_REPLACED, printable(text))


def escaped(json_text: str) -> str:
    r"""A JSON text of the same value, in which what could steer a terminal stands as `\u009b`."""
    return _STEERS_FROM_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", json_text)


def _steers(letter: str) -> bool:
    if letter.isprintable() or letter in "\n\t" or letter in _JOINERS:
        return False
    return unicodedata.category(letter) not in ("Zs", "Co", "Cn")
