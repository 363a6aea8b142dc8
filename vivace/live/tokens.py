"""What a page says to be watched: signed, so that only pages that were shown can be asked for.

``token``: the address of a page, with the time (``crypto.signing``). It lets its holder have that page rendered again, with
the rights of the connection that asks; so it is no secret and no permission, and somebody else's is as good as one's own.
It expires, since whoever holds many could have many pages rendered.

``region``: the beginning of a MAC over address and name, in the id of a region that stands alone. Blocks of a page that it
does not show have names as well; those of which no page has shown the MAC cannot be asked for.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from vivace.crypto.signing import Signer
from vivace.crypto.tokens import Key, derive_all, encode
from vivace.http.request import SAFE_METHODS

if TYPE_CHECKING:
    from vivace.http.request import Request

MAX_AGE: Final = 1_209_600.0  # seconds; two weeks, as long as a session
_MAC: Final = 6  # characters: 36 bits, and each guess costs a message


class LiveTokens:
    """Signs for one app. ``answers_get(request)`` says whether the address of a request can be rendered by GET."""

    def __init__(
        self,
        keys: Sequence[Key],
        answers_get: Callable[[Request], bool],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._signer = Signer(keys, "live", clock=clock)
        self._key = derive_all(keys, "live.1", "region")[0]
        self._answers_get = answers_get

    def page(self, request: Request) -> str:
        """Return the token of a page, ``""`` where its address has no GET."""
        if request.method not in SAFE_METHODS and not self._answers_get(request):
            return ""
        return self._signer.sign(request.target)

    def target(self, token: str) -> str:
        """Return the address that a token is for; raises ``BadSignature`` and ``SignatureExpired``."""
        return self._signer.unsign(token, MAX_AGE).decode("utf-8", "surrogatepass")

    def region(self, target: str, name: str) -> str:
        """Return the part of an id that proves that a page shows a region which stands alone."""
        mac = hmac.digest(self._key, f"{target}\0{name}".encode("utf-8", "surrogatepass"), "sha256")
        return encode(mac)[:_MAC].decode()

    def is_of(self, target: str, region: str) -> bool:
        """Return whether an id was made for this page."""
        name, _, mac = region.partition(".")
        return hmac.compare_digest(self.region(target, name).encode(), mac.encode("utf-8", "surrogatepass"))


__all__ = ["MAX_AGE", "LiveTokens"]
