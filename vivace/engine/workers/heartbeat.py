"""What a worker says of itself a few times per second, and what the supervisor answers: lines of JSON on a socket.

The loop itself writes the line: a blocked loop is seen because its heartbeats stay away.
"""

from __future__ import annotations

import signal
from contextvars import ContextVar
from typing import Final, Literal, Protocol, TypeAlias

import msgspec

BEAT: Final = 0.5  # seconds
STACK_SIGNAL: Final = getattr(signal, "SIGUSR2", None)  # asks a stuck worker for its stack
State: TypeAlias = Literal["starting", "ready", "draining"]


class Heartbeat(msgspec.Struct, frozen=True):
    """From a worker: how it is. ``lag`` in seconds, ``memory`` in bytes, ``grace``: how long its stop may take."""

    state: State = "starting"
    lag: float = 0.0
    in_flight: int = 0
    connections: int = 0
    accepting: bool = False
    served: int = 0
    memory: int = 0
    stalls: int = 0
    shedding: bool = False
    grace: float = 10.0
    hub: str = ""  # a path at which this worker would like to find the hub (vivace.brokers.hub)


class Share(msgspec.Struct, frozen=True):
    """From the supervisor: how many connections an average worker has."""

    connections: int


class Superior(Protocol):
    """The supervisor, as the code of a worker sees it."""

    @property
    def place(self) -> tuple[int, int]:
        """The supervisor's process id, and which of its workers this one is or takes over from."""
        ...

    @property
    def workers(self) -> int:
        """How many workers it was started with."""
        ...

    def want_hub(self, path: str) -> bool:
        """Ask it to serve the hub at a path; says whether it can."""
        ...


current_superior: ContextVar[Superior | None] = ContextVar("vivace.superior", default=None)


def encode(message: Heartbeat | Share) -> bytes:
    """Return a message as a line."""
    return msgspec.json.encode(message) + b"\n"


def decode_heartbeat(line: bytes) -> Heartbeat:
    """Read a line of a worker; raises ``msgspec.DecodeError``."""
    return msgspec.json.decode(line, type=Heartbeat)


def decode_share(line: bytes) -> Share:
    """Read a line of the supervisor; raises ``msgspec.DecodeError``."""
    return msgspec.json.decode(line, type=Share)


def has_too_many(own: int, average: int) -> bool:
    """Return whether a worker should leave new connections to others: a quarter and 16 more than the average."""
    return own > average * 1.25 + 16


__all__ = [
    "BEAT",
    "STACK_SIGNAL",
    "Heartbeat",
    "Share",
    "State",
    "Superior",
    "current_superior",
    "decode_heartbeat",
    "decode_share",
    "encode",
    "has_too_many",
]
