"""From the cookie to the session and back: what a request's ``session()`` is, and the hook that saves it.

The hook runs on every answer, error answers and streams among them, before the head leaves. Where nobody asked for the
session it is one look into a dictionary. Where somebody did, the answer depends on who asked: it says ``Vary: Cookie`` and
is kept from caches, even if nothing changed.

Over https the cookie is ``__Host-session``: browsers take a cookie of that name from this very host over https only, so that
neither a sister domain nor a network in between can plant one. The plain name is not even read there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from vivace.config.settings import SessionSettings
from vivace.http.caching import CacheControl
from vivace.http.headers import PERSONAL
from vivace.http.request import Request
from vivace.http.response import Response, own_answer

from .lifetimes import Lifetimes
from .session import Session, hashed
from .stores import Saved, SessionStore

PREFIX: Final = "__Host-"
_PRIVATE: Final = ((b"vary", b"Cookie"), (b"cache-control", b"private"))
SWITCHING: Final = 101  # a WebSocket's handshake: the conversation has yet to begin


class Clock(Protocol):
    """Says the time, in seconds since 1970."""

    def __call__(self) -> float: ...


class SessionCookies:
    """Loads sessions and saves them; ``clock`` returns seconds since 1970."""

    __slots__ = ("_clock", "_lifetimes", "_names", "_settings", "store")

    def __init__(
        self, store: SessionStore, settings: SessionSettings, lifetimes: Lifetimes, clock: Callable[[], float]
    ) -> None:
        self.store = store
        self._settings = settings
        self._lifetimes = lifetimes
        self._clock = clock
        self._names = (settings.cookie_name, PREFIX + settings.cookie_name)  # over http, over https

    def name_for(self, request: Request) -> str:
        """Return the name of the cookie for a request."""
        return self._names[request.scheme == "https"]

    def bound_id(self, request: Request) -> str | None:
        """Return what else is bound to the session (tokens of forms): its key's hash. Asks nobody.

        ``None`` without a session that has a key; the key is that which the browser will have after this answer.
        """
        if not self.store.has_keys:
            return None
        session: Session | None = request.known_part("session")
        if session is not None:
            return session.digest
        cookie = request.cookies.get(self.name_for(request))
        return hashed(cookie) if cookie else None

    def lasts(self, request: Request) -> float | None:
        """Return how many seconds the session lasts unless another request comes; ``None`` without one; asks nobody."""
        session: Session | None = request.known_part("session")
        stored = None if session is None else session.stored
        if session is None or stored is None:
            return None
        return self._lifetimes.ends(session.data, stored.created, stored.last_seen) - self._clock()

    async def load(self, request: Request) -> Session:
        """Return the session of a request: an empty one where there is no cookie, or a wrong one."""
        cookie = request.cookies.get(self._names[request.scheme == "https"], "")
        return Session(await self.store.load(cookie, self._clock()) if cookie else None)

    def after(self, request: Request, response: Response) -> Response | Awaitable[Response | None] | None:
        """Save the session that a request asked for, and set the cookie: the app's after hook.

        Nothing is awaited where nothing is to be saved, as on most pages.
        """
        session: Session | None = request.known_part("session")
        if session is None:
            return None
        stored = session.stored
        if stored is None or session.modified or self._lifetimes.needs_touch(stored.last_seen, self._clock()):
            return self._saved(request, response, session)
        return self._closed(request, response, session, None)

    async def _saved(self, request: Request, response: Response, session: Session) -> Response | None:
        return self._closed(request, response, session, await self.save(session, request))

    def _closed(
        self, request: Request, response: Response, session: Session, saved: Saved | None
    ) -> Response | None:
        """Return the answer with what is to be said of the session, which is over for this request."""
        if response.status == SWITCHING:
            return None
        session.closed = True
        answer = own_answer(request, response)
        _keep_private(answer, changed=saved is not None or bool(session.data))
        if saved is not None:
            self._set_cookie(request, answer, session, saved)
        return answer

    async def save(self, session: Session, request: Request) -> Saved | None:
        """Save a session now; returns what its cookie is to be, if anything."""
        now = self._clock()
        had_cookie = self.name_for(request) in request.cookies
        saved = await self.store.save(session, request, now)
        if saved is not None:
            return saved
        stored = session.stored
        if stored is None:  # nothing is stored: a cookie that leads nowhere is taken back
            return Saved("") if had_cookie else None
        if self._lifetimes.needs_touch(stored.last_seen, now):
            return await self.store.touch(session, request, now)
        return None

    def _set_cookie(self, request: Request, response: Response, session: Session, saved: Saved) -> None:
        name, secure = self.name_for(request), request.scheme == "https"
        same_site = self._settings.same_site
        if saved.cookie:
            age = self._lifetimes.cookie_age(session.data, saved.ends, self._clock())
            response.set_cookie(name, saved.cookie, max_age=age, secure=secure, same_site=same_site)
        elif name in request.cookies:
            response.delete_cookie(name, secure=secure, same_site=same_site)


def _keep_private(response: Response, *, changed: bool) -> None:
    """Keep an answer that depends on the session from shared caches, and from any cache where there was something in it."""
    plain, headers = response._headers is None, response.headers
    if plain:  # nobody has set any: the same without looking
        headers.raw.extend(PERSONAL if changed else _PRIVATE)
        return
    headers.vary("Cookie")
    given = headers.joined("cache-control")
    if given is None:
        headers.set("cache-control", "private, no-store" if changed else "private")
    else:
        headers.set("cache-control", str(CacheControl.parse(given).changed(private=True)))


__all__ = ["SessionCookies"]
