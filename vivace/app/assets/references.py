"""References from one static file to another: found in the text of style sheets and scripts, and written anew (SF2).

=================================================  ==================================================================
in CSS                                             ``url(…)``, ``@import "…"``, ``sourceMappingURL=``
in JavaScript                                      ``from "…"``, ``import "…"``, ``import("…")``, ``sourceMappingURL=``
not looked at                                      comments, strings and templates around it
left as they are                                   ``data:``, other schemes and hosts, ``#id``, bare module names
                                                   (those are the import map's), paths outside of the static files
=================================================  ==================================================================

Pure: text in, text out. What a reference leads to is the caller's to say.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple
from urllib.parse import quote, unquote

_CSS: Final = re.compile(
    r"""
    /\*[#@]\s*sourceMappingURL=(?P<map>[^\s*]+)\s*\*/
  | /\*.*?\*/
  | @import\s+(?P<iquote>["'])(?P<import>[^"'\n]*)(?P=iquote)
  | \burl\(\s*(?P<uquote>["']?)(?P<url>[^"'()\n]*?)(?P=uquote)\s*\)
  | "(?:[^"\\\n]|\\.)*" | '(?:[^'\\\n]|\\.)*'
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
_JS: Final = re.compile(
    r"""
    //[#@][ \t]*sourceMappingURL=(?P<map>\S+)
  | //[^\n]* | /\*.*?\*/
  | (?<![\w$.])(?:from|import)\s*(?:\(\s*)?(?P<quote>["'])(?P<import>[^"'\n]+)(?P=quote)
  | "(?:[^"\\\n]|\\.)*" | '(?:[^'\\\n]|\\.)*' | `(?:[^`\\]|\\.)*`
    """,
    re.VERBOSE | re.DOTALL,
)
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_FILE: Final = re.compile(r"[^/]+\.\w+\Z")
_PATTERNS: Final = {".css": _CSS, ".js": _JS, ".mjs": _JS}
_PARTS: Final = ("map", "import", "url")


class Reference(NamedTuple):
    """A reference: what it says, the name of the file that it means, and its line."""

    text: str
    name: str
    line: int
    is_map: bool


def has_references(name: str) -> bool:
    """Return whether files of that name are looked into."""
    return posixpath.splitext(name)[1] in _PATTERNS


def references(name: str, text: str, prefix: str) -> Iterator[Reference]:
    """Yield the references in a file to others; ``prefix`` is the path that all of them have, ``/static/``."""
    for found, part in _found(name, text):
        target = _target(name, found[part], prefix, part)
        if target is not None:
            line = text.count("\n", 0, found.start(part)) + 1
            yield Reference(found[part], target, line, part == "map")


def rewritten(name: str, text: str, prefix: str, new_name: Callable[[str], str | None]) -> str:
    """Return the text with each reference leading to ``new_name`` of what it meant; unless that is ``None``.

    A new reference is relative, like the old one, so that the files may be served from anywhere.
    """
    pieces: list[str] = []
    end = 0
    for found, part in _found(name, text):
        target = _target(name, found[part], prefix, part)
        renamed = new_name(target) if target is not None else None
        if renamed is not None:
            pieces += [text[end : found.start(part)], _written(name, found[part], renamed, prefix, part)]
            end = found.end(part)
    return "".join([*pieces, text[end:]])


def _found(name: str, text: str) -> Iterator[tuple[re.Match[str], str]]:
    for found in _PATTERNS[posixpath.splitext(name)[1]].finditer(text):
        part = next((part for part in _PARTS if found.groupdict().get(part)), None)
        if part is not None:
            yield found, part


def _target(name: str, text: str, prefix: str, part: str) -> str | None:
    """Return the name of the file that a reference in ``name`` means; ``None`` when it means none of ours."""
    path = re.split(r"[?#]", text, maxsplit=1)[0]
    if not path or path.startswith("//") or _SCHEME.match(path):
        return None
    if path.startswith("/"):
        return unquote(path[len(prefix) :]) if path.startswith(prefix) else None
    is_module = part == "import" and posixpath.splitext(name)[1] != ".css"
    if is_module and not (path.startswith(("./", "../")) and _FILE.search(path)):
        return None  # the import map's, or the begin of a computed name
    joined = posixpath.normpath(posixpath.join(posixpath.dirname(name), unquote(path)))
    return None if joined.startswith("../") else joined


def _written(name: str, old: str, renamed: str, prefix: str, part: str) -> str:
    path = re.split(r"[?#]", old, maxsplit=1)[0]
    rest = old[len(path) :]
    if path.startswith("/"):
        return prefix + quote(renamed) + rest
    relative = quote(posixpath.relpath(renamed, posixpath.dirname(name) or "."))
    dotted = path.startswith("./") or (part == "import" and not name.endswith(".css"))
    return ("./" if dotted and not relative.startswith("../") else "") + relative + rest


__all__ = ["Reference", "has_references", "references", "rewritten"]
