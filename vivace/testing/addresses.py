"""Where a test request goes: scheme, host and target, resolved against the client's base URL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias, cast
from urllib.parse import quote, urlencode, urljoin, urlsplit

from vivace.errors.testing import ClientMisuse

Query: TypeAlias = "Mapping[str, Any] | Iterable[tuple[str, Any]] | str"

_TARGET_SAFE: Final = (
    "/%:=&?~+!$,;'@()*[]"  # what may stand in a target; % stays, so encoded text stays encoded
)
_PORTS: Final = {"http": 80, "https": 443}
_HTTP_SCHEMES: Final = {"ws": "http", "wss": "https"}


@dataclass(frozen=True, slots=True)
class Address:
    """A URL as a request needs it; ``host`` is the Host header, ``target`` is percent-encoded."""

    scheme: str
    host: str
    target: str

    @property
    def hostname(self) -> str:
        """The host without port, lower-case."""
        return (urlsplit(f"//{self.host}").hostname or "").lower()

    @property
    def port(self) -> int:
        """The port, from the scheme when the host has none."""
        return urlsplit(f"//{self.host}").port or _PORTS[self.scheme]

    @property
    def path(self) -> str:
        """The path of the target."""
        return self.target.partition("?")[0]

    @property
    def origin(self) -> str:
        """Scheme and host, as in the Origin header."""
        return f"{self.scheme}://{self.host}"

    @property
    def url(self) -> str:
        """The whole URL."""
        return f"{self.origin}{self.target}"

    def join(self, url: str, query: Query | None = None) -> Address:
        """Return the address of ``url`` as seen from here; ``query`` is added to its own. Fragments are dropped."""
        parts = urlsplit(urljoin(self.url, url))
        scheme = _HTTP_SCHEMES.get(parts.scheme, parts.scheme)
        if scheme not in _PORTS or not parts.netloc:
            raise ClientMisuse(
                "The test client cannot request this URL.",
                expected="a path, or an http, https, ws or wss URL",
                got=url,
            )
        queries = [text for text in (parts.query, encode_query(query)) if text]
        target = parts.path or "/"
        if queries:
            target = f"{target}?{'&'.join(queries)}"
        return Address(scheme, parts.netloc.rpartition("@")[2], quote(target, safe=_TARGET_SAFE))

    def secured(self) -> Address:
        """Return the same address over https."""
        return replace(self, scheme="https")


def encode_query(query: Query | None) -> str:
    """Return a query string; lists give repeated names, ``None`` values are left out."""
    if query is None or isinstance(query, str):
        return query or ""
    pairs: Any = cast("Any", query).items() if isinstance(query, Mapping) else query
    return urlencode([(name, value) for name, value in pairs if value is not None], doseq=True)
