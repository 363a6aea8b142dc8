"""Starts worker processes. Light, because ``vivace run`` does it before it loads what a supervisor needs afterwards.

The first workers are what everybody waits for. So they start first, and the supervisor gives way: it loads asyncio and
itself when a worker has said its first word. On one core that is the difference between sharing it and having it.

On Linux the first ones are forked: this process is then nothing but a command that has read its options, with one thread,
no event loop and nothing of an app, so a worker goes on from there and need not start an interpreter and load half of
the same modules again (measured: 90 of 240 ms of CPU from the command to the first answer). Every later one, after a
reload or a crash, is a fresh interpreter, which loads the code as it is by then.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, Final, NamedTuple, Protocol

import msgspec
from msgspec.structs import replace

from vivace.engine.listening.listeners import Listener
from vivace.errors import ConfigurationError, nearest

from .options import ServeOptions, WorkerOptions

GIVE_WAY: Final = 0.25  # seconds at most: a probe of the health address or a signal may wait that long
HEARD: Final = ("SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGTTIN", "SIGTTOU")


class Process(Protocol):
    """What is asked of a worker's process; ``subprocess.Popen`` has it."""

    pid: int
    returncode: int | Any

    def wait(self) -> int:
        """Block until it ends, and return its status as ``returncode``: negative for a signal."""
        ...

    def send_signal(self, sig: int, /) -> None:
        """Send a signal unless it has ended."""
        ...


class Forked:
    """A process that was forked."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._lock = threading.Lock()

    def wait(self) -> int:
        """Block until it ends, and return its status."""
        os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)  # its id stays its own until the next line
        with self._lock:
            code = self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return code

    def send_signal(self, sig: int, /) -> None:
        """Send a signal unless it has ended; never to another process that got its id."""
        with self._lock:
            if self.returncode is None:
                os.kill(self.pid, sig)


class Launched(NamedTuple):
    """A process that was started, and our end of the socket to it."""

    process: Process  # it has no pipes
    control: socket.socket


class Spawn(msgspec.Struct, frozen=True):
    """What all workers have in common: the command (the options follow as JSON), variables, user and group."""

    command: Sequence[str]
    environment: Mapping[str, str]
    user: str = ""
    group: str = ""

    def arguments(self) -> dict[str, Any]:
        """Return what ``subprocess.Popen`` takes for it."""
        arguments: dict[str, Any] = {"env": {**os.environ, **self.environment}}
        if os.name == "posix":
            arguments["process_group"] = 0  # Ctrl-C is for the supervisor, which tells the workers in order
        if self.user:
            uid, gid = find_user(self.user)
            arguments |= {"user": uid, "group": gid, "extra_groups": []}
        if self.group:
            arguments["group"] = find_group(self.group)
        return arguments


def worker_options(options: ServeOptions, listeners: Sequence[Listener], number: int) -> WorkerOptions:
    """Return what the worker in a place gets."""
    cpus = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    return WorkerOptions(
        options.target,
        tuple((listener.sock.fileno(), listener.tls) for listener in listeners),
        control=-1,
        number=number,
        tls=options.tls,
        watch=options.watch,
        cpu=cpus[number % len(cpus)] if options.pin_cpus and cpus else -1,
        count=options.workers,
        hub=not (options.user or options.group),
    )


def launch(spawn: Spawn, options: WorkerOptions) -> Launched:
    """Start a fresh interpreter, so that it loads the code as it is now; raises ``OSError`` when it cannot."""
    ours, theirs = socket.socketpair()
    with theirs, ExitStack() as undo:
        undo.callback(ours.close)
        descriptor = theirs.fileno()
        text = msgspec.json.encode(replace(options, control=descriptor)).decode()
        process: subprocess.Popen[Any] = subprocess.Popen(  # noqa: S603 - our own module
            [*spawn.command, text],
            pass_fds=[descriptor, *(number for number, _ in options.sockets)],
            stdin=subprocess.DEVNULL,
            **spawn.arguments(),
        )
        undo.pop_all()
    ours.setblocking(False)
    return Launched(process, ours)


def can_fork(spawn: Spawn) -> bool:
    """Return whether a worker may go on from this process as it is: see above.

    Another user, and variables that an interpreter reads when it starts, need a new one.
    """
    untouched = threading.active_count() == 1 and "asyncio" not in sys.modules
    same = not (spawn.user or spawn.group or any(name.startswith("PYTHON") for name in spawn.environment))
    return sys.platform == "linux" and untouched and same


def fork(spawn: Spawn, options: WorkerOptions, others: Iterable[Launched]) -> Launched | WorkerOptions:
    """Fork a worker; in the new process return its options. Raises ``OSError`` when it cannot.

    The new process lets go of the sockets to the ``others``, which must see their ends when the supervisor is gone.
    """
    ours, theirs = socket.socketpair()
    with ExitStack() as undo:
        undo.callback(ours.close)
        undo.callback(theirs.close)
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        undo.pop_all()
    if pid:
        theirs.close()
        ours.setblocking(False)
        return Launched(Forked(pid), ours)
    for sock in (ours, *(other.control for other in others)):
        sock.close()
    os.setpgid(0, 0)
    os.environ.update(spawn.environment)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return replace(options, control=theirs.detach())


def launch_first(spawn: Spawn, every: Iterable[WorkerOptions]) -> list[Launched] | WorkerOptions:
    """Start the first workers; where one cannot be started, it and the rest are left to the supervisor.

    In a process that was forked the options are returned of the worker that this process is from now on. In the other
    one the signals wait for the supervisor: see ``admit_signals``.
    """
    launched: list[Launched] = []
    forks = can_fork(spawn)
    for options in every:
        try:
            started = fork(spawn, options, launched) if forks else launch(spawn, options)
        except OSError:
            break
        if isinstance(started, WorkerOptions):
            return started
        launched.append(started)
    if launched:
        signal.pthread_sigmask(signal.SIG_BLOCK, [getattr(signal, name) for name in HEARD])
    return launched


def give_way(launched: Iterable[Launched], health: Iterable[Listener] = ()) -> None:
    """Wait until a worker speaks or ends, or somebody asks how it is; not for long."""
    poll = select.poll()
    for sock in (*(worker.control for worker in launched), *(listener.sock for listener in health)):
        poll.register(sock, select.POLLIN)
    poll.poll(GIVE_WAY * 1000)


def admit_signals() -> None:
    """Take the signals that came since the first workers were started."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [getattr(signal, name) for name in HEARD])


def find_user(name: str) -> tuple[int, int]:
    """Return user id and primary group id of a user by name or number; raises ``ConfigurationError``."""
    import pwd  # POSIX only

    try:
        entry = pwd.getpwuid(int(name)) if name.isdigit() else pwd.getpwnam(name)
    except KeyError as error:
        users = [entry.pw_name for entry in pwd.getpwall()]
        raise ConfigurationError(
            f"There is no user {name!r} on this machine.", got=name, fix=nearest(name, users)
        ) from error
    return entry.pw_uid, entry.pw_gid


def find_group(name: str) -> int:
    """Return the id of a group by name or number; raises ``ConfigurationError``."""
    import grp  # POSIX only

    try:
        return (grp.getgrgid(int(name)) if name.isdigit() else grp.getgrnam(name)).gr_gid
    except KeyError as error:
        groups = [entry.gr_name for entry in grp.getgrall()]
        raise ConfigurationError(
            f"There is no group {name!r} on this machine.", got=name, fix=nearest(name, groups)
        ) from error


__all__ = [
    "HEARD",
    "Forked",
    "Launched",
    "Process",
    "Spawn",
    "admit_signals",
    "can_fork",
    "find_group",
    "find_user",
    "fork",
    "give_way",
    "launch",
    "launch_first",
    "worker_options",
]
