"""Where a request was started: origins, and cross-site request forgery stopped by what the browser itself says.

The rule, in order, for unsafe methods and for WebSocket handshakes:

| ``Sec-Fetch-Site`` | ``Origin`` | cookies or browser credentials | |
|---|---|---|---|
| ``same-origin``, ``none`` | any | any | passes |
| any other value | trusted | any | passes |
| any other value | else | any | 403 |
| absent (browsers before 2023, pages over plain http) | this host, or trusted | any | passes |
| absent | any other, ``null`` too | any | 403 |
| absent | absent | no | passes: it is no browser's, or no one's in particular |
| absent | absent | yes, a socket | passes: browsers must send ``Origin`` (RFC 6455 section 4.1) |
| absent | absent | yes | a token is needed (``tokens``) |

Credentials are those that a browser adds by itself: cookies, and ``Authorization`` with a scheme that it asks its user
for. A bearer token (RFC 6750) is put there by a program that knows it, so it forges nothing; and so is one of the scheme
``Token``, which no RFC names and many APIs have (no browser knows it).

Only the last row may need the body, so only it is asynchronous: ``check`` decides all others at once, and hands back
what is left to do for that one.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import Final, TypeAlias
from urllib.parse import urlsplit

import msgspec
from msgspec.structs import replace

from vivace.errors import ConfigurationError, CrossOriginRefused
from vivace.http.request import SAFE_METHODS, Request

Later: TypeAlias = Callable[[Request], Awaitable[None]]
"""The rest of a check, which has to wait for something; raises as the check does."""

logger = logging.getLogger("vivace.security")
_PORTS: Final = {"http": 80, "https": 443}
_PUT_THERE_BY_PROGRAMS: Final = frozenset({b"bearer", b"dpop", b"token"})  # any other may be a browser's


_TELLING: Final = frozenset({b"sec-fetch-site", b"origin", b"upgrade", b"cookie", b"authorization"})


class SameOrigin(msgspec.Struct, frozen=True):
    """Refuses (403) writes and sockets that another site's page started.

    ``trusted`` lists origins (``https://app.example.com``) that may. ``tokens=False`` refuses where browsers say nothing,
    instead of asking for the token of a page (``csrf_token``).
    """

    trusted: tuple[str, ...] = ()
    tokens: bool = True

    def __post_init__(self) -> None:
        check_origins(self.trusted, "a trusted origin")

    def and_trusted(self, origins: Iterable[str]) -> SameOrigin:
        """Return a copy that trusts ``origins`` too."""
        return replace(self, trusted=tuple(dict.fromkeys((*self.trusted, *origins))))

    def check(self, request: Request) -> Later | None:
        """Raise ``CrossOriginRefused`` (403) unless the request is safe, or comes from here or a trusted origin.

        Returns what is to be awaited before the request may go on, where a token decides; else ``None``.
        """
        names = request.indexed().keys()
        if request.method in SAFE_METHODS and b"upgrade" not in names:
            return None
        if _TELLING.isdisjoint(names):  # no browser's, and no one's in particular: rule 3
            return None
        origin = request.headers.get("origin")
        passes = self._passes(request, origin)
        if passes:
            return None
        if passes is None and self.tokens:
            from .tokens import require_token  # no browser of today comes here

            return require_token
        raise refused(
            request,
            CrossOriginRefused(
                "This request was started by another site.",
                expected="a page of this site, or an origin listed as trusted",
                got=origin or "cookies without Origin, Sec-Fetch-Site or token",
                fix="Name the origin in VIVACE_TRUSTED_ORIGINS, or exempt the route: csrf=False.",
            ),
        )

    def _passes(self, request: Request, origin: str | None) -> bool | None:
        """Return whether the request may pass; ``None`` where only a token can tell."""
        site = request.headers.first(b"sec-fetch-site")
        if site is not None:
            return site in (b"same-origin", b"none") or origin in self.trusted
        if origin is not None:
            host = request.headers.get("host") or ""
            return origin_allowed(origin, host, request.scheme, self.trusted)
        return True if request.upgrade is not None or not _has_credentials(request) else None


def refused(request: Request, error: CrossOriginRefused) -> CrossOriginRefused:
    """Return an error that was logged; what the client sent is shown as a literal, so that it forges no line."""
    client = request.client[0] if request.client else "a Unix socket"
    logger.warning(
        "%s %r from %s refused: %s %r",
        request.method,
        request.path[:200],
        client,
        error.code,
        error.got[:200],
    )
    return error


def _has_credentials(request: Request) -> bool:
    """Return whether the request carries what a browser adds by itself, whoever asked it to send it."""
    first = request.headers.first
    authorization = first(b"authorization")
    by_browser = authorization is not None and (
        authorization.partition(b" ")[0].lower() not in _PUT_THERE_BY_PROGRAMS
    )
    return by_browser or first(b"cookie") is not None


def origin_allowed(origin: str, host: str, scheme: str = "http", trusted: Collection[str] = ()) -> bool:
    """Return whether a page of ``origin`` is a page of ``host`` (the Host header), or trusted.

    The host and port must be equal (a default port counts as none). A page loaded over http may not reach an https
    ``scheme``; the other way round is what a server behind a TLS proxy sees. ``trusted`` holds whole origins such as
    ``https://app.example.com``.
    """
    if origin in trusted:
        return True
    try:
        page = urlsplit(origin)
        here = urlsplit(f"//{host}")
        default = _PORTS.get(page.scheme)
        return (
            bool(page.hostname)
            and page.hostname == here.hostname
            and default is not None
            and (page.port or default) == (here.port or default)
            and not (scheme in ("https", "wss") and page.scheme == "http")
        )
    except ValueError:  # a port or address that is none
        return False


def check_origins(origins: Iterable[str], what: str) -> None:
    """Raise ``ConfigurationError`` unless each is an origin as browsers write it: scheme, host, port if unusual."""
    for origin in origins:
        try:
            parts = urlsplit(origin)
            right = f"{parts.scheme}://{parts.netloc}"
            usual = parts.port == _PORTS.get(parts.scheme) and parts.port is not None
        except ValueError:
            right, usual, parts = "", False, urlsplit("")
        known = parts.hostname and parts.scheme and "*" not in origin and "@" not in origin
        if known and origin == right == origin.lower() and not usual:
            continue
        raise ConfigurationError(
            f"{origin!r} cannot be {what}.",
            expected="scheme and host in lower case, and the port unless it is the usual one, such as https://app.example.com",
            got=origin,
            fix=_mended(parts.scheme, parts.hostname or ""),
        )


def _mended(scheme: str, hostname: str) -> str:
    if not hostname or "*" in hostname:
        return "List each origin by its full name."
    return f"Write {scheme or 'https'}://{hostname}."
