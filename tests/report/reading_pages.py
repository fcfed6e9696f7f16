"""A page as a reader without a browser sees it: its elements in order, and its text."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

_VOID = {"meta", "link", "br", "img", "input", "hr", "base", "source", "embed"}


@dataclass
class Element:
    """A start tag with its attributes, and the pieces of text between it and its end tag."""

    tag: str
    attributes: dict[str, str]
    pieces: list[str] = field(repr=False)
    first: int
    end: int | None = None

    @property
    def text(self) -> str:
        """All text inside."""
        return "".join(self.pieces[self.first : self.end])


@dataclass
class Page:
    """Elements in document order; `text` without what scripts and styles hold; `pieces` of it with what is around."""

    source: str
    elements: list[Element] = field(default_factory=list)
    pieces: list[tuple[str, list[Element]]] = field(default_factory=list)
    unbalanced: list[str] = field(default_factory=list)
    text: str = ""

    def all(self, *tags: str) -> list[Element]:
        """The elements of these tags."""
        return [element for element in self.elements if element.tag in tags]


class _Reader(HTMLParser):
    def __init__(self, page: Page) -> None:
        super().__init__()
        self.page, self.open, self.pieces = page, [], []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        element = Element(tag, attributes, self.pieces, len(self.pieces))
        self.page.elements.append(element)
        if tag not in _VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.open.pop().end = len(self.pieces)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open[-1].tag != tag:
            self.page.unbalanced.append(tag)
        else:
            self.open.pop().end = len(self.pieces)

    def handle_data(self, data: str) -> None:
        self.pieces.append(data)
        if not any(element.tag in {"script", "style"} for element in self.open):
            self.page.pieces.append((data, self.open[-8:]))


def read_page(path: Path) -> Page:
    """Parse a page; what is left open or closed twice is listed."""
    page = Page(path.read_text("utf-8"))
    reader = _Reader(page)
    reader.feed(page.source)
    reader.close()
    page.unbalanced += [element.tag for element in reader.open]
    page.text = "".join(words for words, _ in page.pieces)
    return page
