"""Keys of the configuration that have a meaning for one task or modality only; asked for elsewhere they are refused."""

from collections.abc import Callable, Collection, Mapping
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from lstmkit.config.schema import Config
from lstmkit.core.errors import RequestError

_TEXT = frozenset({"text", "tokens"})
_TABLES = frozenset({"texts", "long", "wide", "lists", "manifest", "panel", "panel-wide", "sounds", "ucr"})


class Found(NamedTuple):
    """What a look at a source told.

    Attributes:
        modality: text, tokens, series or audio.
        layout: see `lstmkit.data.sources.corpus.Corpus`; of a forecast "panel".
        suffix: of its first file, in lower case.
    """

    modality: str
    layout: str
    suffix: str = ""


class _Rule(NamedTuple):
    """Keys that have a meaning under a condition only."""

    keys: str
    """A pattern of dotted keys, alternatives separated by spaces."""
    for_what: str
    """What they are for, as the end of a sentence."""
    applies: Callable[[Found, Config], bool]


def _is_forecast(config: Config) -> bool:
    return config.task.goal == "forecast"


_RULES = (
    _Rule(
        "task.horizon task.season task.context task.base task.known_ahead",
        "forecasts; add --task forecast",
        lambda _, config: _is_forecast(config),
    ),
    _Rule(
        "data.text_column",
        "texts",
        lambda found, config: found.modality in _TEXT and found.layout in _TABLES and not _is_forecast(config),
    ),
    _Rule(
        "data.series_column data.time_column",
        "tables of series",
        lambda found, config: found.layout in _TABLES and (found.modality == "series" or _is_forecast(config)),
    ),
    _Rule("data.label_column", "tables", lambda found, _: found.layout in _TABLES),
    _Rule(
        "data.delimiter data.header",
        "tables of delimited text",
        lambda found, _: found.layout in _TABLES and found.suffix not in (".parquet", ".jsonl", ".ndjson"),
    ),
    _Rule(
        "data.encoding",
        "files of text",
        lambda found, _: (
            found.layout in _TABLES | {"folder", "archive"} and found.modality != "audio" and found.suffix != ".parquet"
        ),
    ),
    _Rule(
        "data.date_format data.thousands data.decimal",
        "tables of numbers by time",
        lambda found, config: (
            found.layout in _TABLES and (found.modality == "series" or config.task.goal != "classify")
        ),
    ),
    _Rule(
        "data.split_seed",
        "examples cut at random; a forecast is cut by time",
        lambda _, config: not _is_forecast(config),
    ),
    _Rule(
        "encoder.kind encoder.max_length encoder.truncate",
        "whole sequences; a forecast reads task.context steps",
        lambda _, config: not _is_forecast(config),
    ),
    _Rule(
        "encoder.lowercase",
        "text",
        lambda found, config: (
            found.modality == "text"
            or (found.modality == "tokens" and config.encoder.kind in ("words", "subwords", "characters"))
        ),
    ),
    _Rule(
        "encoder.vocabulary_size encoder.min_frequency model.embedding_std model.word_dropout*",
        "text and tokens",
        lambda found, config: found.modality in _TEXT and not _is_forecast(config),
    ),
    _Rule(
        "encoder.features encoder.rate encoder.window_ms encoder.hop_ms encoder.n_mels encoder.n_mfcc encoder.deltas",
        "recordings",
        lambda found, _: found.modality == "audio",
    ),
    _Rule(
        "augment.jitter augment.scaling augment.offset",
        "classifiers of series",
        lambda found, config: found.modality == "series" and config.task.goal == "classify",
    ),
    _Rule(
        "augment.time_warp",
        "classifiers of series and recordings",
        lambda found, config: found.modality in ("series", "audio") and config.task.goal == "classify",
    ),
    _Rule(
        "augment.time_shift_ms augment.gain_db augment.*mask*",
        "classifiers of recordings",
        lambda found, config: found.modality == "audio" and config.task.goal == "classify",
    ),
    _Rule(
        "train.class_weights train.label_smoothing",
        "classifiers",
        lambda _, config: config.task.goal == "classify",
    ),
)
_TASKS = {"classify": "a classifier", "regression": "a regression", "forecast": "a forecast"}
_HOLDS = {"text": "text", "tokens": "tokens", "series": "series", "audio": "recordings"}


def check_applies(
    config: Config, asked: Collection[str], found: Found, spelled: Mapping[str, str] | None = None
) -> None:
    """See that what was asked for by name has a meaning for the source and the task.

    Args:
        config: the whole configuration.
        asked: dotted keys that an option, `--set` or a file set.
        found: what the source holds.
        spelled: how the user wrote a key, where not as the key.

    Raises:
        RequestError: a key has none; it would be ignored.
    """
    if config.task.goal == "forecast" and found.layout in _TABLES:
        found = found._replace(modality="series", layout="panel")
    for key in asked:
        for rule in _RULES:
            if any(fnmatchcase(key, pattern) for pattern in rule.keys.split()) and not rule.applies(found, config):
                name = (spelled or {}).get(key, key)
                what = f"{_TASKS[config.task.goal]} of {_HOLDS[found.modality]} from {_described(found)}"
                raise RequestError(
                    f"{name} is for {rule.for_what}; this is {what}, where it means nothing; leave it out"
                )


def _described(found: Found) -> str:
    return (
        f"a table ({found.suffix})" if found.layout in _TABLES else f"a source without columns (layout {found.layout})"
    )


def asked_keys(config: Config, start: Config, assignments: Collection[str], options: Mapping[str, Any]) -> list[str]:
    """Return the keys that a request names: all of its options and assignments, and what its file sets otherwise.

    Args:
        config: the configuration that the request came to.
        start: that of the same preset and task without the request.
        assignments: the texts of `--set`.
        options: values by key, of options that were given.
    """
    first, last = _leaves(start.model_dump()), _leaves(config.model_dump())
    named = [*options, *(text.partition("=")[0].strip() for text in assignments)]
    return list(dict.fromkeys([*named, *(key for key in last if last[key] != first[key])]))


def _leaves(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    leaves: dict[str, Any] = {}
    for name, value in tree.items():
        leaves |= _leaves(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {prefix + name: value}
    return leaves
