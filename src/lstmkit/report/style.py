"""The house style: one palette for plots, drawings and pages, and how a plot is written the same each time."""

import io
import re
import unicodedata
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font
from matplotlib.text import Text
from matplotlib.ticker import FixedFormatter, FixedLocator

from lstmkit.core.files import write_bytes
from lstmkit.core.wording import printable, straight

# Name: on white, on dark. The models' hues are Okabe and Ito's blue, vermilion and green, darkened until their labels
# have a contrast of 4.5 to 1 on white. A test simulates red-, green- and blue-blindness and measures that no two meet;
# that is why the linear model's purple is so far from the LSTM's blue in lightness.
PALETTE: dict[str, tuple[str, str]] = {
    "paper": ("#ffffff", "#14181d"),
    "panel": ("#f6f7f9", "#1c2229"),
    "ink": ("#1c2430", "#e6eaef"),
    "muted": ("#5c6775", "#9aa6b4"),
    "line": ("#dfe3e8", "#333c47"),
    "lstm": ("#0a5fa5", "#6fb3ee"),
    "rnn": ("#b8470f", "#f09a5f"),
    "gru": ("#0b7352", "#57c79c"),
    "linear": ("#62246e", "#bb65fe"),
    "majority": ("#66707c", "#97a1ad"),
    "on-colour": ("#fffffe", "#10141a"),
}

_FONT = "DejaVu Sans"  # comes with matplotlib
# What systems have for scripts that it lacks, the commonest first; those that are installed are asked in this order.
_OTHER_FONTS = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "Source Han Sans SC", "WenQuanYi Zen Hei", "PingFang SC",
    "Hiragino Sans", "Apple SD Gothic Neo", "Microsoft YaHei", "Yu Gothic", "Malgun Gothic", "Noto Sans Devanagari",
    "Noto Sans Thai", "Nirmala UI", "Leelawadee UI", "Noto Emoji", "Symbola", "Segoe UI Emoji", "Segoe UI Symbol",
)  # fmt: skip

_RC: dict[Any, Any] = {
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


def colour(name: str) -> str:
    """A palette colour on white, as plots are drawn."""
    return PALETTE[name][0]


@contextmanager
def house_style() -> Iterator[None]:
    """Draw with this style alone: neither the user's matplotlibrc nor what a caller has set comes through."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_RC)
        mpl.rcParams["font.family"] = [_FONT, *_other_fonts()]
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
    for text in figure.findobj(Text):
        text.set_text(straight(text.get_text()))
    png, svg = io.BytesIO(), io.StringIO()
    with warnings.catch_warnings():
        # An SVG holds text and no glyphs: who shows it has fonts of their own. Here it is only measured.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font", category=UserWarning)
        figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
    with _spelled_out(figure):
        figure.savefig(png, format="png", dpi=_PNG_DPI, metadata={"Software": None})
    drawn = straight(svg.getvalue())
    write_bytes(folder / f"{name}.png", png.getvalue())
    write_bytes(folder / f"{name}.svg", drawn.encode())
    return drawn


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


def label(text: str, longest: int = 24) -> str:
    """A text as a plot can show it: one line, shortened in the middle."""
    seen = printable("".join(c for c in text if unicodedata.category(c) != "Cf"))  # no turning of the reading direction
    return _shortened(" ".join(seen.split()), longest) or "(empty)"


def drawable(text: str, longest: int = 24) -> str:
    """A label with code points, as `U+1F642`, for what no font at hand can draw: two labels stay two."""
    if all(_can_draw(c) for c in text):
        return text
    spelled = "".join(c if _can_draw(c) else f" U+{ord(c):04X} " for c in text)
    return _shortened(" ".join(spelled.split()), longest)


def width_em(text: str) -> float:
    """About how wide a label is, in ems, drawn or spelled out, whichever is wider."""
    wide = sum(1.0 if unicodedata.east_asian_width(c) in "WF" else 0.62 for c in text)
    return max(wide, 0.62 * len(drawable(text)))


def label_ticks(axis: Axis, labels: Sequence[str], **options: Any) -> None:
    """Put one label at each whole number; `save` spells them out in the PNG, where fonts lack what they hold.

    Args:
        axis: the axis.
        labels: as `label` gives them.
        options: of the tick labels, as matplotlib takes them.
    """
    axis.set_major_locator(FixedLocator(range(len(labels))))
    axis.set_major_formatter(FixedFormatter(labels))
    for tick_label in axis.get_ticklabels():
        tick_label.set(**options)


@contextmanager
def _spelled_out(figure: Figure) -> Iterator[None]:
    formatters = {
        formatter: list(formatter.seq)
        for axes in figure.axes
        for axis in (axes.xaxis, axes.yaxis)
        if isinstance(formatter := axis.get_major_formatter(), FixedFormatter)
    }
    for formatter, labels in formatters.items():
        formatter.seq = [drawable(text) for text in labels]
    try:
        yield
    finally:
        for formatter, labels in formatters.items():
            formatter.seq = labels


def _shortened(line: str, longest: int) -> str:
    tail = (longest - 1) // 2
    return line if len(line) <= longest else f"{line[: longest - 1 - tail]}…{line[-tail:]}"


@lru_cache(maxsize=1)
def _other_fonts() -> tuple[str, ...]:
    installed = {entry.name for entry in fontManager.ttflist}
    return tuple(name for name in _OTHER_FONTS if name in installed)


@lru_cache(maxsize=4096)
def _can_draw(character: str) -> bool:
    fonts = (findfont(FontProperties(family=name)) for name in (_FONT, *_other_fonts()))
    return any(get_font(path).get_char_index(ord(character)) for path in fonts)
