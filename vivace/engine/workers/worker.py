"""Serves one app in this process: from start-up to the end of the drain, alone or as one of the supervisor's workers.

What a worker adds to ``serve_app``: it says how it is on its control socket, a few times per second, and listens there
for its share of the connections. When the supervisor is gone the socket ends, and the worker drains: it never stays
behind alone. SIGTERM drains; a second one, or SIGQUIT, cuts what is left.
"""

from __future__ import annotations

import asyncio
import faulthandler
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

import msgspec
from msgspec.structs import replace

from vivace.config.settings import Settings
from vivace.engine.listening.listeners import Listener, inherit
from vivace.engine.server import TICK, Server
from vivace.http.types import Handle

from .garbage import settle
from .guard import BlockingGuard
from .heartbeat import (
    BEAT,
    STACK_SIGNAL,
    Heartbeat,
    State,
    current_superior,
    decode_share,
    encode,
    has_too_many,
)
from .options import Watch, WorkerOptions
from .shedding import Shedding, resident_bytes
from .watchdog import Watchdog

if TYPE_CHECKING:
    from vivace.engine.accesslog import AccessLog
    from vivace.engine.listening.tls import Certificates

logger = logging.getLogger("vivace.engine")
T = TypeVar("T")

CERTIFICATE_CHECK: Final = 2.0  # seconds between looks at the files


class Servable(Protocol):
    """What can be served: an App, or anything with these parts."""

    @property
    def handle(self) -> Handle:
        """The whole app as one function."""
        ...

    @property
    def settings(self) -> Settings:
        """Limits and time-outs."""
        ...

    async def startup(self) -> None:
        """Begin; what this raises stops the start."""
        ...

    async def shutdown(self) -> None:
        """End, after the last request."""
        ...


class Stop:
    """The wish to stop. ``drain`` is set by the first ask, ``quick`` by the second."""

    def __init__(self) -> None:
        self.drain = asyncio.Event()
        self.quick = asyncio.Event()

    def ask(self) -> None:
        """Stop; asked twice: at once."""
        (self.quick if self.drain.is_set() else self.drain).set()

    def hurry(self) -> None:
        """Stop at once."""
        self.drain.set()
        self.quick.set()


Started = Callable[[Server, Watchdog, Shedding], None]


async def serve_app(
    app: Servable,
    listeners: Sequence[Listener],
    *,
    certificates: Certificates | None = None,
    watch: Watch | None = None,
    stop: Stop | None = None,
    started: Started | None = None,
) -> None:
    """Start ``app``, serve it until ``stop`` is asked (or the task is cancelled), drain, and shut it down.

    ``started`` is called when connections are accepted. The listeners stay the caller's to close. Raises what
    ``app.startup()`` raises.
    """
    stop = stop or Stop()
    watch = watch or Watch()
    await app.startup()
    try:
        server = Server(app.handle, app.settings)
        for listener in listeners:
            context = certificates.context if listener.tls and certificates is not None else None
            await server.listen([listener.sock], context)
        await _serve_until(server, watch, stop, certificates, started)
    finally:
        await app.shutdown()


async def _serve_until(
    server: Server, watch: Watch, stop: Stop, certificates: Certificates | None, started: Started | None
) -> None:
    watchdog = Watchdog(watch.blocked or 3600.0, foreign=watch.foreign)
    shedding, guard = Shedding(server, watch), BlockingGuard()
    watchdog.start()
    if watch.forbid_blocking:
        guard.forbid()
    beside = [asyncio.create_task(_keep_checking(watchdog, shedding))]
    access_log = start_access_log(server)
    if certificates is not None:
        beside.append(asyncio.create_task(_keep_certificates(certificates)))
    try:
        if started is not None:
            started(server, watchdog, shedding)
        await stop.drain.wait()
        await _first(server.drain(), stop.quick.wait())
    finally:
        await server.close()
        guard.allow()
        watchdog.stop()
        for task in beside:
            task.cancel()
        if access_log is not None:
            await access_log.close()


def start_access_log(server: Server) -> AccessLog | None:
    """Log each response as the settings say; ``None`` when they say nothing."""
    if server.settings.access_log == "off":
        return None
    from vivace.engine.accesslog import AccessLog, AccessLogOptions  # only who asks for it pays for it

    log = AccessLog(AccessLogOptions(format=server.settings.access_log))
    log.attach(server)
    return log


async def _first(*works: Coroutine[Any, Any, Any]) -> None:
    """Wait for one of them; the others are cancelled."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _keep_checking(watchdog: Watchdog, shedding: Shedding) -> None:
    while True:
        await asyncio.sleep(TICK)
        shedding.check(watchdog.peek_lag())


async def _keep_certificates(certificates: Certificates) -> None:
    while True:
        await asyncio.sleep(CERTIFICATE_CHECK)
        if certificates.changed():
            reload_certificates(certificates)


def reload_certificates(certificates: Certificates) -> None:
    """Take changed certificates, or log why the old ones stay."""
    from vivace.errors import TLSError

    try:
        certificates.reload()
        logger.info("the certificates were read again")
    except TLSError as error:
        logger.error("the certificates were not read again; the old ones stay\n%s", error)


def look_at(state: State, server: Server, watchdog: Watchdog, shedding: Shedding) -> Heartbeat:
    """Return how a server is; the lag is the worst since the last look."""
    return Heartbeat(
        state,
        lag=round(watchdog.take_lag(), 4),
        in_flight=server.in_flight,
        connections=server.open_connections,
        accepting=server.accepting,
        served=server.served,
        memory=resident_bytes(),
        stalls=watchdog.stalls,
        shedding=bool(shedding.reason),
        grace=server.timeouts.shutdown,
    )


# -- a worker of the supervisor ---------------------------------------------------------------------------------------


class Control:
    """The worker's end of the socket to the supervisor; the ``Superior`` of the code that runs in it."""

    def __init__(self, sock: socket.socket, stop: Stop, grace: float, options: WorkerOptions) -> None:
        self.place = (os.getppid(), options.number)
        self.workers = options.count
        self._sock = sock
        self._stop = stop
        self._grace = grace
        self._serves_hub = options.hub
        self._hub = ""
        self._writer: asyncio.StreamWriter | None = None
        self._parts: tuple[Server, Watchdog, Shedding] | None = None
        self._ready = asyncio.Event()

    def started(self, server: Server, watchdog: Watchdog, shedding: Shedding) -> None:
        """Connections are accepted: say so at once."""
        settle()
        self._parts = (server, watchdog, shedding)
        self._ready.set()

    def want_hub(self, path: str) -> bool:
        """Say with this and every later heartbeat where the hub is wanted; no, where nobody would hear it."""
        if not self._serves_hub:
            return False
        self._hub = path
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(encode(self._look()))
        return True

    async def run(self) -> None:
        """Send heartbeats and take shares until the supervisor is gone."""
        reader, self._writer = await asyncio.open_connection(sock=self._sock)
        beating = asyncio.create_task(self._beat(self._writer))
        try:
            with suppress(OSError):
                while line := await reader.readline():
                    await self._balance(decode_share(line).connections)
            logger.warning("the supervisor is gone: draining")
            self._serves_hub = False
            self._stop.ask()
        finally:
            beating.cancel()

    async def _beat(self, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while True:
                writer.write(encode(self._look()))
                await writer.drain()
                with suppress(TimeoutError):
                    if self._ready.is_set():
                        await asyncio.sleep(BEAT)
                    else:
                        await asyncio.wait_for(self._ready.wait(), BEAT)

    def _look(self) -> Heartbeat:
        if self._parts is None:
            return Heartbeat(memory=resident_bytes(), grace=self._grace, hub=self._hub)
        state: State = "draining" if self._parts[0].draining else "ready"
        return replace(look_at(state, *self._parts), hub=self._hub)

    async def _balance(self, average: int) -> None:
        if self._parts is None:
            return
        server = self._parts[0]
        if has_too_many(server.open_connections, average):
            server.pause_accepting()
        else:
            await server.resume_accepting()


def run_worker(app: Servable, options: WorkerOptions) -> int:
    """Serve ``app`` as a worker of the supervisor until it says stop; returns the exit status."""
    if options.cpu >= 0 and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {options.cpu})
    if STACK_SIGNAL is not None:
        faulthandler.register(STACK_SIGNAL, all_threads=True, chain=False)
    listeners = [Listener(inherit(descriptor), tls) for descriptor, tls in options.sockets]
    return run_loop(_work(app, options, listeners))


async def _work(app: Servable, options: WorkerOptions, listeners: Sequence[Listener]) -> int:
    stop = stop_on_signals()
    certificates = load_certificates(options.tls)
    sock = socket.socket(fileno=options.control)
    sock.setblocking(False)
    control = Control(sock, stop, app.settings.timeouts.shutdown, options)
    current_superior.set(control)
    talking = asyncio.create_task(control.run())
    try:
        await serve_app(
            app,
            listeners,
            certificates=certificates,
            watch=options.watch,
            stop=stop,
            started=control.started,
        )
    finally:
        talking.cancel()
    return 0


def load_certificates(tls: Any) -> Certificates | None:
    """Return the certificates for the options; ``ssl`` is imported only when there are some."""
    if tls is None:
        return None
    from vivace.engine.listening.tls import Certificates

    return Certificates(tls)


def stop_on_signals() -> Stop:
    """Return a wish to stop that SIGTERM and SIGINT ask for, and SIGQUIT urgently."""
    stop = Stop()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        if sys.platform == "win32":  # its loops know no signal handlers
            signal.signal(number, lambda number, frame: loop.call_soon_threadsafe(stop.ask) and None)
        else:
            loop.add_signal_handler(number, stop.ask)
    if sys.platform != "win32":
        loop.add_signal_handler(signal.SIGQUIT, stop.hurry)
    return stop


def run_loop(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on the fastest event loop that is installed."""
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(work)


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Return a loop of uvloop (winloop on Windows), or of asyncio where there is none."""
    try:
        if sys.platform == "win32":
            import winloop

            return winloop.new_event_loop()  # type: ignore[no-any-return, unused-ignore]
        import uvloop

        return uvloop.new_event_loop()
    except ImportError:
        return asyncio.new_event_loop()


def decode_options(text: str) -> WorkerOptions:
    """Read the options as the supervisor wrote them."""
    return msgspec.json.decode(text, type=WorkerOptions)


__all__ = [
    "Servable",
    "Stop",
    "decode_options",
    "load_certificates",
    "look_at",
    "new_event_loop",
    "reload_certificates",
    "run_loop",
    "run_worker",
    "serve_app",
    "stop_on_signals",
]
