"""The baselines: right on what they can learn, unmoved by what they cannot, the same every time."""

import json
import random
from typing import Any

import pytest

from lstmkit.evaluate.baselines import C_GRID, linear_baseline, majority_baseline


def reviews(n: int, seed: int) -> tuple[list[str], list[str]]:
    """Texts whose label is told by the order of two words: nothing for single words to learn."""
    generator = random.Random(seed)
    texts, labels = [], []
    for _ in range(n):
        label = generator.choice(["good", "bad"])
        pair = "Not dull" if label == "good" else "dull, not"
        noise = [generator.choice("abcdefgh") for _ in range(6)]
        texts.append(" ".join([*noise[:3], pair, *noise[3:]]))
        labels.append(label)
    return texts, labels


def fit(train: Any, valid: Any, test: Any, **keywords: Any) -> dict[str, Any]:
    return linear_baseline(*train, *valid, *test, **{"kind": "text", **keywords})


def test_majority() -> None:
    found = majority_baseline(["b", "a", "b"], ["b", "a", "c", "b"])
    assert found["label"] == "b"
    assert found["accuracy"] == 0.5
    assert found["accuracy_ci95"] == pytest.approx([0.15, 0.85], abs=0.01)
    assert majority_baseline(["z", "y", "z", "y"], ["y"])["label"] == "y"  # of equals the first by alphabet
    assert majority_baseline(["a"], ["b"])["accuracy"] == 0.0


@pytest.mark.parametrize(("train", "test"), [([], ["a"]), (["a"], [])])
def test_majority_of_nothing_is_refused(train: list[str], test: list[str]) -> None:
    with pytest.raises(ValueError, match="at least one"):
        majority_baseline(train, test)


def test_linear_learns_word_pairs_and_reports_its_choice() -> None:
    lines: list[str] = []
    found = fit(reviews(200, 0), reviews(100, 1), reviews(100, 2), progress=lines.append)
    assert found["accuracy"] >= 0.99
    assert found["name"] == "TF-IDF (1-2 grams) + logistic regression"
    assert list(found["grid"]) == ["1", "3", "10", "30", "100"] == [f"{c:g}" for c in C_GRID]
    assert found["valid_accuracy"] == max(found["grid"].values()) == found["grid"][f"{found['C']:g}"]
    assert not any(found["grid"][f"{c:g}"] == found["valid_accuracy"] for c in C_GRID if c < found["C"])
    assert len(found["predictions"]) == 100
    assert found["seconds"] > 0
    assert not found["refit"]
    assert sum("on validation" in line for line in lines) == len(C_GRID)
    found.pop("predictions")
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_the_answers_are_those_of_the_chosen_c_and_not_of_the_last_one() -> None:
    # Half of the training labels are noise, so that a weak penalty fits noise and validation prefers a strong one.
    texts, labels = reviews(120, 0)
    generator = random.Random(0)
    noisy = [generator.choice(["good", "bad"]) if k % 2 else label for k, label in enumerate(labels)]
    test = reviews(200, 2)
    found = fit((texts, noisy), reviews(200, 1), test)
    assert found["grid"]["100"] < found["valid_accuracy"]
    again = fit((texts, noisy), reviews(200, 1), reviews(200, 1))
    assert again["accuracy"] == found["valid_accuracy"]


def test_two_runs_are_equal() -> None:
    runs = [fit(reviews(60, 0), reviews(30, 1), reviews(30, 2), refit=True) for _ in range(2)]
    for run in runs:
        run.pop("seconds")
    assert runs[0] == runs[1]


def test_the_test_part_changes_nothing_but_its_own_score() -> None:
    one = fit(reviews(60, 0), reviews(30, 1), reviews(30, 2))
    other = fit(reviews(60, 0), reviews(30, 1), (["unseen words altogether"], ["good"]))
    assert (one["C"], one["grid"], one["n_features"]) == (other["C"], other["grid"], other["n_features"])


def test_refit_learns_from_validation_too() -> None:
    train = (["red apple", "green pear"] * 3, ["apple", "pear"] * 3)
    valid = (["yellow lemon"] * 6, ["lemon"] * 6)
    test = (["lemon", "pear"], ["lemon", "pear"])
    assert fit(train, valid, test)["accuracy"] == 0.5  # a class that training never saw is never answered
    found = fit(train, valid, test, refit=True)
    assert found["accuracy"] == 1.0
    assert found["refit"]
    assert found["n_features"] == 9


def test_tokens_keep_their_case_and_their_signs() -> None:
    train = (["A <g1>", "a <g1>"] * 4, ["upper", "lower"] * 4)
    valid = test = (["A <g1>", "a <g1>"], ["upper", "lower"])
    assert fit(train, valid, test, kind="tokens")["accuracy"] == 1.0
    assert fit(train, valid, test, kind="text")["accuracy"] == 0.5


def test_single_letters_are_words() -> None:
    train = (["i", "a"] * 4, ["I", "A"] * 4)
    assert fit(train, train, (["I", "A"], ["I", "A"]))["accuracy"] == 1.0


def test_signs_alone_are_words_where_there_are_no_others() -> None:
    train = ([":-)", ":-("] * 3, ["glad", "sad"] * 3)
    found = fit(train, train, train)
    assert found["accuracy"] == 1.0
    assert found["n_features"] == 2


def test_terms_seen_once_are_left_out_of_a_large_corpus_but_never_all_of_them() -> None:
    n = 10_001
    labels = ["even" if k % 2 == 0 else "odd" for k in range(n)]
    unique = [f"w{k}" for k in range(n)]
    shared = [f"w{k} {label}" for k, label in enumerate(labels)]
    small = (["x"], ["odd"])
    assert fit((unique, labels), small, small)["n_features"] == n
    assert fit((shared, labels), small, small)["n_features"] == 2


def test_one_class_or_no_words_answers_the_commonest() -> None:
    one_class = fit((["a b", "c d"], ["x", "x"]), (["a"], ["x"]), (["a", "z"], ["x", "y"]))
    assert (one_class["accuracy"], one_class["C"], one_class["grid"], one_class["valid_accuracy"]) == (
        0.5, None, {}, None,
    )  # fmt: skip
    blank = fit((["", " ", "\n"], ["x", "y", "y"]), ([""], ["y"]), (["word"], ["y"]), refit=True)
    assert (blank["n_features"], blank["predictions"], blank["accuracy"], blank["C"]) == (0, ["y"], 1.0, None)


def test_without_validation_the_middle_of_the_grid_is_taken() -> None:
    found = fit((["a", "b"] * 3, ["x", "y"] * 3), ([], []), (["a"], ["x"]), refit=True)
    assert (found["C"], found["grid"], found["valid_accuracy"], found["accuracy"]) == (10.0, {}, None, 1.0)


def test_more_than_two_classes_and_one_example_each() -> None:
    found = fit((["a", "b", "c"], ["x", "y", "z"]), (["c"], ["z"]), (["a", "b", "c"], ["x", "y", "z"]))
    assert found["accuracy"] == 1.0


@pytest.mark.parametrize(
    ("train", "valid", "test", "words"),
    [
        (([], []), (["a"], ["x"]), (["a"], ["x"]), "no training examples"),
        ((["a"], ["x"]), (["a"], ["x"]), ([], []), "no test examples"),
        ((["a", "b"], ["x"]), (["a"], ["x"]), (["a"], ["x"]), "2 training texts and 1 labels"),
        ((["a"], ["x"]), ([], ["x"]), (["a"], ["x"]), "0 validation texts and 1 labels"),
        ((["a"], ["x"]), (["a"], ["x"]), (["a"], []), "1 test texts and 0 labels"),
    ],
)
def test_what_cannot_be_fitted_is_refused(train: Any, valid: Any, test: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        fit(train, valid, test)
