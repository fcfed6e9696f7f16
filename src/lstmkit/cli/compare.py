"""`lstmkit compare SOURCE`: a fair duel of the cells and the linear baseline."""

from typing import Annotated, Any

import typer

from lstmkit.cli import options as o


@o.taking(o.RUN)
def compare(
    source: o.Source,
    asked: o.Asked,
    match: Annotated[
        str, typer.Option(help="What the cells have in common: width (hidden size) or parameters.")
    ] = "width",
    seeds: Annotated[int, typer.Option(min=1, metavar="N", help="Networks of each cell, from --seed on.")] = 3,
    rates: Annotated[
        str | None,
        typer.Option(
            metavar="R,R,..", help="Learning rates that each cell may choose from.  [default: 0.0003,0.001,0.003,0.01]"
        ),
    ] = None,
) -> None:
    """Compare LSTM, GRU, plain RNN and a linear model under one protocol, and say what it shows.

    Each cell's learning rate is chosen on validation, several seeds are trained on the same splits and batches, and the
    test part is scored once for each trained network.

    Example: lstmkit compare digits --match parameters --out runs/duel
    """
    resolved = o.configuration("lab", source, asked)
    out, anyway = asked["out"], asked["resume_anyway"]
    resume = asked["resume"] or anyway
    from lstmkit.cli.running import finished, running
    from lstmkit.experiment.compare import check_compare, run_compare, terms_of
    from lstmkit.experiment.compare_record import CELLS
    from lstmkit.experiment.tasks import CLASSIFY

    terms = terms_of(match, seeds, rates)
    check_compare(resolved, terms, asked["assignments"] or [])
    protocol = terms.as_json()
    if finished(resolved, out, resume, protocol):
        return
    with running(CLASSIFY, resolved, out, resume, protocol, cells=CELLS, anyway=anyway) as (
        folder,
        prepared,
        screen,
    ):
        record = run_compare(folder, prepared, resolved, terms, screen)
        for rows in (_models(record), _pairs(record)):
            screen.result(rows)
        screen.line("")
        screen.line(record["verdict"]["summary"])
        for caveat in record["verdict"]["caveats"]:
            screen.line(f"- {caveat}")
        screen.say(f"report: {folder / 'report.html'}")


def _models(record: dict[str, Any]) -> list[list[str]]:
    """Rows of the table of models."""
    from lstmkit.cli.screen import duration
    from lstmkit.evaluate.verdict import NAMES

    rows = [["model", "units", "parameters", "rate", "test accuracy by seed", "mean", "95% over seeds", "time"]]
    none = "one seed" if len(record["seeds"]) == 1 else "none"
    for cell, model in record["models"].items():
        spread = model["accuracy_seeds_ci95"]
        rows.append(
            [
                NAMES[cell],
                f"{model['hidden_size']:,}",
                f"{model['parameters']['total']:,}",
                f"{model['learning_rate']:g}",
                " ".join(f"{run['accuracy']:.2%}" for run in model["runs"]),
                f"{model['accuracy_mean']:.2%}",
                f"{spread[0]:.2%} to {spread[1]:.2%}" if spread else none,
                duration(model["seconds_mean"]),
            ]
        )
    linear, majority = record["baselines"]["linear"], record["baselines"]["majority"]
    features = f"{linear['n_features']:,} features"
    rows.append([NAMES["linear"], "", features, "", "", f"{linear['accuracy']:.2%}", "", duration(linear["seconds"])])
    rows.append(["majority class", "", "0", "", "", f"{majority['accuracy']:.2%}", "", ""])
    return rows


def _pairs(record: dict[str, Any]) -> list[list[str]]:
    """Rows of the table of differences, in percentage points."""
    from lstmkit.evaluate.verdict import NAMES

    rows = [["difference, points", "mean", "95% over examples", "95% over seeds", "McNemar's p by seed", "verdict"]]
    for pair in record["pairs"]:
        intervals = [
            f"{100 * ends[0]:+.2f} to {100 * ends[1]:+.2f}"
            if ends
            else "one seed"
            if len(pair["by_seed"]) == 1
            else "none"
            for ends in (pair["examples_ci95"], pair["seeds_ci95"])
        ]
        tests = " ".join(f"{test['p']:.2g}" for test in pair["mcnemar"])
        name = f"{NAMES[pair['one']]} - {NAMES[pair['other']]}"
        rows.append([name, f"{100 * pair['difference']:+.2f}", *intervals, tests, pair["outcome"]])
    return rows
