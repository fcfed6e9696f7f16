"""`lstmkit data list|info|fetch`: the catalogue, and what lstmkit sees in a SOURCE before training."""

import json as json_
from collections.abc import Iterable
from typing import Annotated, Any

import typer

from lstmkit.cli import options as o
from lstmkit.cli import terminal
from lstmkit.core.errors import RequestError

app = typer.Typer(
    help="The catalogue, and what lstmkit sees in a SOURCE before training.",
    rich_markup_mode=None,
)


@app.command("list")
def list_() -> None:
    """List the catalogue: name, where a copy is, what it is.

    Example: lstmkit data list
    """
    from lstmkit.data.sources import CATALOGUE, find_copy

    for name, entry in CATALOGUE.items():
        copy = find_copy(entry)
        where = "bundled" if entry.plan is None else str(copy.root) if copy else "not here"
        terminal.result(f"{name:<12} {entry.title}: {entry.task}")
        terminal.result(f"{'':<12} {where}; {entry.licence}")


@app.command("info")
@o.taking(o.CONFIGURED | o.READING | {"task": (o.Task, None)})
def info(
    source: o.Source,
    asked: o.Asked,
    json: Annotated[
        bool, typer.Option("--json", help="Print what was found as one JSON object: modality, layout, columns, …")
    ] = False,
) -> None:
    """Show counts, lengths, vocabulary coverage, duplicates and leaks, the longest and the empty examples.

    At the end it warns of what makes comparisons lie: examples of the test part that training has told, labels that the
    length gives away, unknown words, channels that stand still, examples that are mostly cut off.

    Rows that cannot be used, empty ones among them, are listed, unless --on-bad-row fail is given.

    With --task forecast a table is read as one to forecast: its columns, series, times, gaps, and what is missing.

    Examples: lstmkit data info reviews.csv; lstmkit data info sensors.csv --json
    """
    from lstmkit.data.encoded import encode
    from lstmkit.data.info import describe, found_in, render
    from lstmkit.data.sources import cut, load_corpus
    from lstmkit.evaluate.audit import audit, lines_of

    # To look is not to train: what is wrong with the data is what one wants to see.
    asked = {**asked, "on_bad_row": asked["on_bad_row"] or "skip"}
    resolved = o.configuration("default", source, asked, any_task=True)
    if resolved.task.goal == "forecast":
        from lstmkit.data.cutting import season_of
        from lstmkit.data.panel_info import found_in_panel, panel_lines
        from lstmkit.data.sources.panel import load_panel

        panel = load_panel(resolved.data)
        season = season_of(panel, resolved.task, resolved.data)
        _print([_json(found_in_panel(panel, season[0]))] if json else panel_lines(panel, season))
        return
    corpus = load_corpus(resolved.data)
    is_by_label = resolved.task.goal == "classify" and not corpus.has_targets
    if json:
        parts = cut(corpus, resolved.data, resolved.split_seed, by_label=is_by_label)
        _print([_json(found_in(corpus, parts, resolved.task.goal))])
        return
    if not is_by_label:
        from lstmkit.data.info import regression_lines

        parts = cut(corpus, resolved.data, resolved.split_seed, by_label=False)
        _print(regression_lines(corpus, parts, asked=resolved.task.goal == "regression"))
        return
    parts = cut(corpus, resolved.data, resolved.split_seed)
    about_cut = {"seed": resolved.split_seed, **resolved.data.model_dump(include={"valid_fraction", "test_fraction"})}
    encoded = encode(corpus, parts, resolved.encoder, about_cut)
    about = describe(corpus, parts, coverage=encoded.coverage)
    leaked = {name: about["leaks"][f"train/{name}"]["n"] for name in ("valid", "test")}
    _print([*render(about), "", *lines_of(audit(parts, encoded, leaked), encoded)])


def _json(found: dict[str, Any]) -> str:
    return json_.dumps(found, ensure_ascii=False)


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        terminal.result(line)


@app.command("fetch")
def fetch(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A catalogue name; see lstmkit data list.")],
) -> None:
    """Fetch a catalogue set into the user's cache, with checksum; a broken download goes on where it stopped.

    Example: lstmkit data fetch imdb
    """
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

    from lstmkit.config.resolve import nearest
    from lstmkit.data.sources import CATALOGUE, obtain

    entry = CATALOGUE.get(name)
    if entry is None:
        raise RequestError(f"{name}: not in the catalogue ({', '.join(CATALOGUE)}){nearest(name, CATALOGUE)}")
    if entry.plan is None:
        terminal.result("bundled")
        return
    columns = ("{task.description}", BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(name, total=None)
        plan = obtain(entry, lambda done, total: bar.update(task, completed=done, total=total))
    terminal.result(str(plan.root))
