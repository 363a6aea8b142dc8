"""What goes over the wire, read and checked: JSON arrays that begin with a verb, and binary messages.

What a client may say of channels (other rooms have verbs of their own):

| message | meaning |
|---|---|
| ``["join", room, {"since", "data", "client"}]`` | let me in; ``since`` is the position I know, ``client`` names my page |
| ``["leave", room]`` | let me out |
| ``["send", room, name, data, ack]`` | an event; with a number that is not 0 I want to hear what became of it |
| ``["ack", room, number, data]`` | my answer to ``["ask", room, name, data, number]`` |
| ``["nack", room, number, why]`` | I cannot answer it |

A binary message, in both directions (numbers are big-endian; texts are UTF-8):

    kind (1 byte) · length of room (2) · room · length of name (2) · name · number (8) · payload

| kind | from | as |
|---|---|---|
| 1 | server | ``event``; the number is that of the event in the room |
| 2 | client | ``send``; the number is that of the acknowledgement, 0: none |
| 3 | server | ``reply`` to a ``send``; no name |
| 4 | client | ``ack`` of an ``ask``; no name |
"""

from __future__ import annotations

import struct
from typing import Annotated, Any, Final, NamedTuple, TypeAlias, TypeVar

import msgspec

from vivace.errors import BadMessage

T = TypeVar("T")
EVENT, SEND, REPLY, ACK = 1, 2, 3, 4  # kinds of binary messages
_HEAD: Final = struct.Struct("!BH")
_SIZE: Final = struct.Struct("!H")
_NUMBER: Final = struct.Struct("!Q")
_decode: Final = msgspec.json.Decoder().decode
Number: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]  # what a JavaScript number holds exactly
Name: TypeAlias = Annotated[str, msgspec.Meta(max_length=100, pattern=r"^[^\x00-\x1f\x7f]+\Z")]


class JoinOptions(msgspec.Struct, frozen=True):
    """What a client says of itself when it joins."""

    since: tuple[Number, Number] | None = None
    data: Any = None
    client: Annotated[str, msgspec.Meta(max_length=100)] = ""


class Join(msgspec.Struct, frozen=True, array_like=True, tag="join"):
    """Let me in."""

    room: str
    options: JoinOptions = JoinOptions()


class Leave(msgspec.Struct, frozen=True, array_like=True, tag="leave"):
    """Let me out."""

    room: str


class Send(msgspec.Struct, frozen=True, array_like=True, tag="send"):
    """An event."""

    room: str
    name: Name
    data: Any = None
    ack: Number = 0


class Ack(msgspec.Struct, frozen=True, array_like=True, tag="ack"):
    """An answer."""

    room: str
    number: Number
    data: Any = None


class Nack(msgspec.Struct, frozen=True, array_like=True, tag="nack"):
    """No answer, and why."""

    room: str
    number: Number
    why: str = ""


class BinaryMessage(NamedTuple):
    """Bytes under a name, in a room."""

    kind: int
    room: str
    name: str
    number: int
    payload: bytes


def parse_message(text: str | bytes) -> list[Any]:
    """Return a message as a list of which the first item is its verb; raises ``BadMessage``."""
    try:
        message: Any = _decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise bad_message(f"not JSON: {error}") from None
    return checked_message(message)


def checked_message(message: Any) -> list[Any]:
    """Return a decoded message; raises ``BadMessage`` for what is none."""
    try:
        items = msgspec.convert(message, list[Any])
    except msgspec.ValidationError:
        items = []
    if not items or not isinstance(items[0], str):
        raise bad_message("an array that begins with a verb is wanted")
    return items


def parse_as(message: list[Any], kind: type[T]) -> T:
    """Return a message as one of the types above; raises ``BadMessage``."""
    try:
        return msgspec.convert(message, kind)
    except (msgspec.ValidationError, RecursionError) as error:
        raise bad_message(str(error)) from None


def parse_binary(data: bytes) -> BinaryMessage:
    """Return a binary message; raises ``BadMessage``."""
    try:
        kind, size = _HEAD.unpack_from(data)
        end = _HEAD.size + size
        (name_size,) = _SIZE.unpack_from(data, end)
        name_end = end + 2 + name_size
        (number,) = _NUMBER.unpack_from(data, name_end)
        room, name = data[_HEAD.size : end].decode(), data[end + 2 : name_end].decode()
    except (struct.error, UnicodeDecodeError) as error:
        raise bad_message(f"binary, and cut off or no UTF-8: {error}") from None
    return BinaryMessage(kind, room, name, number, data[name_end + _NUMBER.size :])


def encode_binary(message: BinaryMessage) -> bytes:
    """Return the bytes of a binary message; room and name have at most 65,535 bytes each."""
    room, name = message.room.encode(), message.name.encode()
    head = _HEAD.pack(message.kind, len(room)) + room + _SIZE.pack(len(name)) + name
    return head + _NUMBER.pack(message.number) + message.payload


def bad_message(what: str) -> BadMessage:
    """Return the error for what a client sent."""
    return BadMessage(f"This is no message of ours: {what}.", expected="what the wire protocol says")


__all__ = [
    "ACK",
    "EVENT",
    "REPLY",
    "SEND",
    "Ack",
    "BinaryMessage",
    "Join",
    "JoinOptions",
    "Leave",
    "Nack",
    "Send",
    "bad_message",
    "checked_message",
    "encode_binary",
    "parse_as",
    "parse_binary",
    "parse_message",
]
