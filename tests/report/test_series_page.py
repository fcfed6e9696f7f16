"""The page of an explained series: drawn from its record alone, true to it, and speaking of what is thinned."""

import copy
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import series_toys as toys
from reading_pages import Page, read_page

from lstmkit.core.errors import ArtifactError
from lstmkit.report import draw_explanation
from lstmkit.report.explained_series import Cells, ReadSeries
from lstmkit.report.explanation_records import checked_record
from lstmkit.report.series_drawing import HIGH, attribution_map, band, lanes, reasons, tiles


@pytest.fixture(scope="module")
def record() -> dict[str, Any]:
    return toys.record()


@pytest.fixture
def drawn(tmp_path: Path) -> Any:
    def draw(record: dict[str, Any]) -> Page:
        return read_page(draw_explanation(record, tmp_path / "page.html"))

    return draw


def areas(path: str) -> list[np.ndarray]:
    """The polygons of a path, `(points, 2)` each."""
    shapes = [re.findall(r"(-?[\d.]+) (-?[\d.]+)", shape) for shape in path.split("Z") if shape]
    return [np.array(points, dtype=float) for points in shapes]


def test_the_page_shows_the_channels_and_nothing_of_them_runs(drawn: Any, record: dict[str, Any]) -> None:
    page = drawn(record)
    assert page.unbalanced == []
    assert not page.all("i", "img", "link", "iframe") or all(not e.text for e in page.all("i"))
    names = [e.text for e in page.all("span") if e.attributes.get("class") == "named"]
    assert names == ["<i>x</i>", "still & quiet", "c2"] * 2
    assert "Why “" in page.text
    assert "Which steps count, in which channel" in page.text
    assert "token" not in page.text
    assert "Dotted is what was read where a value is missing" in page.text
    ids = [element.attributes["id"] for element in page.elements if "id" in element.attributes]
    assert len(ids) == len(set(ids)) > 20
    sums = [e.text.split() for e in page.all("span") if e.attributes.get("class") == "sums"]
    cells = Cells.model_validate(record["models"][0]["attribution"]["cells"]).values(6, 3)[0]
    gains, losses = np.clip(cells, 0, None).sum(1), np.clip(-cells, 0, None).sum(1)
    assert sums[:3] == [[f"+{gain:.2f}", f"−{loss:.2f}"] for gain, loss in zip(gains, losses, strict=True)]
    assert sums[1] == ["+0.00", "−0.00"]  # the constant channel


def test_many_channels_have_a_map_and_the_others_are_folded(drawn: Any) -> None:
    page = drawn(toys.record(n_channels=11))
    maps = [e for e in page.all("svg") if e.attributes.get("class") == "map"]
    curves = [e for e in page.all("svg") if e.attributes.get("class") == "curve"]
    assert (len(maps), len(curves)) == (4, 22)
    assert "The other 3 channels, by how much they count" in page.text
    assert "The channels that count most stand first" in page.text
    few = drawn(toys.record())
    assert not [e for e in few.all("svg") if e.attributes.get("class") == "map"]


def test_what_is_thinned_is_told(drawn: Any) -> None:
    text = drawn(toys.record(2300, 12, cells=("lstm",), labels=("a", "b"), max_length=2200)).text
    assert "The series has 2,300 steps; the model reads 2,200 of them, as in training. The 100 others are not" in text
    assert "Of 2,200 steps this page keeps 734 spans of 3 each" in text
    assert "The maps have 245 columns" in text or "The maps have 244 columns" in text
    assert "Of 12 channels" not in text
    many = drawn(toys.record(400, 40, cells=("rnn",), labels=("a", "b"))).text
    assert "Of 40 channels the 8 that count most are drawn as curves" in many
    whole = drawn(toys.record()).text
    assert "this page keeps" not in whole
    assert "not read" not in whole


def test_a_hole_is_marked_and_steps_keep_the_numbers_of_the_whole(drawn: Any) -> None:
    record = toys.record(30, 2, cells=("lstm",), max_length=10)
    assert (record["hole"], record["n_given"]) == (5, 30)
    checked = checked_record(record)
    assert [checked.place(k) for k in (0, 4, 5, 9)] == [0, 4, 25, 29]
    page = drawn(record)
    cuts = [e for e in page.all("i") if e.attributes.get("class") == "cut"]
    assert [cut.attributes["style"] for cut in cuts] == ["left:50.00%"] * 2
    assert re.search(r"steps (\d+ to )?(2[6-9]|30)\b", page.text)


@pytest.mark.parametrize(("n_steps", "n_channels"), [(1, 1), (1, 12), (2, 1)])
def test_a_series_of_a_step_or_a_value_is_drawn(drawn: Any, n_steps: int, n_channels: int) -> None:
    page = drawn(toys.record(n_steps, n_channels))
    assert page.unbalanced == []
    if n_steps * n_channels == 1:
        assert "One value can be deleted in one order only" in page.text


def test_areas_are_as_high_as_their_attribution_and_on_their_own_side() -> None:
    cells = np.array([0.0, 1.0, 0.5, -2.0, 0.0, 2.0])
    heights = [100, 100, 120, 80, 80, 60]
    pro, contra = (areas(band(cells, heights, 2.0, sign)) for sign in (1, -1))
    assert (len(pro), len(contra)) == (2, 1)
    assert pro[0].tolist() == [[1, 100], [1.5, 75], [2.5, 107], [3, 100], [2.5, 120], [1.5, 100]]
    assert contra[0].tolist() == [[3, 100], [3.5, 80 + HIGH / 4], [4, 80], [3.5, 80]]
    assert pro[1][[0, 2]].tolist() == [[5, 70], [6, 60]]
    assert band(0 * cells, heights, 1.0, 1) == ""


def test_tiles_cover_each_square_once_with_its_level() -> None:
    shades = np.random.default_rng(0).uniform(-1.2, 1.2, size=(5, 7))
    shades[2] = 0.5
    painted = np.zeros((5, 7))
    for kind, level, path in tiles(shades):
        for x, y, wide in re.findall(r"M(\d+) (\d+)h(\d+)v1h-\d+z", path):
            assert not painted[int(y), int(x) : int(x) + int(wide)].any()
            painted[int(y), int(x) : int(x) + int(wide)] = level if kind == "for" else -level
    np.testing.assert_array_equal(painted, np.floor(8 * np.clip(shades, -1, 1) + 0.5))
    assert sum(path.count("M") for _, _, path in tiles(shades[2:3])) == 1  # neighbours in one stroke


def test_a_wide_map_shows_the_strongest_of_neighbours(record: dict[str, Any]) -> None:
    series = ReadSeries.model_validate(record["series"])
    cells = np.zeros((3, 1000))
    cells[1, 501], cells[1, 502] = -3.0, 1.0
    picture = str(attribution_map(series, cells, 3.0, 1000, "LSTM"))
    assert 'viewBox="0 0 250 3"' in picture
    assert re.findall(r'<path class="(\w+ l\d)" d="([^"]*)"', picture) == [("against l8", "M125 1h1v1h-1z")]


def test_reasons_are_stretches_of_one_channel_and_one_sign() -> None:
    cells = np.array([[0.1, 0.2, -0.4, 0.0, 1.0], [-0.5, -0.5, -0.5, 0.3, 0.0]])
    found = reasons(cells)
    assert [(one.channel, one.first, one.last, round(one.value, 6)) for one in found["for"]] == [
        (0, 4, 4, 1.0), (0, 0, 1, 0.3), (1, 3, 3, 0.3),
    ]  # fmt: skip
    assert [(one.channel, one.first, one.last, round(one.value, 6)) for one in found["against"]] == [
        (1, 0, 2, -1.5), (0, 2, 2, -0.4),
    ]  # fmt: skip


def test_a_gap_is_dotted_from_the_last_value_to_the_next(record: dict[str, Any]) -> None:
    series = ReadSeries.model_validate(record["series"])
    (first, *_) = lanes(series, np.zeros((3, 30)), 1.0, 30, "LSTM")
    measured, filled = re.findall(r'<path class="line(?: filled)?" d="([^"]*)"', str(first.picture))
    assert measured.count("M") == 2
    xs = [float(x) for x in re.findall(r"[ML]([\d.]+) ", filled)]
    assert xs == [9.5, *(k + 0.5 for k in range(10, 15)), 15.5]
    assert len(re.findall(r"[ML]", measured)) == 25


def test_the_lines_of_many_classes_are_named_and_the_true_one_is_known(drawn: Any) -> None:
    record = toys.record(cells=("lstm",))
    last = record["labels"][record["models"][0]["attribution"]["classes"][-1]]
    for label, n_true in ((last, 2), (record["labels"][checked_record(record).predicted], 0)):
        page = drawn(record | {"label": label})
        named = {e.attributes["class"]: e.text for e in page.all("span") if "line-" in e.attributes.get("class", "")}
        looks = [e.attributes["class"] for e in page.all("path") if "line-" in e.attributes.get("class", "")]
        assert looks.count("line-rest") == 2  # six classes: four with a name
        assert looks.count("line-true") == n_true  # the line, and what leads from it to its name
        assert named.get("line-true", label) == label
        assert "in ink, where it is another: the true one" in page.text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda r: r.update(kind="text"), "series: does not belong"),
        (lambda r: r.update(series=None), "series: does not belong"),
        (lambda r: r["series"]["channels"].pop(), "series.means: 3 values where 2 belong"),
        (lambda r: r["series"].update(least="AAAA"), "series.least: 3 bytes where 180 belong"),
        (lambda r: r["series"].update(least="!"), "series.least: not base64"),
        (lambda r: r["series"].update(width=0), "width"),
        (lambda r: r["series"]["missing"].__setitem__(0, [[3, 30]]), "series.missing: a stretch outside"),
        (lambda r: r["models"][0]["attribution"].update(cells=None), "attribution.cells: belong to a series"),
        (lambda r: r["models"][0]["attribution"]["cells"].update(codes="AAAA"), "attribution.cells: 3 bytes where"),
        (lambda r: r["models"][0]["attribution"]["cells"].update(scale=0), "scale"),
        (lambda r: r["pieces"].append(["", "a", True]), "pieces"),
    ],
)
def test_a_damaged_record_is_one_line(record: dict[str, Any], tmp_path: Path, change: Any, words: str) -> None:
    damaged = copy.deepcopy(record)
    change(damaged)
    with pytest.raises(ArtifactError, match=words) as caught:
        draw_explanation(damaged, tmp_path / "page.html")
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
