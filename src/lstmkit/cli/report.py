"""`lstmkit report RUN`: draw the page and the plots again."""

from lstmkit.cli import options as o
from lstmkit.cli import terminal


def report(run: o.Run) -> None:
    """(Re)draw the pages and plots from the records of a run, lab, comparison or probe folder; no model is needed.

    Where there is an analysis.json, its page is drawn too.

    Example: lstmkit report runs/first
    """
    from lstmkit.core.errors import ArtifactError
    from lstmkit.report import draw_analysis, draw_compare, draw_lab, draw_probe, draw_trained

    if (run / "compare.json").exists():
        page = draw_compare(run)
    elif (run / "lab.json").exists():
        page = draw_lab(run)
    elif (run / "evaluation.json").exists():
        page = draw_trained(run)
    elif (run / "probe.json").exists():
        page = draw_probe(run)
    elif (run / "config.toml").exists() or (run / "plan.json").exists():
        raise ArtifactError(f"{run}: the run is not finished; finish it with --resume")
    else:
        raise ArtifactError(
            f"{run}: not a run folder (no lab.json, evaluation.json, compare.json or probe.json); "
            "give the --out of a train, lab, compare or probe"
        )
    terminal.result(str(page))
    if (run / "analysis.json").exists():
        terminal.result(str(draw_analysis(run)))
