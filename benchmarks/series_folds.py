"""Cross-validation of a preset on the training part of a set of series or recordings; the test part is not touched.

Run it to choose rates and sizes, since such sets are too small for one validation part:

    python benchmarks/series_folds.py natops japanese-vowels --seeds 2 --set train.learning_rate=0.001
    python benchmarks/series_folds.py fsdd --folds 3
"""

import argparse

import numpy as np
import torch

from lstmkit.config.resolve import resolve
from lstmkit.core.records import Epoch
from lstmkit.data.encoded import EncodedPart
from lstmkit.data.encoding import AnyEncoder, fit_encoder
from lstmkit.data.sources import CATALOGUE, Part, load_corpus
from lstmkit.experiment.single import augmentation_of
from lstmkit.models import build
from lstmkit.models.scoring import probabilities
from lstmkit.train import train


class Silent:
    """Shows nothing."""

    def on_step(self, epoch: int, step: int, n_steps: int, loss: float, tokens_per_second: float) -> None:
        """Steps are not shown."""

    def on_epoch(self, record: Epoch, history: list[Epoch]) -> None:
        """Epochs are not shown."""


def correct(source: str, assignments: list[str], seed: int, n_folds: int) -> tuple[int, int]:
    """How many training examples are classified correctly by a network that never saw them, and how many there are."""
    settled, kind = {"data.source": source}, CATALOGUE[source].kind
    config = resolve("default", assignments=[f"seed={seed}", *assignments], overrides=settled, kind=kind)
    corpus = load_corpus(config.data)
    part = corpus.parts["train"]
    names, codes = np.unique(np.array(part.labels), return_inverse=True)
    random, fold = np.random.default_rng(seed), np.empty(len(part), dtype=np.int64)
    for code in range(len(names)):
        places = random.permutation(np.flatnonzero(codes == code))
        fold[places] = np.arange(len(places)) % n_folds
    n_correct = 0
    for held in range(n_folds):
        seen, unseen = (part.take(np.flatnonzero(mask)) for mask in (fold != held, fold == held))
        encoder = fit_encoder(seen.inputs, config.encoder, kind, corpus.channels)
        torch.manual_seed(seed)
        own = encoded(encoder, seen, codes[fold != held])
        network = build(config, encoder.shape, len(names), int(own.lengths.max()))
        augment = augmentation_of(encoder, config)
        train(network, own, None, config.train, seed=seed, watch=Silent(), augment=augment)
        answers = probabilities(network, encoded(encoder, unseen, codes[fold == held]))
        n_correct += int((answers.argmax(1) == codes[fold == held]).sum())
    return n_correct, len(part)


def encoded(encoder: AnyEncoder, part: Part, codes: np.ndarray) -> EncodedPart:
    """A part as rows."""
    rows, offsets = encoder.encode(part.inputs)
    return EncodedPart(rows, offsets, codes)


def main() -> None:
    """Print the accuracy over all folds and seeds of each set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="+")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], dest="assignments")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    for source in options.sources:
        found = [correct(source, options.assignments, seed, options.folds) for seed in range(options.seeds)]
        shares = [n / total for n, total in found]
        print(f"{source}: {np.mean(shares):.2%} ({', '.join(f'{share:.2%}' for share in shares)})", flush=True)


if __name__ == "__main__":
    main()
