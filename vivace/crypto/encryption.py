"""Encrypted tokens: text that a client may carry and can neither read nor change. Needs the extra ``encryption``.

The construction, in full::

    key     = HMAC-SHA256(secret, "vivace.encrypt.1\\0" salt)
    seed    = 12 random bytes
    nonce   = 12 random bytes
    once    = HMAC-SHA256(key, seed)
    head    = seed nonce time                    (time: 48 bits of milliseconds since 1970, big-endian)
    token   = base64url(head AES-256-GCM(once, nonce, value, associated data = head))

Each token has its own AES key: with one key, 2^32 random 96-bit nonces are the most that NIST SP 800-38D section 8.3
allows, and a busy site writes that many session cookies. base64url is without padding.

Rotation: the first key encrypts, every key decrypts.
"""

from __future__ import annotations

import hmac
import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from vivace.errors import MissingExtra

from .tokens import STAMP_BYTES, Clock, Key, bad_token, check_age, decode, derive_all, encode, stamp

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SEED: Final = 12  # bytes
NONCE: Final = 12
HEAD: Final = SEED + NONCE + STAMP_BYTES
TAG: Final = 16


class Encryptor:
    """Encrypts values and decrypts them again, for one purpose, which ``salt`` names.

    ``keys``: the first encrypts, all decrypt. ``clock`` returns seconds since 1970. Raises ``InvalidKey`` when there
    is no key or one is empty; ``MissingExtra`` at first use without the ``cryptography`` package.
    """

    __slots__ = ("_clock", "_keys")

    def __init__(self, keys: Sequence[Key], salt: str, *, clock: Clock = time.time) -> None:
        self._keys = derive_all(keys, "encrypt.1", salt)
        self._clock = clock

    def encrypt(self, value: str | bytes) -> str:
        """Return a token that holds ``value`` (text as UTF-8) and the time; cookie- and URL-safe."""
        raw = value.encode() if isinstance(value, str) else value
        head = os.urandom(SEED + NONCE) + stamp(self._clock())
        cipher = _cipher(self._keys[0], head)
        return encode(head + cipher.encrypt(head[SEED : SEED + NONCE], raw, head)).decode("ascii")

    def decrypt(self, token: str | bytes, max_age: float | None = None) -> bytes:
        """Return the value of ``token``.

        Raises ``BadSignature`` when no key made it, ``SignatureExpired`` when it is older than ``max_age`` seconds.
        """
        sealed = decode(token.encode("utf-8", "surrogatepass") if isinstance(token, str) else token)
        if len(sealed) < HEAD + TAG:
            raise bad_token()
        value = self._open(sealed[:HEAD], sealed[HEAD:])
        check_age(sealed[SEED + NONCE : HEAD], max_age, self._clock())
        return value

    def _open(self, head: bytes, body: bytes) -> bytes:
        for key in self._keys:
            cipher = _cipher(key, head)
            from cryptography.exceptions import InvalidTag  # an extra; _cipher() has said so if it is missing

            try:
                return cipher.decrypt(head[SEED : SEED + NONCE], body, head)
            except InvalidTag:
                continue
        raise bad_token()


def _cipher(key: bytes, head: bytes) -> AESGCM:
    """Return AES-256-GCM under the key of one token."""
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # an extra, and 20 ms to import
    except ImportError:
        raise MissingExtra(
            "Encryption needs the package `cryptography`, which is not installed.",
            fix="pip install 'vivace[encryption]'",
        ) from None
    return AESGCM(hmac.digest(key, head[:SEED], "sha256"))
