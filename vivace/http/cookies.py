"""Cookies (RFC 6265bis): reading what browsers send, writing what they keep.

Reading never raises and is bounded. Several ``Cookie`` headers are one (HTTP/2 splits them, RFC 9113 section 8.2.3).
Of two cookies with one name **the first wins**, as in Node.js: browsers put the one with the longer path first, so
it is the closer one. (Django takes the last.) Three habits of other parsers are left out on purpose, because attackers
use them to pass a cookie of theirs as one of ours:

- only space and tab are stripped: with Unicode white space stripped, ``U+2000 __Host-sid`` becomes ``__Host-sid``;
- ``;`` always ends a cookie, also between quotes (with RFC 2109's quoting a cookie could swallow its neighbours);
- a piece without ``=`` is not a cookie: its text would become a name.

Values are percent-encoded where they must be (UTF-8), as ``encodeURIComponent`` in browsers does, and decoded the
same way; the quoted form that Django and Python's ``http.cookies`` write is read too. What cannot be decoded stays
as it came.

Writing is safe by default: ``HttpOnly``, ``SameSite=Lax``, ``Path=/`` and ``Secure``. Browsers count
``http://localhost`` as secure (Chrome, Firefox) and keep such cookies there; for those that do not, and for a phone
on the LAN, an app in debug mode calls ``relax_secure`` on what it sends over plain HTTP. In production nothing is
relaxed: who serves plain HTTP says ``secure=False``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Literal, TypedDict, Unpack, cast
from urllib.parse import quote, unquote_to_bytes

from vivace.errors import BadSignature, InvalidCookie, nearest

from .dates import format_http_date

if TYPE_CHECKING:
    from vivace.crypto.tokens import Key

    from .headers import MutableHeaders

MAX_COOKIES: Final = 300  # read from one request; browsers keep about 180 per site
MAX_BYTES: Final = 4096  # name and value together; browsers drop what is longer (RFC 6265bis section 5.6)
MAX_ATTRIBUTE_BYTES: Final = 1024

_NAME: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_COOKIE_OCTETS: Final = (
    "!#$&'()*+-./:<=>?@[]^_`{|}~"  # RFC 6265bis section 4.1.1 without %, which marks our encoding
)
_PLAIN: Final = (
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~-"  # of tokens: goes as it is
)
_QUOTED_PAIR: Final = re.compile(r"\\([0-3][0-7][0-7]|.)", re.DOTALL)
_ATTRIBUTE: Final = re.compile(r"[\x20-\x3a\x3c-\x7e]+")  # RFC 6265bis section 4.1.1: no CTLs, no semicolon
# compiled by re when first used: it costs 1 ms, and few cookies have a domain
_DOMAIN: Final = r"\.?[A-Za-z0-9](?:[A-Za-z0-9.\-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]"
_EPOCH: Final = "Thu, 01 Jan 1970 00:00:00 GMT"

# What a name promises (RFC 6265bis section 4.1.3); browsers compare prefixes without regard to case.
_PREFIXES: Final[dict[str, tuple[str, ...]]] = {
    "__host-http-": ("secure", "host", "http_only"),
    "__http-": ("secure", "http_only"),
    "__host-": ("secure", "host"),
    "__secure-": ("secure",),
}


class CookieOptions(TypedDict, total=False):
    """How a browser keeps a cookie; may be shared: ``response.set_cookie("a", "b", **STRICT)``."""

    max_age: int | timedelta | None  # None: until the browser closes
    expires: datetime | float | None  # seconds since 1970 or a datetime; max_age wins in browsers
    path: str  # "/"
    domain: str | None  # None: this host alone
    secure: bool  # True
    http_only: bool  # True: scripts cannot read it
    same_site: Literal["lax", "strict", "none"] | None  # "lax"
    partitioned: bool  # False; True: a separate jar for each top-level site (CHIPS)


_DEFAULTS: Final[CookieOptions] = {
    "max_age": None,
    "expires": None,
    "path": "/",
    "domain": None,
    "secure": True,
    "http_only": True,
    "same_site": "lax",
    "partitioned": False,
}


def parse_cookies(fields: Iterable[str]) -> dict[str, str]:
    """Return the cookies of all ``Cookie`` headers; never raises; reads at most ``MAX_COOKIES``."""
    cookies: dict[str, str] = {}
    text = ";".join(fields)
    as_it_is = text.isascii() and "%" not in text and '"' not in text  # so it mostly comes
    for piece in text.split(";", MAX_COOKIES)[:MAX_COOKIES]:
        name, equals, value = piece.partition("=")
        name = name.strip(" \t")
        if equals and name and name not in cookies:
            value = value.strip(" \t")
            cookies[name] = value if as_it_is else decode_value(value)
    return cookies


def decode_value(raw: str) -> str:
    """Return the text of a cookie value that came as latin-1: quotes, percent-encoding and UTF-8 undone."""
    quoted = len(raw) >= 2 and raw[0] == raw[-1] == '"'
    inner = _QUOTED_PAIR.sub(_unescaped, raw[1:-1]) if quoted else raw
    if "%" not in inner and inner.isascii():
        return inner
    try:
        return unquote_to_bytes(inner.encode("latin-1")).decode()
    except UnicodeError:
        return inner


def encode_value(value: str) -> str:
    """Return a value as it goes on the wire; raises ``InvalidCookie`` for text that is not Unicode (lone surrogates)."""
    try:
        return quote(value, safe=_COOKIE_OCTETS)
    except UnicodeEncodeError:
        raise InvalidCookie(
            "A cookie value cannot be sent.", expected="Unicode text", got=ascii(value[:80])
        ) from None


def format_cookie(name: str, value: str, **options: Unpack[CookieOptions]) -> str:
    """Return the value of a ``Set-Cookie`` header; raises ``InvalidCookie`` for what browsers would drop."""
    return _line(name, value, options)


def put_cookie(headers: MutableHeaders, name: str, value: str, **options: Unpack[CookieOptions]) -> None:
    """Add a ``Set-Cookie`` header; one for the same name, domain and path is replaced (RFC 6265 section 4.1.1)."""
    line, raw = _line(name, value, options).encode(), headers.raw
    for key, _ in raw:
        if key == b"set-cookie":
            identity = _identity(line)
            raw[:] = [pair for pair in raw if pair[0] != b"set-cookie" or _identity(pair[1]) != identity]
            break
    raw.append((b"set-cookie", line))  # all of it is checked: it is ASCII, and one line
    headers.index = None


def expire_cookie(headers: MutableHeaders, name: str, **options: Unpack[CookieOptions]) -> None:
    """Tell the browser to drop a cookie; ``path`` and ``domain`` must be those it was set with."""
    expired: CookieOptions = {**options, "max_age": 0, "expires": 0}
    put_cookie(headers, name, "", **expired)


def relax_secure(headers: MutableHeaders) -> None:
    """Drop ``Secure`` from the cookies set here: for an app in debug mode over plain HTTP, never in production.

    Cookies that browsers refuse without it keep it: prefixed names, ``SameSite=None``, ``Partitioned``.
    """
    raw = headers.raw
    raw[:] = [(key, _relaxed(value) if key == b"set-cookie" else value) for key, value in raw]
    headers.index = None


def sign_cookie(keys: Sequence[Key], name: str, value: str) -> str:
    """Return ``value`` signed for the cookie ``name``: it cannot be moved to another cookie."""
    from vivace.crypto.signing import Signer

    return Signer(keys, f"cookie.{name}").sign(value)


def unsign_cookie(keys: Sequence[Key], name: str, token: str, max_age: float | None = None) -> str | None:
    """Return the value of a signed cookie, ``None`` when it is forged, foreign or older than ``max_age`` seconds."""
    from vivace.crypto.signing import Signer

    try:
        return Signer(keys, f"cookie.{name}").unsign(token, max_age).decode()
    except (BadSignature, UnicodeDecodeError):
        return None


def encrypt_cookie(keys: Sequence[Key], name: str, value: str) -> str:
    """Return ``value`` encrypted for the cookie ``name``; needs the extra ``encryption``."""
    from vivace.crypto.encryption import Encryptor

    return Encryptor(keys, f"cookie.{name}").encrypt(value.encode())


def decrypt_cookie(keys: Sequence[Key], name: str, token: str, max_age: float | None = None) -> str | None:
    """Return the value of an encrypted cookie, ``None`` when it is forged, foreign or older than ``max_age`` seconds."""
    from vivace.crypto.encryption import Encryptor

    try:
        return Encryptor(keys, f"cookie.{name}").decrypt(token, max_age).decode()
    except (BadSignature, UnicodeDecodeError):
        return None


def _line(name: str, value: str, options: CookieOptions) -> str:
    is_plain = value.isascii() and not value.encode().translate(None, _PLAIN)  # as tokens are
    encoded = value if is_plain else encode_value(value)
    attributes = _all_attributes(name, tuple(options.items()))
    if len(name) + len(encoded) > MAX_BYTES:
        raise _too_large(name, len(name) + len(encoded))
    return f"{name}={encoded}; {attributes}"


@lru_cache(maxsize=64)  # a program has few kinds of cookies, and sets one in each answer with a form
def _all_attributes(name: str, given: tuple[tuple[str, Any], ...]) -> str:
    """Return what stands behind the value; raises ``InvalidCookie`` for what browsers would drop."""
    merged = _complete(cast("CookieOptions", dict(given)))
    _check_name(name)
    _check_promises(name, merged)
    return "; ".join(_attributes(name, merged))


def _complete(options: CookieOptions) -> CookieOptions:
    for name in options:
        if name not in _DEFAULTS:
            raise InvalidCookie(
                f"There is no cookie option {name!r}.",
                expected=", ".join(_DEFAULTS),
                got=name,
                fix=nearest(name, _DEFAULTS),
            )
    return {**_DEFAULTS, **options}


def _attributes(name: str, options: CookieOptions) -> Iterable[str]:
    age, expires = options.get("max_age"), options.get("expires")
    domain, same_site = options.get("domain"), options.get("same_site")
    if age is not None:
        seconds = age.total_seconds() if isinstance(age, timedelta) else age
        yield f"Max-Age={max(int(seconds), 0)}"
    if expires is not None:
        yield f"Expires={format_http_date(expires) if expires else _EPOCH}"
    yield f"Path={_attribute(name, 'path', options.get('path', '/'))}"
    if domain is not None:
        yield f"Domain={_domain(name, domain)}"
    if options.get("secure"):
        yield "Secure"
    if options.get("http_only"):
        yield "HttpOnly"
    if same_site is not None:
        yield f"SameSite={_same_site(name, same_site)}"
    if options.get("partitioned"):
        yield "Partitioned"


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise InvalidCookie(
            f"{name[:80]!r} is not a cookie name.",
            expected="letters, digits and !#$%&'*+-.^_`|~",
            got=repr(name[:80]),
        )


def _too_large(name: str, size: int) -> InvalidCookie:
    return InvalidCookie(
        f"The cookie {name!r} is too large: browsers drop it.",
        expected=f"at most {MAX_BYTES} bytes of name and encoded value",
        got=f"{size} bytes",
        fix="Keep the data on the server and put its id into the cookie.",
    )


def _check_promises(name: str, options: CookieOptions) -> None:
    """Refuse what browsers refuse: a name or attribute that promises what the other attributes do not keep."""
    promises = next((wanted for prefix, wanted in _PREFIXES.items() if name.lower().startswith(prefix)), ())
    whole_host = options.get("domain") is None and options.get("path") == "/"
    needs_secure = "secure" in promises or options.get("same_site") == "none" or options.get("partitioned")
    broken = [
        *(["secure=True"] if needs_secure and not options.get("secure") else []),
        *(["http_only=True"] if "http_only" in promises and not options.get("http_only") else []),
        *(["path='/' and no domain"] if "host" in promises and not whole_host else []),
    ]
    if broken:
        raise InvalidCookie(
            f"The cookie {name!r} would be dropped by browsers: its name or attributes promise more than it keeps.",
            expected=", ".join(broken),
            got=", ".join(f"{key}={options.get(key)!r}" for key in ("secure", "http_only", "path", "domain")),
            fix="Keep the promise, or use a name without that prefix.",
        )


def _attribute(cookie: str, attribute: str, value: str) -> str:
    if not _ATTRIBUTE.fullmatch(value) or len(value) > MAX_ATTRIBUTE_BYTES:
        raise InvalidCookie(
            f"The {attribute} of cookie {cookie!r} cannot be sent.",
            expected=f"1 to {MAX_ATTRIBUTE_BYTES} printable ASCII characters without a semicolon",
            got=repr(value[:80]),
        )
    return value


def _domain(cookie: str, domain: str) -> str:
    if not re.fullmatch(_DOMAIN, domain):
        raise InvalidCookie(
            f"The domain of cookie {cookie!r} cannot be sent.",
            expected="a host name, in ASCII",
            got=repr(domain[:80]),
        )
    return _attribute(cookie, "domain", domain.lstrip("."))


def _same_site(cookie: str, value: str) -> str:
    known = ("lax", "strict", "none")
    if value not in known:
        raise InvalidCookie(
            f"The same_site of cookie {cookie!r} is unknown.",
            expected=", ".join(known),
            got=repr(value),
            fix=nearest(value.lower(), known),
        )
    return value.title()


def _unescaped(match: re.Match[str]) -> str:
    code = match[1]
    return chr(int(code, 8)) if len(code) == 3 else code


def _identity(line: bytes) -> tuple[bytes, ...]:
    """Return what makes a cookie that cookie to a browser: name, domain and path."""
    pair, *attributes = line.split(b"; ")
    return (
        pair.partition(b"=")[0],
        *(part for part in attributes if part.startswith((b"Domain=", b"Path="))),
    )


def _relaxed(line: bytes) -> bytes:
    pair, *attributes = line.split(b"; ")
    bound = pair.lower().startswith(tuple(prefix.encode() for prefix in _PREFIXES))
    if bound or b"SameSite=None" in attributes or b"Partitioned" in attributes:
        return line
    return b"; ".join([pair, *(part for part in attributes if part != b"Secure")])
