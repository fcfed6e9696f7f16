"""Files that are complete or absent: written beside their place, flushed to disk, then renamed."""

import hashlib
import json
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from lstmkit.core.errors import ArtifactError, DataError, LstmkitError, StorageError

_HALF_PAIR = re.compile(r"\\u[dD][89a-fA-F]")
_DEEPEST = 64  # levels of lists and objects; what lies deeper would end later code in a RecursionError
PARTIAL = ".partial"  # how the names of files and folders end that are being written


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a binary file that takes the place of `path` only once it is whole.

    Raises:
        StorageError: the file could not be written (a full disk, no permission); `path` is as it was.
    """
    partial: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            dir=path.parent, prefix=f".{path.name}.", suffix=PARTIAL, delete=False
        ) as file:
            partial = Path(file.name)
            yield file  # type: ignore[misc]  # a wrapper with the file's methods
            file.flush()
            os.fsync(file.fileno())
        partial.chmod(0o666 & ~_umask())
        partial.replace(path)
    except OSError as error:
        _remove(partial)
        raise StorageError(
            f"{path}: could not be written ({error.strerror or error}); what was there is kept"
        ) from error
    except BaseException:
        _remove(partial)
        raise


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path`, whole or not at all."""
    with replacing(path) as file:
        file.write(content)


def write_text(path: Path, content: str) -> None:
    """Write `content` to `path` in UTF-8, whole or not at all."""
    write_bytes(path, content.encode())


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON; NaN and infinity are refused, since JSON has no word for them."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_jsonl(path: Path, rows: Iterable[Any]) -> None:
    """Write one JSON object a line, streaming, so that no more than a row is held."""
    with replacing(path) as file:
        for row in rows:
            file.write((json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n").encode())


def parse_json(text: str | bytes) -> Any:
    """Return the value of a JSON text that later code can handle.

    Raises:
        json.JSONDecodeError: it is not JSON.
        UnicodeError: a string holds half of a surrogate pair, which JSON can spell and no file can hold.
        ValueError: a number has thousands of digits, or lists and objects are nested more than 64 deep.
    """
    try:
        value = json.loads(text)
    except RecursionError as error:
        raise ValueError(f"nested more than {_DEEPEST} deep") from error
    text = text if isinstance(text, str) else text.decode(errors="replace")
    if text.count("[") + text.count("{") > _DEEPEST and _is_deep(value):
        raise ValueError(f"nested more than {_DEEPEST} deep")
    if _HALF_PAIR.search(text):
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise UnicodeError("half of a surrogate pair, which is no character") from error
    return value


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(_DEEPEST):
        inner = (one.values() if isinstance(one, dict) else one for one in level if isinstance(one, list | dict))
        level = [x for each in inner for x in each if isinstance(x, list | dict)]
        if not level:
            return False
    return True


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        ArtifactError: the file is absent or is not JSON.
    """
    try:
        return parse_json(_text_of(path))
    except ValueError as error:
        raise ArtifactError(f"{path}: damaged, not JSON ({error}); restore it or train again") from error


def read_jsonl(path: Path) -> list[Any]:
    """Read a file of one JSON object a line, naming the line that is broken.

    Raises:
        ArtifactError: the file is absent or a line is not JSON.
    """
    rows: list[Any] = []
    for number, line in enumerate(_text_of(path).split("\n"), start=1):
        if line.strip():
            try:
                rows.append(parse_json(line))
            except ValueError as error:
                raise ArtifactError(
                    f"{path}:{number}: damaged, not JSON ({error}); restore it or train again"
                ) from error
    return rows


def _text_of(path: Path) -> str:
    """Return the text of a record; a pipe or device in its place is not opened."""
    if fault := path_fault(path):
        raise ArtifactError(f"{path}: {fault}; a complete run folder holds this file")
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise ArtifactError(f"{path}: {error.strerror}; a complete run folder holds this file") from error
    except UnicodeDecodeError as error:
        raise ArtifactError(f"{path}: damaged, not UTF-8 ({error}); restore it or train again") from error


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Give an empty folder to fill; it becomes `path` once filled, or vanishes on an error. Replaces what was there.

    Raises:
        StorageError: the folder could not be written; `path` is as it was.
    """
    fresh: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=PARTIAL))
        fresh.chmod(0o777 & ~_umask())
        yield fresh
        if path.exists():
            old = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=PARTIAL))
            path.rename(old / path.name)
            try:
                fresh.rename(path)
            except BaseException:
                (old / path.name).rename(path)
                raise
            finally:
                shutil.rmtree(old, ignore_errors=True)
        else:
            fresh.rename(path)
    except OSError as error:
        _remove(fresh)
        raise StorageError(f"{path}: could not be written ({error.strerror or error})") from error
    except BaseException:
        _remove(fresh)
        raise


def path_fault(path: Path) -> str:
    """Return what keeps a path from being opened as a file or folder; empty where nothing does, or nothing is there.

    Named pipes, devices and sockets are refused: opening one can wait for ever, reading one need not end.
    """
    fault, mode = _looked_at(path)
    if fault or not mode or stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        return fault
    kinds = {stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket"}
    return f"{kinds.get(stat.S_IFMT(mode), 'a device')}, not a file"


def regular_file(path: Path, error: type[LstmkitError] = DataError) -> Path:
    """Return `path`, which is a regular file.

    Args:
        path: it or what a link leads to is looked at, and not opened.
        error: the class of what is raised.

    Raises:
        LstmkitError: it is absent, a folder, a named pipe or a device, or no file can have its name.
    """
    _, mode = _looked_at(path)
    if stat.S_ISREG(mode):
        return path
    fault = path_fault(path) or ("a folder" if mode else "No such file or directory")
    raise error(f"{printable(str(path))}: {fault}; give a regular file")


def _looked_at(path: Path) -> tuple[str, int]:
    """Return what keeps a path from being looked at, and what kind of file is there; 0 where there is none."""
    try:
        return "", path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return "", 0
    except OSError as error:  # a loop of links, a name that is too long, a folder that is closed to us
        return error.strerror or str(error), 0
    except ValueError:  # NUL, or half of a surrogate pair
        return "a name that no file can have", 0


def printable(name: str) -> str:
    """Return a file's name as UTF-8 can hold it: bytes that are none are spelled out, so that names stay distinct."""
    return name.encode(errors="backslashreplace").decode()


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's content, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def digest_of(value: Any) -> str:
    """A SHA-256 over plain data (JSON with sorted keys): equal data, equal digest."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def cache_folder() -> Path:
    """Where lstmkit keeps encoded data and downloads: `$LSTMKIT_CACHE`, or `lstmkit` under `$XDG_CACHE_HOME`."""
    if own := os.environ.get("LSTMKIT_CACHE"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lstmkit"


def _umask() -> int:
    value = os.umask(0)
    os.umask(value)
    return value


def _remove(path: Path | None) -> None:
    if path is None:
        return
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
