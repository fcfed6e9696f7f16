"""Folders and the IMDB archive: the same examples in the same order, whatever the file system says."""

import os
import random
from pathlib import Path

import pytest
from making_sources import archive, fill, read, rows

from lstmkit.data.sources import Corpus

IMDB = {
    f"aclImdb/{split}/{label}/{number}_{mark}.txt": f"film {number} of {split}, {label}"
    for split in ("train", "test")
    for label, mark in (("pos", 9), ("neg", 2))
    for number in (0, 1, 2, 10)
}
UNLABELLED = {f"aclImdb/train/unsup/{number}_0.txt": "no label" for number in range(3)}
OTHERS = {"aclImdb/README": "about", "aclImdb/train/urls_pos.txt": "http", "aclImdb/train/labeledBow.feat": "0:1"}


def _content(corpus: Corpus) -> dict[str, list[tuple[str, str, str]]]:
    return {split: rows(part) for split, part in corpus.parts.items()}


def test_a_folder_for_each_label(tmp_path: Path) -> None:
    fill(
        tmp_path / "set",
        {"b/2.txt": "two", "b/10.txt": "ten\n", "a b/ü.txt": "\ufeffone", "empty/.keep": "", ".git/x.txt": "?"},
    )
    corpus = read(tmp_path / "set")
    assert (corpus.name, corpus.kind) == ("set", "text")
    assert _content(corpus) == {
        "all": [("a b/ü.txt", "a b", "one"), ("b/10.txt", "b", "ten\n"), ("b/2.txt", "b", "two")]
    }
    assert list(corpus.decisions) == ["layout: a folder for each label (a b, b), a .txt file for each example"]


@pytest.mark.parametrize("valid", ["valid", "dev", "val", "validation"])
def test_the_same_under_splits(valid: str, tmp_path: Path) -> None:
    names = [f"{split}/{label}/1.txt" for split in ("train", valid, "test") for label in "ab"]
    fill(tmp_path, dict.fromkeys(names, "t") | {"extra/a/1.txt": "?", "train/a/notes.md": "?"})
    corpus = read(tmp_path)
    assert list(corpus.parts) == ["train", "valid", "test"]
    assert list(corpus.parts["valid"].ids) == [f"{valid}/a/1.txt", f"{valid}/b/1.txt"]
    assert "left out: extra/ (not train, valid or test)" in corpus.decisions
    assert "left out: 1 files in train/a/ (not .txt)" in corpus.decisions


def test_the_archive_in_any_order_is_the_unpacked_folder(tmp_path: Path) -> None:
    fill(tmp_path, IMDB | UNLABELLED | OTHERS)
    unpacked = read(tmp_path / "aclImdb")
    shuffled = list((IMDB | UNLABELLED | OTHERS).items())
    random.Random(1).shuffle(shuffled)
    packed = read(archive(tmp_path / "aclImdb_v1.tar.gz", dict(shuffled)))
    without_top = {name.removeprefix("aclImdb/"): text for name, text in shuffled}
    flat = read(archive(tmp_path / "flat.tgz", without_top))
    assert packed.name == "aclImdb_v1"
    assert _content(packed) == _content(unpacked) == _content(flat)
    assert [len(part) for part in packed.parts.values()] == [8, 8]
    assert packed.parts["train"].ids[0] == "train/neg/0_2.txt"
    assert "left out: unsup/ (3 texts without a label)" in packed.decisions
    assert "left out: train/unsup/ (3 texts without a label)" in unpacked.decisions


def test_names_in_an_archive_are_not_followed(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    hostile = {"../train/pos/../../../evil.txt": "e", "/train/pos/absolute.txt": "e", "../train/pos/up.txt": "e"}
    corpus = read(archive(inside / "a.tar.gz", hostile | IMDB))
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.tar.gz", "inside"]
    assert not any("evil" in name for name in corpus.parts["train"].ids)


def test_files_of_a_folder_are_recorded_by_folder(tmp_path: Path) -> None:
    fill(tmp_path, IMDB)
    before = read(tmp_path / "aclImdb")
    assert set(before.files) == {f"{split}/{label}/" for split in ("train", "test") for label in ("pos", "neg")}
    fill(tmp_path, {"aclImdb/test/neg/0_2.txt": "another"})
    after = read(tmp_path / "aclImdb")
    changed = {name for name, digest in before.files.items() if after.files[name] != digest}
    assert changed == {"test/neg/"}
    assert after.fingerprint != before.fingerprint


def test_a_name_that_is_not_utf_8_is_spelled_out(tmp_path: Path) -> None:
    fill(tmp_path, {"a/1.txt": "one", "b/2.txt": "two"})
    for byte in (b"\xff", b"\xfe"):
        with open(os.fsencode(tmp_path / "a") + b"/" + byte + b".txt", "w") as file:  # noqa: PTH123
            file.write("odd")
    corpus = read(tmp_path)
    assert list(corpus.parts["all"].ids) == ["a/1.txt", "a/\\udcfe.txt", "a/\\udcff.txt", "b/2.txt"]
    assert _content(read(tmp_path)) == _content(corpus)


def test_decisions_on_the_layout_are_those_of_now(tmp_path: Path) -> None:
    fill(tmp_path, {"a/1.txt": "one", "b/2.txt": "two"})
    read(tmp_path)
    fill(tmp_path, {"a/notes.md": "?"})
    assert "left out: 1 files in a/ (not .txt)" in read(tmp_path).decisions


def test_order_does_not_depend_on_the_file_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path, IMDB)
    expected = _content(read(tmp_path / "aclImdb"))
    listed = os.listdir

    def backwards(path: str | Path) -> list[str]:
        return sorted(listed(path), reverse=True)

    monkeypatch.setattr(os, "listdir", backwards)
    assert _content(read(tmp_path / "aclImdb")) == expected
