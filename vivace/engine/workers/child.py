"""One worker process as the supervisor sees it: started, heard, told, ended."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import msgspec

from .health import WorkerHealth
from .heartbeat import STACK_SIGNAL, Heartbeat, Share, decode_heartbeat, encode
from .spawning import Launched, Process

logger = logging.getLogger("vivace.supervisor")

SHUTDOWN_MARGIN: Final = 5.0  # seconds beyond the drain for the shutdown hooks of the app


class Child:
    """A worker process. ``ready`` is set with its first heartbeat that says so; ``last`` is the latest.

    ``heard`` is called with each of them.
    """

    def __init__(
        self,
        number: int,
        clock: Callable[[], float],
        heard: Callable[[Heartbeat], None] = lambda heartbeat: None,
    ) -> None:
        self.number = number
        self._told = heard
        self.last = Heartbeat()
        self.ready = asyncio.Event()
        self.exited = asyncio.Event()
        self.code: int | None = None
        self.retiring = False
        self.stuck = False
        self._clock = clock
        self._heard = clock()
        self._process: Process | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def pid(self) -> int:
        """The process id, 0 before the start."""
        return self._process.pid if self._process is not None else 0

    @property
    def age(self) -> float:
        """Seconds since it was heard."""
        return self._clock() - self._heard

    def health(self) -> WorkerHealth:
        """Return how it is."""
        return WorkerHealth(self.number, self.pid, round(self.age, 3), self.last, self.stuck)

    async def start(self, launched: Launched) -> None:
        """Hear a process that was launched, and wait for its end on a thread of its own."""
        self._process, control = launched
        reader, self._writer = await asyncio.open_connection(sock=control)
        self._tasks = [asyncio.create_task(self._listen(reader)), asyncio.create_task(self._wait())]

    def share(self, average: int) -> None:
        """Tell it how many connections an average worker has."""
        if self._writer is not None and not self._writer.is_closing():
            with suppress(OSError):
                self._writer.write(encode(Share(average)))

    def signal(self, number: int) -> None:
        """Send a signal, if it still runs."""
        if self._process is not None and not self.exited.is_set():
            with suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def retire(self) -> None:
        """Let it drain and stop; kill it when it takes longer than it said it would."""
        self.retiring = True
        self.signal(signal.SIGTERM)
        grace = self.last.grace
        try:
            async with asyncio.timeout(grace + SHUTDOWN_MARGIN if grace else None):
                await self.exited.wait()
        except TimeoutError:
            logger.error("worker %d (pid %d) did not stop in time and is killed", self.number, self.pid)
            self.ask_for_stack()
            await asyncio.sleep(0.1)
            self.signal(signal.SIGKILL)
            await self.exited.wait()

    def ask_for_stack(self) -> None:
        """Let it write the stacks of all its threads to stderr; works while its loop is blocked."""
        if STACK_SIGNAL is not None and self.ready.is_set():
            self.signal(STACK_SIGNAL)

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        with suppress(OSError, msgspec.DecodeError, ValueError):
            while line := await reader.readline():
                self.last = decode_heartbeat(line)
                self._heard = self._clock()
                self._told(self.last)
                if self.last.state == "ready":
                    self.ready.set()

    async def _wait(self) -> None:
        if self._process is not None:
            self.code = await _end_of(self._process)
        self.exited.set()
        if self._writer is not None:
            self._writer.close()
        self._tasks[0].cancel()


async def _end_of(process: Process) -> int:
    """Return the status of a process when it has ended. (A thread for each: a pool would let the last ones wait.)"""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()

    code = 0

    def wait() -> None:
        nonlocal code
        code = process.wait()
        with suppress(RuntimeError):  # the loop has ended before
            loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=wait, name=f"vivace-worker-{process.pid}", daemon=True).start()
    await ended.wait()
    return code


__all__ = ["SHUTDOWN_MARGIN", "Child"]
