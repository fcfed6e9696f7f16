"""Files that are complete or absent: written beside their place, flushed to disk, then renamed."""

import hashlib
import json
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from lstmkit.core.errors import ArtifactError, DataError, StorageError

PARTIAL = ".partial"  # how the names of files and folders end that are being written
_PARTIAL_NAME = re.compile(r"\..+\.[^.]+" + re.escape(PARTIAL))
_DEEPEST = 100  # levels of lists and objects; no record has a tenth of it
_SORTS = (
    (stat.S_ISLNK, "a symbolic link, which is not followed"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISDIR, "a folder"),
)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a binary file that takes the place of `path` only once it is whole.

    Raises:
        StorageError: the file could not be written (a full disk, no permission); `path` is as it was.
    """
    partial = partial_of(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("xb") as file:  # the system applies the user's mask, as it does to folders
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        remove(partial)
        raise StorageError(
            f"{path}: could not be written ({error.strerror or error}); what was there is kept"
        ) from error
    except BaseException:
        remove(partial)
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


def check_plain(path: Path) -> None:
    """See that a file of a run folder is a plain one: a link could lead anywhere, a pipe would be waited for.

    Raises:
        ArtifactError: the file is absent, closed to this user, or no plain file.
    """
    try:
        mode = path.lstat().st_mode
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise _not_read(path, error) from error
    if not stat.S_ISREG(mode):
        raise _not_plain(path, mode)


def read_plain(path: Path) -> bytes:
    """Read a plain file of a run folder; see `check_plain`.

    Raises:
        ArtifactError: the file is absent, closed to this user, or no plain file.
    """
    check_plain(path)
    try:
        return path.read_bytes()
    except OSError as error:
        raise _not_read(path, error) from error


def within(folder: Path, *names: str) -> Path:
    """A path in a run folder, of which no part below the folder is a link; it need not be there.

    Args:
        folder: the run's, which may be a link itself: the user named it.
        names: of folders, and last of a file or folder.

    Raises:
        ArtifactError: a part of it is a link, which could lead anywhere.
    """
    path = folder
    for name in names:
        path = path / name
        if path.is_symlink():
            raise _not_plain(path, stat.S_IFLNK)
    return path


def read_json(path: Path) -> Any:
    """Read a JSON file of a run folder.

    Raises:
        ArtifactError: the file is absent, no plain file, or is not JSON.
    """
    return _json_of(_text_of(path), str(path))


def read_jsonl(path: Path) -> list[Any]:
    """Read a file of one JSON object a line, naming the line that is broken.

    Raises:
        ArtifactError: the file is absent, no plain file, or a line is not JSON.
    """
    lines = _text_of(path).split("\n")
    return [_json_of(line, f"{path}:{number}") for number, line in enumerate(lines, start=1) if line.strip()]


def json_of(text: str) -> Any:
    """The value of a JSON text that another may have written.

    Raises:
        ValueError: it is no JSON, or is nested deeper than any record.
    """
    too_deep = f"nested deeper than {_DEEPEST} levels"
    try:
        value = json.loads(text)
    except RecursionError as error:
        raise ValueError(too_deep) from error
    if text.count("[") + text.count("{") > _DEEPEST:  # else it cannot be so deep
        level: list[Any] = [[value]]
        for _ in range(_DEEPEST + 1):
            items = (item for one in level for item in (one.values() if isinstance(one, dict) else one))
            level = [item for item in items if isinstance(item, list | dict)]
        if level:
            raise ValueError(too_deep)
    return value


def _json_of(text: str, where: str) -> Any:
    try:
        return json_of(text)
    except ValueError as error:
        raise ArtifactError(f"{where}: damaged, not JSON ({error}); restore it or train again") from error


def _text_of(path: Path) -> str:
    try:
        return read_plain(path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise ArtifactError(f"{path}: damaged, not UTF-8 ({error}); restore it or train again") from error


def _not_read(path: Path, error: Exception) -> ArtifactError:
    reason = getattr(error, "strerror", None) or error
    return ArtifactError(f"{path}: {reason}; a complete run folder holds this file")


def _not_plain(path: Path, mode: int) -> ArtifactError:
    sort = next((words for is_sort, words in _SORTS if is_sort(mode)), "no plain file")
    return ArtifactError(f"{path}: {sort}; a run folder holds plain files and folders: put the file itself there")


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Give an empty folder to fill; it becomes `path` once filled, or vanishes on an error. Replaces what was there.

    Raises:
        StorageError: the folder could not be written; `path` is as it was.
    """
    fresh = partial_of(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh.mkdir()
        yield fresh
        if os.path.lexists(path):  # also a link that leads nowhere
            old = partial_of(path)
            old.mkdir()
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
        remove(fresh)
        raise StorageError(f"{path}: could not be written ({error.strerror or error})") from error
    except BaseException:
        remove(fresh)
        raise


def check_regular(path: Path) -> None:
    """See that a path is a file or a folder: a pipe or a device could be waited for without an end.

    Raises:
        DataError: it is something else, or cannot be looked at.
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{path}: cannot be read ({reason}); give a file that exists and that you may read") from error
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        kinds = {stat.S_IFIFO: "a pipe", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device", stat.S_IFSOCK: "a socket"}
        raise DataError(
            f"{path}: {kinds.get(stat.S_IFMT(mode), 'no regular file')}; a regular file is needed, which can be read "
            "twice; save its content to one"
        )


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's content, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def digest_of(value: Any) -> str:
    """A SHA-256 over plain data (JSON with sorted keys): equal data, equal digest.

    Raises:
        ValueError: a text holds half of a surrogate pair, which UTF-8 has no place for.
    """
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def partial_of(path: Path) -> Path:
    """A name next to `path` for what is to become it: new at each call."""
    return path.parent / f".{path.name}.{secrets.token_hex(4)}{PARTIAL}"


def is_partial(name: str) -> bool:
    """Whether `partial_of` gives such names to files and folders: what has one was never finished."""
    return _PARTIAL_NAME.fullmatch(name) is not None


def sweep(folder: Path) -> None:
    """Remove all that killed writers left half-written in a folder and below; links are not followed.

    Raises:
        StorageError: it cannot be removed.
    """
    try:
        for home, folders, files in os.walk(folder):
            left = [name for name in (*folders, *files) if is_partial(name)]
            folders[:] = [name for name in folders if name not in left]
            for name in left:
                remove(Path(home, name))
    except OSError as error:
        raise StorageError(f"{folder}: what a killed run left cannot be removed ({error})") from error


def remove(path: Path) -> None:
    """Remove a file, a link, or a folder with all that it holds; one that is not there is no error."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    elif os.path.lexists(path):  # False too where its folder is none
        path.unlink()
