"""An explanation on the terminal: tokens or curves coloured by what they add, the reasons, the twin's answer."""

import sys
from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.text import Text

from lstmkit.cli.explained_curves import curve_lines, reason_lines
from lstmkit.cli.shades import shade_of
from lstmkit.core.explained import completeness
from lstmkit.core.names import NAMES
from lstmkit.core.wording import clean
from lstmkit.report.explanation_records import checked_record

_MARKED = 0.25  # of the largest attribution: marked where there are no colours
_MOST_REASONS, _MOST_OTHERS = 5, 3


def show(record: dict[str, Any]) -> None:
    """Print an explanation to stdout, from its record; plain where stdout is no terminal or NO_COLOR is set."""
    console = Console(file=sys.stdout, highlight=False, markup=False, emoji=False)
    coloured = console.is_terminal and console.color_system is not None and not console.no_color
    for line in _lines(record, coloured):
        console.print(line, soft_wrap=True)


def _lines(record: dict[str, Any], coloured: bool) -> Iterator[Text | str]:
    labels, (main, *twins) = record["labels"], record["models"]
    checked = checked_record(record)
    unit = checked.unit
    for model in (main, *twins):
        yield _answer(model, labels)
    if record.get("label") is not None:
        yield f"true label: {clean(record['label'])}"
    if record["n_given"] > record["n_read"]:
        yield f"read: {record['n_read']:,} of {record['n_given']:,} {unit}s, as the model truncates"
    if record["twin_left_out"]:
        yield f"the run's twin is left out: {record['twin_left_out']}"
    found = main["attribution"]
    values, name = found["values"][0], clean(labels[found["classes"][0]])
    yield ""
    if checked.series:
        yield from curve_lines(checked, checked.series, coloured)
        yield ""
        yield from reason_lines(checked, checked.series, name)
    else:
        yield _text(record, values, coloured)
        yield ""
        yield from _reasons(record, values, name)
    difference = found["at_input"][0] - found["at_baseline"][0]
    yield (
        f"attributions sum to {found['sums'][0]:+.3f} of {difference:+.3f} nats of log-odds: "
        f"{completeness(difference, found['errors'][0], found['n_steps'][0])}"
    )
    if deletion := main["deletion"]:
        yield (
            f"deleting by attribution lowers the probability faster than {deletion['n_beaten']} of "
            f"{len(deletion['random'])} random orders (area {deletion['area']:+.3f}"
            f"{f', {tied} come to the same' if (tied := deletion.get('n_tied')) else ''})"
        )


def _reasons(record: dict[str, Any], values: list[float], name: str) -> Iterator[str]:
    if not any(known for *_, known in record["pieces"]):
        yield "no token is in the vocabulary: to the model it is the baseline itself, so there is nothing to attribute"
    for sign, words in ((1, f"for “{name}”"), (-1, f"against “{name}”")):
        reasons = sorted((-abs(value), k) for k, value in enumerate(values) if sign * value > 0)[:_MOST_REASONS]
        tokens = [f"{clean(record['pieces'][k][1])} {values[k]:+.2f} (token {k + 1})" for _, k in reasons]
        yield f"{words}: {', '.join(tokens) or 'none'}"


def _answer(model: dict[str, Any], labels: list[str]) -> str:
    shares = sorted(zip(model["probabilities"], labels, strict=True), key=lambda pair: -pair[0])
    (best, label), *others = shares
    rest = ", ".join(f"{clean(name)} {share:.1%}" for share, name in others[:_MOST_OTHERS])
    more = ", …" if len(others) > _MOST_OTHERS else ""
    return f"{NAMES[model['cell']]}: {clean(label)} {best:.1%} ({rest}{more})"


def _text(record: dict[str, Any], values: list[float], coloured: bool) -> Text:
    largest = max(abs(value) for value in values) or 1.0
    text = Text()
    hole = f" … {record['n_given'] - record['n_read']:,} tokens not read … "
    for k, ((before, token, _), value) in enumerate(zip(record["pieces"], values, strict=True)):
        text.append(hole if record["hole"] == k else "").append(clean(before.replace("<br />", "\n")))
        text.append(clean(token), shade_of(value / largest) if coloured else None)
        if not coloured and abs(value) >= _MARKED * largest:
            text.append(f"[{value:+.2f}]")
    return text.append(hole if record["hole"] == len(values) else "").append(clean(record["tail"]))
