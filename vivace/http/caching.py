"""How long, and by whom, a response may be kept (RFC 9111, RFC 5861, RFC 8246, RFC 9213)."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Final, TypedDict, Unpack

from vivace.errors import InvalidDirective, nearest

from .lists import quote, split_elements, split_pair
from .response import Response

MAX_SECONDS: Final = 2**31 - 1  # RFC 9111 section 1.2.2: what a recipient must be able to count to
_CLEARABLE: Final = (
    "cache",
    "clientHints",
    "cookies",
    "executionContexts",
    "prefetchCache",
    "prerenderCache",
    "storage",
    "*",
)


class Directives(TypedDict, total=False):
    """The directives of a response by name; times are whole seconds."""

    max_age: int
    s_maxage: int
    public: bool
    private: bool
    no_cache: bool
    no_store: bool
    no_transform: bool
    must_revalidate: bool
    proxy_revalidate: bool
    must_understand: bool
    immutable: bool
    stale_while_revalidate: int
    stale_if_error: int


@dataclass(frozen=True, slots=True)
class CacheControl:
    """A ``Cache-Control`` header as a value; ``other`` holds what is not known here, and the request's directives.

    A directive with field names (``private="set-cookie"``) counts as the whole directive: keeping less is safe.
    """

    max_age: int | None = None
    s_maxage: int | None = None
    public: bool = False
    private: bool = False
    no_cache: bool = False
    no_store: bool = False
    no_transform: bool = False
    must_revalidate: bool = False
    proxy_revalidate: bool = False
    must_understand: bool = False
    immutable: bool = False
    stale_while_revalidate: int | None = None
    stale_if_error: int | None = None
    other: tuple[tuple[str, str | None], ...] = ()

    @classmethod
    def parse(cls, text: str | None) -> CacheControl:
        """Return the directives of a header; never raises. An age that is no number counts as 0 (RFC 9111 section 4.2.1)."""
        known: dict[str, Any] = {}
        other: dict[str, str | None] = {}
        for name, value in map(split_pair, split_elements(text or "")):
            attribute = name.replace("-", "_")
            if attribute in _AGES and "_" not in name:
                known.setdefault(attribute, _seconds(value))
            elif attribute in _SWITCHES and "_" not in name:
                known[attribute] = True
            elif name:
                other.setdefault(name, value)
        return cls(**known, other=tuple(other.items()))

    def __str__(self) -> str:
        parts: list[str] = []
        for name in (*_AGES, *_SWITCHES):
            value = getattr(self, name)
            token = name.replace("_", "-")
            if value is True:
                parts.append(token)
            elif value is not None and value is not False:
                parts.append(f"{token}={value}")
        parts.extend(name if value is None else f"{name}={_word(value)}" for name, value in self.other)
        return ", ".join(parts)

    def changed(self, **directives: Unpack[Directives]) -> CacheControl:
        """Return a copy with the directives set; raises ``InvalidDirective`` for a name or value that cannot be.

        ``public`` and ``private`` exclude each other: the one that is set last holds.
        """
        changes: dict[str, Any] = dict(directives)
        for name, value in changes.items():
            _check(name, value)
        if directives.get("public"):
            changes.setdefault("private", False)
        elif directives.get("private"):
            changes.setdefault("public", False)
        return replace(self, **changes)


_AGES: Final = tuple(item.name for item in fields(CacheControl) if item.default is None)
_SWITCHES: Final = tuple(item.name for item in fields(CacheControl) if item.default is False)


def cache_control(response: Response, **directives: Unpack[Directives]) -> None:
    """Set directives of ``Cache-Control`` and keep the others: ``cache_control(response, max_age=60, public=True)``.

    Raises ``InvalidDirective`` for a name or value that cannot be.
    """
    _change(response, "cache-control", directives)


def cdn_cache_control(response: Response, **directives: Unpack[Directives]) -> None:
    """Set directives for shared caches alone, which they prefer to ``Cache-Control`` (RFC 9213)."""
    _change(response, "cdn-cache-control", directives)


def never_cache(response: Response) -> None:
    """Forbid every cache to keep the response, in the words that also old ones understand (Django's ``never_cache``)."""
    response.headers.set("cache-control", "max-age=0, no-cache, no-store, must-revalidate, private")
    response.headers.remove("cdn-cache-control")


def vary_on(response: Response, *names: str) -> None:
    """Say which request headers the response depends on; names that are there already are not repeated."""
    response.headers.vary(*names)


def clear_site_data(response: Response, *kinds: str) -> None:
    """Ask the browser to forget: ``"cache"``, ``"cookies"``, ``"storage"`` … or ``"*"``; without any, everything.

    Browsers obey over HTTPS only. Raises ``InvalidDirective`` for a kind that does not exist.
    """
    for kind in kinds:
        if kind not in _CLEARABLE:
            raise InvalidDirective(
                f"Clear-Site-Data does not know {kind!r}.",
                expected=", ".join(_CLEARABLE),
                got=repr(kind),
                fix=nearest(kind, _CLEARABLE),
            )
    response.headers.set("clear-site-data", ", ".join(quote(kind) for kind in kinds or ("*",)))


def _change(response: Response, header: str, directives: Directives) -> None:
    current = CacheControl.parse(response.headers.joined(header))
    response.headers.set(header, str(current.changed(**directives)))


def _seconds(value: str | None) -> int:
    if value is None or not value.isascii() or not value.isdigit():
        return 0
    return min(int(value[:20]), MAX_SECONDS)


def _word(value: str) -> str:
    return value if value.isalnum() and value.isascii() else quote(value)


def _check(name: str, value: object) -> None:
    known = (*_AGES, *_SWITCHES)
    if name not in known:
        raise InvalidDirective(
            f"There is no caching directive {name!r}.",
            expected=", ".join(known),
            got=name,
            fix=nearest(name, known),
        )
    if name in _SWITCHES:
        fits, expected = isinstance(value, bool), "True or False"
    else:
        fits = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_SECONDS
        expected = f"whole seconds from 0 to {MAX_SECONDS}"
    if not fits:
        raise InvalidDirective(
            f"The caching directive {name!r} has a wrong value.", expected=expected, got=repr(value)
        )
