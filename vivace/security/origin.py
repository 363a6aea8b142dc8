"""Cross-site request forgery, stopped by what the browser itself says (``Sec-Fetch-Site``, ``Origin``).

The rule, in order, for unsafe methods and for WebSocket handshakes:

1. ``Sec-Fetch-Site: same-origin`` or ``none`` passes. Any other value needs a trusted ``Origin``.
2. Without it (browsers before 2023, and plain-HTTP pages): ``Origin``, when there is one, must be the host or trusted.
3. With neither: a request without cookies and credentials passes, for it is no browser's, or no one's in particular.
   Otherwise a token is needed.

Tokens come with the forms; until a ``token_valid`` is given, case 3 with cookies is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from vivace.errors import CrossOriginRefused
from vivace.http.request import SAFE_METHODS, Request


@dataclass(frozen=True, slots=True)
class SameOrigin:
    """Refuses (403) writes and sockets that another site's page started.

    ``trusted`` lists origins (``https://app.example.com``) that may; ``token_valid`` decides where browsers say nothing.
    """

    trusted: tuple[str, ...] = ()
    token_valid: Callable[[Request], bool] | None = None

    def check(self, request: Request) -> None:
        """Raise ``CrossOriginRefused`` (403) unless the request is safe, or comes from here or a trusted origin."""
        if request.method in SAFE_METHODS and request.headers.first(b"upgrade") is None:
            return
        origin = request.headers.get("origin")
        if not self._passes(request, origin):
            raise CrossOriginRefused(
                "This request was started by another site.",
                expected="a page of this site, or an origin listed as trusted",
                got=origin or "cookies without Origin, Sec-Fetch-Site or token",
                fix="Name the origin in VIVACE_TRUSTED_ORIGINS, or exempt the route: csrf=False.",
            )

    def _passes(self, request: Request, origin: str | None) -> bool:
        site = request.headers.first(b"sec-fetch-site")
        if site is not None:
            return site in (b"same-origin", b"none") or origin in self.trusted
        if origin is not None:
            return origin in self.trusted or self._is_host(origin, request)
        headers = request.headers
        if headers.first(b"cookie") is None and headers.first(b"authorization") is None:
            return True
        return self.token_valid is not None and self.token_valid(request)

    def _is_host(self, origin: str, request: Request) -> bool:
        host = request.headers.get("host", "")
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False
        return parts.netloc.lower() == (host or "").lower() and parts.scheme in ("http", "https")
