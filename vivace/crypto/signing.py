"""Signed tokens: text that a client may carry and cannot change, with its age and with key rotation.

The construction, in full::

    key    = HMAC-SHA256(secret, "vivace.sign.1\\0" salt)
    body   = base64url(value) "." base64url(milliseconds since 1970, 48 bits big-endian)
    token  = body "." base64url(HMAC-SHA256(key, body))

base64url is without padding, so a token is letters, digits, ``-``, ``_`` and ``.``: it needs no quoting in a URL, a
cookie or a header. The MAC covers the text as sent and is compared as text, so there is exactly one spelling of
each token. It is signed, not encrypted: whoever holds the token can read the value.

Rotation: the first key signs, every key verifies. Put the new key first and keep the old ones until their tokens
have expired. All keys are tried, each in constant time; a key id would save 1 µs and tell which key was used.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Sequence
from typing import Any, TypeVar, overload

import msgspec

from .tokens import Clock, Key, Mac, bad_token, check_age, decode, derive_all, encode, encode_stamped

T = TypeVar("T")


class Signer:
    """Signs values and checks signed ones, for one purpose, which ``salt`` names.

    ``keys``: the first signs, all verify. ``clock`` returns seconds since 1970. Raises ``InvalidKey`` when there
    is no key or one is empty.
    """

    __slots__ = ("_clock", "_macs")

    def __init__(self, keys: Sequence[Key], salt: str, *, clock: Clock = time.time) -> None:
        self._macs = [Mac(key) for key in derive_all(keys, "sign.1", salt)]
        self._clock = clock

    def sign(self, value: str | bytes) -> str:
        """Return a token that holds ``value`` (text as UTF-8) and the time."""
        body = encode_stamped(value.encode() if isinstance(value, str) else value, self._clock())
        return (body + b"." + encode(self._macs[0].digest(body))).decode("ascii")

    def unsign(self, token: str | bytes, max_age: float | None = None) -> bytes:
        """Return the value of ``token``.

        Raises ``BadSignature`` when no key made it, ``SignatureExpired`` when it is older than ``max_age`` seconds.
        """
        value, stamped = self.opened(token)
        check_age(stamped, max_age, self._clock())
        return value

    def opened(self, token: str | bytes) -> tuple[bytes, bytes]:
        """Return the value of ``token`` and its time stamp, of whatever age it is; raises ``BadSignature``."""
        text = token.encode("utf-8", "surrogatepass") if isinstance(token, str) else token
        body, _, mac = text.rpartition(b".")
        if not any([hmac.compare_digest(encode(own.digest(body)), mac) for own in self._macs]):  # noqa: C419 - all are tried
            raise bad_token()
        value, _, stamped = body.partition(b".")
        return decode(value), decode(stamped)

    def sign_object(self, value: object) -> str:
        """Return a token that holds ``value`` as JSON: anything msgspec encodes."""
        return self.sign(msgspec.json.encode(value))

    @overload
    def unsign_object(self, token: str | bytes, *, max_age: float | None = None) -> Any: ...
    @overload
    def unsign_object(self, token: str | bytes, type: type[T], *, max_age: float | None = None) -> T: ...
    def unsign_object(self, token: str | bytes, type: Any = Any, *, max_age: float | None = None) -> Any:
        """Return the object of ``token``, decoded as ``type``.

        Raises as ``unsign`` does, and ``BadSignature`` when the object does not have that type: it was made by an
        older version of the program.
        """
        try:
            return msgspec.json.decode(self.unsign(token, max_age), type=type)
        except msgspec.DecodeError as error:
            raise bad_token() from error
