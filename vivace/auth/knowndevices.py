"""Browsers in which somebody has logged in before, so that nobody can lock an account against its owner.

Guessing from many addresses is stopped by a limit of the account, and whoever spends that limit on purpose keeps its owner
out. So who logs in leaves a cookie behind (OWASP, "Slow Down Online Guessing Attacks with Device Cookies"): tries of the same
account from that browser are counted for the browser alone. Strangers run into the limit of the account, the owner does not.

The cookie is signed, and good for one account, whose name is in it as a hash; it proves nothing else, and logging out leaves
it. Whoever steals one has the few tries of one browser.
"""

from __future__ import annotations

import os
from hashlib import sha256
from typing import Final

from vivace.crypto.compare import constant_time_compare
from vivace.crypto.signing import Signer
from vivace.errors import BadSignature
from vivace.http.request import Request
from vivace.http.response import Response

MAX_AGE: Final = 15_552_000  # seconds; 180 days since the last login
_BYTES: Final = 16  # of what names the browser, and as many of the account's hash


def known_device(request: Request | None, account: str) -> str:
    """Return what names this browser where the account was logged in before; ``""``: it is unknown."""
    cookie = request.cookies.get(_name(request)) if request is not None else None
    if request is None or not cookie or not account or not request.secret_keys:
        return ""
    try:
        value = _signer(request).unsign(cookie, MAX_AGE)
    except BadSignature:
        return ""
    return value[:_BYTES].hex() if constant_time_compare(value[_BYTES:], _hash(account)) else ""


def remember_device(request: Request, account: str) -> None:
    """Have the answer say that the account was logged in from here: each login gives the browser another name."""
    if not account or request.head_made or not request.secret_keys:
        return
    value = _signer(request).sign(os.urandom(_BYTES) + _hash(account))

    def amend(response: Response) -> None:
        secure = request.scheme == "https"
        response.set_cookie(_name(request), value, max_age=MAX_AGE, secure=secure)

    request.amend(amend)


def _signer(request: Request) -> Signer:
    return Signer(request.secret_keys, "vivace.auth.device")


def _hash(account: str) -> bytes:
    return sha256(account.encode("utf-8", "surrogatepass")).digest()[:_BYTES]


def _name(request: Request) -> str:
    return "__Host-device" if request.scheme == "https" else "device"


__all__ = ["known_device", "remember_device"]
