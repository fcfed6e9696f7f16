"""The spoken digits by speakers never heard: six runs, each without one speaker, who is then its test part.

    python benchmarks/speakers.py --out runs/speakers

Each run is that of `lstmkit train`: its epoch is chosen on a validation part of the five speakers, and the speaker left
out is scored once. A run that is there already is not made again.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from lstmkit.config.resolve import resolve, to_toml
from lstmkit.config.schema import Config
from lstmkit.core.files import digest_of, read_json, write_text
from lstmkit.core.records import Epoch
from lstmkit.data.encoded import encode
from lstmkit.data.sources import Corpus, Part, cut, load_corpus
from lstmkit.experiment.prepare import Prepared
from lstmkit.experiment.single import baselines_of, run_one


class Quiet:
    """Shows nothing."""

    def say(self, line: str) -> None:
        """Notes are not shown."""

    def on_model(self, name: str, n_parameters: int, n_epochs: int) -> None:
        """Models are not shown."""

    def on_step(self, epoch: int, step: int, n_steps: int, loss: float, tokens_per_second: float) -> None:
        """Steps are not shown."""

    def on_epoch(self, record: Epoch, history: list[Epoch]) -> None:
        """Epochs are not shown."""


def without(corpus: Corpus, speaker: str) -> Corpus:
    """The same recordings, those of one speaker as the test part and all others as the training part."""
    fields = ("inputs", "labels", "ids")
    every = Part(*([one for part in corpus.parts.values() for one in getattr(part, name)] for name in fields))
    own = np.array([speaker_of(name) == speaker for name in every.ids])
    parts = {"train": every.take(np.flatnonzero(~own)), "test": every.take(np.flatnonzero(own))}
    return replace(corpus, parts=parts, fingerprint=digest_of([corpus.fingerprint, speaker]))


def speaker_of(name: str) -> str:
    """Who says it: `7_jackson_3` is said by jackson."""
    return name.split("_")[1]


def run(corpus: Corpus, config: Config, folder: Path) -> None:
    """Train and score in a folder."""
    write_text(folder / "config.toml", to_toml(config))
    parts = cut(corpus, config.data, config.split_seed)
    prepared = Prepared(corpus, parts, encode(corpus, parts, config.encoder, {"seed": config.split_seed}))
    listener = Quiet()
    run_one(folder, prepared, config, lambda: baselines_of(prepared, config.train.refit, listener), listener)


def main() -> None:
    """Print accuracy, its 95% interval and time by speaker; then the mean and the worst."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--preset", default="default")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], dest="assignments")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    config = resolve(
        options.preset,
        assignments=[f"seed={options.seed}", f"run.threads={options.threads}", *options.assignments],
        overrides={"data.source": "fsdd"},
        kind="audio",
    )
    corpus = load_corpus(config.data)
    speakers = sorted({speaker_of(name) for part in corpus.parts.values() for name in part.ids})
    found: dict[str, tuple[float, float]] = {}
    for speaker in speakers:
        folder = options.out / speaker
        if not (folder / "report.html").exists():
            run(without(corpus, speaker), config, folder)
        record = read_json(folder / "evaluation.json")
        linear = record["baselines"]["linear"]
        low, high = record["accuracy_ci95"]
        seconds = read_json(folder / "details.json")["seconds"]["train"]
        found[speaker] = (record["accuracy"], linear["accuracy"])
        print(
            f"{speaker:<10} {record['accuracy']:.2%} ({low:.2%} to {high:.2%}), n = {record['n']}; linear "
            f"{linear['accuracy']:.2%}; {seconds:.0f} s",
            flush=True,
        )
    for name, which in (("network", 0), ("linear", 1)):
        shares = [pair[which] for pair in found.values()]
        worst = min(found, key=lambda speaker: found[speaker][which])
        print(f"{name}: mean {np.mean(shares):.2%}, worst {min(shares):.2%} ({worst})")


if __name__ == "__main__":
    main()
