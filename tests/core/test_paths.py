"""Paths that name no file: each is refused by a line, and none is opened."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from lstmkit.core.errors import ArtifactError, DataError
from lstmkit.core.files import path_fault, regular_file


def pipe(folder: Path) -> Path:
    os.mkfifo(folder / "p")
    return folder / "p"


def loop(folder: Path) -> Path:
    (folder / "l").symlink_to("l")
    return folder / "l"


def link_to_pipe(folder: Path) -> Path:
    (folder / "to").symlink_to(pipe(folder))
    return folder / "to"


PATHS: dict[str, tuple[Callable[[Path], Path], str]] = {
    "named pipe": (pipe, "a named pipe, not a file"),
    "link to a pipe": (link_to_pipe, "a named pipe, not a file"),
    "device": (lambda _: Path("/dev/zero"), "a device, not a file"),
    "loop of links": (loop, "Too many levels of symbolic links"),
    "long name": (lambda folder: folder / ("x" * 300), "File name too long"),
    "long path": (lambda folder: folder / ("x/" * 5000), "File name too long"),
    "NUL": (lambda folder: folder / "a\0b", "a name that no file can have"),
    "half a surrogate": (lambda folder: folder / "a\ud800b", "a name that no file can have"),
}


@pytest.mark.parametrize("name", PATHS)
def test_a_path_that_names_no_file(tmp_path: Path, name: str) -> None:
    make, fault = PATHS[name]
    path = make(tmp_path)
    assert path_fault(path) == fault
    with pytest.raises(DataError, match=f": {fault}; give a regular file$") as caught:
        regular_file(path)
    str(caught.value).encode()  # so that the line can be written anywhere


def test_what_may_be_opened(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("")
    assert [path_fault(path) for path in (file, tmp_path, tmp_path / "absent", file / "below")] == [""] * 4
    assert regular_file(file) == file


@pytest.mark.parametrize(("path", "fault"), [("", "a folder"), ("absent", "No such file or directory")])
def test_a_folder_and_nothing_are_no_regular_file(tmp_path: Path, path: str, fault: str) -> None:
    with pytest.raises(ArtifactError, match=fault):
        regular_file(tmp_path / path, ArtifactError)
