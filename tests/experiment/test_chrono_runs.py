"""A run with chrono initialisation: prepared for its longest training sequence, and its record says so."""

import json
from pathlib import Path

import pytest

from lstmkit import SequenceClassifier
from lstmkit.cli.main import run

SMALL = [
    *("--epochs", "1", "--set", "model.hidden_size=8", "--set", "model.embedding_size=8", "--seed", "0"),
    *("--set", "encoder.min_frequency=1", "--set", "model.initialization=chrono"),
]
TEXTS = [f"{'a ' * (k % 5)}fine film" if k % 2 else f"a {'very ' * (k % 7)}dull film" for k in range(60)]
LABELS = ["pos" if k % 2 else "neg" for k in range(60)]
LONGEST = 9  # "a very very very very very very dull film"


@pytest.mark.parametrize("preset", ["default", "lab"])
def test_the_span_is_the_longest_training_sequence(tmp_path: Path, preset: str) -> None:
    source = tmp_path / "films.csv"
    source.write_text("text,label\n" + "".join(f"{t},{label}\n" for t, label in zip(TEXTS, LABELS, strict=True)))
    assert run(["train", str(source), "--preset", preset, "--out", str(tmp_path / "run"), *SMALL]) == 0
    about = json.loads((tmp_path / "run" / "model" / "model.json").read_text())
    assert about["architecture"]["initialization"] == "chrono"
    assert about["architecture"]["chrono_length"] == LONGEST
    assert run(["evaluate", str(tmp_path / "run")]) == 0


def test_the_estimator_has_the_option_too(tmp_path: Path) -> None:
    options = {"epochs": 1, "hidden_size": 8, "embedding_size": 8, "min_frequency": 1, "random_state": 0}
    fitted = SequenceClassifier(initialization="chrono", **options).fit(TEXTS, LABELS)  # type: ignore[arg-type]
    assert fitted.network_.recurrence.chrono_length == LONGEST
    fitted.save(tmp_path / "model")
    read = SequenceClassifier.load(tmp_path / "model")
    assert read.network_.recurrence.chrono_length == LONGEST
    assert (read.predict_proba(TEXTS) == fitted.predict_proba(TEXTS)).all()
