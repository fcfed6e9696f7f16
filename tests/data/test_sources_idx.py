"""MNIST's IDX files: two sets of the same four files, and files that are none."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from making_sources import read

from lstmkit.config.schema import EncoderConfig
from lstmkit.core.errors import DataError
from lstmkit.data.encoded import encode
from lstmkit.data.sources import Corpus
from lstmkit.data.sources.idx import read_idx

IMAGES = np.arange(6 * 3 * 2, dtype=np.uint8).reshape(6, 3, 2)
LABELS = np.array([0, 1, 0, 1, 0, 1], dtype=np.uint8)


def idx_of(array: np.ndarray) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, 0x08, array.ndim, *array.shape) + array.tobytes()


@pytest.fixture
def mnist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Six images of 3 x 2 pixels for training, gzipped, and as many for the test."""
    monkeypatch.setenv("LSTMKIT_DATA", str(tmp_path))
    folder = tmp_path / "mnist"
    folder.mkdir()
    (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx_of(IMAGES)))
    (folder / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx_of(LABELS)))
    (folder / "t10k-images-idx3-ubyte").write_bytes(idx_of(IMAGES + 100))
    (folder / "t10k-labels-idx1-ubyte").write_bytes(idx_of(LABELS))
    return folder


def shape_of(corpus: Corpus) -> tuple[int, ...]:
    """Of the rows that the network reads, by way of the cache."""
    encoded = encode(corpus, corpus.parts, EncoderConfig(max_length=100), {})
    return encoded.parts["train"].rows.shape


@pytest.mark.usefixtures("mnist")
def test_rows_and_pixels_of_the_same_files_are_kept_apart() -> None:
    for _ in range(2):  # the second time from the caches
        pixels, rows = read("mnist-pixels"), read("mnist-rows")
        assert pixels.fingerprint != rows.fingerprint
        assert (pixels.channels, rows.channels) == (["pixel"], ["column 1", "column 2"])
        assert (shape_of(pixels), shape_of(rows)) == ((36, 1), (18, 2))


@pytest.mark.usefixtures("mnist")
def test_an_image_is_read_as_it_lies() -> None:
    rows, pixels = read("mnist-rows"), read("mnist-pixels")
    np.testing.assert_array_equal(rows.parts["train"].inputs[1], [[6, 7], [8, 9], [10, 11]])
    np.testing.assert_array_equal(pixels.parts["test"].inputs[0], [[100], [101], [102], [103], [104], [105]])
    assert (rows.parts["train"].labels[1], rows.parts["train"].ids[1]) == ("1", "train:1")


def test_images_and_labels_of_different_number_are_refused(mnist: Path) -> None:
    (mnist / "t10k-labels-idx1-ubyte").write_bytes(idx_of(LABELS[:5]))
    with pytest.raises(DataError, match=r"t10k-images-idx3-ubyte: 6 images and 5 labels; restore both"):
        read("mnist-rows")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty", b""),
        ("short", idx_of(IMAGES)[:-1]),
        ("long", idx_of(IMAGES) + b"\0"),
        ("text", b"a label,a text\n1,words\n"),
        ("floats", struct.pack(">HBBI", 0, 0x0D, 1, 1) + bytes(4)),
        ("cut.gz", gzip.compress(idx_of(IMAGES), mtime=0)[:-9]),
        ("packed.gz", b"no gzip"),
    ],
)
def test_what_is_no_idx_file_is_refused_by_name(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=rf"{name}: not an IDX file") as error:
        read_idx(tmp_path / name)
    assert "\n" not in str(error.value)
