"""How much one browser may ask of the server, and what happens when it takes less than it is sent."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

SOCKET_PATH = "/_vivace/socket"
EVENTS_PATH = "/_vivace/events"
SEND_PATH = "/_vivace/send"

Slow: TypeAlias = Literal["wait", "drop", "coalesce", "close"]
"""What becomes of an event for a member that reads too slowly.

``close``: the connection is closed when it is too far behind; the client comes back and is given what it missed.
``wait``: the same, but who broadcasts on this worker waits first, so that it does not come to that.
``drop``: the oldest waiting events go, counted. ``coalesce``: of events with one name only the latest waits.
"""


class RealtimeOptions(msgspec.Struct, frozen=True):
    """Bounds of a connection; one that goes beyond is refused or slowed, and others do not notice. Times in seconds."""

    message_bytes: int = 262_144  # of one message from a client; beyond it the connection is closed (1009)
    buffer_bytes: int = 65_536  # unsent bytes at a socket before the policy of its channels applies
    held_bytes: int = 1_048_576  # events that wait for a slow connection, in bytes
    # Of one client, in the long run; faster ones are read more slowly. Each 16 KiB of a message count as one more.
    messages_per_second: float = 100.0
    burst: int = 200  # messages that may come at once
    rooms: int = 100  # joined by one connection
    room_bytes: int = 512  # of a room's path
    join_bytes: int = 16_384  # of the message by which a page joins, with its data
    presence_bytes: int = 4_096  # of what a member shows of itself, as JSON: everybody in the room is sent it
    slow_patience: float = (
        5.0  # how long who broadcasts waits for members that are slow, with the policy ``wait``
    )
    inbox: int = 64  # events that wait for one member's handler
    inbox_bytes: int = 1_048_576  # of the events that wait for the handlers of one connection
    inbox_patience: float = 5.0  # how long full inboxes hold a client up before its event fails
    leave_grace: float = 10.0  # for a handler to end when its member has left
    rest: float = (
        0.000004  # for each member, how long a crowded room collects events after it has sent some; 0: never
    )
    recheck: float = 600.0  # at the latest, a guard is asked again: what ends by itself is no write


__all__ = ["EVENTS_PATH", "SEND_PATH", "SOCKET_PATH", "RealtimeOptions", "Slow"]
