"""IDX files, as MNIST is published: images of bytes and their labels, gzipped or not."""

import gzip
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from lstmkit.core.errors import DataError
from lstmkit.data.sources.plan import Plan, Reading, Row, SourceFile, readable

_NAMES = {"train": "train", "test": "t10k"}
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
            images, labels = read_idx(image_file.path), read_idx(label_file.path)
            if len(images) != len(labels):
                raise DataError(f"{image_file.path}: {len(images):,} images and {len(labels):,} labels; restore both")
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


def read_idx(path: Path) -> UInt8[np.ndarray, "..."]:
    """The array of an IDX file.

    Raises:
        DataError: it cannot be read, is none, or is shorter or longer than it says.
    """
    with readable(path):
        content = path.read_bytes()
    try:
        content = gzip.decompress(content) if path.suffix == ".gz" else content
        zeros, code, n_axes = struct.unpack_from(">HBB", content)
        shape = struct.unpack_from(f">{n_axes}I", content, 4)
    except (OSError, EOFError, zlib.error, struct.error) as error:
        raise DataError(f"{path}: not an IDX file, or damaged ({error}); restore it") from error
    if zeros or code != _BYTES or len(content) != 4 + 4 * n_axes + int(np.prod(shape, dtype=np.int64)):
        raise DataError(f"{path}: not an IDX file of bytes, or cut short; restore it")
    return np.frombuffer(content, dtype=np.uint8, offset=4 + 4 * n_axes).reshape(shape)


def _there(folder: Path, name: str) -> Path | None:
    return next((path for path in (folder / f"{name}.gz", folder / name) if path.is_file()), None)
