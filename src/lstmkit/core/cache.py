"""The cache on disk: entries that are whole or absent, checked byte for byte when read, and never required."""

import errno
import json
import os
import stat
import sys
import time
import zlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstmkit.core.errors import StorageError
from lstmkit.core.files import digest_of, is_partial, remove, replacing_folder, write_bytes
from lstmkit.core.locks import take

_NO_PLACE = "no home folder to keep a cache in; name a folder with LSTMKIT_CACHE"
_ABANDONED_S = 86_400.0  # age of a partial folder that is swept where no lock tells whether its writer lives


def cache_folder() -> Path | None:
    """Where lstmkit keeps encoded data and downloads: `$LSTMKIT_CACHE`, or `lstmkit` under `$XDG_CACHE_HOME`.

    None where neither is set and the user has no home folder, as in many containers.
    """
    if own := os.environ.get("LSTMKIT_CACHE"):
        return Path(own)
    if base := os.environ.get("XDG_CACHE_HOME"):
        return Path(base) / "lstmkit"
    if os.environ.get("HOME") == "":  # Path.home() would give the root of the file system
        return None
    try:
        return Path.home() / ".cache" / "lstmkit"
    except RuntimeError:  # no HOME, and no entry for the user in the system's table
        return None


def made_cache_folder() -> Path:
    """Make the cache folder where it is not there, readable by its owner alone.

    Raises:
        StorageError: there is no place for one, or it cannot be made.
    """
    root = cache_folder()
    if root is None:
        raise StorageError(_NO_PLACE)
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{root}: could not be made ({error.strerror or error})") from error
    return root


def entry_folder(kind: str, key: str) -> Path | None:
    """The folder of an entry, whether it is there or not; None where there is no place for a cache."""
    root = cache_folder()
    return root / kind / key if root else None


@contextmanager
def writing_entry(folder: Path | None, name: str, about: Any, unchecked: Collection[str] = ()) -> Iterator[Path]:
    """Give an empty folder to fill with files; filled, it becomes the entry, and replaces what was there.

    What killed writers left half-written beside it is removed first.

    Args:
        folder: of `entry_folder`.
        name: of the file that keeps `about`, and size and CRC-32 of every other file, under a digest.
        about: plain data.
        unchecked: names of files that are written again later.

    Raises:
        StorageError: the entry could not be written; what was there is kept.
    """
    if folder is None:
        raise StorageError(_NO_PLACE)
    made_cache_folder()
    try:
        with _sweeping(folder.parent), replacing_folder(folder) as fresh:
            yield fresh
            files = [path for path in sorted(fresh.iterdir()) if path.name not in unchecked]
            checks = {path.name: _check(_mapped(path)) for path in files}
            write_sealed(fresh / name, {"key": folder.name, "about": about, "files": checks})
    except OSError as error:
        raise StorageError(f"{folder}: could not be written ({error.strerror or error})") from error


def read_entry(folder: Path | None, name: str) -> tuple[Any, Mapping[str, NDArray[np.uint8]]] | None:
    """Read an entry: what `writing_entry` was told about it, and every checked file, mapped into memory.

    Returns:
        None where it is absent, is another entry, or is not byte for byte what was written.
    """
    entry = read_sealed(folder / name) if folder else None
    if folder is None or entry is None or entry["key"] != folder.name:
        return None
    try:
        files = {file: _mapped(folder / file) for file in entry["files"]}
    except (OSError, ValueError):  # absent, a folder, or shorter by now than it just was
        return None
    if any(_check(files[file]) != check for file, check in entry["files"].items()):
        return None
    return entry["about"], files


def not_kept(error: Exception) -> str:
    """A decision's line: nothing was kept, and the run goes on without a cache."""
    return f"cache: not kept for the next time ({error})"


def write_sealed(path: Path, value: Any) -> None:
    """Write plain data under a digest of it and the file's name, for `read_sealed`."""
    write_bytes(path, json.dumps({"entry": value, "digest": digest_of([path.name, value])}).encode())


def read_sealed(path: Path) -> Any | None:
    """Read what `write_sealed` wrote; None where it is absent or anything else."""
    try:
        if not _is_file(path):
            return None
        kept = json.loads(path.read_bytes())
        return kept["entry"] if digest_of([path.name, kept["entry"]]) == kept["digest"] else None
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None


def _is_file(path: Path) -> bool:
    return stat.S_ISREG(path.lstat().st_mode)  # a link or a pipe is none of ours, and a pipe would block


def _mapped(path: Path) -> NDArray[np.uint8]:
    if not _is_file(path):
        raise OSError(errno.EINVAL, "no regular file", str(path))
    # An empty file cannot be mapped.
    return np.memmap(path, dtype=np.uint8, mode="r") if path.stat().st_size else np.zeros(0, np.uint8)


def _check(content: NDArray[np.uint8]) -> list[int]:
    return [len(content), zlib.crc32(content.data)]


@contextmanager
def _sweeping(home: Path) -> Iterator[None]:
    """Remove the partial folders of killed writers, and let nobody sweep away ours while the block runs.

    Writers share a lock on the folder that holds the entries. Whoever gets it alone knows that no writer lives.
    """
    home.mkdir(exist_ok=True)
    with _opened(home) as descriptor:
        alone = _take(descriptor, shared=False)
        for path in [path for path in home.iterdir() if is_partial(path.name)]:
            if alone or (alone is None and time.time() - path.lstat().st_mtime > _ABANDONED_S):
                remove(path)
        _take(descriptor, shared=True)
        yield


@contextmanager
def _opened(folder: Path) -> Iterator[int | None]:
    """Open a folder to lock it; None on a platform where folders are not opened."""
    if sys.platform == "win32":
        yield None
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _take(descriptor: int | None, *, shared: bool) -> bool | None:
    """Whether the lock was taken; None where the platform or the file system (such as NFS) cannot lock a folder."""
    try:
        return None if descriptor is None else take(descriptor, shared=shared, wait=shared)
    except OSError:
        return None
