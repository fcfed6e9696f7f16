"""What makes a comparison of models lie: leaks, tell-tale lengths, unknown words, cut texts, rare or unfound labels."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Int

from lstmkit.core.names import STEPS
from lstmkit.data.duplicates import digest_of_input
from lstmkit.data.encoded import Encoded
from lstmkit.data.encoder import UNKNOWN_ID
from lstmkit.data.series import SeriesEncoder
from lstmkit.data.sources import Part
from lstmkit.data.sources.channels import few
from lstmkit.evaluate.statistics import paired_difference, wilson_interval

# Stated in docs/data.md. None is reached by digits, IMDB, SST-2 and Banking77; the test part of TREC reaches the first.
# Shares that training has already told. Models are compared by a point of test accuracy; validation only chooses.
LEAKED = {"valid": 0.02, "test": 0.01}
BY_LENGTH = 0.10  # gain over the commonest label, at the lower end of its interval
UNKNOWN = 0.25  # share of the test part's tokens
UNKNOWN_SHIFT = 0.10  # and by how much it is above the training part's
IMBALANCE = 10  # times as many training examples of the commonest label as of the rarest; TREC has 14.5
FEWEST_VALID = 2  # validation examples of a label: with one, its share of the choice is one answer
CUT_EXAMPLES, CUT_TOKENS = 1 / 2, 1 / 3  # shares of a part

_N_FOLDS = 5
_FEWEST = 50  # training examples of which anything is said about their lengths
_MOST_BINS = 20
_N_OF_BIN = 50  # training examples of a bin, about, where there are few

_EXAMPLES = {"series": "series", "audio": "recordings"}  # what examples are called that are not texts


@dataclass(frozen=True)
class Finding:
    """One finding: `kind`, what was measured, why it matters, what to do; plain sentences without a full stop."""

    kind: str
    measured: str
    why: str
    do: str

    @property
    def line(self) -> str:
        """All of it, as a terminal shows it."""
        return f"{self.measured}; {self.why}; {self.do}"


def audit(parts: Mapping[str, Part], encoded: Encoded, leaked: Mapping[str, int] | None = None) -> list[dict[str, Any]]:
    """Look for what makes numbers on this data say less than they seem to.

    Args:
        parts: the splits as texts or series; `train` among them.
        encoded: the same as numbers, the encoder fitted on `train`.
        leaked: how many texts of `valid` and of `test` also stand in `train`, where that has been counted already.

    Returns:
        An object for each finding, ready for JSON: `kind` (`leak`, `length`, `imbalance`, `few`, `vocabulary`,
        `constant` or `truncation`), `measured`, `why`, `do`, `line`; none where nothing was found.
    """
    if leaked is None:
        known = {digest_of_input(text) for text in parts["train"].inputs}
        leaked = {
            name: sum(digest_of_input(text) in known for text in parts[name].inputs)
            for name in ("valid", "test")
            if name in parts
        }
    found = [
        *_leaks(parts, encoded, leaked),
        *_length(encoded),
        *_imbalance(parts),
        *_few(parts),
        *(_constant(encoded, encoded.encoder) if isinstance(encoded.encoder, SeriesEncoder) else ()),
        *(() if _is_numeric(encoded) else _vocabulary(encoded)),
        *_truncation(encoded),
    ]
    return [asdict(one) | {"line": one.line} for one in found]


def _leaks(parts: Mapping[str, Part], encoded: Encoded, leaked: Mapping[str, int]) -> Iterator[Finding]:
    for name, n_same in leaked.items():
        n, n_near = len(parts[name]), _n_only_near(parts, encoded, name)
        n_leaked = n_same + n_near
        if not n_leaked or n_leaked < LEAKED[name] * n:
            continue
        near = (
            f", and {n_near:,} more nearly so (of their runs of five tokens, four in five are shared)" if n_near else ""
        )
        yield Finding(
            "leak",
            f"{n_same:,} of {n:,} {name} {_called(encoded)} also stand in train"
            f"{'' if _is_numeric(encoded) else ', white space and case folded'}{near}: {n_leaked / n:.1%}",
            f"up to {100 * n_leaked / n:.1f} points of {name} accuracy may be memory, and most where memory is largest",
            "leave them out of train, or split by group (author, film, recording) so that copies stay together",
        )


def _n_only_near(parts: Mapping[str, Part], encoded: Encoded, name: str) -> int:
    """Sequences of a part that resemble one of train, and are the same text as none of those."""
    train, own = parts["train"].inputs, parts[name].inputs
    return sum(
        all(digest_of_input(train[other]) != digest_of_input(own[row]) for other in likes)
        for row, likes in encoded.near.get(name, [])
    )


def _length(encoded: Encoded) -> Iterator[Finding]:
    part = encoded.parts["train"]
    if not _can_tell_length(encoded):
        return
    correct, commonest = by_length(encoded.whole_lengths["train"], np.asarray(part.labels), len(encoded.labels))
    gain, low, high = paired_difference(correct, commonest)
    if low < BY_LENGTH:
        return
    interval = wilson_interval(int(correct.sum()), len(correct))
    yield Finding(
        "length",
        f"length alone predicts {correct.mean():.1%} of the training labels ({interval[0]:.1%} to {interval[1]:.1%}, "
        f"{_N_FOLDS}-fold cross-validation), {100 * gain:+.1f} points ({100 * low:+.1f} to {100 * high:+.1f}) beside "
        "always the commonest label",
        "a model can score so without reading anything, and a cell that only counts looks as if it understood",
        "compare every score with this one, or balance the lengths of the classes",
    )


def _imbalance(parts: Mapping[str, Part]) -> Iterator[Finding]:
    counts = Counter(parts["train"].labels).most_common()
    (most, n_most), (least, n_least) = counts[0], counts[-1]
    if n_most > IMBALANCE * n_least:
        yield Finding(
            "imbalance",
            f"the commonest label {most!r} has {n_most:,} training examples, the rarest, {least!r}, has {n_least:,}",
            "accuracy hardly depends on rare labels: see macro F1, and the recall of each label",
            "use --set train.class_weights=balanced, or merge or leave out rare labels",
        )


def _few(parts: Mapping[str, Part]) -> Iterator[Finding]:
    known = sorted(set(parts["train"].labels))
    for name, fewest, so, key in (
        ("valid", FEWEST_VALID, "the epoch that is kept hardly depends on them", "data.valid_fraction"),
        ("test", 1, "nothing is measured of how well they are found", "data.test_fraction"),
    ):
        if name not in parts:
            continue
        counts = Counter(parts[name].labels)
        lacking = [label for label in known if counts[label] < fewest]
        if lacking:
            yield Finding(
                "few",
                f"{_labels(len(lacking))} of {len(known):,} {'has' if len(lacking) == 1 else 'have'} "
                f"{'one example or none' if fewest > 1 else 'no example'} in {name} ({few(lacking)})",
                so,
                f"give more of them, or a larger {name} part with --set {key}=…",
            )


def unfound(evaluation: Mapping[str, Any], commonest: str) -> list[dict[str, Any]]:
    """A finding where a model finds none of a label's test examples: the label's recall is 0.

    Args:
        evaluation: as `lstmkit.evaluate.metrics.score` gives it.
        commonest: the commonest label of the training part.
    """
    counts = {label: own["n"] for label, own in evaluation["per_class"].items() if own["n"]}
    missed = [label for label in counts if not evaluation["per_class"][label]["recall"]]
    if not missed:
        return []
    said = np.asarray(evaluation["confusion_matrix"]).sum(0)
    never = [label for label, n in zip(evaluation["labels"], said, strict=True) if not n and label in missed]
    found = Finding(
        "unfound",
        f"{_labels(len(missed))} of {len(counts):,} {'is' if len(missed) == 1 else 'are'} never found "
        f"({few([f'{label}: {counts[label]:,} in test' for label in missed])})"
        + (", the commonest of training among them" if commonest in missed else "")
        + ("" if len(never) == len(missed) else f"; {len(never):,} of them never predicted"),
        "accuracy comes from the other labels alone",
        "train longer, use --set train.class_weights=balanced, or merge or leave out these labels",
    )
    return [asdict(found) | {"line": found.line}]


def _labels(n: int) -> str:
    return "1 label" if n == 1 else f"{n:,} labels"


def _vocabulary(encoded: Encoded) -> Iterator[Finding]:
    if "test" not in encoded.parts:
        return
    unknown = {name: float(np.mean(encoded.parts[name].rows == UNKNOWN_ID)) for name in ("train", "test")}
    is_unknown, is_shifted = unknown["test"] >= UNKNOWN, unknown["test"] - unknown["train"] >= UNKNOWN_SHIFT
    if not (is_unknown or is_shifted):
        return
    remedy = "set encoder.min_frequency lower or encoder.vocabulary_size higher, or encoder.kind=subwords"
    if is_shifted:
        remedy = "see whether test comes from where train does; encoder.kind=subwords leaves few tokens unknown"
    yield Finding(
        "vocabulary",
        f"{unknown['test']:.1%} of the tokens of test are unknown, {unknown['train']:.1%} of those of train",
        "what the network cannot read it cannot use, and a baseline with another vocabulary reads other texts",
        remedy,
    )


def _constant(encoded: Encoded, encoder: SeriesEncoder) -> Iterator[Finding]:
    features = encoder.features
    still = [features[k] for k in np.flatnonzero(~np.asarray(encoded.parts["train"].rows).any(0))]
    if still:
        yield Finding(
            "constant",
            f"{len(still)} of {len(features)} channels stand still throughout train ({few(still)})",
            "they are read as zeros there and tell nothing, and a change in them later is one that training never saw",
            "leave them out, or see whether the sensor was on",
        )


def _truncation(encoded: Encoded) -> Iterator[Finding]:
    most, examples = encoded.encoder.max_length, _called(encoded)
    for name in encoded.parts:
        whole = np.asarray(encoded.whole_lengths[name])
        n_cut, n_lost = int((whole > most).sum()), int(np.maximum(whole - most, 0).sum())
        if n_cut < CUT_EXAMPLES * len(whole) and n_lost < CUT_TOKENS * whole.sum():
            continue
        nine_in_ten = int(np.quantile(whole, 0.9, method="inverted_cdf"))
        yield Finding(
            "truncation",
            f"encoder.max_length={most} cuts {n_cut:,} of {len(whole):,} {name} {examples} ({n_cut / len(whole):.1%}), "
            f"and with them {n_lost / whole.sum():.1%} of all {STEPS.get(encoded.encoder.kind, 'tokens')}",
            f"the network is judged on {examples} of which it sees a part; the linear baseline sees "
            f"{'no more' if _is_numeric(encoded) else 'them whole'}",
            f"set encoder.max_length higher (nine in ten are at most {nine_in_ten:,} long), or cut the {examples} "
            "yourself for all models",
        )
        return  # one part is enough to say it


def by_length(
    lengths: Int[np.ndarray, " n"], labels: Int[np.ndarray, " n"], n_classes: int
) -> tuple[Bool[np.ndarray, " n"], Bool[np.ndarray, " n"]]:
    """Whether each label is predicted by the length alone, and whether by saying the commonest one.

    Each of five folds, stratified, is predicted from the others: the commonest label among sequences of like length, in
    up to twenty bins with about as many sequences each, of at least about fifty.

    Args:
        lengths: of each sequence.
        labels: of each sequence, from 0 to `n_classes` - 1.
        n_classes: how many there are.
    """
    fold = np.empty(len(labels), dtype=np.int64)
    fold[np.argsort(labels, kind="stable")] = np.arange(len(labels)) % _N_FOLDS
    correct = np.zeros(len(labels), dtype=bool)
    for k in range(_N_FOLDS):
        seen, held = fold != k, fold == k
        n_bins = int(np.clip(seen.sum() // _N_OF_BIN, 2, _MOST_BINS))
        edges = np.unique(np.quantile(lengths[seen], np.arange(1, n_bins) / n_bins, method="inverted_cdf"))
        counts = np.zeros((len(edges) + 1, n_classes), dtype=np.int64)
        np.add.at(counts, (np.searchsorted(edges, lengths[seen]), labels[seen]), 1)
        said = np.where(counts.sum(1) > 0, counts.argmax(1), counts.sum(0).argmax())
        correct[held] = said[np.searchsorted(edges, lengths[held])] == labels[held]
    return correct, labels == np.bincount(labels, minlength=n_classes).argmax()


def lines_of(warnings: Sequence[Mapping[str, Any]], encoded: Encoded) -> list[str]:
    """The block of `lstmkit data info`: a line for each warning, or one that says what was looked for.

    Args:
        warnings: of `audit`.
        encoded: what it was given; where that is too little to judge lengths by, the block says so.
    """
    untold = "" if _can_tell_length(encoded) else f"length: too few {_called(encoded)} to tell"
    if not warnings:
        length = "" if untold else ", labels told by length"
        others = {"series": "constant channels, ", "audio": ""}.get(encoded.encoder.kind, "unknown words, ")
        others += f"cut {_called(encoded)}"
        looked_for = f"leaks{length}, rare labels, {others}"
        return [f"warnings: none ({looked_for}{'; ' + untold if untold else ''})"]
    head = f"warnings ({untold})" if untold else "warnings"
    return [head, *(f"  {warning['kind']}: {warning['line']}" for warning in warnings)]


def _is_numeric(encoded: Encoded) -> bool:
    return encoded.encoder.kind in _EXAMPLES


def _called(encoded: Encoded) -> str:
    return _EXAMPLES.get(encoded.encoder.kind, "texts")


def _can_tell_length(encoded: Encoded) -> bool:
    return len(encoded.parts["train"]) >= _FEWEST and len(encoded.labels) > 1
