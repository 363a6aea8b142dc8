"""Errors of what is live: brokers, channels, regions."""

from __future__ import annotations

from typing import ClassVar

from .base import VivaceError


class BrokerError(VivaceError):
    """What carries messages between processes cannot do what was asked of it."""

    code: ClassVar[str] = "broker"


class BrokerUnavailable(BrokerError):
    """The broker could not be reached in time."""

    code: ClassVar[str] = "broker-unavailable"
    status: int = 503


class BrokerMessageTooLarge(BrokerError):
    """A message or lease has more bytes than the broker carries."""

    code: ClassVar[str] = "broker-message-too-large"


class BrokerRefused(BrokerError):
    """This broker cannot serve this app as it is run, or is not known."""

    code: ClassVar[str] = "broker-refused"


class LockLost(BrokerError):
    """A lock was not held until the end of its block: the broker or the connection to it was lost meanwhile."""

    code: ClassVar[str] = "lock-lost"


class ValkeyURLInvalid(VivaceError):
    """A Valkey URL, or an option in it, cannot be used."""

    code: ClassVar[str] = "valkey-url"


class ValkeyUnavailable(BrokerUnavailable):
    """The Valkey server could not be reached, or the connection to it was lost before it answered."""

    code: ClassVar[str] = "valkey-unavailable"


class ValkeyError(VivaceError):
    """The Valkey server refused a command; ``reply`` is the code its answer begins with, such as ``WRONGTYPE``."""

    code: ClassVar[str] = "valkey"
    reply: str = ""


class UnknownRoom(VivaceError):
    """No channel has a room of that name."""

    code: ClassVar[str] = "unknown-room"
    status: int = 404


class RoomRefused(VivaceError):
    """Somebody may not join the room now."""

    code: ClassVar[str] = "room-refused"
    status: int = 409


class ChannelClosed(VivaceError):
    """The member has left the room, so nothing can be sent to it."""

    code: ClassVar[str] = "channel-closed"


class EventRefused(VivaceError):
    """An event of a member is not known, not valid, or cannot be taken now."""

    code: ClassVar[str] = "event-refused"
    status: int = 400


class AskFailed(VivaceError):
    """A member did not answer a question in time, or answered that it cannot."""

    code: ClassVar[str] = "ask-failed"


class UnsendableEvent(VivaceError):
    """The name or the data of an event cannot be sent."""

    code: ClassVar[str] = "unsendable-event"


class BadEventHandler(VivaceError):
    """A function for events of a channel asks for what nothing gives it."""

    code: ClassVar[str] = "channel-event-handler"


class PersonalRead(VivaceError):
    """A region that was rendered for everybody read something personal; it is rendered for each viewer then."""

    code: ClassVar[str] = "personal-read"


class WriteInLiveRender(VivaceError):
    """A page that was rendered again for its live regions tried to write to the database."""

    code: ClassVar[str] = "write-in-live-render"
