"""Which personal parts of a request does a computation read? What decides whether its result may be shown to others.

``with watch_personal(request, note):`` exchanges the request's class for one whose personal parts call ``note(kind)``
before they answer. An ordinary request pays nothing for that. ``note`` may raise, and then nobody reads anything.

====================  ==============================================================================================
kind                  what was read
====================  ==============================================================================================
``header:<name>``     one header field, its name in lower case
``headers``           all of them
``cookies``           the cookies, signed and encrypted ones among them
``user`` ``session``  that part, or any other that something installed knows, by its name
``address``           where the client is, or its certificate
``nonce``             the nonce of the page's inline scripts
``response``          not read: the answer to this one request is amended (the cookie of a form's token)
``path`` ``query``    what is asked for, and not who asks (``OF_ADDRESS``): for whom the address is a part of the
``host`` ``state``    result's key, and what hooks found out for this request, that is nothing personal
====================  ==============================================================================================

Not noted: method and scheme; what only says how an answer is sent (``FRAMING``); ``request.id``. Guards that ran before
the block have read what they like. Watches may be nested: each hears of everything that is read within it, the inner one
first. Who keeps a value for the request that was computed under a watch notes what that read again (``note_again``) each
time it is used: a watch that began later would not hear of it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

from .cookies import parse_cookies
from .headers import Headers, RawHeaders
from .multidict import MultiDict
from .request import Connection, Request
from .response import Response

Note: TypeAlias = Callable[[str], None]

FRAMING: Final = frozenset(
    {
        "accept-encoding",  # compression is an after hook's, and says Vary itself
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "if-unmodified-since",
        "range",
        "upgrade",
        "x-request-id",
    }
)
"""Header fields that are not noted: the framework reads them for every page, and no page depends on who sent them."""

OF_ADDRESS: Final = frozenset({"path", "query", "host", "state"})
"""Kinds that say what is asked for, or what hooks made of that."""

_PRIVATE_OF_CONNECTION: Final = frozenset({"client", "peer_certificate"})


class WatchedHeaders(Headers):
    """Header fields that say which of them is read."""

    __slots__ = ("_note", "_plain")

    def __init__(self, plain: Headers, note: Note) -> None:
        self._plain = plain
        self._note = note

    def _read(self, name: str) -> None:
        if name == "host":
            self._note(name)
        elif name not in FRAMING:
            self._note(f"header:{name}")

    @property
    def raw(self) -> RawHeaders:  # type: ignore[override] # pyright: ignore[reportIncompatibleVariableOverride]
        """All fields as they came."""
        self._note("headers")
        return self._plain.raw

    @property
    def index(self) -> dict[bytes, bytes]:  # type: ignore[override] # pyright: ignore[reportIncompatibleVariableOverride]
        """The first value of each lower-case name."""
        return self.indexed()

    def indexed(self) -> dict[bytes, bytes]:
        """Return the first value of each lower-case name."""
        self._note("headers")
        return self._plain.indexed()

    def first(self, name: bytes) -> bytes | None:
        """Return the first value of a lower-case name as bytes, or ``None``."""
        self._read(name.decode("latin-1"))
        return self._plain.first(name)

    def getlist(self, name: str) -> list[str]:
        """Return all values of ``name`` in the order they came."""
        self._read(name.lower())
        return self._plain.getlist(name)


class _WatchedConnection:
    """A connection that says when somebody asks who is at its other end."""

    def __init__(self, connection: Connection, note: Note) -> None:
        self._connection = connection
        self._note = note

    def __getattr__(self, name: str) -> Any:
        if name in _PRIVATE_OF_CONNECTION:
            self._note("address")
        return getattr(self._connection, name)


class WatchedRequest(Request):
    """A request while somebody watches what is read of it."""

    _notes: tuple[Note, ...]

    def _note(self, kind: str) -> None:
        for note in reversed(self._notes):
            note(kind)

    @property
    def _plain(self) -> Headers:
        """The header fields, for what is not noted."""
        return Headers(vars(self)["raw_headers"], vars(self).get("index"))

    @property
    def headers(self) -> Headers:
        """The header fields, read-only."""
        return WatchedHeaders(self._plain, self._note)

    @property
    def raw_headers(self) -> RawHeaders:  # type: ignore[override] # pyright: ignore[reportIncompatibleVariableOverride]
        """The header fields as they came."""
        return self.headers.raw

    @property
    def index(self) -> dict[bytes, bytes] | None:  # type: ignore[override] # pyright: ignore[reportIncompatibleVariableOverride]
        """The first value of each lower-case header name."""
        return self.headers.indexed()

    def indexed(self) -> dict[bytes, bytes]:
        """Return the first value of each lower-case header name."""
        return self.headers.indexed()

    @property
    def path(self) -> str:
        """The path, percent-decoded."""
        self._note("path")
        return super().path

    @property
    def query(self) -> MultiDict:
        """The query parameters."""
        self._note("query")
        return super().query

    @property
    def state(self) -> dict[str, Any]:
        """What hooks, middleware and handlers share."""
        self._note("state")
        return super().state

    @property
    def upgrade(self) -> bytes | None:
        """The protocol that the client would rather talk."""
        return self._plain.first(b"upgrade")

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies by name."""
        self._note("cookies")
        if self._cookies is None:
            self._cookies = parse_cookies(self._plain.getlist("cookie"))
        return self._cookies

    @property
    def client(self) -> tuple[str, int] | None:
        """The client's address and port."""
        self._note("address")
        found: Connection = vars(self)["connection"]
        return found.client

    @property
    def connection(self) -> Any:  # type: ignore[override] # pyright: ignore[reportIncompatibleVariableOverride]
        """What all requests of one connection share."""
        return _WatchedConnection(vars(self)["connection"], self._note)

    @property
    def csp_nonce(self) -> str:
        """The nonce of this page."""
        if self.is_rerender:
            return ""
        self._note("nonce")
        return super().csp_nonce

    def amend(self, hook: Callable[[Response], object]) -> None:
        """Have something done to the answer to this one request."""
        self._note("response")
        super().amend(hook)

    async def part(self, name: str) -> Any:
        """Return what an installed part of the app knows of this request."""
        self._note(name)
        return await super().part(name)

    def known_part(self, name: str) -> Any:
        """Return a part that was asked for before."""
        self._note(name)
        return super().known_part(name)


def note_again(request: Request, kinds: Iterable[str]) -> None:
    """Tell those who watch a request what was read of it for a value that is used now."""
    if isinstance(request, WatchedRequest):
        for kind in kinds:
            request._note(kind)


@contextmanager
def watch_personal(request: Request, note: Note) -> Generator[None]:
    """Call ``note(kind)`` before each personal part that is read of ``request`` within the block; see above for kinds.

    Blocks of several tasks of one request may overlap: each then hears of the others' reads as well.
    """
    values = vars(request)
    values["_notes"] = (*values.get("_notes", ()), note)
    request.__class__ = WatchedRequest
    try:
        yield
    finally:
        left = list(values["_notes"])
        left.remove(note)
        values["_notes"] = tuple(left)
        if not left:
            request.__class__ = Request


__all__ = ["FRAMING", "OF_ADDRESS", "WatchedHeaders", "WatchedRequest", "note_again", "watch_personal"]
