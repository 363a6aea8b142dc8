"""Rendering a page again: as a request of nobody, or as one of the person who watches.

A synthetic GET of the page's address runs through the app (``app.rerendering`` says which parts take part). What it may not
do is kept from it here: it records what it reads and refuses to write. For everybody it also refuses to read anything
personal: such a request has no cookies, no address and of the header fields only host and language, and asking for any
of that ends it.

Reads go to the primary database: a replica may not know yet of the change that was the reason.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final, NoReturn, Protocol, TypeAlias

import msgspec
from msgspec.structs import replace

from vivace.changes import ReadSet, recording
from vivace.db.databases import begin_scope, current_databases, use_primary
from vivace.db.observing import execute_wrapper
from vivace.db.transactions import place_of_caller
from vivace.errors import HTTPError, PersonalRead, WriteInLiveRender
from vivace.http.personal import OF_ADDRESS, watch_personal
from vivace.http.request import Connection, Request
from vivace.http.response import Response
from vivace.realtime.sessions import session_lasts

from .collecting import Pass
from .tokens import LiveTokens

if TYPE_CHECKING:
    from vivace.db import Database, Statement
    from vivace.db.observing import Run

_READING: Final = re.compile(
    # SELECT INTO makes a table, EXPLAIN ANALYZE runs what it explains, PRAGMA x(y) sets x unless it lists something.
    r"\s*(?:--[^\n]*\n\s*)*"
    r"(?:select\b(?!.*\binto\b)|values\b|explain\b(?!.*\banaly[sz]e\b)|show\b"
    r"|pragma\s+(?:\w+\.)?(?:\w+_(?:list|x?info)\s*\(|\w+\s*;?\s*$))",
    re.IGNORECASE | re.DOTALL,
)
_OF_THE_SOCKET: Final = frozenset(
    "accept connection content-length content-type expect if-match if-modified-since if-none-match if-range "
    "if-unmodified-since origin pragma cache-control range sec-fetch-dest sec-fetch-mode sec-fetch-site sec-fetch-user "
    "sec-websocket-extensions sec-websocket-key sec-websocket-protocol sec-websocket-version transfer-encoding upgrade".split()
)
_NOT_PERSONAL: Final = OF_ADDRESS | {"header:accept-language"}  # what makes an audience
_PAGE: Final = (b"accept", b"text/html")


class Runs(Protocol):
    """What runs the handlers of the app again."""

    async def page(self, request: Request) -> Response:
        """Run a page's handler; ``request.regions.render(response)`` is awaited with its answer."""
        ...

    async def guards(self, request: Request) -> None:
        """Ask the guards of a page; raises what one raises that refuses."""
        ...

    def has_guards(self, request: Request) -> bool:
        """Return whether a page has any."""
        ...


Signing: TypeAlias = Callable[[], LiveTokens]
"""Returns the signer of the app: it needs the keys, which are known when the app runs."""


class Address(msgspec.Struct, frozen=True):
    """What a page is asked for with, personal parts aside: those who share it share what is rendered."""

    target: str
    scheme: str
    host: str
    language: str


def address_of(target: str, handshake: Request) -> Address:
    """Return the address of a page as the browser at the other end of a connection asks for it."""
    headers = handshake.headers
    language = headers.joined("accept-language") or ""
    scheme = {"ws": "http", "wss": "https"}.get(handshake.scheme, handshake.scheme)
    return Address(target, scheme, headers.get("host") or "", language)


def shared_request(address: Address) -> Request:
    """Return a request of nobody."""
    headers = [(b"host", address.host.encode("latin-1")), _PAGE]
    if address.language:
        headers.append((b"accept-language", address.language.encode("latin-1")))
    return _synthetic(address, headers, Connection(address.scheme))


def personal_request(address: Address, handshake: Request) -> Request:
    """Return a request of the person who opened a connection: with its cookies, header fields and address."""
    kept = [
        (name, value)
        for name, value in handshake.raw_headers
        if name.lower().decode("latin-1") not in _OF_THE_SOCKET
    ]
    known = handshake.connection
    connection = Connection(address.scheme, known.client, known.server, known.http_version)
    connection.peer_certificate = known.peer_certificate
    return _synthetic(address, [*kept, _PAGE], connection)


def _synthetic(address: Address, headers: list[tuple[bytes, bytes]], connection: Connection) -> Request:
    request = Request("GET", address.target, headers, connection)
    request.is_rerender = True
    request._id = "live"  # nothing is logged under the id of a request that nobody sent
    return request


class Renderer:
    """Renders pages of one app again."""

    def __init__(self, runs: Runs, tokens: Signing) -> None:
        self._runs = runs
        self._tokens = tokens
        self.passes = 0  # how often a page was rendered again, for tests and the hood
        self.queries = 0  # of all passes and guards

    def pass_for(self, address: Address, roots: Iterable[str]) -> Pass:
        """Return a pass over a page, for ``run``."""
        target, region = address.target, self._tokens().region
        return Pass(address, roots, lambda name: f"{name}.{region(target, name)}")

    async def run(self, done: Pass, handshake: Request | None) -> None:
        """Render the roots of a pass: for everybody, or for the person at the other end of a connection.

        For everybody, ``done.personal`` says what the handler read where it is not for everybody. Raises what the
        handler raises.
        """
        if handshake is not None:
            asked = personal_request(done.address, handshake)
            await self._run(asked, done)
            done.session, done.lasts = _session_of(asked), session_lasts(asked)
            return

        def refuse(kind: str) -> None:
            if kind not in _NOT_PERSONAL:
                done.note(kind)
                _refuse_personal(kind)

        request = shared_request(done.address)
        try:
            with watch_personal(request, refuse):
                await self._run(request, done)
        except Exception:
            if not done.personal:
                raise

    async def _run(self, request: Request, done: Pass) -> None:
        self.passes += 1
        request.regions = done
        _read_the_primary()
        with execute_wrapper(self._reading), recording(done.reads):
            await self._runs.page(request)

    async def _reading(self, database: Database, statement: Statement, parameters: Any, run: Run) -> Any:
        """Let queries run that only read; raises ``WriteInLiveRender`` for one that may change something."""
        self.queries += 1
        if not statement.is_read:
            if statement.writes is not None or not _READING.match(statement.sql):
                _refuse_write(statement)
            # From here on it is one that reads: it runs where nothing can be written, if there is such a place.
            statement = replace(statement, writes=frozenset())
        return await run(statement, parameters)

    async def allowed(self, address: Address, handshake: Request, reads: ReadSet) -> float | None:
        """Return for how many seconds the guards of a page let a person pass; ``None``: they do not.

        What they read is recorded in ``reads``.
        """
        request = personal_request(address, handshake)
        _read_the_primary()
        try:
            with execute_wrapper(self._reading), recording(reads):
                await self._runs.guards(request)
        except HTTPError:
            return None
        return session_lasts(request)

    def has_guards(self, address: Address) -> bool:
        """Return whether a page has guards; raises ``HTTPError`` where there is no page."""
        return self._runs.has_guards(shared_request(address))


def _refuse_write(statement: Statement) -> NoReturn:
    raise WriteInLiveRender(
        f"A page that is rendered again for its live regions writes to the database at {place_of_caller()}.",
        expected="a GET handler that only reads: it runs again with each change of what it shows",
        got=statement.sql,
        fix="Write in a POST handler, or only `if not request.is_rerender`.",
    )


def _session_of(request: Request) -> str | None:
    """Return what tells the session of a request from others: ``""`` where it is over, ``None`` where nobody asked."""
    session_id: Callable[[Request], str | None] | None = getattr(request.app, "session_id", None)
    if session_id is None or request.known_part("session") is None:
        return None
    return session_id(request) or ""


def _refuse_personal(kind: str) -> NoReturn:
    raise PersonalRead(
        "A page that is rendered for all its viewers at once reads something personal.",
        got=kind,
        fix="Nothing: it is rendered again for each of them. Do not catch this error.",
    )


def _read_the_primary() -> None:
    databases = current_databases.get()
    if databases is not None and databases.has_replicas:
        begin_scope()
        for database in databases:
            use_primary(database.alias)


def is_gone(error: BaseException) -> bool:
    """Return whether an error says that this page is not for this person, or no longer there; else it is a fault."""
    return isinstance(error, HTTPError) and error.status < 500


__all__ = [
    "Address",
    "Renderer",
    "Runs",
    "address_of",
    "is_gone",
    "personal_request",
    "shared_request",
]
