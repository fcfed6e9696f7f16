"""Files and folders are complete or absent; what was there stays until its successor is whole."""

import os
from pathlib import Path

import pytest

from lstmkit.core.errors import ArtifactError, StorageError
from lstmkit.core.files import read_json, read_jsonl, replacing, replacing_folder, write_json, write_jsonl, write_text


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_fault_while_writing_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_text(path, "old")

    def fail() -> None:
        with replacing(path) as file:
            file.write(b"half of the n")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert path.read_text() == "old"
    assert names(tmp_path) == ["file"]


def test_a_folder_comes_back_where_its_successor_cannot_take_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "folder"
    with replacing_folder(folder) as fresh:
        (fresh / "a").write_text("old")
    real = Path.rename

    def rename(self: Path, target: Path) -> Path:
        if target == folder and self.parent == tmp_path:  # the new folder's step into place
            raise OSError(5, "Input/output error")
        return real(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", rename)
        with pytest.raises(StorageError, match="Input/output error"), replacing_folder(folder) as fresh:
            (fresh / "a").write_text("new")
    assert (folder / "a").read_text() == "old"
    assert names(tmp_path) == ["folder"]
    with replacing_folder(folder) as fresh:
        (fresh / "a").write_text("new")
    assert (folder / "a").read_text() == "new"
    assert names(tmp_path) == ["folder"]


def test_a_written_file_has_the_permissions_that_the_user_s_mask_gives(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_text(tmp_path / "file", "x")
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640


def test_json_has_no_word_for_nan(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"x": float("nan")})
    assert names(tmp_path) == []


def test_damage_names_file_and_line(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "a.jsonl", [{"x": "U+2028 \u2028 stays in its line"}, {"x": 1}])
    assert len(read_jsonl(tmp_path / "a.jsonl")) == 2
    with (tmp_path / "a.jsonl").open("a") as file:
        file.write('{"x": ')
    with pytest.raises(ArtifactError, match=r"a.jsonl:3: damaged, not JSON"):
        read_jsonl(tmp_path / "a.jsonl")
    with pytest.raises(ArtifactError, match=r"none.json: No such file"):
        read_json(tmp_path / "none.json")
