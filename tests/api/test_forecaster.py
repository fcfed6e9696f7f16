"""`SequenceForecaster`: scikit-learn's conventions, covariates known ahead, saving, and what is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import lstmkit
from lstmkit import SequenceForecaster
from lstmkit.config.resolve import resolve
from lstmkit.core.errors import ArtifactError, DataError, RequestError
from lstmkit.core.files import digest_of
from lstmkit.evaluate.forecasting import naive_error

TINY = {"horizon": 3, "epochs": 2, "hidden_size": 8, "embedding_size": 4, "random_state": 0, "threads": 1}


def wave(n: int = 90, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return np.sin(2 * np.pi * np.arange(n) / 6) + 0.1 * random.standard_normal(n)


def test_the_defaults_are_the_presets() -> None:
    preset = resolve(overrides={"task.goal": "forecast"})
    made = SequenceForecaster()._config(0, "")
    of_tokens = {name: getattr(preset.model, name) for name in ("word_dropout", "embedding_std")}
    assert made.model.model_copy(update=of_tokens) == preset.model
    assert made.train == preset.train


def test_fit_predict_score(capsys: pytest.CaptureFixture[str]) -> None:
    state = torch.get_rng_state()
    forecaster = SequenceForecaster(**TINY, verbose=1)
    assert forecaster.fit(wave()) is forecaster
    torch.testing.assert_close(torch.get_rng_state(), state, rtol=0, atol=0)
    assert capsys.readouterr().out.startswith("Epoch 1/2 - Loss: ")
    assert forecaster.encoder_.season == 6
    assert any("season" in line for line in forecaster.decisions_)
    quantiles = forecaster.predict_quantiles([wave(), wave(40, 1)])
    assert quantiles.shape == (2, 3, 3)
    assert (np.diff(quantiles, axis=2) >= 0).all()
    np.testing.assert_array_equal(forecaster.predict([wave(), wave(40, 1)]), quantiles[..., 1])
    np.testing.assert_allclose(forecaster.predict(wave().tolist()), quantiles[:1, :, 1], atol=1e-6)
    np.testing.assert_allclose(forecaster.predict(wave()[None]), quantiles[:1, :, 1], atol=1e-6)
    again = clone(forecaster).set_params(verbose=0).fit([wave()])
    np.testing.assert_array_equal(again.predict(wave()), forecaster.predict(wave()))
    expected = np.abs(wave()[-3:] - forecaster.predict(wave()[:-3])[0]).mean()
    scale = np.abs(wave()[6:-3] - wave()[:-9]).mean()
    assert forecaster.score(wave()) == pytest.approx(-expected / scale, rel=1e-5)


def test_what_is_known_ahead_is_used() -> None:
    random = np.random.default_rng(0)
    plan = random.integers(0, 2, 200).astype(np.float64)
    series = np.stack([10 * plan + 0.1 * random.standard_normal(200), plan], 1)
    options = TINY | {"horizon": 1, "epochs": 20, "season": 1, "context": 4, "learning_rate": 0.02, "averaging": 0.0}
    forecaster = SequenceForecaster(**options, known_ahead=[1]).fit([series[:-1]])
    ahead = [np.concatenate([series[:-1], [[np.nan, value]]]) for value in (0.0, 1.0)]
    low, high = forecaster.predict(ahead)[:, 0]
    assert low < 3
    assert high > 7
    assert forecaster.score([series[:-1]]) > -0.5


def test_a_saved_forecaster_comes_back(tmp_path: Path) -> None:
    forecaster = SequenceForecaster(**TINY).fit([wave(), wave(seed=1)])
    forecaster.save(tmp_path / "kept")
    forecaster.save(tmp_path / "kept")
    again = SequenceForecaster.load(tmp_path / "kept")
    assert again.get_params() == forecaster.get_params() | {"known_ahead": []}
    np.testing.assert_array_equal(again.predict(wave()), forecaster.predict(wave()))
    np.testing.assert_array_equal(lstmkit.load(tmp_path / "kept").predict([wave()]), forecaster.predict(wave()))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes").write_text("mine")
    with pytest.raises(RequestError, match=r"holds other files, and no forecaster\.json"):
        forecaster.save(tmp_path / "other")
    about = tmp_path / "kept" / "forecaster.json"
    about.write_text(about.read_text().replace('"horizon": 3', '"horizon": 4'))
    with pytest.raises(ArtifactError, match="damaged or altered"):
        SequenceForecaster.load(tmp_path / "kept")
    for change, said in (
        ({"config": {}}, "damaged, it describes no estimator"),
        ({"format": "1"}, "damaged, it has no format number"),
        ({"format": 2}, "format 2 is newer than this lstmkit reads"),
    ):
        state = {name: value for name, value in json.loads(about.read_text()).items() if name != "digest"} | change
        about.write_text(json.dumps(state | {"digest": digest_of(state)}))
        with pytest.raises(ArtifactError, match=said):
            SequenceForecaster.load(tmp_path / "kept")
    with pytest.raises(ArtifactError, match="holds no saved SequenceForecaster"):
        SequenceForecaster.load(tmp_path)


@pytest.mark.parametrize(
    ("options", "series", "said"),
    [
        ({"horizon": 0}, wave(), r"horizon = 0"),
        ({"horizon": 80}, wave(), r"series '0' has 90 steps; a horizon of 80 needs"),
        ({"known_ahead": [2]}, [np.stack([wave(), wave()], 1)], r"known_ahead = '2': no covariate; there are x1"),
        ({"base": "median"}, wave(), r"base = 'median'"),
        ({}, np.full(90, np.nan), r"example 0 holds no value, all are missing"),
        ({}, np.full(90, 2.0), r"series '0' is 2 throughout in its training part"),
        ({}, [], r"X holds no series"),
        ({}, "series", r"X is a str; give a series"),
    ],
)
def test_what_is_refused_is_a_value_error_of_one_line(options: dict, series: object, said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        SequenceForecaster(**TINY | options).fit(series)
    assert "\n" not in str(caught.value)


def test_what_cannot_be_predicted() -> None:
    with pytest.raises(NotFittedError):
        SequenceForecaster().predict(wave())
    forecaster = SequenceForecaster(**TINY, base="season").fit(wave())
    with pytest.raises(ValueError, match="series 0 has 4 steps from its first value on; this model reads 6 or more"):
        forecaster.predict(wave(4))
    with pytest.raises(ValueError, match="has 2 channels, 1 are read"):
        forecaster.predict([np.ones((9, 2))])


def test_small_changes_on_a_large_level_are_seen() -> None:
    series = 1e9 + 10 * np.sin(np.arange(80) / 2)
    forecaster = SequenceForecaster(horizon=4, epochs=1, hidden_size=4, embedding_size=4, random_state=0).fit([series])
    low, _, high = forecaster.predict_quantiles([series])[0].T
    assert (high - low).max() < 100
    assert np.unique(forecaster.predict([series])).size == 4  # in float32 neighbours are 64 apart


def test_what_is_known_ahead_must_be_there() -> None:
    series = np.stack([wave(), wave()], 1)
    forecaster = SequenceForecaster(horizon=4, epochs=1, known_ahead=[1], random_state=0).fit([series])
    with pytest.raises(DataError, match=r"series 0 goes on for 0 rows after its last value; .* and 4 rows"):
        forecaster.predict([series])


def test_what_is_missing_at_the_end_is_not_scored() -> None:
    forecaster = SequenceForecaster(**TINY).fit(wave())
    whole, gone = wave(), wave()
    gone[-2:] = np.nan
    median = forecaster.predict(gone[: -forecaster.horizon])[0]
    known = np.abs(whole[-forecaster.horizon :] - median)[:-2]
    by_hand = -known.mean() / naive_error(whole[: -forecaster.horizon], forecaster.encoder_.season)
    assert forecaster.score(gone) == pytest.approx(by_hand, rel=1e-6)
    gone[-forecaster.horizon :] = np.nan
    assert forecaster.score([whole, gone]) == forecaster.score(whole)
    with pytest.raises(
        ValueError, match=r"every value of the last 3 steps is missing; to score them some must be known"
    ):
        forecaster.score(gone)


def test_a_number_beyond_float32_is_refused() -> None:
    series = wave()
    series[3] = 1e200
    with pytest.raises(ValueError, match=r"example 0 holds an infinite value \(1e\+200 is beyond float32\)"):
        SequenceForecaster(**TINY).fit(series)


def test_a_ragged_list_is_refused_in_a_line(tmp_path: Path) -> None:
    ragged = [[0.1, 0.2], [0.3]]
    with pytest.raises(ValueError, match="example 0 is no array of numbers: lists of unequal lengths"):
        SequenceForecaster(**TINY).fit([ragged])
    forecaster = SequenceForecaster(**TINY).fit(wave())
    forecaster.save(tmp_path / "kept")
    for model in (forecaster, lstmkit.load(tmp_path / "kept")):
        with pytest.raises(DataError, match="example 0 is no array of numbers: lists of unequal lengths"):
            model.predict([ragged])
        with pytest.raises(DataError, match="example 1 is no array of numbers: lists of unequal lengths"):
            model.predict([wave(), [0.1, [0.3]]])
    with pytest.raises(ValueError, match="example 0 is no array of numbers: lists of unequal lengths"):
        forecaster.predict([[0.1, [0.2, 0.3]]])


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_it_learns_where_the_caller_has_switched_gradients_off(mode: Any) -> None:
    wanted = SequenceForecaster(**TINY).fit(wave()).predict_quantiles(wave())
    with mode():
        np.testing.assert_array_equal(SequenceForecaster(**TINY).fit(wave()).predict_quantiles(wave()), wanted)
