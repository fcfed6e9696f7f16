"""A number for a whole sequence: the adding problem, and the stars of IMDB's reviews.

Two sources are written to OUT, and a run of `lstmkit train --task regression` is made of each and each seed:

- `adding.jsonl`: 3,000 series of as many steps as --lag says, uniform numbers and a mark on two of them, one in each
  half, whose sum is to be told (Hochreiter and Schmidhuber 1997; made by `lstmkit.data.tasks`);
- `stars/train.csv` and `stars/test.csv`: the reviews of the catalogue's `imdb` on its official split, with the 1 to 10
  stars (never 5 or 6) that the archive has in the names of its files, as `train/pos/0_9.txt`.

    python benchmarks/regression.py --out regression --seeds 3 --threads 2
"""

import argparse
import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lstmkit.cli.main import run
from lstmkit.config.schema import DataConfig
from lstmkit.data.sources import load_corpus
from lstmkit.data.tasks import TASKS

N_ADDING = 3_000


def write_adding(folder: Path, lag: int, n: int = N_ADDING) -> Path:
    """The adding problem as JSONL with a list for each channel."""
    examples = TASKS["adding"].examples(lag, n, seed=0, purpose="train")
    path = folder / "adding.jsonl"
    with path.open("w") as file:
        for inputs, target in zip(examples.inputs.swapaxes(0, 1), examples.targets[0], strict=True):
            row = {"number": inputs[:, 0].tolist(), "marked": inputs[:, 1].tolist(), "sum": float(target)}
            file.write(json.dumps(row) + "\n")
    return path


def write_stars(folder: Path, n: int) -> Path:
    """IMDB's reviews with their stars, a table for each part of the official split; of `n` reviews, evenly taken."""
    corpus = load_corpus(DataConfig(source="imdb"))
    source = folder / "stars"
    source.mkdir(exist_ok=True)
    for split in ("train", "test"):
        part = corpus.parts[split]
        with (source / f"{split}.csv").open("w", newline="") as file:
            table = csv.writer(file)
            table.writerow(["text", "stars"])
            chosen = np.unique(np.linspace(0, len(part) - 1, min(n, len(part))).round().astype(int))
            for k in chosen.tolist():
                table.writerow([part.inputs[k], Path(part.ids[k]).stem.rpartition("_")[2]])
    return source


def measured(source: Path, label: str, folder: Path, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """Train one network and read what it scored; a run that is there is not made again."""
    own = folder / f"{source.stem}-seed{seed}"
    command = ["train", str(source), "--task", "regression", "--label-column", label, "--out", str(own)]
    command += ["--seed", str(seed), "--threads", str(options.threads)]
    command += [word for assignment in options.set for word in ("--set", assignment)]
    command += ["--resume"] if (own / "config.toml").exists() else []
    if status := run(command):
        raise SystemExit(status)
    evaluation = json.loads((own / "evaluation.json").read_text())
    seconds = json.loads((own / "details.json").read_text())["seconds"]["train"]
    return {**evaluation, "source": source.stem, "seed": seed, "seconds": seconds}


def main(arguments: Sequence[str] | None = None) -> None:
    """Print what each source and seed scored, and write it to OUT/regression.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sources", nargs="+", choices=["adding", "stars"], default=["adding", "stars"])
    parser.add_argument("--lag", type=int, default=100)
    parser.add_argument("--examples", type=int, default=N_ADDING)
    parser.add_argument("--reviews", type=int, default=25_000, help="of each part")
    parser.add_argument("--seeds", type=int, default=3, help="seeds 0, 1, …")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    rows = []
    for name in options.sources:
        source = (
            write_adding(options.out, options.lag, options.examples)
            if name == "adding"
            else write_stars(options.out, options.reviews)
        )
        own = [measured(source, "sum" if name == "adding" else "stars", options.out, seed, options)
               for seed in range(options.seeds)]  # fmt: skip
        rows += own
        for row in own:
            ridge, mean = row["baselines"]["ridge"], row["baselines"]["mean"]
            print(
                f"{name} | seed {row['seed']} | RMSE {row['rmse']:.4g} ({row['rmse_ci95'][0]:.4g} to "
                f"{row['rmse_ci95'][1]:.4g}) | MAE {row['mae']:.4g} | R2 {row['r2']:.4f} | ridge {ridge['rmse']:.4g} "
                f"({ridge['rmse_ci95'][0]:.4g} to {ridge['rmse_ci95'][1]:.4g}) | mean {mean['rmse']:.4g} | "
                f"{row['seconds']:.0f} s",
                flush=True,
            )
        print(f"{name} | mean RMSE {np.mean([row['rmse'] for row in own]):.4g}")
    (options.out / "regression.json").write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
