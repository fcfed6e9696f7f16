"""Files of lines: decoded one line at a time, so that a fault has a line and a byte offset."""

import codecs
from collections.abc import Iterator
from typing import NamedTuple

from lstmkit.core.errors import DataError
from lstmkit.core.reading import opened
from lstmkit.data.sources.plan import SourceFile, readable


class Line(NamedTuple):
    """A line with its ending. Where `fault` is not empty, the bytes at fault stand replaced in `text`."""

    number: int
    text: str
    fault: str = ""
    detail: str = ""


def lines_of(file: SourceFile, encoding: str = "utf-8") -> Iterator[Line]:
    """The lines of a file, split at line feeds alone: U+2028 and its like belong to the text.

    A byte order mark of UTF-8 is dropped.

    Raises:
        DataError: the file cannot be read, or is UTF-16.
    """
    offset = 0
    with readable(file.path), opened(file.path) as stream:
        for number, raw in enumerate(stream, start=1):
            if number == 1 and raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                raise DataError(f"{file.path}:1: UTF-16 text; UTF-8 is allowed; save the file as UTF-8")
            mark = len(codecs.BOM_UTF8) if number == 1 and raw.startswith(codecs.BOM_UTF8) else 0
            yield _decoded(number, raw[mark:], offset + mark, encoding)
            offset += len(raw)


def fault_in(content: bytes, offset: int = 0, encoding: str = "utf-8") -> tuple[str, str, int]:
    """(fault, detail, position) of the first byte that no text holds; the fault is empty where there is none.

    Args:
        content: the bytes to look at.
        offset: where in the file they begin, for the detail.
        encoding: what they should be.
    """
    position = content.find(b"\0")
    if position >= 0:
        return "a NUL byte", f" at byte offset {offset + position}", position
    try:
        content.decode(encoding)
    except UnicodeDecodeError as error:
        return f"not {encoding.upper()}", _of_byte(content, error.start, offset), error.start
    return "", "", 0


def _of_byte(content: bytes, position: int, offset: int) -> str:
    """Where the byte is; and what it would be in a Western encoding, where it stands alone as accents do there."""
    where = f" at byte offset {offset + position} (0x{content[position]:02x})"
    if content[position + 1 : position + 2] >= b"\x80":  # part of a longer sequence: damaged UTF-8, or no Western text
        return where
    sign = content[position : position + 1].decode("cp1252", errors="ignore")
    return f"{where}, {sign!r} in {'Latin-1' if content[position] >= 0xA0 else 'Windows-1252'}" if sign else where


def _decoded(number: int, raw: bytes, offset: int, encoding: str) -> Line:
    if b"\0" not in raw:
        try:
            return Line(number, raw.decode(encoding))
        except UnicodeDecodeError:
            pass  # told precisely below
    fault, detail, _ = fault_in(raw, offset, encoding)
    return Line(number, raw.replace(b"\0", b"").decode(encoding, errors="replace"), fault, detail)
