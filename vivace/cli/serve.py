"""``serve(options)``: everything behind ``vivace run``, with a supervisor or in this process."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any, Final

from vivace.engine.health import Report, WorkerHealth, serve_in_thread
from vivace.engine.heartbeat import BEAT, Heartbeat
from vivace.engine.options import ServeOptions
from vivace.engine.server import Server
from vivace.engine.shedding import Shedding, resident_bytes
from vivace.engine.sockets import Listener, open_listeners, report, write_file
from vivace.engine.supervisor import Supervisor
from vivace.engine.watchdog import Watchdog
from vivace.engine.worker import (
    EXIT_STARTUP,
    Stop,
    load_certificates,
    run_loop,
    serve_app,
    stop_on_signals,
)
from vivace.errors import VivaceError

from .logs import set_up_logging
from .worker import tell

WORKER_COMMAND: Final = (sys.executable, "-m", "vivace.cli.worker")


def serve(options: ServeOptions, load: Callable[[str], Any] | None = None) -> int:
    """Serve until a signal says stop; returns the exit status. What is wrong is told on stderr.

    ``load`` finds the app of a target in this process (``workers=0``); workers always use ``vivace.app.loading``.
    """
    set_up_logging()
    try:
        with ExitStack() as stack:
            listeners = open_listeners(options.listeners, tls=options.tls is not None)
            health = open_listeners([options.health], environ={}) if options.health else []
            for listener in (*listeners, *health):
                stack.callback(listener.close)
            announce(options, listeners, health)
            if options.workers:
                return asyncio.run(Supervisor(WORKER_COMMAND, options, listeners, health).run())
            return _serve_here(options, listeners, health, load or _load)
    except VivaceError as error:
        tell(error)
        return EXIT_STARTUP


def announce(options: ServeOptions, listeners: Sequence[Listener], health: Sequence[Listener] = ()) -> None:
    """Tell programs which addresses were opened: one line of JSON on stdout, a file, or both."""
    if not (options.report or options.port_file):
        return
    line = report(listeners, {"health": [listener.describe() for listener in health]})
    if options.port_file:
        write_file(options.port_file, line + "\n")
    if options.report:
        print(line, flush=True)


def _load(target: str) -> Any:
    from vivace.app.loading import load_app

    return load_app(target)


def _serve_here(
    options: ServeOptions,
    listeners: Sequence[Listener],
    health: Sequence[Listener],
    load: Callable[[str], Any],
) -> int:
    os.environ.update(options.environment)
    here = Here()
    if health:
        serve_in_thread(here.report, [listener.sock for listener in health])
    run_loop(_serve(load(options.target), options, listeners, here))
    return 0


async def _serve(app: Any, options: ServeOptions, listeners: Sequence[Listener], here: Here) -> None:
    stop = stop_on_signals()
    certificates = load_certificates(options.tls)
    beating = asyncio.create_task(here.beat(stop))
    try:
        await serve_app(
            app,
            listeners,
            certificates=certificates,
            watch=options.watch,
            stop=stop,
            started=here.started,
        )
    finally:
        beating.cancel()


class Here:
    """The health of a process that is its own only worker: the loop beats, another thread asks."""

    def __init__(self) -> None:
        self._last = Heartbeat()
        self._heard = time.monotonic()
        self._server: Server | None = None
        self._lock = threading.Lock()

    def started(self, server: Server, watchdog: Watchdog, shedding: Shedding) -> None:
        """Connections are accepted."""
        self._server = server
        self._beat("ready")

    async def beat(self, stop: Stop) -> None:
        """Note that the loop turns, until the task is cancelled."""
        while True:
            await asyncio.sleep(BEAT)
            if self._server is not None:
                self._beat("draining" if stop.drain.is_set() else "ready")

    def _beat(self, state: Any) -> None:
        server = self._server
        if server is None:
            return
        last = Heartbeat(
            state,
            in_flight=server.in_flight,
            connections=server.open_connections,
            served=server.served,
            memory=resident_bytes(),
        )
        with self._lock:
            self._last, self._heard = last, time.monotonic()

    def report(self) -> Report:
        """Return how it is; called on the thread of the probes."""
        with self._lock:
            age, last = time.monotonic() - self._heard, self._last
        return Report(last.state == "draining", [WorkerHealth(0, os.getpid(), round(age, 3), last)])


__all__ = ["announce", "serve"]
