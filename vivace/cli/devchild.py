"""The process of ``vivace dev`` that has the app in it: loads it, serves it, and goes when the code changes.

It talks to its parent over a socket: one line of JSON when it serves (what it loaded), and the end of the socket means
that the parent is gone.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from vivace.app import App
from vivace.app.evidence import is_own
from vivace.app.forgotten import watch
from vivace.engine.listening.listeners import Listener, inherit
from vivace.engine.server import Server
from vivace.engine.workers.options import EXIT_STARTUP, TLSOptions, Watch
from vivace.engine.workers.shedding import Shedding
from vivace.engine.workers.watchdog import Watchdog
from vivace.engine.workers.worker import Stop, load_certificates, run_loop, serve_app, stop_on_signals
from vivace.errors import StartupFailed, TargetError
from vivace.http.request import Request
from vivace.http.response import Response

from .livereload import PREFIX, DevApp
from .logs import set_up_logging
from .target import load
from .terminal import paint, say, show_error, status

GRACE: Final = 0.5  # seconds for open requests and sockets when the code changes
BLOCKED: Final = 0.1  # seconds that the loop may be held up before the log names the line


@dataclass(frozen=True, slots=True)
class ChildOptions:
    """What a child gets. ``crash`` is how its predecessor ended: then the app is not loaded and this is the page.

    ``first``: nothing was served yet, so that a target that is not there is a mistake of the command line.
    """

    target: str
    folder: str
    process: str
    sockets: tuple[tuple[int, bool], ...]
    control: int
    tls: TLSOptions | None = None
    forbid_blocking: bool = False
    crash: str = ""
    first: bool = False


class Loaded(msgspec.Struct, frozen=True):
    """What a child says when it serves: modules that came from elsewhere, folders that are the user's."""

    failed: bool
    at: float  # the time of day
    modules: tuple[str, ...]
    folders: tuple[str, ...]


def run_child(options: ChildOptions) -> int:
    """Load the app and serve it until told to stop; returns the exit status, 3 when there is no such app."""
    set_up_logging(folded=True)
    watch()
    before = set(sys.modules)
    dev = DevApp(partial(_load, options), options.process, show_error)
    if options.first and isinstance(dev.failure, TargetError):
        return EXIT_STARTUP
    listeners = [Listener(inherit(descriptor), tls) for descriptor, tls in options.sockets]
    run_loop(_serve(dev, options, listeners, before))
    return 0


def _load(options: ChildOptions) -> App:
    if options.crash:
        raise StartupFailed(options.crash, fix="Mend the code and save it.")
    app = load(options.target, options.folder)
    adapt(app)
    return app


def adapt(app: App) -> None:
    """Set what is different while developing: debug mode, pages that show what is under the hood, a quick stop."""
    settings = app.settings
    shutdown = min(settings.timeouts.shutdown or GRACE, GRACE)
    app.data.makes_tables = True
    app.data.tells = "models"
    debug = os.environ.get("VIVACE_DEBUG") is None or settings.debug
    app._settings = replace(
        settings,
        debug=debug,
        hood=settings.hood or ("on" if debug else ""),
        timeouts=replace(settings.timeouts, shutdown=shutdown),
    )


async def _serve(dev: DevApp, options: ChildOptions, listeners: list[Listener], before: set[str]) -> None:
    stop = stop_on_signals()
    control = socket.socket(fileno=options.control)
    control.setblocking(False)
    if (
        sys.platform != "win32"
    ):  # there the loop cannot wait for a socket alone, and the parent ends its children
        asyncio.get_running_loop().add_reader(control.fileno(), stop.ask)
    watch = Watch(blocked=BLOCKED, foreign=False, forbid_blocking=options.forbid_blocking)
    ending = asyncio.create_task(_end_streams(dev, stop))

    def started(server: Server, watchdog: Watchdog, shedding: Shedding) -> None:
        server.on_finished = partial(log_request, server)
        control.send(msgspec.json.encode(_loaded(dev, before)) + b"\n")

    try:
        await serve_app(
            dev,
            listeners,
            certificates=load_certificates(options.tls),
            watch=watch,
            stop=stop,
            started=started,
        )
    finally:
        ending.cancel()


async def _end_streams(dev: DevApp, stop: Stop) -> None:
    await stop.drain.wait()
    dev.stop()


def _loaded(dev: DevApp, before: set[str]) -> Loaded:
    """Return which modules the parent may import for the next child, and where the user's own ones are."""
    modules: list[str] = []
    folders: dict[str, None] = {}
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if name in before or not isinstance(file, str):
            continue
        if is_own(file):
            folders[str(Path(file).parent)] = None
        else:
            modules.append(name)
    return Loaded(dev.failure is not None, time.time(), tuple(modules), tuple(folders))


def log_request(server: Server, request: Request, response: Response | None, began: float) -> None:
    """Write a line for a request; those of the live reload are not worth one."""
    if request.raw_path.startswith(PREFIX):
        return
    took = (server.clock() - began) * 1000
    code = status(response.status) if response is not None else paint("cut off", fg="red")
    log = request.query_log
    noun = "query" if log is not None and len(log) == 1 else "queries"
    asked = paint(f" ({len(log)} {noun}, {log.seconds * 1000:.1f} ms)", dim=True) if log else ""
    now = paint(time.strftime("%H:%M:%S"), dim=True)
    say(f"{now} {request.method} {_printable(request.target)} {code} {took:.1f} ms{asked}")


def _printable(text: str) -> str:
    """Return text that a client sent without what could steer a terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def decode_options(text: str) -> ChildOptions:
    """Read the options as the parent wrote them."""
    return msgspec.json.decode(text, type=ChildOptions)


if __name__ == "__main__":
    sys.exit(run_child(decode_options(sys.argv[1])))
