"""The house style: one palette for plots, drawings and pages, and how a plot is written the same each time."""

import io
import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font

from lstmkit.core.files import write_bytes

# Name: on white, on dark. The models' hues are Okabe and Ito's blue, vermilion and green, darkened until their labels
# have a contrast of 4.5 to 1 on white; no two meet for any of the common colour-blindnesses.
PALETTE: dict[str, tuple[str, str]] = {
    "paper": ("#ffffff", "#14181d"),
    "panel": ("#f6f7f9", "#1c2229"),
    "ink": ("#1c2430", "#e6eaef"),
    "muted": ("#5c6775", "#9aa6b4"),
    "line": ("#dfe3e8", "#333c47"),
    "lstm": ("#0a5fa5", "#6fb3ee"),
    "rnn": ("#b8470f", "#f09a5f"),
    "gru": ("#0b7352", "#57c79c"),
    "linear": ("#6a4a8c", "#bda3de"),
    "majority": ("#66707c", "#97a1ad"),
    "on-colour": ("#fffffe", "#10141a"),
}
NAMES = {"lstm": "LSTM", "gru": "GRU", "rnn": "RNN"}

_RC: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "text.parse_math": False,  # a label's $ and _ are the user's, not a formula
    "svg.hashsalt": "lstmkit",
    "svg.fonttype": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.titlelocation": "left",
    "axes.titlesize": 10.0,
    "axes.titleweight": "bold",
    "axes.titlepad": 10.0,
    "axes.labelsize": 9.0,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "lines.solid_capstyle": "round",
    "lines.dash_capstyle": "round",
}
_PNG_DPI = 200
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def colour(name: str) -> str:
    """A palette colour on white, as plots are drawn."""
    return PALETTE[name][0]


@contextmanager
def house_style() -> Iterator[None]:
    """Draw with this style alone: neither the user's matplotlibrc nor what a caller has set comes through."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_RC)
        ink, muted, line = colour("ink"), colour("muted"), colour("line")
        mpl.rcParams.update({"text.color": ink, "axes.labelcolor": muted, "axes.titlecolor": ink, "grid.color": line,
                             "xtick.color": line, "ytick.color": line, "axes.edgecolor": line,
                             "xtick.labelcolor": muted, "ytick.labelcolor": muted})  # fmt: skip
        yield


def save(figure: Figure, folder: Path, name: str) -> str:
    """Write `name.png` and `name.svg`, the same bytes for the same figure, and return the SVG's text.

    Raises:
        LstmkitError: a file could not be written.
    """
    png, svg = io.BytesIO(), io.StringIO()
    figure.savefig(png, format="png", dpi=_PNG_DPI, metadata={"Software": None})
    figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
    write_bytes(folder / f"{name}.png", png.getvalue())
    write_bytes(folder / f"{name}.svg", svg.getvalue().encode())
    return svg.getvalue()


def inline(svg: str, prefix: str, alt: str) -> str:
    """Make a plot's SVG part of a page: names of its own, colours from the page's theme, a text for who cannot see it.

    Args:
        svg: a whole SVG document as `save` returns it.
        prefix: put before each id, so that two plots of one page never share one.
        alt: what the plot shows, already escaped for an attribute.
    """
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<(metadata|style)\b.*?</\1>", "", body, flags=re.DOTALL)  # a <style> would rule the whole page
    body = re.sub(r"<[^>]*>", lambda tag: _themed(tag[0], prefix), body)
    # No wider than on paper, so that text has one size across plots; large ones shrink a little, then scroll.
    width_px = 4 / 3 * float(body.partition(' width="')[2].partition('pt"')[0])
    size = f"max-width:{width_px:.0f}px" + (f";min-width:{width_px * 0.75:.0f}px" if width_px > 520 else "")
    return re.sub(r' width="[^"]*pt" height="[^"]*pt"', "", body, count=1).replace(
        "<svg", f'<svg role="img" aria-label="{alt}" style="{size}"', 1
    )


def _themed(tag: str, prefix: str) -> str:
    """One tag with ids of its plot and colours of the page; a label between tags is left alone, whatever it says."""
    tag = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{prefix}-", tag)
    for name, (light, _) in PALETTE.items():
        tag = tag.replace(light, f"var(--{name})")
    return tag


def printable(text: str) -> str:
    """The text without what no page or XML file can hold: control characters and lone surrogates become U+FFFD."""
    return _UNPRINTABLE.sub("\ufffd", text)


def label(text: str, longest: int = 24) -> str:
    """A text as a plot can show it: one line, shortened in the middle, a square for what the font cannot draw."""
    seen = "".join(c for c in printable(text) if unicodedata.category(c) != "Cf")  # no turning of the reading direction
    line = " ".join(seen.split())
    tail = (longest - 1) // 2
    short = line if len(line) <= longest else f"{line[: longest - 1 - tail]}…{line[-tail:]}"
    return "".join(c if _font_has(c) else "□" for c in short) or "(empty)"


@lru_cache(maxsize=4096)
def _font_has(character: str) -> bool:
    fonts = (findfont(FontProperties(family="DejaVu Sans", weight=weight)) for weight in ("normal", "bold"))
    return all(get_font(path).get_char_index(ord(character)) for path in fonts)
