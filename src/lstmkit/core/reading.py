"""The one handler of all readers: what content and the system raise becomes an error with file, line and cause."""

import csv
import functools
import lzma
import struct
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, ParamSpec, TypeVar, cast

from lstmkit.core.errors import DataError, LstmkitError
from lstmkit.core.files import path_fault, printable

P = ParamSpec("P")
T = TypeVar("T")

_SHOWN_CHARACTERS = 200  # of a cause; libraries quote what they met
_CONTENT = (
    *(ArithmeticError, EOFError, OSError, RecursionError, UnicodeError, ValueError, csv.Error, struct.error),
    *(lzma.LZMAError, tarfile.TarError, zipfile.BadZipFile, zlib.error),
)
# Read only where they have been loaded: nobody who reads a table waits for them.
_OF_LIBRARIES = {"pyarrow": "ArrowException", "soundfile": "SoundFileError"}


def content_faults() -> tuple[type[BaseException], ...]:
    """Return the exceptions by which Python and the libraries in use say that content cannot be read.

    IndexError, KeyError, TypeError and AttributeError are not among them: those are faults of lstmkit's own.
    """
    libraries = ((sys.modules.get(module), name) for module, name in _OF_LIBRARIES.items())
    return (*_CONTENT, *(getattr(module, name) for module, name in libraries if module))


def cause_of(error: BaseException) -> str:
    """Return in a few words, on one line, what an exception of `content_faults` says."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, RecursionError):
        return "nested too deep"
    text = " ".join(str(error).split())
    if "integer string conversion" in text:
        return f"a whole number of more than {sys.get_int_max_str_digits():,} digits"
    text = text.encode(errors="backslashreplace").decode() or type(error).__name__
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 1]}…"


def unreadable(path: Path | str, error: BaseException, after: int = 0) -> DataError:
    """Return the error that names a file, the line or row after which reading failed, and the cause."""
    shown = printable(str(path))
    if isinstance(error, OSError):
        return DataError(f"{shown}: cannot be read ({cause_of(error)}); give a file that exists and that you may read")
    where = f"{shown}: after line {after:,}" if after else shown
    return DataError(f"{where}: cannot be read ({cause_of(error)}); fix the file, or give another")


@contextmanager
def readable(path: Path | str) -> Iterator[None]:
    """Turn what content and the system raise while `path` is read into a DataError.

    Raises:
        DataError: with the file and the cause, chained from what was raised: `--debug` shows where that was.
    """
    try:
        yield
    except LstmkitError:
        raise
    except content_faults() as error:
        raise unreadable(path, error) from error


def opened(path: Path) -> BinaryIO:
    """Open a file for its bytes; a pipe or device only where this process has it open already, as its stdin is.

    Raises:
        DataError: it is another pipe or device, which could wait or go on for ever.
        OSError: it cannot be opened.
    """
    is_own = str(path) == "/dev/stdin" or str(path).startswith(("/dev/fd/", "/proc/self/fd/"))
    if not is_own and (fault := path_fault(path)):
        raise DataError(f"{printable(str(path))}: cannot be read ({fault}); give a regular file, or - for a pipe")
    return path.open("rb")


def reader(read: Callable[P, T]) -> Callable[P, T]:
    """Put `readable` around a function that reads a file, and around all that it gives row by row.

    The file is the first argument: a path, or an object with `path`, `root` or `source`. A result that is an iterator,
    or a named tuple with iterators, stays guarded while it is read; the error then names the line of the last row.
    """

    @functools.wraps(read)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
        path = _path_of(args[0] if args else next(iter(kwargs.values())))
        with readable(path):
            return cast(T, _guarded(read(*args, **kwargs), path))

    return guarded


def _path_of(place: Any) -> str:
    if isinstance(place, str | Path):
        return str(place)
    return str(next(getattr(place, name) for name in ("path", "root", "source") if hasattr(place, name)))


def _guarded(result: Any, path: str) -> Any:
    if isinstance(result, Iterator):
        return _rows(result, path)
    fields: tuple[str, ...] = getattr(result, "_fields", ())  # a named tuple's
    lazy = {name: getattr(result, name) for name in fields}
    lazy = {name: _rows(value, path) for name, value in lazy.items() if isinstance(value, Iterator)}
    return result._replace(**lazy) if lazy else result


def _rows(rows: Iterator[T], path: str) -> Iterator[T]:
    line = 0
    try:
        for row in rows:
            line = getattr(row, "line", None) or getattr(row, "number", None) or line
            yield row
    except LstmkitError:
        raise
    except content_faults() as error:
        raise unreadable(path, error, line) from error
