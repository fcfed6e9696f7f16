"""Intervals and metrics against scipy and scikit-learn, and what they say where there is nothing to say."""

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import classification_report, f1_score, log_loss

from lstmkit.evaluate.metrics import accuracy_by_length, calibration_error, score
from lstmkit.evaluate.statistics import paired_difference, wilson_interval


@given(st.integers(1, 100_000), st.floats(0, 1), st.sampled_from([0.5, 0.9, 0.95, 0.999]))
def test_wilson_agrees_with_scipy(n: int, share: float, confidence: float) -> None:
    n_correct = round(share * n)
    theirs = binomtest(n_correct, n).proportion_ci(confidence, method="wilson")
    low, high = wilson_interval(n_correct, n, confidence)
    assert (low, high) == pytest.approx((theirs.low, theirs.high), rel=1e-9, abs=1e-12)
    assert 0.0 <= low <= n_correct / n <= high <= 1.0


def test_wilson_at_the_ends() -> None:
    assert wilson_interval(0, 0) == (0.0, 1.0)
    assert wilson_interval(0, 10)[0] == 0.0
    assert wilson_interval(10, 10)[1] == 1.0
    for n_correct, n, confidence in [(-1, 3, 0.95), (4, 3, 0.95), (1, 3, 1.0), (1, 3, 0.0)]:
        with pytest.raises(ValueError, match=r"lie"):
            wilson_interval(n_correct, n, confidence)


def test_paired_difference_by_hand_and_by_its_coverage() -> None:
    one = np.array([True] * 6 + [False] * 4)
    other = np.array([True] * 3 + [False] * 3 + [True] + [False] * 3)  # ahead on 3, behind on 1, of 10
    mean, low, high = paired_difference(one, other)
    # variance (3 + 1)/10 - 0.2**2 = 0.36, so the half-width is 1.95996 * 0.6 / sqrt(10)
    assert (mean, low, high) == pytest.approx((0.2, 0.2 - 0.371877, 0.2 + 0.371877), abs=1e-5)
    assert paired_difference(one, one) == (0.0, 0.0, 0.0)
    generator = np.random.default_rng(0)
    held = 0
    for _ in range(1000):
        both = generator.random((2, 400)) < np.array([[0.8], [0.7]])
        _, low, high = paired_difference(*both)
        held += low <= 0.1 <= high
    assert 930 <= held <= 970
    with pytest.raises(ValueError, match="the same ones are compared"):
        paired_difference(one[:0], other[:0])


def random_case(seed: int, n: int = 500, n_classes: int = 5) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, n_classes, n)
    return truth, generator.dirichlet(np.full(n_classes, 0.5), n)


def test_score_agrees_with_scikit_learn() -> None:
    truth, probabilities = random_case(0)
    labels = ["b", "a", "10", "2", "é"]  # not in alphabetical order: columns keep the order given
    found = score(labels, truth, probabilities, "test")
    predicted = probabilities.argmax(1)
    report = classification_report(truth, predicted, target_names=labels, output_dict=True)
    for label in labels:
        theirs, ours = report[label], found["per_class"][label]
        assert ours["n"] == theirs["support"]
        for ours_key, theirs_key in [("precision", "precision"), ("recall", "recall"), ("f1", "f1-score")]:
            assert ours[ours_key] == pytest.approx(theirs[theirs_key], rel=1e-12)
    assert found["accuracy"] == report["accuracy"]
    assert found["macro_f1"] == pytest.approx(f1_score(truth, predicted, average="macro"), rel=1e-12)
    assert found["loss"] == pytest.approx(log_loss(truth, probabilities), rel=1e-9)
    assert (found["split"], found["n"], found["labels"]) == ("test", 500, labels)
    assert found["accuracy_ci95"] == list(wilson_interval(int((truth == predicted).sum()), 500))


def test_confusion_rows_are_the_truth() -> None:
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.2, 0.8]])
    assert score(["x", "y"], np.array([0, 1, 1, 1]), probabilities, "s")["confusion_matrix"] == [[1, 0], [2, 1]]


def test_a_class_that_is_absent_scores_zero_and_does_not_count() -> None:
    probabilities = np.array([[0.9, 0.1, 0.0], [0.1, 0.9, 0.0], [0.1, 0.9, 0.0]])
    found = score(["x", "y", "never"], np.array([0, 1, 1]), probabilities, "s")
    assert found["per_class"]["never"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "n": 0}
    assert found["macro_f1"] == 1.0
    # Predicted once, it counts: the mean is over three.
    probabilities[0] = [0.1, 0.1, 0.8]
    assert score(["x", "y", "never"], np.array([0, 1, 1]), probabilities, "s")["macro_f1"] == pytest.approx(1 / 3)


def test_one_class_and_one_example() -> None:
    found = score(["only"], np.array([0]), np.array([[1.0]], dtype=np.float32), "s")
    assert (found["accuracy"], found["loss"], found["calibration_error"]) == (1.0, 0.0, 0.0)
    json.dumps(found, allow_nan=False)


def test_a_certain_mistake_is_costly_but_finite() -> None:
    found = score(["x", "y"], np.array([1]), np.array([[1.0, 0.0]], dtype=np.float32), "s")
    assert found["loss"] == pytest.approx(-np.log(1e-12))
    assert found["calibration_error"] == 1.0
    json.dumps(found, allow_nan=False)


def test_of_equal_probabilities_the_first_class_is_predicted() -> None:
    assert score(["x", "y"], np.array([0]), np.array([[0.5, 0.5]]), "s")["accuracy"] == 1.0


@pytest.mark.parametrize(
    ("labels", "truth", "probabilities", "words"),
    [
        (["x", "y"], np.zeros(0, dtype=np.int64), np.zeros((0, 2)), "no examples to score"),
        (["x"], np.array([0]), np.array([[0.5, 0.5]]), "1 labels for 2 columns"),
        (["x", "x"], np.array([0]), np.array([[0.5, 0.5]]), "one name of its own"),
        (["x", "y"], np.array([2]), np.array([[0.5, 0.5]]), "2 classes are 0 to 1"),
        (["x", "y"], np.array([-1]), np.array([[0.5, 0.5]]), "2 classes are 0 to 1"),
        (["x", "y"], np.array([0]), np.array([[np.nan, 0.5]]), "not between 0 and 1"),
        (["x", "y"], np.array([0]), np.array([[1.5, -0.5]]), "not between 0 and 1"),
    ],
)
def test_what_cannot_be_scored_is_refused(
    labels: list[str], truth: np.ndarray, probabilities: np.ndarray, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        score(labels, truth, probabilities, "s")


def test_calibration_error_by_hand() -> None:
    # Two bins of ten: (0.7, 0.8] holds 3 of 5 right at 0.8; (0.9, 1] holds 4 of 5 right at 1.0.
    confidence = np.array([0.8] * 5 + [1.0] * 5)
    correct = np.array([True, True, True, False, False, True, True, True, True, False])
    assert calibration_error(confidence, correct, n_bins=10) == pytest.approx(0.5 * 0.2 + 0.5 * 0.2)


def test_a_bin_holds_its_upper_edge_and_not_its_lower() -> None:
    # 0.5 and 0.4 share the lower of two bins, where their gaps cancel; 0.6 alone would not.
    assert calibration_error(np.array([0.5, 0.5]), np.array([True, False]), n_bins=2) == 0.0
    assert calibration_error(np.array([0.5, 0.6]), np.array([True, False]), n_bins=2) == pytest.approx(0.55)


def test_calibration_error_of_a_calibrated_model_is_small_and_of_a_boastful_one_large() -> None:
    generator = np.random.default_rng(3)
    confidence = generator.uniform(0.5, 1.0, 20_000)
    assert calibration_error(confidence, generator.random(20_000) < confidence) < 0.02
    assert calibration_error(confidence, generator.random(20_000) < confidence - 0.3) == pytest.approx(0.3, abs=0.02)


@given(st.lists(st.tuples(st.integers(1, 30), st.booleans()), min_size=1, max_size=200), st.integers(1, 6))
def test_length_groups_divide_the_examples(examples: list[tuple[int, bool]], bins: int) -> None:
    lengths = np.array([length for length, _ in examples])
    correct = np.array([right for _, right in examples])
    groups = accuracy_by_length(lengths, correct, bins)
    assert 1 <= len(groups) <= bins
    for group in groups:
        inside = (lengths >= group["from"]) & (lengths <= group["to"])
        assert group["n"] == inside.sum()
        assert group["accuracy"] == pytest.approx(correct[inside].mean())
    assert sum(group["n"] for group in groups) == len(examples)
    assert all(one["to"] < other["from"] for one, other in pairwise(groups))


def test_distinct_lengths_fall_into_quarters() -> None:
    lengths = np.random.default_rng(0).permutation(100)
    groups = accuracy_by_length(lengths, lengths < 50)
    assert [(g["from"], g["to"], g["n"]) for g in groups] == [(0, 24, 25), (25, 49, 25), (50, 74, 25), (75, 99, 25)]
    assert [g["accuracy"] for g in groups] == [1.0, 1.0, 0.0, 0.0]
    assert groups[0]["accuracy_ci95"] == list(wilson_interval(25, 25))


def test_one_length_is_one_group_and_none_is_none() -> None:
    (group,) = accuracy_by_length(np.full(270, 64), np.arange(270) % 2 == 0)
    assert (group["from"], group["to"], group["n"], group["accuracy"]) == (64, 64, 270, 0.5)
    assert accuracy_by_length(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=bool)) == []
