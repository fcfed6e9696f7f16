"""The page of a forecaster: whether it beats the plain rules, its fans over the truth, its error by step ahead."""

import html
from pathlib import Path
from typing import Any

from markupsafe import Markup

from lstmkit.core.files import within
from lstmkit.core.names import NAMES
from lstmkit.report import forecast_plots
from lstmkit.report.forecast_records import RULES, ForecastRun, Measures, read_forecast
from lstmkit.report.page import write_page
from lstmkit.report.style import house_style, inline, save


def draw_forecast(folder: Path) -> Path:
    """Draw the plots and the page of a forecaster's run from its records.

    Args:
        folder: a run folder; `plots/` and `report.html` in it are written, or written anew.

    Returns:
        The path of `report.html`.

    Raises:
        ArtifactError: a record is absent or damaged; nothing is written then.
        LstmkitError: a file could not be written.
    """
    run = read_forecast(folder)
    with house_style():
        pictures = {
            name: save(figure, within(folder, "plots"), name)
            for name, figure in forecast_plots.of_forecast(run).items()
        }
    words = _alternatives(run)
    plots = {name: Markup(inline(svg, name, html.escape(words[name]))) for name, svg in pictures.items()}  # noqa: S704
    return write_page(folder, "forecast.html.j2", run=run, plots=plots, rows=_rows(run), fans=list(_fans(run)))


def _rows(run: ForecastRun) -> list[dict[str, Any]]:
    """The lines of the table: the network, then the plain rules."""
    found: list[tuple[str, str, Measures]] = [(NAMES[run.cell], run.cell, run.evaluation)]
    hues = {"naive": "majority", "seasonal_naive": "linear"}
    found += [(RULES[name], hues[name], measures) for name, measures in run.evaluation.baselines.items()]
    return [{"name": name, "colour": hue, "measures": measures} for name, hue, measures in found]


def _fans(run: ForecastRun) -> list[tuple[str, str]]:
    """Name and caption of each fan."""
    rule = RULES[run.evaluation.against].lower()
    caption = (
        f"Thin: what was. Thick and shaded: the median forecast and the range that 80% of values should fall in, from "
        f"origins {run.evaluation.horizon} steps apart. Dotted: the {rule} forecast. Nothing right of the line was "
        "trained on."
    )
    return [(f"forecast_{k}", caption) for k in range(1, len(run.details.shown) + 1)]


def _alternatives(run: ForecastRun) -> dict[str, str]:
    """What each plot shows, for who cannot see it."""
    first, last, evaluation = run.epochs[0], run.epochs[-1], run.evaluation
    found = {
        "loss": f"Loss by epoch: training from {first.train_loss:.3f} to {last.train_loss:.3f}, "
        f"epoch {run.details.best_epoch} kept.",
        "error_by_step": f"MASE by step ahead: from {evaluation.by_step.mase[0]:.3f} at the first to "
        f"{evaluation.by_step.mase[-1]:.3f} at step {evaluation.horizon}.",
    }
    for k, shown in enumerate(run.details.shown, start=1):
        found[f"forecast_{k}"] = f"The end of series {shown.series} with {len(shown.fans)} forecasts over the truth."
    return found
