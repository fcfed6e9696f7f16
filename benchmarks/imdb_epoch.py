"""One epoch on real IMDB through lstmkit's whole trainer, beside the same network by hand in PyTorch and in Keras 3.

    LSTMKIT_DATA=folder python benchmarks/imdb_epoch.py --json epoch.json

Keras comes with the extra `bench`, or from an environment of its own: `--keras-python other/bin/python`. A peer that
takes many minutes runs a share of the epoch's batches, evenly chosen; its time is scaled by tokens and marked.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import handwritten
import numpy as np
import torch
from measuring import machine, print_machine

from lstmkit.config.resolve import resolve
from lstmkit.config.schema import Config
from lstmkit.core.errors import LstmkitError
from lstmkit.core.files import write_json
from lstmkit.core.records import Epoch
from lstmkit.data.batching import shuffled_batches
from lstmkit.data.encoded import EncodedPart
from lstmkit.experiment.prepare import prepare
from lstmkit.models import build
from lstmkit.train import train

Row = dict[str, Any]
PEERS = ("torch-bucketed", "torch-packed", "keras-jax", "keras-tensorflow")
_SLOW = ("torch-packed", "keras-jax", "keras-tensorflow")
_BUCKET = 50  # Keras: widths are multiples of it
_MODULES = {"keras-jax": "jax", "keras-tensorflow": "tensorflow"}


class PeerError(Exception):
    """A peer's process failed; holds what it wrote."""


class Silent:
    """Watches without a word."""

    def on_step(self, epoch: int, step: int, n_steps: int, loss: float, tokens_per_second: float) -> None:
        """Steps are not shown."""

    def on_epoch(self, record: Epoch, history: list[Epoch]) -> None:
        """The record is in the result."""


def ours(config: Config, part: EncodedPart, vocabulary_size: int) -> Row:
    """The trainer's own epoch: its batches, optimizer, clipping and averaging; no validation."""
    torch.manual_seed(config.seed)
    network = build(config, {"vocabulary_size": vocabulary_size}, 2)
    record = train(network, part, None, config.train, seed=config.seed, watch=Silent(), n_epochs=1).history[0]
    engine = network.recurrence.engine
    return {
        "seconds": record.seconds,
        "loss": record.train_loss,
        "tokens": len(part.rows),
        "engine": engine.name,
        "reason": engine.reason,
    }


def in_keras(
    backend: str, config: Config, part: EncodedPart, batches: Sequence[np.ndarray], vocabulary_size: int, python: str
) -> Row:
    """The worker's answer for the batches."""
    about = {
        "model": config.model.model_dump(),
        "train": config.train.model_dump(),
        "vocabulary_size": vocabulary_size,
        "seed": config.seed,
        "bucket": _BUCKET,
        "threads": config.run.threads,
    }
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "batches.npz"
        np.savez(
            file,
            tokens=part.rows,
            offsets=part.offsets,
            labels=part.labels,
            batches=np.concatenate(batches),
            batch_offsets=np.cumsum([0, *map(len, batches)]),
            about=np.array(json.dumps(about)),
        )
        worker = Path(__file__).with_name("keras_worker.py")
        done = subprocess.run(  # noqa: S603  (the file beside this one)
            [python, worker, file],
            env={**os.environ, "KERAS_BACKEND": backend},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise PeerError(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def lacking(peer: str, python: str) -> str | None:
    """Which package a peer lacks; None where it can run."""
    if peer not in _MODULES:
        return None
    for module in ("keras", _MODULES[peer]):
        look = f"import importlib.util as u, sys; sys.exit(u.find_spec({module!r}) is None)"
        if subprocess.run([python, "-c", look], check=False).returncode:  # noqa: S603
            return module
    return None


def subset(part: EncodedPart, chosen: np.ndarray) -> EncodedPart:
    """Some examples of a part."""
    spans = [part.rows[part.offsets[k] : part.offsets[k + 1]] for k in chosen]
    return EncodedPart(np.concatenate(spans), np.cumsum([0, *map(len, spans)]), part.labels[chosen])


def evenly(batches: Sequence[np.ndarray], share: float) -> list[np.ndarray]:
    """A share of the batches, one at least, from the whole of the epoch."""
    n = max(1, round(share * len(batches)))
    return [batches[k * len(batches) // n] for k in range(n)]


def compare(
    config: Config,
    part: EncodedPart,
    vocabulary_size: int,
    *,
    peers: Sequence[str],
    share: float = 1.0,
    n_repeats: int = 1,
    python: str = sys.executable,
) -> list[Row]:
    """An epoch by lstmkit, then by each peer; each row is printed as it comes.

    Args:
        config: a preset's.
        part: what is learned from.
        vocabulary_size: of the part's tokens.
        peers: whom to run.
        share: of the batches, for peers that are slow.
        n_repeats: of lstmkit and of the quick peers; the median counts.
        python: runs Keras.
    """
    batches = shuffled_batches(part.lengths, config.train.batch_size, config.seed, 1)
    rows: list[Row] = []

    def add(subject: str, run: Callable[[], Row], repeats: int) -> None:
        found = sorted((run() for _ in range(repeats)), key=lambda row: row["seconds"])
        row = found[len(found) // 2]
        row = {"subject": subject, **row, "runs_s": [round(other["seconds"], 2) for other in found]}
        row["share"] = row["tokens"] / len(part.rows)
        row["epoch_s"] = round(row["seconds"] / row["share"], 2)
        row["ratio"] = round(row["epoch_s"] / (rows[0]["epoch_s"] if rows else row["epoch_s"]), 2)
        rows.append({"preset": config.preset, **row})
        print(line_of(rows[-1]), flush=True)

    add("lstmkit", lambda: ours(config, part, vocabulary_size), n_repeats)
    for peer in peers:
        if (module := lacking(peer, python)) is not None:
            print(f"{config.preset:8} {peer:17} skipped: {python} has no {module}; install lstmkit[bench]", flush=True)
            continue
        chosen = evenly(batches, share if peer in _SLOW else 1.0)
        if peer in _MODULES:
            backend = _MODULES[peer]
            try:
                add(peer, lambda b=backend, c=chosen: in_keras(b, config, part, c, vocabulary_size, python), 1)
            except PeerError as error:  # what the others took is worth keeping
                print(f"{error}\n{config.preset:8} {peer:17} FAILED: see above", flush=True)
                rows.append({"preset": config.preset, "subject": peer, "error": str(error)})
        else:
            packed = peer == "torch-packed"
            add(
                peer,
                lambda p=packed, c=chosen: handwritten.epoch(config, part, c, vocabulary_size, p),
                1 if packed else n_repeats,
            )
    return rows


def line_of(row: Row) -> str:
    """A row for people."""
    notes = []
    if row["share"] < 0.98:
        notes.append(f"scaled from {row['share']:.0%} of the tokens")
    if "warmup_s" in row:
        notes.append(f"compiling {row['warmup_s']:.0f} s not counted")
    if row.get("engine", "native") != "native":
        notes.append(f"engine {row['engine']}: {row['reason']}")
    rate = row["tokens"] / row["seconds"]
    return (
        f"{row['preset']:8} {row['subject']:17} {row['epoch_s']:8.1f} s an epoch  {row['ratio']:5.1f}x  "
        f"{rate:9,.0f} tokens/s  loss {row['loss']:.3f}  {', '.join(notes)}"
    ).rstrip()


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", choices=("default", "lab"), action="append", help="both unless given")
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=list(PEERS))
    parser.add_argument("--share", type=float, default=0.2, help="of the batches, for packed PyTorch and Keras")
    parser.add_argument("--data-share", type=float, default=1.0, help="of the examples, for all: a quick look")
    parser.add_argument("--repeats", type=int, default=1, help="of lstmkit and bucketed PyTorch; the median counts")
    parser.add_argument("--threads", type=int, default=0, help="0: as each chooses")
    parser.add_argument("--keras-python", default=sys.executable, metavar="PYTHON", help="an interpreter with Keras")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where rows are written")
    arguments = parser.parse_args()
    if not 0 < arguments.share <= 1 or not 0 < arguments.data_share <= 1:
        parser.error("a share lies above 0 and is at most 1")
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    header = machine(command=sys.argv, share=arguments.share, data_share=arguments.data_share)
    print_machine(header)
    rows: list[Row] = []
    for preset in arguments.preset or ("default", "lab"):
        config = resolve(preset, None, [], {"data.source": "imdb", "run.threads": arguments.threads})
        try:
            encoded = prepare(config).encoded
        except LstmkitError as error:
            raise SystemExit(f"error: {error}") from error
        part = encoded.parts["train"]
        if arguments.data_share < 1:
            order = np.random.default_rng(0).permutation(len(part))
            part = subset(part, order[: max(1, round(arguments.data_share * len(part)))])
        rows += compare(
            config,
            part,
            encoded.encoder.vocabulary_size,
            peers=arguments.peers,
            share=arguments.share,
            n_repeats=arguments.repeats,
            python=arguments.keras_python,
        )
    if arguments.json:
        write_json(arguments.json, {"header": header, "rows": rows})
    if any("error" in row for row in rows):
        raise SystemExit("error: a peer failed; its message is above")


if __name__ == "__main__":
    main()
