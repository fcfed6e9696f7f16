"""An explanation on the terminal: tokens coloured by what they add, the reasons, the twin's answer."""

import sys
from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.text import Text

from lstmkit.core.explained import completeness
from lstmkit.core.names import NAMES

# Backgrounds from weak to strong, with an ink of their own: legible whatever the terminal's own colours are.
_FOR = ("#d6e6f4", "#a3c8e6", "#5f9fd0")
_AGAINST = ("#fbe3d6", "#f3bd9d", "#e58a55")
_LEAST = 0.1  # of the largest attribution: less stays uncoloured
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
    for model in (main, *twins):
        yield _answer(model, labels)
    if record.get("label") is not None:
        yield f"true label: {_clean(record['label'])}"
    if record["n_given"] > record["n_read"]:
        yield f"read: {record['n_read']:,} of {record['n_given']:,} tokens, as the model truncates"
    if record["twin_left_out"]:
        yield f"the run's twin is left out: {record['twin_left_out']}"
    found = main["attribution"]
    values, name = found["values"][0], _clean(labels[found["classes"][0]])
    yield ""
    yield _text(record, values, coloured)
    yield ""
    if not any(known for *_, known in record["pieces"]):
        yield "no token is in the vocabulary: to the model it is the baseline itself, so there is nothing to attribute"
    for sign, words in ((1, f"for “{name}”"), (-1, f"against “{name}”")):
        reasons = sorted((-abs(value), k) for k, value in enumerate(values) if sign * value > 0)[:_MOST_REASONS]
        tokens = [f"{_clean(record['pieces'][k][1])} {values[k]:+.2f} (token {k + 1})" for _, k in reasons]
        yield f"{words}: {', '.join(tokens) or 'none'}"
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


def _answer(model: dict[str, Any], labels: list[str]) -> str:
    shares = sorted(zip(model["probabilities"], labels, strict=True), key=lambda pair: -pair[0])
    (best, label), *others = shares
    rest = ", ".join(f"{_clean(name)} {share:.1%}" for share, name in others[:_MOST_OTHERS])
    more = ", …" if len(others) > _MOST_OTHERS else ""
    return f"{NAMES[model['cell']]}: {_clean(label)} {best:.1%} ({rest}{more})"


def _text(record: dict[str, Any], values: list[float], coloured: bool) -> Text:
    largest = max(abs(value) for value in values) or 1.0
    text = Text()
    hole = f" … {record['n_given'] - record['n_read']:,} tokens not read … "
    for k, ((before, token, _), value) in enumerate(zip(record["pieces"], values, strict=True)):
        text.append(hole if record["hole"] == k else "").append(_clean(before.replace("<br />", "\n")))
        share = abs(value) / largest
        if coloured and share >= _LEAST:
            shade = (_FOR if value > 0 else _AGAINST)[min(2, int(3 * share))]
            # The sign is told by more than the hue.
            text.append(_clean(token), f"#10141a on {shade}" + ("" if value > 0 else " underline"))
        else:
            text.append(_clean(token))
            if not coloured and share >= _MARKED:
                text.append(f"[{value:+.2f}]")
    return text.append(hole if record["hole"] == len(values) else "").append(_clean(record["tail"]))


def _clean(text: str) -> str:
    """The text without what could steer a terminal."""
    return "".join(letter if letter.isprintable() or letter in "\n\t" else "\ufffd" for letter in text)
