"""``serve(options)``: everything behind ``vivace run``, with a supervisor or in this process."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

from vivace.engine.listening.listeners import Listener, open_listeners, report, write_file
from vivace.engine.workers.options import EXIT_STARTUP, ServeOptions, WorkerOptions
from vivace.engine.workers.spawning import Spawn, give_way, launch_first, worker_options
from vivace.errors import VivaceError

from .logs import set_up_logging

logger = logging.getLogger("vivace.cli")

WORKER_COMMAND: Final = (sys.executable, "-m", "vivace.cli.worker")


def serve(
    options: ServeOptions,
    load: Callable[[str], Any] | None = None,
    *,
    ready: Callable[[Sequence[Listener]], None] | None = None,
) -> int:
    """Serve until a signal says stop; returns the exit status. What is wrong is told on stderr.

    ``load`` finds the app of a target in this process (``workers=0``); workers always use ``vivace.app.loading``.
    ``ready`` is told the open listeners when the first worker serves.
    """
    set_up_logging()
    try:
        with ExitStack() as stack:
            listeners = open_listeners(options.listeners, tls=options.tls is not None)
            health = open_listeners([options.health], environ={}) if options.health else []
            for listener in (*listeners, *health):
                stack.callback(listener.close)
            announce(options, listeners, health)
            tell_ready = partial(ready, listeners) if ready is not None else None
            if options.workers and os.name == "posix":
                return _supervise(options, listeners, health, stack, tell_ready)
            if options.workers:
                logger.warning("workers need POSIX signals and inherited sockets: serving in this process")
            from .alone import serve_alone

            return serve_alone(options, listeners, health, load or _load, tell_ready)
    except VivaceError as error:
        from .worker import tell

        tell(error)
        return EXIT_STARTUP


def _supervise(
    options: ServeOptions,
    listeners: Sequence[Listener],
    health: Sequence[Listener],
    stack: ExitStack,
    ready: Callable[[], None] | None,
) -> int:
    spawn = Spawn(WORKER_COMMAND, options.environment, options.user, options.group)
    spawn.arguments()  # an unknown user is told before anything has begun
    if options.pid_file:
        write_file(options.pid_file, f"{os.getpid()}\n")
        stack.callback(_remove, options.pid_file)
    launched = launch_first(spawn, [worker_options(options, listeners, n) for n in range(options.workers)])
    if isinstance(launched, WorkerOptions):
        return _work(launched, listeners, health, stack)
    give_way(launched, health)
    import asyncio  # now that the workers have what they need

    from vivace.engine.workers.supervisor import Supervisor

    supervisor = Supervisor(
        spawn, options, listeners, health, launched=launched, ready=ready, serve_hub=_serve_hub
    )
    return asyncio.run(supervisor.run())


async def _serve_hub(path: str) -> None:
    from vivace.brokers.hub.serving import serve_hub  # only workers of an app with something live ask for it

    await serve_hub(path)


def _work(
    options: WorkerOptions, listeners: Sequence[Listener], health: Sequence[Listener], stack: ExitStack
) -> int:
    """Go on as a worker that was forked, as a fresh interpreter would: what is the supervisor's is left alone."""
    stack.pop_all()
    for listener in health:
        listener.sock.close()
    for listener in listeners:
        listener.sock.detach()  # the worker makes its own object of the descriptor
    if not sys.flags.safe_path:
        sys.path[0] = str(Path.cwd())  # as ``python -m`` does, so that a reload imports the same
    from .worker import work

    return work(options)


def _remove(path: str) -> None:
    with suppress(OSError):
        Path(path).unlink()


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

    from .worker import warn_of_migrations

    app = load_app(target)
    warn_of_migrations(app)
    return app


__all__ = ["announce", "serve"]
