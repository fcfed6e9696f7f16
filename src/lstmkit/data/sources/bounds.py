"""Bounds on what may come out of compressed files, so that a small file cannot fill the memory."""

import gzip
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lstmkit.core.errors import DataError

MOST_MEMBER = 16 << 20  # bytes of a text or recording; the longest of the catalogue's has 14 kB
MOST_TOTAL = 128 << 20  # bytes that may come out of any file; MNIST's largest has 47 MB
MOST_RATIO = 20  # a larger file may give as many times its size; IMDB's archive gives 4 times
_BLOCK = 1 << 20


def most_out_of(path: Path) -> int:
    """Return how many bytes may come out of a compressed file."""
    return max(MOST_TOTAL, MOST_RATIO * path.stat().st_size)


def check_member(where: str, size: int) -> None:
    """See that a file in an archive may be read whole.

    Raises:
        DataError: its header claims more than `MOST_MEMBER` bytes, or fewer than 0.
    """
    if not 0 <= size <= MOST_MEMBER:
        raise DataError(
            f"{where}: {size:,} bytes in one file, and {MOST_MEMBER:,} are read at most; unpack the archive, or check "
            "that it is sound"
        )


class BoundedGzip(io.RawIOBase):
    """What comes out of a gzipped file, a read at a time; more than the bounds allow is refused before it is held."""

    def __init__(self, path: Path, stream: gzip.GzipFile) -> None:
        super().__init__()
        self._path, self._stream, self._most = path, stream, most_out_of(path)

    def read(self, size: int = -1, /) -> bytes:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return up to `size` bytes; all that is left must be asked for in pieces."""
        check_member(str(self._path), size)
        content = self._stream.read(size)
        self._check()
        return content

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to a place; only `SEEK_SET` and `SEEK_CUR` are known."""
        target = offset if whence == io.SEEK_SET else self._stream.tell() + offset
        if not 0 <= target <= self._most:
            raise self._refusal()
        return self._stream.seek(target)

    def tell(self) -> int:
        """Return how many bytes have come out."""
        return self._stream.tell()

    def seekable(self) -> bool:
        """Return True."""
        return True

    def readable(self) -> bool:
        """Return True."""
        return True

    def blocks(self) -> Iterator[bytes]:
        """Give all that is left, a block at a time."""
        while block := self.read(_BLOCK):
            yield block

    def _check(self) -> None:
        if self._stream.tell() > self._most:
            raise self._refusal()

    def _refusal(self) -> DataError:
        return DataError(
            f"{self._path}: more than {self._most:,} bytes come out of it, which is the most that is read of a "
            "compressed file; unpack it, or check that it is sound"
        )


@contextmanager
def bounded_gzip(path: Path) -> Iterator[BoundedGzip]:
    """Open a gzipped file within the bounds."""
    with gzip.open(path) as stream:
        yield BoundedGzip(path, stream)
