"""IDX files, as MNIST is published: images of bytes and their labels, gzipped or not."""

import struct
from collections.abc import Iterator
from contextlib import AbstractContextManager
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np
from jaxtyping import UInt8

from lstmkit.core.errors import DataError, LstmkitError
from lstmkit.core.reading import cause_of, content_faults
from lstmkit.data.sources.bounds import bounded_gzip, most_out_of
from lstmkit.data.sources.plan import Plan, Reading, Row, SourceFile, readable

_NAMES = {"train": "train", "test": "t10k"}
_BLOCK = 1 << 20
_LONGEST_SIDE = 1024  # pixels
_BYTES = 0x08  # the type code of unsigned bytes, the only one read


def plan_mnist(folder: Path, name: str, *, by_pixel: bool) -> Plan | None:
    """How to read MNIST's four files; None where one is absent.

    Args:
        folder: where they lie.
        name: the corpus' name.
        by_pixel: whether an image is 784 steps of one pixel, and not 28 steps of a row of 28.
    """
    files: dict[str, tuple[SourceFile, SourceFile]] = {}
    for split, beginning in _NAMES.items():
        images = _there(folder, f"{beginning}-images-idx3-ubyte")
        labels = _there(folder, f"{beginning}-labels-idx1-ubyte")
        if not images or not labels:
            return None
        files[split] = (SourceFile(images, images.name), SourceFile(labels, labels.name))

    def read(reading: Reading) -> Iterator[Row]:
        for split, (image_file, label_file) in files.items():
            images, labels = read_idx(image_file.path, n_axes=3), read_idx(label_file.path, n_axes=1)
            if len(images) != len(labels):
                raise DataError(f"{image_file.path}: {len(images):,} images and {len(labels):,} labels; restore both")
            if not 0 < min(images.shape[1:]) <= max(images.shape[1:]) <= _LONGEST_SIDE:
                raise DataError(
                    f"{image_file.path}: images of {images.shape[1]:,} x {images.shape[2]:,} pixels; sides of 1 to "
                    f"{_LONGEST_SIDE:,} are read; restore it"
                )
            reading.channels = reading.channels or (
                ["pixel"] if by_pixel else [f"column {k + 1}" for k in range(images.shape[2])]
            )
            for k, (image, label) in enumerate(zip(images, labels.tolist(), strict=True)):
                values = image.reshape(-1, 1) if by_pixel else image
                row = reading.series_row(split, image_file, None, values.astype(np.float32), label, f"{split}:{k}")
                if row:
                    yield row

    return Plan(
        name, folder, tuple(file for pair in files.values() for file in pair), read, kind="series", layout="idx"
    )


def read_idx(path: Path, n_axes: int) -> UInt8[np.ndarray, "..."]:
    """Return the array of an IDX file.

    The header is read first: no more memory is asked for than it claims, and no more than the file can hold.

    Args:
        path: the file, gzipped where its name ends in `.gz`.
        n_axes: how many axes its array must have.

    Raises:
        DataError: it cannot be read, is none, has another number of axes, or is shorter or longer than it says.
    """
    begin = 4 + 4 * n_axes
    with readable(path):
        is_zipped = path.suffix == ".gz"
        most = most_out_of(path) if is_zipped else path.stat().st_size
        try:
            with _opened(path, is_zipped) as stream:
                head = stream.read(begin)
                zeros, code, found = struct.unpack_from(">HBB", head)
                if not zeros and code == _BYTES and found != n_axes:
                    raise DataError(f"{path}: {found} axes, and {n_axes} are needed; restore it")
                shape = struct.unpack_from(f">{n_axes}I", head, 4)
                size = prod(shape)
                if not zeros and code == _BYTES and size > most:
                    raise DataError(f"{path}: its header claims {size:,} bytes, and {most:,} can be in it; restore it")
                content = _exactly(stream, size)
                if not zeros and code == _BYTES and content is not None:
                    return np.frombuffer(content, dtype=np.uint8).reshape(shape)
        except LstmkitError:
            raise
        except content_faults() as error:
            raise DataError(f"{path}: not an IDX file, or damaged ({cause_of(error)}); restore it") from error
    raise DataError(f"{path}: not an IDX file of bytes, or cut short; restore it")


def _opened(path: Path, is_zipped: bool) -> AbstractContextManager[Any]:
    return bounded_gzip(path) if is_zipped else path.open("rb")


def _exactly(stream: IO[bytes], size: int) -> bytes | None:
    """Return the rest of a stream; None where it has not `size` bytes."""
    content = bytearray()
    while len(content) <= size and (block := stream.read(_BLOCK)):
        content += block
    return bytes(content) if len(content) == size else None


def _there(folder: Path, name: str) -> Path | None:
    return next((path for path in (folder / f"{name}.gz", folder / name) if path.is_file()), None)
