"""The list and parameter syntax that most header fields share (RFC 9110 sections 5.6.1, 5.6.4 and 5.6.6).

Reading is lenient and bounded: empty elements are skipped, a quote that never closes runs to the end, nothing raises.
"""

from __future__ import annotations

import re
from typing import Final

MAX_ELEMENTS: Final = 100  # a browser's Accept has about 10; what comes after is not read

_PIECES: Final = {
    separator: re.compile(rf'(?:"(?:[^"\\]|\\.)*"?|[^"{separator}])+', re.DOTALL) for separator in (",", ";")
}
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_MUST_ESCAPE: Final = re.compile(r'(["\\])')


def split_elements(text: str, separator: str = ",", limit: int = MAX_ELEMENTS) -> list[str]:
    """Return the non-empty elements between ``,`` or ``;``, without the white space around them; quotes protect."""
    if '"' in text:
        pieces = [match[0] for match, _ in zip(_PIECES[separator].finditer(text), range(limit), strict=False)]
    else:
        pieces = text.split(separator, limit)[:limit]
    return [stripped for piece in pieces if (stripped := piece.strip(" \t"))]


def split_pair(text: str) -> tuple[str, str | None]:
    """Return (name, value) of ``name=value`` with the name in lower case; the value is ``None`` when there is no ``=``."""
    name, equals, value = text.partition("=")
    return name.strip(" \t").lower(), unquote(value.strip(" \t")) if equals else None


def unquote(text: str) -> str:
    """Return the text of a quoted string; other text as it is."""
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return _ESCAPE.sub(r"\1", text[1:-1])
    return text


def quote(text: str) -> str:
    """Return ``text`` as a quoted string."""
    return '"' + _MUST_ESCAPE.sub(r"\\\1", text) + '"'
