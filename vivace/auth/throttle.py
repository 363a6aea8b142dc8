"""How often a login may be tried, so that nobody guesses one password after another, nor one password on all accounts.

| counted by | stops |
|---|---|
| account and address | guessing; its owner, who is elsewhere, still gets in |
| account | guessing from many addresses |
| address | one password on many accounts (password spray) |
| browser | guessing in a browser that the account was logged in from before (``knowndevices``); the others do not count there |

A try is counted before its password is looked at, so a hundred at once are a hundred; a right password takes back what the
account had. The account counts whether it exists or not: the answer tells nothing. What an address has tried stays counted
also when one of its passwords was right: spray has hits, too. A try that one limit refuses is not counted by those behind it.
"""

from __future__ import annotations

import logging
import unicodedata
from typing import Final, Literal

from vivace.config.settings import AuthSettings
from vivace.errors import LoginThrottled
from vivace.http.request import Request
from vivace.security.ratelimits import RateLimit, network_of
from vivace.security.rates import Verdict
from vivace.security.ratestores import FittingRates, RateStore

logger: Final = logging.getLogger("vivace.auth")
NO_LIMIT: Final = 0


def address_of(request: Request | None) -> str:
    """Return where a request came from; ``""``: from this machine, or from no request."""
    return request.client[0] if request is not None and request.client is not None else ""


class Throttle:
    """The limits of the settings; ``store`` counts in each worker (``"memory"``), for all of them (``"database"``), or as fits."""

    __slots__ = ("_account", "_address", "_device", "_pair", "store")

    def __init__(
        self, settings: AuthSettings, store: Literal["auto", "memory", "database"] | RateStore = "auto"
    ) -> None:
        window = max(1, round(settings.login_window))
        self.store: RateStore | Literal["memory", "database"] = FittingRates() if store == "auto" else store

        def limit(count: int, name: str) -> RateLimit | None:
            if count == NO_LIMIT:
                return None
            return RateLimit(f"{count} per {window} seconds", name=name, algorithm="window", store=self.store)

        self._pair = limit(settings.login_attempts, "login")
        self._device = limit(settings.login_attempts, "login-device")
        self._account = limit(settings.login_attempts_account, "login-account")
        self._address = limit(settings.login_attempts_address, "login-address")

    async def attempt(self, account: str, address: str, device: str = "") -> None:
        """Count a try; raises ``LoginThrottled`` (429) where there were too many. ``device`` names a known browser."""
        if device:
            await _take(self._device, device)
            return
        network, account = network_of(address) if address else "", folded(account)
        pair = f"{network} {account}"
        # An address that is stopped is told so first: what it sends costs nothing, and must not fill tables and memory.
        await _look(self._address, network)
        for limit, key in ((self._pair, pair), (self._account, account), (self._address, network)):
            await _take(limit, key)

    async def succeeded(self, account: str, address: str, device: str = "") -> None:
        """Forget the tries of an account whose owner came in; those of strangers stay counted for who is known."""
        if device:
            if self._device is not None:
                await self._device.reset(device)
            return
        network, account = network_of(address) if address else "", folded(account)
        for limit, key in ((self._pair, f"{network} {account}"), (self._account, account)):
            if limit is not None:
                await limit.reset(key)


async def _take(limit: RateLimit | None, key: str) -> None:
    if limit is not None and key and not (verdict := await limit.hit(key)).allowed:
        raise _refusal(limit, key, verdict)


async def _look(limit: RateLimit | None, key: str) -> None:
    if limit is not None and key and not (verdict := await limit.peek(key)).allowed:
        raise _refusal(limit, key, verdict)


def _refusal(limit: RateLimit, key: str, verdict: Verdict) -> LoginThrottled:
    logger.info("%s: refused %.200r for %.0f s", limit.name, key, verdict.retry_after)
    return LoginThrottled(
        "Too many logins have failed. Try again later.",
        headers={"retry-after": limit.fields(verdict)["retry-after"]},
        expected=f"at most {limit.rate.limit} in {limit.rate.seconds:g} s",
        fix="The limits are the settings auth.login_attempts, …_account, …_address and auth.login_window.",
    )


def folded(account: str) -> str:
    """Return one key for all spellings that some database may take for the same account.

    PostgreSQL's ``lower`` makes one i of U+0130, Python's two characters; a key of its own would mean tries of its own.
    """
    plain = unicodedata.normalize("NFKD", account).casefold()
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


__all__ = ["Throttle", "address_of", "folded"]
