"""Pages in a real browser: opened from a file, watched for errors and requests, asked what a reader meets.

A test takes the fixture `browse` (tests/conftest.py), carries the marker `browser`, and does

    page = browse(folder / "report.html", width=400, dark=True)
    assert_sound(page)

or asks `page.tab` (Playwright's Page) what it likes. The fixture fails at its end on any console error, error of a
script, or request.
"""

import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Request, Route

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PLACES = ("/usr/bin/chromium", "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
MISSING = f"no Chromium on this machine ({', '.join(NAMES)} are looked for); with root, apt-get install chromium"
LARGEST_BYTES = 3_000_000
LOWEST_CONTRAST = 4.5  # WCAG 2.2, 1.4.3, level AA, for text of any size

# What a reader can work with. A region that scrolls is one of them: without a mouse it is moved by the arrow keys.
CONTROLS = 'a[href], button, summary, input, select, textarea, [tabindex="0"]'

_OVERFLOWING = """() => [...document.querySelectorAll("body *")].filter((e) => {
  if (e.getBoundingClientRect().right <= innerWidth + 1) return false;
  for (let p = e; p !== document.body; p = p.parentElement)
    if (p instanceof SVGElement || ["auto", "scroll", "hidden"].includes(getComputedStyle(p).overflowX)) return false;
  return true;
}).map((e) => e.outerHTML.slice(0, 120))"""

_FIGURES = """() => [...document.querySelectorAll("figure")].map((f) => ({
  html: f.outerHTML.slice(0, 120), caption: f.querySelector("figcaption")?.innerText.trim() ?? "",
}))"""

_PICTURES = """() => [...document.querySelectorAll("svg, img, canvas")].filter(
  (e) => !e.closest('[aria-hidden="true"]') && !e.parentElement.closest("svg")
).map((e) => ({
  html: e.outerHTML.slice(0, 120), role: e.getAttribute("role") ?? e.tagName.toLowerCase(),
  name: e.getAttribute("aria-label") ?? e.getAttribute("alt") ?? "",
}))"""

_VISIBLE = """const visible = (e) => e.checkVisibility({visibilityProperty: true, opacityProperty: true})
  && e.getClientRects().length > 0 && !e.closest("[inert]");"""

_CONTROLS = f"""(wanted) => {{ {_VISIBLE}
  const all = [...document.querySelectorAll(wanted)].filter((e) => visible(e) && !e.disabled && e.tabIndex >= 0);
  all.forEach((e, place) => {{ e.dataset.control = place; }});
  return all.map((e) => e.outerHTML.slice(0, 120));
}}"""

# Tab goes on from where the last focus was, even after blur(): so focus something before all else, and take it away.
_TO_THE_BEGINNING = """() => {
  const first = document.createElement("span");
  first.tabIndex = -1;
  document.body.prepend(first);
  first.focus();
  first.remove();
  scrollTo(0, 0);
}"""

# Where the keyboard is, and whether it is seen: an outline of 2 px or more, within the window.
_FOCUSED = """() => {
  const e = document.activeElement, style = getComputedStyle(e), box = e.getBoundingClientRect();
  return {
    place: e.dataset?.control === undefined ? null : +e.dataset.control,
    outlined: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
    inside: box.bottom > 0 && box.top < innerHeight,
  };
}"""

# Each visible piece of text, its colour over what is painted beneath its middle: backgrounds of boxes and fills of
# shapes, with their opacities. The window is as high as the page, since elementsFromPoint sees no further.
_CONTRASTS = f"""() => {{ {_VISIBLE}
  const parse = (colour) => {{
    const numbers = (colour.match(/[\\d.]+(e-\\d+)?/g) ?? []).map(Number);
    if (colour.startsWith("color(srgb")) return [...numbers.slice(0, 3).map((n) => 255 * n), numbers[3] ?? 1];
    return colour.startsWith("rgb") ? [...numbers.slice(0, 3), numbers[3] ?? 1] : [0, 0, 0, 0];
  }};
  const over = (top, below) => below.map((b, k) => top[k] * top[3] + b * (1 - top[3]));
  const luminance = (rgb) => {{
    const [r, g, b] = rgb.map((v) => v / 255).map((s) => (s <= 0.04045 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  }};
  const opacity = (e) => {{
    let share = 1;
    for (let p = e; p; p = p.parentElement) share *= parseFloat(getComputedStyle(p).opacity);
    return share;
  }};
  const paint = (e) => {{
    const style = getComputedStyle(e), shape = e instanceof SVGElement && e.tagName !== "svg";
    const colour = parse(shape ? style.fill : style.backgroundColor);
    colour[3] *= (shape ? parseFloat(style.fillOpacity) : 1) * opacity(e);
    return colour;
  }};
  const canvas = parse(getComputedStyle(document.body).backgroundColor).slice(0, 3);
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {{
    const e = node.parentElement, words = node.data.trim();
    if (!words || ["SCRIPT", "STYLE", "TITLE", "DESC"].includes(e.tagName.toUpperCase()) || !visible(e)) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const boxes = range.getClientRects();
    if (!boxes.length) continue;
    const box = boxes[0];
    const stack = document.elementsFromPoint(box.x + box.width / 2, box.y + box.height / 2);
    const own = stack.findIndex((s) => s === e || e.contains(s) || s.contains(e));
    if (own < 0) continue;  // clipped away, or scrolled out of its region
    const svg = e instanceof SVGElement;
    const beneath = stack.slice(own).filter((s) => !(svg && (s === e || e.contains(s) || s.tagName === "text")));
    const ground = beneath.reverse().reduce((below, s) => over(paint(s), below), canvas);
    const style = getComputedStyle(e);
    const ink = parse(svg ? style.fill : style.color);
    ink[3] *= opacity(e);
    const [one, other] = [luminance(over(ink, ground)), luminance(ground)];
    found.push({{
      words: words.slice(0, 40), ratio: (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05),
      colours: `${{ink.map((v) => +v.toFixed(2))}} on ${{ground.map(Math.round)}}`,
    }});
  }}
  return found;
}}"""


def find_chromium() -> str | None:
    """The path of the system's Chromium or Chrome, or None."""
    found = (shutil.which(name) for name in NAMES)
    return next((path for path in (*found, *PLACES) if path and Path(path).exists()), None)


@dataclass
class Browsed:
    """A page opened in a browser, and what went wrong in it so far."""

    tab: "Page"
    path: Path
    faults: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def controls(self, wanted: str = CONTROLS) -> list[str]:
        """The controls that can be used now, in the document's order, by the beginnings of their HTML."""
        return self.tab.evaluate(_CONTROLS, wanted)

    def tabbed(self) -> list[dict[str, Any]]:
        """Where each press of Tab leads, from the page's beginning until the keyboard leaves the page."""
        n_controls = len(self.controls())
        self.tab.evaluate(_TO_THE_BEGINNING)
        visited = []
        for _ in range(n_controls + 1):
            self.tab.keyboard.press("Tab")
            visited.append(self.tab.evaluate(_FOCUSED))
            if visited[-1]["place"] is None:
                break
        return visited

    def until(self, script: str, timeout_s: float = 5.0) -> None:
        """Wait until an expression is true. (Playwright waits by running strings, which the pages forbid.)"""
        end_s = time.monotonic() + timeout_s
        while not self.tab.evaluate(f"() => {script}"):
            assert time.monotonic() < end_s, f"still not true: {script}"
            self.tab.wait_for_timeout(20)

    def contrasts(self) -> list[dict[str, Any]]:
        """Every visible piece of text with the ratio of its contrast."""
        size = self.tab.viewport_size
        assert size
        height = self.tab.evaluate("() => document.documentElement.scrollHeight")
        self.tab.set_viewport_size({"width": size["width"], "height": height})
        found = self.tab.evaluate(_CONTRASTS)
        self.tab.set_viewport_size(size)
        return found


class Opener:
    """Opens pages one at a time in one browser, each in a context of its own."""

    def __init__(self, browser: "Browser") -> None:
        self._browser = browser
        self._opened: list[Browsed] = []

    def __call__(self, path: Path, *, width: int = 1280, height: int = 900, dark: bool = False) -> Browsed:
        """Open a page from its file.

        Args:
            path: an HTML file.
            width: of the window, in CSS pixels; 400 is a telephone.
            height: of the window.
            dark: whether the reader's system prefers dark colours.
        """
        context = self._browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
        )
        page = Browsed(context.new_page(), path)
        self._opened.append(page)
        own = path.resolve().as_uri()

        def judge(route: "Route", request: "Request") -> None:
            if request.url.partition("#")[0] == own:
                route.continue_()
            else:
                page.requests.append(request.url)
                route.abort()

        context.route("**/*", judge)
        page.tab.on("console", lambda m: page.faults.append(m.text) if m.type in ("error", "warning") else None)
        page.tab.on("pageerror", lambda error: page.faults.append(str(error)))
        page.tab.goto(own, wait_until="load")
        return page

    def close(self) -> list[str]:
        """Close what was opened and tell what went wrong in it."""
        wrong = [f"{p.path.name}: {what}" for p in self._opened for what in (*p.faults, *p.requests)]
        for page in self._opened:
            page.tab.context.close()
        self._opened.clear()
        return wrong


@contextmanager
def a_browser() -> Iterator["Browser"]:
    """The system's Chromium under Playwright.

    Sandboxed but for root, for whom Chromium's sandbox does not work.
    """
    from playwright.sync_api import sync_playwright

    path = find_chromium()
    assert path, MISSING
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, chromium_sandbox=os.geteuid() != 0)
        yield browser
        browser.close()


def assert_sound(page: Browsed) -> None:
    """What every page of lstmkit owes its readers, at the width and in the theme in which it was opened."""
    assert page.path.stat().st_size < LARGEST_BYTES
    assert page.requests == []
    assert page.faults == []
    assert page.tab.evaluate("() => document.documentElement.scrollWidth") <= page.tab.evaluate("() => innerWidth"), (
        page.tab.evaluate(_OVERFLOWING)
    )
    figures = page.tab.evaluate(_FIGURES)
    assert figures
    assert [f["html"] for f in figures if len(f["caption"]) < 30] == [], "figures without a caption"
    pictures = page.tab.evaluate(_PICTURES)
    assert pictures
    assert [p["html"] for p in pictures if p["role"] != "img" or len(p["name"]) < 15] == [], (
        "nothing for who cannot see"
    )
    assert_keyboard(page)
    contrasts = page.contrasts()
    assert len(contrasts) > 20
    assert [c for c in contrasts if c["ratio"] < LOWEST_CONTRAST] == [], "text that is hard to read"


def assert_keyboard(page: Browsed) -> None:
    """Tab reaches every control in the document's order, is seen there, and gets out of the page again."""
    controls: Sequence[str] = page.controls()
    assert controls
    visited = page.tabbed()
    assert [v["place"] for v in visited] == [*range(len(controls)), None], "not every control is reached in turn"
    assert [controls[v["place"]] for v in visited[:-1] if not (v["outlined"] and v["inside"])] == [], "focus unseen"
