"""`lstmkit predict` of a forecaster's run: what follows each series of a table."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lstmkit.cli import terminal

QUANTILE_NAMES = ("q10", "q50", "q90")


def predict_forecast(
    run: Path,
    input: str,  # noqa: A002
    target: Path | None,
    skip: bool,
    threads: int | None,
    engine: str | None,
    quote_formulas: bool,
    refused: Mapping[str, Any],
    asked: Mapping[str, Any],
) -> None:
    """Read series from a table and write a row for each step that follows each of them, quantiles with it.

    Args:
        run: the run folder.
        input: the table.
        target: the file to write; None: JSONL to stdout.
        skip: leave out series that cannot be used.
        threads, engine, quote_formulas: the options.
        refused: options that are for other models, with what was given.
        asked: dialect keys of the configuration's section `data` that options give.

    Raises:
        RequestError: an option is refused, or the series come through a pipe.
        DataError: the table cannot be used.
    """
    from lstmkit.config.resolve import validate
    from lstmkit.core.errors import RequestError
    from lstmkit.core.tables import jsonl_lines, write_table

    for name, given in refused.items():
        if given:
            raise RequestError(f"{name} has no meaning for {run}, which forecasts the series of a table; leave it out")
    if input == "-":
        raise RequestError(f"{run} forecasts series, which cannot come through a pipe; give a table by --input FILE")

    from lstmkit.api.forecaster import forecast_after, forecast_fault, last_read
    from lstmkit.artifact import find_model, load_forecaster
    from lstmkit.cli.series_input import data_of
    from lstmkit.data.sources.panel import load_panel
    from lstmkit.data.sources.panel_columns import PanelColumns
    from lstmkit.data.sources.plan import dialect_of

    if threads:
        import torch

        torch.set_num_threads(threads)
    model = load_forecaster(find_model(run), engine or "auto")
    encoder, reading = model.encoder, model.reading
    own = data_of(run, Path(input), None, asked)
    about_file = {"source": input, "on_bad_row": "skip" if skip else "fail"}
    data = validate({"data": dialect_of(own) | about_file}).data
    columns = PanelColumns.of_run(encoder.columns, reading)
    panel = load_panel(data, columns, model.interval)
    for line in panel.decisions:
        terminal.note(line)
    panel = panel.without({series.name: forecast_fault(encoder, series.values) for series in panel.series}, skip)
    for rejected in panel.rejected:
        terminal.skipped(rejected["file"], rejected["line"], rejected["reason"])
    answers = forecast_after(model.network, encoder, [series.values for series in panel.series])
    origins = [last_read(encoder, series.values) for series in panel.series]
    times, blank = _times_after(panel, origins, encoder.horizon)
    if blank:
        terminal.note(blank)
    rows = _rows(panel.series, times, answers)
    if target is None:
        for line in jsonl_lines(rows):
            terminal.data_line(line)
        terminal.flush()
        return
    columns = {"series": "string", "step": "int64", "time": "string", **dict.fromkeys(QUANTILE_NAMES, "double")}
    terminal.formulas(write_table(target, rows, columns, quotes_formulas=quote_formulas))
    terminal.note(f"predictions: {target}")


def _times_after(panel: Any, origins: list[int], horizon: int) -> tuple[list[list[Any]], str]:
    """The times of each series' forecast, None where they cannot be told, and a line that says so where it is so.

    Rows of covariates known ahead have their times; others go on as those before them.
    """
    from lstmkit.data.sources.calendar import calendar_of

    found, faults = [], {}
    for one, origin in zip(panel.series, origins, strict=True):
        ahead = list(one.times[origin + 1 : origin + 1 + horizon])
        if len(ahead) < horizon:
            times, fault = calendar_of(one.times[: origin + 1], panel.form).following(horizon)
            if times is None:
                faults[one.name] = fault
            ahead = times or [None] * horizon
        found.append(ahead)
    if not faults:
        return found, ""
    name, fault = next(iter(faults.items()))
    return found, f"time: blank for {len(faults):,} of {len(panel.series):,} series, such as {name!r}: {fault}"


def _rows(series: Any, times: list[list[Any]], answers: Any) -> Iterator[dict[str, Any]]:
    for one, after, forecast in zip(series, times, answers, strict=True):
        for step, (time, row) in enumerate(zip(after, forecast.tolist(), strict=True), start=1):
            shown = time if time is None or isinstance(time, str | int | float) else str(time)
            yield {"series": one.name, "step": step, "time": shown, **dict(zip(QUANTILE_NAMES, row, strict=True))}
