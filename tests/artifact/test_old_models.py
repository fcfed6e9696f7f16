"""Models that an earlier lstmkit wrote: still read, to the same answers.

The folders in `old/` were written by the code of be84620: untrained but for an epoch, a few units wide.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lstmkit import SequenceClassifier, SequenceForecaster, load

OLD = Path(__file__).with_name("old")
EXPECTED: dict[str, Any] = json.loads((OLD / "expected.json").read_text())


def answer(name: str) -> np.ndarray:
    model, items = load(OLD / name / "model"), EXPECTED[name]["items"]
    if name == "regression":
        return model.predict(items)
    if name == "forecast":
        return model.predict_quantiles([np.array(item) for item in items])
    if name == "series":
        return model.predict_proba([np.array(item, dtype=float) for item in items])
    if name == "audio":
        return model.predict_proba([(np.array(item, np.float32), 4000) for item in items])
    return model.predict_proba(items)


def test_each_task_and_modality_is_there() -> None:
    kinds = {"words", "subwords", "characters", "tokens", "series", "audio", "forecast", "regression"}
    assert set(EXPECTED) == kinds == {path.name for path in OLD.iterdir() if path.is_dir()}


@pytest.mark.parametrize("name", EXPECTED)
def test_an_old_model_answers_as_it_did(name: str) -> None:
    np.testing.assert_allclose(answer(name), EXPECTED[name]["answer"], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["words", "subwords", "characters", "tokens", "series"])
def test_an_old_estimator_is_read(name: str) -> None:
    estimator = SequenceClassifier.load(OLD / name)
    assert estimator.classes_.tolist() == load(OLD / name / "model").labels
    assert estimator.best_epoch_ == 1


def test_an_old_forecaster_is_read() -> None:
    assert SequenceForecaster.load(OLD / "forecast").horizon == 2


def test_an_old_stream_goes_on() -> None:
    wanted = EXPECTED["tokens"]
    stream = load(OLD / "tokens" / "model").stream()
    stream.state = bytes.fromhex(wanted["state"])
    np.testing.assert_allclose(stream.push(wanted["state_then"]["push"]), wanted["state_then"]["answer"], atol=1e-6)
