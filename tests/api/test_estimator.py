"""What `SequenceClassifier` does: it learns, keeps to the schema, leaves the process as it was, and refuses clearly."""

import inspect
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from estimator_toys import order_task, small
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, KBinsDiscretizer

from lstmkit import SequenceClassifier
from lstmkit.api.inputs import held_out
from lstmkit.api.parameters import PARAMETER_KEYS
from lstmkit.config.resolve import known_keys
from lstmkit.config.schema import Config
from lstmkit.core.errors import DataError, RequestError, TrainingError
from lstmkit.data.sources.plan import READING_KEYS

RAGGED = [[1, 2, 3], [4, 5], [1, 2], [4], [1, 3, 2, 2], [5, 4, 4]] * 4
RAGGED_LABELS = [0, 1, 0, 1, 0, 1] * 4


def test_parameters_and_schema_are_one() -> None:
    left_out = {
        "preset", "seed", "data.source", *(f"data.{key}" for key in READING_KEYS),
        "data.test_fraction", "data.split_seed", "train.refit", "train.checkpoint_seconds",
        "encoder.features", "encoder.rate", "encoder.window_ms", "encoder.hop_ms", "encoder.n_mels", "encoder.n_mfcc",
        "encoder.deltas",
        *(key for key in known_keys() if key.startswith(("augment.", "task."))),
    }  # fmt: skip
    assert set(PARAMETER_KEYS.values()) | left_out == set(known_keys())
    assert not set(PARAMETER_KEYS.values()) & left_out
    defaults = {name: parameter.default for name, parameter in inspect.signature(SequenceClassifier).parameters.items()}
    assert set(defaults) == {*PARAMETER_KEYS, "axes", "random_state", "verbose"}
    tree = Config().model_dump()
    schema = {name: tree[key.split(".")[0]][key.split(".")[1]] for name, key in PARAMETER_KEYS.items()}
    assert schema.pop("class_weight") == "none"
    assert {name: defaults[name] for name in schema} == schema
    assert defaults["class_weight"] is None


def test_it_learns_what_a_bag_of_words_cannot() -> None:
    model = small(epochs=8).fit(*order_task(200, seed=0))
    assert model.score(*order_task(100, seed=1)) == 1.0
    assert model.classes_.tolist() == ["backward", "forward"]
    assert model.encoder_.kind == "words"
    assert not hasattr(model, "n_features_in_")


def test_one_data_set_in_any_form_is_one_model() -> None:
    random = np.random.default_rng(0)
    array = random.integers(-2, 12, (40, 5))
    y = array[:, 0] > 4
    strings = [" ".join(map(str, row)) for row in array.tolist()]
    wanted = small(tokenizer="tokens").fit(strings, y).predict_proba(strings)
    forms: list[Any] = [
        array, array.astype(np.int8), array.astype(float), array.astype(object), array.astype(str), array.tolist(),
        [tuple(row) for row in array], array.astype(float).tolist(), array.astype(str).tolist(), list(array),
        np.asfortranarray(array), torch.from_numpy(array),
    ]  # fmt: skip
    for form in forms:
        model = small().fit(form, y)
        assert model.encoder_.kind == "tokens"
        assert model.n_features_in_ == 5
        assert model.predict_proba(form).tobytes() == wanted.tobytes()
        assert model.predict_proba(array).tobytes() == wanted.tobytes()
    as_series = np.array(strings, dtype=object)
    assert small(tokenizer="tokens").fit(as_series, y).predict_proba(as_series).tobytes() == wanted.tobytes()


def test_lists_may_be_ragged_and_arrays_keep_their_width() -> None:
    model = small().fit(RAGGED, RAGGED_LABELS)
    assert not hasattr(model, "n_features_in_")
    assert model.predict(np.array([[1, 2], [4, 5]])).shape == (2,)
    model.fit(np.array([[1, 2], [4, 5]] * 5), [0, 1] * 5)
    assert model.predict([[1, 2, 3, 4], [5]]).shape == (2,)
    with pytest.raises(ValueError, match="X has 3 features, but SequenceClassifier is expecting 2"):
        model.predict(np.array([[1, 2, 3]]))
    assert not hasattr(model.fit(RAGGED, RAGGED_LABELS), "n_features_in_")


def test_scikit_learns_tools_take_ragged_lists_and_strings() -> None:
    texts, labels = order_task(60, seed=3)
    assert cross_val_score(small(epochs=2), texts, labels, cv=3).shape == (3,)
    search = GridSearchCV(small(epochs=1), {"hidden_size": np.array([4, 6]), "cell": ["gru", "rnn"]}, cv=2)
    search.fit(RAGGED, RAGGED_LABELS)
    assert set(search.best_params_) == {"hidden_size", "cell"}
    assert search.predict([[1, 2, 3]]).shape == (1,)
    shout = FunctionTransformer(lambda texts: [text.upper() for text in texts])
    piped = make_pipeline(shout, small(epochs=8, lowercase=False)).fit(*order_task(200, seed=0))
    assert piped.score(*order_task(50, seed=1)) == 1.0
    assert "CAUSE" in piped[-1].encoder_.tokenizer.get_vocab()


def test_real_values_are_binned_in_a_pipeline() -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(60, 6))
    bins = KBinsDiscretizer(n_bins=4, encode="ordinal", quantile_method="averaged_inverted_cdf")
    piped = make_pipeline(bins, small(epochs=8)).fit(x, x[:, 0] > 0)
    assert piped.score(x, x[:, 0] > 0) > 0.9


def test_clone_and_set_params_change_nothing_else() -> None:
    model = small(cell="gru").fit(RAGGED, RAGGED_LABELS)
    copy = clone(model).set_params(cell="rnn")
    assert not hasattr(copy, "classes_")
    assert {**copy.get_params(), "cell": "gru"} == model.get_params()


@pytest.mark.parametrize(
    "labels", [[-3, 10], [True, False], ["b", "a"], [0.0, 2.0], np.array([7, 9], dtype=np.int8)], ids=str
)
def test_labels_keep_their_dtype(labels: Any) -> None:
    y = np.array(labels)[RAGGED_LABELS]
    model = small(epochs=8).fit(RAGGED, y)
    assert model.classes_.dtype == y.dtype == model.predict(RAGGED).dtype
    assert model.predict(RAGGED).tolist() == y.tolist()
    assert model.classes_.tolist() == sorted(set(y.tolist()))


def test_object_strings_keep_their_dtype() -> None:
    y = np.array(["no", "a longer yes"], dtype=object)[RAGGED_LABELS]
    assert small().fit(RAGGED, y).predict(RAGGED).dtype == object


def test_the_same_random_state_is_the_same_bits() -> None:
    def bits(state: Any) -> bytes:
        return small(random_state=state, word_dropout=0.3).fit(RAGGED, RAGGED_LABELS).predict_proba(RAGGED).tobytes()

    assert bits(1) == bits(1) == bits(np.int64(1)) == bits(np.random.RandomState(1))
    assert bits(1) != bits(2)
    assert bits(None) != bits(None)
    shared = np.random.RandomState(1)
    assert bits(shared) != bits(shared)


@pytest.mark.parametrize("fails", [False, True])
def test_the_process_is_left_as_it_was(fails: bool) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        torch.manual_seed(5)
        np.random.seed(5)
        wanted = torch.get_rng_state(), np.random.get_state()[1].tobytes()  # type: ignore[index]
        model = small(threads=1, learning_rate=1e38 if fails else 0.01, clip_norm=0.0)
        if fails:
            with pytest.raises(TrainingError):
                model.fit(RAGGED, RAGGED_LABELS)
        else:
            model.fit(RAGGED, RAGGED_LABELS).predict(RAGGED)
        assert torch.equal(torch.get_rng_state(), wanted[0])
        assert np.random.get_state()[1].tobytes() == wanted[1]  # type: ignore[index]
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_records_of_training() -> None:
    model = small(epochs=3).fit(RAGGED, RAGGED_LABELS)
    assert [row["epoch"] for row in model.history_] == [1, 2, 3]
    assert all(0 <= row["valid_accuracy"] <= 1 for row in model.history_)
    best = max(model.history_, key=lambda row: (row["valid_accuracy"], -row["valid_loss"]))
    assert model.best_epoch_ == best["epoch"]
    assert not model.network_.training


def test_verbose_prints_the_epoch_lines_and_silence_is_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    small(epochs=2).fit(RAGGED, RAGGED_LABELS)
    assert capsys.readouterr() == ("", "")
    small(epochs=2, verbose=1).fit(RAGGED, RAGGED_LABELS)
    lines = capsys.readouterr().out.splitlines()
    form = r"Epoch {}/2 - Loss: \d\.\d{{4}}, Accuracy: [\d.]+% - Val loss: \d\.\d{{4}}, Val accuracy: [\d.]+%"
    assert len(lines) == 2
    assert all(re.fullmatch(form.format(k), line) for k, line in enumerate(lines, 1))


def test_without_a_validation_part_the_last_epoch_is_kept() -> None:
    model = small(epochs=3, validation_fraction=0).fit(RAGGED, RAGGED_LABELS)
    assert model.best_epoch_ == 3
    assert all(row["valid_loss"] is None for row in model.history_)


def test_two_examples_a_class_leave_one_for_training() -> None:
    model = small(epochs=1).fit(["a b", "c d", "a c", "c a"], [0, 0, 1, 1])
    assert model.history_[0]["valid_accuracy"] is not None


def test_a_class_with_one_example_keeps_it() -> None:
    model = small(epochs=30, learning_rate=0.1).fit(["a b", "a a b", "c d"], ["x", "x", "lonely"])
    assert model.predict(["c d"]).tolist() == ["lonely"]


def test_where_nothing_can_be_held_out_it_says_so() -> None:
    with pytest.warns(UserWarning, match="no class has two examples, so nothing is held out"):
        model = small(epochs=2).fit(["a b", "c d"], ["x", "y"])
    assert model.best_epoch_ == 2


@settings(deadline=None)
@given(
    codes=st.lists(st.integers(0, 4), min_size=1, max_size=60).map(np.array),
    fraction=st.floats(0.001, 0.899),
    seed=st.integers(0, 2**31 - 1),
)
def test_held_out_takes_a_share_of_each_class_and_never_all(codes: np.ndarray, fraction: float, seed: int) -> None:
    chosen = held_out(codes, fraction, seed)
    assert np.array_equal(chosen, held_out(codes, fraction, seed))
    for code in np.unique(codes):
        n, n_chosen = int((codes == code).sum()), int(chosen[codes == code].sum())
        assert n_chosen == (0 if n == 1 else min(max(1, round(fraction * n)), n - 1))
    assert not held_out(codes, 0, seed).any()


def test_the_vocabulary_comes_from_the_training_part_alone() -> None:
    texts = [f"word{k}" for k in range(20)]
    model = small(epochs=1, validation_fraction=0.3).fit(texts, [0, 1] * 10)
    assert model.encoder_.vocabulary_size == 1 + 14
    assert small(epochs=1, validation_fraction=0).fit(texts, [0, 1] * 10).encoder_.vocabulary_size == 1 + 20


def test_balanced_weights_lift_the_rare_class() -> None:
    x, y = [["a"]] * 60, [0] * 54 + [1] * 6  # one input: the answer is the classes' shares
    plain, balanced = (
        small(epochs=20, class_weight=weight, validation_fraction=0).fit(x, y).predict_proba([["a"]])[0, 1]
        for weight in (None, "balanced")
    )
    assert plain < 0.2
    assert balanced == pytest.approx(0.5, abs=0.08)


def test_early_stopping_stops() -> None:
    random = np.random.default_rng(0)
    x, y = random.integers(0, 30, (60, 6)), random.integers(0, 2, 60)  # nothing to learn, so validation gets worse
    model = small(epochs=30, early_stopping=2, select_by="loss").fit(x, y)
    assert len(model.history_) == model.best_epoch_ + 2 < 30


BAD_PARAMETERS = [
    ({"hidden_size": 0}, "hidden_size = 0: input should be greater than or equal to 1"),
    ({"hidden_size": 8.5}, "hidden_size = 8.5: input should be a valid integer"),
    ({"hidden_size": "8"}, "hidden_size = '8': input should be a valid integer"),
    ({"cell": "lstn"}, "cell = 'lstn': input should be 'lstm', 'gru' or 'rnn'"),
    ({"class_weight": {0: 1.0}}, "class_weight = '{0: 1.0}': input should be 'none' or 'balanced'"),
    ({"validation_fraction": 1.0}, "validation_fraction = 1.0: input should be less than 0.9"),
    ({"validation_fraction": -0.1}, "validation_fraction = -0.1: input should be greater than 0"),
    ({"tokenizer": None}, "tokenizer = None: input should be"),
    ({"layer_dropout": 0.5}, "layer_dropout acts between layers and num_layers is 1"),
    ({"early_stopping": 2, "validation_fraction": 0}, "early_stopping judges by the held-out part"),
    ({"engine": "cudnn"}, "engine = 'cudnn': input should be"),
    ({"epochs": np.array([1, 2])}, "epochs = 'array([1, 2])': input should be a valid integer"),
    ({"min_frequency": 100}, "no tokens in the training part occurs 100 times.*set min_frequency lower"),
    ({"random_state": "x"}, "'x' cannot be used to seed"),
]


@pytest.mark.parametrize(("change", "message"), BAD_PARAMETERS, ids=str)
def test_a_bad_parameter_is_refused_in_its_own_name(change: dict[str, Any], message: str) -> None:
    pattern = message if ".*" in message else re.escape(message)
    with pytest.raises(ValueError, match=pattern) as caught:
        small(**change).fit(RAGGED, RAGGED_LABELS)
    assert not re.search(r"\b(model|train|data|encoder|run)\.", str(caught.value))
    if "random_state" not in change:
        assert isinstance(caught.value, RequestError)
        assert "\n" not in str(caught.value)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU that torch can use")
def test_a_device_that_is_not_there() -> None:
    with pytest.raises(ValueError, match="device 'cuda' is not available"):
        small(device="cuda").fit(RAGGED, RAGGED_LABELS)


BAD_X = [
    ("one text", "X is one string; give a list of texts"),
    ([], "X holds no examples"),
    (None, "X is a NoneType"),
    ({"a", "b"}, "X is a set"),
    (["a", ""], "example 1 is empty"),
    (["a", " \n"], "example 1 is empty"),
    ([["a"], []], "example 1 is empty"),
    (["a", ["b"]], "example 0 is a string and example 1 is a list of tokens; give all examples in one form"),
    ([["a"], "b"], "example 0 is a list of tokens and example 1 is a string"),
    ([["a"], ["b c"]], "example 1: token 'b c' is empty or holds white space"),
    ([["a"], [""]], "example 1: token '' is empty or holds white space"),
    ([[1], [0.5]], "example 1: token 0.5 is a float; .*KBinsDiscretizer"),
    ([[1], [None]], "example 1: token None is a NoneType"),
    ([[1], [float("nan")]], "example 1: token nan is a float"),
    ([[1], [[2]]], r"example 0 is a list of tokens and example 1 is a \(time, channels\) array; give all"),
    ([b"a", b"b"], "example 0 is b'a' \\(bytes\\)"),
    ([1, 2], r"example 0 is 1 \(int\); an example is a string or a list of tokens"),
    (np.array([1, 2]), "Reshape your data"),
    (np.array([[1.5], [2.0]]), "example 0: token 1.5 is a float"),
    (np.array([[1.0], [np.nan]]), "Input X contains NaN"),
    (np.array(["a", None], dtype=object), r"example 1 is None \(NoneType\)"),
    (np.zeros((2, 2, 2, 2)), "Found array with dim 4"),
    (np.zeros((0, 2, 2)), "X holds no examples"),
]


@pytest.mark.parametrize(("x", "message"), BAD_X, ids=[message for _, message in BAD_X])
def test_bad_x_is_refused(x: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        small().fit(x, [0, 1])


@pytest.mark.parametrize("place", [0, 2])
def test_bad_x_is_refused_when_predicting(place: int) -> None:
    model = small(epochs=1).fit(RAGGED, RAGGED_LABELS)
    x: list[list[int]] = [[1], [2], [3]]
    x[place] = []
    with pytest.raises(DataError, match=f"example {place} is empty"):
        model.predict(x)
    with pytest.raises(DataError, match="X holds no examples"):
        model.predict_proba([])


BAD_Y = [
    (None, "requires y to be passed"),
    ([0], "inconsistent numbers of samples"),
    ([1, 1], "y holds one class, 1; a classifier needs two or more"),
    ([0.5, 1.5], "continuous"),
    ([0.0, np.nan], "Input y contains NaN"),
    ([[0, 1], [1, 0]], "y should be a 1d array"),
    (np.array(["a", None], dtype=object), "y mixes labels of type NoneType and str"),
]


@pytest.mark.parametrize(("y", "message"), BAD_Y, ids=[message for _, message in BAD_Y])
def test_bad_y_is_refused(y: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        small().fit(["a", "b"], y)


def test_a_loss_that_is_not_finite_names_the_parameters() -> None:
    with pytest.raises(TrainingError, match=r"lower learning_rate \(now 1e\+38\)") as caught:
        small(learning_rate=1e38, clip_norm=0.0).fit(RAGGED, RAGGED_LABELS)
    assert str(caught.value).endswith("or clip_norm=1.0")  # no key of the configuration, no checkpoint


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_it_learns_where_the_caller_has_switched_gradients_off(mode: Any, tmp_path: Path) -> None:
    texts, labels = order_task(40, 0)
    wanted = small().fit(texts, labels)
    with mode():
        found = small().fit(texts, labels)
        assert np.array_equal(found.predict_proba(texts), wanted.predict_proba(texts))
        assert found.explain(texts[0]).attribution
        found.save(tmp_path)
        loaded = SequenceClassifier.load(tmp_path)
    assert [record["train_loss"] for record in found.history_] == [record["train_loss"] for record in wanted.history_]
    assert not any(parameter.is_inference() for parameter in found.network_.parameters())
    assert loaded.explain(texts[0]).attribution  # outside
    found.fit(texts, labels)
    assert np.array_equal(found.predict_proba(texts), wanted.predict_proba(texts))
