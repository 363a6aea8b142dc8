"""A client for Valkey and Redis: one connection for all tasks of a loop, opened when first used, and again when lost.

::

    client = ValkeyClient(valkey_options("valkey://localhost:6379/0"))
    await client.call("SET", "key", b"value", "PX", 1000)
    await client.call("GET", "key")                  # b"value"; None when it is not there
    await client.run(SCRIPT, ["key"], [1, "two"])    # SCRIPT = script("return redis.call('GET', KEYS[1])")
    await client.close()

Values are ``bytes``; what the server says as map, double, boolean or null comes as dict, float, bool or ``None``.

- ``call`` returns an awaitable that is already under way: calls of the same turn of the loop travel together, in order.
- A refusal by the server is ``ValkeyError``, whose ``reply`` is the code it begins with (``WRONGTYPE``, ``OOM``).
- No server, a lost connection, no answer for ``options.timeout``: ``ValkeyUnavailable`` (503). The next call connects
  again; after a failure there are pauses (``BACKOFF``) in which calls fail at once. Nothing is ever sent twice.
- A client is used on one loop; on another it forgets the connection of the first.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from hashlib import sha1
from typing import Any, Final

import msgspec

from vivace.errors import ValkeyError, ValkeyUnavailable

from .options import ValkeyOptions, valkey_options
from .wire import TICKS, Wire, Word

BACKOFF: Final = (0.05, 0.1, 0.2, 0.4, 0.8, 1.0)
"""Seconds until connecting is tried again; the last one repeats."""


class Script(msgspec.Struct, frozen=True):
    """A Lua script, and the digest by which a server knows it."""

    text: str
    digest: str


def script(text: str) -> Script:
    """Return a script for ``ValkeyClient.run``."""
    return Script(text, sha1(text.encode(), usedforsecurity=False).hexdigest())


class ValkeyClient:
    """Speaks with one server; see the module.

    ``on_push(kind, values)`` gets messages of subscriptions, ``on_lost()`` is told that a connection ended which nobody
    closed. With ``lazy=False`` only ``connect`` opens connections: calls without one fail. ``clock`` is in seconds.
    """

    def __init__(
        self,
        options: ValkeyOptions,
        *,
        on_push: Callable[[bytes, list[Any]], None] | None = None,
        on_lost: Callable[[], None] | None = None,
        lazy: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.options = options
        self._on_push = on_push
        self._on_lost = on_lost
        self._lazy = lazy
        self._clock = clock
        self._wire: Wire | None = None
        self._connecting: asyncio.Task[Wire] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._failures = 0
        self._retry_at = 0.0
        self._refusal: ValkeyUnavailable | None = None

    def __repr__(self) -> str:
        return f"<ValkeyClient {self.options.address}>"

    @property
    def connected(self) -> bool:
        """Whether a connection is open."""
        return self._wire is not None

    # -- calls ----------------------------------------------------------------------------------------------------

    def call(self, *words: Word) -> asyncio.Future[Any]:
        """Send a command and return the future of its reply. Raises ``ValkeyError`` and ``ValkeyUnavailable``."""
        wire = self._wire
        if wire is not None and wire.open and wire.loop is asyncio.get_running_loop():
            return wire.send(words)
        return asyncio.ensure_future(self._later(words))

    async def run(self, script: Script, keys: Sequence[Word] = (), args: Sequence[Word] = ()) -> Any:
        """Run a script; the server learns it the first time."""
        try:
            return await self.call(b"EVALSHA", script.digest, len(keys), *keys, *args)
        except ValkeyError as error:
            if error.reply != "NOSCRIPT":
                raise
        return await self.call(b"EVAL", script.text, len(keys), *keys, *args)

    async def _later(self, words: tuple[Word, ...]) -> Any:
        wire = await self._ready(lazy=self._lazy)
        while not wire.open:
            await wire.writable()
            wire = await self._ready(lazy=self._lazy)
        return await wire.send(words)

    # -- the connection -------------------------------------------------------------------------------------------

    async def connect(self) -> None:
        """Open the connection if there is none, without regard to pauses. Raises ``ValkeyUnavailable``."""
        self._refusal = None
        await self._ready(lazy=True)

    async def close(self) -> None:
        """Close the connection after what was sent on it is answered; a later call opens a new one."""
        connecting, self._connecting = self._connecting, None
        if connecting is not None:
            connecting.cancel()
            await asyncio.wait([connecting])
        wire = self._wire
        if wire is not None and wire.loop is asyncio.get_running_loop():
            with suppress(ValkeyError, ValkeyUnavailable, TimeoutError):
                async with asyncio.timeout(self.options.timeout):
                    await wire.send((b"PING",))
        self.abort()

    def abort(self) -> None:
        """Close the connection at once; what waits for an answer fails."""
        wire, self._wire = self._wire, None
        self._stop_ticking()
        if wire is not None:
            with suppress(RuntimeError):  # its loop is closed
                wire.abort()

    async def _ready(self, *, lazy: bool) -> Wire:
        loop = asyncio.get_running_loop()
        if self._wire is not None:
            if self._wire.loop is loop:
                return self._wire
            self.abort()
        if not lazy:
            raise ValkeyUnavailable(f"There is no connection to Valkey at {self.options.address}.")
        if self._refusal is not None and self._clock() < self._retry_at:
            raise self._again(self._refusal)
        task = self._connecting
        if task is None or task.get_loop() is not loop:
            task = self._connecting = loop.create_task(self._connect(), name="connect to Valkey")
            task.add_done_callback(self._connected)
        try:
            return await asyncio.shield(task)
        except ValkeyUnavailable as error:
            raise self._again(error) from None

    def _again(self, error: ValkeyUnavailable) -> ValkeyUnavailable:
        # each caller gets its own: a traceback grows with every raise
        return ValkeyUnavailable(error.what, got=error.got, fix=error.fix)

    def _connected(self, task: asyncio.Task[Wire]) -> None:
        if self._connecting is task:
            self._connecting = None
        if task.cancelled():
            return
        error = task.exception()
        if isinstance(error, ValkeyUnavailable):
            self._refusal = error
            self._retry_at = self._clock() + BACKOFF[min(self._failures, len(BACKOFF) - 1)]
            self._failures += 1
        elif error is None:
            self._failures, self._refusal = 0, None

    async def _connect(self) -> Wire:
        wire = Wire(self.options.address, self._pushed, self._lost)
        try:
            async with asyncio.timeout(self.options.connect_timeout):
                await self._open(wire)
                await self._greet(wire)
        except (ValkeyError, ValkeyUnavailable, OSError, TimeoutError) as error:
            wire.abort()
            raise unreachable(error, self.options) from None
        except BaseException:
            wire.abort()
            raise
        self._wire = wire
        self._start_ticking(wire)
        return wire

    async def _open(self, wire: Wire) -> None:
        options, security = self.options, self.options.security()
        if options.path:
            await wire.loop.create_unix_connection(lambda: wire, options.path)
        else:
            await wire.loop.create_connection(lambda: wire, options.host, options.port, ssl=security)

    async def _greet(self, wire: Wire) -> None:
        options = self.options
        words: list[Word] = [b"HELLO", 3]
        if options.password:
            words += [b"AUTH", options.user or "default", options.password]
        await wire.send((*words, b"SETNAME", options.client_name))
        if options.database:
            await wire.send((b"SELECT", options.database))

    # -- its end --------------------------------------------------------------------------------------------------

    def _start_ticking(self, wire: Wire) -> None:
        self._stop_ticking()
        self._timer = wire.loop.call_later(self.options.timeout / TICKS, self.tick)

    def _stop_ticking(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def tick(self) -> None:
        """Look after the connection; called by a timer."""
        if self._wire is not None:
            self._wire.tick()
        if self._wire is not None:
            self._start_ticking(self._wire)

    def _pushed(self, kind: bytes, values: list[Any]) -> None:
        if self._on_push is not None:
            self._on_push(kind, values)

    def _lost(self, wire: Wire) -> None:
        if self._wire is wire:
            self._wire = None
            self._stop_ticking()
            if self._on_lost is not None:
                self._on_lost()


_FIXES: Final = {
    "NOAUTH": "The server wants a password: valkey://:password@host.",
    "WRONGPASS": "Correct user and password.",
    "NOPERM": "Give the user the right to these commands and keys (ACL SETUSER).",
    "NOPROTO": "The server is too old: Valkey, or Redis 6 and later, is needed.",
    "ERR": "Valkey, or Redis 6 and later, is needed; the database's number must be below the server's `databases`.",
}


def unreachable(error: Exception, options: ValkeyOptions) -> ValkeyUnavailable:
    """Return the error of a connection that could not be opened."""
    if isinstance(error, TimeoutError):
        reason = "no answer in time (connect_timeout)"
    else:
        reason = error.what if isinstance(error, ValkeyError | ValkeyUnavailable) else str(error)
    fix = _FIXES.get(error.reply, "") if isinstance(error, ValkeyError) else ""
    return ValkeyUnavailable(
        f"The Valkey server at {options.address} cannot be used.",
        got=reason or type(error).__name__,
        fix=fix or "Start the server, or correct the URL.",
    )


__all__ = ["BACKOFF", "Script", "ValkeyClient", "ValkeyOptions", "Word", "script", "valkey_options"]
