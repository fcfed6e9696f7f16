"""The presets' networks in Keras 3, timed over given batches; run by `imdb_epoch.py` in a process of its own.

    KERAS_BACKEND=jax python benchmarks/keras_worker.py batches.npz

It imports numpy and Keras alone, so that it runs in an environment without lstmkit. Sequences are masked; batches are
padded to a few widths, so that few shapes are compiled, all before the clock starts.
"""

import json
import os
import sys
import time
from collections.abc import Iterator

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np


class MaskedMaxMean(keras.layers.Layer):
    """The largest and the mean state of each sequence, over valid steps alone."""

    def __init__(self) -> None:
        super().__init__()
        self.supports_masking = True

    def call(self, states, mask=None):
        """`(batch, 2 * states)`."""
        valid = keras.ops.expand_dims(mask, -1)
        largest = keras.ops.max(keras.ops.where(valid, states, -1e9), axis=1)
        total = keras.ops.sum(keras.ops.where(valid, states, 0.0), axis=1)
        return keras.ops.concatenate([largest, total / keras.ops.sum(keras.ops.cast(valid, "float32"), axis=1)], -1)

    def compute_mask(self, inputs, previous=None):
        """There are no steps any more."""
        return


def build(about: dict) -> keras.Model:
    """The network, compiled with Adam, clipping and averaging as the preset has them."""
    model, train = about["model"], about["train"]
    pools = model["pooling"] == "max_mean"
    lstm = keras.layers.LSTM(model["hidden_size"], return_sequences=pools)
    layers = [
        keras.layers.Input((None,), dtype="int32"),
        keras.layers.Embedding(
            about["vocabulary_size"] + 1,
            model["embedding_size"],
            mask_zero=True,
            embeddings_initializer=keras.initializers.RandomNormal(stddev=model["embedding_std"]),
        ),
        keras.layers.Bidirectional(lstm) if model["bidirectional"] else lstm,
        *([MaskedMaxMean()] if pools else []),
        keras.layers.Dropout(model["head_dropout"]),
        keras.layers.Dense(2),
    ]
    network = keras.Sequential(layers)
    averaging = {"use_ema": True, "ema_momentum": train["averaging"]} if train["averaging"] else {}
    network.compile(
        keras.optimizers.Adam(train["learning_rate"], global_clipnorm=train["clip_norm"], **averaging),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    return network


class Batches(keras.utils.PyDataset):
    """Padded batches, made as they are asked for. Token k is k + 1 here, since 0 masks."""

    def __init__(self, given: dict[str, np.ndarray], about: dict, chosen: list[np.ndarray]) -> None:
        super().__init__()
        self.given, self.about, self.chosen = given, about, chosen
        self.random = np.random.default_rng(about["seed"])

    def __len__(self) -> int:
        return len(self.chosen)

    def __getitem__(self, place: int) -> tuple[np.ndarray, np.ndarray]:
        return self.made(self.chosen[place], self.width_of(self.chosen[place]))

    def width_of(self, chosen: np.ndarray) -> int:
        """Of its few widths the least that holds the batch."""
        step = self.about["bucket"]
        return int(-(-np.diff(self.given["offsets"])[chosen].max() // step) * step)

    def made(self, chosen: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
        """One batch of that width, words dropped."""
        offsets, tokens = self.given["offsets"], self.given["tokens"]
        number = np.arange(1, self.about["vocabulary_size"] + 1, dtype=np.int32)
        if self.about["model"]["word_dropout"]:
            number[self.random.random(len(number)) < self.about["model"]["word_dropout"]] = 1  # the unknown token
        padded = np.zeros((len(chosen), width), np.int32)
        for row, k in zip(padded, chosen, strict=True):
            own = number[tokens[offsets[k] : offsets[k + 1]]]
            row[: len(own)] = own
        return padded, self.given["labels"][chosen]


def batches_of(given: dict[str, np.ndarray]) -> Iterator[np.ndarray]:
    """The examples of each batch; one that is not full is left out, it would be a shape of its own."""
    sizes = np.diff(given["batch_offsets"])
    for start, size in zip(given["batch_offsets"], sizes, strict=False):
        if size == sizes.max():
            yield given["batches"][start : start + size]


def main() -> None:
    """Warm up with one batch of each width, then time one pass over all."""
    with np.load(sys.argv[1]) as file:
        given = {name: file[name] for name in file.files}
    about = json.loads(str(given.pop("about")))
    threads = about["threads"]
    if threads and hasattr(os, "sched_setaffinity"):  # what XLA goes by
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    keras.utils.set_random_seed(about["seed"])
    network = build(about)
    timed = Batches(given, about, list(batches_of(given)))
    of_width = {timed.width_of(chosen): chosen for chosen in timed.chosen}
    drawn = network.get_weights()
    started_s = time.perf_counter()
    network.fit(Batches(given, about, list(of_width.values())), verbose=0, shuffle=False)
    warmup_s = time.perf_counter() - started_s
    # Also parts the weights from their running mean: at the end of a fit the two share memory, which JAX refuses.
    network.set_weights(drawn)
    started_s = time.perf_counter()
    history = network.fit(timed, verbose=0, shuffle=False)
    seconds = time.perf_counter() - started_s
    lengths = np.diff(given["offsets"])
    print(
        json.dumps(
            {
                "seconds": seconds,
                "warmup_s": warmup_s,
                "loss": history.history["loss"][0],
                "tokens": int(sum(lengths[chosen].sum() for chosen in timed.chosen)),
                "n_batches": len(timed.chosen),
                "widths": sorted(of_width),
                "keras": keras.__version__,
            }
        )
    )


if __name__ == "__main__":
    main()
