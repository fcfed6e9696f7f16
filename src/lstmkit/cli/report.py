"""`lstmkit report RUN`: draw the page and the plots again."""

import sys

from lstmkit.cli import options as o


def report(run: o.Run) -> None:
    """(Re)draw report.html and the plots from the records of a run, lab or comparison folder; no model is needed.

    Example: lstmkit report runs/first
    """
    from lstmkit.core.errors import ArtifactError
    from lstmkit.report import draw_compare, draw_lab, draw_run

    if (run / "compare.json").exists():
        page = draw_compare(run)
    elif (run / "lab.json").exists():
        page = draw_lab(run)
    elif (run / "evaluation.json").exists():
        page = draw_run(run)
    elif (run / "config.toml").exists():
        raise ArtifactError(f"{run}: the run is not finished; finish it with --resume")
    else:
        raise ArtifactError(
            f"{run}: not a run folder (no compare.json, lab.json or evaluation.json); "
            "give the --out of a train, lab or compare"
        )
    sys.stdout.write(f"{page}\n")
