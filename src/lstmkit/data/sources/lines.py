"""Files of lines: decoded one line at a time, so that a fault has a line and a byte offset."""

import codecs
from collections.abc import Iterator
from typing import NamedTuple

from lstmkit.core.errors import DataError
from lstmkit.data.sources.decoding import check_mark, checked_encoding, fault_in, is_by_byte
from lstmkit.data.sources.plan import SourceFile, readable


class Line(NamedTuple):
    """A line with its ending. Where `fault` is not empty, the bytes at fault stand replaced in `text`."""

    number: int
    text: str
    fault: str = ""
    detail: str = ""


def lines_of(file: SourceFile, encoding: str = "") -> Iterator[Line]:
    """The lines of a file, split at line feeds alone: U+2028 and its like belong to the text.

    A byte order mark is dropped.

    Args:
        file: the file.
        encoding: of its text; empty: UTF-8.

    Raises:
        DataError: the file cannot be read, or its byte order mark is that of another encoding.
        RequestError: the encoding is unknown.
    """
    encoding = checked_encoding(encoding)
    if not is_by_byte(encoding):
        yield from _wide_lines(file, encoding)
        return
    offset = 0
    with readable(file.path), file.path.open("rb") as stream:
        for number, raw in enumerate(stream, start=1):
            if number == 1:
                check_mark(file.path, raw, encoding)
            mark = len(codecs.BOM_UTF8) if number == 1 and raw.startswith(codecs.BOM_UTF8) else 0
            yield _decoded(number, raw[mark:], offset + mark, encoding)
            offset += len(raw)


def _wide_lines(file: SourceFile, encoding: str) -> Iterator[Line]:
    """The lines of a file in which a line feed is several bytes. Nothing is read beyond bytes at fault."""
    with readable(file.path), file.path.open(encoding=encoding, newline="\n") as stream:
        number = 0
        while True:
            number += 1
            try:
                text = stream.readline()
            except UnicodeError as error:
                raise DataError(
                    f"{file.path}: not {encoding.upper()} after line {number - 1} ({error}); save the file as UTF-8, "
                    "or name its encoding with --encoding"
                ) from error
            if not text:
                return
            text = text.removeprefix("\ufeff") if number == 1 else text
            if "\0" in text:
                yield Line(
                    number, text.replace("\0", ""), "a NUL byte", f" in place {text.index(chr(0)) + 1} of the line"
                )
            else:
                yield Line(number, text)


def _decoded(number: int, raw: bytes, offset: int, encoding: str) -> Line:
    if b"\0" not in raw:
        try:
            return Line(number, raw.decode(encoding))
        except UnicodeDecodeError:
            pass  # told precisely below
    fault, detail, _ = fault_in(raw, offset, encoding)
    return Line(number, raw.replace(b"\0", b"").decode(encoding, errors="replace"), fault, detail)
