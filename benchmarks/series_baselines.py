"""Where an explanation of a series should begin: baselines of integrated gradients, on validation series.

For each source a network of the preset `default` is trained as `lstmkit train` does, and validation series are
explained from each baseline; the test part is not touched. Printed are: the share of complete attributions and their
median points, the median difference in log-odds that they divide up, how often the baseline itself gets the series'
own answer, and the area between the deletion curves, where values (a channel at a step) or whole steps are replaced by
the baseline:

    python benchmarks/series_baselines.py natops japanese-vowels basic-motions
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import torch

from lstmkit.analyze.attribution import integrated_gradients
from lstmkit.analyze.deletion import deletion_curve
from lstmkit.artifact import load_artifact
from lstmkit.cli.main import run
from lstmkit.config.resolve import load_config
from lstmkit.data.encoded import EncodedPart
from lstmkit.data.sources import cut, load_corpus
from lstmkit.models import Classifier
from lstmkit.models.scoring import probabilities

BASELINES = {
    "training mean": np.zeros_like,
    "own mean": lambda rows: np.broadcast_to(rows.mean(0), rows.shape),
    "first step": lambda rows: np.broadcast_to(rows[0], rows.shape),
}


def measures(network: Classifier, series: list[np.ndarray], name: str) -> list[tuple[float, ...]]:
    """One row of numbers for each series, on one baseline; see `main`."""
    found = []
    for rows in series:
        baseline = np.ascontiguousarray(BASELINES[name](rows))
        both = EncodedPart(np.concatenate([rows, baseline]), np.arange(3) * len(rows))
        answers = probabilities(network, both)
        best = int(answers[0].argmax())
        attribution = integrated_gradients(network, rows, [best], baseline)
        if attribution.by_feature is None:
            raise TypeError("a series has features")
        by_feature = attribution.by_feature[0]
        own = np.arange(rows.shape[1])
        parts = ((by_feature, own), (by_feature.sum(1, keepdims=True), 0 * own))
        cells, steps = (
            deletion_curve(network, rows, values, best, channel_of=channel_of, baseline=baseline).area
            for values, channel_of in parts
        )
        same = answers[1].argmax() == best
        found.append(
            (attribution.is_complete[0], attribution.n_steps[0], abs(attribution.difference[0]), same, cells, steps)
        )
    return found


def trained(source: str, seed: int, threads: int, most: int) -> tuple[Classifier, list[np.ndarray]]:
    """A network, and validation series as it reads them."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "run"
        options = ["--seed", str(seed), "--threads", str(threads), "--set", "train.refit=false"]
        if run(["train", source, "--out", str(home), *options]):
            raise SystemExit(f"{source}: could not be trained")
        config, artifact = load_config(home / "config.toml"), load_artifact(home / "model")
    part = cut(load_corpus(config.data), config.data, config.split_seed)["valid"]
    return artifact.network, [artifact.encoder.encode([values])[0] for values in part.inputs[:most]]


def main() -> None:
    """Train networks for each source, and print a line for each baseline over all of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="+")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--most", type=int, default=20, help="validation series of each source and seed")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    for source in options.sources:
        subjects = [trained(source, seed, options.threads, options.most) for seed in range(options.seeds)]
        print(f"{source}, {sum(len(series) for _, series in subjects)} validation series", flush=True)
        for name in BASELINES:
            found = [row for network, series in subjects for row in measures(network, series, name)]
            complete, points, difference, same, cells, steps = np.array(found).T
            print(
                f"  {name:13}  {complete.mean():6.1%} complete, {np.median(points):5.0f} points; "
                f"{np.median(difference):6.2f} nats; the baseline says the same {same.mean():6.1%}; "
                f"area by values {cells.mean():.3f}, by steps {steps.mean():.3f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
