"""The cache believes nothing that it did not write byte for byte, and what killed writers leave is swept up."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lstmkit.core import cache
from lstmkit.core.cache import cache_folder, entry_folder, read_entry, read_sealed, write_sealed, writing_entry
from lstmkit.core.errors import StorageError
from lstmkit.core.locks import take

ABOUT = {"labels": ["a", "ß"], "n": 3}


def keep(key: str = "one", content: bytes = b"content") -> Path:
    folder = entry_folder("kind", key)
    assert folder is not None
    with writing_entry(folder, "about.json", ABOUT, unchecked=["later"]) as fresh:
        (fresh / "a").write_bytes(content)
        (fresh / "empty").write_bytes(b"")
        (fresh / "later").write_bytes(b"x")
    return folder


def test_an_entry_is_read_as_it_was_written() -> None:
    folder = keep()
    (folder / "later").write_bytes(b"another")
    entry = read_entry(folder, "about.json")
    assert entry is not None
    about, files = entry
    assert about == ABOUT
    assert {name: content.tobytes() for name, content in files.items()} == {"a": b"content", "empty": b""}
    assert isinstance(files["a"], np.memmap)


def test_an_entry_is_known_by_its_place() -> None:
    one, two = keep("one"), keep("two", b"other")
    one.rename(one.with_name("three"))
    two.rename(one)
    assert read_entry(one, "about.json") is None


def test_a_sealed_file_is_known_by_its_name(tmp_path: Path) -> None:
    write_sealed(tmp_path / "a.json", ABOUT)
    assert read_sealed(tmp_path / "a.json") == ABOUT
    (tmp_path / "a.json").rename(tmp_path / "b.json")
    assert read_sealed(tmp_path / "b.json") is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"[]",
        b'"x"',
        b"{}",
        b'{"entry": 1}',
        b"\xff",
        b"[" * 100_000,
        b'{"entry": "\\ud800", "digest": 1}',
    ],
)
def test_what_is_not_sealed_is_not_read(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.json").write_bytes(content)
    assert read_sealed(tmp_path / "a.json") is None


def test_a_pipe_in_place_of_a_file_does_not_block(tmp_path: Path) -> None:
    folder = keep()
    (folder / "a").unlink()
    os.mkfifo(folder / "a")
    os.mkfifo(tmp_path / "sealed")
    assert read_entry(folder, "about.json") is None
    assert read_sealed(tmp_path / "sealed") is None


@pytest.mark.parametrize("umask", [0o022, 0o002, 0o077])
def test_the_cache_s_root_is_its_owner_s_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, umask: int) -> None:
    monkeypatch.setenv("LSTMKIT_CACHE", str(tmp_path / "above" / "cache"))
    before = os.umask(umask)
    try:
        keep()
    finally:
        os.umask(before)
    assert (tmp_path / "above" / "cache").stat().st_mode & 0o777 == 0o700


def test_a_root_that_is_there_keeps_its_permissions(own_cache: Path) -> None:
    own_cache.chmod(0o750)  # a cache that a group shares on purpose
    keep()
    assert own_cache.stat().st_mode & 0o777 == 0o750


@pytest.mark.parametrize(
    ("variables", "found"),
    [
        ({"LSTMKIT_CACHE": "/a", "HOME": "/h"}, "/a"),
        ({"XDG_CACHE_HOME": "/x", "HOME": "/h"}, "/x/lstmkit"),
        ({"HOME": "/h"}, "/h/.cache/lstmkit"),
        ({"HOME": ""}, None),
    ],
)
def test_where_the_cache_is(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], found: str | None) -> None:
    for name in ("LSTMKIT_CACHE", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert cache_folder() == (None if found is None else Path(found))


def test_without_a_home_nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("LSTMKIT_CACHE", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    folder = entry_folder("kind", "key")
    assert folder is None
    assert read_entry(folder, "about.json") is None
    with (
        pytest.raises(StorageError, match="no home folder to keep a cache in; name a folder with LSTMKIT_CACHE"),
        writing_entry(folder, "about.json", ABOUT),
    ):
        pytest.fail("there is nothing to fill")


# What killed writers leave


WRITER = """
import os, signal, sys
from lstmkit.core.cache import entry_folder, writing_entry
with writing_entry(entry_folder("kind", "half"), "about.json", {}) as fresh:
    (fresh / "a").write_bytes(b"half")
    print("writing", flush=True)
    sys.stdin.readline()
"""


def writer() -> "subprocess.Popen[str]":
    """A process that has half written an entry."""
    process = subprocess.Popen([sys.executable, "-c", WRITER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "writing\n"
    return process


def partials(own_cache: Path) -> list[Path]:
    return list((own_cache / "kind").glob(".*.partial"))


def test_a_killed_writer_s_folder_is_swept_and_a_living_one_s_is_not(own_cache: Path) -> None:
    living = writer()
    dead = writer()
    dead.send_signal(signal.SIGKILL)
    dead.communicate()
    keep("one")
    assert len(partials(own_cache)) == 2, "one of them is being filled, and who can tell which?"
    living.communicate("go on\n")
    assert living.returncode == 0
    assert read_entry(entry_folder("kind", "half"), "about.json")
    keep("two")
    assert partials(own_cache) == []
    assert read_entry(entry_folder("kind", "one"), "about.json")


@pytest.mark.parametrize(("age_s", "is_swept"), [(100_000, True), (1_000, False)])
def test_where_folders_cannot_be_locked_age_tells(
    own_cache: Path, monkeypatch: pytest.MonkeyPatch, age_s: float, is_swept: bool
) -> None:
    def unable(*_: object, **__: object) -> bool:
        raise OSError(errno.EBADF, "Bad file descriptor")

    monkeypatch.setattr(cache, "take", unable)
    left = own_cache / "kind" / ".half.01234567.partial"
    left.mkdir(parents=True)
    (left / "a").write_bytes(b"half")
    then = left.stat().st_mtime - age_s
    os.utime(left, (then, then))
    keep()
    assert left.exists() is not is_swept


def test_other_hidden_files_are_not_swept(own_cache: Path) -> None:
    keep()
    others = [own_cache / "kind" / name for name in (".partial", "x.partial", ".gitignore", "a.b.partial")]
    for path in others:
        path.write_text("")
    keep()
    assert [path for path in others if path.exists()] == others


@pytest.mark.parametrize("shared", [True, False])
def test_a_lock_on_a_folder_is_held_by_one_or_shared(tmp_path: Path, shared: bool) -> None:
    first, second = (os.open(tmp_path, os.O_RDONLY) for _ in range(2))
    try:
        assert take(first, shared=shared)
        assert take(second, shared=True, wait=False) is shared
    finally:
        os.close(first)
        os.close(second)
