"""Series as a page shows them small: curves, and a map where there are many channels."""

import re

import numpy as np
import pytest

from lstmkit.config.schema import EncoderConfig
from lstmkit.data.series import SeriesEncoder
from lstmkit.experiment.records import shown
from lstmkit.report.drawing import series_picture
from lstmkit.report.records import Curves


def curves_of(series: np.ndarray) -> Curves:
    names = [str(k) for k in range(series.shape[1])]
    encoder = SeriesEncoder.fit([np.random.default_rng(0).normal(size=(9, len(names)))], EncoderConfig(), names)
    return Curves(**shown(series.astype(np.float32), encoder)["series"])


def test_up_to_eight_channels_are_curves() -> None:
    curves = curves_of(np.arange(24.0).reshape(3, 8))
    assert (len(curves.values), curves.shades) == (8, [])
    assert series_picture(curves).count('class="curve"') == 8


def test_more_are_a_map_of_all_each_on_its_own_scale() -> None:
    series = np.zeros((8, 9))
    series[:, 1], series[:, 8] = np.arange(8) * 1e-3, 1e6 * np.arange(8)[::-1]
    series[3, 8] = np.nan
    curves = curves_of(series)
    assert curves.values == []
    assert curves.shades == ["0" * 8, "01234567", *["0" * 8] * 6, "76503210"]
    picture = series_picture(curves)
    assert "8 steps of 9 channels, each on its own scale" in picture
    assert 'viewBox="0 0 8 9"' in picture
    # The darkest places: the last step of the second row, the first of the last.
    (darkest,) = re.findall(r'<path d="([^"]+)" fill-opacity="1.00"/>', picture)
    assert darkest == "M7 1h1v1h-1zM0 8h1v1h-1z"


def test_of_very_many_channels_and_steps_some_are_shown_and_it_is_said() -> None:
    series = np.random.default_rng(1).normal(size=(5000, 300))
    curves = curves_of(series)
    assert (len(curves.shades), {len(row) for row in curves.shades}) == (64, {200})
    picture = series_picture(curves)
    assert "5,000 steps of 300 channels, 64 of them shown, each on its own scale" in picture
    assert len(picture) < 200_000


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", [np.nan, 3.0, 3e38])
def test_a_series_without_values_or_differences_is_an_empty_map(value: float) -> None:
    curves = curves_of(np.full((4, 12), value))
    assert curves.shades == ["0000"] * 12
    assert "<path" not in series_picture(curves)
