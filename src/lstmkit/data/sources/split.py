"""From the parts that a source has to exactly train, valid and test: what is missing is cut, stratified, by seed."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from lstmkit.config.schema import DataConfig
from lstmkit.core.errors import DataError
from lstmkit.data.sources.corpus import SPLITS, Corpus, Part

_MOST_SHOWN = 8  # labels in an error


def cut(corpus: Corpus, data: DataConfig, seed: int, by_label: bool = True) -> dict[str, Part]:
    """The three parts of an experiment, in the order train, valid, test.

    A test part that the source lacks is cut first (`data.test_fraction` of the training part), then a validation part
    (`data.valid_fraction` of the training part that is left). Of each label its share is taken, rounded, and at least
    one example; a part keeps the source's order.

    Args:
        corpus: what `load_corpus` gave.
        data: the fractions.
        seed: decides which examples are cut; the same corpus and seed give the same parts.
        by_label: whether labels are classes; otherwise the share is that of all examples.

    Raises:
        DataError: no training part; labels that are values to predict, where they are taken for classes; one label
            only; a label that the training part never has; or fewer examples of a label than parts to cut them into.
    """
    if by_label and corpus.has_targets:
        raise DataError(
            f"{corpus.name}: its labels are values to predict (@targetLabel), and here they are classes; use lstmkit "
            "train with --task regression"
        )
    try:
        return _cut(corpus, data, seed, by_label)
    except DataError as error:
        # What is missing may have been there, in rows that could not be used.
        if not (told := _rejected(corpus)):
            raise
        raise DataError(f"{corpus.name}: {told}; {str(error).removeprefix(f'{corpus.name}: ')}") from error


def _cut(corpus: Corpus, data: DataConfig, seed: int, by_label: bool) -> dict[str, Part]:
    parts = dict(corpus.parts)
    if "all" in parts:
        parts["train"] = parts.pop("all")
    if "train" not in parts:
        raise DataError(f"{corpus.name}: no training part ({', '.join(parts)} only); add one, or give a single table")
    if by_label:
        _check_labels(corpus.name, parts)
    elif len(parts["train"]) < len(SPLITS):
        raise DataError(f"{corpus.name}: {_examples(len(parts['train']))}; three parts need {len(SPLITS)} or more")
    missing = [split for split in ("test", "valid") if split not in parts]
    for position, split in enumerate(missing):
        train = parts["train"]
        fraction = {"test": data.test_fraction, "valid": data.valid_fraction}[split]
        others = len(missing) - position  # parts that an example of each label must be left for
        labels = train.labels if by_label else [""] * len(train)
        chosen = _stratified(corpus.name, labels, fraction, others, missing, np.random.PCG64([seed, position]))
        parts[split] = train.take(np.flatnonzero(chosen))
        parts["train"] = train.take(np.flatnonzero(~chosen))
    return {split: parts[split] for split in SPLITS}


def _rejected(corpus: Corpus) -> str:
    """Return how many rows were rejected and why the first was; nothing where none was."""
    if not corpus.rejected:
        return ""
    n, first = len(corpus.rejected), corpus.rejected[0]
    where = f"{first['file']}:{first['line']}" if first["line"] else first["file"]
    n_rows = n + sum(map(len, corpus.parts.values()))
    return f"{n:,} of {n_rows:,} rows were rejected (the first is {where}: {first['reason']})"


def _check_labels(name: str, parts: dict[str, Part]) -> None:
    known = sorted(set(parts["train"].labels))
    if len(known) < 2:
        raise DataError(f"{name}: every training example has the label {known[0]!r}; a classifier needs two or more")
    for split, part in parts.items():
        unseen = set(part.labels) - set(known)
        if unseen:
            example, label = next(
                (example, label) for example, label in zip(part.ids, part.labels, strict=True) if label in unseen
            )
            raise DataError(
                f"{name}: {example}: label {label!r} of the {split} part never occurs in training "
                f"({_listed(known)}); add training examples of it, or leave it out"
            )


def _stratified(
    name: str, labels: Sequence[str], fraction: float, others: int, missing: Sequence[str], bits: np.random.PCG64
) -> NDArray[np.bool_]:
    """Which examples are cut: of each label `fraction`, rounded, at least one, and leaving `others` at least."""
    names, codes = np.unique(np.array(labels, dtype=object), return_inverse=True)
    counts = np.bincount(codes)
    rarest = int(counts.argmin())
    if counts[rarest] <= others:
        raise DataError(
            f"{name}: label {names[rarest]!r} has {_examples(counts[rarest])}; cutting {_and(['train', *missing])} "
            f"needs {others + 1}; add examples, or leave the label out"
        )
    # Doubles straight from the bit generator: numpy keeps that stream for good, a Generator's methods may change.
    order = (bits.random_raw(len(codes)) >> np.uint64(11)).astype(np.float64)
    by_label = np.lexsort((order, codes))
    chosen = np.zeros(len(codes), dtype=bool)
    for group in np.split(by_label, np.cumsum(counts)[:-1]):
        n_cut = min(max(1, round(len(group) * fraction)), len(group) - others)
        chosen[group[:n_cut]] = True
    return chosen


def _examples(n: int) -> str:
    return "1 example" if n == 1 else f"{n} examples"


def _listed(labels: Sequence[str]) -> str:
    shown = ", ".join(labels[:_MOST_SHOWN])
    return f"{shown} and {len(labels) - _MOST_SHOWN} more" if len(labels) > _MOST_SHOWN else shown


def _and(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}"
