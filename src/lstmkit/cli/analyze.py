"""`lstmkit analyze RUN`: gradients and gates of a trained run."""

from typing import Annotated, Any

import typer

from lstmkit.cli import options as o


def analyze(
    run: o.Run,
    examples: Annotated[int, typer.Option(min=1, help="Test examples analysed, drawn by seed.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Draws the examples, and projections of Jacobians.")] = 0,
    threads: o.Threads = None,
) -> None:
    """Measure how far gradients reach back and what the gates do: trained and at initialisation, LSTM and RNN twin.

    Writes analysis.json, analysis.html and plots into the run or lab folder.

    Example: lstmkit analyze runs/first
    """
    from lstmkit.cli.screen import Screen
    from lstmkit.experiment.analysis import AnalysisRequest, analyze_run

    screen = Screen()
    try:
        analysis = analyze_run(run, AnalysisRequest(examples, seed, threads or 0), screen)
        screen.result(table(analysis))
        for gap in analysis["left_out"]:
            screen.say(f"{gap['cell'].upper()}: {gap['part']} left out: {gap['reason']}")
        screen.say(f"report: {run / 'analysis.html'}")
    finally:
        screen.close()


def table(analysis: dict[str, Any]) -> list[list[str]]:
    """Rows of the closing table: how the gradient fades with the distance from the end, by network.

    Of networks that pool over all steps the head reaches every step directly, which hides vanishing; there the last
    state's derivative stands in the loss's place.
    """
    rows = [["network", "norm of", "half-life", "halved at", "vanishes", "explodes"]]
    for cell, model in analysis["models"].items():
        quantity, words = (
            ("loss_by_hidden", "dLoss/dh") if model["pooling"] == "last" else ("last_by_hidden", "dh_last/dh")
        )
        for stage, network in model["networks"].items():
            for layer, directions in enumerate(network["layers"], start=1):
                for one in directions:
                    where = f" layer {layer}" if model["num_layers"] > 1 else ""
                    where += f" {one['direction']}" if model["bidirectional"] else ""
                    curve = one["flow"][quantity]
                    rows.append(
                        [
                            f"{cell.upper()}{where}, {'trained' if stage == 'trained' else 'at initialisation'}",
                            words,
                            _steps(curve["half_life"]),
                            _steps(curve["half_at"]),
                            _share(curve["vanishes"]),
                            _share(curve["explodes"]),
                        ]
                    )
    return rows


def _steps(value: float | None) -> str:
    return "none" if value is None else f"{value:,.3g} steps" if value < 1000 else f"{value:,.0f} steps"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.0%}"
