"""Named starting points. A preset holds only what differs from the schema's defaults.

What a preset has for a kind of source goes before what it has for all, and what all have for a task before both.
"""

from typing import Any

PRESETS: dict[str, dict[str, dict[str, Any]]] = {
    # The laboratory's own network and nothing more: Embedding -> LSTM -> last valid state -> fully connected.
    "lab": {"train": {"learning_rate": 2e-3}},
    # The best network that is still quick; chosen on IMDB's validation part (docs/decisions.md).
    "default": {
        "encoder": {"vocabulary_size": 10_000},
        "model": {
            "embedding_size": 100,
            "embedding_std": 0.1,
            "hidden_size": 64,
            "bidirectional": True,
            "pooling": "max_mean",
            "word_dropout": 0.5,
            "head_dropout": 0.5,
        },
        "train": {"epochs": 0, "learning_rate": 4e-3, "schedule": "one_cycle", "averaging": 0.998},
    },
    # For sequences that are answered while they arrive: one direction; chosen on validation parts (docs/decisions.md).
    "streaming": {
        "encoder": {"vocabulary_size": 10_000},
        "model": {
            "embedding_size": 100,
            "embedding_std": 0.1,
            "hidden_size": 128,
            "pooling": "max",
            "word_dropout": 0.5,
            "head_dropout": 0.5,
        },
        "train": {"epochs": 0, "learning_rate": 4e-3, "schedule": "one_cycle", "averaging": 0.998},
    },
}

# Chosen by cross-validation of training parts (docs/decisions.md, Series).
_AUGMENTED_SERIES = {"jitter": 0.2, "scaling": 0.2, "time_warp": 0.4}
_TRAINED_SERIES = {
    "batch_size": 0, "learning_rate": 2e-3, "label_smoothing": 0.1, "select_by": "last", "refit": True,
}  # fmt: skip
_AUGMENTED_SPEECH = {"time_shift_ms": 50.0, "gain_db": 6.0, "time_masks": 1, "frequency_masks": 1}

FOR_KIND: dict[str, dict[str, dict[str, dict[str, Any]]]] = {
    "series": {
        "lab": {"encoder": {"max_length": 2_000}, "train": {"batch_size": 0}},
        "default": {
            "encoder": {"max_length": 2_000},
            "augment": _AUGMENTED_SERIES,
            "model": {"embedding_size": 64, "hidden_size": 128, "bidirectional": True, "pooling": "max_mean"},
            "train": _TRAINED_SERIES,
        },
        "streaming": {
            "encoder": {"max_length": 2_000},
            "augment": _AUGMENTED_SERIES,
            "model": {"embedding_size": 64},
            "train": _TRAINED_SERIES | {"label_smoothing": 0.0},  # decisions wait for confidence
        },
    },
    "audio": {
        "lab": {"encoder": {"max_length": 1_000}, "train": {"batch_size": 32}},
        "default": {
            "encoder": {"max_length": 1_000, "deltas": 1},
            "augment": _AUGMENTED_SPEECH,
            "model": {"embedding_size": 64, "hidden_size": 128, "bidirectional": True, "pooling": "max_mean"},
            "train": {"batch_size": 32, "learning_rate": 2e-3, "refit": True},
        },
        "streaming": {
            "encoder": {"max_length": 1_000, "deltas": 1},
            "augment": _AUGMENTED_SPEECH,
            "model": {"embedding_size": 64, "hidden_size": 128},
            "train": {"batch_size": 32, "learning_rate": 2e-3, "refit": True},
        },
    },
    "forecast": {
        "lab": {"train": {"batch_size": 16}},
        "default": {
            "model": {
                "embedding_size": 32,
                "hidden_size": 64,
                "bidirectional": False,
                "pooling": "last",
                "head_dropout": 0.1,
            },
            "train": {"epochs": 25, "batch_size": 16, "learning_rate": 2e-3, "refit": True},
        },
    },
}

FOR_TASK: dict[str, dict[str, dict[str, Any]]] = {
    # A number may change with what augmentation changes, and there are no labels to smooth.
    "regression": {
        "augment": dict.fromkeys(("jitter", "scaling", "offset", "time_warp"), 0.0),
        "train": {"label_smoothing": 0.0, "select_by": "loss"},
    },
}
