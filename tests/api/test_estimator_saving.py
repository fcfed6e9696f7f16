"""A saved estimator comes back whole, its labels in their own dtype, and damage is one line."""

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from estimator_toys import small
from sklearn.exceptions import NotFittedError

import lstmkit
from lstmkit import SequenceClassifier
from lstmkit.core.errors import ArtifactError, RequestError
from lstmkit.core.files import digest_of

X = np.array([[1, 2, 3], [4, 5, 6], [1, 3, 3], [6, 5, 4]] * 3)
PLACES = [0, 1, 0, 1] * 3


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    small(epochs=1).fit(X, PLACES).save(tmp_path / "saved")
    return tmp_path / "saved"


@pytest.mark.parametrize(
    "labels",
    [
        np.array([-3, 10]),
        np.array([3, 200], dtype=np.uint8),
        np.array([False, True]),
        np.array(["a", "bcd"]),
        np.array(["ja ✓", "nein, nie"], dtype=object),
        np.array([0.0, 2.0]),
        np.array([1.0, 2.0], dtype=np.float32),
    ],
    ids=lambda labels: str(labels.dtype),
)
def test_labels_come_back_with_their_dtype(tmp_path: Path, labels: np.ndarray) -> None:
    model = small(epochs=8).fit(X, labels[PLACES])
    model.save(tmp_path / "saved")
    read = SequenceClassifier.load(tmp_path / "saved")
    assert read.classes_.dtype == labels.dtype
    assert read.classes_.tolist() == labels.tolist()
    assert [type(label) for label in read.classes_.tolist()] == [type(label) for label in labels.tolist()]
    assert read.predict(X).dtype == labels.dtype
    assert read.score(X, labels[PLACES]) == model.score(X, labels[PLACES]) == 1.0
    assert lstmkit.load(tmp_path / "saved").labels == [str(label) for label in labels.tolist()]


def test_everything_comes_back(tmp_path: Path) -> None:
    model = small(cell="gru", bidirectional=True, max_length=2, truncate="tail", class_weight="balanced", verbose=0)
    model.fit(X, PLACES)
    model.save(str(tmp_path / "saved"))
    read = SequenceClassifier.load(str(tmp_path / "saved"))
    assert read.predict_proba(X).tobytes() == model.predict_proba(X).tobytes()
    assert read.get_params() == model.get_params()
    assert (read.history_, read.best_epoch_, read.config_) == (model.history_, model.best_epoch_, model.config_)
    assert read.n_features_in_ == 3
    with pytest.raises(ValueError, match="expecting 3 features"):
        read.predict(X[:, :2])
    plain = lstmkit.load(tmp_path / "saved")
    assert plain.predict_proba(X).tobytes() == model.predict_proba(X).tobytes()
    assert plain.predict(X.tolist()) == [str(label) for label in model.predict(X)]
    assert read.fit(X, PLACES).predict_proba(X).tobytes() == model.predict_proba(X).tobytes()


def test_texts_and_a_random_state_object(tmp_path: Path) -> None:
    model = small(random_state=np.random.RandomState(0), epochs=np.int64(1), tokenizer="subwords")
    model.fit(["a fine film", "a poor film"] * 5, ["pos", "neg"] * 5).save(tmp_path / "saved")
    read = SequenceClassifier.load(tmp_path / "saved")
    assert read.random_state is None
    assert type(read.epochs) is int
    assert not hasattr(read, "n_features_in_")
    assert read.predict_proba(["a film"]).tobytes() == model.predict_proba(["a film"]).tobytes()


def test_a_model_of_a_gpu_is_read_anywhere(tmp_path: Path) -> None:
    model = small(epochs=1).fit(X, PLACES).set_params(device="cuda")
    model.config_ = model.config_.model_copy(update={"run": model.config_.run.model_copy(update={"device": "cuda"})})
    model.save(tmp_path / "saved")
    assert SequenceClassifier.load(tmp_path / "saved").predict(X).shape == (12,)


def test_what_is_not_fitted_is_not_saved(tmp_path: Path) -> None:
    with pytest.raises(NotFittedError):
        small().save(tmp_path / "saved")
    assert not any(tmp_path.iterdir())


def test_an_estimator_replaces_an_estimator_and_nothing_else(folder: Path, tmp_path: Path) -> None:
    model = small(epochs=1, hidden_size=5).fit(X, PLACES)
    model.save(folder)
    assert SequenceClassifier.load(folder).hidden_size == 5
    assert sorted(path.name for path in folder.iterdir()) == ["estimator.json", "model"]
    assert [path.name for path in tmp_path.iterdir()] == ["saved"]
    (tmp_path / "run").mkdir()
    model.save(tmp_path / "run")  # an empty folder may be filled
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mine.txt").write_text("mine")
    with pytest.raises(RequestError, match="holds other files"):
        model.save(tmp_path / "notes")
    with pytest.raises(RequestError, match="a file stands there"):
        model.save(tmp_path / "notes" / "mine.txt")
    assert (tmp_path / "notes" / "mine.txt").read_text() == "mine"


def refusal(folder: Path) -> str:
    with pytest.raises(ArtifactError) as caught:
        SequenceClassifier.load(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def alter(folder: Path, **changes: Any) -> None:
    about = json.loads((folder / "estimator.json").read_text())
    del about["digest"]
    about |= changes
    about["digest"] = digest_of(about)
    (folder / "estimator.json").write_text(json.dumps(about))


def test_damage_is_one_line(folder: Path) -> None:
    path = folder / "estimator.json"
    content = path.read_text()
    path.write_text(content[:200])
    assert refusal(folder).startswith(f"{path}: damaged, not JSON")
    path.write_text(content.replace('"values": [\n      0', '"values": [\n      7'))
    assert refusal(folder).startswith(f"{path}: damaged or altered")
    for nothing in ("[]", "{}", '{"format": null}'):
        path.write_text(nothing)
        assert refusal(folder).startswith(f"{path}: damaged, it has no format number")
    path.unlink()
    assert refusal(folder).startswith(f"{folder}: holds no saved SequenceClassifier")
    path.write_text(content)
    (folder / "model" / "model.safetensors").write_bytes(b"")
    assert refusal(folder).startswith(f"{folder / 'model' / 'model.safetensors'}: damaged")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 2}, "format 2 is newer than this lstmkit reads (1); upgrade lstmkit"),
        ({"classes": {"dtype": "<i8", "values": [0, 1, 2]}}, "its labels are not those of model/"),
        ({"classes": {"dtype": "<i8", "values": ["x", "y"]}}, "damaged"),
        ({"classes": {"dtype": "<M8[s]", "values": [0, 1]}}, "damaged"),
        ({"classes": {"dtype": "nonsense", "values": [0, 1]}}, "damaged"),
        ({"classes": None}, "damaged"),
        ({"parameters": {"surprise": 1}}, "this lstmkit has no parameter 'surprise'; upgrade lstmkit"),
        ({"config": {}}, "damaged"),
    ],
    ids=str,
)
def test_a_well_signed_file_of_something_else(folder: Path, changes: dict[str, Any], message: str) -> None:
    alter(folder, **changes)
    assert message in refusal(folder)


class Payload:
    """What, unpickled, creates a file."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.marker,)


def test_a_pickle_in_its_place_is_not_run(folder: Path, tmp_path: Path) -> None:
    (folder / "estimator.json").write_bytes(pickle.dumps(Payload(tmp_path / "marker")))
    refusal(folder)
    assert not (tmp_path / "marker").exists()
