"""Make `docs/configuration.md` from the schema: `python -m lstmkit.config.document docs/configuration.md`."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import tomli_w
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from lstmkit.config.presets import PRESETS
from lstmkit.config.resolve import resolve
from lstmkit.config.schema import Config
from lstmkit.core.errors import RequestError
from lstmkit.core.files import write_text

# Options that are short for a key, as `lstmkit train --help` lists them.
OPTIONS = {
    "--seed": "seed",
    "--epochs": "train.epochs",
    "--device": "run.device",
    "--threads": "run.threads",
    "--engine": "run.engine",
    "--text-column": "data.text_column",
    "--label-column": "data.label_column",
    "--series-column": "data.series_column",
    "--time-column": "data.time_column",
    "--encoding": "data.encoding",
    "--delimiter": "data.delimiter",
    "--no-header": "data.header",
    "--date-format": "data.date_format",
    "--thousands": "data.thousands",
    "--decimal": "data.decimal",
    "--on-bad-row": "data.on_bad_row",
    "--task": "task.goal",
    "--horizon": "task.horizon",
}
EXAMPLE = {"model": {"cell": "gru", "hidden_size": 64}, "train": {"epochs": 8, "class_weights": "balanced"}}
WRONG = (
    "train.epoch=5",
    "epochs=5",
    "train.epochs=many",
    "train.epochs=2.5",
    "model.cell=lsmt",
    "train.learning_rate=0",
    "model.layer_dropout=0.2",
)
_TYPES = {int: "integer", float: "number", bool: "`true`, `false`", str: "text"}
_BOUNDS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}

_HEAD = """\
# Configuration

This page is made from the schema (`make docs`); a test sees to it that the two agree. What a run used stands in its
`config.toml`, every key spelled out, and fed back with `--config` it trains the same model.

## How a configuration comes about

The later wins:

1. the defaults of the tables below;
2. the preset: `--preset`, else the file's `preset`, else the command's own (`lab` for `lstmkit lab`, else `default`);
3. `--config FILE.toml`;
4. `--set KEY=VALUE`, as often as you like, in the order given;
5. options that are short for a key: {options}.

A run's own `config.toml` holds every key, so a preset beside it changes nothing but the name. A file of your own holds
what you want otherwise:

```toml my.toml
{example}```

```bash
lstmkit train reviews.csv --preset lab --config my.toml --set train.learning_rate=0.001 --seed 1 --out runs/configured
```

`--set` reads the value as TOML (`true`, `5`, `0.5`, `"text"`); what TOML cannot read is taken as text, so most text
needs no quotes. A column named `1` does: `--set 'data.text_column="1"'`. A whole number stands for a number with a
point; nothing else is converted.

## Keys

A preset's column is empty where it leaves the default alone.
"""
_REFUSALS = """
## Refusals

A configuration is checked before any work begins; nothing is written, and the exit status is 2. A key that does not
exist is answered with the nearest one that does.

```console
{refusals}
```
"""


def render() -> str:
    """The page, as Markdown."""
    options = ", ".join(f"`{option}` (`{key}`)" for option, key in OPTIONS.items())
    lines = [_HEAD.format(options=options, example=tomli_w.dumps(EXAMPLE))]
    sections = {name: field for name, field in Config.model_fields.items() if _is_section(field)}
    plain = {name: field for name, field in Config.model_fields.items() if name not in sections}
    lines += ["### The run as a whole", "", *_table("", plain)]
    for name, field in sections.items():
        section: type[BaseModel] = field.annotation  # type: ignore[assignment]
        lines += ["", f"### `{name}`", "", section.__doc__ or "", "", *_table(f"{name}.", section.model_fields)]
    refusals = [f"$ lstmkit train reviews.csv --set {wrong}\nerror: {_refusal(wrong)}" for wrong in WRONG]
    lines.append(_REFUSALS.format(refusals="\n".join(refusals)).rstrip())
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str]) -> int:
    """Write the page to the path given. Exit status."""
    if len(arguments) != 1:
        sys.stderr.write("error: one path is needed; python -m lstmkit.config.document docs/configuration.md\n")
        return 2
    write_text(Path(arguments[0]), render())
    return 0


def _is_section(field: FieldInfo) -> bool:
    return isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)


def _table(prefix: str, fields: dict[str, FieldInfo]) -> Iterator[str]:
    names = list(PRESETS)
    yield f"| key | allowed | default | {' | '.join(f'preset `{name}`' for name in names)} | meaning |"
    yield "| --- " * (4 + len(names)) + "|"
    for name, field in fields.items():
        key = prefix + name
        presets = [_own(preset, key) for preset in names]
        cells = [f"`{key}`", _allowed(field), _shown(field.default), *presets, field.description or ""]
        yield f"| {' | '.join(cells)} |"


def _own(preset: str, key: str) -> str:
    """What a preset sets, or nothing."""
    section, _, leaf = key.rpartition(".")
    if key == "preset":
        return _shown(preset)
    values = PRESETS[preset].get(section, {})
    return _shown(values[leaf]) if leaf in values else ""


def _allowed(field: FieldInfo) -> str:
    kind: Any = field.annotation
    if get_origin(kind) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(kind))
    bounds = [
        f"{words} {_number(getattr(bound, name))}"
        for bound in field.metadata
        for name, words in _BOUNDS.items()
        if hasattr(bound, name)
    ]
    return f"{_TYPES[kind]}, {' and '.join(bounds)}" if bounds else _TYPES[kind]


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _shown(value: Any) -> str:
    if value == "":
        return "empty"
    return f"`{value}`" if isinstance(value, str) else f"`{tomli_w.dumps({'v': value})[4:].strip()}`"


def _refusal(wrong: str) -> str:
    """What `--set wrong` is answered with."""
    try:
        resolve(assignments=[wrong])
    except RequestError as error:
        return str(error)
    raise ValueError(f"{wrong} is allowed by now; give another example")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
