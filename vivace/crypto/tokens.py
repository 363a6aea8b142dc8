"""What signed and encrypted tokens share: keys derived by purpose, base64url without padding, and a time stamp.

A key as configured is never used itself. ``derive`` makes a 32-byte key for one purpose and one salt, so a token
made for one use is worthless for another even where both have the same ``SECRET_KEY``::

    derived = HMAC-SHA256(key, "vivace." purpose "\\0" salt)

A time stamp is 48 bits of milliseconds since 1970, big-endian: 8 base64url characters.
"""

from __future__ import annotations

import hmac
from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Final, TypeAlias

from vivace.config.secret import Secret
from vivace.errors import BadSignature, InvalidKey, SignatureExpired

Key: TypeAlias = "str | bytes | Secret[str] | Secret[bytes]"
Clock: TypeAlias = Callable[[], float]

STAMP_BYTES: Final = 6
_TO_URL: Final = bytes.maketrans(
    b"+/", b"-_"
)  # what `base64` does around binascii takes longer than binascii
_FROM_URL: Final = bytes.maketrans(b"-_", b"+/")
_BLOCK: Final = 64  # bytes that SHA-256 takes at a time
_INNER: Final = bytes(byte ^ 0x36 for byte in range(256))
_OUTER: Final = bytes(byte ^ 0x5C for byte in range(256))
CLOCK_SKEW: Final = 300.0  # seconds that another machine's clock may be ahead of ours


def derive_all(keys: Sequence[Key], purpose: str, salt: str) -> tuple[bytes, ...]:
    """Return the derived 32-byte key of each key; raises ``InvalidKey`` when there is none or one is empty."""
    if isinstance(keys, (str, bytes)):
        raise InvalidKey(
            "One key was given where a sequence is needed.", expected='keys=["…"]', got="a string"
        )
    if not keys:
        raise InvalidKey(f"There is no key to derive from for {salt!r}.", fix="Set SECRET_KEY.")
    label = f"vivace.{purpose}\0{salt}".encode()
    return tuple(hmac.digest(_raw(key, salt), label, "sha256") for key in keys)


def _raw(key: Key, salt: str) -> bytes:
    value = key.reveal() if isinstance(key, Secret) else key
    if not value:
        raise InvalidKey(
            f"A key for {salt!r} is empty.", expected="32 or more random characters", fix="Set SECRET_KEY."
        )
    return value.encode() if isinstance(value, str) else value


class Mac:
    """HMAC-SHA256 (RFC 2104) under one key, whose two halves are hashed once.

    Measured for 90 bytes: 0.9 µs against 3.5 µs of ``hmac.digest``, of which OpenSSL looks for the algorithm most.
    """

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes) -> None:
        block = (key if len(key) <= _BLOCK else sha256(key).digest()).ljust(_BLOCK, b"\0")
        self._inner = sha256(block.translate(_INNER))
        self._outer = sha256(block.translate(_OUTER))

    def digest(self, message: bytes) -> bytes:
        """Return the 32 bytes that nobody without the key can make for ``message``."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(message)
        outer.update(inner.digest())
        return outer.digest()


def encode(raw: bytes) -> bytes:
    """Return base64url without padding (RFC 4648 section 5)."""
    return b2a_base64(raw, newline=False).translate(_TO_URL).rstrip(b"=")


def encode_stamped(raw: bytes, now: float) -> bytes:
    """Return ``encode(raw) "." encode(stamp(now))``; made in one, since each call costs more than its letters do."""
    stamped = int(now * 1000).to_bytes(STAMP_BYTES, "big")
    both = b2a_base64(raw, newline=False) + b"." + b2a_base64(stamped, newline=False)
    return both.translate(_TO_URL).replace(b"=", b"")


def decode(text: bytes) -> bytes:
    """Return the bytes of ``encode``; raises ``BadSignature`` unless ``text`` is exactly what ``encode`` makes."""
    try:
        raw = a2b_base64(text.translate(_FROM_URL) + b"=" * (-len(text) % 4))
    except Base64Error:
        raise bad_token() from None
    if encode(raw) != text:
        raise bad_token()
    return raw


def stamp(now: float) -> bytes:
    """Return the time stamp of ``now``, in seconds since 1970."""
    return int(now * 1000).to_bytes(STAMP_BYTES, "big")


def check_age(stamped: bytes, max_age: float | None, now: float) -> None:
    """Raise ``SignatureExpired`` when a stamp is older than ``max_age`` seconds, or lies in the future."""
    if max_age is None:
        return
    age = now - int.from_bytes(stamped, "big") / 1000
    if not -CLOCK_SKEW <= age <= max_age:
        raise SignatureExpired(
            "The token has expired.", expected=f"at most {max_age:g} seconds old", got=f"{age:.0f} seconds"
        )


def bad_token() -> BadSignature:
    """Return the one error for every way in which a token can be wrong: which way is nobody's business."""
    return BadSignature(
        "The token is not valid.",
        expected="an unchanged token, made with one of the current keys and the same salt",
        fix="After a key change keep the old key as a fallback until its tokens have expired.",
    )
