"""One worker process as the supervisor sees it: started, heard, told, ended."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from vivace.errors import ConfigurationError, nearest

from .health import WorkerHealth
from .heartbeat import STACK_SIGNAL, Heartbeat, Share, decode_heartbeat, encode
from .options import WorkerOptions

logger = logging.getLogger("vivace.supervisor")

SHUTDOWN_MARGIN: Final = 5.0  # seconds beyond the drain for the shutdown hooks of the app


@dataclass(frozen=True, slots=True)
class Spawn:
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


class Child:
    """A worker process. ``ready`` is set with its first heartbeat that says so; ``last`` is the latest."""

    def __init__(self, number: int, clock: Callable[[], float]) -> None:
        self.number = number
        self.last = Heartbeat()
        self.ready = asyncio.Event()
        self.exited = asyncio.Event()
        self.code: int | None = None
        self.retiring = False
        self.stuck = False
        self._clock = clock
        self._heard = clock()
        self._process: asyncio.subprocess.Process | None = None
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

    async def start(self, spawn: Spawn, options: WorkerOptions) -> None:
        """Start a fresh interpreter, so that it loads the code as it is now; raises ``OSError`` when it cannot."""
        ours, theirs = socket.socketpair()
        with theirs, ExitStack() as undo:
            undo.callback(ours.close)
            undo.callback(self.exited.set)
            descriptor = theirs.fileno()
            text = msgspec.json.encode(replace(options, control=descriptor)).decode()
            inherited = [descriptor, *(number for number, _ in options.sockets)]
            self._process = await asyncio.create_subprocess_exec(
                *spawn.command,
                text,
                pass_fds=inherited,
                stdin=asyncio.subprocess.DEVNULL,
                **spawn.arguments(),
            )
            undo.pop_all()
        ours.setblocking(False)
        reader, self._writer = await asyncio.open_connection(sock=ours)
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
                if self.last.state == "ready":
                    self.ready.set()

    async def _wait(self) -> None:
        if self._process is not None:
            self.code = await self._process.wait()
        self.exited.set()
        if self._writer is not None:
            self._writer.close()
        self._tasks[0].cancel()


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


__all__ = ["SHUTDOWN_MARGIN", "Child", "Spawn", "find_group", "find_user"]
