"""The cache of encoded parts: never stale, rebuilt where damaged; the vocabulary is the training part's alone."""

from pathlib import Path

import numpy as np
import pytest
from making_sources import fill

from lstmkit.config.schema import DataConfig, EncoderConfig
from lstmkit.data import encoded as subject
from lstmkit.data.encoded import Encoded, encode
from lstmkit.data.sources import cut, load_corpus

ROWS = {
    "train": "fine film,a\ndull film,b\nfine plot,a\ndull plot,b\n",
    "valid": "film valid,a\n",
    "test": "film test,b\n",
}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return fill(tmp_path / "set", {f"{split}.csv": f"text,label\n{rows}" for split, rows in ROWS.items()})


def encode_source(source: Path, seed: int = 0, **options: object) -> Encoded:
    data = DataConfig(source=str(source))
    corpus = load_corpus(data)
    config = EncoderConfig.model_validate({"min_frequency": 1, **options})
    return encode(corpus, cut(corpus, data, seed), config, {"seed": seed})


def tokens(encoded: Encoded) -> dict[str, list[int]]:
    return {name: part.rows.tolist() for name, part in encoded.parts.items()}


def test_the_vocabulary_comes_from_the_training_part_alone(source: Path) -> None:
    vocabulary = encode_source(source).encoder.tokenizer.get_vocab()
    assert set(vocabulary) == {"[UNK]", "fine", "dull", "film", "plot"}


def test_the_cache_serves_what_was_made(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = encode_source(source)
    monkeypatch.setattr(subject, "_encode", lambda *_: pytest.fail("it was encoded again"))
    again = encode_source(source)
    assert tokens(again) == tokens(first)
    assert isinstance(again.parts["train"].rows, np.memmap)
    assert again.coverage == first.coverage
    assert again.encoder.to_json() == first.encoder.to_json()


def test_whatever_decides_the_content_makes_it_new(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encode_source(source)
    made: list[str] = []
    real = subject._encode
    monkeypatch.setattr(subject, "_encode", lambda *arguments: made.append("") or real(*arguments))
    encode_source(source)
    assert len(made) == 0
    encode_source(source, max_length=1)
    assert len(made) == 1
    encode_source(source, seed=1)
    assert len(made) == 2
    (source / "test.csv").write_text("text,label\nplot test,b\n")  # of the same size
    changed = encode_source(source)
    assert len(made) == 3
    assert changed.encoder.tokenizer.id_to_token(int(changed.parts["test"].rows[0])) == "plot"


@pytest.mark.parametrize("content", [b"", b"\x80\x04pickle", None], ids=["empty", "a pickle", "absent"])
@pytest.mark.parametrize("name", ["train.rows.npy", "test.labels.npy", "encoded.json", "tokenizer.json"])
def test_a_damaged_entry_is_made_again(source: Path, own_cache: Path, name: str, content: bytes | None) -> None:
    first = encode_source(source)
    (path,) = (own_cache / "encoded").glob(f"*/{name}")
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    assert tokens(encode_source(source)) == tokens(first)
    assert path.stat().st_size > len(content or b"")


def test_a_truncated_array_is_made_again(source: Path, own_cache: Path) -> None:
    first = encode_source(source)
    (path,) = (own_cache / "encoded").glob("*/train.rows.npy")
    path.write_bytes(path.read_bytes()[:-4])
    assert tokens(encode_source(source)) == tokens(first)


def test_a_cache_that_cannot_be_written_is_done_without(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = tokens(encode_source(source))
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LSTMKIT_CACHE", str(tmp_path / "file"))
    assert tokens(encode_source(source)) == expected
