"""The laboratory's page: the sheet, its curves and scores, the evidence, and at the end the sheet's claims."""

import html
from itertools import groupby
from pathlib import Path
from typing import Any

from markupsafe import Markup

from lstmkit.core.files import read_json, within
from lstmkit.core.names import NAMES
from lstmkit.report import analysis_page, analysis_plots, captions, drawing, plots, probe_page, probe_plots
from lstmkit.report import explanation_drawing as charts
from lstmkit.report.analysis_records import Analysis, read_analysis
from lstmkit.report.explained_series import ReadSeries
from lstmkit.report.explanation_page import draw_explanation
from lstmkit.report.explanation_records import ExplanationRecord, checked_record
from lstmkit.report.page import draw_run, inlined, table_rows, write_page
from lstmkit.report.probe_records import Probe, read_probe
from lstmkit.report.records import Claim, EvidenceRecord, Explained, read_lab, read_record
from lstmkit.report.series_page import series_values
from lstmkit.report.sheet import SHEET
from lstmkit.report.style import colour, house_style, inline, save

_MOST_TOKENS = 160  # of an example on this page; its own page shows all
_MOST_LANES, _MAP_PX = 5, 200  # of an example of a series: curves, and a map's height
FIGURES = {
    "loss": "the loss by epoch",
    "accuracy": "the accuracy by epoch",
    "test_accuracy": "the test accuracies",
    "gradient_flow": "the gradient by distance",
    "state_flow": "the last state’s Jacobian",
    "time_constants": "the time constants",
    "saturation": "the open and shut gates",
    "memory": "the longest lag solved",
}


def draw_lab(folder: Path, runs_too: bool = True) -> Path:
    """Draw the laboratory sheet of a lab folder, and the pages of its runs, its probe and its examples.

    Args:
        folder: a lab folder: `lab.json` and a run folder for each model that it names; evidence where there is any.
        runs_too: whether those other pages are drawn anew; they need not be right after they were drawn.

    Returns:
        The path of the lab's own `report.html`.

    Raises:
        ArtifactError: a record is absent or damaged; nothing is written then.
        LstmkitError: a file could not be written.
    """
    lab = read_lab(folder)
    analysis = read_analysis(folder) if (folder / "analysis.json").exists() else None
    probe = read_probe(folder / "memory") if within(folder, "memory", "probe.json").exists() else None
    evidence = read_record(EvidenceRecord, folder / "evidence.json") if (folder / "evidence.json").exists() else None
    examples = [_example(folder, one) for one in (evidence.explained if evidence else [])]
    if runs_too:
        for cell in lab.runs:
            draw_run(folder / cell)
        if probe:
            probe_page.draw_probe(folder / "memory")
        for example in examples:
            path = within(folder, "explanations", f"{example['kind']}.json")
            draw_explanation(read_json(path), path.with_suffix(".html"))
    rows = table_rows(lab)
    dots = [plots.Dot(row["name"], colour(row["colour"]), row["accuracy"], row["interval"]) for row in rows]
    runs = list(lab.runs.values())
    with house_style():
        figures, place = plots.of_lab(lab, dots), within(folder, "plots")
        pictures = {name: save(figure, place, name) for name, figure in figures.items()}
        own = inlined(pictures, runs)
        if analysis:
            own |= _analysed(folder, analysis)
        if probe:
            own |= _probed(folder, probe)
    return write_page(
        folder,
        "lab.html.j2",
        lab=lab,
        run=lab.subject,
        sheet=SHEET,
        rows=rows,
        plots=own,
        captions=captions.of_plots(runs),
        analysis=analysis,
        flow_rows=[row for row in analysis_page.rows(analysis) if row["headline"]] if analysis else [],
        steps=analysis_page.steps,
        r2=analysis_page.r2,
        probe=probe,
        horizon=lambda task, cell: probe_page.horizon(probe, task, cell) if probe else "",
        probe_seconds=probe.seconds if probe else None,
        examples=examples,
        reading=charts.READING,
        evidence=evidence,
        sentences=_sentences(lab.record.claims),
        figures={name: words for name, words in FIGURES.items() if name in own},
    )


def _analysed(folder: Path, analysis: Analysis) -> dict[str, Markup]:
    alts = analysis_page.alternatives(analysis)
    wanted = ("gradient_flow", "state_flow", "time_constants", "saturation")
    drawn = {name: figure for name, figure in analysis_plots.of_analysis(analysis).items() if name in wanted}
    if all(model.pooling == "last" for model in analysis.models.values()):
        drawn.pop("state_flow", None)  # the loss's gradient tells the same, and nothing hides it
    return {
        name: Markup(inline(save(figure, within(folder, "plots"), name), name, html.escape(alts[name])))  # noqa: S704
        for name, figure in drawn.items()
    }


def _probed(folder: Path, probe: Probe) -> dict[str, Markup]:
    alts = {"memory": "; ".join(probe_page.findings(probe))}
    drawn = {"memory": probe_plots.horizon(probe)}
    for task in probe.record.plan.tasks:
        drawn[f"memory_{task}"] = probe_plots.curve(probe, task)
        alts[f"memory_{task}"] = probe_page.alternative(probe, task)
    return {
        name: Markup(inline(save(figure, within(folder, "plots"), name), name, html.escape(alts[name])))  # noqa: S704
        for name, figure in drawn.items()
    }


def _example(folder: Path, chosen: Explained) -> dict[str, Any]:
    """What the page shows of one explanation: its tokens in colour, and the answer after each, of every network."""
    path = within(folder, "explanations", f"{chosen.kind}.json")
    record = checked_record(read_json(path), str(path))
    answer = record.models[0]
    return {
        "kind": chosen.kind,
        "rule": chosen.rule,
        "id": chosen.id,
        "label": record.label,
        "said": record.labels[answer.best],
        "probability": answer.probabilities[answer.best],
        "page": f"explanations/{chosen.kind}.html",
        **(_curves(record, record.series) if record.series else _tokens(record)),
        "networks": [
            {
                "name": NAMES[one.cell],
                "said": record.labels[one.best],
                "probability": one.probabilities[one.best],
                "running": charts.running_chart(one, record),
                "journey": charts.journey(one, record),
            }
            for one in record.models
        ],
    }


def _tokens(record: ExplanationRecord) -> dict[str, Any]:
    """A text's tokens and their colours; of a long text, the end."""
    picture = drawing.digit_picture(" ".join(token for _, token, _ in record.pieces))
    shades = record.models[0].attribution.values[0]
    first = 0 if picture else max(0, len(record.pieces) - _MOST_TOKENS)  # the end is what is read last
    return {
        "picture": Markup(picture) if picture else None,  # noqa: S704
        "before": first,
        "tokens": list(zip(record.pieces, shades, strict=True))[first:],
        "scale": max(map(abs, shades)) or 1.0,
    }


def _curves(record: ExplanationRecord, series: ReadSeries) -> dict[str, Any]:
    """A series' channels that count most, with their attribution drawn over them, and the map of them all."""
    values = series_values(record, series, [0])
    return {key: values[key] for key in ("values", "hole")} | {
        "map_height": min(_MAP_PX, values["map_height"]),
        "lanes": values["of_models"][0]["lanes"][:_MOST_LANES],
        "map": values["of_models"][0]["map"],
        "record": record,
        "n_channels": len(series.channels),
    }


def _sentences(claims: list[Claim]) -> list[tuple[str, list[Claim]]]:
    """The claims under the sentence that they are parts of; an older record's claims are sentences themselves."""
    return [(sentence, list(own)) for sentence, own in groupby(claims, lambda one: one.sentence or one.claim)]
