"""The encoder that suits what a source holds: fitted, kept as files, read back."""

from collections.abc import Mapping, Sequence
from typing import Any

from lstmkit.config.schema import EncoderConfig
from lstmkit.core.errors import RequestError
from lstmkit.data.encoder import Encoder
from lstmkit.data.series import SeriesEncoder
from lstmkit.data.sources.corpus import Kind
from lstmkit.data.speech import SpeechEncoder

AnyEncoder = Encoder | SeriesEncoder | SpeechEncoder
TOKENIZER = "tokenizer.json"


def fit_encoder(inputs: Sequence[Any], config: EncoderConfig, kind: Kind, channels: Sequence[str] = ()) -> AnyEncoder:
    """Fit the encoder of a kind of source to the training part.

    Args:
        inputs: the training part's.
        config: the encoder's section of the configuration.
        kind: what the source holds.
        channels: of a series, their names.

    Raises:
        RequestError: `encoder.kind` asks for what such a source has not.
        DataError: see `Encoder.fit`.
    """
    if config.kind not in (("auto", kind) if kind in _HOLDS else TEXT_KINDS):
        what = _HOLDS.get(kind, "texts or tokens")
        raise RequestError(f"encoder.kind={config.kind}: this source holds {what}; leave it at auto")
    if kind == "series":
        return SeriesEncoder.fit(inputs, config, channels)
    if kind == "audio":
        return SpeechEncoder.fit(inputs, config)
    return Encoder.fit(inputs, config, kind)


def files_of(encoder: AnyEncoder) -> dict[str, bytes]:
    """What an encoder keeps beside its description."""
    return {TOKENIZER: encoder.to_json().encode()} if isinstance(encoder, Encoder) else {}


def file_names(description: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the files that belong to an encoder's description."""
    return () if description.get("kind") in _HOLDS else (TOKENIZER,)


def read_encoder(description: dict[str, Any], files: Mapping[str, bytes]) -> AnyEncoder:
    """An encoder from its description and files.

    Raises:
        ArtifactError: they are not an encoder's.
    """
    if description.get("kind") == SeriesEncoder.kind:
        return SeriesEncoder.from_description(description)
    if description.get("kind") == SpeechEncoder.kind:
        return SpeechEncoder.from_description(description)
    return Encoder.from_json(files[TOKENIZER], description)


def of_tokens(encoder: AnyEncoder, what: str) -> Encoder:
    """The encoder, where it reads text or tokens.

    Args:
        encoder: a model's.
        what: needs that, as the subject of a sentence.

    Raises:
        RequestError: it reads numeric series or recordings.
    """
    if not isinstance(encoder, Encoder):
        read = _HOLDS[encoder.kind]
        raise RequestError(f"{what} reads text and tokens, and this model reads {read}; give another run")
    return encoder


_HOLDS = {SeriesEncoder.kind: "numeric series", SpeechEncoder.kind: "recordings"}
TEXT_KINDS = ("auto", "words", "subwords", "characters", "tokens")
