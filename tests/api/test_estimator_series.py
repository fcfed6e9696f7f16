"""`SequenceClassifier` on numeric series: in any form one model, missing values read, and what is none refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from estimator_toys import small_of_series as small
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from lstmkit import SequenceClassifier, load
from lstmkit.core.errors import AxesWarning, DataError, RequestError


def turns(n: int, seed: int, n_steps: int | None = None) -> tuple[list[np.ndarray], np.ndarray]:
    """Series `(time, 2)` whose first channel rises before it falls, or the other way round; the second has gaps."""
    random = np.random.default_rng(seed)
    series, labels = [], random.integers(0, 2, n)
    for label in labels:
        length = n_steps or int(random.integers(6, 15))
        slope = np.where(np.arange(length) < length / 2, 1.0, -1.0) * (1 if label else -1)
        values = np.stack([slope.cumsum() + random.normal(0, 0.3, length), random.normal(5, 100, length)], 1)
        values[random.random(length) < 0.3, 1] = np.nan
        series.append(values)
    return series, labels


def test_it_learns_from_ragged_series_with_gaps() -> None:
    model = small(epochs=12).fit(*turns(120, seed=0))
    assert model.score(*turns(60, seed=1)) > 0.95
    assert model.encoder_.channels == ("1", "2")
    assert model.encoder_.masked == (1,)
    assert model.n_features_in_ == 2
    assert model.history_[0]["valid_accuracy"] is not None


def test_one_data_set_in_any_form_is_one_model() -> None:
    series, y = turns(40, seed=0, n_steps=8)
    array = np.stack(series).swapaxes(1, 2)
    assert array.shape == (40, 2, 8)
    wanted = small().fit(array, y).predict_proba(array)
    as_lists = [[[None if np.isnan(x) else x for x in step] for step in one] for one in series]
    ragged = np.empty(40, dtype=object)
    ragged[:] = series
    wholes: list[Any] = [array.astype(np.float32), np.asfortranarray(array), torch.from_numpy(array)]
    lists: list[Any] = [series, as_lists, ragged, tuple(series), [torch.from_numpy(one) for one in series]]
    for form in wholes + lists:
        if any(form is one for one in lists):
            with pytest.warns(
                AxesWarning, match=r"a list of 40 arrays of shape \(8, 2\) is read as \(time, channels\)"
            ):
                model = small().fit(form, y)
        else:
            model = small().fit(form, y)
        assert model.n_features_in_ == 2
        assert model.predict_proba(form).tobytes() == wanted.tobytes()
        assert model.predict_proba(array).tobytes() == wanted.tobytes()
    whole = np.arange(48).reshape(4, 2, 6)
    assert small(epochs=1).fit(whole, [0, 1, 0, 1]).encoder_.kind == "series"  # whole numbers in three dimensions too


def test_other_lengths_may_come_and_each_answer_is_its_own() -> None:
    series, y = turns(40, seed=0, n_steps=8)
    model = small(axes="ntc").fit(series, y)
    others, _ = turns(9, seed=2)
    answers = model.predict_proba(others)
    for one, answer in zip(others, answers, strict=True):
        np.testing.assert_allclose(model.predict_proba([one])[0], answer, rtol=0, atol=1e-6)


def test_scales_come_from_the_training_part_alone() -> None:
    series, y = turns(40, seed=0)
    held = small(epochs=1, validation_fraction=0.4).fit(series, y)
    every = small(epochs=1, validation_fraction=0).fit(series, y)
    values = np.concatenate(series).astype(np.float32)
    np.testing.assert_allclose(every.encoder_.means, np.nanmean(values, 0), rtol=1e-5)
    assert held.encoder_.means != every.encoder_.means


def test_scikit_learns_tools_take_series() -> None:
    series, y = turns(60, seed=3, n_steps=7)
    array = np.stack(series).swapaxes(1, 2)
    assert cross_val_score(small(epochs=1), array, y, cv=3).shape == (3,)
    search = GridSearchCV(small(epochs=1, axes="ntc"), {"cell": ["gru", "rnn"]}, cv=2).fit(series, y)
    assert search.predict(series[:3]).shape == (3,)
    x_train, x_test, y_train, _ = train_test_split(array, y, random_state=0)
    copy = clone(small(epochs=1).fit(array, y))
    assert not hasattr(copy, "classes_")
    halved = FunctionTransformer(lambda x: x[:, :, ::2])
    assert make_pipeline(halved, copy).fit(x_train, y_train).predict(x_test).shape == (15,)


def test_a_model_is_fitted_again_on_another_kind() -> None:
    series, y = turns(20, seed=0)
    model = small(epochs=1).fit(series, y)
    model.fit([[1, 2], [3]] * 10, [0, 1] * 10)
    assert not hasattr(model, "n_features_in_")
    assert model.encoder_.kind == "tokens"
    with pytest.raises(ValueError, match="X holds series, and this SequenceClassifier was fitted on texts or tokens"):
        model.predict(series)
    assert model.fit(series, y).n_features_in_ == 2


def test_it_is_saved_and_read_and_streamed(tmp_path: Path) -> None:
    series, y = turns(40, seed=0)
    names = np.array(["fall", "rise"])[y]
    model = small(pooling="max").fit(series, names)
    model.save(tmp_path / "m")
    wanted = model.predict_proba(series)
    again = SequenceClassifier.load(tmp_path / "m")
    assert again.predict_proba(series).tobytes() == wanted.tobytes()
    assert again.n_features_in_ == 2
    with pytest.raises(ValueError, match="example 0 has 3 channels, 2 are read"):
        again.predict([np.zeros((4, 3))])
    read = load(tmp_path / "m")
    np.testing.assert_allclose(read.predict_proba(series), wanted, rtol=0, atol=1e-6)
    assert read.predict(series) == model.predict(series).tolist()
    stream = read.stream()
    for step in series[0]:
        answer = stream.push(step)
    np.testing.assert_allclose(answer, wanted[0], rtol=0, atol=1e-6)


SERIES = np.zeros((3, 2))
BAD_X: list[tuple[Any, str]] = [
    (
        [SERIES, "a"],
        r"example 0 is a \(time, channels\) array and example 1 is a string; give all examples in one form",
    ),
    (["a", SERIES], r"example 0 is a string and example 1 is a \(time, channels\) array"),
    ([SERIES, [1, 2]], r"example 0 is a \(time, channels\) array and example 1 is a list of tokens"),
    ([SERIES, []], "example 1 is empty; leave empty examples out"),
    ([SERIES, np.zeros((3, 3))], "example 1 has 3 channels, 2 are read"),
    ([SERIES, np.full((3, 2), np.nan)], "example 1 holds no value, all are missing"),
    ([SERIES, np.array([[1, np.inf]])], "example 1 holds an infinite value; NaN stands for a missing one"),
    ([SERIES, [["1", "2"]]], r"example 1 holds '1' \(str\), which is no number"),
    ([SERIES, [[1, 2], [3]]], "example 1 is no array of numbers: lists of unequal lengths"),
    (np.array([[["a", "b"]], [["c", "d"]]]), r"example 0 holds 'a' \(str\), which is no number"),
    (np.zeros((2, 2, 0)), "example 0 is empty"),
    (np.zeros((2, 1, 5)), "every channel stands still in the training part"),
]


@pytest.mark.parametrize(("x", "message"), BAD_X, ids=[message for _, message in BAD_X])
def test_what_is_no_series_is_refused(x: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        small(validation_fraction=0).fit(x, [0, 1])
    assert isinstance(caught.value, DataError)
    assert "\n" not in str(caught.value)


def test_what_is_refused_of_a_model_of_series() -> None:
    series, y = turns(20, seed=0)
    model = small(epochs=1).fit(series, y)
    for x in (["a text"], [[1, 2]], np.array([[1, 2]])):
        with pytest.raises(
            DataError, match="X holds texts or tokens, and this SequenceClassifier was fitted on series"
        ):
            model.predict(x)
    with pytest.raises(RequestError, match=r"tokenizer=words: this source holds numeric series; leave it at auto"):
        small(tokenizer="words").fit(series, y)


def test_an_array_of_two_axes_is_ambiguous_to_a_run_on_one_channel(tmp_path: Path) -> None:
    walks = np.random.default_rng(0).normal(size=(20, 1, 6)).cumsum(2)
    small(epochs=1).fit(walks, walks[:, 0, -1] > 0).save(tmp_path / "m")
    model, one = load(tmp_path / "m"), walks[0].T
    said = r"an array of shape \(6, 1\) came, which may be one series \(time, channels\) or several"
    with pytest.raises(DataError, match=said) as caught:
        model.predict_proba(one)
    assert "\n" not in str(caught.value)
    with pytest.raises(DataError, match=r"an array of shape \(20, 6\) came"):
        model.predict(walks[:, 0])
    wanted = model.predict_proba(walks)
    np.testing.assert_allclose(model.predict_proba([one]), wanted[:1], atol=1e-6)
    np.testing.assert_allclose(model.predict_proba(list(walks[:, 0])), wanted, atol=1e-6)


def test_a_ragged_list_is_refused_in_a_line(tmp_path: Path) -> None:
    series, y = turns(20, seed=0)
    small(epochs=1, pooling="max").fit(series, y).save(tmp_path / "m")
    model, ragged = load(tmp_path / "m"), [[0.1, 0.2], [0.3]]
    refusals = [
        (lambda: model.predict_proba([ragged]), "example 0 is no array of numbers: lists of unequal lengths"),
        (lambda: model.explain(ragged), "example 0 is no array of numbers: lists of unequal lengths"),
        (lambda: model.stream().push(ragged), "the step is no array of numbers: lists of unequal lengths"),
        (lambda: model.predict_proba(ragged), "example 0 has 1 channel, 2 are read"),
    ]
    for call, said in refusals:
        with pytest.raises(DataError, match=said) as caught:
            call()
        assert "\n" not in str(caught.value)
