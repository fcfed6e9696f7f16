"""Plots: the same bytes for the same records, honest axes, and labels that nobody would choose."""

import hashlib
import math
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import combinations, pairwise
from pathlib import Path

import fake_records
import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font
from matplotlib.lines import Line2D

from lstmkit.report import draw_run, plots, style
from lstmkit.report.records import Run, read_run
from lstmkit.report.style import PALETTE, house_style, inline, label, save

HOSTILE = [
    "<script>alert(1)</script>", "$x^2$", "$", "a_b_c", "\\frac", "#0a5fa5", 'url(#p1) id="x"', "&amp;", "]]>", "--",
    "", "שלום", "مرحبا بالعالم", "\u202eevil\u202c", "👩‍👩‍👧 🙂", "日本語", "w" * 10_000, "nul\x00bell\x07",
    "half\ud83d", "a\nb\r\nc",
]  # fmt: skip


def digest(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.suffix in {".png", ".svg", ".html"}]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return read_run(fake_records.write_run(tmp_path_factory.mktemp("run")))


def drawn(figure: Figure, folder: Path) -> ET.Element:
    return ET.fromstring(save(figure, folder, "plot"))  # noqa: S314  # our own file


def texts(svg: ET.Element) -> list[str]:
    return ["".join(element.itertext()) for element in svg.iter("{http://www.w3.org/2000/svg}text")]


def test_every_plot_comes_as_png_and_svg(imdb: Path, banking: Path) -> None:
    names = {"loss", "accuracy", "confusion_matrix", "accuracy_by_length"}
    for folder, extra in ((imdb, {"test_accuracy"}), (imdb / "lstm", set()), (imdb / "rnn", set()), (banking, set())):
        assert {path.name for path in (folder / "plots").iterdir()} == {
            f"{name}.{kind}" for name in names | extra for kind in ("png", "svg")
        }


def test_the_same_records_give_the_same_bytes_in_another_process(tmp_path: Path) -> None:
    folder = fake_records.write_run(tmp_path / "run", n_test=300, labels=["a", "b", "c"])
    draw_run(folder)
    first = digest(folder)
    assert len(first) == 9
    script = (
        "import sys, pathlib, lstmkit.report as r; r.draw_run(pathlib.Path(sys.argv[1])); print('torch' in sys.modules)"
    )
    environment = os.environ | {"PYTHONHASHSEED": "77", "TZ": "Asia/Tokyo", "LC_ALL": "C"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, str(folder)], env=environment, capture_output=True, check=True
    )
    assert done.stdout.strip() == b"False", "the report has imported torch"
    assert done.stderr == b""
    assert digest(folder) == first


def test_other_records_give_other_bytes(tmp_path: Path) -> None:
    first = fake_records.write_run(tmp_path / "one", n_test=300)
    second = fake_records.write_run(tmp_path / "two", n_test=300, accuracy=0.7)
    draw_run(first), draw_run(second)
    assert all(digest(first)[name] != digest(second)[name] for name in digest(first))


def test_what_the_caller_set_in_matplotlib_does_not_come_through(run: Run, tmp_path: Path) -> None:
    with house_style():
        expected = save(plots.loss([run]), tmp_path, "loss")
    with mpl.rc_context({"font.size": 40, "axes.facecolor": "red", "lines.linewidth": 9, "svg.fonttype": "path"}):
        with house_style():
            assert save(plots.loss([run]), tmp_path, "loss") == expected
        assert mpl.rcParams["font.size"] == 40


@pytest.mark.parametrize("text", HOSTILE, ids=[ascii(text[:20]) for text in HOSTILE])
def test_any_text_is_a_label(run: Run, tmp_path: Path, text: str) -> None:
    evaluation = run.evaluation.model_copy(update={"labels": [text, "other"]})
    with house_style():
        svg = drawn(plots.confusion_matrix([("lstm", evaluation)]), tmp_path)
    assert texts(svg).count(label(text)) == 2  # once down, once across, as it is and not as a formula
    assert all(len(words) < 60 for words in texts(svg))


def test_labels_are_shortened_in_the_middle() -> None:
    assert label("card_payment_fee_charged_twice", 16) == "card_pay…d_twice"
    assert label(" \n ") == "(empty)"
    assert label("\u202eabc") == "abc"


@pytest.fixture
def other_fonts(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Which fonts the system has for what matplotlib's own lacks: none, until a test adds one."""
    names: list[str] = []
    monkeypatch.setattr(style, "_other_fonts", lambda: tuple(names))
    style._can_draw.cache_clear()
    yield names
    style._can_draw.cache_clear()


@pytest.mark.usefixtures("other_fonts")
def test_what_no_font_can_draw_is_spelled_out_in_the_png_and_stands_as_it_is_in_the_svg(
    run: Run, tmp_path: Path
) -> None:
    assert style.drawable("über") == "über"
    assert style.drawable("日本 go") == "U+65E5 U+672C go"
    assert style.drawable("日本") != style.drawable("日中")
    assert len(style.drawable("日" * 24)) == 24
    pictures, words = [], []
    for text in ("日本 go", "U+65E5 U+672C go"):
        evaluation = run.evaluation.model_copy(update={"labels": [text, "other"]})
        with house_style():
            words.append(texts(drawn(plots.confusion_matrix([("lstm", evaluation)]), tmp_path)))
        pictures.append((tmp_path / "plot.png").read_bytes())
    assert pictures[0] == pictures[1]
    assert words[0].count("日本 go") == 2
    assert words[1].count("U+65E5 U+672C go") == 2


def test_a_font_of_the_system_is_used_where_matplotlibs_lacks_a_letter(
    run: Run, tmp_path: Path, other_fonts: list[str]
) -> None:
    other_fonts.append("STIXGeneral")  # matplotlib brings it, too: it stands in for one that a system has
    letter = "\N{MATHEMATICAL SCRIPT SMALL A}"
    assert not get_font(findfont("DejaVu Sans")).get_char_index(ord(letter))
    assert style.drawable(letter) == letter
    evaluation = run.evaluation.model_copy(update={"labels": [letter, "other"]})
    with house_style():
        drawn(plots.confusion_matrix([("lstm", evaluation)]), tmp_path)  # a missing glyph would warn, and fail


def test_a_label_that_looks_like_markup_is_left_alone_in_a_page(run: Run, tmp_path: Path) -> None:
    evaluation = run.evaluation.model_copy(update={"labels": ["#0a5fa5", 'id="x']})
    with house_style():
        svg = inline(save(plots.confusion_matrix([("lstm", evaluation)]), tmp_path, "plot"), "matrix", "a plot")
    words = texts(ET.fromstring(svg))  # noqa: S314
    assert words.count("#0a5fa5") == 2
    assert words.count('id="x') == 2
    assert "var(--lstm)" in svg
    assert 'id="matrix-figure_1"' in svg
    assert not [light for light, _ in PALETTE.values() if light in svg.replace("#0a5fa5", "")]
    assert "<style" not in svg


def test_a_model_has_its_colour_in_every_plot_and_no_other_models(imdb: Path) -> None:
    for name in ("loss", "accuracy", "confusion_matrix", "accuracy_by_length"):
        for cell, other in (("lstm", "rnn"), ("rnn", "lstm")):
            own = (imdb / cell / "plots" / f"{name}.svg").read_text()
            assert PALETTE[cell][0] in own
            assert PALETTE[other][0] not in own
        both = (imdb / "plots" / f"{name}.svg").read_text()
        assert PALETTE["lstm"][0] in both
        assert PALETTE["rnn"][0] in both


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    shares = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("name", ["ink", "muted", "lstm", "gru", "rnn", "linear", "majority"])
@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("ground", ["paper", "panel"])
def test_text_colours_stand_out_from_the_page(name: str, theme: int, ground: str) -> None:
    light, dark = sorted((luminance(PALETTE[name][theme]), luminance(PALETTE[ground][theme])), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5


# What a dichromat sees of linear RGB: Machado, Oliveira and Fernandes 2009, table 1, severity 1.
SEEN = {
    "all colours": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
# CIE76; about 2.3 is just noticeable side by side. Tritanopia is a thousand times rarer than the other two.
APART = {"all colours": 25.0, "protanopia": 15.0, "deuteranopia": 15.0, "tritanopia": 10.0}


def seen_lab(colour: str, eyes: str) -> np.ndarray:
    """A colour in CIELAB (D65), as these eyes see it."""
    shares = np.array([int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)])
    linear = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)
    to_xyz = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
    xyz = np.array(to_xyz) @ np.clip(np.array(SEEN[eyes]) @ linear, 0, 1) / [0.95047, 1.0, 1.08883]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def nearest_colours(colours: dict[str, str], eyes: str) -> tuple[float, tuple[str, str]]:
    """The least distance between two of the colours, and which they are."""
    places = {name: seen_lab(colour, eyes) for name, colour in colours.items()}
    return min((float(np.linalg.norm(places[a] - places[b])), (a, b)) for a, b in combinations(places, 2))


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("eyes", SEEN)
def test_no_two_models_look_alike_to_a_colour_blind_reader(eyes: str, theme: int) -> None:
    models = {name: PALETTE[name][theme] for name in ("lstm", "rnn", "gru", "linear", "majority")}
    distance, pair = nearest_colours(models, eyes)
    assert distance >= APART[eyes], pair


def test_the_measure_of_colours_knows_red_from_green_as_the_eyes_do() -> None:
    colours = {"red": "#c0392b", "olive": "#7a7000"}
    assert nearest_colours(colours, "all colours")[0] > 50
    assert nearest_colours(colours, "deuteranopia")[0] < 15
    former = {"lstm": "#0a5fa5", "linear": "#6a4a8c"}  # the palette's first blue and purple: one colour to many men
    assert nearest_colours(former, "protanopia")[0] < 10
    white, black = seen_lab("#ffffff", "all colours"), seen_lab("#000000", "all colours")
    assert white == pytest.approx([100, 0, 0], abs=0.02)
    assert black == pytest.approx([0, 0, 0], abs=1e-3)


def points(line: Line2D) -> tuple[list[float], list[float]]:
    return np.asarray(line.get_xdata()).tolist(), np.asarray(line.get_ydata()).tolist()


def test_curves_are_the_records_and_the_kept_epoch_is_marked(run: Run) -> None:
    with house_style():
        train, valid, mark = plots.accuracy([run]).axes[0].lines
    assert points(train)[1] == [100 * epoch.train_accuracy for epoch in run.epochs]
    assert points(valid)[1] == [100 * (epoch.valid_accuracy or 0) for epoch in run.epochs]
    assert (train.get_linestyle(), valid.get_linestyle()) == ("--", "-")
    best = run.details.best_epoch
    assert points(mark) == ([best], [points(valid)[1][best - 1]])


def test_axes_begin_at_zero_or_say_where(run: Run) -> None:
    low = [replace(epoch, train_accuracy=0.05) for epoch in run.epochs]
    with house_style():
        assert plots.loss([run]).axes[0].get_ylim()[0] == 0
        cropped = plots.accuracy([run]).axes[0]
        full = plots.accuracy([replace(run, epochs=tuple(low))]).axes[0]
    assert cropped.get_ylim()[0] == 60
    assert cropped.get_ylabel() == "accuracy (%), axis begins at 60"
    assert full.get_ylim()[0] == 0
    assert full.get_ylabel() == "accuracy (%)"


@given(st.floats(0, 1))
def test_an_axis_never_begins_above_what_it_shows(smallest: float) -> None:
    floor = plots._floor(smallest)
    assert 0 <= floor <= 100 * smallest
    assert floor % 10 == 0


@pytest.mark.parametrize("n_epochs", [1, 2, 400])
def test_any_number_of_epochs(tmp_path: Path, n_epochs: int) -> None:
    run = read_run(fake_records.write_run(tmp_path / "run", n_epochs=n_epochs, n_test=50))
    with house_style():
        figure = plots.loss([run])
        drawn(figure, tmp_path)
    axes = figure.axes[0]
    first, last = axes.get_xlim()
    shown = [place for place in axes.get_xticks() if first <= place <= last]
    assert shown
    assert all(place == int(place) for place in shown)


def shades(figure: Figure, panel: int = 0) -> dict[tuple[int, int], float]:
    """Opacity of each square by true and predicted label."""
    squares = next(one for one in figure.axes[panel].collections if isinstance(one, PolyCollection))
    corners = [np.asarray(path.vertices).min(axis=0) + 0.5 for path in squares.get_paths()]
    opacities = np.asarray(squares.get_facecolor())[:, 3]
    return {(int(y), int(x)): opacity for (x, y), opacity in zip(corners, opacities, strict=True)}


def test_a_cells_shade_is_its_share_of_the_row(run: Run) -> None:
    matrix = [[90, 10, 0], [0, 0, 0], [1, 1, 2]]
    evaluation = run.evaluation.model_copy(update={"labels": ["a", "b", "c"], "confusion_matrix": matrix})
    with house_style():
        figure = plots.confusion_matrix([("lstm", evaluation)])
    seen = shades(figure)
    assert sorted(seen) == [(0, 0), (0, 1), (2, 0), (2, 1), (2, 2)]  # none for zeros, an empty row included
    assert seen[0, 0] > seen[2, 2] > seen[2, 0] == seen[2, 1] > seen[0, 1]
    assert [text.get_text() for text in figure.axes[0].texts] == ["90", "10", "1", "1", "2"]


@pytest.mark.parametrize(("size", "numbers"), [(2, True), (12, True), (13, False), (77, False)])
def test_a_large_matrix_is_a_map_whose_labels_do_not_touch(run: Run, size: int, numbers: bool) -> None:
    matrix = [[1] * size for _ in range(size)]
    labels = [f"a label of some length {place}" for place in range(size)]
    evaluation = run.evaluation.model_copy(update={"labels": labels, "confusion_matrix": matrix})
    with house_style():
        figure = plots.confusion_matrix([("lstm", evaluation), ("rnn", evaluation)])
        figure.draw_without_rendering()
    assert len(figure.axes[0].texts) == (size * size if numbers else 0)
    assert len(shades(figure, 1)) == size * size
    for axes in figure.axes:
        for ticks, upper in ((axes.get_yticklabels(), "y"), (axes.get_xticklabels(), "x")):
            boxes = [tick.get_window_extent() for tick in ticks]
            assert len(boxes) == size
            edges = sorted((box.y0, box.y1) if upper == "y" else (box.x0, box.x1) for box in boxes)
            assert all(one[1] <= other[0] + 0.5 for one, other in pairwise(edges))
            assert all(min(box.x0, box.y0) >= 0 for box in boxes), "a label is cut off at the figure's edge"


values = st.lists(st.floats(-100, 100), min_size=1, max_size=6)


@given(values, st.floats(0.1, 20))
def test_names_at_line_ends_do_not_touch(ends: list[float], step: float) -> None:
    places = plots._spread(ends, step, 100.0)
    ordered = sorted(places, reverse=True)
    assert all(above - below >= step * 0.999 for above, below in pairwise(ordered))
    assert max(places) <= 100.0
    assert _in_order(ends, places)
    far = [place * 1000.0 for place in range(len(ends))]
    assert plots._spread(far, step, math.inf) == far


def _in_order(ends: Iterable[float], places: Iterable[float]) -> bool:
    pairs = sorted(zip(ends, places, strict=True))
    return all(a[0] == b[0] or a[1] <= b[1] for a, b in pairwise(pairs))
