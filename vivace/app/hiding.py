"""Values as text for a debug page: short, never raising, and without secrets.

What is hidden, in the order in which it is looked at:

1. what has a name that sounds secret: a variable, a field, a key of a mapping, the first of a pair (``token``,
   ``password``, ``api_key``, ``cookie`` …);
2. every ``Secret``, which shows nothing by itself;
3. in any text, what stands behind such a name (``token=…``, ``"password": …``);
4. in any text, the values that are known to be secret: the app's keys, what came in ``Cookie`` and ``Authorization``,
   and what was sent in a form or a JSON body under such a name, whatever the variable is called that holds it now.

A rule that hides too much costs a look at the log; one that hides too little puts a key on a screen. So in doubt it
is hidden.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Final

from vivace.http.problems import HIDDEN, SENSITIVE, is_sensitive, shorten

from .kinds import class_of

MAX_TEXT: Final = 600  # characters of one value
MAX_ITEMS: Final = 20  # of a collection
MAX_DEPTH: Final = 4
_is: Callable[[Any, Any], bool] = (
    isinstance  # without what checkers infer from it: parts of a value are of any kind
)
_BRACKETS: Final[dict[Any, str]] = {list: "[]", tuple: "()"}
_LEAST_SECRET: Final = 6  # characters: shorter values stand in half of all texts
_KEY: Final = re.compile(r"(?:^|[_\-.])keys?$|(?:^|[_\-.])(?:session|otp|nonce|dsn|pwd)s?$", re.IGNORECASE)
_BEHIND: Final = re.compile(
    rf"((?:{SENSITIVE})[\w\-]*[\"']?\s*[=:]\s*)(?:(?:bearer|basic|digest)\s+)?(?!\[hidden)"
    r"(\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|[^\s,&;)}\]\"'>]+)",
    re.IGNORECASE,
)
_IN_URL: Final = re.compile(r"(://[^/\s:@]*:)[^/\s@]+(@)")


def sounds_secret(name: str) -> bool:
    """Return whether a thing of this name is better not shown."""
    return is_sensitive(name) or _KEY.search(name) is not None


def secrets_in(value: Any, name: str = "", depth: int = 8) -> Iterator[str]:
    """Yield the texts that stand under secret names in what a client has sent: mappings, lists, pairs of a form."""
    if _is(value, dict) and depth:
        for key, part in value.items():
            yield from secrets_in(part, key if _is(key, str) and sounds_secret(key) else name, depth - 1)
    elif _is(value, list) and depth:
        for part in value:
            yield from secrets_in(part, name, depth - 1)
    elif name and _is(value, str):
        yield value


class Hider:
    """Shows values; ``known`` are texts that must not appear anywhere."""

    __slots__ = ("_known",)

    def __init__(self, known: Iterable[str] = ()) -> None:
        # the longest first: one may be a part of another
        self._known = sorted({text for text in known if len(text) >= _LEAST_SECRET}, key=len, reverse=True)

    def text(self, text: str, limit: int = MAX_TEXT) -> str:
        """Return text that may hold secrets, without them."""
        text = self.known(shorten(text, 4 * limit))
        text = _IN_URL.sub(rf"\1{HIDDEN}\2", _BEHIND.sub(rf"\1{HIDDEN}", text))
        return shorten(text, limit)

    def known(self, text: str) -> str:
        """Return text without the values that are known to be secret; for source code, which says ``token = …``."""
        for secret in self._known:
            text = text.replace(secret, HIDDEN)
        return text

    def named(self, name: str, value: Any) -> str:
        """Return the value of a variable, a field or a header as text."""
        return HIDDEN if sounds_secret(name) else self.value(value)

    def value(self, value: Any) -> str:
        """Return any value as text; whatever its ``repr`` does."""
        try:
            return self.text(self._walk(value, MAX_DEPTH))
        except Exception as error:
            return f"<{type(value).__name__}, whose repr raised {type(error).__name__}>"

    def _walk(self, value: Any, depth: int) -> str:
        if _is(value, (str, bytes)):
            shown = repr(value[:MAX_TEXT])
            return f"{shown}… ({len(value):,} long)" if len(value) > MAX_TEXT else shown
        fields = _fields(value)
        if fields is None and not _is(value, (dict, list, tuple, set, frozenset)):
            return repr(value)
        if depth == 0:
            return "…"
        if fields is not None:
            inside = ", ".join(f"{name}={self._one(name, part, depth)}" for name, part in fields)
            return f"{class_of(value).__name__}({inside})"
        return self._collection(value, depth)

    def _collection(self, value: Any, depth: int) -> str:
        rest = ", …" if len(value) > MAX_ITEMS else ""
        if _is(value, dict):
            items = islice(value.items(), MAX_ITEMS)
            inside = ", ".join(
                f"{self._walk(key, depth - 1)}: {self._one(key, part, depth)}" for key, part in items
            )
            return f"{{{inside}{rest}}}"
        if _is(value, tuple) and len(value) == 2:
            name, part = value  # a header, a form field
            return f"({self._walk(name, depth - 1)}, {self._one(name, part, depth)})"
        brackets = _BRACKETS.get(class_of(value), "{}")
        inside = ", ".join(self._walk(part, depth - 1) for part in islice(value, MAX_ITEMS))
        return f"{brackets[0]}{inside}{rest}{brackets[1]}"

    def _one(self, name: Any, value: Any, depth: int) -> str:
        """Return a value that has a name."""
        if _is(name, bytes):
            name = name.decode("latin-1")
        return HIDDEN if _is(name, str) and sounds_secret(name) else self._walk(value, depth - 1)


def _fields(value: Any) -> Iterator[tuple[str, Any]] | None:
    """Return names and values of a dataclass or a Struct; ``None`` for other values."""
    if _is(value, type):
        return None
    if dataclasses.is_dataclass(value):
        return (
            (field.name, getattr(value, field.name, ...)) for field in dataclasses.fields(value) if field.repr
        )
    names: Any = getattr(class_of(value), "__struct_fields__", None)
    return ((name, getattr(value, name, ...)) for name in names) if _is(names, tuple) else None


__all__ = ["Hider", "secrets_in", "sounds_secret"]
