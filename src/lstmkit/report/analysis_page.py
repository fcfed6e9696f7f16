"""The page of an analysis, from `analysis.json` alone: how far gradients reach, and what the gates do."""

import html
from pathlib import Path
from typing import Any

from markupsafe import Markup

from lstmkit.core.files import within
from lstmkit.core.names import NAMES
from lstmkit.report import analysis_plots
from lstmkit.report.analysis_records import STAGES, Analysis, Curve, Unit, place, read_analysis
from lstmkit.report.page import write_page
from lstmkit.report.style import house_style, inline, save

QUANTITIES = {
    "loss_by_hidden": "dLoss/dh",
    "loss_by_cell": "dLoss/dc",
    "last_by_hidden": "dh_last/dh",
    "cell_by_cell": "dc_last/dc, all paths",
    "cell_by_cell_alone": "dc_last/dc, cell alone",
}
_TITLES = {
    "gradient_flow": "Gradient norm of the loss by distance from the end",
    "state_flow": "Norm of the Jacobian of the last state by distance from the end",
    "cell_path": "Norm of the Jacobian of the last cell state by distance from the end",
}


def draw_analysis(folder: Path) -> Path:
    """Draw the plots and the page of an analysis.

    Args:
        folder: a run or lab folder that holds `analysis.json`; `analysis.html` and `plots/` in it are written, or
            written anew.

    Returns:
        The path of `analysis.html`.

    Raises:
        ArtifactError: the record is absent or damaged; nothing is written then.
        LstmkitError: a file could not be written.
    """
    analysis = read_analysis(folder)
    with house_style():
        pictures = {
            name: save(figure, within(folder, "plots"), name)
            for name, figure in analysis_plots.of_analysis(analysis).items()
        }
    alts = alternatives(analysis)
    plots = {name: Markup(inline(svg, name, html.escape(alts[name]))) for name, svg in pictures.items()}  # noqa: S704
    return write_page(
        folder,
        "analysis.html.j2",
        "analysis.html",
        analysis=analysis,
        plots=plots,
        names=NAMES,
        rows=rows(analysis),
        stages=STAGES,
        place=place,
        steps=steps,
        r2=r2,
        gate_rows=gate_rows(analysis),
        unit_rows=unit_rows(analysis),
        deviation=max(one.cell_deviation or 0.0 for *_, one in _directions(analysis)),
        difference=max(net.engine_difference for model in analysis.models.values() for net in model.networks.values()),
        pools=any(model.pooling != "last" for model in analysis.models.values()),
    )


def rows(analysis: Analysis) -> list[dict[str, Any]]:
    """The lines of the table of half-lives and shares: one for each network, layer, direction and quantity."""
    return [
        {
            "cell": cell,
            "where": ", ".join(filter(None, (NAMES[cell], where))),
            "name": ", ".join(filter(None, (NAMES[cell], where, STAGES[stage]))),
            "stage": stage,
            "headline": quantity == analysis.models[cell].headline,
            "quantity": words,
            "curve": curve,
        }
        for cell, stage, where, one in _directions(analysis)
        for quantity, words in QUANTITIES.items()
        if (curve := getattr(one.flow, quantity)) is not None
    ]


def gate_rows(analysis: Analysis) -> list[dict[str, Any]]:
    """The lines of the table of gates: quartiles of the time constants, and the mean shares over units."""
    found = []
    for cell, stage, where, one in _directions(analysis):
        if one.gates is None:
            continue
        constants = sorted(float("inf") if value is None else value for value in one.gates.time_constants)
        found.append(
            {
                "cell": cell,
                "name": ", ".join(filter(None, (NAMES[cell], where, STAGES[stage]))),
                "constants": [constants[k * (len(constants) - 1) // 4] for k in (1, 2, 3)],
                "longest": constants[-1],
                "gates": {
                    name: (sum(own.low) / len(own.low), sum(own.high) / len(own.high))
                    for name, own in one.gates.saturation.items()
                },
            }
        )
    return found


def unit_rows(analysis: Analysis) -> list[tuple[str, list[Unit]]]:
    """Title and units of each table of extreme units."""
    found = []
    for cell, _, where, one in _directions(analysis):
        if one.gates and one.gates.units:
            ending = f": {NAMES[cell]}{', ' + where if where else ''}, trained"
            found.append((f"Most retentive units{ending}", one.gates.units.retentive))
            found.append((f"Most forgetful units{ending}", one.gates.units.forgetful))
    return found


def steps(value: float | None) -> str:
    """A number of steps as one reads it; `∞` for what has no end, and `none` for what is not there."""
    if value is None:
        return "none"
    if value == float("inf"):
        return "∞"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def r2(curve: Curve) -> str:
    """How much of the median's fall the line explains that the half-life was read from; `-` where there is none."""
    return "-" if curve.half_life is None or curve.fit_r2 is None else f"{curve.fit_r2:.2f}"


def alternatives(analysis: Analysis) -> dict[str, str]:
    """What each plot shows, for who cannot see it."""
    told: dict[str, list[str]] = {"gradient_flow": [], "state_flow": [], "cell_path": []}
    of_plot = {
        "gradient_flow": ("loss_by_hidden", "loss_by_cell"),
        "state_flow": ("last_by_hidden",),
        "cell_path": ("cell_by_cell", "cell_by_cell_alone"),
    }
    for row in rows(analysis):
        for plot, quantities in of_plot.items():
            if row["quantity"] in [QUANTITIES[name] for name in quantities]:
                told[plot].append(f"{row['name']}, {row['quantity']}: {_ends(row['curve'])}")
    words = {plot: f"{_TITLES[plot]}. {'; '.join(parts)}." for plot, parts in told.items()}
    constants = [
        f"{row['name']}: median {steps(row['constants'][1])} steps, longest {steps(row['longest'])}"
        for row in gate_rows(analysis)
    ]
    shares = [
        f"{row['name']}: "
        + ", ".join(f"{gate} shut {low:.0%} and open {high:.0%} of the steps" for gate, (low, high) in own.items())
        for row in gate_rows(analysis)
        for own in (row["gates"],)
    ]
    return words | {
        "time_constants": f"Time constants of the units. {'; '.join(constants)}.",
        "saturation": f"How often each unit's gates are shut and open; means over units. {'; '.join(shares)}.",
    }


def _ends(curve: Curve) -> str:
    """A curve's two ends and half-life in words."""
    if curve.reach < 2:
        return "one distance only"
    fading = f"half-life {steps(curve.half_life)} steps" if curve.half_life is not None else "it does not fade"
    return (
        f"from {curve.norm.median[0]:.1e} to {curve.norm.median[curve.reach - 1]:.1e} over {curve.reach - 1:,} steps, "
        + fading
    )


def _directions(analysis: Analysis) -> list[tuple[Any, Any, str, Any]]:
    """Cell, stage, place and record of each direction of each layer."""
    return [
        (cell, stage, place(model, layer, k), one)
        for cell, model in analysis.models.items()
        for stage in STAGES
        for layer, directions in enumerate(model.networks[stage].layers)
        for k, one in enumerate(directions)
    ]
