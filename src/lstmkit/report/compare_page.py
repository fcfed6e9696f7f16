"""The page of a comparison: records in, plots and one self-contained `report.html` out."""

import html
import re
from pathlib import Path

from markupsafe import Markup

from lstmkit.core.files import within
from lstmkit.report import compare_plots
from lstmkit.report.compare_plots import NAMED, SHORT
from lstmkit.report.compare_records import Comparison, read_compared
from lstmkit.report.page import write_page
from lstmkit.report.records import command_line_of
from lstmkit.report.style import house_style, inline, save

_CAPTIONS = {
    "test_accuracy": "Circles: one trained network each; above them their mean (diamond) and its 95% interval over "
    "seeds. Dashed: the baselines, which have no seeds. Look whether the circles of two cells keep apart.",
    "differences": "Thick: the mean difference (diamond) with its 95% interval over test examples. Thin, under it: by "
    "seed (circles), with the 95% interval of their mean. A difference is shown where neither crosses zero; pairs for "
    "which it is not are grey.",
    "learning_rates": "The first seed’s networks at every rate; a ring marks the rate chosen. A curve that still rises "
    "at an end of the grid has not found its best.",
    "validation": "A line for each seed at the rate chosen, a ring at the epoch kept. A curve that still rises at its "
    "right end would gain from more epochs.",
    "accuracy_by_length": "Mean over seeds, with Wilson’s 95% interval as of one network. A cell that loses the thread "
    "falls from left to right more steeply than the others.",
}
_VERDICT_CLASSES = {
    "ahead": "shown",
    "behind": "contradicted",
    "no difference shown": "not-shown",
    "too few seeds to judge": "not-shown",
    "not judged": "not-shown",
}


def draw_compare(folder: Path) -> Path:
    """Draw the plots and the page of a comparison from its records; the pages of its runs are left alone.

    Args:
        folder: a comparison folder; `plots/` and `report.html` in it are written, or written anew.

    Returns:
        The path of `report.html`.

    Raises:
        ArtifactError: a record is absent or damaged; nothing is written then.
        LstmkitError: a file could not be written.
    """
    compared = read_compared(folder)
    with house_style():
        figures = compare_plots.of_comparison(compared)
        pictures = {name: save(figure, within(folder, "plots"), name) for name, figure in figures.items()}
    alts = _alternatives(compared.record, compared.unit)
    return write_page(
        folder,
        "compare.html.j2",
        compared=compared,
        record=compared.record,
        run=compared.subject,
        unit=compared.unit,
        names=NAMED,
        short=SHORT,
        caveats=[_with_options(caveat) for caveat in compared.record.verdict.caveats],
        captions=_CAPTIONS,
        verdict_class=_VERDICT_CLASSES,
        plots={name: Markup(inline(svg, name, html.escape(alts[name]))) for name, svg in pictures.items()},  # noqa: S704
        command_line=command_line_of(compared.environment),
    )


def _alternatives(record: Comparison, unit: str) -> dict[str, str]:
    """What each plot shows, for who cannot see it."""
    means = ", ".join(f"{NAMED[cell]} {model.accuracy_mean:.2%}" for cell, model in record.models.items())
    pairs = "; ".join(f"{NAMED[p.one]} minus {NAMED[p.other]} {100 * p.difference:+.2f} points" for p in record.pairs)
    rates = ", ".join(f"{NAMED[cell]} {model.learning_rate:g}" for cell, model in record.models.items())
    lengths = "; ".join(
        f"{NAMED[cell]}: " + ", ".join(f"{b.first} to {b.last} {unit} {b.accuracy:.1%}" for b in bins)
        for cell, bins in [
            *((cell, model.accuracy_by_length) for cell, model in record.models.items()),
            ("linear", record.baselines.linear.accuracy_by_length),
        ]
    )
    return {
        "test_accuracy": f"Mean test accuracies: {means}, linear model {record.baselines.linear.accuracy:.2%}.",
        "differences": f"Differences in test accuracy: {pairs}; the table has the intervals.",
        "learning_rates": f"Validation accuracy by learning rate; chosen: {rates}. The table has all figures.",
        "validation": f"Validation accuracy by epoch of {len(record.seeds)} networks of each cell.",
        "accuracy_by_length": f"Test accuracy by length. {lengths}.",
    }


def _with_options(text: str) -> Markup:
    """A sentence in which an option of the command line is never broken at its hyphens."""
    marked = re.sub(r"--[a-z]+", r'<code style="white-space: nowrap">\g<0></code>', html.escape(text))
    return Markup(marked)  # noqa: S704
