"""Dictionaries in which a name may have many values: query strings and forms."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar
from urllib.parse import unquote_plus, urlencode

V = TypeVar("V")


class MultiValues(Mapping[str, V]):
    """A read-only mapping that keeps every value of a name; ``[]`` gives the last one, as Django's QueryDict does."""

    __slots__ = ("_lists",)

    def __init__(self, pairs: Iterable[tuple[str, V]] = ()) -> None:
        lists: dict[str, list[V]] = {}
        for name, value in pairs:
            lists.setdefault(name, []).append(value)
        self._lists = lists

    def __getitem__(self, name: str) -> V:
        return self._lists[name][-1]

    def __iter__(self) -> Iterator[str]:
        return iter(self._lists)

    def __len__(self) -> int:
        return len(self._lists)

    def getlist(self, name: str) -> list[V]:
        """Return all values of ``name`` in order; an empty list when there are none."""
        return list(self._lists.get(name, ()))

    def lists(self) -> Iterator[tuple[str, list[V]]]:
        """Iterate over names with all their values."""
        for name, values in self._lists.items():
            yield name, list(values)

    def pairs(self) -> list[tuple[str, V]]:
        """Return every (name, value) pair, grouped by name."""
        return [(name, value) for name, values in self._lists.items() for value in values]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.pairs()!r})"


class MultiDict(MultiValues[str]):
    """The parameters of a query string: every value is text."""

    __slots__ = ()

    def urlencode(self) -> str:
        """Return the pairs as a query string."""
        return urlencode(self.pairs())


def parse_query(text: str) -> MultiDict:
    """Return the parameters of a query string or of a url-encoded form (WHATWG URL section 5.1)."""
    return MultiDict(query_pairs(text))


def query_pairs(text: str) -> list[tuple[str, str]]:
    """Return the decoded (name, value) pairs of a query string; pieces without ``=`` have an empty value."""
    if not text:
        return []
    pairs = [piece.partition("=") for piece in text.split("&") if piece]
    if "%" in text or "+" in text:
        return [(unquote_plus(name), unquote_plus(value)) for name, _, value in pairs]
    return [(name, value) for name, _, value in pairs]
