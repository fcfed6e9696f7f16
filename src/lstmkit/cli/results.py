"""What `train` and `evaluate` end with, for each task."""

from pathlib import Path
from typing import Any

from lstmkit.cli.screen import duration, table
from lstmkit.config.schema import Config
from lstmkit.core.files import read_json
from lstmkit.core.names import FULL_NAMES


def closing_table(folder: Path, config: Config, evaluation: dict[str, Any]) -> list[list[str]]:
    """The network and what stands beside it; the first row is the head.

    Args:
        folder: the run's.
        config: the run's.
        evaluation: the content of `evaluation.json`.
    """
    about = read_json(folder / "details.json")
    model = {
        "parameters": about["architecture"]["parameters"]["total"],
        "seconds": about["seconds"]["train"],
    }
    return _TABLES[config.task.goal](config.model.cell, model, evaluation)


def label_warnings(folder: Path) -> list[str]:
    """What was found of a classifier's labels, a line each: rare ones, ones without examples, ones never found."""
    found = read_json(folder / "details.json").get("warnings", [])
    return [f"warning: {one['line']}" for one in found if one["kind"] in ("imbalance", "few", "unfound")]


def summary_of(evaluation: dict[str, Any]) -> dict[str, Any]:
    """What `evaluate` prints of a record: scores without their details."""
    if evaluation.get("task") == "forecast":
        scores = ("mase", "mase_ci95", "smape", "rmse", "quantile_loss", "coverage", "verdict")
        summary = {name: evaluation[name] for name in ("split", "n", "n_series", "horizon", *scores)}
        return summary | {"baselines": {name: record["mase"] for name, record in evaluation["baselines"].items()}}
    if evaluation.get("task") == "regression":
        scores = ("rmse", "rmse_ci95", "mae", "mae_ci95", "r2", "r2_ci95")
        summary = {name: evaluation[name] for name in ("split", "n", *scores)}
        return summary | {"baselines": {name: record["rmse"] for name, record in evaluation["baselines"].items()}}
    scores = ("accuracy", "accuracy_ci95", "loss", "macro_f1", "n_in_training")
    summary = {name: evaluation[name] for name in ("split", "n", *scores)}
    summary["baselines"] = {name: record["accuracy"] for name, record in evaluation["baselines"].items()}
    if "earliness" in evaluation:
        summary["earliness"] = {name: evaluation["earliness"][name] for name in ("by_share", "decisions")}
    return summary


def _of_classes(cell: str, model: dict[str, Any], evaluation: dict[str, Any]) -> list[list[str]]:
    scored = {name: evaluation[name] for name in ("accuracy", "accuracy_ci95", "macro_f1")}
    return table({cell: model | scored}, evaluation["baselines"])


def _of_forecasts(cell: str, model: dict[str, Any], evaluation: dict[str, Any]) -> list[list[str]]:
    none = "none: one span" if evaluation["n_spans"] <= evaluation["n_series"] else "none"
    rows = [["forecast", "parameters", "MASE", "95% interval", "sMAPE", "RMSE", "quantile loss", "in 10-90%", "time"]]
    rows.append(
        [FULL_NAMES[cell], f"{model['parameters']:,}", *_measures(evaluation, none), duration(model["seconds"])]
    )
    for name, measures in evaluation["baselines"].items():
        rows.append([name.replace("_", "-"), "0", *_measures(measures, none), ""])
    return rows


def _of_numbers(cell: str, model: dict[str, Any], evaluation: dict[str, Any]) -> list[list[str]]:
    rows = [["model", "parameters", "test RMSE", "95% interval", "MAE", "R2", "time"]]
    rows.append([FULL_NAMES[cell], f"{model['parameters']:,}", *_numbers(evaluation), duration(model["seconds"])])
    ridge, mean = evaluation["baselines"]["ridge"], evaluation["baselines"]["mean"]
    rows.append([ridge["name"], f"{ridge['n_features']:,} features", *_numbers(ridge), duration(ridge["seconds"])])
    rows.append(["mean of training", "0", *_numbers(mean), ""])
    return rows


def _numbers(record: dict[str, Any]) -> list[str]:
    interval = record["rmse_ci95"]
    r2 = "-" if record["r2"] is None else f"{record['r2']:.3f}"
    return [
        f"{record['rmse']:.4g}",
        "{:.4g} to {:.4g}".format(*interval) if interval else "none",
        f"{record['mae']:.4g}",
        r2,
    ]


def _measures(record: dict[str, Any], none: str) -> list[str]:
    interval = record["mase_ci95"]
    return [
        f"{record['mase']:.3f}",
        "{:.3f} to {:.3f}".format(*interval) if interval else none,
        f"{record['smape']:.2f}%",
        f"{record['rmse']:.4g}",
        f"{record['quantile_loss']:.4g}",
        f"{record['coverage']:.1%}",
    ]


_TABLES = {"classify": _of_classes, "forecast": _of_forecasts, "regression": _of_numbers}
