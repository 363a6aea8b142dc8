"""The request as a value: cheap to make, everything beyond method and path read when it is asked for.

The engine, the test client and the ASGI adapter all build the same ``Request``. It holds what came (``headers``,
``target``, the body source) and what the app found out (``path_params``, ``app``). Nothing is parsed before it is
used: you pay for what the request touches.

The body is either ``bytes`` (it came in one packet with the head, which is the common case) or a ``BodySource`` that
hands out chunks with back-pressure. ``body()``, ``json()`` and ``form()`` read it whole and keep it, so they may be
awaited again; ``stream()`` hands it out once.
"""

from __future__ import annotations

import asyncio
import os
import re
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import cache
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from urllib.parse import unquote

from vivace.errors import BodyConsumed, ContentTooLarge, ResponseStarted

from .bodies import DEFAULT_BODIES, Bodies, read_form, read_json, read_parts, read_text
from .charsets import media_type
from .cookies import decrypt_cookie, parse_cookies, unsign_cookie
from .headers import Headers, RawHeaders
from .multidict import MultiDict, parse_query
from .negotiation import preferred_encoding, preferred_language, preferred_type, require_type

if TYPE_CHECKING:
    from vivace.crypto.tokens import Key

    from .forms import FormData
    from .lazyparts import LazyPart
    from .multipart import MultipartReader, Progress
    from .response import Response

T = TypeVar("T")
_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._\-]{0,127}")  # nothing that could forge a log line
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "QUERY"})  # RFC 9110 section 9.2.1
_NO_PARTS: Mapping[str, Callable[[Any], Any]] = MappingProxyType({})
DEFAULT_BODY_LIMIT = 2_621_440  # bytes; Django's DATA_UPLOAD_MAX_MEMORY_SIZE


class BodySource(Protocol):
    """Where the rest of a body comes from."""

    async def read(self) -> bytes:
        """Return the next chunk, ``b""`` at the end; raises ``RequestTimeout`` or ``ClientDisconnected``."""
        ...


class Connection:
    """What all requests of one connection share. The engine and the adapters fill it, or extend it."""

    __slots__ = ("client", "http_version", "peer_certificate", "scheme", "server")

    def __init__(
        self,
        scheme: str = "http",
        client: tuple[str, int] | None = None,
        server: tuple[str, int] | None = None,
        http_version: str = "1.1",
    ) -> None:
        self.scheme = scheme
        self.client = client
        self.server = server
        self.http_version = http_version
        self.peer_certificate: dict[str, Any] | None = None

    @property
    def shutting_down(self) -> bool:
        """True once the server drains: long answers should come to an end."""
        return False

    @property
    def disconnected(self) -> bool:
        """True once the client went away."""
        return False

    def early_hints(self, headers: RawHeaders) -> None:
        """Send a 103 (RFC 8297) where the protocol can; elsewhere nothing happens. Raises ``InvalidHeader``."""

    def report(self, error: Exception) -> None:
        """The app made a server error (500) of ``error``; the test client raises it, elsewhere nothing happens."""


class Request:
    """One HTTP request.

    ``method`` is upper-case, ``path`` percent-decoded, ``target`` as it came. ``headers`` is read-only. ``prefix`` is
    the part of the path (as it came) under which the app that answers is mounted; ``path`` is always the whole one.
    """

    # Class-level defaults, not slots: making a request sets only what it has (measured: 0.25 µs against 0.43 µs).
    query_string: str = ""
    path_params: Mapping[str, Any] = MappingProxyType({})
    body_limit: int | None = DEFAULT_BODY_LIMIT
    app: Any = None
    route: Any = None
    after: list[Callable[[], Any]] | None = None
    hooks: list[Callable[..., Any]] | None = None  # after hooks of this request alone
    on_disconnect: str | None = None
    trailers: RawHeaders | None = None
    prefix: str = ""
    query_log: Any = None  # the database queries so far, in debug mode
    bodies: Bodies = DEFAULT_BODIES
    _body: bytes | None = b""
    _whole: bytes | None = None
    _source: BodySource | None = None
    _query: MultiDict | None = None
    _cookies: dict[str, str] | None = None
    _turn: asyncio.Lock | None = None  # who reads a body that is arriving
    _form: FormData | None = None
    _state: dict[str, Any] | None = None
    _id: str | None = None
    _headers: Headers | None = None
    _parts: dict[str, Any] | None = None  # what the installed parts of the app know of it, by name
    _asking: dict[str, list[asyncio.Future[None]]] | None = None  # who waits for what another task asks
    amendments: list[Callable[[Response], object]] | None = None
    is_rerender: bool = False  # a live region of its page is rendered again: nobody asked for the page itself
    regions: Any = None  # who collects the live regions of such a page
    own_answer: Response | None = None  # the copy of an answer that is for this request alone
    head_made: bool = False  # nothing can be added to the response any more
    _csp_nonce: str | None = None

    def __init__(
        self,
        method: str,
        target: str,
        headers: RawHeaders,
        connection: Connection,
        body: bytes | BodySource = b"",
        index: dict[bytes, bytes] | None = None,
    ) -> None:
        self.method = method
        self.target = target
        self.raw_headers = headers
        self.index = index
        self.after = None
        self._id = None
        self.connection = connection
        if "?" in target:
            self.raw_path, _, self.query_string = target.partition("?")
        else:
            self.raw_path = target
        if type(body) is not bytes:
            self.set_body(body)
        elif body:
            self._body = body

    def set_body(self, body: bytes | BodySource) -> None:
        """Give the request its body; for engines, which know it later than the head."""
        if isinstance(body, bytes):
            self._body, self._source = body, None
        else:
            self._body, self._source = None, body

    @property
    def cancel_on_disconnect(self) -> bool:
        """True when the handler is cancelled once the client is gone: safe methods, unless the route says otherwise.

        Unsafe methods finish by default: the write that the client asked for is half done (see aiohttp issue 2492).
        """
        if self.on_disconnect is not None:
            return self.on_disconnect == "cancel"
        return self.method in SAFE_METHODS

    @property
    def path(self) -> str:
        """The path, percent-decoded (``raw_path``: as it came)."""
        raw = self.raw_path
        return unquote(raw) if "%" in raw else raw

    @property
    def headers(self) -> Headers:
        """The header fields, read-only."""
        if self._headers is None:
            self._headers = Headers(self.raw_headers, self.index)
        return self._headers

    def indexed(self) -> dict[bytes, bytes]:
        """Return the first value of each lower-case header name; made once."""
        if self.index is None:
            self.index = self.headers.indexed()
        return self.index

    def forget_index(self) -> None:
        """Let go of what makes headers quick to look up; it is made again when somebody asks."""
        self.index = self._headers = None

    @property
    def upgrade(self) -> bytes | None:
        """The protocol that the client would rather talk (``websocket``), if any."""
        return self.indexed().get(b"upgrade")

    @property
    def wants_websocket(self) -> bool:
        """Whether the client asks to go on as a WebSocket (RFC 6455 section 4.1); the handshake may still be wrong."""
        wanted = self.upgrade
        return wanted is not None and b"websocket" in [token.strip() for token in wanted.lower().split(b",")]

    @property
    def named(self) -> bool:
        """Whether the request has an id that somebody knows: it came with one, or its id was read."""
        return self._id is not None or b"x-request-id" in self.indexed()

    @property
    def id(self) -> str:
        """A name for this request in logs: the ``X-Request-ID`` that came, when it is sane, else a random one."""
        if self._id is None:
            given = self.headers.get("x-request-id", "") or ""
            self._id = given if _REQUEST_ID.fullmatch(given) else os.urandom(8).hex()
        return self._id

    @property
    def csp_nonce(self) -> str:
        """The nonce of this page (128 bits): ``<script nonce="…">`` runs under the content security policy.

        Made when first read; then the policy of the response names it, and no shared cache may keep the page. Raises
        ``ResponseStarted`` in a stream that has begun without it: read it before.
        """
        if self.is_rerender:
            return ""  # the page has its own, and a browser shows a nonce to nobody
        if self._csp_nonce is None:
            self._csp_nonce = urlsafe_b64encode(os.urandom(16)).rstrip(b"=").decode()
            self.amend(_keep_private)
        return self._csp_nonce

    @property
    def has_csp_nonce(self) -> bool:
        """Whether the page has one."""
        return self._csp_nonce is not None

    def amend(self, hook: Callable[[Response], object]) -> None:
        """Call ``hook(response)`` on the response to this request, once, after all other hooks.

        For what a page turns out to need while it is made: a cookie for its token, a policy for its nonce. Raises
        ``ResponseStarted`` when the head of a stream has been made.
        """
        if self.head_made:
            raise ResponseStarted(
                "The head of this response has been sent: it can carry nothing more.",
                expected="a token, a nonce, a cookie before the first piece of a stream",
                fix="Read request.csp_nonce, or make the csrf_token, before the stream begins.",
            )
        self.amendments = [*(self.amendments or ()), hook]
        self.after = self.after or []  # what the app looks at to see that a response is not done yet

    @property
    def query(self) -> MultiDict:
        """The query parameters; repeated names keep all values."""
        if self._query is None:
            self._query = parse_query(self.query_string)
        return self._query

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies by name, decoded; of two with one name the first, which has the closer path."""
        if self._cookies is None:
            raw = self.raw_headers
            self._cookies = parse_cookies(
                [value.decode("latin-1") for key, value in raw if key.lower() == b"cookie"]
            )
        return self._cookies

    def signed_cookie(self, name: str, *, max_age: float | None = None) -> str | None:
        """Return what ``set_signed_cookie`` stored; ``None`` when absent, forged or older than ``max_age`` seconds."""
        token = self.cookies.get(name)
        return None if token is None else unsign_cookie(self.secret_keys, name, token, max_age)

    def encrypted_cookie(self, name: str, *, max_age: float | None = None) -> str | None:
        """Return what ``set_encrypted_cookie`` stored; ``None`` when absent, forged or older than ``max_age`` seconds."""
        token = self.cookies.get(name)
        return None if token is None else decrypt_cookie(self.secret_keys, name, token, max_age)

    @property
    def secret_keys(self) -> Sequence[Key]:
        """The keys of the app, the newest first; none outside an app."""
        keys: Sequence[Key] = getattr(self.app, "secret_keys", ())
        return keys

    def accepts(self, *media_types: str) -> bool:
        """True when the client takes at least one of the media types: ``request.accepts("text/html")``."""
        return self.preferred_type(media_types) is not None

    def preferred_type(self, offers: Sequence[str]) -> str | None:
        """Return the media type that the client likes best, of equals the first; ``None`` when it takes none (406)."""
        return preferred_type(self.headers.joined("accept"), offers)

    def require_type(self, offers: Sequence[str]) -> str:
        """Return the media type to answer with; raises ``NotAcceptable`` (406) when the client takes none of them."""
        return require_type(self.headers.joined("accept"), offers)

    def preferred_language(self, offers: Sequence[str]) -> str | None:
        """Return the language tag that the client likes best, of equals the first; ``None`` when it takes none."""
        return preferred_language(self.headers.joined("accept-language"), offers)

    def preferred_encoding(self, offers: Sequence[str]) -> str | None:
        """Return the content coding to use, ``"identity"`` for none; ``None`` when the client refuses even that."""
        return preferred_encoding(self.headers.joined("accept-encoding"), offers)

    @property
    def last_event_id(self) -> str | None:
        """The id of the last event that a reconnecting ``EventSource`` saw; ``None`` on a first connection."""
        value = self.headers.first(b"last-event-id")
        return value.decode("utf-8", "replace") if value else None

    @property
    def state(self) -> dict[str, Any]:
        """A dictionary for hooks, middleware and handlers to share values within this request."""
        if self._state is None:
            self._state = {}
        return self._state

    @property
    def scheme(self) -> str:
        """``http`` or ``https``, as the client used it (behind a trusted proxy: what the proxy says)."""
        return self.connection.scheme

    @property
    def client(self) -> tuple[str, int] | None:
        """The client's address and port, or ``None`` on a Unix socket."""
        return self.connection.client

    @property
    def content_type(self) -> str:
        """The media type of the body in lower case without parameters; ``""`` when there is none."""
        value = self.headers.first(b"content-type")
        return media_type(value.decode("latin-1")) if value else ""

    @property
    def content_length(self) -> int | None:
        """The announced length of the body, or ``None`` when it is chunked or absent."""
        value = self.headers.first(b"content-length")
        return int(value) if value is not None and value.isdigit() else None

    @property
    def content_coding(self) -> str:
        """The Content-Encoding of the body in lower case; ``"identity"`` when there is none."""
        value = self.headers.first(b"content-encoding")
        coding = value.decode("latin-1").strip().lower() if value else "identity"
        return "gzip" if coding == "x-gzip" else coding  # RFC 9110 section 8.4.1.3

    async def body(self) -> bytes:
        """Return the whole body; raises ``ContentTooLarge`` beyond ``body_limit``, before buffering it.

        A body with a Content-Encoding is decoded where ``bodies.codings`` allows it, else ``UnsupportedMediaType``.
        """
        whole = self.whole_body()
        if whole is None and self._body is not None:
            whole = self._whole = await self._read_whole()
        elif whole is None:
            if self._turn is None:
                self._turn = asyncio.Lock()
            # Two tasks may ask while it arrives: the second has what the first one read.
            async with self._turn:
                whole = self._whole
                if whole is None:
                    whole = self._whole = await self._read_whole()
        return whole

    def whole_body(self) -> bytes | None:
        """Return the body where it came with the head and is read as it is; ``None`` means: ``await body()``."""
        body, limit = self._body, self.body_limit
        if self._whole is None and body is not None and (limit is None or len(body) <= limit):
            if b"content-encoding" in self.indexed():
                return None
            self._whole = body
        return self._whole

    async def _read_whole(self) -> bytes:
        body, limit = self._body, self.body_limit
        if body is None or (limit is not None and len(body) > limit):
            body = b"".join([chunk async for chunk in self.chunks(limit, raw=True)])
        coding = self.content_coding if body else "identity"
        if coding != "identity":
            from .decoding import decode_body

            accepted, ratio = self.bodies.codings, self.bodies.limits.decompression_ratio
            body = decode_body(body, coding, accepted, limit, ratio)
        return body

    def stream(self, *, raw: bool = False) -> AsyncIterator[bytes]:
        """Yield the body as it arrives, with back-pressure; may be used once unless it was read whole before.

        Raises ``ContentTooLarge`` beyond ``body_limit``, and ``UnsupportedMediaType`` for a body with a
        Content-Encoding, unless ``raw``: then it comes as it was sent (proxies, mounted applications).
        """
        return self.chunks(self.body_limit, raw=raw)

    async def json(self) -> Any:
        """Return the JSON body; 415 unless the media type is JSON, 400 with line and column where it is malformed."""
        return await read_json(self)

    async def text(self) -> str:
        """Return the body as text, in the charset that Content-Type names or UTF-8."""
        return await read_text(self)

    async def form(self, progress: Progress | None = None) -> FormData:
        """Return the submitted form, url-encoded or multipart; large uploads are in temporary files.

        ``progress`` is called with the number of bytes that have arrived. What is wrong is 400, 413 or 415.
        """
        if self._form is None:
            self._form = await read_form(self, progress)
            self.after = self.after or []  # the app closes it once all that runs after the response is done
        return self._form

    def parts(self, progress: Progress | None = None) -> MultipartReader:
        """Return the parts of a multipart body: ``async for part in request.parts()`` reads them as they arrive."""
        return read_parts(self, progress)

    async def data(self) -> Any:
        """Return what the parser for the body's media type makes of it; 415 when there is none."""
        return await self.bodies.parser_for(self.content_type)(self)

    @property
    def session(self) -> LazyPart:
        """The visitor's session: ``await request.session()``."""
        return _lazily(self, "session")

    @property
    def user(self) -> LazyPart:
        """Who is signed in, or an ``AnonymousUser``: ``await request.user()``."""
        return _lazily(self, "user")

    async def part(self, name: str) -> Any:
        """Return what an installed part of the app knows of this request, asked once; raises ``PartMissing``."""
        known = self._parts
        if known is None:
            known, self._asking = {}, {}
            self._parts = known
        elif name in known:
            return known[name]
        asking: Any = self._asking
        while name in asking and name not in known:
            # Two tasks of one request ask at once: the second has what the first one is told, or asks if that failed.
            told: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            asking[name].append(told)
            await told
        if name in known:
            return known[name]
        waiting: list[asyncio.Future[None]] = []
        asking[name] = waiting
        try:
            maker = getattr(self.app, "parts", _NO_PARTS).get(name) or _lazy_parts().part_maker(self, name)
            value = known[name] = await maker(self)
        finally:
            del asking[name]
            for each in waiting:
                if not each.done():
                    each.set_result(None)
        return value

    def known_part(self, name: str) -> Any:
        """Return a part that was asked for before, ``None`` when it was not: hooks look without asking."""
        return self._parts.get(name) if self._parts is not None else None

    def set_part(self, name: str, value: Any) -> None:
        """Say what a part is from now on: who has just logged in is the user."""
        if self._parts is None:
            self._parts, self._asking = {}, {}
        self._parts[name] = value

    def close_form(self) -> None:
        """Free the uploads of a form that was read. The app calls it when all work for the request is done."""
        if self._form is not None:
            self._form.close()

    async def chunks(self, limit: int | None, *, raw: bool = False) -> AsyncIterator[bytes]:
        """Yield the body as ``stream`` does, within ``limit`` bytes."""
        body = self._whole if self._whole is not None and not raw else self._body
        if body is None:
            source, self._source = self._source, None
            if not raw:
                self._refuse_coding()
            async for chunk in self._received(source, limit):
                yield chunk
        elif body:
            if limit is not None and len(body) > limit:
                raise self._too_large(limit)
            if not raw and body is not self._whole:
                self._refuse_coding()
            yield body

    def _refuse_coding(self) -> None:
        """A coded body is decoded whole or not at all: raise ``UnsupportedMediaType`` where it would be streamed."""
        coding = self.content_coding
        if coding != "identity":
            from .decoding import require_coding

            require_coding(coding, ())

    async def _received(self, source: BodySource | None, limit: int | None) -> AsyncIterator[bytes]:
        if source is None:
            raise BodyConsumed(
                "The request body was read as a stream before.", fix="Keep what stream() gave you."
            )
        received = 0
        if limit is not None and (self.content_length or 0) > limit:
            raise self._too_large(limit)
        while chunk := await source.read():
            received += len(chunk)
            if limit is not None and received > limit:
                raise self._too_large(limit)
            yield chunk
        self.trailers = getattr(source, "trailers", None)

    def _too_large(self, limit: int) -> ContentTooLarge:
        return ContentTooLarge(
            "The request body is too large.",
            expected=f"at most {limit} bytes",
            got=f"{self.content_length or 'more'} bytes",
        )

    def after_response(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Run ``function`` once after the response was sent; the app owns it, reports its errors and drains it."""
        if self.after is None:
            self.after = []
        self.after.append(lambda: function(*args, **kwargs))

    def on_response(self, hook: Callable[[Request, Any], Any]) -> None:
        """Call ``hook(request, response)`` when this request's response is made, before the after hooks of the app.

        It may change the response (a cookie), as an after hook may; a request without such hooks pays nothing.
        """
        if self.hooks is None:
            self.hooks = []
        self.hooks.append(hook)
        if self.after is None:
            self.after = []  # the plan's one sign that there is something left to do

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.target}>"


def _lazily(request: Request, name: str) -> LazyPart:
    part: LazyPart = _lazy_parts().LazyPart(request, name)
    return part


@cache
def _lazy_parts() -> ModuleType:
    """Return the room of parts, which a service without users does without; an import in a function costs 1 µs each time."""
    from . import lazyparts

    return lazyparts


def _keep_private(response: Response) -> None:
    response.headers.keep_private()
