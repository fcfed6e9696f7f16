"""What a run may learn to tell, an object each: how the data are prepared, told of, learned from and scored."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from lstmkit.config.schema import Config
from lstmkit.data.numbers import Numbered
from lstmkit.data.sources import Progress
from lstmkit.data.sources.corpus import Kind
from lstmkit.experiment.forecast import prepare_forecast, run_forecast, told_of_forecast
from lstmkit.experiment.forecast_scoring import evaluate_forecast
from lstmkit.experiment.other_source import Request
from lstmkit.experiment.prepare import Prepared, prepare
from lstmkit.experiment.regression import (
    evaluate_regression,
    prepare_regression,
    run_regression,
    told_of_regression,
)
from lstmkit.experiment.scoring import evaluate_run
from lstmkit.experiment.single import baselines_of, run_one
from lstmkit.experiment.training import Listener

T = TypeVar("T")


@dataclass(frozen=True)
class Task(Generic[T]):
    """What a run learns, from its source to its records.

    Attributes:
        prepare: loads and cuts the source; told how much has been fetched.
        told: lines on the data, for people.
        kind_of: what the source holds.
        run: trains and scores in an opened folder; gives the content of `evaluation.json`.
        evaluate: scores a run again; told in lines what is done.
    """

    prepare: Callable[[Config, Progress | None], T]
    told: Callable[[T], Iterable[str]]
    kind_of: Callable[[T], Kind]
    run: Callable[[Path, T, Config, Listener], dict[str, Any]]
    evaluate: Callable[[Path, Request, Callable[[str], None]], dict[str, Any]]


def _told(prepared: Prepared) -> Iterable[str]:
    yield from prepared.decisions
    if n_rejected := len(prepared.corpus.rejected):
        yield f"skipped {n_rejected:,} rows that cannot be used; rejected.jsonl in the run folder lists them"
    sizes = ", ".join(f"{split['n']:,} {name}" for name, split in prepared.splits().items())
    yield f"{prepared.corpus.name}: {sizes}; {len(prepared.encoded.labels)} classes"
    for warning in prepared.warnings:
        yield f"warning: {warning['line']}"


def _kind(prepared: Prepared | Numbered) -> Kind:
    return prepared.corpus.kind


def _run(folder: Path, prepared: Prepared, config: Config, listener: Listener) -> dict[str, Any]:
    return run_one(folder, prepared, config, lambda: baselines_of(prepared, config.train.refit, listener), listener)


CLASSIFY: Task[Prepared] = Task(prepare, _told, _kind, _run, evaluate_run)
TASKS: dict[str, Task[Any]] = {
    "classify": CLASSIFY,
    "forecast": Task(prepare_forecast, told_of_forecast, lambda data: "series", run_forecast, evaluate_forecast),
    "regression": Task(prepare_regression, told_of_regression, _kind, run_regression, evaluate_regression),
}
"""By `task.goal`."""
