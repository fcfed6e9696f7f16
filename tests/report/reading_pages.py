"""A page as a reader without a browser sees it: its elements in order, and its text."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

_VOID = {"meta", "link", "br", "img", "input", "hr", "base", "source", "embed"}


@dataclass
class Element:
    """A start tag with its attributes and the tags around it."""

    tag: str
    attributes: dict[str, str]
    inside: tuple[str, ...]
    text: str = ""


@dataclass
class Page:
    """Elements in document order; `text` without what scripts and styles hold; `pieces` of it with what is around."""

    source: str
    elements: list[Element] = field(default_factory=list)
    text: str = ""
    pieces: list[tuple[str, list[Element]]] = field(default_factory=list)
    unbalanced: list[str] = field(default_factory=list)

    def all(self, *tags: str) -> list[Element]:
        return [element for element in self.elements if element.tag in tags]


class _Reader(HTMLParser):
    def __init__(self, page: Page) -> None:
        super().__init__()
        self.page, self.open = page, []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        element = Element(tag, attributes, tuple(outer.tag for outer in self.open))
        self.page.elements.append(element)
        if tag not in _VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open[-1].tag != tag:
            self.page.unbalanced.append(tag)
        else:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        for element in self.open:
            element.text += data
        if not any(element.tag in {"script", "style"} for element in self.open):
            self.page.text += data
            self.page.pieces.append((data, list(self.open)))


def read_page(path: Path) -> Page:
    """Parse a page; what is left open or closed twice is listed."""
    page = Page(path.read_text("utf-8"))
    reader = _Reader(page)
    reader.feed(page.source)
    reader.close()
    page.unbalanced += [element.tag for element in reader.open]
    return page
