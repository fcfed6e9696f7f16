"""The page of an explanation in a real browser: sound at every width, and each of its controls does what it says."""

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import explained_toys as toys
import numpy as np
import pytest
from reading_pages import read_page

import browsing
from browsing import assert_sound
from lstmkit.report import draw_explanation

pytestmark = pytest.mark.browser
PAGES = {
    "pair": lambda: toys.record(),
    "digit": lambda: toys.record(toys.DIGIT),
    "deep": lambda: toys.record(cells=("gru",), num_layers=2, bidirectional=True, pooling="max_mean", label=None),
    "one": lambda: toys.record("fine", cells=("rnn",)),
    "long": lambda: toys.record(" ".join([toys.TEXT] * 45), max_length=5000),
}


@pytest.fixture(scope="module")
def path_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    folder, records = tmp_path_factory.mktemp("explained"), {}

    def path(name: str) -> Path:
        if name not in records:
            records[name] = draw_explanation(PAGES[name](), folder / f"{name}.html")
        return records[name]

    return path


@pytest.mark.parametrize(
    ("name", "width", "dark"),
    [("pair", 400, False), ("pair", 1280, True), ("digit", 400, True), ("deep", 1280, False), ("one", 400, False)],
)
def test_a_page_is_sound(
    browse: browsing.Opener, path_of: Callable[[str], Path], name: str, width: int, dark: bool
) -> None:
    assert_sound(browse(path_of(name), width=width, dark=dark))


def test_a_token_is_read_by_hovering_and_by_the_keyboard(browse: browsing.Opener, path_of: Any) -> None:
    tab = browse(path_of("pair")).tab
    readout = tab.locator("#readout")
    assert not readout.is_visible()
    tab.locator("#t0-2").hover()
    assert readout.inner_text().startswith("film token 3 of ")
    assert "LSTM: " in readout.inner_text()
    assert "RNN: " in readout.inner_text()
    assert "mean of its units: i 0." in readout.inner_text()
    tab.locator("#reading-1").focus()
    tab.keyboard.press("ArrowRight")
    tab.keyboard.press("ArrowRight")
    assert readout.inner_text().startswith("slow token 5 of ")
    assert tab.locator("#reading-1").get_attribute("aria-activedescendant") == "t1-4"
    assert tab.locator(".running .cursor").first.is_visible()


def test_a_map_is_read_unit_by_unit(browse: browsing.Opener, path_of: Any) -> None:
    tab = browse(path_of("pair")).tab
    canvases = tab.locator("#planes canvas")
    assert canvases.count() == 6
    assert tab.locator("#planes var").all_inner_texts() == ["i", "f", "o", "g", "c", "h"]
    painted = canvases.nth(4).evaluate(
        "c => new Set([...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]"
        ".filter((_, k) => k % 4 === 2)).size"
    )
    assert painted > 20
    canvases.nth(4).focus()
    tab.keyboard.press("ArrowDown")
    first = tab.locator("#readout").inner_text()
    assert " unit " in first
    tab.keyboard.press("ArrowDown")
    assert tab.locator("#readout").inner_text() != first
    canvases.nth(1).hover()
    assert " unit " in tab.locator("#readout").inner_text()


def test_the_values_read_are_the_record_s(browse: browsing.Opener, path_of: Any, tmp_path: Path) -> None:
    record = toys.record()
    tab = browse(draw_explanation(record, tmp_path / "page.html")).tab
    found = record["models"][0]["attribution"]
    for k in (0, 7, len(record["pieces"]) - 1):
        tab.locator(f"#t0-{k}").hover()
        wanted = f"{found['values'][0][k]:+.2f}".replace("-", "−")
        assert f"LSTM: {wanted} nats" in tab.locator("#readout").inner_text()
        after = record["models"][0]["running"]["probabilities"][k][0]
        assert f"{100 * after:.1f}% after it" in tab.locator("#readout").inner_text()


def test_another_class_colours_anew(browse: browsing.Opener, path_of: Any) -> None:
    tab = browse(path_of("pair")).tab
    read = "() => [...document.querySelectorAll('#reading-0 span')].map((e) => e.className + e.style.cssText)"
    before, said = tab.evaluate(read), tab.locator("#complete-0").inner_text()
    values = tab.locator("#class option").evaluate_all("options => options.map((o) => o.value)")
    assert len(values) == 3
    tab.locator("#class").select_option(values[1])
    assert tab.evaluate(read) != before
    assert tab.locator("#complete-0").inner_text() != said
    tab.locator("#class").select_option(values[0])
    assert tab.evaluate(read) == before
    assert tab.locator("#complete-0").inner_text() == said  # what the page says and what its script says are one


def test_the_order_of_units_the_layer_and_the_direction_change_the_maps(browse: browsing.Opener, path_of: Any) -> None:
    tab = browse(path_of("deep")).tab
    picture = "() => document.querySelector('#planes canvas').toDataURL()"
    seen = {tab.evaluate(picture)}
    for name, values in (("order", ["number", "change", "memory"]), ("layer", ["2"]), ("direction", ["backward"])):
        for value in values:
            tab.locator(f"#{name}").select_option(value)
            seen.add(tab.evaluate(picture))
    assert len(seen) == 6
    pair = browse(path_of("pair")).tab
    assert pair.locator("#layer").is_disabled()
    pair.locator("#model").select_option(value="1")
    assert pair.locator("#planes var").all_inner_texts() == ["h"]


def test_a_stretch_is_selected_by_mouse_keys_and_numbers(browse: browsing.Opener, path_of: Any) -> None:
    tab = browse(path_of("pair")).tab
    selected = tab.locator("#reading-0 [aria-selected=true]")
    tab.locator("#t0-1").hover()
    tab.mouse.down()
    tab.locator("#t0-5").hover()
    tab.mouse.up()
    assert selected.count() == 5
    assert "(tokens 2 to 6): at least half of what they remembered" in tab.locator("#stretch-says").inner_text()
    shares = [float(words.rstrip("%")) for words in tab.locator("#held td:nth-child(2)").all_inner_texts()]
    assert len(shares) == 8
    assert shares == sorted(shares, reverse=True)
    tab.locator("#reading-0").focus()
    tab.keyboard.press("Escape")
    assert selected.count() == 0
    tab.keyboard.press("Home")
    tab.keyboard.press("Shift+ArrowRight")
    tab.keyboard.press("Shift+ArrowRight")
    assert (tab.locator("#from").input_value(), tab.locator("#to").input_value()) == ("1", "3")
    tab.locator("#from").fill("4")
    tab.locator("#to").fill("9")
    tab.locator("#to").press("Enter")
    assert selected.count() == 6
    tab.locator("#model").select_option(value="1")
    assert "stays within 0.25" in tab.locator("#stretch-says").inner_text()
    tab.locator("#clear").click()
    assert not tab.locator("#held").is_visible()


@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_what_holds_is_the_product_of_the_forget_gate(browse: browsing.Opener, tmp_path: Path, direction: str) -> None:
    record = toys.record(cells=("lstm",), bidirectional=True)
    page = browse(draw_explanation(record, tmp_path / "page.html"))
    tab = page.tab
    tab.locator("#direction").select_option(direction)
    tab.locator("#from").fill("3")
    tab.locator("#to").fill("7")
    tab.locator("#to").press("Enter")
    inside = next(one for one in record["models"][0]["inside"] if one["direction"] == direction)
    codes = np.frombuffer(base64.b64decode(inside["planes"]["f"]["codes"]), np.uint8).reshape(9, -1) / 255
    wanted = (codes[:, 2:6] if direction == "backward" else codes[:, 3:7]).prod(1)
    units = tab.locator("#held tbody th").all_inner_texts()
    shares = tab.locator("#held td:nth-child(2)").all_inner_texts()
    for unit, share in zip(units, shares, strict=True):
        assert abs(float(share.rstrip("%")) / 100 - wanted[int(unit)]) < 0.03


def test_a_long_text_is_coloured_by_the_script_and_read_token_by_token(browse: browsing.Opener, path_of: Any) -> None:
    page = path_of("long").read_text("utf-8")
    assert page.count('class="for') + page.count('class="against') == 0
    tab = browse(path_of("long"), width=400).tab
    assert tab.evaluate("() => document.documentElement.scrollWidth") <= 400
    n = tab.locator("#reading-0 [role=option]").count()
    assert n > 2000
    assert tab.locator("#reading-1 [role=option]").count() == n
    same = "() => document.getElementById('reading-0').textContent === document.getElementById('reading-1').textContent"
    assert tab.evaluate(same)
    assert tab.locator("#reading-1 .for, #reading-1 .against").count() > 100  # the others are forgotten
    tab.locator("#reading-1").focus()
    tab.keyboard.press("End")
    assert f"token {n:,} of {n:,}" in tab.locator("#readout").inner_text()
    assert "% after it" in tab.locator("#readout").inner_text()
    tab.keyboard.press("Shift+ArrowLeft")
    assert tab.locator("#reading-0 [aria-selected=true]").count() == 2


def test_the_script_makes_the_text_that_stood_there(browse: browsing.Opener, path_of: Any) -> None:
    for name in ("pair", "digit", "deep"):
        found = browse(path_of(name)).tab.locator("#reading-0")
        (wanted,) = [e for e in read_page(path_of(name)).elements if e.attributes.get("id") == "reading-0"]
        assert found.evaluate("e => e.textContent") == wanted.text


def test_without_its_script_the_page_still_tells(path_of: Any) -> None:
    page = path_of("pair").read_text("utf-8")
    assert page.count('class="for') + page.count('class="against') > 40
    assert "<noscript>" in page
