"""Redirects: to a route by name, to a URL, or to a place that the client asked for.

A target without any of ``/ ? # : .`` is the name of a route; its URL is found when the response is prepared, by the
app. Everything else is a URL. What a browser does next depends on the status:

=========  ===============  ======  ==================================================================
permanent  preserve         status
=========  ===============  ======  ==================================================================
no         no               303     after an unsafe method: go there with GET
no         no               302     after a safe method
no         yes              307     go there with the same method and body
yes        no               301
yes        yes              308     the same method and body, from now on
=========  ===============  ======  ==================================================================

Text from outside must not choose the place: ``Redirect.safe`` takes only what stays on this site. It goes by what
browsers make of a text, not by what RFC 3986 calls a URL: they read ``\\`` as ``/``, drop tabs and newlines inside,
strip control characters around, and take ``https:evil.com`` for a host (WHATWG URL section 4.4). So whatever is not
plainly a path of ours, or an https URL of a host that was named, is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Final, Self
from urllib.parse import quote, urlsplit

from vivace.errors import UnsafeRedirect

from .request import SAFE_METHODS, Request
from .response import Response

STATUSES: Final = frozenset({301, 302, 303, 307, 308})
MAX_TARGET: Final = 4096  # characters of a target from outside

_OF_A_URL: Final = re.compile(r"[/?#:.]")
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):")
_URL_CHARACTERS: Final = "!#$%&'()*+,/:;=?@[]~"  # RFC 3986 section 2.2, and % because it is encoded already


class Redirect(Response):
    """Sends the client elsewhere: ``Redirect("board")`` to a route, ``Redirect("/books/")`` to a URL.

    ``permanent``: clients may remember it. ``preserve``: with the same method and body. ``status`` overrules both.
    Raises ``UnsafeRedirect`` for a scheme that is not http or https.
    """

    needs_prepare: bool = True
    content_type: str | None = None

    def __init__(
        self,
        target: str,
        *,
        permanent: bool = False,
        preserve: bool = False,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(b"", _status(permanent, preserve, status), headers)
        self.target = target
        self._by_method = status is None and not permanent and not preserve
        if not self.by_name:
            self._point_to(target)

    @classmethod
    def safe(cls, target: str | None, *, default: str, hosts: Collection[str] = ()) -> Self:
        """Redirect to ``target`` if it stays on this site, else to ``default`` (a URL or a route name).

        ``hosts`` may name more: ``"example.com"`` (https only) or a whole origin, ``"http://localhost:3000"``.
        """
        return cls(target if target is not None and is_safe_target(target, hosts) else default)

    @property
    def by_name(self) -> bool:
        """True when the target is the name of a route."""
        return bool(self.target) and not _OF_A_URL.search(self.target)

    async def prepare(self, request: Request) -> Response:
        """Find the URL of a named route and the status for the method; the app awaits this."""
        return self.resolve(request.method, lambda name: str(request.app.reverse(name)))

    def resolve(self, method: str, reverse: Callable[[str], str]) -> Response:
        """Set ``Location`` and the status for ``method``; ``reverse`` gives the URL of a route or raises its own error."""
        if self.by_name:
            self._point_to(reverse(self.target))
        if self._by_method:
            self.status = 302 if method in SAFE_METHODS else 303
        return self

    def _point_to(self, url: str) -> None:
        _check_scheme(url)
        self.headers.set("location", encode_url(url))


def encode_url(url: str) -> str:
    """Return ``url`` with everything percent-encoded that may not stand in a header; what is encoded already stays."""
    return quote(url, safe=_URL_CHARACTERS, errors="replace")


def is_safe_target(target: str, hosts: Collection[str] = ()) -> bool:
    """True for a path of this site (``/…`` or ``?…``), or an https URL whose host is among ``hosts``."""
    if not target or len(target) > MAX_TARGET or "\\" in target or not target.isprintable():
        return False
    if target.startswith(("/", "?")):
        return not target.startswith("//")
    return _origin(target) in {host if "://" in host else f"https://{host}" for host in map(str.lower, hosts)}


def _origin(target: str) -> str | None:
    """Return scheme, host and port of a plain http(s) URL in lower case; ``None`` for anything else."""
    try:
        parts = urlsplit(target)
        port = parts.port
    except ValueError:
        return None
    host = parts.netloc.lower()
    if parts.scheme not in ("http", "https") or not host.isascii() or set(host) & set("@%"):
        return None
    if not re.match(r"https?://[^/]", target, re.IGNORECASE):
        return None
    bare = host if port is None else host.rpartition(":")[0]
    default = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{bare}" if port in (None, default) else f"{parts.scheme}://{bare}:{port}"


def _status(permanent: bool, preserve: bool, status: int | None) -> int:
    if status is None:
        return {(False, False): 302, (False, True): 307, (True, False): 301, (True, True): 308}[
            permanent, preserve
        ]
    if status not in STATUSES:
        raise UnsafeRedirect(
            f"{status} is not the status of a redirect.",
            expected="301, 302, 303, 307 or 308",
            got=str(status),
        )
    return status


def _check_scheme(url: str) -> None:
    scheme = _SCHEME.match(url)
    if scheme and scheme[1].lower() not in ("http", "https"):
        raise UnsafeRedirect(
            f"A redirect to the scheme {scheme[1][:40]!r} is refused.",
            expected="a URL with http or https, a path, or the name of a route",
            got=repr(url[:80]),
            fix="A route name with ':' or '.' goes through app.reverse(…); other schemes need Response(status=302, …).",
        )
