"""Rate limits: for a route, a router or an app as a guard or before hook, for sockets, and as a plain call.

    limit = RateLimit("100/minute")

    @app.get("/search", guards=[limit])          # one client 100 times a minute, else 429
    App(before=[limit])                          # everything the app answers, handshakes too
    await RateLimit("5/hour", name="sms").require(phone)
    async for message in limit.messages(socket): …

Responses say what is left: ``RateLimit-Policy`` and ``RateLimit`` (draft-ietf-httpapi-ratelimit-headers-11),
``Retry-After`` where it was refused.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import math
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final, Literal, TypeAlias

from vivace.errors import ConfigurationError, RateLimited
from vivace.http.request import Request
from vivace.http.response import Response
from vivace.http.websocket import WebSocket

from .rates import Algorithm, Rate, Verdict, parse_rate
from .ratestores import DatabaseRates, MemoryRates, RateStore, short_key

Key: TypeAlias = Callable[[Request], "str | Awaitable[str | None] | None"]
OnExcess: TypeAlias = Literal["close", "drop", "wait"]

logger = logging.getLogger("vivace.security")
_NAME: Final = re.compile(
    r"[!#-\[\]-~]+"
)  # what a quoted string of a structured field may have, without escapes
_POLICY_VIOLATION: Final = 1008  # RFC 6455 section 7.4.1


def by_address(request: Request) -> str:
    """Return the client's address; of IPv6 the network (/64), which one subscriber has whole (RFC 6177)."""
    address = request.client[0] if request.client is not None else "local"
    return network_of(address)


def network_of(address: str) -> str:
    """Return what one client has: an IPv4 address (in whatever spelling), the /64 of an IPv6 address."""
    if ":" not in address:
        return address
    from ipaddress import IPv6Address, ip_network  # 5 ms, and most addresses are of the other kind

    try:
        parsed = IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    inner = parsed.ipv4_mapped
    return str(inner) if inner is not None else str(ip_network((int(parsed) >> 64 << 64, 64)))


async def by_user(request: Request) -> str:
    """Return who is logged in, else the address."""
    user: Any = await request.user()
    key = getattr(user, "pk", None)
    return by_address(request) if key is None else f"user {key}"


def by_header(name: str) -> Key:
    """Return a key that is the value of a header (an API key), else the address."""

    def key(request: Request) -> str:
        value = request.headers.get(name)
        return by_address(request) if value is None else f"{name} {value}"

    return key


_KEYS: Final[Mapping[str, Key]] = {"address": by_address, "user": by_user}


class RateLimit:
    """Allows ``rate`` (``"100/minute"``, ``"10 per 15 minutes"``) for each key; more is 429 with ``Retry-After``.

    ``key``: ``"address"`` (of IPv6 the /64), ``"user"`` (else the address), ``"header:x-api-key"``, or a function of the
    request, plain or async; ``None`` from it lets the request pass. ``algorithm``: ``"bucket"`` lets the whole limit be
    spent at once after a pause, ``"window"`` never allows more in any span of that length. ``store``: ``"memory"`` counts in
    each worker, ``"database"`` for all of them. ``name`` tells limits apart in stores and headers; limits of one name
    and store share their counts. ``cost`` is how many units a request takes. Raises ``ConfigurationError``.
    """

    def __init__(
        self,
        rate: str,
        *,
        key: str | Key = "address",
        name: str = "",
        algorithm: Algorithm = "bucket",
        store: Literal["memory", "database"] | RateStore = "memory",
        cost: int = 1,
    ) -> None:
        self.rate: Rate = parse_rate(rate, algorithm)
        self.name = name or re.sub(r"\s+", "-", rate.strip())
        self.store: RateStore = _store(store)
        self.cost = cost
        self._key = _key(key)
        if not _NAME.fullmatch(self.name):
            raise ConfigurationError(
                f"{self.name!r} cannot name a rate limit.",
                expected="visible ASCII without quotes and backslashes",
                got=self.name,
            )

    async def __call__(self, request: Request) -> None:
        """Count a request, as a guard or a before hook; raises ``RateLimited`` (429).

        A page that is rendered again for its live regions is no request: it does not count.
        """
        if request.is_rerender:
            return
        key = await self.key_of(request)
        if key is None:
            return
        verdict = await self.hit(key, self.cost)
        if not verdict.allowed:
            raise self._refused(key, verdict)
        request.amend(lambda response: self.tell(response, verdict))

    async def key_of(self, request: Request) -> str | None:
        """Return whom a request is counted for."""
        key = self._key(request)
        return await key if inspect.isawaitable(key) else key

    async def hit(self, key: str, cost: int = 1) -> Verdict:
        """Take ``cost`` units of a key, if there are so many; the verdict says."""
        if cost > self.rate.limit:
            return Verdict(False, self.rate.limit, 0, self.rate.seconds, self.rate.seconds)
        return await self.store.hit(short_key(self.name, key), self.rate, cost)

    async def peek(self, key: str, cost: int = 1) -> Verdict:
        """Say what ``hit`` would, and take nothing."""
        return await self.store.peek(short_key(self.name, key), self.rate, cost)

    async def require(self, key: str, cost: int = 1) -> Verdict:
        """Take ``cost`` units of a key; raises ``RateLimited`` (429) when there are not so many."""
        verdict = await self.hit(key, cost)
        if not verdict.allowed:
            raise self._refused(key, verdict)
        return verdict

    async def reset(self, key: str) -> None:
        """Give a key all its units back: after a login that succeeded, for one."""
        await self.store.reset(short_key(self.name, key))

    async def messages(self, socket: WebSocket, on_excess: OnExcess = "close") -> AsyncIterator[str | bytes]:
        """Yield the messages of a socket as far as they are allowed: ``async for message in limit.messages(socket)``.

        What goes beyond closes the socket (1008), is dropped, or waits: then nothing is read meanwhile, and the client
        is slowed down to the rate.
        """
        key = await self.key_of(socket.request)
        async for message in socket:
            verdict = await self.hit(key, self.cost) if key is not None else None
            while verdict is not None and not verdict.allowed and on_excess == "wait":
                await asyncio.sleep(verdict.retry_after)
                verdict = await self.hit(key or "", self.cost)
            if verdict is None or verdict.allowed:
                yield message
            elif on_excess == "close":
                logger.info("%s: too many messages of %r", self.name, key)
                await socket.close(_POLICY_VIOLATION, "too many messages")
                return

    def fields(self, verdict: Verdict) -> dict[str, str]:
        """Return the header fields that tell a client of a verdict."""
        window = max(1, math.ceil(self.rate.seconds))
        soon = verdict.reset if verdict.allowed else verdict.retry_after
        fields = {
            "ratelimit-policy": f'"{self.name}";q={self.rate.limit};w={window}',
            "ratelimit": f'"{self.name}";r={verdict.remaining};t={math.ceil(soon)}',
        }
        if not verdict.allowed:
            fields["retry-after"] = str(max(1, math.ceil(verdict.retry_after)))
        return fields

    def tell(self, response: Response, verdict: Verdict) -> None:
        """Add what is left to a response, beside what other limits say."""
        for name, value in self.fields(verdict).items():
            response.headers.add(name, value)

    def _refused(self, key: str, verdict: Verdict) -> RateLimited:
        logger.info("%s: refused %r for %.0f s", self.name, key[:200], verdict.retry_after)
        wait = max(1, math.ceil(verdict.retry_after))
        return RateLimited(
            f"You have asked too often. Try again in {wait} s.",
            violated=(self.name,),
            headers=self.fields(verdict),
            expected=f"at most {self.rate.limit} in {self.rate.seconds:g} s",
        )

    def __repr__(self) -> str:
        return f"<RateLimit {self.name}: {self.rate.limit} in {self.rate.seconds:g} s>"


def _store(store: Literal["memory", "database"] | RateStore) -> RateStore:
    if isinstance(store, str):
        return MemoryRates() if store == "memory" else DatabaseRates()
    return store


def _key(key: str | Key) -> Key:
    if not isinstance(key, str):
        return key
    if key.startswith("header:") and key.removeprefix("header:"):
        return by_header(key.removeprefix("header:"))
    found = _KEYS.get(key)
    if found is None:
        raise ConfigurationError(
            f"{key!r} is not what requests can be counted by.",
            expected="address, user, header:name, or a function of the request",
            got=key,
        )
    return found


__all__ = ["Key", "RateLimit", "by_address", "by_header", "by_user", "network_of"]
