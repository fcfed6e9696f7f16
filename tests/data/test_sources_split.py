"""The cut: a partition, stratified, decided by the seed alone."""

from collections import Counter
from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmkit.cli.options import configuration
from lstmkit.config.schema import DataConfig
from lstmkit.core.errors import DataError
from lstmkit.data.sources import Corpus, Part, cut, load_corpus

LABELS = st.lists(st.integers(3, 40), min_size=2, max_size=6).flatmap(
    lambda counts: st.permutations([f"l{label}" for label, count in enumerate(counts) for _ in range(count)])
)
FRACTIONS = st.sampled_from([0.01, 0.89]) | st.floats(0.01, 0.89)


def corpus_of(**labels: list[str]) -> Corpus:
    parts = {
        split: Part(
            [f"{split} text {i}" for i in range(len(names))], names, [f"{split}:{i}" for i in range(len(names))]
        )
        for split, names in labels.items()
    }
    return Corpus("made", "text", parts, (), (), "0", {})


def _ids(parts: dict[str, Part]) -> dict[str, list[str]]:
    return {split: list(part.ids) for split, part in parts.items()}


@settings(deadline=None)
@given(labels=LABELS, test=FRACTIONS, valid=FRACTIONS, seed=st.integers(0, 2**31 - 1))
def test_a_cut_is_a_stratified_partition(labels: list[str], test: float, valid: float, seed: int) -> None:
    corpus = corpus_of(all=labels)
    data = DataConfig(test_fraction=test, valid_fraction=valid)
    parts = cut(corpus, data, seed)
    assert list(parts) == ["train", "valid", "test"]
    ids = _ids(parts)
    assert sorted(chain.from_iterable(ids.values())) == sorted(corpus.parts["all"].ids)
    assert all(part == sorted(part, key=lambda name: int(name[4:])) for part in ids.values())
    for part in parts.values():
        for example, label, text in zip(part.ids, part.labels, part.inputs, strict=True):
            index = int(example[4:])
            assert (label, text) == (labels[index], f"all text {index}")
    counts = {split: Counter(part.labels) for split, part in parts.items()}
    for label, n in Counter(labels).items():
        n_test, n_valid, n_train = (counts[split][label] for split in ("test", "valid", "train"))
        assert min(n_test, n_valid, n_train) >= 1
        assert abs(n_test - test * n) < 1 or n_test == n - 2
        assert abs(n_valid - valid * (n - n_test)) < 1 or n_train == 1
    assert _ids(cut(corpus, data, seed)) == ids


@settings(deadline=None)
@given(labels=LABELS, valid=FRACTIONS, seed=st.integers(0, 2**31 - 1))
def test_parts_that_the_source_has_stay_as_they_are(labels: list[str], valid: float, seed: int) -> None:
    corpus = corpus_of(train=labels, test=labels[:5])
    parts = cut(corpus, DataConfig(valid_fraction=valid), seed)
    assert parts["test"] is corpus.parts["test"]
    assert sorted([*parts["train"].ids, *parts["valid"].ids]) == sorted(corpus.parts["train"].ids)
    assert set(parts["valid"].labels) == set(parts["train"].labels) == set(labels)


def test_nothing_is_cut_where_nothing_is_missing() -> None:
    corpus = corpus_of(train=["a", "b"], valid=["a"], test=["b"])
    parts = cut(corpus, DataConfig(), 0)
    assert all(parts[split] is corpus.parts[split] for split in ("train", "valid", "test"))


def test_a_missing_test_part_is_cut_from_training_not_from_validation() -> None:
    corpus = corpus_of(train=["a", "b"] * 50, valid=["a", "b"])
    parts = cut(corpus, DataConfig(test_fraction=0.2), 0)
    assert parts["valid"] is corpus.parts["valid"]
    assert Counter(parts["test"].labels) == {"a": 10, "b": 10}
    assert all(name.startswith("train:") for name in parts["test"].ids)


def test_the_seed_decides() -> None:
    corpus = corpus_of(all=["a", "b"] * 200)
    cuts = [frozenset(cut(corpus, DataConfig(), seed)["test"].ids) for seed in range(5)]
    assert len(set(cuts)) == 5


def test_the_cut_is_the_same_for_good() -> None:
    """A changed stream of random numbers would give old runs another test set."""
    parts = cut(corpus_of(all=["a", "b", "b"] * 6), DataConfig(), 0)
    assert list(parts["test"].ids) == ["all:3", "all:11", "all:13"]


def digits(*assignments: str) -> dict[str, Part]:
    """The digits, cut as a command with these `--set` does."""
    config = configuration("lab", "digits", {"assignments": list(assignments)})
    return cut(load_corpus(config.data), config.data, config.seed)


def test_digits_are_cut_70_15_15() -> None:
    parts = digits()
    assert {split: len(part) for split, part in parts.items()} == {"train": 1259, "valid": 269, "test": 269}
    whole = Counter(label for part in parts.values() for label in part.labels)
    for split, share in (("train", 0.7), ("valid", 0.15), ("test", 0.15)):
        for label, n in Counter(parts[split].labels).items():
            assert abs(n - share * whole[label]) <= 1


@pytest.mark.parametrize(
    ("asked", "shares"),
    [
        (["data.test_fraction=0.5", "data.valid_fraction=0.2"], {"train": 0.4, "valid": 0.1, "test": 0.5}),
        (
            ["data.valid_fraction=0.1"],
            {"train": 0.765, "valid": 0.085, "test": 0.15},
        ),  # the schema's default, but asked for
        (["data.test_fraction=0.3"], {"train": 0.576, "valid": 0.124, "test": 0.3}),
    ],
)
def test_fractions_asked_for_go_before_the_custom_of_a_set(asked: list[str], shares: dict[str, float]) -> None:
    parts = digits(*asked)
    assert {split: len(part) / 1797 for split, part in parts.items()} == pytest.approx(shares, abs=0.003)


def test_many_labels_are_not_all_listed() -> None:
    corpus = corpus_of(train=[f"l{number:02}" for number in range(30)] * 2, test=["new"])
    with pytest.raises(DataError, match=r"made: test:0: label 'new' .* \(l00, .*l07 and 22 more\); add training"):
        cut(corpus, DataConfig(), 0)
