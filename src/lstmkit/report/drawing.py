"""The network drawn from a run's own sizes, and the digits as pictures. Colours come from the page."""

import re
from collections.abc import Sequence

from lstmkit.config.schema import ModelConfig
from lstmkit.core.names import KEPT, NAMES
from lstmkit.report.records import Architecture, Curves, Sound

_WIDTH = 420
_BOX_LEFT, _BOX_WIDTH = 10, 400
_POOLED = {
    "last": "the last valid state",
    "mean": "mean over the valid states",
    "max": "maximum over the valid states",
    "max_mean": "maximum and mean over the valid states",
}


def network(architecture: Architecture, model: ModelConfig) -> str:
    """Draw the whole network, from tokens down to class probabilities, with this run's shapes and parameter counts.

    Args:
        architecture: sizes and counts, as the run recorded them.
        model: the configuration's table, for the dropouts that are in use.
    """
    a = architecture
    embedded = f"T × {a.embedding_size:,}"
    directions = "both directions" if a.bidirectional else "one direction"
    layers = "1 layer" if a.num_layers == 1 else f"{a.num_layers} layers"
    parts = [_tokens(a)]
    y = 66
    steps: list[tuple[str, str, str, int | None]] = [
        (*_entrance(a), a.parameters.embedding),
        (embedded, NAMES[a.cell], f"{layers}, {directions}, {a.hidden_size:,} units", a.parameters.recurrence),
        (f"T × {a.state_size:,}", "Pooling", _POOLED[a.pooling], None),
        (f"{a.pooled_size:,}", "Fully connected", f"{a.pooled_size:,} → {a.n_classes:,}", a.parameters.head),
        (f"{a.n_classes:,} logits", "Softmax", f"probabilities of {a.n_classes:,} classes", None),
    ]  # fmt: skip
    notes = {
        "Embedding": f"word dropout {model.word_dropout:g}" if model.word_dropout else "",
        "Fully connected": f"dropout {model.head_dropout:g}" if model.head_dropout else "",
    }
    for shape, name, words, parameters in steps:
        parts.append(_arrow(y, shape, notes.get(name, "")))
        y += 34
        recurrent = name == NAMES[a.cell]
        rows = min(a.num_layers, 2) * (2 if a.bidirectional else 1) if recurrent else 0
        height = 48 + 30 * rows + (6 if rows else 0)
        kind = f"block {a.cell}" if recurrent else "block"
        parts.append(
            f'<rect class="{kind}" x="{_BOX_LEFT}" y="{y}" width="{_BOX_WIDTH}" height="{height}" rx="8"/>'
            f'<text class="name" x="26" y="{y + 21}">{name}</text>'
            f'<text class="small" x="26" y="{y + 38}">{words}</text>'
        )
        if parameters is not None:
            parts.append(
                f'<text class="count" x="394" y="{y + 21}">{parameters:,}</text>'
                f'<text class="small end" x="394" y="{y + 38}">parameters</text>'
            )
        parts += [_unrolled(y + 52 + 30 * row, a, row) for row in range(rows)]
        y += height
    alt = (
        f"The network: {_entrance_in_words(a)}, {NAMES[a.cell]} of "
        f"{layers}, {directions}, {a.hidden_size:,} units, {_POOLED[a.pooling]}, "
        f"fully connected, softmax over {a.n_classes:,} classes; {a.parameters.total:,} parameters in all."
    )
    head = f'<svg class="drawing network" role="img" aria-label="{alt}" viewBox="0 0 {_WIDTH} {y + 4}">'
    return f"{head}{''.join(parts)}</svg>"


def truncation(architecture: Architecture) -> str:
    """What happens to a sequence that is too long, in words."""
    unit = "steps" if architecture.n_features else "tokens"
    return f"of a sequence longer than {architecture.max_length:,} {unit}, {KEPT[architecture.truncate]}"


def series_picture(curves: Curves) -> str:
    """A series as small curves, one below the other, each on the scale of its own values; of many channels as a map."""
    wide, high, gap = 300, 26, 4
    if curves.shades:
        return _series_map(curves)
    n_shown = len(curves.values)
    parts = []
    for k, values in enumerate(curves.values):
        there = [value for value in values if value is not None]
        low, high_value = (min(there), max(there)) if there else (0.0, 0.0)
        scale = (high - 2) / (high_value - low) if high_value > low else 0.0
        y = k * (high + gap)
        pieces: list[list[str]] = [[]]
        for place, value in enumerate(values):
            if value is None:
                pieces.append([])
                continue
            x = wide * place / max(1, len(values) - 1)
            pieces[-1].append(f"{x:.4g} {y + high - 1 - (value - low) * scale if scale else y + high / 2:.4g}")
        path = "".join(f"M{'L'.join(piece if len(piece) > 1 else 2 * piece)}" for piece in pieces if piece)
        parts.append(f'<path class="curve" d="{path}"/>')
    words = f"{curves.n_steps:,} steps of {curves.n_channels:,} channel{'s' if curves.n_channels > 1 else ''}"
    height = n_shown * (high + gap) - gap
    return (
        f'<svg class="series" role="img" aria-label="{words}" viewBox="0 0 {wide} {height}" width="{wide}" '
        f'height="{height}">{"".join(parts)}</svg><p class="muted note">{words}</p>'
    )


def sound_picture(sound: Sound) -> str:
    """A recording's spectrogram: time to the right, frequency upwards, the darker the louder."""
    wide, high = len(sound.bands[0]), len(sound.bands)
    words = f"{sound.seconds:.2f} s at {sound.rate:,} Hz"
    return (
        f'<svg class="sound" role="img" aria-label="spectrogram of {words}" viewBox="0 0 {wide} {high}" '
        f'width="{4 * wide}" preserveAspectRatio="none">{_shaded(sound.bands[::-1])}</svg>'
        f'<p class="muted note">{words}</p>'
    )


def _series_map(curves: Curves) -> str:
    """Time to the right, a row for each channel from the first, the darker the nearer to its own greatest value."""
    wide, high = len(curves.shades[0]), len(curves.shades)
    left_out = f", {high} of them shown" if high < curves.n_channels else ""
    words = f"{curves.n_steps:,} steps of {curves.n_channels:,} channels{left_out}, each on its own scale"
    return (
        f'<svg class="series map" role="img" aria-label="map of {words}" viewBox="0 0 {wide} {high}" '
        f'width="300" height="{max(72, 4 * high)}" preserveAspectRatio="none">{_shaded(curves.shades)}</svg>'
        f'<p class="muted note">{words}</p>'
    )


def _shaded(rows: Sequence[str]) -> str:
    """Rows of digits from 0 to 7, the first uppermost, as a path for each shade."""
    shades: dict[str, list[str]] = {}
    for y, row in enumerate(rows):
        for found in re.finditer(r"([1-7])\1*", row):
            shades.setdefault(found[1], []).append(f"M{found.start()} {y}h{len(found[0])}v1h-{len(found[0])}z")
    return "".join(
        f'<path d="{"".join(pieces)}" fill-opacity="{int(shade) / 7:.2f}"/>' for shade, pieces in sorted(shades.items())
    )


def digit_picture(text: str) -> str | None:
    """An 8 × 8 grey picture of a digit from its 64 tokens of 0 to 16, or None where the text is no such thing."""
    tokens = text.split()
    if len(tokens) != 64 or not all(token.isascii() and token.isdigit() and int(token) <= 16 for token in tokens):
        return None
    squares = "".join(
        f'<rect x="{place % 8}" y="{place // 8}" width="1.02" height="1.02" fill-opacity="{int(token) / 16:g}"/>'
        for place, token in enumerate(tokens)
        if int(token)
    )
    return (
        '<svg class="digit" role="img" aria-label="the 64 tokens as a picture of 8 by 8 pixels" viewBox="0 0 8 8">'
        f"{squares}</svg>"
    )


def _entrance(a: Architecture) -> tuple[str, str, str]:
    """What comes in, the block that reads it, and its size."""
    if a.n_features:
        return f"T × {a.n_features:,}, T ≤ {a.max_length:,}", "Projection", f"{a.n_features:,} → {a.embedding_size:,}"
    size = f"{a.vocabulary_size or 0:,} × {a.embedding_size:,}"
    return f"T token numbers, T ≤ {a.max_length:,}", "Embedding", size


def _entrance_in_words(a: Architecture) -> str:
    if a.n_features:
        return f"steps of {a.n_features:,} numbers, projection to {a.embedding_size:,}"
    return f"tokens, embedding of {a.vocabulary_size or 0:,} by {a.embedding_size:,}"


def _tokens(a: Architecture) -> str:
    parts = []
    for place, words in enumerate(("x₁", "x₂", "x₃", "…", "x<tspan font-size='9' dy='3'>T</tspan>")):
        x = 100 + 46 * place
        box = "" if words == "…" else f'<rect class="token" x="{x}" y="26" width="36" height="36" rx="4"/>'
        parts.append(f'{box}<text class="glyph" x="{x + 18}" y="49">{words}</text>')
    what = "steps" if a.n_features else "tokens"
    return f'<text class="small middle" x="210" y="14">one sequence of {what}</text>{"".join(parts)}'


def _arrow(y: int, shape: str, note: str) -> str:
    extra = f'<text class="small end" x="198" y="{y + 20}">{note}</text>' if note else ""
    return (
        f'<path class="wire" d="M210 {y}V{y + 26}"/><path class="tip" d="M210 {y + 32}l-4 -8h8z"/>'
        f'<text class="shape" x="222" y="{y + 20}">{shape}</text>{extra}'
    )


def _unrolled(y: int, a: Architecture, row: int) -> str:
    """One layer in one direction, unrolled over a few steps."""
    backward = a.bidirectional and row % 2 == 1
    parts = []
    for place in range(5):
        x = 118 + 46 * place
        if place == 3:
            parts.append(f'<text class="glyph" x="{x + 18}" y="{y + 14}">…</text>')
        else:
            parts.append(f'<rect class="step {a.cell}" x="{x + 2}" y="{y}" width="32" height="20" rx="4"/>')
        if place:
            ends = (x, x - 10) if backward else (x - 10, x)
            tip = f"M{ends[1]} {y + 10}l{4 if backward else -4} -3v6z"
            parts.append(f'<path class="wire thin" d="M{ends[0]} {y + 10}H{ends[1]}"/><path class="tip" d="{tip}"/>')
    layer = row // (2 if a.bidirectional else 1) + 1
    more = f" of {a.num_layers}" if a.num_layers > 1 else ""
    caption = f"layer {layer}{more}" if not backward else ""
    return f'<text class="small" x="26" y="{y + 14}">{caption}</text>{"".join(parts)}'
