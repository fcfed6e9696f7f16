"""Made-up records of a comparison, in the shapes that `lstmkit compare` writes; for drawing without a model."""

from pathlib import Path
from typing import Any

import fake_records

from lstmkit.evaluate.verdict import RULES, Pair, caveats, judge, summary

CELLS = {"lstm": (0.87, 0.003), "gru": (0.865, 0.003), "rnn": (0.71, 0.001)}
BOUNDS = [(10, 120), (121, 180), (181, 300), (301, 2_470)]


def write_comparison(
    folder: Path,
    *,
    seeds: tuple[int, ...] = (0, 1, 2),
    rates: tuple[float, ...] = (0.0003, 0.001, 0.003, 0.01),
    bounds: list[tuple[int, int]] = BOUNDS,
    title: str = "Large Movie Review Dataset",
    failed: float | None = None,
) -> Path:
    """Write a comparison folder: a run for each cell and seed, the record, configuration and environment."""
    n = 25_000
    models: dict[str, Any] = {}
    for cell, (accuracy, rate) in CELLS.items():
        rate = rate if rate in rates else rates[0]
        runs = []
        for seed in seeds:
            name = f"{cell}/rate-{rate:g}-seed-{seed}"
            place = fake_records.write_run(folder / name, cell=cell, accuracy=accuracy + 0.004 * seed, title=title)
            scores, about = (fake_records.read_json(place / f"{file}.json") for file in ("evaluation", "details"))
            runs.append(
                {"seed": seed, "folder": name, "accuracy": scores["accuracy"], "accuracy_ci95": scores["accuracy_ci95"],
                 "loss": scores["loss"], "macro_f1": scores["macro_f1"], "valid_accuracy": 0.86,
                 "best_epoch": about["best_epoch"], "epochs_run": about["epochs_run"], "seconds": 41.0 * (1 + seed)}
            )  # fmt: skip
        mean = sum(run["accuracy"] for run in runs) / len(runs)
        models[cell] = {
            "hidden_size": 128, "parameters": about["architecture"]["parameters"],
            "engine": {"name": "native" if cell == "lstm" else "torch", "reason": "as it is"}, "learning_rate": rate,
            "search": [_tried(one, rate, failed) for one in rates], "runs": runs, "accuracy_mean": mean,
            "accuracy_seeds_ci95": [mean - 0.01, mean + 0.01] if len(seeds) > 1 else None, "seconds_mean": 82.0,
            "accuracy_by_length": _by_length(mean, bounds, n), "has_learned": True,
        }  # fmt: skip
    baselines = fake_records.read_json(place / "evaluation.json")["baselines"]
    baselines["linear"]["accuracy_by_length"] = _by_length(baselines["linear"]["accuracy"], bounds, n)
    record: dict[str, Any] = {
        "format": 1, "source": "imdb", "title": title, "match": "width", "rates": list(rates), "seeds": list(seeds),
        "split_seed": 0, "n_test": n, "epochs": 10, "models": models, "baselines": baselines,
        "bootstrap": {"n_resamples": 10_000, "seed": 0},
    }  # fmt: skip
    outcomes, pairs = {}, []
    for one, other in [("lstm", "gru"), ("lstm", "rnn"), ("lstm", "linear"), ("gru", "rnn")]:
        means = [models[name]["accuracy_mean"] if name in models else 0.9 for name in (one, other)]
        gap = means[0] - means[1]
        ends = (gap - 0.006, gap + 0.006)
        outcomes[one, other], words = judge(Pair(one, other, gap, ends, ends if len(seeds) > 1 else None))
        pairs.append(
            {"one": one, "other": other, "difference": gap, "examples_ci95": list(ends),
             "seeds_ci95": list(ends) if len(seeds) > 1 else None, "by_seed": [gap] * len(seeds),
             "mcnemar": [{"one_only": 1_200, "other_only": 900, "p": 0.00004}] * len(seeds),
             "outcome": outcomes[one, other], "words": words}
        )  # fmt: skip
    record["pairs"] = pairs
    record["verdict"] = {"summary": summary(outcomes), "caveats": caveats(record), "rules": list(RULES)}
    fake_records.write_json(folder / "compare.json", record)
    for name in ("config.toml", "environment.json"):
        (folder / name).write_bytes((place / name).read_bytes())
    return folder


def _tried(rate: float, best: float, failed: float | None) -> dict[str, Any]:
    if rate == failed:
        return {"rate": rate, "valid_accuracy": None, "valid_loss": None, "best_epoch": None, "epochs_run": None,
                "seconds": None, "failure": "epoch 2: the loss or its gradient is not finite"}  # fmt: skip
    accuracy = 0.86 if rate == best else 0.86 - 0.2 * abs(rate - best) / max(rate, best)
    return {"rate": rate, "valid_accuracy": accuracy, "valid_loss": 0.41, "best_epoch": 8, "epochs_run": 10,
            "seconds": 40.0, "failure": None}  # fmt: skip


def _by_length(accuracy: float, bounds: list[tuple[int, int]], n: int) -> list[dict[str, Any]]:
    found = []
    for place, (first, last) in enumerate(bounds):
        share = accuracy - 0.02 * place
        ends = fake_records.interval(share, n // len(bounds))
        found.append({"from": first, "to": last, "n": n // len(bounds), "accuracy": share, "accuracy_ci95": ends})
    return found
