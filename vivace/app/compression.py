"""Compressed responses (HS10): ``app.middleware(Compression())``.

A response is compressed when its type is in ``types``, its body has at least ``minimum`` bytes or an unknown number, the
client accepts a coding that can be made here, and nothing forbids it: a Content-Encoding or Content-Range that is there
already, ``Cache-Control: no-transform``, a route with ``extra={"compress": False}``. It then has ``Vary:
Accept-Encoding`` and a weak ETag: the bytes are others, the content is the same.

BREACH (CVE-2013-3587) reads a secret in a compressed page by its length, when an attacker can make the victim's browser
ask for the page again and again with guesses in it. Those requests are cross-site and carry credentials, so:

=======================================================  =======================================================
the request                                              what happens
=======================================================  =======================================================
no Cookie, no Authorization                              compressed: there is nothing of anybody's in the page
``Sec-Fetch-Site: same-origin`` or ``none``              compressed: the attacker did not send it
cross-site, by a click (``Sec-Fetch-User: ?1``)          compressed: nobody clicks some thousand times
cross-site or same-site otherwise                        not compressed
without ``Sec-Fetch-Site`` (not a browser, an old one)   compressed, with a header of random length (up to
                                                         ``padding``): it costs an attacker far more requests
=======================================================  =======================================================

A page that shows a secret next to what the client sent should switch compression off all the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from secrets import choice, randbelow
from string import ascii_letters
from typing import Any, Final

from vivace.engine.compression import LEVELS, Compressed, codings_of, compress
from vivace.http.charsets import media_type
from vivace.http.negotiation import IDENTITY, preferred_encoding
from vivace.http.request import Request
from vivace.http.response import Response
from vivace.http.types import CallNext

TYPES: Final = (
    "text/*",
    "application/json",
    "application/*+json",
    "application/*+xml",
    "application/xml",
    "application/javascript",
    "application/jsonl",
    "application/x-ndjson",
    "application/wasm",
    "application/yaml",
    "application/toml",
    "image/svg+xml",
    "font/otf",
    "font/ttf",
)
_BODILESS: Final = frozenset({101, 204, 206, 304})  # a part (206) is counted in bytes of the whole


@dataclass(frozen=True, slots=True)
class CompressionOptions:
    """``minimum`` bytes; media ``types``, ``*`` in place of one half or before a suffix; ``codings`` in order of
    preference where the client has none (``None``: all that are installed); ``levels`` per coding; ``padding`` bytes.
    """

    minimum: int = 1_024
    types: Sequence[str] = TYPES
    codings: Sequence[str] | None = None
    levels: Mapping[str, int] = field(default_factory=lambda: dict(LEVELS))
    padding: int = 64


class Compression:
    """The middleware that compresses."""

    def __init__(self, options: CompressionOptions | None = None) -> None:
        self.options = options or CompressionOptions()
        self._codings = codings_of(self.options.codings)
        self._types = frozenset(self.options.types)

    async def __call__(self, request: Request, call_next: CallNext) -> Response:
        """Answer with what the rest of the chain answers, compressed where that is wanted and safe."""
        response = await call_next(request)
        if not self._worth(response) or _switched_off(request):
            return response
        response.headers.vary("accept-encoding")
        coding = preferred_encoding(request.headers.joined("accept-encoding"), self._codings)
        if coding is None or coding == IDENTITY or request.method == "HEAD":
            return response
        risk = _risk(request)
        if risk == "attack":
            return response
        if risk == "unknown" and self.options.padding:
            length = 1 + randbelow(self.options.padding)
            response.headers.set("x-padding", "".join([choice(ascii_letters) for _ in range(length)]))
        return await self._compressed(response, coding)

    def _worth(self, response: Response) -> bool:
        if response.status in _BODILESS or (response.buffered and len(response.body) < self.options.minimum):
            return False
        plain = response.plain
        kind = response.content_type if plain else response.headers.get("content-type")
        if kind is None or not self._listed(media_type(kind)):
            return False
        return plain or self._transformable(response)

    def _listed(self, kind: str) -> bool:
        main, _, sub = kind.partition("/")
        suffix = f"{main}/*+{sub.rpartition('+')[2]}" if "+" in sub else ""
        return bool(self._types & {kind, f"{main}/*", suffix})

    def _transformable(self, response: Response) -> bool:
        headers = response.headers
        length = headers.get("content-length")
        if (
            length is not None
            and length.isdigit()
            and int(length) < self.options.minimum
            and not response.buffered
        ):
            return False
        forbidden = "content-encoding" in headers or "content-range" in headers
        return not forbidden and "no-transform" not in (headers.joined("cache-control") or "").lower()

    async def _compressed(self, response: Response, coding: str) -> Response:
        headers, level = response.headers, self.options.levels.get(coding)
        headers.set("content-encoding", coding)
        headers.remove("content-length")
        headers.remove("accept-ranges")
        tag = headers.get("etag")
        if tag is not None and not tag.startswith("W/"):
            headers.set("etag", f"W/{tag}")
        if not response.buffered:
            return Compressed(response, coding, level)
        response.body = await compress(response.body, coding, level)
        return response


def _switched_off(request: Request) -> bool:
    options: Any = getattr(getattr(request.route, "route", request.route), "options", None)
    return options is not None and options.extra.get("compress") is False


def _risk(request: Request) -> str:
    first = request.headers.first
    if first(b"cookie") is None and first(b"authorization") is None:
        return "none"
    site = first(b"sec-fetch-site")
    if site is None:
        return "unknown"
    return "none" if site in (b"same-origin", b"none") or first(b"sec-fetch-user") == b"?1" else "attack"


__all__ = ["TYPES", "Compression", "CompressionOptions"]
