"""From text to token numbers, by the `tokenizers` library. The vocabulary comes from the training part alone."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal, cast

import numpy as np
from jaxtyping import Int
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

from lstmkit.config.schema import EncoderConfig
from lstmkit.core.errors import ArtifactError, DataError
from lstmkit.core.files import json_of

UNKNOWN = "[UNK]"
UNKNOWN_ID = 0
Kind = Literal["words", "subwords", "characters", "tokens"]
_CHUNK = 4096  # texts tokenized at once: enough to keep the threads busy, little to hold


@dataclass(frozen=True)
class Located:
    """The tokens of one text that a network reads.

    Attributes:
        ids: int32 `(tokens,)`, token numbers.
        spans: for each, where it begins in the text and one past its end, in characters.
        n_given: tokens of the text before it was truncated; 0 where it has none and one unknown token stands for it.
        hole: how many tokens are read before those that are left out; None where none are.
    """

    ids: Int[np.ndarray, " tokens"]
    spans: list[tuple[int, int]]
    n_given: int
    hole: int | None


@dataclass(frozen=True)
class Encoder:
    """A fitted tokenizer and how long its sequences may be.

    Attributes:
        tokenizer: the fitted tokenizer; number 0 is the unknown token.
        kind: words, subwords, characters, or tokens as they come.
        max_length: longest sequence in tokens.
        truncate: what is kept of a longer one: head, tail, or half of each (ends).
    """

    tokenizer: Tokenizer
    kind: Kind
    max_length: int
    truncate: Literal["head", "tail", "ends"]

    @classmethod
    def fit(cls, texts: Iterable[str], config: EncoderConfig, source_kind: Literal["text", "tokens"]) -> "Encoder":
        """Make the vocabulary from the training texts.

        Args:
            texts: the training part; for a source of tokens, the tokens with single spaces between.
            config: the encoder's section of the configuration.
            source_kind: what the source holds; decides what `kind = "auto"` means.

        Raises:
            DataError: no token is left, as when `min_frequency` is above every count.
        """
        automatic: Kind = "tokens" if source_kind == "tokens" else "words"
        kind = automatic if config.kind == "auto" else cast(Kind, config.kind)
        model = models.BPE(unk_token=UNKNOWN) if kind == "subwords" else models.WordLevel(unk_token=UNKNOWN)
        tokenizer = _blank(kind, config.lowercase, model)
        tokenizer.train_from_iterator(texts, _trainer(kind, config))
        if tokenizer.get_vocab_size() < 2:
            raise DataError(
                f"no {kind} in the training part occurs {config.min_frequency} times, so the vocabulary is empty; "
                "set encoder.min_frequency lower"
            )
        return cls(tokenizer, kind, config.max_length, config.truncate)

    @property
    def vocabulary_size(self) -> int:
        """Number of tokens, the unknown one included."""
        return self.tokenizer.get_vocab_size()

    @property
    def shape(self) -> dict[str, int]:
        """What the network's input is built from."""
        return {"vocabulary_size": self.vocabulary_size}

    def encode(self, texts: Iterable[str]) -> tuple[Int[np.ndarray, " tokens"], Int[np.ndarray, " texts_plus_1"]]:
        """Number the tokens of many texts.

        Returns:
            All tokens end to end (int32), and the offsets (int64) at which each text begins, with the end of the
            last one behind them. A text without any token is one unknown token long.
        """
        tokens, offsets, _ = self.encode_counted(texts)
        return tokens, offsets

    def encode_counted(
        self, texts: Iterable[str]
    ) -> tuple[Int[np.ndarray, " tokens"], Int[np.ndarray, " texts_plus_1"], Int[np.ndarray, " texts"]]:
        """As `encode`, and how many tokens each text had before it was shortened (int64)."""
        pieces: list[np.ndarray] = []
        lengths: list[int] = []
        whole_lengths: list[int] = []
        iterator = iter(texts)
        while chunk := list(islice(iterator, _CHUNK)):
            for encoding in self.tokenizer.encode_batch_fast(chunk, add_special_tokens=False):
                whole = encoding.ids or [UNKNOWN_ID]
                tokens = self._shorten(whole)
                pieces.append(np.array(tokens, dtype=np.int32))
                lengths.append(len(tokens))
                whole_lengths.append(len(whole))
        offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int64)
        numbers = np.concatenate(pieces) if pieces else np.zeros(0, dtype=np.int32)
        return numbers, offsets, np.array(whole_lengths, dtype=np.int64)

    def numbers(self, text: str) -> list[int]:
        """The numbers of a text's tokens, all of them; none where it has no token."""
        (encoding,) = self.tokenizer.encode_batch_fast([text], add_special_tokens=False)
        return encoding.ids

    def locate(self, text: str) -> "Located":
        """Number the tokens of one text, and say where in it each lies; the numbers are those of `encode`."""
        encoding = self.tokenizer.encode(text, add_special_tokens=False)
        kept = self._shorten(list(range(len(encoding.ids))))
        if not kept:
            return Located(np.array([UNKNOWN_ID], dtype=np.int32), [(0, len(text))], 0, None)
        ids = np.array(encoding.ids, dtype=np.int32)[kept]
        in_place = next((k for k, place in enumerate(kept) if k != place), len(kept))
        hole = in_place if len(kept) < len(encoding.ids) else None
        return Located(ids, [encoding.offsets[place] for place in kept], len(encoding.ids), hole)

    def describe(self) -> dict[str, Any]:
        """What `model.json` keeps of the encoder; the tokenizer itself is in `tokenizer.json`."""
        return {"kind": self.kind, "max_length": self.max_length, "truncate": self.truncate}

    def to_json(self) -> str:
        """The tokenizer in the `tokenizers` library's own format."""
        return self.tokenizer.to_str(pretty=True)

    @classmethod
    def from_json(cls, tokenizer: str | bytes, description: dict[str, Any]) -> "Encoder":
        """Read an encoder back. Its tokenizer is made anew from the vocabulary: nothing else of the text is used.

        Raises:
            ArtifactError: the text is not a tokenizer as `to_json` writes them.
        """
        try:
            text = tokenizer if isinstance(tokenizer, str) else tokenizer.decode("utf-8")
            return cls(_rebuilt(json_of(text), description["kind"]), **description)
        except (KeyError, TypeError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise ArtifactError(f"tokenizer.json: damaged ({reason}); restore it or train again") from error

    def _shorten(self, tokens: list[int]) -> list[int]:
        if len(tokens) <= self.max_length:
            return tokens
        if self.truncate == "head":
            return tokens[: self.max_length]
        if self.truncate == "tail":
            return tokens[-self.max_length :]
        n_tail = self.max_length // 2
        return tokens[: self.max_length - n_tail] + (tokens[-n_tail:] if n_tail else [])


def known_share(tokens: Int[np.ndarray, " tokens"]) -> float:
    """The share of tokens that the vocabulary covers."""
    return float(np.mean(tokens != UNKNOWN_ID)) if len(tokens) else 1.0


def text_of(item: str | Sequence[Any]) -> str:
    """One example as the encoder takes it: a string as it is, a list of tokens with single spaces between.

    Raises:
        DataError: a token is empty or holds white space, so that joining would change the sequence.
    """
    if isinstance(item, str):
        return item
    tokens = [str(token) for token in item]
    for token in tokens:
        if not token or token.split() != [token]:
            raise DataError(f"token {token!r} is empty or holds white space; replace it before")
    return " ".join(tokens)


def _blank(kind: Kind, lowercase: bool, model: models.Model) -> Tokenizer:
    """A tokenizer of one kind around a model, which need not know a token yet."""
    tokenizer = Tokenizer(model)
    if kind == "tokens":
        tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
        return tokenizer
    folding = [normalizers.Lowercase()] if lowercase else []
    # HTML line breaks are frequent in scraped text and say nothing.
    tokenizer.normalizer = normalizers.Sequence([normalizers.Replace("<br />", " "), normalizers.NFC(), *folding])
    if kind == "characters":
        tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), behavior="isolated")
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return tokenizer


def _rebuilt(about: Any, kind: Kind) -> Tokenizer:
    """The tokenizer of a vocabulary, where a description is that of one which `_blank` gives.

    The `tokenizers` library trusts what it reads: a padding of 10^9, or a number of 2^31, ends the process.

    Args:
        about: what `Tokenizer.to_str` wrote, as plain data.
        kind: of the encoder.

    Raises:
        KeyError, TypeError, ValueError: it is another tokenizer's, or its vocabulary is none.
    """
    own = about["model"]
    vocabulary, merges = own["vocab"], own.get("merges", [])
    if not isinstance(vocabulary, dict) or vocabulary.get(UNKNOWN) != UNKNOWN_ID:
        raise ValueError(f"its vocabulary does not begin with {UNKNOWN}")
    if any(type(number) is not int for number in vocabulary.values()) or (
        sorted(vocabulary.values()) != list(range(len(vocabulary)))
    ):
        raise ValueError("its vocabulary does not number the tokens from 0 on")
    if any(
        left not in vocabulary or right not in vocabulary or left + right not in vocabulary for left, right in merges
    ):
        raise ValueError("it merges what is not in its vocabulary")
    for lowercase in (True, False):
        if kind == "subwords":
            pairs = [(left, right) for left, right in merges]
            tokenizer = _blank(kind, lowercase, models.BPE(vocabulary, pairs, unk_token=UNKNOWN))
        else:
            tokenizer = _blank(kind, lowercase, models.WordLevel(vocabulary, unk_token=UNKNOWN))
        tokenizer.add_special_tokens([UNKNOWN])
        written = json.loads(tokenizer.to_str())
        mine = written.pop("model")
        there = {name: about.get(name) for name in written} | {"version": written["version"]}
        # Options of a model that another version of the library writes count only where they are used.
        options = {name: value for name, value in own.items() if value or name in mine}
        if there == written and {**mine, **options} == mine:
            return tokenizer
    raise ValueError("it is none that lstmkit writes")


def _trainer(kind: Kind, config: EncoderConfig) -> trainers.Trainer:
    options: dict[str, Any] = {
        "vocab_size": config.vocabulary_size,
        "min_frequency": config.min_frequency,
        "special_tokens": [UNKNOWN],
        "show_progress": False,
    }
    return trainers.BpeTrainer(**options) if kind == "subwords" else trainers.WordLevelTrainer(**options)
