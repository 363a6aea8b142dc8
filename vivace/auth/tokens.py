"""The tokens of links in mails: signed, for one purpose, valid for a time and for one use.

Nothing is stored. A token about an account holds the account's key and a *fingerprint* of what its use changes, so the use
itself makes it void, and so does everything else that should:

==========  =====================================  ==========================================================
purpose     fingerprint of                         void after
==========  =====================================  ==========================================================
``reset``   password, last login, address          a new password, a login, another address, ``auth.reset_age``
``email``   password, address                      a new password, another address, ``auth.confirm_age``
``signup``  nothing: there is no account yet       an account with the address, ``auth.confirm_age``
==========  =====================================  ==========================================================

The stored password has a salt of at least 128 random bits in it, so the fingerprint (96 bits of SHA-256) tells nothing
about it to whom the token was mailed.
"""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

import msgspec

from vivace.crypto import Signer
from vivace.crypto.compare import constant_time_compare
from vivace.crypto.tokens import Key
from vivace.errors import BadSignature, SignatureExpired

from .current import current_realm

Purpose: TypeAlias = Literal["reset", "email", "signup"]
_FINGERPRINTED: Final[Mapping[str, tuple[str, ...]]] = {
    "reset": ("password", "last_login", "email"),
    "email": ("password", "email"),
    "signup": (),
}
MAX_LENGTH: Final = 2_000  # characters; no token of ours is longer


class Claim(msgspec.Struct, frozen=True, array_like=True):
    """What a token says: whose it is, of which state, and the address that is to be confirmed."""

    user_id: str
    fingerprint: str
    email: str


def make_token(keys: Sequence[Key], purpose: Purpose, user: Any = None, email: str = "") -> str:
    """Return a token about ``user`` (none for ``signup``) and ``email``."""
    user_id = "" if user is None else str(user.pk)
    claim = Claim(user_id, "" if user is None else _fingerprint(purpose, user), email)
    return _signer(keys, purpose).sign_object(claim)


def read_token(keys: Sequence[Key], purpose: Purpose, token: str) -> Claim | None:
    """Return what a token says; ``None`` for one that is forged, too old, or for another purpose."""
    if not token or len(token) > MAX_LENGTH:
        return None
    try:
        return _signer(keys, purpose).unsign_object(token, Claim, max_age=age_of(purpose))
    except (BadSignature, SignatureExpired):
        return None


async def user_of_token(keys: Sequence[Key], purpose: Purpose, token: str) -> tuple[Any, str]:
    """Return the user and the address of a token; ``(None, "")`` for one that is void."""
    claim = read_token(keys, purpose, token)
    if claim is None:
        return None, ""
    realm = current_realm()
    user = await realm.user_model._base_manager.filter(pk=realm.key_of(claim.user_id)).first()
    if user is None or await user.refused():
        return None, ""
    if not constant_time_compare(claim.fingerprint, _fingerprint(purpose, user)):
        return None, ""
    return user, claim.email


def age_of(purpose: Purpose) -> float:
    """Return how long tokens of a purpose are valid, in seconds."""
    auth = current_realm().settings
    return auth.reset_age if purpose == "reset" else auth.confirm_age


def _signer(keys: Sequence[Key], purpose: Purpose) -> Signer:
    return Signer(keys, f"vivace.auth.{purpose}", clock=current_realm().clock)


def _fingerprint(purpose: Purpose, user: Any) -> str:
    state = "\0".join(_text(getattr(user, name, "")) for name in _FINGERPRINTED[purpose])
    return urlsafe_b64encode(hashlib.sha256(f"{purpose}\0{state}".encode()).digest()[:12]).decode()


def _text(value: Any) -> str:
    # a moment as its database has it: microseconds may be cut there, and the time zone may be another
    return str(int(value.timestamp())) if hasattr(value, "timestamp") else str(value or "")


__all__ = ["Claim", "Purpose", "age_of", "make_token", "read_token", "user_of_token"]
