"""One process alone: who uses the memory broker says so, and nobody works beside it whom it would not hear.

The sign is a lock on the file ``<database>-alone`` (beside the socket that a hub would have), which the kernel takes away
when the process dies. In the file stands who holds it: its id, and its place under its supervisor, so that the successor
of a worker that is being replaced may start while that one drains; it takes the lock over when it can.

Processes on other machines are found where all of them meet: in a database that is a server (``elsewhere``).
"""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress
from typing import Final, Protocol

from vivace.engine.workers.heartbeat import current_superior
from vivace.errors import BrokerRefused

SUFFIX: Final = "-alone"
AGAIN: Final = 0.5  # seconds between tries to take over
FIX: Final = (
    "Set VIVACE_BROKER to hub (one machine), or to the URL of a PostgreSQL or Valkey server, for all of them."
)


class Elsewhere(Protocol):
    """The same claim among all machines."""

    async def claim(self, *, inherit: bool) -> None:
        """Be alone; ``inherit``: as soon as that is so. Raises ``BrokerRefused``, ``BrokerUnavailable``."""
        ...

    async def release(self) -> None:
        """Let others come."""
        ...


class Solitude:
    """The claim to be the only process; ``beside`` is the path of the hub that the app would have."""

    def __init__(self, beside: str, elsewhere: Elsewhere | None = None) -> None:
        self._elsewhere = elsewhere
        self._path = beside.removesuffix("-hub") + SUFFIX
        self._hub = beside
        self._descriptor = -1
        self._inheriting: asyncio.Task[None] | None = None

    def claim(self) -> None:
        """Be alone from now on; raises ``BrokerRefused`` where another process is there."""
        superior = current_superior.get()
        if superior is not None and superior.workers > 1:
            raise BrokerRefused(
                f"With the memory broker {superior.workers} workers would not hear of each other's changes.",
                expected="one worker, or a broker that connects them",
                got="VIVACE_BROKER=memory",
                fix=FIX,
            )
        if _hub_lives(self._hub):
            raise BrokerRefused(
                "Another process of this app uses the hub, and would not hear one with the memory broker.",
                got="VIVACE_BROKER=memory",
                fix="Leave VIVACE_BROKER empty, or set it to hub.",
            )
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
        if _locked(self._descriptor):
            self._sign()
            return
        holder = self._holder()
        if len(holder) > 1 and holder[1:] == _place():  # the one that we take over from
            self._inheriting = asyncio.get_running_loop().create_task(self._inherit())
            return
        os.close(self._descriptor)
        self._descriptor = -1
        raise BrokerRefused(
            f"Process {holder[0]} works on the same data with the memory broker: neither would hear of the other's changes.",
            expected="one process, or a broker that connects them",
            got="VIVACE_BROKER=memory",
            fix=FIX,
        )

    async def claim_everywhere(self) -> None:
        """Be alone on this machine and all others; raises ``BrokerRefused``, ``BrokerUnavailable``."""
        self.claim()
        if self._elsewhere is not None:
            try:
                await self._elsewhere.claim(inherit=self._inheriting is not None)
            except BaseException:
                self.release()
                raise

    async def release_everywhere(self) -> None:
        """Let others come."""
        self.release()
        if self._elsewhere is not None:
            await self._elsewhere.release()

    def check(self) -> None:
        """Raise ``BrokerRefused`` where another process is alone, for one that wants company."""
        try:
            descriptor = os.open(self._path, os.O_RDWR)
        except OSError:
            return
        try:
            free = _locked(descriptor)
            holder = "" if free else self._holder(descriptor)[0]
        finally:
            os.close(descriptor)
        if not free:
            raise BrokerRefused(
                f"Process {holder} works on the same data with the memory broker: it would not hear of our changes.",
                expected="the same broker in all processes of an app",
                fix="Start that process without VIVACE_BROKER=memory.",
            )

    def release(self) -> None:
        """Let others come."""
        if self._inheriting is not None:
            self._inheriting.cancel()
            self._inheriting = None
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    async def _inherit(self) -> None:
        while True:
            await asyncio.sleep(AGAIN)
            if _locked(self._descriptor):
                break
        self._sign()

    def _sign(self) -> None:
        words = " ".join([str(os.getpid()), *_place()])
        os.ftruncate(self._descriptor, 0)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        os.write(self._descriptor, words.encode())

    def _holder(self, descriptor: int | None = None) -> list[str]:
        """Return what is signed: the process, and its place where it has a supervisor."""
        opened = self._descriptor if descriptor is None else descriptor
        os.lseek(opened, 0, os.SEEK_SET)
        return os.read(opened, 100).decode(errors="replace").split() or ["?"]


def _place() -> list[str]:
    superior = current_superior.get()
    return [] if superior is None else list(map(str, superior.place))


def _hub_lives(path: str) -> bool:
    if sys.platform == "win32":
        return False
    from .hub.place import lives

    return lives(path)


def _locked(descriptor: int) -> bool:
    """Lock a file for this process unless another one has."""
    if sys.platform == "win32":
        import msvcrt

        os.lseek(descriptor, 1_000, os.SEEK_SET)  # behind the words, which others read
        with suppress(OSError):
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            return True
        return False
    import fcntl

    with suppress(OSError):
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # not flock: a forked child must not hold it
        return True
    return False


__all__ = ["Solitude"]
