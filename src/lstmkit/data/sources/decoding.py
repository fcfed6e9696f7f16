"""Encodings of text files: which are known, what bytes are at fault in them, and which one a file is sound in."""

import codecs
from itertools import pairwise
from pathlib import Path

from lstmkit.config.resolve import nearest
from lstmkit.core.errors import DataError, RequestError

_USUAL = ("utf-8", "utf-16", "cp1252", "latin-1", "cp1250", "cp1251", "shift_jis", "gb18030", "big5", "euc_kr")
_NO_FILES = ("idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape", "mbcs", "oem")
_OF_LETTERS = ("cp1251", "shift_jis", "gb18030", "big5", "euc_kr")  # in which most letters are bytes above 127
_WESTERN = {"cp1252": "Windows-1252", "latin-1": "Latin-1"}
_MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def checked_encoding(name: str) -> str:
    """Return the name of an encoding as Python has it; UTF-8 where none is given.

    Raises:
        RequestError: it is unknown, or none of text files.
    """
    try:
        found = codecs.lookup(name or "utf-8").name
        is_text = "a,1\n".encode(found).decode(found) == "a,1\n"
    except (LookupError, ValueError, TypeError):  # unknown; a NUL or a surrogate in it; from bytes to bytes
        found, is_text = "", False
    if not is_text or found.replace("-", "_") in _NO_FILES:
        raise RequestError(
            f"data.encoding = {name!r}: no encoding of text files that is known; such are "
            f"{', '.join(_USUAL)}{nearest(name, _USUAL)}"
        )
    return found


def is_by_byte(encoding: str) -> bool:
    """Whether a line feed is one byte, as it is not in UTF-16, so that bytes can be cut into lines."""
    return "\n".encode(encoding) == b"\n"


def check_mark(path: Path, content: bytes, encoding: str) -> None:
    """See that a file's byte order mark, if it has one, is that of its encoding.

    Raises:
        DataError: it is not.
    """
    for mark, marked in _MARKS.items():
        if content.startswith(mark) and not encoding.startswith(marked):
            raise DataError(
                f"{path}:1: {marked.upper()} text, by its byte order mark; read it with --encoding {marked}"
            )


def fault_in(content: bytes, offset: int = 0, encoding: str = "utf-8") -> tuple[str, str, int]:
    """(fault, detail, position) of the first byte that no text holds; the fault is empty where there is none.

    Args:
        content: the bytes to look at.
        offset: where in the file they begin, for the detail.
        encoding: what they should be.
    """
    if is_by_byte(encoding) and (position := content.find(b"\0")) >= 0:
        return "a NUL byte", f" at byte offset {offset + position}", position
    try:
        content.decode(encoding)
    except UnicodeDecodeError as error:
        return undecoded(encoding), _of_byte(content, error.start, offset), error.start
    return "", "", 0


def undecoded(encoding: str = "") -> str:
    """Return what is said of bytes that are not in an encoding; raises as `checked_encoding`."""
    return f"not {checked_encoding(encoding).upper()}"


def encoding_told(path: Path, encoding: str = "") -> str:
    """Return what to do with a file that is not in its encoding: the option that reads it, where its bytes tell.

    Args:
        path: the file.
        encoding: asked for; empty: UTF-8.
    """
    save = "save the file as UTF-8, or name its encoding with --encoding"
    if encoding or not path.is_file():
        return save
    found = _sound_encodings(path)
    if found is None:
        return "save the file as UTF-8 (other rows are UTF-8 already)"
    if not found:
        return save
    if found[0] in _WESTERN:
        called = _WESTERN[found[0]]
        return f"all rows are sound in {called}: read the file with --encoding {found[0]}, or save it as UTF-8"
    return f"{save} (all rows are sound in {', '.join(found)})"


def encoding_option(path: Path) -> str:
    """Return the option that reads a file which is not UTF-8; empty: it is, or none is certain."""
    found = _sound_encodings(path)
    return f"--encoding {found[0]}" if found and found[0] in _WESTERN else ""


def _sound_encodings(path: Path) -> list[str] | None:
    """Return the encodings in which all lines of a file are sound that are not UTF-8, the likeliest first.

    Returns:
        None where other lines are UTF-8 beyond ASCII: another encoding would spoil them. Empty: there is no such line.
    """
    n_alone = n_runs = n_utf8 = 0
    sound = dict.fromkeys(("cp1252", *_OF_LETTERS), True)
    try:
        with path.open("rb") as stream:
            for line in stream:
                if line.isascii():
                    continue
                if _is_sound(line, "utf-8"):
                    n_utf8 += 1
                    continue
                high = [byte >= 0x80 for byte in line]
                n_alone += sum(now and not after for now, after in zip(high, [*high[1:], False], strict=True))
                n_runs += sum(now and after for now, after in pairwise(high))
                for name in sound:
                    sound[name] = sound[name] and _is_sound(line, name)
    except OSError:  # it went away since it was read
        return []
    if n_utf8:
        return None
    if not n_alone:
        return []
    if n_runs >= n_alone:  # whole words of such bytes: no Western text, in which accents stand alone
        return [name for name in _OF_LETTERS if sound[name]]
    return ["cp1252" if sound["cp1252"] else "latin-1"]


def _is_sound(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _of_byte(content: bytes, position: int, offset: int) -> str:
    """Where the byte is; and what it would be in a Western encoding, where it stands alone as accents do there."""
    where = f" at byte offset {offset + position} (0x{content[position]:02x})"
    if content[position + 1 : position + 2] >= b"\x80":  # part of a longer sequence: damaged UTF-8, or no Western text
        return where
    sign = content[position : position + 1].decode("cp1252", errors="ignore")
    return f"{where}, {sign!r} in {'Latin-1' if content[position] >= 0xA0 else 'Windows-1252'}" if sign else where
