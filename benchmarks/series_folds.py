"""Cross-validation of a preset on the training part of a set of series; the test part is not touched.

Each fold is left to a network that was trained as `lstmkit train` trains it: validation cut off what is left, the epoch
chosen, and with `train.refit` trained again on all of it; with `train.select_by=last` there is nothing to choose.

Run it to choose rates and sizes, since such sets are too small for one validation part:

    python benchmarks/series_folds.py natops japanese-vowels --seeds 2 --set train.learning_rate=0.001
"""

import argparse
from dataclasses import replace

import numpy as np
import torch

from lstmkit.config.resolve import resolve
from lstmkit.config.schema import Config
from lstmkit.core.records import Epoch
from lstmkit.data.augment import Augmentation
from lstmkit.data.encoded import EncodedPart
from lstmkit.data.series import SeriesEncoder
from lstmkit.data.sources import Part, cut, load_corpus
from lstmkit.models import Classifier, build
from lstmkit.models.scoring import probabilities
from lstmkit.train import train

FOLDS = 5


class Silent:
    """Shows nothing."""

    def on_step(self, epoch: int, step: int, n_steps: int, loss: float, tokens_per_second: float) -> None:
        """Steps are not shown."""

    def on_epoch(self, record: Epoch, history: list[Epoch]) -> None:
        """Epochs are not shown."""


def correct(source: str, assignments: list[str], seed: int) -> tuple[int, int]:
    """How many training series are classified correctly by a network that never saw them, and how many there are."""
    config = resolve(
        "default", assignments=[f"seed={seed}", *assignments], overrides={"data.source": source}, kind="series"
    )
    corpus = load_corpus(config.data)
    part = corpus.parts["train"]
    names, codes = np.unique(np.array(part.labels), return_inverse=True)
    random, fold = np.random.default_rng(seed), np.empty(len(part), dtype=np.int64)
    for code in range(len(names)):
        places = random.permutation(np.flatnonzero(codes == code))
        fold[places] = np.arange(len(places)) % FOLDS
    n_correct = 0
    for held in range(FOLDS):
        seen, unseen = (part.take(np.flatnonzero(mask)) for mask in (fold != held, fold == held))
        encoder = SeriesEncoder.fit(seen.inputs, config.encoder, corpus.channels)
        whole = encoded(encoder, seen, codes[fold != held])
        if config.train.select_by == "last":
            network, _ = trained(config, encoder, whole, None, None)
        else:
            parts = cut(replace(corpus, parts={"train": seen, "test": unseen}), config.data, seed)
            own, valid = (
                encoded(encoder, parts[name], np.searchsorted(names, list(parts[name].labels)))
                for name in ("train", "valid")
            )
            network, n_epochs = trained(config, encoder, own, valid, None)
            if config.train.refit:
                network, _ = trained(config, encoder, whole, None, n_epochs)
        answers = probabilities(network, encoded(encoder, unseen, codes[fold == held]))
        n_correct += int((answers.argmax(1) == codes[fold == held]).sum())
    return n_correct, len(part)


def trained(
    config: Config, encoder: SeriesEncoder, own: EncodedPart, valid: EncodedPart | None, n_epochs: int | None
) -> tuple[Classifier, int]:
    """A network, and the epoch that was kept."""
    torch.manual_seed(config.seed)
    network = build(config, encoder.shape, int(own.labels.max()) + 1, int(own.lengths.max()))
    augment = Augmentation(config.augment, len(encoder.channels), config.seed)
    result = train(
        network, own, valid, config.train, seed=config.seed, watch=Silent(), n_epochs=n_epochs, augment=augment
    )
    return network, result.best_epoch


def encoded(encoder: SeriesEncoder, part: Part, codes: np.ndarray) -> EncodedPart:
    """A part as rows."""
    rows, offsets = encoder.encode(part.inputs)
    return EncodedPart(rows, offsets, codes)


def main() -> None:
    """Print the accuracy over all folds and seeds of each set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="+")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], dest="assignments")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    for source in options.sources:
        found = [correct(source, options.assignments, seed) for seed in range(options.seeds)]
        shares = [n / total for n, total in found]
        print(f"{source}: {np.mean(shares):.2%} ({', '.join(f'{share:.2%}' for share in shares)})", flush=True)


if __name__ == "__main__":
    main()
