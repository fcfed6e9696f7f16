"""A forecaster scored again: on its own test part, or on another table of series."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from lstmkit.artifact import ForecastArtifact, find_model, load_forecaster
from lstmkit.config.resolve import load_config, validate
from lstmkit.core.errors import DataError, RequestError
from lstmkit.data.cutting import Cut, CutPanel, check_known, cut_panel
from lstmkit.data.sources.panel import load_panel
from lstmkit.data.sources.panel_columns import PanelColumns
from lstmkit.data.sources.plan import DIALECT_KEYS
from lstmkit.evaluate.forecasting import baseline_quantiles
from lstmkit.experiment.folder import same_data
from lstmkit.experiment.forecast import score_forecast
from lstmkit.experiment.other_source import Request, write_evaluation
from lstmkit.experiment.run_data import agrees
from lstmkit.models.scoring import quantile_forecasts
from lstmkit.report.forecast_records import ForecastEvaluation
from lstmkit.report.records import read_record


def evaluate_forecast(run: Path, request: Request, say: Callable[[str], None]) -> dict[str, Any]:
    """Score a run's forecaster beside the plain rules; of another table every origin is scored.

    Args:
        run: the run folder.
        request: what to score on.
        say: told in a line each what is done.

    Returns:
        A record with the keys of `evaluation.json`; for another source it is written under `evaluations/` too.

    Raises:
        RequestError: an option has no meaning for forecasts, or the run is none.
        DataError: the source cannot be read, has other columns, or a series shorter than the model needs.
    """
    refused = {"--split": request.split, "--earliness": request.earliness}
    columns = ("text_column", "label_column", "series_column", "time_column")
    refused |= {f"--{name.replace('_', '-')}": request.reading.get(name) for name in columns}
    for name, given in refused.items():
        if given:
            raise RequestError(f"{name} has no meaning for {run}, which forecasts series; leave it out")
    if request.threads:
        torch.set_num_threads(request.threads)
    model = find_model(run)
    home = model.parent
    artifact = load_forecaster(model, request.engine)
    config = load_config(home / "config.toml")
    own = cut_panel(load_panel(config.data), config.task, config.data)
    if not same_data(home, own.panel.fingerprint):
        raise DataError(
            f"{home}: the data of {own.panel.name} have changed since this run was trained; put them back, or train "
            "again"
        )
    data = own
    if request.source is not None:
        dialect = {key: getattr(config.data, key) for key in (*DIALECT_KEYS, "on_bad_row")}
        asked = dialect | {"source": request.source} | dict(request.reading)
        data = _whole(artifact, validate({"data": asked}), own)
        for line in data.panel.decisions:
            say(line)
        for rejected in data.panel.rejected:
            say(f"skipped {rejected['file']}:{rejected['line']}: {rejected['reason']}")
    windows = data.windows("test")
    answers = windows.values(quantile_forecasts(artifact.network, windows.part))
    plain = baseline_quantiles(own, data, windows)
    split = "test" if data is own else "all"
    evaluation = score_forecast(data, windows, answers, plain, split, config.seed)
    if data is own:
        before = read_record(ForecastEvaluation, home / "evaluation.json")
        evaluation["agrees"] = agrees("MASE", before.mase, evaluation["mase"], ".3f", say)
        return evaluation
    evaluation["source"] = request.source
    write_evaluation(home, data.panel, split, evaluation, say)
    return evaluation


def _whole(artifact: ForecastArtifact, asked: Any, own: CutPanel) -> CutPanel:
    """Another table as one test part: nothing of it was trained on."""
    encoder, reading = artifact.encoder, artifact.reading
    columns = PanelColumns.of_run(encoder.columns, reading)
    panel = load_panel(asked.data, columns, artifact.interval)
    least_read = max(encoder.least_context, encoder.season)  # the rules beside it read a season too
    needed = least_read + encoder.horizon
    short = f"; a horizon of {encoder.horizon} needs {needed} or more to be scored"
    faults = {one.name: f"has {len(one)} steps{short}" for one in panel.series if len(one) < needed}
    panel = panel.without(faults, asked.data.on_bad_row == "skip")
    longest = max(len(series) for series in panel.series)
    data = replace(own, panel=panel, cut=Cut(encoder.horizon, 0, longest, least_read), decisions=())
    check_known(data, ("test",))
    return data
