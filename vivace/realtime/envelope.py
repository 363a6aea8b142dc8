"""What travels between processes: events of rooms, and orders to all of them.

An event's data is encoded once, where it is made; every process puts number and room around it, once for all of its
members, without looking at it.
"""

from __future__ import annotations

import re
from typing import Any, Final, cast

import msgspec

from vivace.errors import UnsendableEvent

from .frames import binary_frame, encode_json, json_frame
from .messages import EVENT, BinaryMessage, encode_binary

NAME_CHARACTERS: Final = 100
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


class Envelope(msgspec.Struct, frozen=True, array_like=True):
    """One event on its way: ``data`` is JSON, or what it is if ``binary``; ``sender`` is who must not get it."""

    name: str
    data: bytes
    binary: bool = False
    sender: str = ""


class Order(msgspec.Struct, frozen=True, array_like=True):
    """Take people out: of a room or of all (``""``), a user (its primary key as text) or all, one member or all."""

    room: str = ""
    user: str | None = None
    member: str = ""
    reason: str = "disconnected"


_encode: Final = msgspec.msgpack.Encoder().encode
_envelopes: Final = msgspec.msgpack.Decoder(Envelope)
_orders: Final = msgspec.msgpack.Decoder(Order)


def encode_envelope(name: str, data: Any, sender: str = "") -> bytes:
    """Return an event as it travels; raises ``UnsendableEvent`` for data that JSON does not know, and for odd names."""
    return _encode(envelope_of(name, data, sender))


def envelope_of(name: str, data: Any, sender: str = "") -> Envelope:
    """Return an event; raises ``UnsendableEvent``."""
    check_name(name)
    raw = as_bytes(data)
    return Envelope(name, json_of(data, name) if raw is None else raw, raw is not None, sender)


def as_bytes(data: Any) -> bytes | None:
    """Return data that goes as it is; ``None`` for all that goes as JSON."""
    if isinstance(data, bytes):
        return data
    return bytes(cast("bytearray", data)) if isinstance(data, (bytearray, memoryview)) else None


def json_of(data: Any, name: str) -> bytes:
    """Return data as JSON; raises ``UnsendableEvent``."""
    try:
        return encode_json(data)
    except (TypeError, ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise UnsendableEvent(
            f"The data of the event {name!r} cannot be sent: {error}.",
            expected="what JSON knows (also dataclasses, msgspec structs, dates, UUIDs), or bytes",
            got=type(data).__name__,
            fix="Send the values of it that the page needs.",
        ) from error


def check_name(name: str) -> None:
    """Raise ``UnsendableEvent`` for what is no name of an event."""
    if not 0 < len(name) <= NAME_CHARACTERS or _CONTROL.search(name):
        raise UnsendableEvent(
            "This is no name of an event.",
            expected=f"one line of 1 to {NAME_CHARACTERS} characters",
            got=repr(name)[:120],
        )


def decode_envelope(payload: bytes) -> Envelope:
    """Read what ``encode_envelope`` wrote."""
    return _envelopes.decode(payload)


def encode_order(order: Order) -> bytes:
    """Return an order as it travels."""
    return _encode(order)


def decode_order(payload: bytes) -> Order:
    """Read what ``encode_order`` wrote."""
    return _orders.decode(payload)


def event_frame(room: str, envelope: Envelope, number: int) -> bytes:
    """Return the frame of an event for the members of a room; number 0: it is not in the room's log."""
    if envelope.binary:
        return binary_frame(encode_binary(BinaryMessage(EVENT, room, envelope.name, number, envelope.data)))
    place, name = encode_json(room), encode_json(envelope.name)
    return json_frame(b'["event",%b,%b,%b,%d]' % (place, name, envelope.data, number))


__all__ = [
    "Envelope",
    "Order",
    "as_bytes",
    "check_name",
    "decode_envelope",
    "decode_order",
    "encode_envelope",
    "encode_order",
    "envelope_of",
    "event_frame",
    "json_of",
]
