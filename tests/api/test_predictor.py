"""`lstmkit.load`: any folder with a model gives an object that predicts, each example by itself."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from estimator_toys import small
from hypothesis import given, settings
from hypothesis import strategies as st

import lstmkit
from lstmkit.core.errors import ArtifactError, DataError

WORDS = ["a", "b", "c", "d", "unseen"]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved")
    texts = ["a b c", "c b", "a a", "d c", "b", "d d d d"] * 3
    model = small(bidirectional=True, pooling="max_mean", cell="lstm", hidden_size=24)
    model.fit(texts, ["x", "y", "x", "y", "z", "z"] * 3).save(folder)
    return folder


@pytest.fixture(scope="module")
def predictor(saved: Path) -> lstmkit.Predictor:
    return lstmkit.load(saved)


@pytest.mark.parametrize("home", ["run/model", "lab/lstm/model", "plain"])
def test_every_layout_is_read(saved: Path, tmp_path: Path, home: str) -> None:
    target = tmp_path / home
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(saved / "model", target)
    read = lstmkit.load(str(tmp_path / home.split("/")[0]))
    assert read.labels == ["x", "y", "z"]
    assert read.predict(["a a", "d c"]) == lstmkit.load(saved).predict(["a a", "d c"])


def test_what_is_no_run_is_one_line(tmp_path: Path) -> None:
    for folder, message in [(tmp_path / "absent", "no such folder"), (tmp_path, "not a run folder")]:
        with pytest.raises(ArtifactError, match=message) as caught:
            lstmkit.load(folder)
        assert str(folder) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_prediction_is_explained_and_the_twin_of_a_lab_stands_beside(saved: Path, tmp_path: Path) -> None:
    lab = tmp_path / "lab"
    for cell in ("lstm", "rnn"):
        (lab / cell).mkdir(parents=True)
        shutil.copytree(saved / "model", lab / cell / "model")
    found = lstmkit.load(lab).explain("a b unseen")
    assert found.tokens == ["a", "b", "unseen"]
    assert found.twin is not None
    np.testing.assert_allclose(found.probabilities, lstmkit.load(lab).predict_proba(["a b unseen"])[0], atol=1e-12)
    alone = lstmkit.load(saved).explain(["a", "b"])
    assert alone.twin is None
    assert alone.tokens == ["a", "b"]
    own = lstmkit.SequenceClassifier.load(saved).explain("a b")
    np.testing.assert_allclose(own.attribution.values, alone.attribution.values, atol=1e-6)
    for wrong in ("", 3.5, []):
        with pytest.raises(DataError):
            lstmkit.load(saved).explain(wrong)  # type: ignore[arg-type]


def test_the_engine_does_not_change_the_answer(saved: Path, predictor: lstmkit.Predictor) -> None:
    texts = ["a b c d", "d", "b b unseen"]
    reference = lstmkit.load(saved, engine="reference").predict_proba(texts)
    np.testing.assert_allclose(predictor.predict_proba(texts), reference, rtol=0, atol=1e-6)


@settings(max_examples=60, deadline=None)
@given(
    examples=st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=30), min_size=1, max_size=12),
    data=st.data(),
)
def test_order_is_kept_and_batch_mates_change_nothing(
    predictor: lstmkit.Predictor, examples: list[list[str]], data: st.DataObject
) -> None:
    together = predictor.predict_proba(examples)
    assert together.shape == (len(examples), 3)
    np.testing.assert_allclose(together.sum(1), 1, atol=1e-6)
    order = data.draw(st.permutations(range(len(examples))))
    np.testing.assert_allclose(
        predictor.predict_proba([examples[k] for k in order]), together[order], rtol=0, atol=1e-6
    )
    place = data.draw(st.integers(0, len(examples) - 1))
    np.testing.assert_allclose(predictor.predict_proba([examples[place]])[0], together[place], rtol=0, atol=1e-6)


def test_a_long_list_keeps_its_order(predictor: lstmkit.Predictor) -> None:
    random = np.random.default_rng(0)
    texts = [" ".join(random.choice(WORDS, random.integers(1, 40))) for _ in range(1000)]
    answers = predictor.predict_proba(iter(texts))
    for place in range(0, 1000, 97):
        np.testing.assert_allclose(predictor.predict_proba([texts[place]])[0], answers[place], rtol=0, atol=1e-6)
    assert predictor.predict(texts) == [predictor.labels[k] for k in answers.argmax(1)]
    assert len(set(predictor.predict(texts))) > 1


def test_texts_and_lists_of_their_words_are_one(predictor: lstmkit.Predictor) -> None:
    texts = ["a b", "d c c"]
    assert predictor.predict_proba(texts).tobytes() == predictor.predict_proba([t.split() for t in texts]).tobytes()


def test_nothing_gives_nothing(predictor: lstmkit.Predictor) -> None:
    assert predictor.predict([]) == []
    assert predictor.predict_proba([]).shape == (0, 3)


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ("a b", r"one string came; give a list of texts, as predict\(\[text\]\)"),
        (["a", "b", " \t"], "example 2 is empty; leave empty examples out"),
        (["", "b"], "example 0 is empty"),
        ([["a"], []], "example 1 is empty"),
        ([["a", "b c"]], "example 0: token 'b c' is empty or holds white space"),
        (["a", 3], r"example 1 is 3 \(int\)"),
        ([b"a"], r"example 0 is b'a' \(bytes\)"),
        ([[0.5]], "example 0: token 0.5 is a float"),
    ],
)
def test_bad_items_are_refused(predictor: lstmkit.Predictor, items: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        predictor.predict(items)


def test_importing_the_package_imports_no_torch() -> None:
    code = (
        "import sys, lstmkit; from importlib.metadata import version; assert lstmkit.__version__ == version('lstmkit');"
        "heavy = {'torch', 'numpy', 'sklearn', 'tokenizers', 'pydantic'} & set(sys.modules); assert not heavy, heavy;"
        "lstmkit.load; assert 'torch' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'lstmkit' has no attribute 'lode'"):
        lstmkit.lode  # noqa: B018
