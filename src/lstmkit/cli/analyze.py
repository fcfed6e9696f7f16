"""`lstmkit analyze RUN`: gradients and gates of a trained run."""

from typing import TYPE_CHECKING, Annotated

import typer

from lstmkit.cli import options as o

if TYPE_CHECKING:
    from lstmkit.report.analysis_records import Analysis


def analyze(
    run: o.Run,
    examples: Annotated[int, typer.Option(min=1, help="Test examples analysed, drawn by seed.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Draws the examples, and projections of Jacobians.")] = 0,
    threads: o.Threads = None,
) -> None:
    """Measure how far gradients reach back and what the gates do: trained and at initialisation, LSTM and RNN twin.

    Writes analysis.json, analysis.html and plots into the run or lab folder; a lab's claims are judged anew by them.

    Example: lstmkit analyze runs/first
    """
    from lstmkit.cli.screen import Screen
    from lstmkit.experiment.analysis import AnalysisRequest, analyze_run
    from lstmkit.experiment.lab import judge_again
    from lstmkit.report.analysis_records import read_analysis

    screen = Screen()
    try:
        analyze_run(run, AnalysisRequest(examples, seed, threads or 0), screen)
        analysis = read_analysis(run)
        screen.result(table(analysis))
        for gap in analysis.left_out:
            screen.say(f"{gap.cell.upper()}: {gap.part} left out: {gap.reason}")
        if (run / "lab.json").exists() and judge_again(run):
            screen.say(f"claims judged anew: {run / 'report.html'}")
        screen.say(f"report: {run / 'analysis.html'}")
    finally:
        screen.close()


def table(analysis: "Analysis") -> list[list[str]]:
    """Rows of the closing table: how the gradient fades with the distance from the end, by network."""
    from lstmkit.report.analysis_page import r2, rows, steps

    def share(value: float | None) -> str:
        return "-" if value is None else f"{value:.0%}"

    head = ["network", "norm of", "half-life in steps", "R²", "halved from step", "vanishes", "explodes"]
    return [head] + [
        [
            row["name"],
            row["quantity"],
            steps(row["curve"].half_life),
            r2(row["curve"]),
            steps(row["curve"].half_at),
            share(row["curve"].vanishes),
            share(row["curve"].explodes),
        ]
        for row in rows(analysis)
        if row["headline"]
    ]
