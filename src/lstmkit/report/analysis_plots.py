"""The plots of an analysis: gradient flow and gates, from records. A page that shows a lab can use each of them too."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from lstmkit.config.schema import Cell
from lstmkit.core.names import NAMES
from lstmkit.report.analysis_records import STAGES, Analysis, Curve, Direction, Model, Stage, place
from lstmkit.report.style import colour

_PANEL_IN, _HEIGHT_IN = 2.95, 2.5
_LEFT_IN, _RIGHT_IN, _TOP_IN, _BOTTOM_IN = 0.72, 0.98, 0.42, 0.55
_DECADES = 18  # of a gradient, below the largest one drawn
_GATES = {"i": "input gate", "f": "forget gate", "o": "output gate", "r": "reset gate", "z": "update gate"}
_DASHED = (0, (4, 2))


class Line(NamedTuple):
    """One curve of a panel."""

    name: str
    hue: str
    dash: Any
    curve: Curve


def gradient_flow(analysis: Analysis) -> Figure:
    """Norms of dLoss/dh_t and, of an LSTM, dLoss/dc_t by distance from the end; at initialisation and trained."""

    def lines(cell: Cell, one: Direction) -> list[Line]:
        found = [Line(f"{NAMES[cell]} h", colour(cell), "solid", one.flow.loss_by_hidden)]
        if one.flow.loss_by_cell:
            found.append(Line(f"{NAMES[cell]} c", colour(cell), _DASHED, one.flow.loss_by_cell))
        return found

    return _by_distance(analysis, lines, "gradient norm", list(analysis.models))


def state_flow(analysis: Analysis) -> Figure:
    """Norms of the Jacobian of the last hidden state by the hidden state, by lag; each direction by itself."""

    def lines(cell: Cell, one: Direction) -> list[Line]:
        return [Line(NAMES[cell], colour(cell), "solid", one.flow.last_by_hidden)]

    return _by_distance(analysis, lines, "norm of the Jacobian", list(analysis.models))


def cell_path(analysis: Analysis) -> Figure | None:
    """The LSTM's last cell state by its cell state: all paths, the cell alone, theory. None where there is no cell."""

    def lines(cell: Cell, one: Direction) -> list[Line]:
        flow = one.flow
        named = (
            ("all paths", colour("lstm"), "solid", flow.cell_by_cell),
            ("cell alone", colour("linear"), "solid", flow.cell_by_cell_alone),
            ("product of f", colour("ink"), "dotted", flow.forget_product),
        )
        return [Line(name, hue, dash, curve) for name, hue, dash, curve in named if curve]

    cells: list[Cell] = [
        cell for cell, model in analysis.models.items() if model.networks["trained"].layers[0][0].flow.cell_by_cell
    ]
    return _by_distance(analysis, lines, "norm of the Jacobian", cells) if cells else None


def time_constants(analysis: Analysis) -> Figure | None:
    """The share of units whose time constant is at most so long. None where no model has gates."""
    if not analysis.gated:
        return None
    cell, model = next(iter(analysis.gated.items()))
    places = _places(model)
    figure, grid = _grid(1, len(places), height=2.4)
    values = [
        constant
        for network in model.networks.values()
        for own in network.layers
        for one in own
        if one.gates
        for constant in one.gates.time_constants
        if constant
    ]
    low, high = (min(values), max(values)) if values else (1.0, 10.0)
    low, high = low / 3, max(high, low * 10) * 1.4
    for axes, (layer, direction) in zip(grid[0], places, strict=True):
        ends = []
        for stage, hue, dash in zip(STAGES, (colour("muted"), colour(cell)), (_DASHED, "solid"), strict=True):
            gates = model.networks[stage].layers[layer][direction].gates
            if gates is None:
                continue
            own = sorted(math.inf if constant is None else constant for constant in gates.time_constants)
            finite = [min(max(constant, low), high) for constant in own if constant < math.inf]
            heights = [100 * k / len(own) for k in range(len(finite) + 1)]
            axes.step([low, *finite, high], [*heights, heights[-1]], where="post", color=hue, linestyle=dash,
                      linewidth=1.8)  # fmt: skip
            ends.append((STAGES[stage], hue, own[len(own) // 2]))
        # The curve at the left has its name at its left, the other at its right.
        for (words, hue, middle), (height, away, side) in zip(
            sorted(ends, key=lambda end: end[2]), ((72, -10, "right"), (28, 10, "left")), strict=True
        ):
            axes.annotate(words, (min(max(middle, low), high), height), xytext=(away, 0), textcoords="offset points",
                          fontsize=8, color=hue, va="center", ha=side)  # fmt: skip
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xlim(low, high)
        axes.set_ylim(0, 102)
        _panel_title(axes, f"{NAMES[cell]} units by time constant", place(model, layer, direction))
        axes.set_xlabel("time constant (steps)")
    grid[0][0].set_ylabel("units up to it (%)")
    return figure


def saturation(analysis: Analysis) -> Figure | None:
    """A point per unit and gate: how often shut, how often open (Karpathy et al. 2015). None without gates."""
    if not analysis.gated:
        return None
    cell, model = next(iter(analysis.gated.items()))
    places = _places(model)
    first = model.networks["trained"].layers[0][0].gates
    names = [name for name in ("f", "i", "o", "z", "r") if first and name in first.saturation]
    figure, grid = _grid(len(places), len(names), height=1.95, width=1.95, between=0.5, right=1.25)
    rules = analysis.rules
    styles: tuple[dict[str, Any], ...] = (
        {"markerfacecolor": "none", "markeredgecolor": colour("muted"), "markersize": 4.5},
        {"markerfacecolor": colour(cell), "markeredgecolor": "none", "markersize": 4, "alpha": 0.65},
    )
    for row, (layer, direction) in zip(grid, places, strict=True):
        for axes, name in zip(row, names, strict=True):
            axes.plot([0, 100], [100, 0], color=colour("line"), linewidth=1, zorder=0)
            for stage, style in zip(STAGES, styles, strict=True):
                gates = model.networks[stage].layers[layer][direction].gates
                if gates:
                    own = gates.saturation[name]
                    axes.plot([100 * share for share in own.low], [100 * share for share in own.high], linestyle="none",
                              marker="o", clip_on=False, **style)  # fmt: skip
            axes.set_xlim(-2, 102)
            axes.set_ylim(-2, 102)
            axes.set_xticks([0, 50, 100])
            axes.set_yticks([0, 50, 100])
            axes.set_xlabel(f"below {rules.shut_below:g} (% of steps)")
            _panel_title(axes, _GATES[name].capitalize(), place(model, layer, direction))
        row[0].set_ylabel(f"above {rules.open_above:g} (% of steps)")
    figure.axes[len(names) - 1].annotate("○ at initialisation\n● trained", (1, 1), xytext=(10, 0), fontsize=8,
                                         xycoords="axes fraction", textcoords="offset points", va="top",
                                         color=colour("muted"))  # fmt: skip
    return figure


def of_analysis(analysis: Analysis) -> dict[str, Figure]:
    """The plots of an analysis's page, by file name."""
    flow = {"gradient_flow": gradient_flow, "state_flow": state_flow, "cell_path": cell_path}
    gates = {"time_constants": time_constants, "saturation": saturation}
    drawn = {name: draw(analysis) for name, draw in ({**flow, **gates} if analysis.has_distance else gates).items()}
    return {name: figure for name, figure in drawn.items() if figure is not None}


def _by_distance(
    analysis: Analysis, lines_of: Callable[[Cell, Direction], list[Line]], y_label: str, cells: Sequence[Cell]
) -> Figure:
    """A row of panels for each layer and direction, top layer first; at initialisation left, trained right."""
    subject = analysis.models[cells[0]]
    places = _places(subject)
    stages: tuple[Stage, ...] = ("initial", "trained")
    figure, grid = _grid(len(places), len(stages))
    drawn = [
        [
            [
                line
                for cell in cells
                for line in lines_of(cell, analysis.models[cell].networks[stage].layers[layer][direction])
            ]
            for stage in stages
        ]
        for layer, direction in places
    ]
    every = [line.curve for row in drawn for panel in row for line in panel]
    low, high = _height(every)
    longest = max(max(curve.reach for curve in every) - 1, 1)
    for row, axes_row, (layer, direction) in zip(drawn, grid, places, strict=True):
        for panel, axes, stage in zip(row, axes_row, stages, strict=True):
            _panel_title(axes, STAGES[stage].capitalize(), place(subject, layer, direction))
            axes.set_yscale("log")
            axes.set_xlim(0, longest)
            axes.set_ylim(low, high)
            axes.yaxis.set_major_locator(LogLocator(numticks=7))
            axes.yaxis.set_minor_locator(NullLocator())
            axes.yaxis.set_major_formatter(FuncFormatter(_power if stage == stages[0] else _nothing))
            axes.set_xlabel("steps from the end")
            for line in panel:
                _draw(axes, line, low)
            _name(axes, panel)
        axes_row[0].set_ylabel(y_label)
    return figure


def _draw(axes: Axes, line: Line, low: float) -> None:
    reach = line.curve.reach
    lags = list(range(reach))
    lower, median, upper = (
        [max(value, low / 1e3) for value in values[:reach]]
        for values in (line.curve.norm.lower, line.curve.norm.median, line.curve.norm.upper)
    )
    axes.fill_between(lags, lower, upper, color=line.hue, alpha=0.14, linewidth=0)
    axes.plot(lags, median, color=line.hue, linestyle=line.dash, linewidth=1.8, marker="." if reach <= 2 else "")


def _name(axes: Axes, panel: Sequence[Line]) -> None:
    """Write each curve's name beside its end, or where it leaves the panel at the bottom; apart from one another."""
    low, high = axes.get_ylim()
    span = math.log(high / low)
    longest = axes.get_xlim()[1]
    right: list[tuple[float, Line]] = []
    left: list[int] = []
    for line in panel:
        median = line.curve.norm.median[: line.curve.reach]
        inside = [k for k, value in enumerate(median) if value >= low]
        if not inside:
            continue
        if len(inside) == len(median) or inside[-1] > 0.8 * longest:
            right.append((math.log(median[inside[-1]] / low) / span, line))
            continue
        near = sum(abs(other - inside[-1]) < 0.3 * longest for other in left)
        left.append(inside[-1])
        axes.annotate(line.name, (inside[-1], low), xytext=(5, 5 + 11 * near), textcoords="offset points",
                      fontsize=8, color=line.hue)  # fmt: skip
    floor = -0.02
    for share, line in sorted(right, key=lambda item: item[0]):
        floor = max(share, floor)
        axes.annotate(line.name, (1, floor), xytext=(5, 0), xycoords="axes fraction", textcoords="offset points",
                      fontsize=8, color=line.hue, va="center", annotation_clip=False)  # fmt: skip
        floor += 0.075


def _height(curves: Sequence[Curve]) -> tuple[float, float]:
    """The axis: all medians and quartiles drawn, but no more than 18 decades below the highest."""
    upper = [value for curve in curves for value in curve.norm.upper[: curve.reach] if value > 0]
    lower = [value for curve in curves for value in curve.norm.lower[: curve.reach] if value > 0]
    high = max(upper, default=1.0) * 2
    low = max(min(lower, default=0.1), high / 10**_DECADES)
    return min(low, high / 100) / 2, high


def _places(model: Model) -> list[tuple[int, int]]:
    """Layer and direction of each, the top layer first."""
    return [(layer, k) for layer in reversed(range(model.num_layers)) for k in range(2 if model.bidirectional else 1)]


def _grid(
    n_rows: int,
    n_columns: int,
    height: float = _HEIGHT_IN,
    width: float = _PANEL_IN,
    between: float = _RIGHT_IN,
    right: float = _RIGHT_IN,
) -> tuple[Figure, list[list[Axes]]]:
    """Panels of one size; margins in inches, so that text keeps its room."""
    row_in = _TOP_IN + height + _BOTTOM_IN
    whole = (_LEFT_IN + n_columns * width + (n_columns - 1) * between + right, n_rows * row_in)
    figure = Figure(figsize=whole)
    grid = [
        [
            figure.add_axes(
                (
                    (_LEFT_IN + column * (width + between)) / whole[0],
                    ((n_rows - 1 - row) * row_in + _BOTTOM_IN) / whole[1],
                    width / whole[0],
                    height / whole[1],
                )
            )
            for column in range(n_columns)
        ]
        for row in range(n_rows)
    ]
    for axes in figure.axes:
        axes.grid(axis="y")
        axes.tick_params(length=0)
    return figure, grid


def _power(value: float, _: int) -> str:
    """A power of ten as one writes it: 1, 10⁻³."""
    exponent = round(math.log10(value))
    return "1" if exponent == 0 else "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _nothing(value: float, _: int) -> str:
    """No number: the panel at the left has it."""
    return ""


def _panel_title(axes: Axes, title: str, where: str) -> None:
    axes.set_title(f"{title} · {where}" if where else title)
