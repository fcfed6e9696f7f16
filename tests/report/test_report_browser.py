"""All pages but explanations in a real browser: what a reader meets, by mouse, by keyboard, in light and dark."""

from pathlib import Path

import pytest

import browsing
from browsing import assert_keyboard, assert_sound

pytestmark = pytest.mark.browser

# The page, the width of the window, whether it is dark. The first page stands in all four settings.
SETTINGS = [
    ("imdb", 400, False), ("imdb", 400, True), ("imdb", 1280, False), ("imdb", 1280, True),
    ("imdb/lstm", 400, False), ("imdb/lstm", 1280, True),
    ("digits", 400, True), ("digits", 1280, False),
    ("banking", 400, False), ("banking", 1280, True),
    ("evident", 400, False), ("evident", 400, True), ("evident", 1280, True),
    ("analysis/analysis.html", 400, False), ("analysis/analysis.html", 1280, True),
    ("probe", 400, True), ("probe", 1280, False),
    ("comparison", 400, False), ("comparison", 1280, True),
]  # fmt: skip

GOOD = """<!doctype html><html lang="en"><head><title>a page</title><style>
body { margin: 0; background: #ffffff; color: #222222; } svg { display: block; }
button { outline: none; } :focus-visible { outline: 2px solid #0a5fa5; }
</style></head><body>
<button>one</button> <a href="#end">two</a>
<figure><svg role="img" aria-label="a square with a number in it" width="60" height="40">
<rect width="60" height="40" fill="#dddddd"/><text x="20" y="25" fill="#222222">17</text></svg>
<figcaption>See that the square is there, and nothing else.</figcaption></figure>
<ol id="end">LINES</ol><!--more--></body></html>""".replace("LINES", "<li>a line of the page</li>" * 30)

FAULTS = {
    "a console error": ("<!--more-->", "<script>console.error('lost')</script>", "lost"),
    "an exception": ("<!--more-->", "<script>document.none.here</script>", "here"),
    "a request": ("<!--more-->", "<img src='https://example.org/p.png' alt='a picture from far away'>", "example.org"),
    "a file beside it": ("<!--more-->", "<link rel=stylesheet href=other.css>", "other.css"),
    "a wide page": ("<!--more-->", "<p style='width:900px'>wide</p>", "wide"),
    "no caption": ("See that the square is there, and nothing else.", "", "without a caption"),
    "no alternative": ('aria-label="a square with a number in it"', "", "for who cannot see"),
    "pale text": ("color: #222222", "color: #8a8a8a", "hard to read"),
    "pale text in a drawing": ('fill="#222222"', 'fill="#777777"', "17"),
    "text on a dark shape": ('fill="#dddddd"', 'fill="#555555"', "17"),
    "focus that is not seen": (":focus-visible", ":hover", "focus unseen"),
    "a trap": ("<!--more-->", "<button onkeydown='event.preventDefault()'>trap</button>", "reached in turn"),
    "an order of its own": ('<a href="#end"', '<a tabindex="1" href="#end"', "reached in turn"),
}


@pytest.mark.parametrize(("name", "width", "dark"), SETTINGS)
def test_a_page_is_sound(
    request: pytest.FixtureRequest, browse: browsing.Opener, name: str, width: int, dark: bool
) -> None:
    fixture, _, inner = name.partition("/")
    page = request.getfixturevalue(fixture) / inner
    assert_sound(browse(page if page.suffix == ".html" else page / "report.html", width=width, dark=dark))


def test_on_a_telephone_a_claim_has_the_whole_width(browse: browsing.Opener, evident: Path) -> None:
    heads = browse(evident / "report.html", width=400).tab.locator(".claims tbody th")
    assert heads.count() == 6
    assert min(heads.evaluate_all("all => all.map((e) => e.getBoundingClientRect().width)")) > 300


def test_a_sound_page_is_found_sound(browse: browsing.Opener, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(GOOD)
    assert_sound(browse(tmp_path / "page.html", width=400))


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_found(opener: browsing.Opener, tmp_path: Path, name: str) -> None:
    old, new, words = FAULTS[name]
    assert old in GOOD
    (tmp_path / "page.html").write_text(GOOD.replace(old, new))
    with pytest.raises(AssertionError, match=words):
        assert_sound(opener(tmp_path / "page.html", width=400))
    opener.close()


def test_the_fixture_tells_what_went_wrong(opener: browsing.Opener, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(GOOD.replace("<!--more-->", "<script>console.error('lost')</script>"))
    opener(tmp_path / "page.html")
    assert opener.close() == ["page.html: lost"]
    assert opener.close() == []


def test_where_a_browser_is_required_its_absence_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browsing, "PLACES", ())
    monkeypatch.setenv("PATH", "")
    assert browsing.find_chromium() is None
    with pytest.raises(AssertionError, match="no Chromium on this machine"), browsing.a_browser():
        pass


def test_the_colours_follow_the_reader_and_the_button(browse: browsing.Opener, imdb: Path) -> None:
    grounds = {}
    for dark in (False, True):
        tab = browse(imdb / "report.html", dark=dark).tab
        button = tab.get_by_role("button", name="colours")
        seen = []
        for key in (None, "Enter", "Space"):
            if key:
                button.focus()
                tab.keyboard.press(key)
            ground, label = tab.evaluate(
                "() => [getComputedStyle(document.body).backgroundColor,"
                " getComputedStyle(document.querySelector('.plot text')).fill]"
            )
            seen.append((ground, label, button.inner_text()))
        grounds[dark] = seen
    light, night = grounds[False][0], grounds[True][0]
    assert grounds == {False: [light, night, light], True: [night, light, night]}
    assert light[0] != night[0]
    assert light[1] != night[1]  # the plots' text goes with the page
    assert (light[2], night[2]) == ("Dark colours", "Light colours")


def test_texts_unfold_by_the_keyboard_one_by_one_and_all_at_once(browse: browsing.Opener, imdb: Path) -> None:
    tab = browse(imdb / "report.html").tab
    folds = tab.locator("#errors details")
    n_folds = folds.count()
    assert n_folds > 5
    folds.first.locator("summary").focus()
    tab.keyboard.press("Enter")
    assert tab.locator("#errors details[open]").count() == 1
    button = tab.get_by_role("button", name="all texts")
    for words, n_open in (("Fold all texts", n_folds), ("Unfold all texts", 0)):
        button.focus()
        tab.keyboard.press("Space")
        assert tab.locator("#errors details[open]").count() == n_open
        assert button.inner_text() == words


def test_the_contents_lead_to_every_section_and_show_where_one_is(browse: browsing.Opener, imdb: Path) -> None:
    page = browse(imdb / "report.html")
    tab = page.tab
    links = tab.get_by_role("navigation", name="Contents").get_by_role("link")
    headings = tab.locator("main h2").all_inner_texts()
    assert links.all_inner_texts() == headings
    assert len(headings) == 14
    for place in (7, 0):
        links.nth(place).focus()
        tab.keyboard.press("Enter")
        page.until(f"document.querySelectorAll('.contents a')[{place}].ariaCurrent === 'location'")
        assert 0 <= tab.locator("main h2").nth(place).evaluate("e => e.getBoundingClientRect().top") < 60
    assert tab.locator(".contents [aria-current]").count() == 1


def test_the_first_stop_leads_past_the_contents(browse: browsing.Opener, imdb: Path) -> None:
    tab = browse(imdb / "report.html").tab
    tab.keyboard.press("Tab")
    assert tab.evaluate("() => document.activeElement.innerText") == "To the content"
    tab.keyboard.press("Enter")
    tab.keyboard.press("Tab")
    assert tab.evaluate("() => document.querySelector('main').contains(document.activeElement)")


def test_what_scrolls_sideways_does_so_by_the_keyboard(browse: browsing.Opener, banking: Path) -> None:
    page = browse(banking / "report.html", width=400)
    wide = page.tab.locator(".scroll[tabindex='0']")
    assert wide.count() >= 1  # the matrix of 77 labels
    assert wide.first.get_attribute("aria-label") == "figure; scrolls sideways"
    wide.first.focus()
    for _ in range(5):
        page.tab.keyboard.press("ArrowRight")
    page.until("document.activeElement.scrollLeft > 0")
    page.tab.set_viewport_size({"width": 1280, "height": 900})
    page.until("!document.querySelector('.scroll[tabindex]')")
    assert_keyboard(page)


def test_without_scripts_all_is_there_but_the_buttons(browse: browsing.Opener, imdb: Path, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    source = (imdb / "report.html").read_text("utf-8")
    path.write_text(source[: source.rindex("<script>")] + "</body></html>", "utf-8")
    page = browse(path)
    assert page.tab.get_by_role("button").count() == 0
    assert page.tab.locator(".contents a").count() == 14
    assert_keyboard(page)


def test_what_scrolls_sideways_fades_where_it_goes_on_and_says_so(browse: browsing.Opener, imdb: Path) -> None:
    tab = browse(imdb / "report.html", width=400).tab
    region = tab.locator("figure .scrolls").first
    words = "e => getComputedStyle(e.nextElementSibling, '::before').content"
    assert region.evaluate(words) == '"Scrolls sideways. "'
    assert region.get_attribute("class") == "scroll scrolls more-right"
    page = browse(imdb / "report.html", width=400)
    region = page.tab.locator("figure .scrolls").first
    region.evaluate("e => e.scrollTo(1e4, 0)")
    page.until("document.querySelector('figure .scrolls').className === 'scroll scrolls more-left'")
    wide = browse(imdb / "report.html", width=1280).tab
    assert wide.locator("figure .more-right").count() == 0
