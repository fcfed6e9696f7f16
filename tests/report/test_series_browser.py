"""The page of an explained series in a real browser: sound at every width, and its script draws what Python draws."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import series_toys as toys

import browsing
from browsing import assert_sound
from lstmkit.report import draw_explanation
from lstmkit.report.explanation_records import checked_record
from lstmkit.report.series_drawing import reasons

pytestmark = pytest.mark.browser
PAGES = {
    "few": lambda: toys.record(),
    "many": lambda: toys.record(n_channels=24, cells=("gru",), bidirectional=True, num_layers=2, pooling="max_mean"),
    "long": lambda: toys.record(2300, 12, labels=("a", "b"), max_length=2200),
    "one": lambda: toys.record(1, 1, cells=("rnn",), label=None),
}
PATHS = """() => [...document.querySelectorAll('.lane svg path')].map(
  (p) => p.getAttribute('class') + p.getAttribute('d'))"""


@pytest.fixture(scope="module")
def path_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    folder, drawn = tmp_path_factory.mktemp("series"), {}

    def path(name: str) -> Path:
        if name not in drawn:
            drawn[name] = draw_explanation(PAGES[name](), folder / f"{name}.html")
        return drawn[name]

    return path


@pytest.mark.parametrize(
    ("name", "width", "dark"),
    [("few", 400, False), ("few", 1280, True), ("many", 400, True), ("many", 1280, False), ("long", 400, False),
     ("one", 400, False)],
)  # fmt: skip
def test_a_page_is_sound(
    browse: browsing.Opener, path_of: Callable[[str], Path], name: str, width: int, dark: bool
) -> None:
    assert_sound(browse(path_of(name), width=width, dark=dark))


@pytest.mark.parametrize("name", ["few", "many", "long"])
def test_the_script_draws_what_stood_there(browse: browsing.Opener, tmp_path: Path, name: str) -> None:
    page = draw_explanation(PAGES[name](), tmp_path / "page.html")
    still = tmp_path / "still.html"
    source = page.read_text("utf-8")
    still.write_text(source[: source.rindex("<script>")], "utf-8")
    wanted, found = (sorted(browse(path).tab.evaluate(PATHS)) for path in (still, page))
    assert len(found) > 8
    assert found == wanted


def test_another_class_is_drawn_anew_with_its_own_sums_and_reasons(browse: browsing.Opener, tmp_path: Path) -> None:
    record = toys.record()
    tab = browse(draw_explanation(record, tmp_path / "page.html")).tab
    before = tab.evaluate(PATHS)
    found = checked_record(record).models[0].attribution
    tab.locator("#class").select_option(str(found.classes[1]))
    assert tab.evaluate(PATHS) != before
    cells = found.by_channel(3)[1]
    sums = tab.locator("#lanes-0 .sums").first.inner_text().split()
    assert sums == [f"+{cells[0].clip(0).sum():.2f}", f"−{(-cells[0]).clip(0).sum():.2f}"]
    told = tab.locator("#reasons-0 li b").all_inner_texts()
    wanted = [one.value for side in reasons(cells).values() for one in side]
    assert told == [f"{value:+.2f}".replace("-", "−") for value in wanted]
    tab.locator("#class").select_option(str(found.classes[0]))
    assert sorted(tab.evaluate(PATHS)) == sorted(before)


def test_a_value_is_read_by_hovering_and_by_the_keyboard(browse: browsing.Opener, tmp_path: Path) -> None:
    record = toys.record()
    tab = browse(draw_explanation(record, tmp_path / "page.html")).tab
    readout = tab.locator("#readout")
    assert not readout.is_visible()
    area = tab.locator('#lanes-0 .lane[data-channel="2"] .area')
    box = area.bounding_box()
    assert box
    area.hover(position={"x": box["width"] * 20.5 / 30, "y": 20})
    model = checked_record(record).models[0]
    own, whole = model.attribution.by_channel(3)[0][2, 20], model.attribution.values[0][20]
    words = readout.inner_text().replace("−", "-")
    assert words.startswith("step 21 of 30 c2 ")
    assert f"LSTM: {own:+.2f} nats by c2, {whole:+.2f} by all channels" in words
    assert f"{100 * model.running.probabilities[20][0]:.1f}% after it" in words
    assert tab.locator("#lanes-0 .cursor").first.is_visible()
    assert "at" in (tab.locator('#lanes-0 .lane[data-channel="2"]').get_attribute("class") or "").split()
    tab.locator("#lanes-1").focus()
    for key in ("Home", "ArrowRight", "ArrowUp", "ArrowUp"):
        tab.keyboard.press(key)
    assert readout.inner_text().startswith("step 2 of 30 <i>x</i> ")
    for _ in range(10):
        tab.keyboard.press("ArrowRight")
    assert "(missing; this was read)" in readout.inner_text()


def test_a_map_is_read_channel_by_channel(browse: browsing.Opener, path_of: Any) -> None:
    tab = browse(path_of("many")).tab
    area = tab.locator(".lane.mapped .area").nth(1)
    box = area.bounding_box()
    assert box
    area.hover(position={"x": box["width"] * 0.5, "y": box["height"] * 5.5 / 24})
    assert tab.locator("#readout").inner_text().startswith("step 16 of 30 c5 ")


def test_a_stretch_is_selected_by_mouse_and_by_keys(browse: browsing.Opener, path_of: Any) -> None:
    tab = browse(path_of("few")).tab
    area = tab.locator("#lanes-0 .area").first
    box = area.bounding_box()
    assert box
    y = box["y"] + 20
    tab.mouse.move(box["x"] + box["width"] * 3.5 / 30, y)
    tab.mouse.down()
    tab.mouse.move(box["x"] + box["width"] * 12.5 / 30, y, steps=4)
    tab.mouse.up()
    assert "hold through steps 4 to 13: at least half" in tab.locator("#stretch-says").inner_text()
    assert tab.locator("#lanes-1 .span").first.is_visible()
    tab.locator("#lanes-0").focus()
    tab.keyboard.press("Escape")
    assert not tab.locator("#lanes-1 .span").first.is_visible()
    tab.keyboard.press("Home")
    tab.keyboard.press("Shift+ArrowRight")
    assert (tab.locator("#from").input_value(), tab.locator("#to").input_value()) == ("1", "2")
