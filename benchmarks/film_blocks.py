"""IMDB with a validation part of other films: reviews of one film have neighbouring numbers, so it is cut in a block.

Run it to choose sizes; the test set is not touched:

    python benchmarks/film_blocks.py --seed 0 --set encoder.vocabulary_size=30000
"""

import argparse
import re

import numpy as np
import torch

from lstmkit.config.resolve import resolve
from lstmkit.core.records import Epoch
from lstmkit.data.encoded import encode
from lstmkit.data.sources import load_corpus
from lstmkit.models import build
from lstmkit.train import train
from lstmkit.train.loop import epochs_of

FIRST_NUMBER = 11_250  # of 12,500 in each class: the last tenth


class Lines:
    """Prints the epoch lines."""

    def __init__(self, n_epochs: int) -> None:
        self.n_epochs = n_epochs

    def on_step(self, epoch: int, step: int, n_steps: int, loss: float, tokens_per_second: float) -> None:
        """Steps are not shown."""

    def on_epoch(self, record: Epoch, history: list[Epoch]) -> None:
        """The epoch line of the contract."""
        print(record.line(self.n_epochs), flush=True)


def main() -> None:
    """Train on the first nine tenths of the numbers, validate on the last."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--preset", default="default")
    parser.add_argument("--set", action="append", default=[], dest="assignments", metavar="KEY=VALUE")
    arguments = parser.parse_args()
    overrides = {"data.source": "imdb", "seed": arguments.seed}
    config = resolve(arguments.preset, None, arguments.assignments, overrides)
    corpus = load_corpus(config.data)
    labelled = corpus.parts["train"]
    numbers = np.array([int(re.findall(r"(\d+)_\d+\.txt", identity)[0]) for identity in labelled.ids])
    parts = {
        "train": labelled.take(np.flatnonzero(numbers < FIRST_NUMBER)),
        "valid": labelled.take(np.flatnonzero(numbers >= FIRST_NUMBER)),
    }
    encoded = encode(corpus, parts, config.encoder, {"first_number": FIRST_NUMBER})
    if config.run.threads:
        torch.set_num_threads(config.run.threads)
    torch.manual_seed(config.seed)
    network = build(config, encoded.encoder.shape, len(encoded.labels))
    lines = Lines(epochs_of(config.train, len(encoded.parts["train"])))
    train(network, encoded.parts["train"], encoded.parts["valid"], config.train, seed=config.seed, watch=lines)


if __name__ == "__main__":
    main()
