"""Who sends a request: ``Authorization: Token …``, signed with the app's ``SECRET_KEY``.

Nothing is stored. A token names the account and a fingerprint of its password, so a new password ends all tokens.
"""

from __future__ import annotations

from typing import Final

from vivace import Request
from vivace.auth import Backend
from vivace.crypto import Signer, constant_time_compare
from vivace.errors import BadSignature, SignatureExpired

from .errors import Refused
from .models import Account

MAX_AGE: Final = 30 * 24 * 3600.0


def make_token(request: Request, account: Account) -> str:
    """Return a token for an account."""
    return _signer(request).sign_object([account.pk, _fingerprint(account)])


class Tokens(Backend):
    """Tells accounts by their tokens, so that handlers take ``account: Account`` or ``reader: Account | None``."""

    async def identify(self, request: Request) -> Account | None:
        """Return whose token came; ``None`` where none came. Raises ``Refused`` (401) for one that is void."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "token":
            return None
        try:
            key, fingerprint = _signer(request).unsign_object(token, tuple[int, str], max_age=MAX_AGE)
        except (BadSignature, SignatureExpired) as error:
            raise Refused(401, {"token": "is invalid"}) from error
        account = await Account.objects.filter(pk=key, is_active=True).first()
        if account is None or not constant_time_compare(fingerprint, _fingerprint(account)):
            raise Refused(401, {"token": "is invalid"})
        return account


def _signer(request: Request) -> Signer:
    return Signer(request.secret_keys, "conduit.token")


def _fingerprint(account: Account) -> str:
    return account.get_session_auth_hash()[:16]
