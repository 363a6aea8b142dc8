"""``cache_page``: whole answers that are kept until a commit changes what was read for them.

::

    @app.get("/books/")
    @cache_page()
    async def books(request): …

What stands for an answer is its address: scheme, host, path and query, and those headers of the request that it was seen
to depend on (``Vary`` is learned). An answer is kept only if anybody else may have it: status 200, whole, without cookies,
not called private, and made without reading who asks (``vivace.http.personal``). Guards and hooks of the route stand
around, and run each time; so does what binds parameters not.

Each reader gets an answer of their own, as hooks may add to it. The reader's browser keeps it, too, and asks whether it
still holds (``no-cache`` and an entity tag): the answer is a 304 as long as nothing has changed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from functools import partial
from typing import Any, Final, TypeAlias, TypeVar, cast

import msgspec

from vivace.errors import CacheValueError
from vivace.http.caching import CacheControl
from vivace.http.conditional import conditional, etag
from vivace.http.headers import NO_DEFAULTS, HeaderBlock, MutableHeaders, RawHeaders
from vivace.http.personal import OF_ADDRESS, watch_personal
from vivace.http.request import Request
from vivace.http.response import Response, prepared

from .dependent import Computation, DependentCache, Key, Site, Waiting
from .keys import NoKey, key_of

H = TypeVar("H", bound=Callable[..., Any])
Serve: TypeAlias = Callable[[Request], Awaitable[Response]]
_MARK: Final = "__vivace_page__"
_HEADER: Final = "header:"
_PERSONAL_HEADERS: Final = frozenset({"authorization", "cookie", "proxy-authorization"})
_LIVE: Final = b"<!--live:"
_LIVE_SECONDS: Final = 86_400.0  # a day: the token in a page with live regions is good for two weeks
_MOST_BLOCKS: Final = 8  # default headers that one answer is sent with
_MOST_VARIES: Final = 8  # headers; an answer that depends on more is not worth keeping


class PageMark(msgspec.Struct, frozen=True, eq=False):
    """What ``cache_page`` said of a handler."""

    handler: Any
    timeout: float | None = None


def cache_page(timeout: float | None = None, /) -> Callable[[H], H]:
    """Keep the answers of a route to GET and HEAD until a commit changes what was read for them.

    ``timeout``: at most so many seconds; needed where an answer depends on the clock, on chance or on another service.
    It stands next to the handler's route, outside of all other decorators. Answers that belong to one person, that set
    cookies, stream, or are not 200 are not kept.
    """
    if callable(timeout):
        raise CacheValueError(
            "cache_page was put on a handler without being called.",
            expected="@cache_page() or @cache_page(60)",
            got="@cache_page",
        )

    def mark(handler: H) -> H:
        try:
            setattr(cast("Any", handler), _MARK, PageMark(handler, timeout))
        except AttributeError:
            raise CacheValueError(
                f"cache_page cannot mark {handler!r}.",
                expected="a function, or what View.as_view() returns",
            ) from None
        return handler

    return mark


def page_mark(handler: Any) -> PageMark | None:
    """Return what ``cache_page`` said of a handler, or of one that a decorator has wrapped (its ``handler`` is another)."""
    found = getattr(handler, _MARK, None)
    return found if isinstance(found, PageMark) else None


class _Kept:
    """An answer as it is kept."""

    __slots__ = ("blocks", "body", "content_type", "fields", "repeats")

    def __init__(self, body: bytes, content_type: str | None, fields: RawHeaders) -> None:
        self.body = body
        self.content_type = content_type
        self.fields = fields
        self.repeats = len({name for name, _ in fields}) < len(
            fields
        )  # a block of defaults has each name once
        self.blocks: dict[int, tuple[HeaderBlock, HeaderBlock]] = {}

    def with_own(self, defaults: HeaderBlock) -> HeaderBlock:
        """Return the default headers with those of this answer among them, by which its head is encoded once."""
        known = self.blocks.get(id(defaults))
        if known is None or known[0] is not defaults:
            missing = defaults.fields_missing_from(self.fields)
            names = [*missing, *((name, value) for name, value in self.fields if name != b"content-type")]
            block = HeaderBlock({name.decode("latin-1"): value.decode("latin-1") for name, value in names})
            known = defaults, block
            if len(self.blocks) >= _MOST_BLOCKS:
                self.blocks.clear()
            self.blocks[id(defaults)] = known
        return known[1]

    def response(self) -> KeptResponse:
        """Return an answer of a reader's own."""
        new = KeptResponse.__new__(KeptResponse)
        new.body = self.body
        new.status = 200
        new.content_type = self.content_type
        new.on_sent = None
        new._headers = MutableHeaders([*self.fields]) if self.repeats else None
        new.kept = self
        return new


class KeptResponse(Response):
    """A reader's own answer of those that are kept.

    While nobody asks for its headers they are not made, and its head is the one that was encoded before (measured: 3 of
    the 21 µs that a whole answer takes): to the engine they are default headers.
    """

    kept: _Kept
    _base: HeaderBlock = NO_DEFAULTS

    @property
    def defaults(self) -> HeaderBlock:
        """The headers that are sent beside those of ``headers``."""
        return self.kept.with_own(self._base) if self._headers is None else self._base

    @defaults.setter
    def defaults(  # pyright: ignore[reportIncompatibleVariableOverride] - the plan sets it
        self, block: HeaderBlock
    ) -> None:
        self._base = block

    @property
    def headers(self) -> MutableHeaders:
        """The header fields; made when first asked for."""
        if self._headers is None:
            self._headers = MutableHeaders([*self.kept.fields])
        return self._headers


class CachedPages:
    """The answers of one route: ``serve`` makes them."""

    def __init__(self, name: str, timeout: float | None, serve: Serve) -> None:
        self.site = Site(name)
        self._timeout = timeout
        self._serve = serve
        self._varies: tuple[str, ...] = ()
        self._overflown = False

    async def __call__(self, request: Request) -> Response:
        """Answer a request."""
        if (request.method != "GET" and request.method != "HEAD") or getattr(request, "is_rerender", False):
            return await self._serve(request)
        cache: DependentCache = request.app.dependents
        if not cache.usable:
            return await self._serve(request)
        mark = None
        while True:
            key = self._key(request)
            entry = None if key is None else cache.look(key)
            if entry is not None:
                return self._given(request, entry.value)
            if mark is None:
                mark = cache.sequence
            answer = None if key is None else cache.ask(key, self._timeout, self.site)
            if type(answer) is Waiting:
                over = await answer.over()
                if over.good_for(mark):
                    return self._given(request, over.value)
                continue
            if answer is None:
                cache.refused(self.site, "no key")
                return await self._serve(request)
            return await self._computed(request, cast("Computation", answer))

    def _key(self, request: Request) -> Key | None:
        index = request.index or request.indexed()
        scheme = request.connection.scheme
        state: Hashable = None
        if request._state:  # what hooks found out may be anything
            try:
                state = key_of(request._state)
            except (NoKey, RecursionError):
                return None
        if self._overflown:
            return None
        if request.method == "HEAD":  # a handler may answer it in its own way
            state = (state, "HEAD")
        if not self._varies:
            return self.site, request.target, index.get(b"host"), scheme, state
        read = request.headers.getlist
        varied = tuple(tuple(read(name)) for name in self._varies)
        return self.site, request.target, index.get(b"host"), scheme, state, self._varies, varied

    def _given(self, request: Request, kept: _Kept) -> Response:
        response = kept.response()
        index = request.index or request.indexed()
        if b"if-none-match" in index or b"if-modified-since" in index or b"if-match" in index:
            return conditional(request, response)
        return response

    async def _computed(self, request: Request, computation: Computation) -> Response:
        varies = self._varies
        noted: set[str] = set()
        with computation, watch_personal(request, partial(self._note, computation, noted)):
            response = await self._serve(request)
            response = await prepared(response, request)
            self._learn(noted | said_to_vary(response))
            if self._varies != varies:
                computation.refuse("depends on more headers than was known")
            kept = self._kept(request, response, computation)
            size = 0 if kept is None else len(kept.body) + 200
            computation.done(kept, size)
        return response if kept is None else self._given(request, kept)

    def _note(self, computation: Computation, noted: set[str], kind: str) -> None:
        if kind in OF_ADDRESS:  # is in the key
            return
        name = kind.removeprefix(_HEADER)
        if name == kind or name in _PERSONAL_HEADERS:
            computation.refuse("personal")
        else:
            noted.add(name)

    def _learn(self, noted: set[str]) -> None:
        known = {*self._varies, *noted}
        if len(known) > _MOST_VARIES:
            self._overflown = True
        elif len(known) > len(self._varies):
            self._varies = tuple(sorted(known))

    def _kept(self, request: Request, response: Response, computation: Computation) -> _Kept | None:
        why = why_not(request, response)
        if why:
            computation.refuse(why)
        if computation.why:
            return None
        if _LIVE in response.body:
            computation.ends(request.app.dependents.clock() + _LIVE_SECONDS)
        headers = MutableHeaders([*response.headers.raw])
        headers.setdefault("etag", etag(response.body))
        headers.setdefault("cache-control", "no-cache")
        if self._varies:
            headers.vary(*self._varies)
        kind = headers.get("content-type")
        return _Kept(response.body, kind, headers.raw)


def said_to_vary(response: Response) -> set[str]:
    """Return the names of the headers that an answer says it depends on."""
    if response.plain:
        return set()
    names = (name for value in response.headers.getlist("vary") for name in value.split(","))
    return {name.strip().lower() for name in names if name.strip()} - {"accept-encoding"}


def why_not(request: Request, response: Response) -> str:
    """Return why an answer must not be kept for others; ``""`` where it may."""
    if response.status != 200:
        return f"status {response.status}"
    if not response.buffered:
        return "a stream"
    if response.on_sent is not None or request.hooks is not None or request.amendments is not None:
        return "work for this answer alone"
    if response.plain:
        return ""
    headers = response.headers
    if headers.first(b"set-cookie") is not None:
        return "sets a cookie"
    said = CacheControl.parse(headers.joined("cache-control"))
    if said.private or said.no_store:
        return "called private"
    vary = said_to_vary(response)
    if "*" in vary or vary & _PERSONAL_HEADERS:
        return "personal"
    return ""


__all__ = ["CachedPages", "PageMark", "cache_page", "page_mark", "said_to_vary", "why_not"]
