"""The corpus cache is quick and never stale; and it is not trusted when it is damaged."""

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from making_sources import fill, read, rows, without_root

from lstmkit.core.errors import DataError, LstmkitError
from lstmkit.data.sources import Corpus, cache
from lstmkit.data.sources.cache import Stamp

FIRST = "text,label\nfirst,a\nother,b\n"
LATER = "text,label\nlater,a\nother,b\n"  # of the same size
assert len(FIRST) == len(LATER)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return fill(tmp_path, {"a.csv": FIRST}) / "a.csv"


@pytest.fixture
def at_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files written just now count as written a minute ago."""
    now = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: now() + 60_000_000_000)


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How often sources were read, and files hashed."""
    counted = {"collect": 0, "sha256_of": 0}

    def counting(name: str) -> Callable[..., Any]:
        real = getattr(cache, name)

        def call(*arguments: Any) -> Any:
            counted[name] += 1
            return real(*arguments)

        return call

    for name in counted:
        monkeypatch.setattr(cache, name, counting(name))
    return counted


def _whole(corpus: Corpus) -> dict[str, Any]:
    return vars(corpus) | {"parts": {split: rows(part) for split, part in corpus.parts.items()}}


def _first_text(source: Path) -> str:
    return next(iter(read(source).parts.values())).inputs[0]


@pytest.mark.usefixtures("at_rest")
def test_the_second_load_neither_reads_nor_hashes(table: Path, counts: dict[str, int]) -> None:
    first, second = read(table), read(table)
    assert counts == {"collect": 1, "sha256_of": 1}
    assert _whole(first) == _whole(second)
    assert list(second.decisions) == ["text column: 'text' (by its name)", "label column: 'label' (by its name)"]


def test_rejected_rows_are_kept_too(table: Path, counts: dict[str, int]) -> None:
    table.write_text(FIRST + ",a\n")
    first, second = read(table, on_bad_row="skip"), read(table, on_bad_row="skip")
    assert counts["collect"] == 1
    assert (
        list(second.rejected) == list(first.rejected) == [{"file": "a.csv", "line": 4, "reason": "the text is empty"}]
    )


@pytest.mark.usefixtures("at_rest")
def test_new_content_is_read_though_size_and_mtime_are_the_old(table: Path) -> None:
    before = table.stat()
    fingerprint = read(table).fingerprint
    table.write_text(LATER)
    os.utime(table, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert _first_text(table) == "later"
    assert read(table).fingerprint != fingerprint


@pytest.mark.usefixtures("at_rest")
def test_another_file_put_in_its_place_is_read(table: Path) -> None:
    before = table.stat()
    read(table)
    other = table.with_name("other")
    other.write_text(LATER)
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(table)
    assert _first_text(table) == "later"


@pytest.mark.usefixtures("at_rest")
def test_a_touched_file_is_hashed_once_and_not_read(table: Path, counts: dict[str, int]) -> None:
    first = read(table)
    os.utime(table)
    second = read(table)
    assert counts == {"collect": 1, "sha256_of": 2}
    read(table)
    assert counts == {"collect": 1, "sha256_of": 2}
    assert first.fingerprint == second.fingerprint


@pytest.mark.parametrize("seconds_since_change", [1, 3])
def test_a_hash_made_in_the_moment_of_a_change_is_not_trusted(
    table: Path, monkeypatch: pytest.MonkeyPatch, seconds_since_change: int
) -> None:
    changed_ns = 1_700_000_000_000_000_000
    frozen = Stamp(size=len(FIRST), mtime_ns=changed_ns, ctime_ns=changed_ns, inode=1)
    monkeypatch.setattr(cache, "_state", lambda _: frozen)  # the clock's tick hides the change
    monkeypatch.setattr(time, "time_ns", lambda: changed_ns + seconds_since_change * 1_000_000_000)
    read(table)
    table.write_text(LATER)
    assert _first_text(table) == {1: "later", 3: "first"}[seconds_since_change]


@pytest.mark.usefixtures("at_rest")
def test_files_that_come_and_go_are_seen(tmp_path: Path) -> None:
    fill(tmp_path, {"a/1.txt": "one", "b/1.txt": "two"})
    read(tmp_path)
    fill(tmp_path, {"a/2.txt": "three"})
    assert list(read(tmp_path).parts["all"].inputs) == ["one", "three", "two"]
    (tmp_path / "a/1.txt").unlink()
    assert list(read(tmp_path).parts["all"].inputs) == ["three", "two"]
    (tmp_path / "a/2.txt").rename(tmp_path / "b/2.txt")
    assert list(read(tmp_path).parts["all"].labels) == ["b", "b"]


@pytest.mark.usefixtures("at_rest")
def test_options_have_entries_of_their_own(table: Path, counts: dict[str, int]) -> None:
    swapped = {"text_column": "label", "label_column": "text"}
    assert list(read(table).parts["all"].inputs) == ["first", "other"]
    assert list(read(table, **swapped).parts["all"].inputs) == ["a", "b"]
    assert list(read(table).parts["all"].inputs) == ["first", "other"]
    assert read(table).fingerprint != read(table, **swapped).fingerprint
    assert counts["collect"] == 2


def test_the_same_content_elsewhere_has_the_same_fingerprint(tmp_path: Path) -> None:
    fill(tmp_path, {"x/a.csv": FIRST, "y/a.csv": FIRST, "z/a.csv": LATER})
    x, y, z = (read(tmp_path / folder / "a.csv").fingerprint for folder in "xyz")
    assert x == y
    assert x != z


NAMES = ["all.inputs", "all.input_offsets", "all.ids", "all.id_offsets", "all.labels", "corpus.json", "manifest.json"]


@pytest.mark.usefixtures("at_rest")
@pytest.mark.parametrize("damage", ["flipped", "truncated", "emptied", "removed"])
@pytest.mark.parametrize("name", NAMES)
def test_a_damaged_entry_is_rebuilt(name: str, damage: str, table: Path, own_cache: Path) -> None:
    expected = _whole(read(table))
    (path,) = own_cache.rglob(name)
    assert {file.name for file in path.parent.iterdir()} == set(NAMES)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    kept = {"flipped": bytes(content), "truncated": bytes(content)[:-1], "emptied": b""}
    path.write_bytes(kept[damage]) if damage in kept else path.unlink()
    assert _whole(read(table)) == expected
    assert _whole(read(table)) == expected


def test_a_cache_that_cannot_be_written_is_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory() as folder:  # pytest's own folders are closed to others than their owner
        root = Path(folder)
        root.chmod(0o755)
        fill(root, {"a.csv": FIRST, "closed/x": ""})
        (root / "closed").chmod(0o555)
        monkeypatch.setenv("LSTMKIT_CACHE", str(root / "closed"))
        with without_root():
            first, second = read(root / "a.csv"), read(root / "a.csv")
        (root / "closed").chmod(0o755)
    assert rows(first.parts["all"]) == [("a.csv:2", "a", "first"), ("a.csv:3", "b", "other")]
    assert first.decisions[-1].startswith(f"cache: not kept for the next time ({root}/closed/corpora")
    assert _whole(first) == _whole(second)


def test_another_process_may_be_first_to_store(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def rivalled(*arguments: Any) -> None:
        store(*arguments)
        raise LstmkitError("corpora/x: could not be written (Directory not empty)")

    store = cache._store
    monkeypatch.setattr(cache, "_store", rivalled)
    corpus = read(table)
    assert not [line for line in corpus.decisions if line.startswith("cache:")]


def test_a_source_with_a_fault_leaves_nothing_in_the_cache(table: Path, own_cache: Path) -> None:
    table.write_text(FIRST + ",a\n")
    with pytest.raises(DataError):
        read(table)
    assert not [path for path in own_cache.rglob("*") if path.is_file()]


def test_a_file_that_changes_while_it_is_read_is_refused(
    table: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = cache.collect

    def growing(*arguments: Any) -> Any:
        collected = real(*arguments)
        with table.open("a") as file:
            file.write("more,a\n")
        return collected

    monkeypatch.setattr(cache, "collect", growing)
    with pytest.raises(DataError, match=r"a\.csv: changed while it was read; run again when it is at rest$"):
        read(table)
    assert not [path for path in own_cache.rglob("*") if path.is_file()]


def test_texts_are_decoded_on_access(table: Path) -> None:
    texts = read(table).parts["all"].inputs
    assert (texts[0], texts[-1], texts[1:], len(texts)) == ("first", "other", ["other"], 2)
    with pytest.raises(IndexError):
        texts[2]
