"""``vivace run --workers 0``: the app in this process, without a supervisor; health is answered by a thread."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from vivace.engine.listening.listeners import Listener
from vivace.engine.server import Server
from vivace.engine.workers.garbage import settle
from vivace.engine.workers.health import Report, WorkerHealth, serve_in_thread
from vivace.engine.workers.heartbeat import BEAT, Heartbeat, State
from vivace.engine.workers.options import ServeOptions
from vivace.engine.workers.shedding import Shedding
from vivace.engine.workers.watchdog import Watchdog
from vivace.engine.workers.worker import (
    Servable,
    Stop,
    load_certificates,
    look_at,
    run_loop,
    serve_app,
    stop_on_signals,
)


def serve_alone(
    options: ServeOptions,
    listeners: Sequence[Listener],
    health: Sequence[Listener],
    load: Callable[[str], Any],
    ready: Callable[[], None] | None = None,
) -> int:
    """Load the app and serve it here until a signal says stop; returns the exit status. ``ready``: once it serves."""
    os.environ.update(options.environment)
    here = Here(ready)
    if health:
        serve_in_thread(here.report, [listener.sock for listener in health])
    run_loop(_serve(load(options.target), options, listeners, here))
    return 0


async def _serve(app: Servable, options: ServeOptions, listeners: Sequence[Listener], here: Here) -> None:
    stop = stop_on_signals()
    beating = asyncio.create_task(here.beat(stop))
    try:
        await serve_app(
            app,
            listeners,
            certificates=load_certificates(options.tls),
            watch=options.watch,
            stop=stop,
            started=here.started,
        )
    finally:
        beating.cancel()


class Here:
    """The health of a process that is its own only worker: the loop beats, another thread asks."""

    def __init__(self, ready: Callable[[], None] | None = None) -> None:
        self._ready = ready
        self._last = Heartbeat()
        self._heard = time.monotonic()
        self._parts: tuple[Server, Watchdog, Shedding] | None = None
        self._lock = threading.Lock()

    def started(self, server: Server, watchdog: Watchdog, shedding: Shedding) -> None:
        """Connections are accepted."""
        settle()
        self._parts = (server, watchdog, shedding)
        self._beat("ready")
        if self._ready is not None:
            self._ready()

    async def beat(self, stop: Stop) -> None:
        """Note that the loop turns, until the task is cancelled."""
        while True:
            await asyncio.sleep(BEAT)
            self._beat("draining" if stop.drain.is_set() else "ready")

    def _beat(self, state: State) -> None:
        if self._parts is not None:
            last = look_at(state, *self._parts)
            with self._lock:
                self._last, self._heard = last, time.monotonic()

    def report(self) -> Report:
        """Return how it is; called on the thread of the probes."""
        with self._lock:
            age, last = time.monotonic() - self._heard, self._last
        return Report(last.state == "draining", [WorkerHealth(0, os.getpid(), round(age, 3), last)])


__all__ = ["serve_alone"]
