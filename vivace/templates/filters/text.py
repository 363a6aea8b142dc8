"""Filters of text."""

from __future__ import annotations

import re
import unicodedata
from typing import Any, Final

from markupsafe import Markup, escape

from .html import truncatechars_html, truncatewords_html

ELLIPSIS: Final = "…"
_NO_SLUG: Final = re.compile(r"[^\w\s-]")
_DASHES: Final = re.compile(r"[-\s]+")


def as_text(value: Any) -> str:
    """Return text as it is (``Markup`` stays that), anything else as ``str`` shows it."""
    return value if isinstance(value, str) else str(value)


def addslashes(value: Any) -> str:
    """Put a backslash before quotes and backslashes: for CSV; in scripts use ``escapejs``."""
    return as_text(value).replace("\\", "\\\\").replace('"', '\\"').replace("'", "\\'")


def capfirst(value: Any) -> str:
    """Make the first letter a capital one."""
    text = as_text(value)
    return text[:1].upper() + text[1:]


def cut(value: Any, part: str) -> str:
    """Remove every ``part``. Of markup only what leaves its entities whole: without ``;`` and ``&`` it is text again."""
    text = as_text(value)
    removed = text.replace(part, "")
    return str(removed) if isinstance(removed, Markup) and set(part) & set("&;<>\"'") else removed


def ljust(value: Any, width: int) -> str:
    """Fill with spaces behind it to ``width`` characters."""
    return as_text(value).ljust(int(width))


def rjust(value: Any, width: int) -> str:
    """Fill with spaces before it to ``width`` characters."""
    return as_text(value).rjust(int(width))


def linenumbers(value: Any) -> Markup:
    """Number the lines, escaped: ``1. first``."""
    lines = as_text(value).split("\n")
    width = len(str(len(lines)))
    return Markup("\n").join(
        Markup("{:0{}d}. {}").format(n, width, escape(line)) for n, line in enumerate(lines, 1)
    )


def slugify(value: Any, allow_unicode: bool = False) -> str:
    """Return text for an address: small letters, digits, ``_`` and ``-``; of ASCII alone unless ``allow_unicode``."""
    text = as_text(value)
    if allow_unicode:
        text = unicodedata.normalize("NFKC", text)
    else:
        text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return _DASHES.sub("-", _NO_SLUG.sub("", text.lower())).strip("-_")


def stringformat(value: Any, style: str) -> str:
    """Write a value by a ``%`` format without the ``%``: ``stringformat(".2f")``; ``""`` where it does not fit."""
    try:
        return f"%{style}" % (value,)
    except (ValueError, TypeError):
        return ""


def truncatechars(value: Any, count: int) -> str:
    """Return at most ``count`` characters, the last one ``…`` when something is left out."""
    text = as_text(value)
    if isinstance(text, Markup):
        return truncatechars_html(text, count)
    text, seen, end = unicodedata.normalize("NFC", text), 0, 0
    for place, character in enumerate(text):
        if not unicodedata.combining(character):
            seen += 1
            end = place if seen == count else end
        if seen > count:
            return _with_ellipsis(text[:end]) if count > 0 else ""
    return text if count > 0 else ""


def truncatewords(value: Any, count: int) -> str:
    """Return at most ``count`` words, with ``…`` when something is left out; white space becomes single spaces."""
    text = as_text(value)
    if isinstance(text, Markup):
        return truncatewords_html(text, count)
    words = text.split()
    if count <= 0:
        return ""
    return " ".join(words) if len(words) <= count else _with_ellipsis(" ".join(words[:count]), " ")


def _with_ellipsis(text: str, space: str = "") -> str:
    return text if text.endswith(ELLIPSIS) else f"{text}{space}{ELLIPSIS}"
