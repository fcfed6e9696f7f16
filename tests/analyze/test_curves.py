"""Half-lives of curves that are known, and who vanishes and who explodes by the stated rules."""

import math

import numpy as np
import pytest

from lstmkit.analyze.curves import curve, half_life, significant

NAN = float("nan")


def faded(half: float, n: int) -> np.ndarray:
    return 0.5 ** (np.arange(n) / half)


@pytest.mark.parametrize("half", [0.5, 3.0, 250.0])
def test_an_exponentials_half_life(half: float) -> None:
    found = half_life(faded(half, 64))
    assert found["half_life"] == pytest.approx(half, rel=1e-4)
    assert found["fit_r2"] == 1.0
    assert found["fit_lags"] == 63
    assert found["half_at"] == (math.ceil(half) if half < 64 else None)


def test_distance_0_is_not_fitted() -> None:
    values = faded(4.0, 40)
    values[0] = 1e6
    assert half_life(values)["half_life"] == pytest.approx(4.0, rel=1e-4)


def test_a_line_by_least_squares() -> None:
    heights = np.array([0.0, -1.0, -1.5, -3.0, -3.5])
    found = half_life(np.exp(heights))
    slope = (-1.5 * -1.0 + -0.5 * -1.5 + 0.5 * -3.0 + 1.5 * -3.5) / 5.0  # sum (x - 2.5) y / sum (x - 2.5)^2, x 1 to 4
    assert found["half_life"] == pytest.approx(-math.log(2) / slope, rel=1e-4)
    assert found["fit_r2"] == pytest.approx(0.9529, abs=1e-4)


@pytest.mark.parametrize("values", [np.ones(20), 1.1 ** np.arange(20)])
def test_what_does_not_fall_has_none(values: np.ndarray) -> None:
    found = half_life(values)
    assert found["half_life"] is None
    assert found["half_life_absent"] == "does not fall"
    assert found["half_at"] is None


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_too_few_distances_have_none(n: int) -> None:
    found = half_life(faded(1.0, n))
    assert found["half_life"] is None
    assert found["half_life_absent"] == f"too few distances: {max(n - 1, 0)} of 3"


def test_four_distances_are_enough() -> None:
    assert half_life(faded(1.0, 4))["half_life"] == pytest.approx(1.0, rel=1e-4)


def test_zeros_end_the_fit() -> None:
    values = np.concatenate([faded(2.0, 10), np.zeros(30)])
    found = half_life(values)
    assert found["half_life"] == pytest.approx(2.0, rel=1e-4)
    assert found["fit_lags"] == 9


@pytest.mark.parametrize(
    ("values", "wanted"),
    [([1, 0.4, 0.6, 0.5, 0.1], 3), ([1, 0.4, 0.6], None), ([0.5, 0.4], 0), ([1, 0.5], 1), ([1.0], None)],
)
def test_halved_is_where_it_stays_halved(values: list[float], wanted: int | None) -> None:
    assert half_life(np.array(values))["half_at"] == wanted


def test_quartiles_over_the_examples_that_have_such_a_step() -> None:
    norms = np.array([[2.0, 1.0, 0.5, 0.25], [4.0, 1.0, NAN, NAN], [8.0, 2.0, NAN, NAN], [1.0, 0.5, NAN, NAN]])
    found = curve(norms)
    assert found["n"] == [4, 4, 1, 1]
    assert found["reach"] == 4  # a quarter of four
    assert found["norm"]["median"] == [3.0, 1.0, 0.5, 0.25]
    assert found["norm"]["lower"][0] == 1.75
    assert found["norm"]["upper"][0] == 5.0
    assert found["relative"]["median"] == [1.0, 0.375, 0.25, 0.125]


def test_distances_that_less_than_a_quarter_reach_are_not_fitted() -> None:
    norms = np.full((5, 8), NAN)
    norms[:, :4] = faded(2.0, 4)
    norms[0, 4:] = 99.0
    found = curve(norms)
    assert found["reach"] == 4
    assert found["half_life"] == pytest.approx(2.0, rel=1e-4)
    assert len(found["norm"]["median"]) == 8


def test_who_vanishes_and_who_explodes() -> None:
    rows = [
        [1.0, 1e-3, 1e-7],  # vanishes at its farthest step
        [1.0, 1e-7, 1e-5],  # one step is below, the farthest is not
        [1.0, 2e3, 1e-7],  # explodes on the way, and vanishes
        [10.0, 9e3, 1.0],  # 900 times the last: not yet
        [5.0, NAN, NAN],  # one token: nothing to say
        [1.0, 1e-8, NAN],  # vanishes at its own farthest step
        [0.0, 1.0, 1.0],  # no gradient at the last step: left out, and counted
    ]
    found = curve(np.array(rows))
    assert found["n_zero_at_last"] == 1
    assert found["n_several_steps"] == 5
    assert found["vanishes"] == 3 / 5
    assert found["explodes"] == 1 / 5
    assert found["vanishes_steps"] == 4 / 9


def test_sequences_of_one_token_have_a_last_step_and_no_more() -> None:
    found = curve(np.array([[1.0], [3.0]]))
    assert found["n"] == [2]
    assert found["norm"]["median"] == [2.0]
    assert found["vanishes"] is None
    assert found["explodes"] is None
    assert found["half_life"] is None
    assert found["half_at"] is None


def test_without_any_gradient_nothing_is_said() -> None:
    found = curve(np.zeros((3, 4)))
    assert found["n_zero_at_last"] == 3
    assert found["reach"] == 0
    assert found["relative"]["median"] == []
    assert found["half_life"] is None


def test_significant_digits() -> None:
    assert significant(1.23456789e-200) == 1.2346e-200
    assert significant(0.0) == 0.0
