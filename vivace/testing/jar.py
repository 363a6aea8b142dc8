"""The cookies of the test client, kept and sent as a browser does (RFC 6265 section 5).

Not kept: the public-suffix list and the SameSite rules; the client is always on the app's own site.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from vivace.http.cookies import decode_value, encode_value
from vivace.http.dates import parse_http_date

from .addresses import Address


@dataclass(frozen=True, slots=True)
class StoredCookie:
    """A cookie in the jar; ``expires`` is seconds since 1970, ``None`` until the client ends."""

    name: str
    value: str
    domain: str
    path: str = "/"
    secure: bool = False
    host_only: bool = True
    http_only: bool = False
    expires: float | None = None

    def fits(self, address: Address) -> bool:
        """Return whether a request to ``address`` carries this cookie."""
        host = address.hostname
        in_domain = host == self.domain or (not self.host_only and host.endswith("." + self.domain))
        trusted = address.scheme == "https" or host in ("localhost", "127.0.0.1")  # as Chrome and Firefox do
        return in_domain and _path_matches(address.path, self.path) and (trusted or not self.secure)


class CookieJar:
    """The cookies of one client: ``jar["name"]``, ``jar.set(…)``, ``jar.delete("name")``, ``jar.clear()``."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._cookies: dict[tuple[str, str, str], StoredCookie] = {}

    def store(self, line: str, address: Address) -> None:
        """Take a ``Set-Cookie`` value that came from ``address``; what a browser ignores is ignored."""
        cookie = parse_set_cookie(line, address, self._clock())
        if cookie is not None:
            self._put(cookie)

    def header(self, address: Address) -> str:
        """Return the ``Cookie`` value for a request to ``address``, longest path first; ``""`` for none."""
        fitting = sorted((c for c in self if c.fits(address)), key=lambda cookie: -len(cookie.path))
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in fitting)

    def set(self, name: str, value: str, *, domain: str = "localhost", path: str = "/") -> None:
        """Put a cookie for ``domain`` and its subdomains into the jar."""
        self._put(StoredCookie(name, encode_value(value), domain, path, host_only=False))

    def get(self, name: str, default: str | None = None) -> str | None:
        """Return the decoded value of the first cookie of that name."""
        return next((decode_value(cookie.value) for cookie in self if cookie.name == name), default)

    def delete(self, name: str) -> None:
        """Remove every cookie of that name."""
        for cookie in [cookie for cookie in self if cookie.name == name]:
            self._remove(cookie)

    def clear(self) -> None:
        """Remove all cookies."""
        self._cookies.clear()

    def __getitem__(self, name: str) -> str:
        value = self.get(name)
        if value is None:
            raise KeyError(name)
        return value

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.get(name) is not None

    def __iter__(self) -> Iterator[StoredCookie]:
        now = self._clock()
        return iter([c for c in self._cookies.values() if c.expires is None or c.expires > now])

    def __len__(self) -> int:
        return len(list(iter(self)))

    def _put(self, cookie: StoredCookie) -> None:
        if cookie.expires is not None and cookie.expires <= self._clock():
            self._remove(cookie)
        else:
            self._cookies[cookie.domain, cookie.path, cookie.name] = cookie

    def _remove(self, cookie: StoredCookie) -> None:
        self._cookies.pop((cookie.domain, cookie.path, cookie.name), None)


def parse_set_cookie(line: str, address: Address, now: float) -> StoredCookie | None:
    """Return the cookie of a ``Set-Cookie`` value, or ``None`` when a browser would ignore it (section 5.3)."""
    pair, *rest = line.split(";")
    name, equals, value = (part.strip() for part in pair.partition("="))
    if not equals or not name:
        return None
    given = {key.strip().lower(): text.strip() for key, _, text in (part.partition("=") for part in rest)}
    domain = given.get("domain", "").lstrip(".").lower()
    if domain and address.hostname != domain and not address.hostname.endswith("." + domain):
        return None
    path = given.get("path", "")
    return StoredCookie(
        name,
        value,
        domain or address.hostname,
        path if path.startswith("/") else _default_path(address.path),
        secure="secure" in given,
        host_only=not domain,
        http_only="httponly" in given,
        expires=_expiry(given, now),
    )


def _expiry(given: dict[str, str], now: float) -> float | None:
    """Max-Age wins over Expires; junk counts as absent (sections 5.2.1 and 5.2.2)."""
    age = given.get("max-age", "")
    if age.removeprefix("-").isdigit():
        return now + int(age) if int(age) > 0 else 0.0
    moment = parse_http_date(given.get("expires"))
    return None if moment is None else moment.timestamp()


def _default_path(path: str) -> str:
    return path.rpartition("/")[0] or "/"


def _path_matches(path: str, cookie_path: str) -> bool:
    return path == cookie_path or path.startswith(cookie_path.rstrip("/") + "/")
