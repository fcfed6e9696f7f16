"""The options that commands share, each with its help text in one place, and what they come to together."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from lstmkit.config.schema import Config

Source = Annotated[str, typer.Argument(metavar="SOURCE", help="Catalogue name, file or folder; see lstmkit data list.")]
Run = Annotated[Path, typer.Argument(metavar="RUN", help="A run or lab folder.")]
Out = Annotated[Path | None, typer.Option(help="Folder for the run.  [default: runs/<source>-<preset>-<UTC time>]")]
Seed = Annotated[int | None, typer.Option(help="Splits, initial weights, order of batches, dropout.  [default: 0]")]
Preset = Annotated[str | None, typer.Option(help="Starting point: lab, default or streaming.")]
ConfigFile = Annotated[Path | None, typer.Option("--config", help="TOML file, such as a run's config.toml.")]
Assignments = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Set one key, as train.epochs=5; repeatable.")
]
Epochs = Annotated[int | None, typer.Option(help="Short for --set train.epochs=N.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the run in --out, to the same bits.")]
ResumeAnyway = Annotated[
    bool,
    typer.Option(
        "--resume-anyway", help="Resume though engine, threads or versions have changed; environment.json records it."
    ),
]
Device = Annotated[str | None, typer.Option(help="auto, cpu or cuda.  [default: auto]")]
Threads = Annotated[int | None, typer.Option(min=0, help="CPU threads.  [default: as torch chooses]")]
Engine = Annotated[str | None, typer.Option(help="auto, native, torch or reference.  [default: auto]")]
TextColumn = Annotated[
    str | None,
    typer.Option(help="Column of the texts in a table; of paths to recordings, in predict.  [default: found]"),
]
LabelColumn = Annotated[
    str | None, typer.Option(help="Column that holds the label, or the number to predict.  [default: found]")
]
Task = Annotated[str | None, typer.Option(help="classify, forecast or regression.  [default: classify]")]
Horizon = Annotated[int | None, typer.Option(help="Of a forecast: how many steps ahead.")]
OnBadRow = Annotated[str | None, typer.Option(help="fail, or skip and list in rejected.jsonl.  [default: fail]")]


def configuration(
    *,
    default_preset: str,
    source: str,
    preset: str | None,
    file: Path | None,
    assignments: list[str] | None,
    any_task: bool = False,
    **options: Any,
) -> "Config":
    """One configuration from a command's options.

    Args:
        default_preset: the command's preset.
        source: the SOURCE.
        preset, file, assignments: `--preset`, `--config`, `--set`.
        any_task: whether the command is for other tasks than classification too.
        options: values of options that are short for a key, under the names in `_KEYS`.
    """
    from lstmkit.config.resolve import resolve  # pydantic, which --help does without
    from lstmkit.data.sources import CATALOGUE, kind_of

    customary = CATALOGUE[source].customary if source in CATALOGUE else {}
    overrides = {"data.source": source} | {_KEYS[name]: value for name, value in options.items()}
    columns = {name: options.get(name) for name in ("text_column", "label_column")}
    kind = kind_of(source, **columns)
    resolved = resolve(preset, file, assignments or [], overrides, default_preset, customary, kind)
    if not any_task and resolved.task.goal != "classify":
        from lstmkit.core.errors import RequestError

        raise RequestError(
            f"task.goal = {resolved.task.goal!r}: this command is for classifiers; use lstmkit train, which writes "
            "the plain rules beside the network"
        )
    return resolved


_KEYS = {
    "task": "task.goal",
    "horizon": "task.horizon",
    "seed": "seed",
    "epochs": "train.epochs",
    "device": "run.device",
    "threads": "run.threads",
    "engine": "run.engine",
    "text_column": "data.text_column",
    "label_column": "data.label_column",
    "on_bad_row": "data.on_bad_row",
}
