"""The page of a probe, from its records alone: the horizon, a curve for each task, and all that was tried."""

import html
from pathlib import Path

from markupsafe import Markup

from lstmkit.core.files import within
from lstmkit.report import probe_plots
from lstmkit.report.page import write_page
from lstmkit.report.probe_records import TITLES, Point, Probe, Setting, Subject, TaskRecord, read_probe
from lstmkit.report.style import house_style, inline, save


def draw_probe(folder: Path) -> Path:
    """Draw the plots and the page of a probe.

    Args:
        folder: a probe folder; `plots/` and `report.html` in it are written, or written anew.

    Returns:
        The path of `report.html`.

    Raises:
        ArtifactError: a record is absent or damaged; nothing is written then.
        LstmkitError: a file could not be written.
    """
    probe = read_probe(folder)
    with house_style():
        figures, place = probe_plots.of_probe(probe), within(folder, "plots")
        pictures = {name: save(figure, place, name) for name, figure in figures.items()}
    alts = {"horizon": "; ".join(findings(probe))} | {name: alternative(probe, name) for name in probe.record.tasks}
    plots = {name: Markup(inline(svg, name, html.escape(alts[name]))) for name, svg in pictures.items()}  # noqa: S704
    return write_page(
        folder,
        "probe.html.j2",
        probe=probe,
        record=probe.record,
        plots=plots,
        titles=TITLES,
        hues=probe_plots.HUES,
        findings=findings(probe),
        shown=shown,
        setting=setting,
        horizon=lambda task, cell: horizon(probe, task, cell),
        seconds=probe.seconds,
    )


def horizon(probe: Probe, task: str, cell: Subject) -> str:
    """A horizon in words: `200`, `1,000 or longer` where no longer lag was tried, `none`."""
    lag = probe.record.horizon[task][cell]
    if not lag:
        return "none"
    return f"{lag:,} or longer" if probe.reached_the_end(task, cell) else f"{lag:,}"


def findings(probe: Probe) -> list[str]:
    """A sentence for each task: how far each cell went."""
    sentences = []
    for name in probe.record.plan.tasks:
        words = [f"{TITLES[cell]} {horizon(probe, name, cell)}" for cell in probe.record.plan.cells]
        sentences.append(f"{probe.record.tasks[name].title}, longest lag solved: {', '.join(words)}")
    return sentences


def shown(task: TaskRecord, value: float) -> str:
    """A value as one reads it: `97.3%`, or an error with four digits."""
    return f"{value:.1%}" if task.measure == "accuracy" else f"{value:.4f}"


def setting(tried: Setting) -> str:
    """What was tried: `rate 0.01, clip 1`."""
    return f"rate {tried.learning_rate:g}, " + (f"clip {tried.clip_norm:g}" if tried.clip_norm else "no clipping")


def alternative(probe: Probe, name: str) -> str:
    """What a curve shows, for who cannot see it."""
    task = probe.record.tasks[name]

    def told(points: list[Point]) -> str:
        return ", ".join(f"{point.lag:,}: {shown(task, point.value)}" for point in points)

    curves = [f"{TITLES[cell]} {told(points)}" for cell, points in probe.record.curves[name].items()]
    return f"{task.title} by lag. {'; '.join(curves)}. Without memory: {shown(task, task.baseline)}."
