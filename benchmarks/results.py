"""A set trained with several seeds, as one row of docs/results.md; the test part is scored once by each run.

    python benchmarks/results.py natops --out runs/results
    python benchmarks/results.py mnist-pixels --seeds 1 -- --epochs 4 --set train.refit=false

Options behind `--` go to `lstmkit train` as they are. A run that was cut short goes on, a finished one is read.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from lstmkit.evaluate.statistics import wilson_interval


def run_of(source: str, seed: int, out: Path, options: list[str]) -> dict[str, Any]:
    """One run's evaluation, with the seconds that training took; trained where that is not done yet."""
    words = [source, "--seed", str(seed), "--out", str(out), *options, *(["--resume"] if out.exists() else [])]
    subprocess.run([sys.executable, "-m", "lstmkit", "train", *words], check=True, stdout=subprocess.DEVNULL)  # noqa: S603
    evaluation, details = (json.loads((out / f"{name}.json").read_text("utf-8")) for name in ("evaluation", "details"))
    return evaluation | {"seconds": details["seconds"]["train"]}


def row_of(source: str, runs: list[dict[str, Any]]) -> str:
    """Accuracy by seed, their mean with Wilson's interval as if of one network, the linear baseline's, and the time."""
    accuracies = [run["accuracy"] for run in runs]
    n = runs[0]["n"]
    mean = float(np.mean(accuracies))
    low, high = wilson_interval(round(mean * n), n)
    cells = [
        f"`{source}` ({n:,} test)",
        ", ".join(f"{100 * accuracy:.2f}" for accuracy in accuracies),
        f"{100 * mean:.2f} ({100 * low:.2f} to {100 * high:.2f})",
        ", ".join(f"{100 * run['baselines']['linear']['accuracy']:.2f}" for run in runs),
        ", ".join(f"{run['seconds']:.0f}" for run in runs) + " s",
    ]
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    """Print the head and the row."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("runs/results"))
    words = sys.argv[1:]
    border = words.index("--") if "--" in words else len(words)
    asked, options = parser.parse_args(words[:border]), words[border + 1 :]
    name = Path(asked.source).stem
    runs = [run_of(asked.source, seed, asked.out / f"{name}-{seed}", options) for seed in range(asked.seeds)]
    print("| data | accuracy by seed | mean (95% interval) | linear, by seed | training |")
    print("| --- | --- | --- | --- | --- |")
    print(row_of(asked.source, runs), flush=True)


if __name__ == "__main__":
    main()
