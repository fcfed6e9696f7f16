"""Options that commands share, each with its help text in one place, and the configuration that they give."""

import functools
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from lstmkit.config.schema import Config

Source = Annotated[str, typer.Argument(metavar="SOURCE", help="Catalogue name, file or folder; see lstmkit data list.")]
# Reading says better what is wrong; access(2), which typer asks, knows no capabilities.
Run = Annotated[Path, typer.Argument(metavar="RUN", help="A run or lab folder.", readable=False)]
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
SeriesColumn = Annotated[
    str | None, typer.Option(help="Column that names the series, where a row is one step.  [default: found]")
]
TimeColumn = Annotated[str | None, typer.Option(help="Column of the steps' times.  [default: found]")]
Encoding = Annotated[str | None, typer.Option(help="Encoding of text files, such as cp1252.  [default: UTF-8]")]
Delimiter = Annotated[
    str | None, typer.Option(metavar="CHARACTER", help="Between fields, such as ';' or tab.  [default: by the suffix]")
]
NoHeader = Annotated[bool, typer.Option("--no-header", help="The first line holds data; columns are numbered from 1.")]
DateFormat = Annotated[
    str | None, typer.Option(metavar="FORMAT", help="How dates are written, such as %d/%m/%Y.  [default: ISO]")
]
Thousands = Annotated[
    str | None, typer.Option(metavar="CHARACTER", help="Groups the digits of numbers, such as ','.  [default: none]")
]
Decimal = Annotated[str | None, typer.Option(metavar="CHARACTER", help="Decimal point of numbers.  [default: .]")]
Task = Annotated[str | None, typer.Option(help="classify, forecast or regression.  [default: classify]")]
Horizon = Annotated[int | None, typer.Option(help="Of a forecast: how many steps ahead.")]
OnBadRow = Annotated[str | None, typer.Option(help="fail, or skip and list in rejected.jsonl.  [default: fail]")]

Asked = Mapping[str, Any]
"""The values of a group of options by name; None where one is not given, False where a switch is not."""

DIALECT: dict[str, tuple[Any, Any]] = {
    "encoding": (Encoding, None),
    "delimiter": (Delimiter, None),
    "no_header": (NoHeader, False),
    "date_format": (DateFormat, None),
    "thousands": (Thousands, None),
    "decimal": (Decimal, None),
}
COLUMNS: dict[str, tuple[Any, Any]] = {
    "text_column": (TextColumn, None),
    "label_column": (LabelColumn, None),
    "series_column": (SeriesColumn, None),
    "time_column": (TimeColumn, None),
}
READING = {**COLUMNS, **DIALECT, "on_bad_row": (OnBadRow, None)}
CONFIGURED: dict[str, tuple[Any, Any]] = {
    "seed": (Seed, None),
    "preset": (Preset, None),
    "config": (ConfigFile, None),
    "assignments": (Assignments, None),
}
RUN: dict[str, tuple[Any, Any]] = {
    "out": (Out, None),
    **CONFIGURED,
    "epochs": (Epochs, None),
    "resume": (Resume, False),
    "resume_anyway": (ResumeAnyway, False),
    "device": (Device, None),
    "threads": (Threads, None),
    "engine": (Engine, None),
    **READING,
}


def taking(group: Mapping[str, tuple[Any, Any]]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command a group of options, which reach it as one mapping in its parameter `asked`.

    Args:
        group: annotation and default by the option's name.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = inspect.signature(command)
        parameters: list[inspect.Parameter] = []
        for parameter in own.parameters.values():
            if parameter.name != "asked":
                parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))
                continue
            for name, (annotation, default) in group.items():
                parameters.append(
                    inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
                )

        @functools.wraps(command)
        def with_group(**values: Any) -> None:
            asked = {name: values.pop(name) for name in group}
            command(**values, asked=asked)

        with_group.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
        with_group.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return with_group

    return decorate


def reading_keys(asked: Asked) -> dict[str, Any]:
    """Return the keys of the configuration's section `data` that options give, by name without the section."""
    return {key.removeprefix("data."): value for key, value in _given(asked).items() if key.startswith("data.")}


def configuration(default_preset: str, source: str, asked: Asked, any_task: bool = False) -> "Config":
    """Return one configuration from a command's options.

    Args:
        default_preset: the command's preset.
        source: the SOURCE.
        asked: the options of the group `RUN`, or of a part of it.
        any_task: whether the command is for other tasks than classification too.
    """
    from lstmkit.config.applies import asked_keys, check_applies
    from lstmkit.config.resolve import resolve  # pydantic, which --help does without
    from lstmkit.data.sources import CATALOGUE, look_at

    customary = CATALOGUE[source].customary if source in CATALOGUE else {}
    given, assignments = _given(asked), asked.get("assignments") or []
    request = (asked.get("preset"), asked.get("config"), assignments, {"data.source": source, **given})
    # The first resolution knows all that was said of the source, wherever it was said; presets differ by modality.
    found = look_at(resolve(*request, default_preset, customary).data)
    modality = found.modality if found else "text"
    resolved = resolve(*request, default_preset, customary, modality)
    if found:
        spelled = {key: f"--{name.replace('_', '-')}" for name, key in _KEYS.items() if key in given}
        basis = {"data.source": source, "task.goal": resolved.task.goal}
        start = resolve(resolved.preset, None, [], basis, customary=customary, kind=modality)
        check_applies(resolved, asked_keys(resolved, start, assignments, given), found, spelled)
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
    **{name: f"data.{name}" for name in READING if name != "no_header"},
    "no_header": "data.header",
}


def _given(asked: Asked) -> dict[str, Any]:
    """Return the values of the options that were given, by key of the configuration."""
    given = {key: asked.get(name) for name, key in _KEYS.items()}
    given["data.header"] = False if asked.get("no_header") else None
    return {key: value for key, value in given.items() if value is not None}
