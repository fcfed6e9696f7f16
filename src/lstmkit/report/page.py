"""The pages: records in, plots and one self-contained `report.html` out. No model is needed, and nothing is fetched."""

import base64
import hashlib
import html
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from lstmkit.config.schema import Cell
from lstmkit.core.files import within, write_bytes
from lstmkit.core.names import NAMES, STEPS
from lstmkit.core.wording import printable
from lstmkit.report import captions, cells, drawing, plots
from lstmkit.report.records import Baselines, Lab, Run, read_run
from lstmkit.report.style import PALETTE, house_style, inline, save

_FOLD_OVER = 320  # characters of an example shown before the rest is folded away

_CLIP_OVER = 120  # characters of a label or name; an example's own text is always given whole


def draw_run(folder: Path) -> Path:
    """Draw the plots and the page of a run from its records.

    Args:
        folder: a run folder; `plots/` and `report.html` in it are written, or written anew.

    Returns:
        The path of `report.html`.

    Raises:
        ArtifactError: a record is absent or damaged; nothing is written then.
        LstmkitError: a file could not be written.
    """
    run = read_run(folder)
    with house_style():
        pictures = {name: save(figure, within(folder, "plots"), name) for name, figure in plots.of_run(run).items()}
    return write_page(folder, "run.html.j2", run=run, plots=inlined(pictures, [run]), captions=captions.of_plots([run]))


def table_rows(lab: Lab) -> list[dict[str, Any]]:
    """The lines of the closing table: the models, then the baselines, with what each has of the columns."""
    rows: list[dict[str, Any]] = [
        {"name": NAMES[cell], "colour": cell, "accuracy": model.accuracy, "interval": model.accuracy_ci95,
         "parameters": model.parameters, "seconds": model.seconds}
        for cell, model in lab.record.models.items()
    ]  # fmt: skip
    return rows + baseline_rows(lab.record.baselines)


def baseline_rows(baselines: Baselines) -> list[dict[str, Any]]:
    """The lines of the baselines that a record has."""
    rows: list[dict[str, Any]] = []
    if linear := baselines.linear:
        rows.append({"name": "Linear model", "colour": "linear", "accuracy": linear.accuracy, "note": linear.name,
                     "interval": linear.accuracy_ci95, "features": linear.n_features,
                     "seconds": linear.seconds})  # fmt: skip
    if majority := baselines.majority:
        rows.append({"name": "Majority class", "colour": "majority", "accuracy": majority.accuracy,
                     "note": f"always “{majority.label}”", "interval": majority.accuracy_ci95})  # fmt: skip
    return rows


def inlined(pictures: Mapping[str, str], runs: list[Run]) -> dict[str, Markup]:
    alts = _alternatives(runs)
    return {name: Markup(inline(svg, name, html.escape(alts[name]))) for name, svg in pictures.items()}  # noqa: S704


def _alternatives(runs: list[Run]) -> dict[str, str]:
    """What each plot shows, for who cannot see it."""
    losses, accuracies, tests, lengths = [], [], [], []
    for run in runs:
        name, last = NAMES[run.cell], run.epochs[-1]
        losses.append(f"{name}: training loss from {run.epochs[0].train_loss:.3f} to {last.train_loss:.3f}")
        accuracies.append(f"{name}: training accuracy from {run.epochs[0].train_accuracy:.1%} to "
                          f"{last.train_accuracy:.1%}, epoch {run.details.best_epoch} kept")  # fmt: skip
        tests.append(f"{name} {run.evaluation.accuracy:.2%}")
        lengths += [
            f"{name}, {b.first} to {b.last} {STEPS[run.details.kind]}: {b.accuracy:.1%}"
            for b in run.details.accuracy_by_length
        ]
    matrix = f"Confusion matrix over {len(runs[0].evaluation.labels)} labels; its counts are in the tables."
    return {
        "loss": f"Loss by epoch. {'; '.join(losses)}.",
        "accuracy": f"Accuracy by epoch. {'; '.join(accuracies)}.",
        "test_accuracy": f"Test accuracies: {', '.join(tests)}; the table has all numbers.",
        "accuracy_by_length": f"Test accuracy by length. {'; '.join(lengths)}.",
        "confusion_matrix": matrix,
    }


def write_page(
    folder: Path, template: str, page: str = "report.html", *, scripts: Sequence[str] = ("page.js",), **values: Any
) -> Path:
    """Render a template of the house into `folder / page`, one file that fetches nothing; its path is returned.

    Of its scripts only ours may run: `scripts`, files beside the template, in this order.
    """
    environment = Environment(
        loader=PackageLoader("lstmkit.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": lambda share, digits=2: f"{share:.{digits}%}",
        "interval": lambda bounds: f"{100 * bounds[0]:.2f} to {100 * bounds[1]:.2f}%",
        "count": lambda number: f"{number:,}",
        "duration": duration,
        "short": lambda text: text[: _FOLD_OVER // 2].rstrip() + "…",
        "clip": lambda text: text if len(text) <= _CLIP_OVER else text[: _CLIP_OVER - 1] + "…",
        "capital": lambda words: words[:1].upper() + words[1:],
        "named": lambda cell: NAMES[cell],
        "steps": lambda kind: STEPS[kind],
        "bands": lambda sound: Markup(drawing.sound_picture(sound)),  # noqa: S704
        "curves": lambda series: Markup(drawing.series_picture(series)),  # noqa: S704
        "digit": lambda text: Markup(drawing.digit_picture(text) or ""),  # noqa: S704
        "flat": lambda tree: list(_flat(tree)),
        "headings": headings,
    }
    script = "\n".join(environment.get_template(name).render() for name in scripts)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    content = environment.get_template(template).render(
        **values,
        palette=PALETTE,
        script=Markup(script),  # noqa: S704  # our own file
        script_hash=digest,
        fold_over=_FOLD_OVER,
        baseline_rows=baseline_rows,
        confusions=captions.confusions,
        cell_drawing=_cell_drawing,
        equations=lambda kind: [Markup(line) for line in cells.equations(kind)],  # noqa: S704
        network=lambda run: Markup(drawing.network(run.details.architecture, run.config.model)),  # noqa: S704
        network_caption=captions.network,
        cell_captions=captions.CELLS,
        truncation=drawing.truncation,
    )
    path = folder / page
    write_bytes(path, printable(content).encode())  # whatever the records hold
    return path


def headings(body: str) -> list[tuple[str, str]]:
    """The sections of a page's body, for its table of contents: the id and the words of each `<h2 id=…>`."""
    found = re.findall(r'<h2 id="([^"]+)">(.*?)</h2>', body, re.DOTALL)
    return [(name, Markup(words).striptags()) for name, words in found]  # noqa: S704  # tags are taken off, not put on


def _cell_drawing(kind: Cell) -> Markup:
    return Markup(cells.cell(kind))  # noqa: S704


def duration(seconds: float | None) -> str:
    """A time as one reads it: `4.2 s`, `7 min 3 s`, `1 h 12 min`."""
    if seconds is None:
        return "–"
    if seconds < 59.95:  # else it would be rounded to 60.0 s
        return f"{seconds:.1f}\N{NO-BREAK SPACE}s"
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    words = f"{hours} h {minutes} min" if hours else f"{minutes} min {whole % 60} s"
    return words.replace(" ", "\N{NO-BREAK SPACE}")


def _flat(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key} · ")
        else:
            words = ", ".join(str(item) for item in value) if isinstance(value, list) else str(value)
            yield f"{prefix}{key}", words
