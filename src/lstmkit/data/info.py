"""What lstmkit sees in a source before training: plain data by `describe`, lines for a terminal by `render`."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from lstmkit.data.duplicates import digest_of_input
from lstmkit.data.numbers import targets_of
from lstmkit.data.sources import Corpus, Part
from lstmkit.data.sources.corpus import Clip
from lstmkit.data.sources.plan import LABEL_MISSING

_PERCENTILES = (1, 5, 25, 50, 75, 95, 99)
_MOST_EXAMPLES = 3  # ids shown of each sort
_MOST_LABELS = 24  # in the table of a terminal
_SHOWN_CHARACTERS = 100
_UNITS = {"text": "words", "tokens": "tokens", "series": "steps", "audio": "milliseconds"}
_EXAMPLES = {"series": ("series", "series"), "audio": ("recording", "recordings")}  # one and many, that are no texts


class _Example(NamedTuple):
    split: str
    id: str
    label: str


def found_in(corpus: Corpus, parts: Mapping[str, Part], task: str) -> dict[str, Any]:
    """Return what `lstmkit data info --json` prints of a source: what was found and how it will be read.

    Args:
        corpus: what `load_corpus` gave.
        parts: what `cut` gave.
        task: classify or regression.
    """
    columns = asdict(corpus.columns)
    return {
        "source": corpus.name,
        "modality": corpus.kind,
        "task": task,
        "layout": corpus.layout,
        "columns": {**columns, "channels": list(corpus.columns.channels or corpus.channels)},
        "n_by_split": {name: len(part) for name, part in parts.items()},
        "season": None,
        "decisions": list(corpus.decisions),
        "n_rejected": len(corpus.rejected),
        "fingerprint": corpus.fingerprint,
    }


def describe(
    corpus: Corpus,
    parts: Mapping[str, Part] | None = None,
    coverage: Mapping[str, Any] | None = None,
    has_targets: bool = False,
) -> dict[str, Any]:
    """All that `lstmkit data info` shows, as plain data that JSON can hold.

    Two texts are duplicates where they are equal once white space and case are folded; a duplicate across splits is a
    leak. Lengths count words (between white space), or tokens where the source has tokens; of series steps, of
    recordings milliseconds.

    Args:
        corpus: what `load_corpus` gave.
        parts: what `cut` gave; None: the corpus' own parts.
        coverage: what the encoder's vocabulary covers, name -> value; shown as it is.
        has_targets: whether labels are values to predict: their distribution is told, and they are not counted.

    Raises:
        DataError: a label is a value to predict, and not a finite number.
    """
    parts = corpus.parts if parts is None else parts
    lengths: dict[str, list[int]] = {}
    seen: dict[bytes, list[tuple[str, int]]] = {}
    for split, part in parts.items():
        lengths[split] = []
        for index, text in enumerate(part.inputs):
            lengths[split].append(_length(text))
            seen.setdefault(digest_of_input(text), []).append((split, index))
    groups = [
        [_Example(split, parts[split].ids[index], parts[split].labels[index]) for split, index in places]
        for places in seen.values()
        if len(places) > 1
    ]
    return {
        "source": corpus.name,
        "kind": corpus.kind,
        "unit": _UNITS[corpus.kind],
        "fingerprint": corpus.fingerprint,
        "files": dict(corpus.files),
        "decisions": list(corpus.decisions),
        "splits": {
            split: {
                "n": len(part),
                "labels": {} if has_targets else dict(sorted(Counter(part.labels).items())),
                "lengths": _summary(lengths[split]),
            }
            for split, part in parts.items()
        },
        "targets": _targets(corpus, parts) if has_targets else None,
        "duplicates": {split: _within(groups, split) for split in parts},
        "leaks": {f"{one}/{other}": _across(groups, one, other) for one, other in combinations(parts, 2)},
        "conflicts": _conflicts(groups),
        "longest": _longest(parts, lengths),
        "rejected": _rejected(corpus.rejected),
        "coverage": dict(coverage) if coverage is not None else None,
        "channels": _channels(corpus.channels, parts) if corpus.kind == "series" else None,
        "recordings": _recordings(parts) if corpus.kind == "audio" else None,
    }


def _targets(corpus: Corpus, parts: Mapping[str, Part]) -> dict[str, Any]:
    """The distribution of the values to predict, by part, and how many rows have none."""
    splits = {}
    for split, part in parts.items():
        values = targets_of(part)
        ranks = np.percentile(values, _PERCENTILES).tolist()
        splits[split] = {
            "n": len(values),
            "mean": float(values.mean()),
            "std": float(values.std()),
            "min": float(values.min()),
            **{f"{rank}%": value for rank, value in zip(_PERCENTILES, ranks, strict=True)},
            "max": float(values.max()),
        }
    return {"splits": splits, "missing": sum(row["reason"] == LABEL_MISSING for row in corpus.rejected)}


def _length(item: Any) -> int:
    if isinstance(item, Clip):
        return round(1000 * item.seconds)
    return len(item.split()) if isinstance(item, str) else len(item)


def _recordings(parts: Mapping[str, Part]) -> dict[str, dict[str, Any]]:
    """Of each part how long its recordings last in all, their sampling rates, and how many are clipped or stereo."""
    return {
        split: {
            "seconds": sum(clip.seconds for clip in part.inputs),
            "rates": dict(Counter(clip.rate for clip in part.inputs).most_common()),
            "clipped": sum(clip.clipped > 0 for clip in part.inputs),
            "several_channels": sum(clip.channels > 1 for clip in part.inputs),
        }
        for split, part in parts.items()
    }


def _channels(names: Sequence[str], parts: Mapping[str, Part]) -> list[dict[str, Any]]:
    """Each channel over all parts: its range, how much is missing, and in how many series it stands still."""
    n = len(names)
    low, high = np.full(n, np.inf), np.full(n, -np.inf)
    count, total, squares = np.zeros(n), np.zeros(n), np.zeros(n)
    n_steps, n_still = 0, np.zeros(n, dtype=np.int64)
    for part in parts.values():
        for values in part.inputs:
            there = ~np.isnan(values)
            lowest, highest = (
                np.where(there, values, fill).min(0) if fill > 0 else np.where(there, values, fill).max(0)
                for fill in (np.inf, -np.inf)
            )
            low, high = np.minimum(low, lowest), np.maximum(high, highest)
            n_still += (lowest >= highest) & (len(values) > 1)
            filled = np.where(there, values, 0).astype(np.float64)
            count, total, squares = count + there.sum(0), total + filled.sum(0), squares + np.square(filled).sum(0)
            n_steps += len(values)
    mean = total / np.maximum(count, 1)
    deviation = np.sqrt(np.maximum(squares / np.maximum(count, 1) - mean**2, 0))
    return [
        {
            "name": names[k],
            "mean": float(mean[k]) if count[k] else None,
            "deviation": float(deviation[k]) if count[k] else None,
            "min": float(low[k]) if count[k] else None,
            "max": float(high[k]) if count[k] else None,
            "missing": 1 - float(count[k]) / n_steps,
            "still": int(n_still[k]),
            "constant": bool(low[k] >= high[k]),
        }
        for k in range(n)
    ]


def render(info: Mapping[str, Any]) -> list[str]:
    """`describe`'s result as lines of plain text."""
    lines = [f"{info['source']}: {info['kind']}", *(f"  {line}" for line in info["decisions"])]
    lines += ["", *(_target_table(info["targets"]) if info["targets"] else _label_table(info["splits"]))]
    lines += ["", *_length_table(info["splits"], info["unit"])]
    lines += ["", *_channel_table(info["channels"])] if info["channels"] else []
    lines += ["", *_recording_table(info["recordings"])] if info["recordings"] else []
    one, many = _EXAMPLES.get(info["kind"], ("text", "texts"))
    lines += ["", "duplicates" if info["kind"] in _EXAMPLES else "duplicates (white space and case folded)"]
    lines += [f"  within {split}: {_told(found)}" for split, found in info["duplicates"].items()]
    for pair, found in info["leaks"].items():
        first, _, other = pair.partition("/")
        lines.append(f"  leak, {many} of {other} that also stand in {first}: {_told(found)}")
    lines.append(f"  one {one}, different labels: {_told(info['conflicts'])}")
    lines += ["", "longest"]
    lines += [f"  {row['id']}: {row['length']:,} {info['unit']}: {row['text']}" for row in info["longest"]]
    rejected = info["rejected"]
    lines += ["", f"rejected rows: {rejected['n']:,}"]
    lines += [f"  {reason}: {n:,}" for reason, n in rejected["reasons"].items()]
    lines += [f"  {row['place']}: {row['reason']}" for row in rejected["examples"]]
    if info["coverage"]:
        lines += ["", "values that are there" if info["channels"] else "vocabulary (made from the training part)"]
        lines += [
            f"  {name}: {f'{value:.2%}' if isinstance(value, float) else _shown(value)}"
            for name, value in info["coverage"].items()
        ]
    return lines


def regression_lines(corpus: Corpus, parts: Mapping[str, Part], asked: bool) -> list[str]:
    """Lines on a source whose labels are values to predict: its sequences, and the distribution of the values.

    Args:
        corpus: what `load_corpus` gave.
        parts: what `cut` gave.
        asked: whether the task was said to be regression; else a line says how to say so.
    """
    lines = render(describe(corpus, parts, has_targets=True))
    remedy = "labels are values to predict (@targetLabel): train with --task regression"
    return lines if asked else [lines[0], f"  {remedy}", *lines[1:]]


def _summary(lengths: Sequence[int]) -> dict[str, float]:
    values = np.array(lengths)
    percentiles = np.percentile(values, _PERCENTILES, method="inverted_cdf").tolist()
    return {
        "mean": float(values.mean()),
        "min": int(values.min()),
        **{f"{rank}%": int(value) for rank, value in zip(_PERCENTILES, percentiles, strict=True)},
        "max": int(values.max()),
    }


def _within(groups: Sequence[Sequence[_Example]], split: str) -> dict[str, Any]:
    repeated = [[example.id for example in group if example.split == split] for group in groups]
    repeated = [ids for ids in repeated if len(ids) > 1]
    return {"n": sum(len(ids) - 1 for ids in repeated), "examples": _few(repeated)}


def _across(groups: Sequence[Sequence[_Example]], one: str, other: str) -> dict[str, Any]:
    """How many examples of `other` also stand in `one`."""
    n_leaked = 0
    pairs: list[list[str]] = []
    for group in groups:
        first = [example.id for example in group if example.split == one]
        second = [example.id for example in group if example.split == other]
        if first and second:
            n_leaked += len(second)
            pairs.append([first[0], second[0]])
    return {"n": n_leaked, "examples": pairs[:_MOST_EXAMPLES]}


def _conflicts(groups: Sequence[Sequence[_Example]]) -> dict[str, Any]:
    torn = [[f"{row.id} ({row.label})" for row in group] for group in groups if len({row.label for row in group}) > 1]
    return {"n": len(torn), "examples": _few(torn)}


def _few(groups: Sequence[list[str]]) -> list[list[str]]:
    return [group[:_MOST_EXAMPLES] for group in groups[:_MOST_EXAMPLES]]


def _longest(parts: Mapping[str, Part], lengths: Mapping[str, Sequence[int]]) -> list[dict[str, Any]]:
    ranked = sorted(
        ((length, split, index) for split, values in lengths.items() for index, length in enumerate(values)),
        key=lambda row: -row[0],
    )
    return [
        {"id": parts[split].ids[index], "length": length, "text": _beginning(parts[split].inputs[index])}
        for length, split, index in ranked[:_MOST_EXAMPLES]
    ]


def _beginning(text: Any) -> str:
    if isinstance(text, Clip):
        return f"{text.rate:,} Hz, {text.channels} channel{'s' if text.channels > 1 else ''}"
    if not isinstance(text, str):
        return f"{text.shape[1]} channels"
    line = " ".join(text[: 2 * _SHOWN_CHARACTERS].split())
    return line if len(line) <= _SHOWN_CHARACTERS else f"{line[: _SHOWN_CHARACTERS - 1]}…"


def _rejected(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Counted by reason (the part before a detail in brackets or a byte offset); a few places are named."""
    reasons = Counter(row["reason"].partition(" (")[0].partition(" at byte")[0] for row in rows)
    examples = [
        {"place": f"{row['file']}:{row['line']}" if row["line"] else row["file"], "reason": row["reason"]}
        for row in rows[:_MOST_EXAMPLES]
    ]
    return {"n": len(rows), "reasons": dict(reasons.most_common()), "examples": examples}


def _label_table(splits: Mapping[str, Any]) -> Iterator[str]:
    totals = Counter[str]()
    for split in splits.values():
        totals.update(split["labels"])
    ranked = [label for label, _ in sorted(totals.items(), key=lambda item: (-item[1], item[0]))]
    n_hidden = max(0, len(ranked) - _MOST_LABELS)
    most, fewest = ranked[: _MOST_LABELS * 2 // 3], ranked[len(ranked) - _MOST_LABELS // 3 :]
    shown = [*most, *fewest] if n_hidden else sorted(ranked)
    rows = [
        [_beginning(label), *(f"{split['labels'].get(label, 0):,}" for split in splits.values())] for label in shown
    ]
    if n_hidden:
        rows.insert(len(most), [f"… {n_hidden} labels between …", *("" for _ in splits)])
    rows.append(["all", *(f"{split['n']:,}" for split in splits.values())])
    return table(["label", *splits], rows)


def _target_table(targets: Mapping[str, Any]) -> Iterator[str]:
    splits = targets["splits"]
    columns = list(next(iter(splits.values())))
    rows = [
        [split, *(f"{row[column]:,}" if column == "n" else f"{row[column]:.4g}" for column in columns)]
        for split, row in splits.items()
    ]
    yield from table(["value to predict", *columns], rows)
    yield f"missing: {targets['missing']:,} rows without a value"


def _channel_table(channels: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    shown = channels if len(channels) <= _MOST_LABELS else [*channels[: _MOST_LABELS - 1], channels[-1]]
    rows = [
        [
            _beginning(row["name"]),
            *("" if row[key] is None else f"{row[key]:.4g}" for key in ("mean", "deviation", "min", "max")),
            f"{row['missing']:.1%}",
            "in all" if row["constant"] else f"{row['still']:,}",
        ]
        for row in shown
    ]
    if len(shown) < len(channels):
        rows.insert(len(shown) - 1, [f"… {len(channels) - len(shown)} channels between …", *[""] * 6])
    return table(["channel", "mean", "deviation", "min", "max", "missing", "series in which it is constant"], rows)


def _recording_table(parts: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    rows = [
        [
            split,
            f"{part['seconds'] / 60:,.1f}",
            ", ".join(f"{rate:,} ({n:,})" for rate, n in part["rates"].items()),
            f"{part['clipped']:,}",
            f"{part['several_channels']:,}",
        ]
        for split, part in parts.items()
    ]
    return table(["recordings", "minutes in all", "Hz", "clipped", "of several channels"], rows)


def _length_table(splits: Mapping[str, Any], unit: str) -> Iterator[str]:
    columns = list(next(iter(splits.values()))["lengths"])
    rows = [[name, *(_shown(split["lengths"][column]) for column in columns)] for name, split in splits.items()]
    return table([f"length in {unit}", *columns], rows)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Lines of a table, the first column to the left and the others to the right."""
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    for row in (header, *rows):
        first, *others = row
        cells = [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))]
        yield "  ".join(cells).rstrip()


def _told(found: Mapping[str, Any]) -> str:
    if not found["n"]:
        return "none"
    return f"{found['n']:,} (such as {'; '.join(' = '.join(ids) for ids in found['examples'])})"


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.1f}" if abs(value) >= 1 else f"{value:.2%}"
    return f"{value:,}" if isinstance(value, int) else str(value)
