"""Archives that mean harm, or are damaged."""

import io
import random
import tarfile
import zipfile
from pathlib import Path

import pytest

from lstmkit.core.errors import DataError
from lstmkit.data.unpack import unpack


def tar_of(path: Path, *members: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w:gz") as bundle:
        for member in members:
            bundle.addfile(member, io.BytesIO(b"x" * member.size))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, size: int = 0, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname = kind, size, link
    return info


def test_unpack_tar_and_zip(tmp_path: Path) -> None:
    archive = tar_of(tmp_path / "a", member("./d", tarfile.DIRTYPE), member("d/e/f.txt", size=3), member("g", size=0))
    folder = unpack(archive, tmp_path / "out")
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*")) == ["d", "d/e", "d/e/f.txt", "g"]
    assert (folder / "d/e/f.txt").read_bytes() == b"xxx"
    with zipfile.ZipFile(tmp_path / "b", "w") as bundle:
        bundle.writestr("h/", "")
        bundle.writestr("h/é.txt", "zip")
    folder = unpack(tmp_path / "b", tmp_path / "out")  # what was there is replaced
    assert [path.name for path in sorted(folder.rglob("*"))] == ["h", "é.txt"]
    assert not (folder / "h/é.txt").stat().st_mode & 0o6111


EVIL = {
    "absolute": member("/etc/evil"),
    "parent": member("a/../../evil"),
    "parent folder": member("../evil", tarfile.DIRTYPE),
    "backslash": member("..\\evil"),
    "drive": member("C:evil"),
    "symbolic link": member("evil", tarfile.SYMTYPE, link="/etc"),
    "hard link": member("evil", tarfile.LNKTYPE, link="../../secret"),
    "device": member("evil", tarfile.CHRTYPE),
    "pipe": member("evil", tarfile.FIFOTYPE),
}


@pytest.mark.parametrize("evil", EVIL.values(), ids=EVIL.keys())
def test_evil_tar_members_are_refused_by_name(tmp_path: Path, evil: tarfile.TarInfo) -> None:
    archive = tar_of(tmp_path / "a", member("fine"), evil)
    (tmp_path / "in" / "out").mkdir(parents=True)
    (tmp_path / "in" / "out" / "before").write_text("kept")
    with pytest.raises(DataError, match=r"member '.*evil' is .*nothing is unpacked"):
        unpack(archive, tmp_path / "in" / "out")
    assert [path.name for path in (tmp_path / "in").iterdir()] == ["out"]
    assert (tmp_path / "in" / "out" / "before").read_text() == "kept"


@pytest.mark.parametrize(("name", "mode"), [("../evil", 0), ("/evil", 0), ("evil", 0o120777), ("evil", 0o020666)])
def test_evil_zip_members_are_refused_by_name(tmp_path: Path, name: str, mode: int) -> None:
    entry = zipfile.ZipInfo(name)
    entry.external_attr = mode << 16
    with zipfile.ZipFile(tmp_path / "a", "w") as bundle:
        bundle.writestr(entry, "/etc")
    with pytest.raises(DataError, match=r"member '.*evil' is .*nothing is unpacked"):
        unpack(tmp_path / "a", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_bomb_is_stopped(tmp_path: Path) -> None:
    archive = tar_of(tmp_path / "a", member("one", size=600_000), member("two", size=600_000))
    assert archive.stat().st_size < 10_000
    with pytest.raises(DataError, match="more than 1,000,000 bytes come out, at member 'two'"):
        unpack(archive, tmp_path / "out", most_bytes=1_000_000)
    assert not (tmp_path / "out").exists()
    unpack(archive, tmp_path / "out", most_bytes=1_200_000)
    with pytest.raises(DataError, match="more than 1 members"):
        unpack(archive, tmp_path / "out", most_members=1)


def test_a_member_that_comes_twice(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"member '\./a' comes twice"):
        unpack(tar_of(tmp_path / "a", member("a"), member("./a")), tmp_path / "out")
    for second in (member("a/b"), member("a/b/c"), member("a", tarfile.DIRTYPE)):
        with pytest.raises(DataError, match="is below a file, or both"):
            unpack(tar_of(tmp_path / "a", member("a"), second), tmp_path / "out")
    with pytest.raises(DataError, match="member 'a' comes twice"):
        unpack(tar_of(tmp_path / "a", member("a/b"), member("a")), tmp_path / "out")


def test_damaged_archives(tmp_path: Path) -> None:
    noise = bytes(random.Random(1).randbytes(50_000))
    with tarfile.open(tmp_path / "whole", "w:gz") as bundle:
        info = member("noise", size=len(noise))
        bundle.addfile(info, io.BytesIO(noise))
    with zipfile.ZipFile(tmp_path / "zip", "w") as bundle:
        bundle.writestr("noise", noise)
    whole, zipped = (tmp_path / "whole").read_bytes(), (tmp_path / "zip").read_bytes()
    flipped = bytearray(zipped)
    flipped[1000] ^= 1
    cases = {"cut": whole[:30_000], "head": whole[:5], "flipped": bytes(flipped), "text": b"no archive", "empty": b""}
    for name, content in cases.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=r"damaged.*fetch it again"):
            unpack(tmp_path / name, tmp_path / "out")
        assert not (tmp_path / "out").exists()
    with pytest.raises(DataError, match="no such file"):
        unpack(tmp_path / "absent", tmp_path / "out")
