"""What the test client gets back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Final

import msgspec

from vivace.errors.testing import ClientMisuse, CutOff
from vivace.http.cookies import decode_value
from vivace.http.headers import Headers, RawHeaders
from vivace.http.request import Request

from .addresses import Address

if TYPE_CHECKING:
    from .link import Link

REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


class ClientResponse:
    """An answer: ``status``, ``headers``, ``text``, ``json()``, ``body``, ``cookies``, ``history``, ``problem``.

    ``early_hints`` are the fields of 103 answers before it. From ``client.stream`` the body is read with ``chunks()``
    or ``await read()``; from the other methods it has been read.
    """

    def __init__(
        self, request: Request, address: Address, link: Link, status: int, fields: RawHeaders, *, raises: bool
    ) -> None:
        self.request = request
        self.address = address
        self.status = status
        self.headers = Headers(fields)
        self.history: list[ClientResponse] = []
        self._link = link
        self._raises = raises
        self._body: bytes | None = None

    @property
    def url(self) -> str:
        """The URL that was requested, after redirects."""
        return self.address.url

    @property
    def early_hints(self) -> list[tuple[str, str]]:
        """The header fields that came early (103)."""
        return self._link.hints

    @property
    def body(self) -> bytes:
        """The body; raises ``ClientMisuse`` while it has not been read."""
        if self._body is None:
            raise ClientMisuse(
                "The body has not been read.",
                fix="Write `await response.read()`, or `async for chunk in response.chunks()`.",
            )
        return self._body

    @property
    def text(self) -> str:
        """The body as text, in the charset it names or UTF-8."""
        _, _, charset = self.headers.get("content-type", "").partition("charset=")
        return self.body.decode(charset.partition(";")[0].strip(' "') or "utf-8")

    def json(self, type: Any = Any) -> Any:
        """The body decoded from JSON, as ``type`` when it is given."""
        return msgspec.json.decode(self.body, type=type)

    @property
    def problem(self) -> dict[str, Any] | None:
        """The problem document (RFC 9457), or ``None`` when the answer is none."""
        kind = self.headers.get("content-type") or ""
        return self.json() if kind.startswith("application/problem+json") else None

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies that this answer sets, decoded."""
        pairs = (line.partition(";")[0].partition("=") for line in self.headers.getlist("set-cookie"))
        return {name.strip(): decode_value(value.strip()) for name, _, value in pairs}

    @property
    def redirect(self) -> str | None:
        """Where this answer sends the client, or ``None``."""
        return self.headers.get("location") if self.status in REDIRECTS else None

    def preset(self, body: bytes | None) -> None:
        """Take a body that need not be read."""
        self._body = body

    async def read(self) -> bytes:
        """Read the rest of the body and return it all; raises what the handler raised on the way."""
        if self._body is None:
            self._body = b"".join([chunk async for chunk in self.chunks()])
        return self._body

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes; a handler waits while nobody reads."""
        if self._body is not None:
            yield self._body
            return
        try:
            while chunk := await self._link.read():
                yield chunk
            await self._link.wait_sent()
            self._link.check()
        except CutOff as cut:
            if self._raises and cut.__cause__ is not None:
                raise cut.__cause__ from None
            raise

    async def lines(self) -> AsyncIterator[str]:
        """Yield the body line by line, without line ends."""
        rest = b""
        async for chunk in self.chunks():
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                yield line.decode()
        if rest:
            yield rest.decode()

    async def close(self) -> None:
        """Go away: what the server does then is its disconnect policy; called by ``client.stream``."""
        await self._link.close()

    def __repr__(self) -> str:
        return f"<ClientResponse {self.status} {self.request.method} {self.url}>"
