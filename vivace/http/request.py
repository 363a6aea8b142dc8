"""The request as a value: cheap to make, everything beyond method and path read when it is asked for.

The engine, the test client and the ASGI adapter all build the same ``Request``. It holds what came (``headers``,
``target``, the body source) and what the app found out (``path_params``, ``app``). Nothing is parsed before it is
used: you pay for what the request touches.

The body is either ``bytes`` (it came in one packet with the head, which is the common case) or a ``BodySource`` that
hands out chunks with back-pressure. ``body()``, ``json()`` and ``form()`` read it whole and keep it, so they may be
awaited again; ``stream()`` hands it out once.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from urllib.parse import unquote

from vivace.errors import BodyConsumed, ContentTooLarge

from .headers import Headers, RawHeaders
from .multidict import MultiDict, parse_query

if TYPE_CHECKING:
    from .forms import FormData

T = TypeVar("T")
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
        """Send a 103 (RFC 8297) where the protocol can; elsewhere nothing happens."""


class Request:
    """One HTTP request.

    ``method`` is upper-case, ``path`` percent-decoded, ``target`` as it came. ``headers`` is read-only.
    """

    __slots__ = (
        "_body",
        "_cookies",
        "_form",
        "_id",
        "_query",
        "_source",
        "_state",
        "after",
        "app",
        "body_limit",
        "connection",
        "headers",
        "method",
        "path",
        "path_params",
        "query_string",
        "route",
        "target",
    )

    def __init__(
        self,
        method: str,
        target: str,
        headers: RawHeaders,
        connection: Connection,
        body: bytes | BodySource = b"",
    ) -> None:
        self.method = method
        self.target = target
        self.headers = Headers(headers)
        self.connection = connection
        path, _, self.query_string = target.partition("?")
        self.path = unquote(path) if "%" in path else path
        self.path_params: dict[str, Any] = {}
        self.body_limit: int | None = DEFAULT_BODY_LIMIT
        self.app: Any = None
        self.route: Any = None
        self.after: list[Callable[[], Any]] | None = None
        if type(body) is bytes:
            self._body: bytes | None = body
            self._source: BodySource | None = None
        else:
            self._body = None
            self._source = body  # type: ignore[assignment]
        self._query: MultiDict | None = None
        self._cookies: dict[str, str] | None = None
        self._form: FormData | None = None
        self._state: dict[str, Any] | None = None
        self._id: str | None = None

    @property
    def raw_path(self) -> str:
        """The path as it came, percent-encoded."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> MultiDict:
        """The query parameters; repeated names keep all values."""
        if self._query is None:
            self._query = parse_query(self.query_string)
        return self._query

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
        return value.decode("latin-1").partition(";")[0].strip().lower() if value else ""

    @property
    def content_length(self) -> int | None:
        """The announced length of the body, or ``None`` when it is chunked or absent."""
        value = self.headers.first(b"content-length")
        return int(value) if value is not None and value.isdigit() else None

    async def body(self) -> bytes:
        """Return the whole body; raises ``ContentTooLarge`` beyond ``body_limit``, before buffering it."""
        if self._body is None:
            self._body = b"".join([chunk async for chunk in self.stream()])
        elif self.body_limit is not None and len(self._body) > self.body_limit:
            raise self._too_large()
        return self._body

    async def stream(self) -> AsyncIterator[bytes]:
        """Yield the body as it arrives, with back-pressure; may be used once unless it was read whole before."""
        if self._body is not None:
            body = await self.body()
            if body:
                yield body
            return
        source, self._source = self._source, None
        if source is None:
            raise BodyConsumed(
                "The request body was read as a stream before.", fix="Keep what stream() gave you."
            )
        limit, received = self.body_limit, 0
        if limit is not None and (self.content_length or 0) > limit:
            raise self._too_large()
        while chunk := await source.read():
            received += len(chunk)
            if limit is not None and received > limit:
                raise self._too_large()
            yield chunk

    def _too_large(self) -> ContentTooLarge:
        return ContentTooLarge(
            "The request body is too large.",
            expected=f"at most {self.body_limit} bytes",
            got=f"{self.content_length or 'more'} bytes",
        )

    def after_response(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Run ``function`` once after the response was sent; the app owns it, reports its errors and drains it."""
        if self.after is None:
            self.after = []
        self.after.append(lambda: function(*args, **kwargs))

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.target}>"
