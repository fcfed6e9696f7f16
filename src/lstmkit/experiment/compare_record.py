"""From the run folders of a comparison to `compare.json`: means, intervals, tests and the verdict."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Int

from lstmkit.config.schema import Cell, Config
from lstmkit.core.files import read_json, read_jsonl
from lstmkit.data.sources import CATALOGUE
from lstmkit.evaluate.metrics import accuracy_by_length
from lstmkit.evaluate.statistics import mcnemar, mean_interval, paired_bootstrap, wilson_interval
from lstmkit.evaluate.verdict import RULES, Outcome, Pair, caveats, has_learned, judge, summary
from lstmkit.experiment.prepare import Prepared
from lstmkit.experiment.rates import Tried
from lstmkit.experiment.records import read_correct

CELLS: tuple[Cell, ...] = ("lstm", "gru", "rnn")
N_RESAMPLES = 10_000

Correct = Bool[np.ndarray, "seeds n"]


@dataclass(frozen=True)
class Trained:
    """One trained and scored network: its folder within the comparison's, and its seed."""

    place: Path
    seed: int


def comparison(
    folder: Path,
    prepared: Prepared,
    config: Config,
    *,
    match: str,
    rates: Sequence[float],
    searches: Mapping[Cell, Sequence[Tried]],
    chosen: Mapping[Cell, float],
    trained: Mapping[Cell, Sequence[Trained]],
    baselines: dict[str, Any],
) -> dict[str, Any]:
    """The content of `compare.json`.

    Args:
        folder: the comparison's; it holds the finished runs and `linear/`.
        prepared: the data of all runs.
        config: the comparison's configuration; its seed is the bootstrap's too.
        match, rates: the terms.
        searches, chosen: what validation said of each rate, and the rate that it chose.
        trained: by cell, in the order of the seeds.
        baselines: linear and majority.
    """
    lengths = prepared.encoded.parts["test"].lengths
    correct: dict[str, Correct] = {
        cell: np.stack([read_correct(folder / run.place) for run in runs]) for cell, runs in trained.items()
    }
    correct["linear"] = read_correct(folder / "linear")[None]
    record: dict[str, Any] = {
        "format": 1,
        "source": prepared.corpus.name,
        "title": CATALOGUE[config.data.source].title if config.data.source in CATALOGUE else prepared.corpus.name,
        "match": match,
        "rates": list(rates),
        "seeds": [run.seed for run in trained["lstm"]],
        "split_seed": config.split_seed,
        "n_test": len(lengths),
        "epochs": read_json(folder / trained["lstm"][0].place / "details.json")["epochs_planned"],
        "models": {
            cell: _model(folder, trained[cell], searches[cell], chosen[cell])
            | {"accuracy_by_length": _by_length(lengths, correct[cell])}
            for cell in CELLS
        },
        "baselines": {
            "linear": baselines["linear"] | {"accuracy_by_length": _by_length(lengths, correct["linear"])},
            "majority": baselines["majority"],
        },
        "bootstrap": {"n_resamples": N_RESAMPLES, "seed": config.seed},
    }
    majority = baselines["majority"]["accuracy"]
    for model in record["models"].values():
        model["has_learned"] = has_learned(model["accuracy_mean"], len(lengths), majority)
    idle = [cell for cell in CELLS if not record["models"][cell]["has_learned"]]
    outcomes: dict[tuple[str, str], Outcome] = {}
    record["pairs"] = []
    for one, other in combinations(correct, 2):
        pair, more = _pair(one, other, correct, idle, record["seeds"], config.seed)
        outcomes[one, other], words = judge(pair)
        record["pairs"].append({**asdict(pair), **more, "outcome": outcomes[one, other], "words": words})
    record["verdict"] = {"summary": summary(outcomes), "caveats": caveats(record), "rules": list(RULES)}
    return record


def _model(folder: Path, runs: Sequence[Trained], search: Sequence[Tried], rate: float) -> dict[str, Any]:
    """One cell: its size, its rate and how that was chosen, its runs, and their mean with Student's interval."""
    rows: list[dict[str, Any]] = []
    about: dict[str, Any] = {}
    for run in runs:
        evaluation, about = (read_json(folder / run.place / f"{name}.json") for name in ("evaluation", "details"))
        history = read_jsonl(folder / run.place / "history.jsonl")
        rows.append(
            {
                "seed": run.seed,
                "folder": run.place.as_posix(),
                "accuracy": evaluation["accuracy"],
                "accuracy_ci95": evaluation["accuracy_ci95"],
                "loss": evaluation["loss"],
                "macro_f1": evaluation["macro_f1"],
                "valid_accuracy": history[about["best_epoch"] - 1]["valid_accuracy"],
                "best_epoch": about["best_epoch"],
                "epochs_run": len(history),
                "seconds": about["seconds"]["train"],
            }
        )
    accuracies = [row["accuracy"] for row in rows]
    spread = mean_interval(accuracies)
    return {
        "hidden_size": about["architecture"]["hidden_size"],
        "parameters": about["architecture"]["parameters"],
        "engine": read_json(folder / runs[0].place / "environment.json")["engine"],
        "learning_rate": rate,
        "search": [tried.as_json() for tried in search],
        "runs": rows,
        "accuracy_mean": float(np.mean(accuracies)),
        "accuracy_seeds_ci95": None if spread is None else [max(0.0, spread[0]), min(1.0, spread[1])],
        "seconds_mean": float(np.mean([row["seconds"] for row in rows])),
    }


def _pair(
    one: str, other: str, correct: Mapping[str, Correct], idle: Sequence[str], seeds: Sequence[int], bootstrap_seed: int
) -> tuple[Pair, dict[str, Any]]:
    """What two models differ in: by seed, each seed's networks beside each other; the linear model is one for all."""
    first, second = (np.broadcast_to(correct[name], (len(seeds), correct[name].shape[1])) for name in (one, other))
    differences = first.mean(0) - second.mean(0)
    by_seed = [float(a.mean() - b.mean()) for a, b in zip(first, second, strict=True)]
    pair = Pair(
        one,
        other,
        float(np.mean(by_seed)),
        paired_bootstrap(differences, n_resamples=N_RESAMPLES, seed=bootstrap_seed),
        mean_interval(by_seed),
        tuple(name for name in (one, other) if name in idle),
        len(seeds),
    )
    tests = [asdict(mcnemar(a, b)) for a, b in zip(first, second, strict=True)]
    return pair, {"by_seed": by_seed, "mcnemar": tests}


def _by_length(lengths: Int[np.ndarray, " n"], correct: Correct) -> list[dict[str, Any]]:
    """Accuracy by quartile of length, mean over seeds, with Wilson's interval as if of one network: none too narrow."""
    found = [accuracy_by_length(lengths, one) for one in correct]
    groups: list[dict[str, Any]] = []
    for same in zip(*found, strict=True):
        accuracy, n = float(np.mean([group["accuracy"] for group in same])), same[0]["n"]
        interval = list(wilson_interval(round(accuracy * n), n))
        groups.append(same[0] | {"accuracy": accuracy, "accuracy_ci95": interval})
    return groups
