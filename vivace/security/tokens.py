"""CSRF tokens: what decides about a write when the browser says nothing of the page that started it.

A signed double-submit cookie. The browser keeps a random secret in a cookie that no script can read; each form shows
the same secret under a fresh mask; another site can make the browser send the cookie, and cannot read the form::

    secret = 16 random bytes
    bound  = first 16 bytes of SHA-256(session key), zeros without a session
    cookie = sign(secret bound day)                     ``Signer`` with the salt "csrf": MAC, time, key rotation
    token  = base64url(mask  mask XOR secret)           16 random bytes of mask for each: BREACH sees no repetition

The signature keeps others from planting a secret they know (from a sister domain, or over plain http); the prefix
``__Host-`` keeps the cookie itself from being planted over https. The bound session makes a stolen pair of cookie and
token worthless in any other session: after a login, for one, which also drops the cookie (``rotate_csrf``).

The cookie is set only where a token was written into a page. It lives ``MAX_AGE`` and is renewed, with the same
secret, the day after: open tabs stay valid.
"""

from __future__ import annotations

import hmac
import os
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, NamedTuple

from vivace.crypto.signing import Signer
from vivace.crypto.tokens import Key, check_age, decode, encode
from vivace.errors import BadRequest, BadSignature, CSRFTokenRefused, SignatureExpired
from vivace.http.bodies import TOKEN_FIELD, URLENCODED
from vivace.http.cookies import put_cookie
from vivace.http.forms import parse_urlencoded
from vivace.http.headers import PERSONAL, MutableHeaders
from vivace.http.request import Request
from vivace.http.response import Response

from .origin import refused

HEADER: Final = b"x-csrf-token"
MAX_AGE: Final = 1_209_600  # seconds; two weeks, as long as a session
_DAY: Final = 86_400  # seconds
_BYTES: Final = 16
_NO_SESSION: Final = "00" * _BYTES
_KNOWN: Final = 1_024  # cookies whose signature was good; half a megabyte
_STATE: Final = "vivace.csrf"
_FORGOTTEN: Final = "vivace.csrf.rotated"
_NAMES: Final = ("csrf", "__Host-csrf")  # of the cookie: over http, over https


def csrf_token(request: Request) -> str:
    """Return a token for a form or a script of this page, and have the response set the cookie it belongs to.

    It goes into a hidden field named ``csrfmiddlewaretoken`` or a header ``X-CSRF-Token``. Each call gives another text;
    all are valid. The page becomes private to its reader. Raises ``InvalidKey`` for an app without a secret key.
    """
    if request.is_rerender:
        return ""  # the page that is open has one
    state = request.state
    secret: bytes | None = state.get(_STATE)
    if secret is None:
        secret, fresh = _secret_for(request, state)
        state[_STATE] = secret
        request.amend(_set_cookie(request, secret) if fresh else _vary)
    mask = os.urandom(_BYTES)
    return encode(mask + _xor(mask, secret)).decode()


def rotate_csrf(request: Request) -> None:
    """Make all tokens of pages that are open now worthless: for who logs in or out. The cookie is dropped or replaced."""
    request.state[_FORGOTTEN] = True
    request.state.pop(_STATE, None)
    if _cookie_name(request) in request.cookies:
        request.amend(_drop_cookie(request))


async def require_token(request: Request) -> None:
    """Raise ``CSRFTokenRefused`` (403) unless the request carries the token of a page of this visitor.

    It is looked for in ``X-CSRF-Token``, then in a url-encoded body within the body limit, which is read for it. A
    multipart body is not: it may be large, and its form sends the header.
    """
    kept, wrong = _kept(request)
    if kept is None:
        raise _refusal(request, wrong)
    given = request.headers.first(HEADER)
    if given is None:
        given = await _from_form(request)
    if given is None:
        raise _refusal(request, "no token in X-CSRF-Token or a url-encoded form")
    if not matches(given, kept.secret):
        raise _refusal(request, "a token that is not of this visitor")


def _secret_for(request: Request, state: dict[str, Any]) -> tuple[bytes, bool]:
    """Return the secret of this browser and whether the cookie has to be set."""
    kept = None if _FORGOTTEN in state else _kept(request)[0]
    if kept is None:
        return os.urandom(_BYTES), True
    return kept.secret, kept.day != time.time() // _DAY


def _kept(request: Request) -> tuple[_Kept | None, str]:
    """Return what is in the cookie of this request; else ``None`` and what is wrong with it."""
    cookie = request.cookies.get(_cookie_name(request))
    if cookie is None:
        return None, "no cookie"
    try:
        kept = _opened(tuple(request.secret_keys), cookie)
        check_age(kept.stamped, MAX_AGE, time.time())
    except SignatureExpired:
        return None, "an expired cookie"
    except BadSignature:
        return None, "a cookie that we did not sign"
    if not hmac.compare_digest(kept.bound, _bound(request)):
        return None, "a cookie of another session"
    return kept, ""


def matches(given: bytes, secret: bytes) -> bool:
    """Return whether a token, as it was sent, shows this secret."""
    try:
        raw = decode(given)
    except BadSignature:
        return False
    return len(raw) == 2 * _BYTES and hmac.compare_digest(_xor(raw[:_BYTES], raw[_BYTES:]), secret)


def _xor(left: bytes, right: bytes) -> bytes:
    return (int.from_bytes(left, "big") ^ int.from_bytes(right, "big")).to_bytes(_BYTES, "big")


async def _from_form(request: Request) -> bytes | None:
    """Return the token in a url-encoded body, which stays readable for whoever answers."""
    if request.content_type != URLENCODED or request.content_coding != "identity":
        return None
    body = await request.body()
    request.set_body(body)  # it may have been a stream that is empty now
    if TOKEN_FIELD.encode() not in body:
        return None
    try:
        pairs = dict(parse_urlencoded(body, request.bodies.limits.form_fields))
    except BadRequest:
        return None
    token = pairs.get(TOKEN_FIELD)
    return token.encode("utf-8", "replace") if token is not None else None


def _set_cookie(request: Request, secret: bytes) -> Callable[[Response], None]:
    def amend(response: Response) -> None:
        day = int(time.time() // _DAY).to_bytes(4, "big")
        value = _signer(tuple(request.secret_keys)).sign(secret + bytes.fromhex(_bound(request)) + day)
        secure, headers = _is_secure(request), response.headers
        put_cookie(headers, _NAMES[secure], value, max_age=MAX_AGE, secure=secure)
        _keep_to_reader(headers)

    return amend


def _drop_cookie(request: Request) -> Callable[[Response], None]:
    def amend(response: Response) -> None:
        if _STATE not in request.state:  # else a page of this very response has a new one
            response.delete_cookie(_cookie_name(request), secure=_is_secure(request))

    return amend


def _vary(response: Response) -> None:
    _keep_to_reader(response.headers)


def _keep_to_reader(headers: MutableHeaders) -> None:
    vary, private = PERSONAL
    if vary not in headers.raw or private not in headers.raw:  # else the session's own hook has said it
        headers.vary("Cookie")
        headers.keep_private()


def _cookie_name(request: Request) -> str:
    return _NAMES[_is_secure(request)]


def _is_secure(request: Request) -> bool:
    return request.scheme == "https"


@lru_cache(maxsize=16)  # apps of one process; a key is derived in 4 µs
def _signer(keys: tuple[Key, ...]) -> Signer:
    return Signer(keys, "csrf")


class _Kept(NamedTuple):
    """What a cookie says."""

    secret: bytes
    bound: str  # in hexadecimal, as ``_bound`` returns it
    day: int  # on which it was set; -1: it does not say
    stamped: bytes


@lru_cache(maxsize=_KNOWN)
def _opened(keys: tuple[Key, ...], cookie: str) -> _Kept:
    """Return what a cookie says, of whatever age it is; raises ``BadSignature``.

    A browser sends the same one with each page for a day: to check its signature took 16 µs of a page of 150 (measured,
    between two waits for a database).
    """
    value, stamped = _signer(keys).opened(cookie)
    secret, bound, day = value[:_BYTES], value[_BYTES : 2 * _BYTES], value[2 * _BYTES :]
    return _Kept(secret, bound.hex(), int.from_bytes(day, "big") if day else -1, stamped)


def _bound(request: Request) -> str:
    """Return the session that tokens of this request belong to; the app's auth says which that is."""
    find: Callable[[Request], str | None] | None = getattr(request.app, "session_id", None)
    digest = find(request) if find is not None else None
    return digest[: 2 * _BYTES] if digest else _NO_SESSION


def _refusal(request: Request, got: str) -> CSRFTokenRefused:
    error = CSRFTokenRefused(
        "This page can no longer be sent: it is too old, or was opened before you logged in. Load it again, and send it "
        "once more.",
        expected="the token of a page of this site: {% csrf_token %} in the form, or the header X-CSRF-Token",
        got=got,
        fix="Scripts send csrf_token(request) as X-CSRF-Token; a webhook's route says csrf=False.",
    )
    refused(request, error)
    return error


__all__ = ["HEADER", "MAX_AGE", "csrf_token", "require_token", "rotate_csrf"]
