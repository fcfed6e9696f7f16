"""A forecaster: cut by time, train, keep the best epoch on validation, score the test part once, origin by origin."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from lstmkit.artifact import save_artifact
from lstmkit.config.schema import Config
from lstmkit.core.files import write_jsonl
from lstmkit.data.cutting import CutPanel, check_known, cut_panel
from lstmkit.data.sources.panel import load_panel
from lstmkit.data.sources.plan import dialect_of
from lstmkit.data.windows import Windows
from lstmkit.evaluate.forecasting import baseline_quantiles, scoring_of, verdict
from lstmkit.experiment.frame import Learned, details_of_training, run_in
from lstmkit.experiment.training import Lesson, Listener, train_and_refit
from lstmkit.models.build import architecture_of
from lstmkit.models.quantiles import QUANTILES, n_outputs
from lstmkit.models.scoring import quantile_forecasts
from lstmkit.report import draw_forecast
from lstmkit.train.objectives import QuantileForecast

_SHOWN_SERIES = 6  # on the page
_SHOWN_STEPS = 6  # horizons of history before the test part on the page


def prepare_forecast(config: Config, progress: object = None) -> CutPanel:
    """Load and cut `config.data.source`.

    Args:
        config: the whole configuration.
        progress: nothing is fetched.

    Raises:
        DataError: the source cannot be used; the message names file and line, or the series.
        RequestError: the task's keys do not fit it.
    """
    del progress
    data = cut_panel(load_panel(config.data), config.task, config.data)
    check_known(data, ("train", "valid", "test"))
    return data


def told_of_forecast(data: CutPanel) -> Iterator[str]:
    """What was decided and left out, and how much is learned from."""
    yield from (*data.panel.decisions, *data.decisions)
    if data.panel.rejected:
        yield f"skipped {len(data.panel.rejected):,} that cannot be used; rejected.jsonl in the run folder lists them"
    n = len(data.panel.series)
    counts = ", ".join(f"{data.n_windows(part):,} {part}" for part in ("train", "valid", "test"))
    yield f"{data.panel.name}: {n:,} series; windows: {counts}; {data.cut.horizon} steps ahead"


def run_forecast(folder: Path, data: CutPanel, config: Config, listener: Listener) -> dict[str, Any]:
    """Train and score one forecaster in an opened run folder; a run that was cut short goes on, a finished one is read.

    Args:
        folder: opened by `opened_folder`.
        data: the panel, cut.
        config: the whole configuration.
        listener: shown how it goes.

    Returns:
        The content of `evaluation.json`.
    """

    def learn(device: torch.device) -> Learned:
        both = _lesson(data, data.windows("refit"), None) if config.train.refit else None
        lesson = _lesson(data, data.windows("train"), data.windows("valid"))
        network, result = train_and_refit(folder, lesson, both, config, device, listener)
        longest = network.recurrence.chrono_length
        architecture = architecture_of(config, data.encoder.shape, n_outputs(data.cut.horizon), longest)
        task = {"kind": "forecast", "reading": dict(data.panel.reading)}
        interval, dialect = data.panel.interval, dialect_of(config.data)
        save_artifact(folder / "model", network, architecture, data.encoder, [], task, interval, dialect=dialect)
        scoring = datetime.now(UTC)
        test = data.windows("test")
        answers = test.values(quantile_forecasts(network, test.part))  # the test part is scored here, once
        training = details_of_training(config, result, len(lesson.train), scoring)
        plain = baseline_quantiles(data, data, test)
        write_jsonl(folder / "predictions.jsonl", prediction_rows(data, test, answers))
        evaluation = score_forecast(data, test, answers, plain, "test", config.seed)
        about = {
            "format": 1,
            "source": data.panel.name,
            "kind": "panel",
            "decisions": [*data.panel.decisions, *data.decisions],
            "columns": list(data.panel.columns),
            "features": data.encoder.features,
            "windows": {part: data.n_windows(part) for part in ("train", "valid", "test")},
            "steps": {"valid": data.cut.n_valid, "test": data.cut.n_test},
            "context": data.encoder.context,
            "base": data.encoder.base,
            "architecture": {**architecture, "parameters": network.n_parameters()},
            "shown": list(_shown(data, test, answers, plain)),
        }
        return Learned(network, evaluation, about | training)

    return run_in(folder, data.panel, config, listener, learn, draw_forecast)


def score_forecast(
    data: CutPanel,
    windows: Windows,
    answers: Float[np.ndarray, "windows horizon quantiles"],
    plain: dict[str, Float[np.ndarray, "windows horizon quantiles"]],
    split: str,
    seed: int,
) -> dict[str, Any]:
    """The record of forecasts scored beside plain rules.

    Args:
        data: what the windows were cut from.
        windows: the windows that were answered.
        answers: the network's.
        plain: the baselines'.
        split: what the windows are called.
        seed: decides the bootstrap's draws.
    """
    scoring = scoring_of(data, windows)
    against = "seasonal_naive" if "seasonal_naive" in plain else "naive"
    difference, interval = scoring.mase_difference(answers, plain[against], seed)
    record = {
        "task": "forecast",
        "split": split,
        "n": len(windows),
        "n_series": len(data.panel.series),
        "n_spans": scoring.n_spans,
        "horizon": data.cut.horizon,
        "season": data.encoder.season,
        **scoring.measures(answers, seed),
        "baselines": {name: scoring.measures(forecast, seed) for name, forecast in plain.items()},
        "against": against,
        "mase_difference": difference,
        "mase_difference_ci95": interval,
    }
    return record | {"verdict": verdict(record)}


def prediction_rows(
    data: CutPanel, windows: Windows, answers: Float[np.ndarray, "windows horizon quantiles"]
) -> Iterator[dict[str, Any]]:
    """One object for each origin: the series, its last time read, the values that came, and the forecast."""
    for k in range(len(windows)):
        series, origin = data.panel.series[windows.series[k]], int(windows.origins[k])
        yield {
            "id": f"{series.name}@{series.times[origin]}",
            "series": series.name,
            "origin": _plain_time(series.times[origin]),
            "truth": [None if np.isnan(value) else float(value) for value in windows.truth[k]],
            "quantiles": {f"{level:g}": answers[k, :, j].tolist() for j, level in enumerate(QUANTILES)},
        }


def _lesson(data: CutPanel, train: Windows, valid: Windows | None) -> Lesson:
    return Lesson(
        train.part,
        valid.part if valid else None,
        data.encoder.shape,
        n_outputs(data.cut.horizon),
        QuantileForecast(),
    )


def _shown(
    data: CutPanel, test: Windows, answers: np.ndarray, plain: dict[str, np.ndarray]
) -> Iterator[dict[str, Any]]:
    """Of the first series, evenly spaced: history, truth, and the forecasts from the first origin and from the last."""
    horizon = data.cut.horizon
    rule = plain.get("seasonal_naive", plain["naive"])
    numbers = np.unique(np.linspace(0, len(data.panel.series) - 1, _SHOWN_SERIES).round().astype(int))
    for number in numbers.tolist():
        series = data.panel.series[number]
        own = np.flatnonzero(test.series == number)
        if not len(own):
            continue
        begin = max(0, len(series) - data.cut.n_test - _SHOWN_STEPS * horizon)
        yield {
            "series": series.name,
            "begin": begin,
            "times": [str(time) for time in series.times[begin:]],
            "values": [None if np.isnan(value) else float(value) for value in series.values[begin:, 0]],
            "test": len(series) - data.cut.n_test,
            "fans": [
                {
                    "origin": int(test.origins[k]),
                    "quantiles": answers[k].T.tolist(),
                    "rule": rule[k, :, QUANTILES.index(0.5)].tolist(),
                }
                for k in own[:: max(1, horizon)].tolist()
            ],
        }


def _plain_time(time: Any) -> Any:
    return time if isinstance(time, str | int | float) else str(time)
