"""`lstmkit data list|info|fetch`: the catalogue, and what lstmkit sees in a SOURCE before training."""

from typing import Annotated

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
def info(
    source: o.Source,
    seed: o.Seed = None,
    preset: o.Preset = None,
    config: o.ConfigFile = None,
    assignments: o.Assignments = None,
    text_column: o.TextColumn = None,
    label_column: o.LabelColumn = None,
    on_bad_row: o.OnBadRow = None,
    task: o.Task = None,
) -> None:
    """Show counts, lengths, vocabulary coverage, duplicates and leaks, the longest and the empty examples.

    At the end it warns of what makes comparisons lie: examples of the test part that training has told, labels that the
    length gives away, unknown words, channels that stand still, examples that are mostly cut off.

    Rows that cannot be used, empty ones among them, are listed, unless --on-bad-row fail is given.

    With --task forecast a table is read as one to forecast: its columns, series, times, gaps, and what is missing.

    Example: lstmkit data info reviews.csv
    """
    from lstmkit.data.encoded import encode
    from lstmkit.data.info import describe, render
    from lstmkit.data.sources import cut, load_corpus
    from lstmkit.evaluate.audit import audit, lines_of

    resolved = o.configuration(
        default_preset="default",
        source=source,
        preset=preset,
        file=config,
        assignments=assignments,
        seed=seed,
        text_column=text_column,
        label_column=label_column,
        on_bad_row=on_bad_row
        or "skip",  # to look is not to train: what is wrong with the data is what one wants to see
        task=task,
        any_task=True,
    )
    if resolved.task.goal == "forecast":
        from lstmkit.data.panel_info import panel_lines
        from lstmkit.data.sources.panel import load_panel

        for line in panel_lines(load_panel(resolved.data)):
            terminal.result(line)
        return
    if resolved.task.goal == "regression":
        raise RequestError("data info counts labels, and numbers are none; leave --task out to see the sequences")
    corpus = load_corpus(resolved.data)
    parts = cut(corpus, resolved.data, resolved.split_seed)
    about_cut = {"seed": resolved.split_seed, **resolved.data.model_dump(include={"valid_fraction", "test_fraction"})}
    encoded = encode(corpus, parts, resolved.encoder, about_cut)
    about = describe(corpus, parts, coverage=encoded.coverage)
    leaked = {name: about["leaks"][f"train/{name}"]["n"] for name in ("valid", "test")}
    for line in (*render(about), "", *lines_of(audit(parts, encoded, leaked), encoded)):
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
