"""From text to token numbers: truncation, kinds, what no vocabulary holds."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lstmkit.config.schema import EncoderConfig
from lstmkit.core.errors import ArtifactError, DataError
from lstmkit.data.encoder import UNKNOWN, UNKNOWN_ID, Encoder, text_of

TEXTS = ["The film was fine.<br />The plot was dull.", "a fine Film", "the the the plot"]


def fitted(kind: str = "words", **options: object) -> Encoder:
    settings = {"kind": kind, "min_frequency": 1, "max_length": 50} | options
    return Encoder.fit(TEXTS, EncoderConfig(**settings), "text")  # type: ignore[arg-type]


def sequences(encoder: Encoder, texts: list[str]) -> list[list[int]]:
    tokens, offsets = encoder.encode(texts)
    return [tokens[start:end].tolist() for start, end in pairwise(offsets)]


def tokens_of(encoder: Encoder, text: str) -> list[str | None]:
    """The tokens that the network is given for one text."""
    return [encoder.tokenizer.id_to_token(number) for number in encoder.encode([text])[0].tolist()]


@pytest.mark.parametrize(
    ("truncate", "expected"),
    [("head", "a b c d e"), ("tail", "f g h i j"), ("ends", "a b c i j")],
)
def test_truncation_by_hand(truncate: str, expected: str) -> None:
    encoder = Encoder.fit(
        ["a b c d e f g h i j"],
        EncoderConfig(kind="tokens", min_frequency=1, max_length=5, truncate=truncate),  # type: ignore[arg-type]
        "tokens",
    )
    assert tokens_of(encoder, "a b c d e f g h i j") == expected.split()
    assert tokens_of(encoder, "a b c d e") == list("abcde")


@given(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=30), st.integers(1, 12))
def test_no_sequence_is_longer_than_max_length_or_empty(tokens: list[str], max_length: int) -> None:
    for truncate in ("head", "tail", "ends"):
        config = EncoderConfig(kind="tokens", min_frequency=1, max_length=max_length, truncate=truncate)  # type: ignore[arg-type]
        encoder = Encoder.fit(["a b c d e f g h"], config, "tokens")
        kept = tokens_of(encoder, " ".join(tokens))
        assert len(kept) == min(len(tokens), max_length)
        assert kept[0] == (tokens[0] if truncate != "tail" else tokens[-len(kept)])


def test_words_fold_case_and_drop_line_breaks_of_html() -> None:
    encoder = fitted()
    assert tokens_of(encoder, "The PLOT<br />was new") == ["the", "plot", "was", UNKNOWN]
    assert tokens_of(fitted(lowercase=False), "THE film") == [UNKNOWN, "film"]
    assert tokens_of(encoder, "cafe\u0301") == [UNKNOWN]
    composed = Encoder.fit(["caf\u00e9"], EncoderConfig(min_frequency=1), "text")
    assert tokens_of(composed, "cafe\u0301") == ["caf\u00e9"]  # the same letters, composed or not


def test_characters_and_subwords() -> None:
    assert tokens_of(fitted("characters"), "a\nfilm") == ["a", UNKNOWN, "f", "i", "l", "m"]
    pieces = tokens_of(fitted("subwords", vocabulary_size=25), "plot filmplot")
    assert "".join(map(str, pieces)) == "plotfilmplot"


def test_the_vocabulary_is_cut_by_frequency_and_size() -> None:
    assert tokens_of(fitted(min_frequency=2), "the dull plot") == ["the", UNKNOWN, "plot"]
    assert fitted(vocabulary_size=8).vocabulary_size == 8
    with pytest.raises(
        DataError, match=r"occurs 99 times, so the vocabulary is empty; set encoder.min_frequency lower"
    ):
        fitted(min_frequency=99)


def test_a_text_without_a_token_is_one_unknown_token_long() -> None:
    assert sequences(fitted(), ["\u00ad \t", "the"])[1:] == sequences(fitted(), ["the"])
    assert sequences(fitted(), [" ", "the"])[0] == [UNKNOWN_ID]
    assert sequences(fitted(), []) == []


@pytest.mark.parametrize("kind", ["words", "subwords", "characters"])
def test_an_encoder_read_back_is_the_same(kind: str) -> None:
    encoder = fitted(kind, max_length=7)
    again = Encoder.from_json(encoder.to_json(), encoder.describe())
    assert sequences(again, [*TEXTS, "unseen ω"]) == sequences(encoder, [*TEXTS, "unseen ω"])
    with pytest.raises(ArtifactError, match=r"tokenizer.json: damaged"):
        Encoder.from_json(encoder.to_json()[:-20], encoder.describe())


def test_lists_of_tokens_are_joined_only_where_that_keeps_them() -> None:
    assert text_of(["a", 3, "b"]) == "a 3 b"
    for token in ("", "a b", "\t"):
        with pytest.raises(DataError, match="is empty or holds white space"):
            text_of(["a", token])


@pytest.mark.parametrize("kind", ["words", "subwords", "characters"])
@pytest.mark.parametrize("truncate", ["head", "tail", "ends"])
def test_tokens_are_located_as_they_are_encoded(kind: str, truncate: str) -> None:
    encoder = fitted(kind, max_length=5, truncate=truncate)
    for text in [*TEXTS, "unseen ω", " the<br />The  e\u0301 ", " ", "<br />"]:
        found = encoder.locate(text)
        assert found.ids.tolist() == sequences(encoder, [text])[0]
        assert len(found.spans) == len(found.ids)
        assert all(0 <= start <= end <= len(text) for start, end in found.spans)
        assert [start for start, _ in found.spans] == sorted(start for start, _ in found.spans)
        assert (found.hole is None) == (found.n_given <= 5)
    found = fitted("words").locate("The<br />the ,")
    assert [(start, end) for start, end in found.spans] == [(0, 3), (9, 12), (13, 14)]
    assert fitted("words").locate(" ").n_given == 0
