"""Files that are complete or absent: written beside their place, flushed to disk, then renamed."""

import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from lstmkit.core.errors import ArtifactError, StorageError

PARTIAL = ".partial"  # how the names of files and folders end that are being written
_PARTIAL_NAME = re.compile(r"\..+\.[^.]+" + re.escape(PARTIAL))


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


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        ArtifactError: the file is absent or is not JSON.
    """
    try:
        return json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ArtifactError(f"{path}: {error.strerror}; a complete run folder holds this file") from error
    except ValueError as error:
        raise ArtifactError(f"{path}: damaged, not JSON ({error}); restore it or train again") from error


def read_jsonl(path: Path) -> list[Any]:
    """Read a file of one JSON object a line, naming the line that is broken.

    Raises:
        ArtifactError: the file is absent or a line is not JSON.
    """
    try:
        lines = path.read_text("utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ArtifactError(f"{path}: cannot be read ({error}); a complete run folder holds this file") from error
    rows: list[Any] = []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                rows.append(json.loads(line))
            except ValueError as error:
                raise ArtifactError(
                    f"{path}:{number}: damaged, not JSON ({error}); restore it or train again"
                ) from error
    return rows


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
