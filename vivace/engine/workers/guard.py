"""Refuses calls that are known to wait when they are made on the event loop (debug only; RT2).

Python announces such calls to audit hooks (PEP 578). A hook cannot be taken away again, so this one is switched: it does
something only between ``forbid`` and ``allow``, only on the loop's thread and only while the loop runs a task.
Before Python 3.13 ``time.sleep`` is not announced: there only the watchdog names it.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

from vivace.errors import BlockingCall

from .watchdog import blamed, describe


def _always(_: tuple[Any, ...]) -> bool:
    return True


def _on_blocking_socket(arguments: tuple[Any, ...]) -> bool:
    return isinstance(arguments[0], socket.socket) and arguments[0].gettimeout() != 0


def _for_some_time(arguments: tuple[Any, ...]) -> bool:
    return bool(arguments[0])


KNOWN: Final[Mapping[str, tuple[Callable[[tuple[Any, ...]], bool], str]]] = {
    "time.sleep": (_for_some_time, "await asyncio.sleep(…)"),
    "socket.connect": (_on_blocking_socket, "use an async client, or await offload(…)"),
    "socket.getaddrinfo": (_always, "await loop.getaddrinfo(…)"),
    "socket.gethostbyname": (_always, "await loop.getaddrinfo(…)"),
    "urllib.Request": (_always, "use an async HTTP client, or await offload(…)"),
    "os.system": (_always, "await asyncio.create_subprocess_shell(…)"),
}
"""Audit event → whether it waits, and what to do in its place."""


class BlockingGuard:
    """Raises ``BlockingCall`` for calls of ``KNOWN`` on the loop's thread; one per process."""

    def __init__(self) -> None:
        self._thread_id = 0
        self._installed = False

    def forbid(self) -> None:
        """Refuse such calls on this thread from now on."""
        self._thread_id = threading.get_ident()
        if not self._installed:
            self._installed = True
            sys.addaudithook(self._audit)

    def allow(self) -> None:
        """Refuse nothing any more."""
        self._thread_id = 0

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        rule = KNOWN.get(event) if self._thread_id else None
        if rule is None or threading.get_ident() != self._thread_id or not _in_task():
            return
        waits, instead = rule
        if waits(arguments):
            raise BlockingCall(
                f"{event} blocks the event loop at {describe(blamed(sys._getframe(1)))}",
                expected="code that lets other requests run while it waits",
                fix=f"{instead[0].upper()}{instead[1:]}; or make the handler a plain def: it then runs in a thread.",
            )


def _in_task() -> bool:
    try:
        return asyncio.current_task() is not None
    except RuntimeError:
        return False


__all__ = ["KNOWN", "BlockingGuard"]
