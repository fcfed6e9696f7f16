"""Windows: nothing of the future is read, whatever stands there; scaled by themselves; known covariates come early."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lstmkit.config.schema import DataConfig, TaskConfig
from lstmkit.core.errors import DataError, RequestError
from lstmkit.data.cutting import CutPanel, check_known, cut_panel
from lstmkit.data.sources.panel import Panel, Timed
from lstmkit.data.windows import WindowEncoder, seasonal


def panel_of(*series: np.ndarray, columns: Sequence[str] = ("y",)) -> Panel:
    timed = tuple(Timed(f"s{k}", 2, list(range(len(values))), values) for k, values in enumerate(series))
    return Panel("toy", tuple(columns), "id", "t", timed, [], [], "0", {"toy.csv": "0"})


def wave(n: int = 120, season: int = 6, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return (np.sin(2 * np.pi * np.arange(n) / season) + 0.1 * random.standard_normal(n))[:, None]


def cut(panel: Panel, horizon: int = 4, **task: Any) -> CutPanel:
    return cut_panel(panel, TaskConfig(goal="forecast", horizon=horizon, **task), DataConfig())


@pytest.mark.parametrize("poison", [np.nan, 1e30])
@pytest.mark.parametrize("known_ahead", ["", "x"])
def test_what_comes_after_the_cut_changes_nothing(poison: float, known_ahead: str) -> None:
    clean = np.concatenate([wave(), wave(seed=1)], 1)
    whole = cut(panel_of(clean, columns=("y", "x")), known_ahead=known_ahead)
    ends = whole.cut.ends(len(clean))
    for part, end in (("train", ends["train"][1]), ("refit", ends["refit"][1]), ("valid", ends["valid"][1])):
        poisoned = clean.copy()
        poisoned[end:] = poison
        if np.isnan(poison):
            poisoned[-1] = 0.0  # a series must end somewhere
        other = cut(panel_of(poisoned, columns=("y", "x")), known_ahead=known_ahead)
        assert other.encoder == whole.encoder
        ours, theirs = whole.windows(part), other.windows(part)
        assert len(ours) > 0
        for name in ("base", "scale", "truth", "series", "origins"):
            np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
        for name in ("rows", "offsets", "labels"):
            np.testing.assert_array_equal(getattr(ours.part, name), getattr(theirs.part, name))


def test_a_forecast_reads_nothing_after_its_origin() -> None:
    clean = np.concatenate([wave(), wave(seed=1)], 1)
    data = cut(panel_of(clean, columns=("y", "x")))
    origin = 70
    poisoned = clean.copy()
    poisoned[origin + 1 :] = 1e30
    ours, theirs = (data.encoder.windows([values], [[origin]]) for values in (clean, poisoned))
    np.testing.assert_array_equal(ours.part.rows, theirs.part.rows)
    np.testing.assert_array_equal(ours.base, theirs.base)
    np.testing.assert_array_equal(ours.scale, theirs.scale)


def test_the_parts_lie_one_after_the_other() -> None:
    data = cut(panel_of(wave(120), wave(140)), horizon=5)
    horizon = data.cut.horizon
    for k, series in enumerate(data.panel.series):
        train, valid, test = (data.windows(part) for part in ("train", "valid", "test"))
        own = {name: w.origins[w.series == k] for name, w in (("train", train), ("valid", valid), ("test", test))}
        assert own["train"].max() + horizon < own["valid"].min() + 1  # the last step learned, the first one validated
        assert own["valid"].max() + horizon < own["test"].min() + 1
        assert own["test"].max() + horizon == len(series) - 1
    assert (data.cut.n_test, data.cut.n_valid) == (20, 11)


def test_a_window_is_scaled_by_itself_and_values_come_back() -> None:
    values = wave()
    data = cut(panel_of(values))
    moved = data.encoder.windows([1e4 + 50 * values], [[40, 80]])
    plain = data.encoder.windows([values], [[40, 80]])
    np.testing.assert_allclose(moved.part.rows[:, 0], plain.part.rows[:, 0], atol=1e-5)
    for windows, series in ((moved, 1e4 + 50 * values), (plain, values)):
        np.testing.assert_allclose(
            windows.values(windows.part.labels.astype(np.float64))[0], series[41:45, 0], rtol=1e-6
        )
        assert windows.values(np.zeros((2, 4, 3))).shape == (2, 4, 3)


def test_gaps_take_the_last_value_and_have_a_mask() -> None:
    values = wave()
    values[10:12] = np.nan
    encoder = cut(panel_of(values)).encoder
    assert encoder.features == ["y", "y missing"]
    rows = encoder.windows([values], [[12]]).part.rows
    assert rows[9:13, 1].tolist() == [0, 1, 1, 0]
    assert rows[9, 0] == rows[10, 0] == rows[11, 0]


def test_a_covariate_known_ahead_is_read_a_horizon_early() -> None:
    ahead = np.arange(120.0)[:, None]
    data = cut(panel_of(np.concatenate([wave(), ahead, ahead], 1), columns=("y", "x", "plan")), known_ahead="plan")
    assert data.encoder.features == ["y", "x", "plan 4 ahead"]
    rows = data.encoder.windows([data.panel.series[0].values], [[50]]).part.rows
    np.testing.assert_allclose(rows[-5:-1, 2], rows[-4:, 2] - (rows[-1, 1] - rows[-2, 1]), atol=1e-5)
    np.testing.assert_allclose(rows[-5, 2], rows[-1, 1], atol=1e-6)  # four steps before, what is there now
    with pytest.raises(RequestError, match=r"task\.known_ahead = 'price': no covariate; there are none"):
        cut(panel_of(wave()), known_ahead="price")


def test_the_season_is_found_in_training_alone() -> None:
    values = wave(150, season=7)
    values[-23:] = np.random.default_rng(0).standard_normal((23, 1)) * 9  # the test part has none
    found = cut(panel_of(values))
    assert found.encoder.season == 7
    assert any("season: 7 steps, found in the training part" in line for line in found.decisions)
    assert found.encoder.base == "season"
    assert cut(panel_of(np.random.default_rng(0).standard_normal((150, 1)))).encoder.season == 1
    assert cut(panel_of(values), season=9).encoder.season == 9
    with pytest.raises(RequestError, match=r"task\.season = 400: longer than"):
        cut(panel_of(values), season=400)
    assert seasonal(np.arange(5.0), 3, 7).tolist() == [2, 3, 4, 2, 3, 4, 2]


def test_a_series_that_is_too_short_or_does_not_change_is_named() -> None:
    with pytest.raises(
        DataError, match=r"series 's1' has 30 steps; a horizon of 10 needs 33 or more .*shorter horizon"
    ):
        cut(panel_of(wave(), wave(30)), horizon=10)
    with pytest.raises(DataError, match="series 's1' is 3 throughout in its training part; there is nothing to learn"):
        cut(panel_of(wave(), np.full((120, 1), 3.0)))
    gone = wave()
    gone[: -cut(panel_of(gone)).cut.n_test] = np.nan
    with pytest.raises(DataError, match="series 's0' has no value in its training part"):
        cut(panel_of(gone))
    task = TaskConfig(goal="forecast", horizon=4)
    left = cut_panel(panel_of(wave(), np.full((120, 1), 3.0)), task, DataConfig(on_bad_row="skip"))
    assert [series.name for series in left.panel.series] == ["s0"]
    assert "is 3 throughout" in left.panel.rejected[0]["reason"]


def test_an_encoder_comes_back_from_its_description() -> None:
    encoder = cut(panel_of(wave())).encoder
    assert WindowEncoder.from_description(encoder.describe()) == encoder
    assert replace(encoder, base="mean") != encoder


def test_a_covariate_without_a_value_in_training_is_told() -> None:
    values = np.concatenate([wave(), np.full((120, 1), np.nan)], 1)
    values[-3:, 1] = 5.0
    found = cut(panel_of(values, columns=("y", "x")))
    assert found.decisions[-1] == "no value in the training part, so that nothing is learned from it: x"
    assert (found.encoder.means[1], found.encoder.deviations[1], found.encoder.masked) == (0.0, 1.0, (1,))
    assert np.isfinite(found.windows("train").part.rows).all()


def test_a_training_part_without_a_value_to_forecast_is_said_to_have_none() -> None:
    values = wave()
    values[2 : cut(panel_of(values)).cut.ends(120)["train"][1]] = np.nan
    found = cut(panel_of(values), season=1)
    with pytest.raises(DataError, match="toy: no value of 'y' is known in the train part that could be forecast"):
        check_known(found, ("valid", "train"))
    check_known(found, ("valid", "test"))


def test_what_float32_cannot_hold_is_named() -> None:
    values = np.concatenate([wave(), 1e-3 * wave(seed=1)], 1)
    data = cut(panel_of(values, columns=("y", "x")))
    values[60, 1] = 3e38
    with pytest.raises(DataError, match=r"x: a value lies .* times its usual scale away from it, too far to be read"):
        data.encoder.windows([values], [[70]])
    values[60] = values[50]
    values[72, 0] = 3e38
    with pytest.raises(DataError, match=r"y, ahead: a value lies .* times its usual scale away"):
        data.encoder.windows([wave(), np.concatenate([1e-9 * values[:71], values[71:]])], [[], [70]])
