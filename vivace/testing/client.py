"""The test client: your app, called as the engine calls it, without a socket.

    async with Client(app) as client:
        response = await client.post("/books", json={"title": "Emma"})
        assert response.status == 201

It builds the same ``Request`` as the engine and awaits ``app.handle``; bodies pass through bounded buffers, so
back-pressure and disconnects behave as over a network. What the server would only log is raised in the test.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Protocol, Self, TypeAlias, Unpack, cast

from vivace.errors.testing import ClientMisuse, TooManyRedirects
from vivace.http.eventstream import Event, EventParser
from vivace.http.headers import RawHeaders, encode_name, encode_value
from vivace.http.request import SAFE_METHODS, Request
from vivace.http.types import Handle

from .addresses import Address, Query
from .answers import ClientResponse
from .isolation import isolate as isolate_app
from .isolation import isolated_parts
from .jar import CookieJar
from .link import Link
from .payload import HeaderFields, Payload, RequestOptions, header_pairs, make_payload
from .sockets import ClientSocket

if TYPE_CHECKING:
    from vivace.mail import EmailMessage

    from .channels import ClientChannel
    from .live import LivePage

MAX_REDIRECTS: Final = 20  # as browsers
_KEY: Final = base64.b64encode(b"the sample nonce").decode()  # RFC 6455 section 1.3
_OF_THE_BODY: Final = frozenset({"content-type", "content-length", "transfer-encoding", "content-encoding"})


class Target(Protocol):
    """An app: one function from request to response, and what runs before the first and after the last."""

    @property
    def handle(self) -> Handle: ...
    async def startup(self) -> object: ...
    async def shutdown(self) -> object: ...


App: TypeAlias = "Target | Handle"


class Client:
    """Calls an app (or a bare ``handle`` function); as ``async with`` it runs the app's startup and shutdown.

    ``headers`` go with every request. ``follow`` follows redirects. ``raise_errors`` raises what the app makes a 500 of;
    with ``False`` you get the 500. ``same_origin`` sends what a browser sends from the app's own pages, so that CSRF
    protection lets unsafe requests through. Cookies are kept in ``cookies``. ``isolate`` gives an app that has models
    databases for the test alone (see ``vivace.testing.databases``) and keeps its mail in ``outbox``, its files in a
    temporary folder, its changes, messages and caches in this process; without it the app's own databases, media, mail
    server and broker are used. Some of ``ISOLATED`` isolate that much: ``isolate=ISOLATED - {"media"}``.
    """

    def __init__(
        self,
        app: App,
        base_url: str = "http://localhost",
        *,
        headers: HeaderFields = (),
        client: tuple[str, int] | None = ("127.0.0.1", 50_000),
        follow: bool = False,
        raise_errors: bool = True,
        same_origin: bool = True,
        isolate: bool | Collection[str] = True,
    ) -> None:
        self.app = app
        self._isolated = isolated_parts(isolate)
        self._stack = AsyncExitStack()
        self.headers = dict(header_pairs(headers))
        self.cookies = CookieJar()
        self.base = Address("http", "localhost", "/").join(base_url)
        self._client = client
        self._follow = follow
        self._raises = raise_errors
        self._same_origin = same_origin
        self._outbox: list[EmailMessage] | None = None
        self._open: dict[asyncio.Task[None], Link] = {}

    @property
    def _handle(self) -> Handle:
        """Looked up late: asking an App for it checks and freezes the app."""
        return cast("Handle", getattr(cast("Any", self.app), "handle", self.app))

    async def __aenter__(self) -> Self:
        """Start the app, with databases of the test's own if it has any."""
        ensure_secret = getattr(self.app, "ensure_secret", None)
        if ensure_secret is not None:
            ensure_secret()
        try:
            self._outbox = await isolate_app(self.app, self._isolated, self._stack)
            await self._lifecycle("startup")
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Go away from open answers, wait for what is still running, and stop the app."""
        open_now = dict(self._open)
        for link in open_now.values():
            link.disconnect()
        if open_now:
            await asyncio.wait(open_now)
        async with self._stack:
            await self._lifecycle("shutdown")

    async def _lifecycle(self, step: str) -> None:
        function = getattr(self.app, step, None)
        if function is not None:
            await function()

    @property
    def outbox(self) -> list[EmailMessage]:
        """The messages that the app has sent since the client began: none of them leaves the process."""
        if self._outbox is None:
            raise ClientMisuse(
                "This client keeps no mail.",
                expected="`async with Client(app) as client:` with an App, and without isolate=False",
                got=repr(self.app),
            )
        return self._outbox

    async def login(self, user: Any, *, remember: bool | None = None) -> None:
        """Sign a user in, as the app's login does, without a password and a page: the cookie is in ``cookies``."""
        from .signing import session_cookie

        name, value = await session_cookie(self._bare_request(), user, remember=remember)
        self.cookies.set(name, value, domain=self.base.hostname)

    def _bare_request(self) -> Request:
        """Return a request for ``/`` that is not sent."""
        link = Link(self.base, self._client, b"")
        fields = self._fields("GET", self.base, make_payload({}), {})
        return Request("GET", self.base.target, fields, link, b"")

    async def get(self, url: str, **options: Unpack[RequestOptions]) -> ClientResponse:
        """Send a GET request; for the options see ``RequestOptions``."""
        return await self.request("GET", url, **options)

    async def head(self, url: str, **options: Unpack[RequestOptions]) -> ClientResponse:
        """Send a HEAD request."""
        return await self.request("HEAD", url, **options)

    async def options(self, url: str, **options: Unpack[RequestOptions]) -> ClientResponse:
        """Send an OPTIONS request."""
        return await self.request("OPTIONS", url, **options)

    async def post(self, url: str, **options: Unpack[RequestOptions]) -> ClientResponse:
        """Send a POST request."""
        return await self.request("POST", url, **options)

    async def put(self, url: str, **options: Unpack[RequestOptions]) -> ClientResponse:
        """Send a PUT request."""
        return await self.request("PUT", url, **options)

    async def patch(self, url: str, **options: Unpack[RequestOptions]) -> ClientResponse:
        """Send a PATCH request."""
        return await self.request("PATCH", url, **options)

    async def delete(self, url: str, **options: Unpack[RequestOptions]) -> ClientResponse:
        """Send a DELETE request."""
        return await self.request("DELETE", url, **options)

    async def request(self, method: str, url: str, **options: Unpack[RequestOptions]) -> ClientResponse:
        """Send a request and read the whole answer; raises what the handler raised (see ``raise_errors``)."""
        async with self.stream(method, url, **options) as response:
            await response.read()
        return response

    @asynccontextmanager
    async def stream(
        self, method: str, url: str, **options: Unpack[RequestOptions]
    ) -> AsyncGenerator[ClientResponse, None]:
        """Send a request and give the answer while it comes; leaving the block early is a disconnect."""
        response = await self._follow_redirects(method.upper(), url, options)
        try:
            yield response
        finally:
            await response.close()

    @asynccontextmanager
    async def events(
        self, url: str, *, last_event_id: str = "", **options: Unpack[RequestOptions]
    ) -> AsyncGenerator[AsyncIterator[Event], None]:
        """Open a stream of server-sent events: ``async with client.events("/news") as events: async for e in events``."""
        headers = {"accept": "text/event-stream", **dict(header_pairs(options.get("headers", ())))}
        if last_event_id:
            headers["last-event-id"] = last_event_id
        options["headers"] = headers
        async with self.stream("GET", url, **options) as response:
            kind = response.headers.get("content-type") or "no content type"
            if response.status != 200 or not kind.startswith("text/event-stream"):
                raise ClientMisuse(
                    f"{url} is not a stream of events.",
                    expected="status 200 and text/event-stream",
                    got=f"status {response.status} and {kind}",
                )
            yield _read_events(response)

    def websocket(
        self,
        url: str,
        *,
        headers: HeaderFields = (),
        subprotocols: Iterable[str] = (),
        query: Query | None = None,
    ) -> ClientSocket:
        """Open a WebSocket: ``async with client.websocket("/echo") as socket``; raises ``WebSocketRejected``."""
        address = self.base.join(url, query)
        handshake = {
            "connection": "Upgrade",
            "upgrade": "websocket",
            "sec-websocket-version": "13",
            "sec-websocket-key": _KEY,
        }
        if self._same_origin:
            handshake["origin"] = address.origin
        if wanted := ", ".join(subprotocols):
            handshake["sec-websocket-protocol"] = wanted
        link = Link(address, self._client, b"")
        fields = self._fields(
            "GET", address, Payload(), {"headers": {**handshake, **dict(header_pairs(headers))}}
        )
        request = Request("GET", address.target, fields, link)
        return ClientSocket(self._handle, request, address, link, raises=self._raises)

    def channel(
        self,
        room: str,
        *,
        data: Any = None,
        since: tuple[int, int] | None = None,
        client: str = "",
        headers: HeaderFields = (),
    ) -> ClientChannel:
        """Join a room: ``async with client.channel("chat/lobby") as chat``; raises ``ChannelRefused`` with the problem.

        ``data`` is what its handler finds in ``channel.data``. ``since`` and ``client``, a ``position`` and the ``client`` of
        one that was there before, come back to the room as the same page.
        """
        from .channels import ClientChannel  # and with it the realtime room

        return ClientChannel(self.websocket("/_vivace/socket", headers=headers), room, data, since, client)

    def live(self, url: str, **options: Unpack[RequestOptions]) -> LivePage:
        """Open a page and keep it true, as a browser does: ``async with client.live("/") as page: await page.changed()``."""
        from .live import LivePage  # and with it the live room

        return LivePage(self, url, options)

    # inside

    async def _follow_redirects(self, method: str, url: str, options: RequestOptions) -> ClientResponse:
        address = self.base.join(url, options.get("query"))
        if options.get("https"):
            address = address.secured()
        follow = options.get("follow", self._follow)
        response = await self._send(method, address, options)
        history: list[ClientResponse] = []
        while follow and response.redirect is not None:
            if len(history) == MAX_REDIRECTS:
                raise _endless([*history, response])
            await response.read()
            history.append(response)
            address = response.address.join(response.redirect)
            method, options = _redirected(method, response, address, options)
            response = await self._send(method, address, options)
        response.history = history
        return response

    async def _send(self, method: str, address: Address, options: RequestOptions) -> ClientResponse:
        payload = make_payload(options)
        link = Link(address, self._client, payload.content)
        fields = self._fields(method, address, payload, options)
        request = Request(method, address.target, fields, link, link.body)
        self._keep(link, link.begin(self._handle, request))
        body: bytes | None = None
        try:
            status, raw = await link.open()
        except Exception:
            if self._raises or link.failure is None or link.upload_failed:
                raise
            status, raw, body = 500, [], b""  # as a server answers for an app that lets its errors through
        response = ClientResponse(request, address, link, status, raw, raises=self._raises)
        response.preset(body)
        for line in response.headers.getlist("set-cookie"):
            self.cookies.store(line, address)
        if self._raises and link.reported is not None:
            await response.close()
            raise link.reported
        return response

    def _keep(self, link: Link, task: asyncio.Task[None]) -> None:
        """Remember an exchange until it has ended, so that nothing outlives the client."""
        self._open[task] = link
        task.add_done_callback(lambda done: self._open.pop(done, None))

    def _fields(self, method: str, address: Address, payload: Payload, options: RequestOptions) -> RawHeaders:
        fields = {"host": address.host, "user-agent": "vivace-test-client", "accept": "*/*"}
        if self._same_origin and method not in SAFE_METHODS:
            fields["sec-fetch-site"] = "same-origin"
        if payload.content_type:
            fields["content-type"] = payload.content_type
        if not isinstance(payload.content, bytes):
            fields["transfer-encoding"] = "chunked"
        elif payload.content or method in ("POST", "PUT", "PATCH"):
            fields["content-length"] = str(len(payload.content))
        if cookies := self._cookie_header(address, options.get("cookies", {})):
            fields["cookie"] = cookies
        for name, value in self.headers.items():
            fields[name.lower()] = value
        pairs = header_pairs(options.get("headers", ()))
        kept = {name: value for name, value in fields.items() if name not in {n.lower() for n, _ in pairs}}
        return [(encode_name(name), encode_value(name, value)) for name, value in [*kept.items(), *pairs]]

    def _cookie_header(self, address: Address, extra: Mapping[str, str]) -> str:
        jar = CookieJar()
        for name, value in extra.items():
            jar.set(name, value, domain=address.hostname)
        return "; ".join(part for part in (jar.header(address), self.cookies.header(address)) if part)


def _redirected(
    method: str, response: ClientResponse, address: Address, options: RequestOptions
) -> tuple[str, RequestOptions]:
    """Return method and options of the request after a redirect (Fetch standard, HTTP-redirect fetch)."""
    headers = dict(header_pairs(options.get("headers", ())))
    if address.origin != response.address.origin:
        headers = {name: value for name, value in headers.items() if name.lower() != "authorization"}
    becomes_get = response.status == 303 and method != "HEAD"
    if becomes_get or (response.status in (301, 302) and method == "POST"):
        kept = {name: value for name, value in headers.items() if name.lower() not in _OF_THE_BODY}
        return "GET", {"headers": kept, "cookies": options.get("cookies", {})}
    content = options.get("content", b"")
    if not isinstance(content, bytes | str):
        raise ClientMisuse(
            "A streamed body cannot be sent again after a redirect.",
            expected="bytes for `content`",
            got=f"{response.status} to {address.url}",
        )
    again: RequestOptions = {**options, "headers": headers}
    again.pop("query", None)
    return method, again


def _endless(history: list[ClientResponse]) -> TooManyRedirects:
    return TooManyRedirects(
        f"{history[0].url} redirects without end.",
        expected=f"at most {MAX_REDIRECTS} redirects",
        got=" → ".join(response.address.path for response in history[-4:]),
    )


async def _read_events(response: ClientResponse) -> AsyncIterator[Event]:
    parser = EventParser()
    async for chunk in response.chunks():
        for event in parser.feed(chunk):
            yield event
