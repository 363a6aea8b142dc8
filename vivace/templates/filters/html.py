"""Filters that make or cut HTML. What they add is escaped here; what they keep of text is escaped, too."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from typing import Any, Final

import msgspec
from markupsafe import Markup, escape

_NEWLINES: Final = re.compile(r"\r\n|\r")
_PARAGRAPHS: Final = re.compile(r"\n{2,}")
_BETWEEN_TAGS: Final = re.compile(r">\s+<")
_VOID: Final = frozenset("area base br col embed hr img input link meta param source track wbr".split())
_WORD: Final = re.compile(r"\S+")
_IN_SCRIPT: Final = {"<": "\\u003C", ">": "\\u003E", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
_FOR_SCRIPT: Final = str.maketrans(_IN_SCRIPT)
_FOR_STRING: Final = str.maketrans(
    {
        **{character: f"\\u{ord(character):04X}" for character in "\\'\"<>&=-;`\u2028\u2029"},
        **{chr(code): f"\\u{code:04X}" for code in range(32)},
    }
)


def escapejs(value: Any) -> str:
    """Return text for the inside of a quoted JavaScript string. A whole value is safer with ``json_script``."""
    return Markup(str(value).translate(_FOR_STRING))  # noqa: S704 - nothing of HTML is left


def sanitize(value: Any, profile: Any = "comment") -> Markup:
    """Return HTML that users wrote, with nothing in it but what the profile allows (extra ``html``)."""
    from vivace.security.sanitizing import sanitize_html  # an extra, and few templates need it

    return sanitize_html(str.__str__(value) if isinstance(value, str) else str(value), profile)


def json_in_script(value: Any) -> Markup:
    """Return a value as JSON without ``<``, ``>`` and ``&``: it cannot end the script it stands in."""
    text = _encode(value).decode()
    return Markup(text.translate(_FOR_SCRIPT))  # noqa: S704 - as the docstring says


def json_script(value: Any, element_id: str | None = None) -> Markup:
    """Return ``<script id type="application/json">`` with the value, for scripts to read; they cannot run it."""
    named = Markup(' id="{}"').format(element_id) if element_id else Markup()
    return Markup('<script{} type="application/json">{}</script>').format(named, json_in_script(value))


def _plain(value: Any) -> Any:
    """Return what the encoder knows for a value that it does not: models, ``Markup``, querysets (their rows load)."""
    own = getattr(value, "__vivace_json__", None)
    if own is not None:
        return own()
    if isinstance(value, str):
        return str.__str__(value)
    if _is_list(value):
        return list(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


_encode: Final = msgspec.json.Encoder(enc_hook=_plain).encode


def linebreaks(value: Any) -> Markup:
    """Return paragraphs: an empty line parts them, a single line break is ``<br>``."""
    paragraphs = _PARAGRAPHS.split(_unix(value))
    return Markup("\n\n").join(Markup("<p>{}</p>").format(_with_breaks(one)) for one in paragraphs)


def linebreaksbr(value: Any) -> Markup:
    """Return text whose line breaks are ``<br>``."""
    return _with_breaks(_unix(value))


def _unix(value: Any) -> str:
    text = _NEWLINES.sub("\n", str(value))
    return Markup(text) if hasattr(value, "__html__") else text  # noqa: S704 - it was markup before


def _with_breaks(text: str) -> Markup:
    return Markup("<br>").join(escape(line) for line in _like(text, text.split("\n")))


def _like(text: str, pieces: Iterable[str]) -> Iterator[str]:
    """Yield pieces as what the text was: ``re`` returns plain text for ``Markup``."""
    for piece in pieces:
        yield Markup(piece) if isinstance(text, Markup) else piece  # noqa: S704 - a piece of markup


def unordered_list(value: Iterable[Any]) -> Markup:
    """Return ``<li>`` for each item, lists in it as ``<ul>`` in the item before; without the outer ``<ul>``."""
    return Markup("\n").join(_items(list(value), 1))


def _items(values: list[Any], depth: int) -> Iterator[Markup]:
    tabs = Markup("\t") * depth
    index = 0
    while index < len(values):
        item, following = values[index], values[index + 1] if index + 1 < len(values) else None
        index += 1
        inner = Markup()
        if _is_list(following):
            index += 1
            listed = Markup("\n").join(_items(list(following or ()), depth + 1))
            inner = Markup("\n{0}<ul>\n{1}\n{0}</ul>\n{0}").format(tabs, listed)
        yield Markup("{}<li>{}{}</li>").format(tabs, item, inner)


def _is_list(value: Any) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, (str, bytes))


def spaceless(content: Markup) -> Markup:
    """Return markup without white space between tags."""
    return Markup(_BETWEEN_TAGS.sub("><", content.strip()))  # noqa: S704 - it is markup, and stays it


# -- cutting ----------------------------------------------------------------------------------------------------------


def truncatechars_html(value: Any, count: int) -> str:
    """Return HTML with at most ``count`` characters of text, the last one ``…``; tags are kept and closed."""
    text = _text_of(value)
    return _cut(value, count - 1) if len(text) > count > 0 else (value if count > 0 else _same(value, ""))


def truncatewords_html(value: Any, count: int) -> str:
    """Return HTML with at most ``count`` words of text, and `` …``; tags are kept and closed."""
    ends = [found.end() for found in _WORD.finditer(_text_of(value))]
    if count <= 0 or len(ends) <= count:
        return value if count > 0 else _same(value, "")
    return _cut(value, ends[count - 1], " ")


def _same(value: Any, text: str) -> str:
    """Return text as markup where the value was: plain text is escaped when it is shown, whatever looks like a tag."""
    return Markup(text) if hasattr(value, "__html__") else text  # noqa: S704 - as said


class _Cutter(HTMLParser):
    """Writes HTML again until ``room`` characters of text have passed; then only what closes the open elements."""

    def __init__(self, room: int, space: str) -> None:
        super().__init__(convert_charrefs=True)
        self.room = room
        self.ellipsis = space + "…"
        self.pieces: list[str] = []
        self.open: list[str] = []
        self.full = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if not self.full:
            self.pieces.append(self.get_starttag_text() or "")
            if tag not in _VOID:
                self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if not self.full:
            self.pieces.append(self.get_starttag_text() or "")

    def handle_endtag(self, tag: str) -> None:
        if not self.full and tag in self.open:
            while self.open:
                closed = self.open.pop()
                self.pieces.append(f"</{closed}>")
                if closed == tag:
                    break

    def handle_data(self, data: str) -> None:
        if self.full:
            return
        kept, self.room = data[: self.room], self.room - len(data)
        self.pieces.append(str(escape(kept)))
        if self.room < 0:
            self.full = True
            self.pieces.append("" if kept.endswith("…") else self.ellipsis)

    def result(self) -> str:
        return "".join([*self.pieces, *(f"</{tag}>" for tag in reversed(self.open))])


class _Reader(HTMLParser):
    """Collects the text of HTML."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []

    def handle_data(self, data: str) -> None:
        self.pieces.append(data)


def _text_of(value: Any) -> str:
    reader = _Reader()
    reader.feed(str(value))
    reader.close()
    return "".join(reader.pieces)


def _cut(value: Any, room: int, space: str = "") -> str:
    cutter = _Cutter(room, space)
    cutter.feed(str(value))
    cutter.close()
    return _same(value, cutter.result())
