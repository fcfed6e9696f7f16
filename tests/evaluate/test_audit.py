"""The audit warns of what makes comparisons lie, from its thresholds on, and is silent just below them."""

import csv
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lstmkit.cli.main import run
from lstmkit.config.schema import Config, DataConfig, EncoderConfig
from lstmkit.evaluate.audit import audit, by_length, lines_of, unfound
from lstmkit.evaluate.metrics import score
from lstmkit.evaluate.statistics import paired_difference
from lstmkit.experiment.prepare import Prepared, prepare

WORDS = [f"word{number}" for number in range(60)]
Rows = list[tuple[str, str]]


def texts(n: int, n_words: int, seed: str, labels: Sequence[str] = ("neg", "pos")) -> Rows:
    """Different texts of known words; the labels in turn."""
    rng = random.Random(seed)
    return [(" ".join(rng.choices(WORDS, k=n_words)), labels[k % len(labels)]) for k in range(n)]


def write(folder: Path, train: Rows, valid: Rows | None = None, test: Rows | None = None) -> Path:
    """A source with a table for each split."""
    folder.mkdir(exist_ok=True)
    for name, rows in (
        ("train", train),
        ("valid", valid or texts(100, 12, "valid")),
        ("test", test or texts(100, 12, "test")),
    ):
        with (folder / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([("text", "label"), *rows])
    return folder


def found(source: Path | str, **encoder: Any) -> list[dict[str, Any]]:
    """What the audit finds in a source, by its own count of leaks."""
    return prepared_from(source, **encoder).warnings


def prepared_from(source: Path | str, **encoder: Any) -> Prepared:
    return prepare(Config(data=DataConfig(source=str(source)), encoder=EncoderConfig(**encoder)))


def kinds(source: Path | str, **encoder: Any) -> list[str]:
    return [finding["kind"] for finding in found(source, **encoder)]


TRAIN = texts(300, 12, "train")


def test_a_clean_source_has_no_warning(tmp_path: Path) -> None:
    prepared = prepared_from(write(tmp_path / "clean", TRAIN))
    assert prepared.warnings == []
    assert lines_of([], prepared.encoded) == [
        "warnings: none (leaks, labels told by length, rare labels, unknown words, cut texts)"
    ]


@pytest.mark.parametrize("n", [49, 50])
def test_a_look_at_lengths_that_was_not_taken_is_not_claimed(tmp_path: Path, n: int) -> None:
    encoded = prepared_from(write(tmp_path / "few", texts(n, 12, "train"))).encoded
    leak = {"kind": "leak", "line": "a leak"}
    told = lines_of([], encoded), lines_of([leak], encoded)
    if n < 50:
        none = "warnings: none (leaks, rare labels, unknown words, cut texts; length: too few texts to tell)"
        assert told == ([none], ["warnings (length: too few texts to tell)", "  leak: a leak"])
    else:
        none = "warnings: none (leaks, labels told by length, rare labels, unknown words, cut texts)"
        assert told == ([none], ["warnings", "  leak: a leak"])


@pytest.mark.parametrize(("split", "n_below"), [("test", 1), ("valid", 3)])
def test_texts_that_training_has_told(tmp_path: Path, split: str, n_below: int) -> None:
    for n_copied in (n_below, n_below + 1):
        copies = [("  " + text.upper().replace(" ", "\t"), label) for text, label in TRAIN[:n_copied]]
        rows = texts(200 - n_copied, 12, split) + copies
        warnings = found(write(tmp_path / f"copied-{n_copied}", TRAIN, **{split: rows}))
        assert len(warnings) == n_copied - n_below
    (warning,) = warnings
    assert warning["kind"] == "leak"
    share = f"{n_copied / 200:.1%}"
    assert warning["measured"] == (
        f"{n_copied} of 200 {split} texts also stand in train, white space and case folded: {share}"
    )
    assert f"up to {share[:-1]} points of {split} accuracy may be memory" in warning["why"]
    assert "split by group" in warning["do"]
    assert warning["line"] == f"{warning['measured']}; {warning['why']}; {warning['do']}"


@pytest.mark.parametrize(("n_changed", "n_warnings"), [(0, 1), (1, 1), (2, 0)])
def test_long_texts_that_are_nearly_the_same(tmp_path: Path, n_changed: int, n_warnings: int) -> None:
    # Of 56 runs of five words one changed word spoils five: 51 of 61 are shared. Two words leave 46 of 66.
    train, test = texts(200, 60, "long"), texts(98, 60, "other")
    for text, label in train[:2]:
        words = text.split()
        for place in (20, 40)[:n_changed]:
            words[place] = "word7" if words[place] == "word8" else "word8"
        test.append((" ".join(words), label))
    warnings = found(write(tmp_path / "near", train, test=test))
    assert len(warnings) == n_warnings
    if n_changed == 1:
        assert warnings[0]["measured"] == (
            "0 of 100 test texts also stand in train, white space and case folded, and 2 more nearly so "
            "(of their runs of five tokens, four in five are shared): 2.0%"
        )


def lengthy(n: int, share: float) -> Rows:
    """Labels half and half; of `pos` a share is longer than any `neg`."""
    rows = texts(n, 12, "length")
    n_long = round(share * n / 2)
    return [
        (f"{text} {text}" if label == "pos" and k // 2 < n_long else text, label)
        for k, (text, label) in enumerate(rows)
    ]


@pytest.mark.parametrize(("n", "share", "is_told"), [
    (400, 0.6, True), (400, 0.0, False), (400, 0.24, False), (4000, 0.24, True), (4000, 0.2, False), (48, 1.0, False),
    (52, 1.0, True),
])  # fmt: skip
def test_labels_that_the_length_gives_away(tmp_path: Path, n: int, share: float, is_told: bool) -> None:
    # Gain: half the share. 12 points are clearly above 10 with 4,000 examples, not with 400; under 50 none is judged.
    source = write(tmp_path / "lengthy", lengthy(n, share))
    warnings = found(source)
    assert [warning["kind"] for warning in warnings] == ["length"] * is_told
    if (n, share) == (400, 0.6):
        assert warnings[0]["measured"] == (
            "length alone predicts 80.0% of the training labels (75.8% to 83.6%, 5-fold cross-validation), +30.0 "
            "points (+25.5 to +34.5) beside always the commonest label"
        )


def test_by_length_knows_three_classes_and_never_beats_chance_on_noise() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 3000)
    correct, commonest = by_length(10 * labels + rng.integers(0, 10, 3000), labels, 3)
    assert correct.mean() > 0.99
    assert commonest.sum() == np.bincount(labels).max()
    correct, commonest = by_length(rng.integers(1, 500, 3000), labels, 3)
    assert paired_difference(correct, commonest)[1] < 0.0
    correct, commonest = by_length(np.full(3000, 64), labels, 3)
    assert np.array_equal(correct, commonest)


def strange(rows: Rows, n_strange: int, seed: str) -> Rows:
    """The texts with so many of their words replaced by ones that occur nowhere else."""
    return [
        (" ".join([*(f"{seed}{row}x{k}" for k in range(n_strange)), *text.split()[n_strange:]]), label)
        for row, (text, label) in enumerate(rows)
    ]


@pytest.mark.parametrize(("in_train", "in_test", "is_unknown"), [
    (0, 9, False), (0, 10, True), (20, 24, False), (20, 25, True), (24, 0, False),
])  # fmt: skip
def test_words_that_the_vocabulary_lacks(tmp_path: Path, in_train: int, in_test: int, is_unknown: bool) -> None:
    train, test = strange(texts(80, 100, "a"), in_train, "train"), strange(texts(60, 100, "b"), in_test, "test")
    warnings = found(write(tmp_path / "strange", train, test=test))
    assert [warning["kind"] for warning in warnings] == ["vocabulary"] * is_unknown
    if is_unknown:
        assert warnings[0]["measured"] == (
            f"{in_test}.0% of the tokens of test are unknown, {in_train}.0% of those of train"
        )
        assert ("where train does" in warnings[0]["do"]) == (in_train == 0)


@pytest.mark.parametrize(("n_long", "n_words", "is_cut"), [
    (49, 11, False), (50, 11, True),  # of 100 texts; the others have 5 words, 10 are kept
    (40, 18, False), (40, 19, True),  # 320 of 1,020 tokens, 360 of 1,060
])  # fmt: skip
def test_texts_of_which_little_is_read(tmp_path: Path, n_long: int, n_words: int, is_cut: bool) -> None:
    labels = ["neg", "pos"]
    train = [*texts(n_long, n_words, "long", labels), *texts(100 - n_long, 5, "short", labels)]
    warnings = found(write(tmp_path / "cut", train, texts(100, 6, "v"), texts(100, 6, "t")), max_length=10)
    cut = [warning for warning in warnings if warning["kind"] == "truncation"]
    assert len(cut) == is_cut
    if (n_long, n_words) == (50, 11):
        assert cut[0]["measured"] == (
            "encoder.max_length=10 cuts 50 of 100 train texts (50.0%), and with them 6.2% of all tokens"
        )
        assert "nine in ten are at most 11 long" in cut[0]["do"]


@pytest.mark.parametrize(("n_rare", "is_told"), [(20, False), (19, True), (2, True)])
def test_labels_of_which_one_is_rare(tmp_path: Path, n_rare: int, is_told: bool) -> None:
    train = [*texts(200, 12, "a", ["neg"]), *texts(n_rare, 12, "b", ["pos"])]
    warnings = found(write(tmp_path / "rare", train))
    assert [warning["kind"] for warning in warnings] == ["imbalance"] * is_told
    if is_told:
        assert warnings[0]["measured"] == (
            f"the commonest label 'neg' has 200 training examples, the rarest, 'pos', has {n_rare}"
        )
        assert "--set train.class_weights=balanced" in warnings[0]["do"]


@pytest.mark.parametrize(("name", "n", "measured"), [
    ("valid", 0, "1 label of 2 has one example or none in valid (pos)"),
    ("valid", 1, "1 label of 2 has one example or none in valid (pos)"),
    ("valid", 2, ""),
    ("test", 0, "1 label of 2 has no example in test (pos)"),
    ("test", 1, ""),
])  # fmt: skip
def test_a_part_that_lacks_a_label(tmp_path: Path, name: str, n: int, measured: str) -> None:
    rows = [*texts(40, 12, "c", ["neg"]), *texts(n, 12, "d", ["pos"])]
    warnings = found(write(tmp_path / "few", TRAIN, **{name: rows}))
    assert [warning["measured"] for warning in warnings] == [measured] * bool(measured)


@pytest.mark.parametrize(("truth", "said", "measured"), [
    ([0, 0, 1, 1, 2], [0, 0, 1, 0, 0], "1 label of 3 is never found (c: 1 in test)"),
    ([0, 0, 1, 1, 2], [0, 0, 2, 2, 0], "2 labels of 3 are never found (b: 2 in test, c: 1 in test); 1 of "
     "them never predicted"),
    ([0, 0, 1, 1], [1, 1, 1, 1], "1 label of 2 is never found (a: 2 in test), the commonest of training among "
     "them"),
    ([0, 0, 1, 2], [0, 2, 1, 2], ""),
    ([0, 0, 1, 1], [0, 1, 1, 2], ""),  # a label without a test example is another finding
])  # fmt: skip
def test_labels_that_are_never_found(truth: list[int], said: list[int], measured: str) -> None:
    answers = np.full((len(said), 3), 0.1)
    answers[np.arange(len(said)), said] = 0.8
    evaluation = score(["a", "b", "c"], np.array(truth), answers, "test")
    assert [one["measured"] for one in unfound(evaluation, "a")] == [measured] * bool(measured)


@pytest.mark.parametrize(
    "name", ["digits", *(pytest.param(name, marks=pytest.mark.data) for name in ("sst2", "banking77"))]
)
def test_clean_sets_of_the_catalogue_have_no_warning(name: str) -> None:
    assert kinds(name) == []


@pytest.mark.data
def test_trec_tells_some_of_its_test_questions() -> None:
    warning, rare = found("trec")
    assert rare["kind"] == "imbalance"
    assert warning["measured"].startswith("11 of 500 test texts also stand in train")


def test_a_source_of_one_short_text_a_label_is_no_trouble(tmp_path: Path) -> None:
    few = [("a", "neg"), ("b", "pos")]
    assert kinds(write(tmp_path / "few", few, [("c", "neg")], [("d", "pos")]), min_frequency=1) == [
        *("few", "few", "vocabulary")
    ]


def test_data_info_ends_with_the_warnings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = write(tmp_path / "copied", TRAIN, test=TRAIN[:100])
    assert run(["data", "info", str(source)]) == 0
    lines = capsys.readouterr().out.splitlines()
    (warning,) = found(source)
    assert lines[-2:] == ["warnings", f"  leak: {warning['line']}"]
    assert "100 of 100 test texts also stand in train" in lines[-1]
    clean = write(tmp_path / "clean", TRAIN)
    assert run(["data", "info", str(clean)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == lines_of([], prepared_from(clean).encoded)[0]


def test_a_count_of_leaks_that_is_at_hand_is_taken(tmp_path: Path) -> None:
    prepared = prepare(Config(data=DataConfig(source=str(write(tmp_path / "clean", TRAIN)))))
    assert audit(prepared.parts, prepared.encoded, {"valid": 0, "test": 0}) == []
    (warning,) = audit(prepared.parts, prepared.encoded, {"test": 100})
    assert warning["measured"].startswith("100 of 100 test texts")


def test_a_channel_that_stands_still_is_told(tmp_path: Path) -> None:
    def table(name: str, still: str) -> Path:
        rng = random.Random(name)
        rows = [(k, round(rng.random() + k % 2, 3), still or k % 5, k % 2) for k in range(80) for _ in range(3)]
        path = tmp_path / name
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([("series_id", "x", "y", "label"), *rows])
        return path

    (finding,) = found(table("still.csv", "7"))
    assert finding["line"].startswith("1 of 2 channels stand still throughout train (y); they are read as zeros there")
    assert kinds(table("moving.csv", "")) == []
