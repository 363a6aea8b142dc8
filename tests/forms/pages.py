"""Reading the HTML of forms: elements with attributes and text, in order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = frozenset({"input", "link", "br", "img"})


@dataclass
class Element:
    """One element: ``text`` is what stands in it, that of inner elements included."""

    tag: str
    attrs: dict[str, str | None]
    text: str = ""
    inner: list[Element] = field(default_factory=list["Element"])

    def __getitem__(self, name: str) -> str | None:
        return self.attrs[name]

    def get(self, name: str) -> str | None:
        return self.attrs.get(name)

    def all(self, tag: str = "") -> Iterator[Element]:
        """Yield the elements in it, depth first; those of one tag if it is given."""
        for element in self.inner:
            if not tag or element.tag == tag:
                yield element
            yield from element.all(tag)

    def one(self, tag: str, **attrs: str) -> Element:
        """Return the only element of a tag with these attributes (``class_`` is class)."""
        wanted = {name.rstrip("_"): value for name, value in attrs.items()}
        found = [each for each in self.all(tag) if wanted.items() <= each.attrs.items()]
        assert len(found) == 1, f"{len(found)} of <{tag}> with {wanted}"
        return found[0]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("root", {})
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"<{tag}> has an attribute twice: {names}"
        element = Element(tag, dict(attrs))
        self.open[-1].inner.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"</{tag}> where <{self.open[-1].tag}> is open"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        for element in self.open:
            element.text += data


def read(html: object) -> Element:
    """Return the elements of a page; elements that are not closed, or closed twice, break the test."""
    reader = _Reader()
    reader.feed(str(html))
    reader.close()
    assert len(reader.open) == 1, f"<{reader.open[-1].tag}> is not closed"
    return reader.root
