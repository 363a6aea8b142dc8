"""Responses as values: what a handler returns, what the engine writes.

Most responses are a status, a content type and some bytes. Such a response never builds a header object: the engine
writes it from pre-encoded heads (a cache by status, content type and defaults). The header object is made the first
time somebody asks for ``response.headers``.

A response that is not ``buffered`` writes itself: the engine awaits ``write_to(sink)``, and the sink waits while the
client is slow. The head leaves with the first write, so what fails before it can still become an error page.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol, Unpack

import msgspec

from vivace.errors import WrongResult

from .cookies import CookieOptions, encrypt_cookie, expire_cookie, put_cookie, sign_cookie
from .headers import NO_DEFAULTS, HeaderBlock, MutableHeaders, encode_fields, encode_name, encode_value

if TYPE_CHECKING:
    from .request import Request
    from .websocket import WebSocket, WebSocketOptions

TEXT = "text/plain; charset=utf-8"
HTML_TYPE = "text/html; charset=utf-8"
JSON_TYPE = "application/json"
_TYPE_FIELDS: Final = {kind: (b"content-type", kind.encode()) for kind in (TEXT, HTML_TYPE, JSON_TYPE)}


def json_form(value: object) -> Any:
    """Return what JSON shows of a value that msgspec does not know: what ``__vivace_json__`` says (a model), or a text.

    Raises ``TypeError`` for what has no JSON form.
    """
    kind = type(value)
    to_json = getattr(kind, "__vivace_json__", None)
    if to_json is not None:
        return to_json(value)
    if isinstance(value, str):  # Markup and lazy texts
        return str.__str__(value)
    raise TypeError(f"{kind.__qualname__} has no JSON form")


encode_json = msgspec.json.Encoder(enc_hook=json_form).encode


class Sink(Protocol):
    """Where a response writes itself: the engine's connection, the test client, an ASGI server."""

    async def write(self, data: bytes) -> None:
        """Send ``data``; waits while the client reads slowly; raises ``ClientDisconnected`` when it is gone."""

    async def send_file(self, descriptor: int, offset: int, count: int) -> None:
        """Send ``count`` bytes of an open file from ``offset``, without copying them through Python where possible."""


class Response:
    """An answer of bytes: ``Response(b"…", status=201, headers={"etag": '"a"'}, content_type="image/png")``.

    Text is encoded as UTF-8. ``defaults`` are headers of the app (security) for names that the response does not set.
    Raises ``WrongResult`` for a body that is neither text nor bytes.
    """

    # What the engine reads of every response is set on the instance too: CPython 3.11 reads a class-level default of an
    # instance four times slower (measured: 19 ns against 5 ns). The defaults serve subclasses that set little.
    buffered: ClassVar[bool] = True
    needs_prepare: bool = False
    content_type: str | None = TEXT
    defaults: HeaderBlock = NO_DEFAULTS
    on_sent: Callable[[], None] | None = None
    sent: int | None = None  # bytes of body that went out; the engine says so of one that wrote itself
    _headers: MutableHeaders | None = None

    def __init__(
        self,
        body: bytes | bytearray | memoryview | str = b"",
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        content_type: str | None = None,
    ) -> None:
        self.body: bytes = (
            body.encode() if isinstance(body, str) else body if type(body) is bytes else as_bytes(body)
        )
        self.status = status
        self._headers = None
        self.on_sent = None
        if content_type is not None:
            self.content_type = content_type
        if headers:
            self.headers.update(headers)

    @property
    def headers(self) -> MutableHeaders:
        """The header fields; made when first asked for, the content type among them."""
        headers = self._headers
        if headers is None:
            headers = self._headers = MutableHeaders()
            kind = self.content_type
            if kind is not None:
                field = _TYPE_FIELDS.get(kind) or (b"content-type", encode_value("content-type", kind))
                headers.raw.append(field)
        return headers

    @property
    def plain(self) -> bool:
        """True while nobody asked for ``headers``: the head is status, content type and defaults."""
        return self._headers is None

    def set_cookie(self, name: str, value: str, **options: Unpack[CookieOptions]) -> None:
        """Set a cookie; by default ``Secure; HttpOnly; SameSite=Lax; Path=/`` until the browser closes.

        Options: ``max_age`` (seconds or timedelta), ``expires``, ``path``, ``domain``, ``secure``, ``http_only``,
        ``same_site`` (``"lax"``, ``"strict"``, ``"none"``, None), ``partitioned``. Raises ``InvalidCookie`` for what
        browsers would drop: over 4,096 bytes, a ``__Host-`` name with a domain, ``SameSite=None`` without ``Secure``.
        """
        put_cookie(self.headers, name, value, **options)

    def delete_cookie(self, name: str, **options: Unpack[CookieOptions]) -> None:
        """Tell the browser to drop a cookie; give the ``path`` and ``domain`` it was set with."""
        expire_cookie(self.headers, name, **options)

    def set_signed_cookie(
        self, request: Request, name: str, value: str, **options: Unpack[CookieOptions]
    ) -> None:
        """Set a cookie that the client can read and not change, with the keys of the app; see ``set_cookie``.

        It is read by ``request.signed_cookie(name, max_age=…)``.
        """
        put_cookie(self.headers, name, sign_cookie(request.secret_keys, name, value), **options)

    def set_encrypted_cookie(
        self, request: Request, name: str, value: str, **options: Unpack[CookieOptions]
    ) -> None:
        """Set a cookie that the client can neither read nor change (extra ``encryption``); see ``set_cookie``.

        It is read by ``request.encrypted_cookie(name, max_age=…)``.
        """
        put_cookie(self.headers, name, encrypt_cookie(request.secret_keys, name, value), **options)

    async def prepare(self, request: Request) -> Response:
        """Return the response to send; awaited once (see ``prepared``), before middleware sees it.

        Here a file is opened and conditions and ranges are answered. May raise an ``HTTPError`` in place of answering.
        """
        return self

    async def write_to(self, sink: Sink) -> None:
        """Write the body; overridden by responses that are not ``buffered``."""
        await sink.write(self.body)

    def encoded_trailers(self) -> bytes:
        """Return the trailer fields that follow a chunked body, encoded; none by default."""
        return b""

    async def close(self) -> None:
        """Release what the response holds; called once, whether it was written, cut off or never started.

        A ``buffered`` response holds nothing but its body: it need not be closed.
        """

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.status}>"


class Text(Response):
    """Plain text, UTF-8."""


class HTML(Response):
    """An HTML page, UTF-8; the text is sent as it is, so escape what users wrote."""

    content_type: str | None = HTML_TYPE


class JSON(Response):
    """Any value as JSON: dicts, lists, dataclasses, msgspec Structs, dates, UUIDs, decimals (as strings), models."""

    content_type: str | None = JSON_TYPE

    def __init__(
        self,
        data: Any,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        content_type: str | None = None,
    ) -> None:
        super().__init__(encode_json(data), status, headers, content_type)


class Empty(Response):
    """No content: 204 without body and content type."""

    def __init__(self, status: int = 204, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(b"", status)
        self.content_type = None
        if headers:
            self.headers.update(headers)


class Stream(Response):
    """A body of unknown length, sent as it is produced; text is UTF-8. The iterator is always closed.

    ``trailers`` is called after the body and returns fields that follow it (a checksum, a timing), where the protocol
    can send them: RFC 9110 section 6.5. Announce them in a ``Trailer`` header.
    """

    buffered: ClassVar[bool] = False

    def __init__(
        self,
        chunks: AsyncIterable[bytes | bytearray | memoryview | str],
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        content_type: str | None = None,
        trailers: Callable[[], Mapping[str, str]] | None = None,
    ) -> None:
        super().__init__(b"", status, headers, content_type)
        self.chunks = chunks
        self.trailers = trailers

    async def write_to(self, sink: Sink) -> None:
        """Send each chunk when it is produced; waits while the client is slow."""
        async for chunk in self.chunks:
            data = chunk if type(chunk) is bytes else as_bytes(chunk)
            if data:
                await sink.write(data)

    def encoded_trailers(self) -> bytes:
        """Return the fields that ``trailers`` makes now, after the body."""
        fields = self.trailers().items() if self.trailers is not None else ()
        return encode_fields((encode_name(name), encode_value(name, value)) for name, value in fields)

    async def close(self) -> None:
        """Close the iterator, so that its ``finally`` runs."""
        await close_iterator(self.chunks)


class Upgrade(Response):
    """Turns the connection into a WebSocket: the engine awaits ``run(socket)``; the handshake answers lazily.

    ``options`` are the route's; ``None`` takes the defaults.
    """

    __slots__ = ("options",)
    buffered: ClassVar[bool] = False

    def __init__(self, options: WebSocketOptions | None = None) -> None:
        super().__init__(b"", 101)
        self.content_type = None
        self.options = options

    def run(self, socket: WebSocket) -> Awaitable[None]:
        """Talk over the socket until one side is done; overridden, mostly as ``async def``."""
        return socket.close()

    async def failed(self, socket: WebSocket, error: Exception) -> bool:
        """Answer an error that ``run`` raised; return False to leave it to the engine (1011, and to the log)."""
        return False


def as_bytes(data: Any) -> bytes:
    """Return text as UTF-8 and any buffer as ``bytes``; raises ``WrongResult`` for anything else.

    A ``memoryview`` is copied, because its length counts items, and the one that is sent must count bytes.
    """
    if isinstance(data, str):
        return data.encode()
    try:
        return memoryview(data).tobytes()
    except TypeError:
        raise WrongResult(
            "A response was given a body that is neither text nor bytes.",
            expected="bytes, bytearray, memoryview or str",
            got=type(data).__qualname__,
            fix="JSON(value) makes JSON of a value, Empty() is no body at all.",
        ) from None


async def prepared(response: Response, request: Request) -> Response:
    """Return the response to send in place of one with ``needs_prepare``; asked again, the same one comes back."""
    if response.needs_prepare:
        response = await response.prepare(request)
        response.needs_prepare = False
    return response


def own_answer(request: Request, response: Response) -> Response:
    """Return an answer that no other request has: a handler may return one to all, and a cookie is for one."""
    if request.own_answer is response or not response.buffered:
        return response
    answer = request.own_answer = copied(response)
    return answer


def copied(response: Response) -> Response:
    """Return the same answer with header fields of its own."""
    answer: Response = object.__new__(type(response))
    answer.__dict__ = response.__dict__.copy()
    if answer._headers is not None:
        answer._headers = MutableHeaders(list(answer._headers.raw))
    return answer


async def close_iterator(chunks: AsyncIterable[Any]) -> None:
    """Close an async generator; other iterators have nothing to close."""
    aclose = getattr(chunks, "aclose", None)
    if aclose is not None:
        await aclose()


def head_fields(response: Response) -> list[tuple[bytes, bytes]]:
    """Return all header fields of a response but length and framing, defaults included."""
    fields = response.headers.raw
    return [*fields, *response.defaults.fields_missing_from(fields)]


__all__ = [
    "HTML",
    "HTML_TYPE",
    "JSON",
    "JSON_TYPE",
    "TEXT",
    "Empty",
    "Response",
    "Sink",
    "Stream",
    "Text",
    "Upgrade",
    "as_bytes",
    "close_iterator",
    "copied",
    "head_fields",
    "own_answer",
    "prepared",
]
