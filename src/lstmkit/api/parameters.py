"""The estimator's parameters: what each may be, and refusals in the form that scikit-learn's tools expect."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from lstmkit.config.resolve import validate
from lstmkit.config.schema import Config
from lstmkit.core.errors import DataError, RequestError, TrainingError

PARAMETER_KEYS = {
    "cell": "model.cell",
    "embedding_size": "model.embedding_size",
    "embedding_std": "model.embedding_std",
    "hidden_size": "model.hidden_size",
    "num_layers": "model.num_layers",
    "bidirectional": "model.bidirectional",
    "pooling": "model.pooling",
    "word_dropout": "model.word_dropout",
    "word_dropout_length": "model.word_dropout_length",
    "layer_dropout": "model.layer_dropout",
    "head_dropout": "model.head_dropout",
    "forget_bias": "model.forget_bias",
    "initialization": "model.initialization",
    "chrono_length": "model.chrono_length",
    "epochs": "train.epochs",
    "batch_size": "train.batch_size",
    "optimizer": "train.optimizer",
    "learning_rate": "train.learning_rate",
    "schedule": "train.schedule",
    "warmup_fraction": "train.warmup_fraction",
    "clip_norm": "train.clip_norm",
    "weight_decay": "train.weight_decay",
    "label_smoothing": "train.label_smoothing",
    "averaging": "train.averaging",
    "class_weight": "train.class_weights",
    "early_stopping": "train.early_stopping",
    "select_by": "train.select_by",
    "validation_fraction": "data.valid_fraction",
    "tokenizer": "encoder.kind",
    "lowercase": "encoder.lowercase",
    "vocabulary_size": "encoder.vocabulary_size",
    "min_frequency": "encoder.min_frequency",
    "max_length": "encoder.max_length",
    "truncate": "encoder.truncate",
    "device": "run.device",
    "threads": "run.threads",
    "engine": "run.engine",
}
"""The configuration key that says what each parameter may be."""


class InputError(DataError, ValueError):
    """X or y cannot be used; a `ValueError` too, which is what scikit-learn's tools expect."""


class ParameterError(RequestError, ValueError):
    """A parameter's value is not allowed; a `ValueError` too, which is what scikit-learn's tools expect."""


def config_of(parameters: Mapping[str, Any], seed: int) -> Config:
    """Parameters as a configuration, so that their bounds stand in one place: the schema.

    Args:
        parameters: the estimator's, as `get_params` gives them.
        seed: drawn from random_state.

    Raises:
        ParameterError: a value is not allowed.
    """
    tree = {"preset": "lab", "seed": seed, **tree_of(parameters, PARAMETER_KEYS)}  # a name alone: no value is its
    if parameters["class_weight"] is None:
        tree["train"]["class_weights"] = "none"
    holds_out = tree["data"]["valid_fraction"] != 0
    if not holds_out:  # a run always validates; an estimator may leave that to its caller
        del tree["data"]["valid_fraction"]
    try:
        config = validate(tree)
    except RequestError as error:
        message = str(error).replace("see docs/configuration.md", "see help(lstmkit.SequenceClassifier)")
        raise ParameterError(_in_parameters(message)) from error
    if config.train.early_stopping and not holds_out:
        raise ParameterError(
            "early_stopping judges by the held-out part and validation_fraction is 0; set one of them otherwise"
        )
    return config


def tree_of(parameters: Mapping[str, Any], keys: Mapping[str, str]) -> dict[str, Any]:
    """Parameters by section and key of the configuration, as plain values.

    Args:
        parameters: all of an estimator's.
        keys: parameter -> section.key; others are left out.
    """
    tree: dict[str, Any] = {}
    for name, key in keys.items():
        section, leaf = key.split(".")
        tree.setdefault(section, {})[leaf] = plain(parameters[name])
    return tree


@contextmanager
def as_value_errors() -> Iterator[None]:
    """Refusals from the rooms below as `ValueError`s, in the parameters' names."""
    try:
        yield
    except ValueError as error:
        message = str(error)
        if "\n" not in message or message.startswith("The feature names"):  # scikit-learn's list of names
            raise
        raise ValueError(" ".join(message.split())) from error
    except DataError as error:
        raise InputError(_in_parameters(str(error))) from error
    except RequestError as error:
        raise ParameterError(_in_parameters(str(error))) from error
    except TrainingError as error:
        raise TrainingError(_in_parameters(str(error))) from error


def plain(value: Any) -> Any:
    """A parameter as the schema and JSON take it; what is no plain value becomes its text, which the schema refuses."""
    value = value.item() if isinstance(value, np.generic) else value
    return value if value is None or isinstance(value, (bool, int, float, str)) else " ".join(repr(value).split())


def _in_parameters(message: str) -> str:
    """A message with the parameters' names in place of the configuration's keys."""
    for name, key in PARAMETER_KEYS.items():
        message = message.replace(key, name)
    return message
