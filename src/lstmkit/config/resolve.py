"""From preset, TOML file, `--set` and options to one `Config`; the later wins. Refusals name the nearest known key."""

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tomli_w
from pydantic import BaseModel, ValidationError

from lstmkit.config.presets import FOR_KIND, FOR_TASK, PRESETS
from lstmkit.config.schema import Config
from lstmkit.core.errors import RequestError
from lstmkit.core.files import path_fault, printable
from lstmkit.core.reading import cause_of

_SHOWN_CHARACTERS = 100  # of a value in an error
_BEYOND = 2**63  # what TOML can hold
_LONGEST_WORD = 200  # characters of a name for which a similar one is looked for
_DEEPEST = 8  # tables within tables; the schema has 2


def resolve(
    preset: str | None = None,
    file: Path | None = None,
    assignments: Sequence[str] = (),
    overrides: Mapping[str, Any] | None = None,
    default_preset: str = "default",
    customary: Mapping[str, Any] | None = None,
    kind: str = "text",
) -> Config:
    """Build the configuration.

    Args:
        preset: name of a preset; None: the file's, else `default_preset`.
        file: a TOML file, as `config.toml` in a run folder.
        assignments: `key.path=value` strings; a value is read as TOML, else taken as a string.
        overrides: dotted keys and values from options of their own; None values are left out.
        default_preset: the command's preset.
        customary: dotted keys and values that the source brings; they win over the preset's and no others.
        kind: what the source holds: text, tokens or series; presets differ in it.

    Raises:
        RequestError: an unknown preset or key, an ill-typed value, a file that is absent or not TOML.
    """
    from_file = _read_toml(file) if file else {}
    flat_file = _flat(from_file)
    name = preset or from_file.get("preset", default_preset)
    if not isinstance(name, str) or name not in PRESETS:
        guess = nearest(name, PRESETS) if isinstance(name, str) else ""
        raise RequestError(f"preset {_shown(name)} is unknown; there are {', '.join(sorted(PRESETS))}{guess}")
    tree: dict[str, Any] = {"preset": name}
    task = _task_asked(from_file, assignments, overrides or {})
    if task == "forecast":
        kind = "forecast"  # of series, but another network suits it
    for starting in (PRESETS[name], FOR_KIND.get(kind, {}).get(name, {}), FOR_TASK.get(task, {})):
        for key, value in _flat(starting).items():
            _put(tree, key, value)
    for key, value in (customary or {}).items():
        _put(tree, key, value)
    for key, value in flat_file.items():
        _put(tree, key, name if key == "preset" else value)
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals:
            raise RequestError(f"--set {_cut(assignment)}: no '='; write --set train.epochs=5")
        if key.strip() == "preset":
            raise RequestError(
                f"--set {_cut(assignment)}: a preset is where the keys start from; use --preset {_cut(text.strip())}"
            )
        _put(tree, key.strip(), _value_of(text.strip()))
    for key, value in (overrides or {}).items():
        if value is not None:
            _put(tree, key, value)
    return validate(tree)


def validate(tree: Mapping[str, Any]) -> Config:
    """Check a tree of plain values against the schema.

    Raises:
        RequestError: the first fault, in one line.
    """
    for key in _flat(tree):
        _check_key(key)
    try:
        config = Config.model_validate(tree)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise RequestError(
            f"{key} = {_shown(first['input'])}: {first['msg'].lower()}; see docs/configuration.md"
        ) from error
    for key, value in _flat(config.model_dump()).items():
        if isinstance(value, int) and value >= _BEYOND:
            raise RequestError(f"{key} = {_shown(value)}: a whole number below 2^63 is needed")
    if config.model.layer_dropout and config.model.num_layers == 1:
        raise RequestError(
            "model.layer_dropout acts between layers and model.num_layers is 1; set one of them otherwise"
        )
    return config


def to_toml(config: Config) -> str:
    """The whole configuration as TOML; `resolve(file=...)` gives the same configuration back."""
    return tomli_w.dumps(config.model_dump())


def load_config(path: Path) -> Config:
    """Read a run's `config.toml`.

    Raises:
        RequestError: absent, not TOML, or not this schema.
    """
    return validate(_read_toml(path))


def known_keys() -> dict[str, str]:
    """Every dotted key with its one-line meaning, in the schema's order."""
    return {key: description for key, (_, description) in _leaves(Config).items()}


def nearest(word: str, known: Any) -> str:
    """`; did you mean X?` for the closest of `known`, or nothing."""
    if len(word) > _LONGEST_WORD:  # no slip of the finger; comparing takes time by the square of the length
        return ""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""


def differences(one: Config, other: Config) -> list[str]:
    """Dotted keys in which two configurations differ, with both values."""
    first, second = _flat(one.model_dump()), _flat(other.model_dump())
    return [f"{key} ({first[key]!r} there, {second[key]!r} here)" for key in first if first[key] != second[key]]


def _task_asked(from_file: Mapping[str, Any], assignments: Sequence[str], overrides: Mapping[str, Any]) -> str:
    """The task that a request names, before its values are checked."""
    assigned = [text.partition("=")[2].strip() for text in assignments if text.partition("=")[0].strip() == "task.goal"]
    named = (overrides.get("task.goal"), *assigned[::-1], _flat(from_file).get("task.goal"))
    return next((name for name in named if name and isinstance(name, str)), "classify")


def _leaves(section: type[BaseModel], prefix: str = "") -> dict[str, tuple[Any, str]]:
    leaves: dict[str, tuple[Any, str]] = {}
    for name, field in section.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            leaves |= _leaves(kind, f"{prefix}{name}.")
        else:
            leaves[prefix + name] = (field, field.description or "")
    return leaves


def _check_key(key: str) -> None:
    known = known_keys()
    if key in known:
        return
    by_last_part = {name.rpartition(".")[2]: name for name in known}
    last = key.rpartition(".")[2]
    guess = f"; did you mean {by_last_part[last]!r}?" if last in by_last_part else nearest(key, known)
    raise RequestError(f"configuration key {_shown(key)} is unknown{guess or '; docs/configuration.md lists them all'}")


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    if prefix.count(".") > _DEEPEST:
        raise RequestError(f"configuration key {_shown(prefix)} is unknown; docs/configuration.md lists them all")
    for key, value in tree.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


def _put(tree: dict[str, Any], key: str, value: Any) -> None:
    _check_key(key)
    *sections, leaf = key.split(".")
    for section in sections:
        tree = tree.setdefault(section, {})
    # TOML and shells write 1 for 1.0; the schema is strict otherwise, so that "5" is not 5.
    field = _leaves(Config)[key][0]
    is_float = "float" in str(field.annotation)
    if is_float and isinstance(value, int) and not isinstance(value, bool):
        try:
            value = float(value)
        except OverflowError as error:
            raise RequestError(f"{key} = {_shown(value)}: beyond the largest number; give a smaller one") from error
    tree[leaf] = value


def _value_of(text: str) -> Any:
    """Return a value as TOML has it; what is no value of TOML is a string, whatever it holds."""
    try:
        read = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    return read["value"] if list(read) == ["value"] else text


def _read_toml(path: Path) -> dict[str, Any]:
    if fault := path_fault(path):
        raise RequestError(f"{printable(str(path))}: {fault}; --config takes a TOML file")
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise RequestError(f"{path}: {error.strerror}; --config takes a TOML file") from error
    except (ValueError, RecursionError) as error:
        raise RequestError(f"{path}: not TOML ({cause_of(error)})") from error


def _shown(value: Any) -> str:
    """Return a value as an error shows it: of a long one the beginning."""
    try:
        return _cut(repr(value))
    except (ValueError, RecursionError):  # a whole number of thousands of digits, written in hexadecimal; deep lists
        return f"a {type(value).__name__} that is too long to show"


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 1]}…"
