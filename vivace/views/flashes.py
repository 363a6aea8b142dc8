"""Flash messages: said in one request, shown in the next page (SE3).

``flash(request, "Saved.")`` keeps a message; whoever reads ``flashes`` in a template (or ``await flashes(request)``)
and goes through them has shown them, and they are gone. Rules:

1. What is kept is kept as one *batch* for each request, under a name of its own: a cookie, or a key of the session. So
   two requests at the same time cannot overwrite each other's messages, and showing some removes those alone.
2. The session takes them where the visitor has one (a row is not made for a message), else a signed cookie: readable by its owner, not changeable.
3. Batches are named by time, so they are shown in the order in which they were said.
4. A response that fails (5xx) shows nothing and says nothing: what was there stays for the next page, and what the
   failed work wanted to say was not true.
5. All batches in cookies together have at most ``MOST_BYTES`` (a request has one Cookie header for everything); beyond
   that the oldest are dropped, with a warning in the log.

The text is escaped where a template shows it (``{{ message }}``), unless it was ``Markup``.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias, get_args, overload

import msgspec
from markupsafe import Markup, escape

from vivace.errors import nearest
from vivace.errors.views import BadFlash
from vivace.http.request import Request
from vivace.http.response import Response

Level: TypeAlias = Literal["debug", "info", "success", "warning", "error"]

LEVELS: Final[tuple[str, ...]] = get_args(Level)
MOST_BYTES: Final = 3072
PREFIX: Final = "vivace_flash_"
_OURS: Final = re.compile(f"{PREFIX}[0-9a-f]+")
_STATE: Final = "vivace.flashes"
logger = logging.getLogger("vivace.views")


class Flash(msgspec.Struct, frozen=True):
    """One message: ``text``, ``level``, ``tags`` (yours, then the level: for CSS classes), whether it is ``html``."""

    text: str
    level: str = "info"
    tags: str = "info"
    html: bool = False

    @property
    def message(self) -> str:
        """The text, as ``Markup`` if it was given so."""
        return Markup(self.text) if self.html else self.text  # noqa: S704 - it was Markup when it was said

    def __str__(self) -> str:
        return self.text

    def __html__(self) -> str:
        return str(escape(self.message))


_Batch: TypeAlias = list[Flash]
_decode = msgspec.json.Decoder(list[Flash]).decode


class Flashes(Sequence[Flash]):
    """The messages that wait; going through them (or taking one) counts as showing them all. ``len`` does not."""

    def __init__(self, box: _Box) -> None:
        self._box = box
        self._items = box.waiting()

    def __iter__(self) -> Iterator[Flash]:
        self._box.shown(self._items)
        return iter(self._items)

    @overload
    def __getitem__(self, index: int) -> Flash: ...
    @overload
    def __getitem__(self, index: slice) -> list[Flash]: ...
    def __getitem__(self, index: int | slice) -> Flash | list[Flash]:
        self._box.shown(self._items)
        return self._items[index]

    def __len__(self) -> int:
        return len(self._items)


class _Box:
    """The messages of one request, which holds it: those that came with it, and those said in it."""

    def __init__(self) -> None:
        self.stored: dict[str, _Batch] = {}
        self.said: _Batch = []
        self.consumed: set[str] = set()
        self.session: Any = None
        self.loaded = False

    def waiting(self) -> _Batch:
        """Return what nobody has shown, oldest first."""
        stored = [
            item for name in sorted(self.stored) if name not in self.consumed for item in self.stored[name]
        ]
        return [*stored, *self.said]

    def shown(self, items: _Batch) -> None:
        """Take note that these were shown."""
        self.consumed.update(self.stored)
        self.said = [item for item in self.said if not any(item is seen for seen in items)]

    async def load(self, request: Request) -> None:
        """Read what earlier requests said."""
        self.loaded = True
        self.session = await _session(request)
        if self.session is not None:
            for name in [name for name in self.session if str(name).startswith(PREFIX)]:
                self.stored[name] = _read(str(self.session[name]).encode())
        for name in cookie_names(request):
            token = request.signed_cookie(name)
            self.stored[name] = _read(token.encode()) if token is not None else []

    async def store(self, request: Request, response: Response) -> None:
        """Keep what was said and drop what was shown; the hook that runs with the response."""
        if response.status >= 500 or not (self.said or self.consumed):
            return
        if self.session is None:
            self.session = await _session(request)
        self._forget(request, response)
        if self.consumed:
            response.headers.vary("Cookie")
            response.headers.setdefault("cache-control", "private, no-store")
        if self.said and _is_kept(self.session):
            self.session[_new_name()] = msgspec.json.encode(self.said).decode()
        elif self.said:
            self._keep_in_cookie(request, response)

    def _forget(self, request: Request, response: Response) -> None:
        for name in self.consumed:
            if name in request.cookies:
                response.delete_cookie(name, secure=_is_secure(request))
            if self.session is not None and name in self.session:
                del self.session[name]

    def _keep_in_cookie(self, request: Request, response: Response) -> None:
        sizes = {
            name: len(request.cookies[name]) for name in cookie_names(request) if name not in self.consumed
        }
        batch = list(self.said)
        while batch and _size(batch) > MOST_BYTES:
            _dropped(batch.pop(0).text)
        room = MOST_BYTES - _size(batch)
        for name in sorted(sizes):
            if sum(sizes.values()) <= room:
                break
            sizes.pop(name)
            response.delete_cookie(name, secure=_is_secure(request))
            _dropped(name)
        if batch:
            text = msgspec.json.encode(batch).decode()
            response.set_signed_cookie(request, _new_name(), text, secure=_is_secure(request))


def flash(request: Request, text: str | Markup, level: Level = "info", tags: str = "") -> None:
    """Say something that the next page shows.

    ``level`` is ``debug`` (kept in debug mode only), ``info``, ``success``, ``warning`` or ``error``; ``tags`` are further
    CSS classes. ``Markup`` is shown as HTML, other text is escaped. Raises ``BadFlash`` for another level.
    """
    if level not in LEVELS:
        raise BadFlash(
            f"There is no level {level!r} of flash messages.",
            expected=", ".join(LEVELS),
            got=repr(level),
            fix=nearest(str(level), LEVELS) or 'flash(request, "Saved.", "success")',
        )
    if level == "debug" and not getattr(request.app, "debug", False):
        return
    plain = text.__html__() if isinstance(text, Markup) else str(text)
    item = Flash(str.__str__(plain), level, f"{tags} {level}".strip(), isinstance(text, Markup))
    _box(request).said.append(item)


async def flashes(request: Request) -> Flashes:
    """Return the messages that wait for this visitor; going through them counts as showing them."""
    box = _box(request)
    if not box.loaded:
        await box.load(request)
    return Flashes(box)


def cookie_names(request: Request) -> list[str]:
    """Return the names of the cookies that hold messages, oldest first."""
    # others than ours may be no names at all, and a response could not take them back
    return sorted(name for name in request.cookies if name.startswith(PREFIX) and _OURS.fullmatch(name))


def _box(request: Request) -> _Box:
    state = request.state
    box: _Box | None = state.get(_STATE)
    if box is None:
        box = state[_STATE] = _Box()
        request.on_response(box.store)
    return box


def _is_secure(request: Request) -> bool:
    """Say whether cookies go over https alone: on a site that is served without it they would be lost."""
    return request.scheme == "https"


async def _session(request: Request) -> Any:
    """Return the session of a visitor who may have one; ``None`` without, or where the app has no sessions.

    Nobody is asked for a browser that sent no cookies: a page for strangers stays what caches may keep.
    """
    parts: Mapping[str, Any] = getattr(request.app, "parts", {})
    known = request.known_part("session")
    return await request.session() if "session" in parts and (known is not None or request.cookies) else None


def _is_kept(session: Any) -> bool:
    """Say whether a session will be there for the next request: stored already (not one that was flushed), or with something in it."""
    return session is not None and (getattr(session, "key", None) is not None or len(session) > 0)


def _new_name() -> str:
    """Return a name that sorts by time and that no parallel request has."""
    return f"{PREFIX}{time.time_ns() // 1000:013x}{os.urandom(3).hex()}"


def _size(batch: _Batch) -> int:
    """Return what a batch needs in a cookie: base64 of its JSON, and name, time and signature (about 100 bytes)."""
    return len(msgspec.json.encode(batch)) * 4 // 3 + 100


def _read(raw: bytes) -> _Batch:
    try:
        return _decode(raw)
    except msgspec.DecodeError:  # of an older version of the program
        return []


def _dropped(what: str) -> None:
    logger.warning("A flash message was dropped: there is room for %d bytes (%s).", MOST_BYTES, what[:60])


__all__ = ["LEVELS", "Flash", "Flashes", "Level", "flash", "flashes"]
