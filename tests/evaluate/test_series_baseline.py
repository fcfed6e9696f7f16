"""The opponent of networks that read series: right on what it can learn, chosen on validation, the same every time."""

import json
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import RidgeClassifier

from lstmkit.evaluate import ridge
from lstmkit.evaluate import series_baseline as module
from lstmkit.evaluate.ridge import Ridge
from lstmkit.evaluate.series_baseline import ALPHA_GRID, FEATURE_SETS, series_baseline

Labelled = tuple[list[np.ndarray], list[str]]


def waves(n: int, seed: int, lengths: tuple[int, int] = (20, 40)) -> Labelled:
    """Slow and fast waves of any phase and length in one channel, noise in the other: no height tells them apart."""
    generator = np.random.default_rng(seed)
    series, labels = [], []
    for k in range(n):
        time = np.arange(generator.integers(*lengths))
        wave = np.sin(time * (0.5 if k % 2 else 1.5) + generator.uniform(0, 6.3))
        series.append(np.stack([wave, generator.standard_normal(len(time))], axis=1).astype(np.float32))
        labels.append("slow" if k % 2 else "fast")
    return series, labels


def levels(n: int, seed: int) -> Labelled:
    """Classes of one height each, without noise in their course: shares of steps above thresholds say little of it."""
    generator = np.random.default_rng(seed)
    labels = [str(k % 3) for k in range(n)]
    return [np.full((generator.integers(1, 9), 1), float(label), dtype=np.float32) for label in labels], labels


def fit(train: Labelled, valid: Labelled, test: Labelled, **keywords: Any) -> dict[str, Any]:
    return series_baseline(*train, *valid, *test, **{"n_kernel_features": 336, **keywords})


def test_it_learns_waves_and_reports_its_choice() -> None:
    lines: list[str] = []
    found = fit(waves(80, 0), waves(40, 1), waves(60, 2), progress=lines.append)
    assert found["accuracy"] >= 0.95
    assert "kernels" in found["features"]
    assert found["name"].startswith("random convolution kernels")
    assert list(found["grid"]) == list(FEATURE_SETS)
    assert all(list(row) == [f"{alpha:g}" for alpha in ALPHA_GRID] for row in found["grid"].values())
    assert found["grid"][found["features"]][f"{found['alpha']:g}"] == found["valid_accuracy"]
    assert found["valid_accuracy"] == max(max(row.values()) for row in found["grid"].values())
    assert min(found["grid"]["summaries"].values()) < found["valid_accuracy"]
    assert found["n_features"] == (336 if found["features"] == "kernels" else 355)
    assert len(found["predictions"]) == 60
    assert found["seconds"] > 0
    assert lines[0].startswith("linear baseline: 80 examples, ")  # series, or recordings
    assert sum("on validation" in line for line in lines) == len(FEATURE_SETS)
    found.pop("predictions")
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_it_learns_heights() -> None:
    found = fit(levels(60, 0), levels(30, 1), levels(30, 2))
    assert found["accuracy"] == 1.0


def test_the_answers_are_those_of_the_choice_on_validation() -> None:
    series, labels = waves(80, 0)
    generator = np.random.default_rng(0)
    noisy = [str(generator.choice(["slow", "fast"])) if k % 3 == 0 else label for k, label in enumerate(labels)]
    found = fit((series, noisy), waves(60, 1), waves(60, 1))
    assert found["accuracy"] == found["valid_accuracy"] > min(min(row.values()) for row in found["grid"].values())


def test_two_runs_are_equal() -> None:
    runs = [fit(waves(40, 0), waves(20, 1), waves(20, 2), refit=True, seed=5) for _ in range(2)]
    for run in runs:
        run.pop("seconds")
    assert runs[0] == runs[1]
    assert runs[0]["seed"] == 5


def test_the_test_part_changes_nothing_but_its_own_score() -> None:
    one = fit(waves(40, 0), waves(20, 1), waves(20, 2))
    other = fit(waves(40, 0), waves(20, 1), ([np.full((1, 2), 9, dtype=np.float32)], ["never seen"]))
    assert other["accuracy"] == 0.0
    for key in ("features", "alpha", "grid", "n_features"):
        assert one[key] == other[key]


def test_refit_learns_from_validation_too() -> None:
    def flat(level: float, label: str) -> Labelled:
        return [np.full((4 + k, 1), level, dtype=np.float32) for k in range(6)], [label] * 6

    low, high, other = flat(-1, "low"), flat(1, "high"), flat(5, "other")
    train = ([*low[0], *high[0]], [*low[1], *high[1]])
    assert fit(train, other, other)["accuracy"] == 0.0  # a class that training never saw is never answered
    found = fit(train, other, other, refit=True)
    assert (found["accuracy"], found["refit"]) == (1.0, True)


def test_many_series_give_what_a_few_would_by_the_other_equations(monkeypatch: pytest.MonkeyPatch) -> None:
    held = fit(waves(90, 0), waves(40, 1), waves(40, 2), refit=True)
    monkeypatch.setattr(module, "_MOST_HELD", 89)  # so that the scales are those of all but one
    monkeypatch.setattr(module, "_BLOCK", 32)
    monkeypatch.setattr(ridge, "_PANEL", 100)
    passed = fit(waves(90, 0), waves(40, 1), waves(40, 2), refit=True)
    assert passed["accuracy"] == pytest.approx(held["accuracy"], abs=0.03)
    assert passed["valid_accuracy"] == pytest.approx(held["valid_accuracy"], abs=0.03)


@pytest.mark.parametrize("hold", [True, False])
@pytest.mark.parametrize("n_classes", [2, 4])
def test_ridge_is_scikit_learns(hold: bool, n_classes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ridge, "_PANEL", 7)
    generator = np.random.default_rng(1)
    codes = generator.integers(0, n_classes, 60)
    rows = (generator.standard_normal((60, 30)) + codes[:, None] * generator.standard_normal(30) + 3).astype(np.float32)
    blocks = iter([rows[:25], rows[25:26], rows[26:]])
    found = Ridge(blocks, codes, n_classes, 30, hold=hold).solve(slice(4, 25), [0.5, 20.0])
    assert len(found) == 2
    for plane, alpha in zip(found, (0.5, 20.0), strict=True):
        expected = RidgeClassifier(alpha=alpha).fit(rows[:, 4:25].astype(float), codes)
        scores = 2 * (rows @ plane.weights + plane.intercept) - 1  # from 0 and 1 to -1 and 1
        decisions = expected.decision_function(rows[:, 4:25].astype(float))
        assert (scores[:, 1] if n_classes == 2 else scores) == pytest.approx(decisions, abs=2e-4)
        assert not plane.weights[:4].any()
        assert not plane.weights[25:].any()


def test_one_class_answers_it_and_no_validation_takes_the_middle() -> None:
    series, _ = waves(4, 0)
    one_class = fit((series, ["x"] * 4), (series, ["x"] * 4), (series, ["x", "y"] * 2), refit=True)
    assert [one_class[key] for key in ("accuracy", "alpha", "features", "grid", "valid_accuracy", "n_features")] == [
        0.5, None, None, {}, None, 0,
    ]  # fmt: skip
    found = fit(waves(40, 0), ([], []), waves(10, 1), refit=True)
    assert (found["alpha"], found["grid"], found["valid_accuracy"]) == (0.1, {}, None)
    assert found["features"] == "kernels + summaries"


def test_one_step_and_one_example_of_a_class() -> None:
    series = [np.array([[value]], dtype=np.float32) for value in (-1, 0, 1)]
    assert fit((series, ["a", "b", "c"]), (series, ["a", "b", "c"]), (series, ["a", "b", "c"]))["accuracy"] == 1.0


@pytest.mark.parametrize(
    ("train", "valid", "test", "words"),
    [
        (0, (1, 1), (1, 1), "no training examples"),
        (1, (1, 1), (0, 0), "no test examples"),
        (2, (0, 1), (1, 1), "0 validation series and 1 labels"),
        (2, (1, 1), (1, 0), "1 test series and 0 labels; one label for each series"),
    ],
)
def test_what_cannot_be_fitted_is_refused(
    train: int, valid: tuple[int, int], test: tuple[int, int], words: str
) -> None:
    one = np.ones((3, 1), dtype=np.float32)
    with pytest.raises(ValueError, match=words):
        series_baseline(
            [one] * train, ["x"] * train, [one] * valid[0], ["x"] * valid[1], [one] * test[0], ["x"] * test[1]
        )
