"""A table of damages to every file of both caches: what is read then is what an undamaged cache gives."""

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from making_sources import config, fill, rows

from lstmkit.config.schema import EncoderConfig
from lstmkit.data.encoded import encode
from lstmkit.data.sources import cut, load_corpus

TEXTS = {
    "train.csv": "text,label\nfine film,a\ndull film,b\nfine plot,a\ndull plot,b\n",
    "valid.csv": "text,label\nfilm fine,a\nfilm dull,b\n",
    "test.csv": "text,label\nplot fine,a\nplot dull,b\n",
}
SERIES = {
    f"{split}.csv": "series_id,time,x,label\n"
    + "".join(f"{k},{t},{k * t + shift}.5,{'ab'[k % 2]}\n" for k in range(4) for t in range(3))
    for shift, split in enumerate(("train", "valid", "test"))
}


def digest(source: Path) -> Any:
    """All that is known of a source, read and encoded, in plain data."""
    data = config(source)
    corpus = load_corpus(data)
    parts = cut(corpus, data, seed=0)
    encoded = encode(corpus, parts, EncoderConfig(min_frequency=1), {"seed": 0})
    about = {key: value for key, value in vars(corpus).items() if key != "parts"}
    return json.loads(
        json.dumps(
            {
                "corpus": about,
                "parts": {name: rows(part) for name, part in corpus.parts.items()},
                "encoded": {
                    name: [getattr(part, field).tolist() for field in ("rows", "offsets", "labels")]
                    for name, part in encoded.parts.items()
                },
                "lengths": {name: lengths.tolist() for name, lengths in encoded.whole_lengths.items()},
                "encoder": [encoded.encoder.describe(), encoded.labels, encoded.coverage, encoded.near],
            },
            default=lambda value: value.tolist() if isinstance(value, np.ndarray) else vars(value),
        )
    )


# Damages: each is told the file, and a file of the same name in the entry of another source


def _flipped(share: float) -> Callable[[Path, Path], object]:
    def damage(path: Path, _other: Path) -> None:
        content = bytearray(path.read_bytes())
        content[round(share * (len(content) - 1))] ^= 0x41
        path.write_bytes(bytes(content))

    return damage


def _cut_to(share: float) -> Callable[[Path, Path], object]:
    return lambda path, _other: path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])


def _folder(path: Path, _other: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "x").write_text("")


def _link(target: str) -> Callable[[Path, Path], object]:
    def damage(path: Path, other: Path) -> None:
        path.unlink()
        path.symlink_to({"nowhere": path.with_name("none"), "itself": path, "another": other}[target])

    return damage


def _pipe(path: Path, _other: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _swapped(path: Path, _other: Path) -> None:
    """Change places with another file of the same entry that has another content."""
    files = sorted(path.parent.iterdir())
    beside = next(file for file in files[files.index(path) + 1 :] + files if file.read_bytes() != path.read_bytes())
    content = path.read_bytes()
    path.write_bytes(beside.read_bytes())
    beside.write_bytes(content)


def _edited(path: Path, _other: Path) -> None:
    """Numbers one up and words one letter longer; of what is no JSON, the same number of other bytes."""
    try:
        value = json.loads(path.read_bytes())
    except ValueError:
        path.write_bytes(path.read_bytes()[::-1])
        return
    path.write_text(json.dumps(_changed(value)))


def _changed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: inner if key == "digest" else _changed(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_changed(inner) for inner in value]
    return value + 1 if isinstance(value, int) else f"{value}x"


DAMAGES: dict[str, Callable[[Path, Path], object]] = {
    **{f"flipped at {share:.0%}": _flipped(share) for share in (0.0, 0.2, 0.4, 0.5, 0.6, 0.8, 0.95, 1.0)},
    **{f"cut to {share:.0%}": _cut_to(share) for share in (0.0, 0.3, 0.9)},
    "a byte short": lambda path, _other: path.write_bytes(path.read_bytes()[:-1]),
    "a byte long": lambda path, _other: path.write_bytes(path.read_bytes() + b"\0"),
    "zeros": lambda path, _other: path.write_bytes(bytes(path.stat().st_size)),
    "other text": lambda path, _other: path.write_bytes(b"\x80\x04pickle"),
    "nested deep": lambda path, _other: path.write_bytes(b"[" * 100_000),
    "removed": lambda path, _other: path.unlink(),
    "a folder": _folder,
    "a link to nowhere": _link("nowhere"),
    "a link to itself": _link("itself"),
    "a link to another entry": _link("another"),
    "a pipe": _pipe,
    "swapped within the entry": _swapped,
    "that of another entry": lambda path, other: shutil.copy(other, path),
    "edited": _edited,
}
ENTRIES: dict[str, Callable[[Path], object]] = {
    "emptied": lambda entry: [path.unlink() for path in entry.iterdir()],
    "removed": shutil.rmtree,
    "a file": lambda entry: (shutil.rmtree(entry), entry.write_text("x")),
    "a link to nowhere": lambda entry: (shutil.rmtree(entry), entry.symlink_to("nowhere")),
}


@pytest.fixture
def at_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files written just now count as written a minute ago, so that the cache is believed."""
    now = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: now() + 60_000_000_000)


@pytest.fixture(params=["texts", "series"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return fill(tmp_path / "source", TEXTS if request.param == "texts" else SERIES)


def entries(own_cache: Path, kind: str, source: Path, tmp_path: Path) -> tuple[Path, Path]:
    """The entry of a source, and one of another source with files of the same names."""
    first = digest(source)
    assert digest(source) == first
    (entry,) = (own_cache / kind).glob("[!.]*")
    tables = {path.name: path.read_text() for path in source.iterdir()}
    other = {name: content.replace("film", "play").replace(".5", ".25") for name, content in tables.items()}
    digest(fill(tmp_path / "other", other))
    (beside,) = (path for path in (own_cache / kind).glob("[!.]*") if path != entry)
    return entry, beside


def each_file(entry: Path) -> Iterator[str]:
    names = sorted(path.name for path in entry.iterdir())
    assert len(names) >= 13
    yield from names


@pytest.mark.usefixtures("at_rest")
@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("kind", ["corpora", "encoded"])
def test_a_damaged_file(kind: str, damage: str, source: Path, own_cache: Path, tmp_path: Path) -> None:
    expected = digest(source)
    entry, beside = entries(own_cache, kind, source, tmp_path)
    wrong = []
    for name in each_file(entry):
        DAMAGES[damage](entry / name, beside / name)
        wrong += [name] if digest(source) != expected else []
    assert wrong == []
    assert digest(source) == expected


@pytest.mark.usefixtures("at_rest")
@pytest.mark.parametrize("damage", ENTRIES)
@pytest.mark.parametrize("kind", ["corpora", "encoded"])
def test_a_damaged_entry(kind: str, damage: str, source: Path, own_cache: Path, tmp_path: Path) -> None:
    expected = digest(source)
    entry, _ = entries(own_cache, kind, source, tmp_path)
    ENTRIES[damage](entry)
    assert digest(source) == expected
    assert entry.is_dir()
    assert not entry.is_symlink()
    assert digest(source) == expected


@pytest.mark.usefixtures("at_rest")
@pytest.mark.parametrize("kind", ["corpora", "encoded"])
def test_entries_that_changed_places(kind: str, source: Path, own_cache: Path, tmp_path: Path) -> None:
    expected = digest(source)
    entry, beside = entries(own_cache, kind, source, tmp_path)
    entry.rename(own_cache / "away")
    beside.rename(entry)
    (own_cache / "away").rename(beside)
    assert digest(source) == expected
    assert digest(source) == expected


@pytest.mark.parametrize("kind", ["corpora", "encoded"])
def test_a_file_in_place_of_a_cache(kind: str, source: Path, own_cache: Path) -> None:
    expected = digest(source)
    shutil.rmtree(own_cache / kind)
    (own_cache / kind).write_text("")
    found = digest(source)
    found["corpus"]["decisions"] = [line for line in found["corpus"]["decisions"] if not line.startswith("cache:")]
    assert found == expected
