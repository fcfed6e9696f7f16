"""The catalogue: what is there, where it is looked for, what is said where it is not."""

import socket
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from making_sources import archive, fill, parts_of, read, rows

from lstmkit.core.errors import DataError
from lstmkit.data.sources import CATALOGUE, find_copy, load

FILMS = {f"aclImdb/{split}/{label}/{n}_1.txt": f"film {n}" for split in ("train", "test") for label in ("neg", "pos")
         for n in range(3)}  # fmt: skip

PLACE = "$LSTMKIT_DATA/imdb/aclImdb_v1.tar.gz"


@pytest.fixture
def own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder of the user's, empty at first."""
    monkeypatch.setenv("LSTMKIT_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def no_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LSTMKIT_DATA", raising=False)


def _fetching(monkeypatch: pytest.MonkeyPatch, fetch: Any) -> None:
    monkeypatch.setattr("lstmkit.data.fetch.fetch", fetch)


def test_every_entry_tells_what_it_is() -> None:
    series = ["japanese-vowels", "natops", "basic-motions", "mnist-rows", "mnist-pixels"]
    assert list(CATALOGUE) == ["digits", "imdb", "trec", "sst2", "banking77", *series, "fsdd"]
    for entry in CATALOGUE.values():
        assert all([entry.title, entry.task, entry.size, entry.licence, entry.citation, entry.layout])
        assert bool(entry.url) == bool(entry.md5)


@pytest.mark.usefixtures("no_data")
def test_digits_need_no_network_and_no_cache(own_cache: Path) -> None:
    corpus = read("digits")
    assert (corpus.name, corpus.kind, list(corpus.parts)) == ("digits", "tokens", ["all"])
    part = corpus.parts["all"]
    assert len(part) == 1797
    assert (part.ids[12], part.labels[12]) == ("digits:12", "2")
    assert part.inputs[0].split()[:8] == ["0", "0", "5", "13", "9", "1", "0", "0"]  # the first image's upper row
    assert {len(text.split(" ")) for text in part.inputs} == {64}
    assert {token for text in part.inputs for token in text.split(" ")} == {str(level) for level in range(17)}
    assert not any(own_cache.rglob("*"))
    assert read("digits").fingerprint == corpus.fingerprint


def test_a_copy_is_found_packed_or_unpacked(own_data: Path) -> None:
    fill(own_data / "imdb", FILMS)
    unpacked = read("imdb")
    assert unpacked.decisions[0].endswith(f"are left out; read from {own_data}/imdb/aclImdb")
    archive(own_data / "imdb" / "aclImdb_v1.tar.gz", FILMS | {"aclImdb/test/pos/9_9.txt": "packed"})
    packed = read("imdb")
    assert unpacked.name == packed.name == "imdb"
    assert [len(corpus.parts["test"]) for corpus in (unpacked, packed)] == [6, 7]
    assert rows(packed.parts["train"]) == rows(unpacked.parts["train"])
    assert read(own_data / "imdb").parts["test"].ids[-1] == "test/pos/9_9.txt"


@pytest.mark.parametrize("names", [("TREC.train", "TREC.test"), ("train_5500.label", "TREC_10.label")])
def test_trec_is_read_in_latin_1_by_its_coarse_label(names: tuple[str, str], own_data: Path) -> None:
    train = "DESC:manner How far ?\nHUM:ind Who is Andr\xe9 ?\n".encode("latin-1")
    fill(own_data / "trec", {names[0]: train * 2, names[1]: b"HUM:gr Who ?\n"})
    corpus = read("trec")
    assert rows(corpus.parts["train"])[:2] == [
        (f"{names[0]}:1", "DESC", "How far ?"),
        (f"{names[0]}:2", "HUM", "Who is André ?"),
    ]
    assert rows(corpus.parts["test"]) == [(f"{names[1]}:1", "HUM", "Who ?")]


def test_a_bad_line_of_a_set_is_named(own_data: Path) -> None:
    lines = {"stsa.binary.train": "0 dull\n1 fine\n", "stsa.binary.dev": "1 fine\n0\n", "stsa.binary.test": "0 dull\n"}
    fill(own_data / "sst2", lines)
    with pytest.raises(DataError, match=r"stsa\.binary\.dev:2: the text is empty; mend it"):
        read("sst2")
    assert [row["file"] for row in read("sst2", on_bad_row="skip").rejected] == ["stsa.binary.dev"]


def test_a_copy_of_the_user_s_goes_before_one_in_the_cache(own_data: Path, own_cache: Path) -> None:
    table = "text,category\n{},a\ny,b\n"
    cached = {"train.csv": table.format("cached"), "test.csv": table.format("t")}
    fill(own_cache / "datasets" / "banking77", cached)
    assert read("banking77").parts["train"].inputs[0] == "cached"
    fill(own_data / "banking77", cached | {"train.csv": table.format("own")})
    assert read("banking77").parts["train"].inputs[0] == "own"


@pytest.mark.usefixtures("no_data")
def test_a_set_without_a_copy_is_fetched(tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def fetch(url: str, destination: Path, *, md5: str, progress: Any, place: str) -> Path:
        asked.append((url, destination, md5, progress, place))
        destination.parent.mkdir(parents=True)
        return archive(destination, FILMS)

    _fetching(monkeypatch, fetch)
    monkeypatch.chdir(tmp_path)
    assert find_copy(CATALOGUE["imdb"]) is None
    assert len(read("imdb").parts["train"]) == 6
    read("imdb")
    imdb = CATALOGUE["imdb"]
    assert asked == [(imdb.url, own_cache / "datasets" / "imdb" / "aclImdb_v1.tar.gz", imdb.md5, None, PLACE)]
    assert find_copy(imdb) is not None


@pytest.mark.usefixtures("no_data")
def test_offline_the_error_says_where_a_copy_may_be_put(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = socket.socket()
    closed.bind(("127.0.0.1", 0))  # bound and not listening: who connects is refused
    url = f"http://127.0.0.1:{closed.getsockname()[1]}/aclImdb_v1.tar.gz"
    monkeypatch.setitem(load.CATALOGUE, "imdb", replace(CATALOGUE["imdb"], url=url))
    with closed, pytest.raises(DataError) as caught:
        read("imdb")
    assert str(caught.value).startswith(url)
    assert str(caught.value).endswith(f"put a copy at {PLACE}")
    with pytest.raises(DataError) as caught:
        read("trec")
    assert str(caught.value) == (
        "trec: no copy here, and no official address with a checksum is known; "
        "put $LSTMKIT_DATA/trec/TREC.train and $LSTMKIT_DATA/trec/TREC.test"
    )


def test_a_name_of_the_catalogue_goes_before_a_folder_of_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, {"digits/a/1.txt": "x", "digits/b/1.txt": "y"})
    monkeypatch.chdir(tmp_path)
    corpus = read("digits")
    assert corpus.kind == "tokens"
    assert corpus.decisions[0] == "source: digits of the catalogue; what is here under that name would be ./digits"
    assert list(read("./digits").parts["all"].inputs) == ["x", "y"]


SIZES = {
    "imdb": ({"train": 22_500, "valid": 2_500, "test": 25_000}, 2, "train/neg/0_3.txt"),
    "trec": ({"train": 4_906, "valid": 546, "test": 500}, 6, "TREC.train:1"),
    "sst2": ({"train": 6_920, "valid": 872, "test": 1_821}, 2, "stsa.binary.train:1"),
    "banking77": ({"train": 9_000, "valid": 1_003, "test": 3_080}, 77, "train.csv:2"),
}


@pytest.mark.data
@pytest.mark.parametrize("name", SIZES)
def test_the_real_sets(name: str, data_folder: Path) -> None:
    sizes, n_labels, first = SIZES[name]
    parts = parts_of(name)
    assert {split: len(part) for split, part in parts.items()} == sizes
    assert len(Counter(parts["train"].labels)) == n_labels
    assert first in {*parts["train"].ids, *parts["valid"].ids}
    assert all(text.strip() for part in parts.values() for text in part.inputs)
    assert rows(parts["test"]) == rows(parts_of(data_folder / name)["test"])
