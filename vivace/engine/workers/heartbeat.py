"""What a worker says of itself a few times per second, and what the supervisor answers: lines of JSON on a socket.

The loop itself writes the line: a blocked loop is seen because its heartbeats stay away.
"""

from __future__ import annotations

import signal
from typing import Final, Literal, TypeAlias

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


class Share(msgspec.Struct, frozen=True):
    """From the supervisor: how many connections an average worker has."""

    connections: int


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
    "decode_heartbeat",
    "decode_share",
    "encode",
    "has_too_many",
]
