"""Locks between processes. The system frees a lock when its process ends, however it ends."""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

if sys.platform == "win32":
    import msvcrt

    def take(descriptor: int, *, shared: bool = False, wait: bool = True) -> bool:
        """Take the lock on an open file.

        Args:
            descriptor: of a file that is open for writing. Closing it frees the lock.
            shared: whether others may hold it too, as long as they share it.
            wait: whether to wait for whoever holds it.

        Returns:
            Whether it was taken; False only where `wait` is false and another holds it.

        Raises:
            OSError: the file system or the platform has no such lock.
        """
        if shared:
            raise OSError(errno.ENOTSUP, "this platform has no shared locks")
        while True:
            os.lseek(descriptor, 0, os.SEEK_SET)
            try:
                msvcrt.locking(descriptor, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
            except OSError as error:
                if error.errno not in (errno.EACCES, errno.EDEADLK):
                    raise
                if not wait:
                    return False
            else:
                return True

else:
    import fcntl

    def take(descriptor: int, *, shared: bool = False, wait: bool = True) -> bool:
        """Take the lock on an open file.

        Args:
            descriptor: of a file that is open for writing. Closing it frees the lock.
            shared: whether others may hold it too, as long as they share it.
            wait: whether to wait for whoever holds it.

        Returns:
            Whether it was taken; False only where `wait` is false and another holds it.

        Raises:
            OSError: the file system or the platform has no such lock.
        """
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        try:
            fcntl.flock(descriptor, kind if wait else kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


@contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[bool]:
    """Hold the lock file at `path` while the block runs; it is removed at the end.

    Args:
        path: made if need be; a file that a killed process left is used again.
        wait: whether to wait for whoever holds it.

    Yields:
        Whether this process holds it; False only where `wait` is false and another does.

    Raises:
        OSError: the file cannot be made, or the file system has no locks.
    """
    while True:
        with path.open("ab") as file:
            if not take(file.fileno(), wait=wait):
                yield False
                return
            # Who held it before may have removed it: then this is a lock on a file that nobody else will open.
            if _is_still_at(path, file.fileno()):
                try:
                    yield True
                finally:
                    if sys.platform != "win32":  # Windows removes no open file; one that is left harms nothing
                        path.unlink(missing_ok=True)
                return


def _is_still_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
