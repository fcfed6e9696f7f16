"""The lines of `lstmkit predict RUN --stream`, as what is pushed: text, tokens or numbers."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple


class Pushed(NamedTuple):
    """One line: what is pushed, or why it cannot be; or, of an empty one, that a sequence ends."""

    line: int
    step: Any
    fault: str = ""
    is_end: bool = False


Parse = Callable[[int, str], Pushed]


def lines_of_pushes(path: Path, parse: Parse, is_json: bool) -> Iterator[Pushed]:
    """Each line of a file or pipe as it comes.

    Raises:
        DataError: it cannot be read.
    """
    from lstmkit.data.sources.lines import lines_of
    from lstmkit.data.sources.plan import SourceFile

    for number, text, fault, detail in lines_of(SourceFile(path, path.name)):
        line = text.rstrip("\r\n")
        if fault:
            yield Pushed(number, None, fault + detail)
        elif not line or (is_json and not line.strip()):
            yield Pushed(number, None, is_end=True)
        else:
            yield parse(number, line)


def words_json(number: int, line: str) -> Pushed:
    """A JSON line: a text, a token, a list of tokens, {"text": ...} or {"tokens": [...]}."""
    value, fault = _loaded(line)
    if fault:
        return Pushed(number, None, fault)
    if isinstance(value, dict):
        names = [name for name in ("text", "tokens") if name in value]
        if len(names) != 1:
            return Pushed(number, None, 'an object needs "text" or "tokens", one of the two')
        value = value[names[0]]
        if not isinstance(value, str if names[0] == "text" else list):
            return Pushed(
                number, None, f"{names[0]} is {value!r}, and should be a {'string' if names[0] == 'text' else 'list'}"
            )
    if value is None or isinstance(value, bool) or not isinstance(value, str | int | float | list):
        return Pushed(number, None, f"{line.strip()} is no text, token or list of tokens")
    if isinstance(value, list) and (found := _boolean_in(value)):
        return Pushed(number, None, f"{found} is no token; write strings and whole numbers")
    return Pushed(number, value)


def numbers_line(number: int, line: str) -> Pushed:
    """A line of numbers with commas, tabs or white space between: a step, or of one channel a step each."""
    from lstmkit.data.sources.gathered import number_of

    separator = next((one for one in (",", "\t") if one in line.strip(" ")), None) if line.strip() else None
    step: list[float] = []
    for cell in line.split(separator):
        try:
            step.append(number_of(cell))
        except ValueError:
            return Pushed(number, None, f"{cell.strip()!r} is no number; write numbers with commas between")
    return Pushed(number, step)


def numbers_json(number: int, line: str) -> Pushed:
    """A JSON line: a number, a list of channels, a list of steps, or {"values": ...}; null where a value is missing."""
    value, fault = _loaded(line)
    if not fault and isinstance(value, dict):
        if "values" not in value:
            return Pushed(number, None, 'an object needs "values", the numbers of a step or a list of steps')
        value = value["values"]
    if not fault and (isinstance(value, bool) or not isinstance(value, int | float | list | None)):
        fault = f"{line.strip()} is no number and no list of numbers"
    if not fault and isinstance(value, list) and (found := _boolean_in(value)):
        fault = f"{found} is no number; write numbers, and null where one is missing"
    return Pushed(number, None, fault) if fault else Pushed(number, value)


def _boolean_in(values: list[Any]) -> str:
    """A boolean within nested lists, as JSON writes it; empty where there is none."""
    waiting: list[Any] = [values]
    while waiting:
        value = waiting.pop()
        if isinstance(value, bool):
            return json.dumps(value)
        if isinstance(value, list):
            waiting += value
    return ""


def _loaded(line: str) -> tuple[Any, str]:
    from lstmkit.core.files import parse_json
    from lstmkit.core.reading import cause_of

    try:
        return parse_json(line), ""
    except ValueError as error:
        return None, f"not JSON ({cause_of(error)})"
