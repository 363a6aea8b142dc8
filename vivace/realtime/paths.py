"""The rooms' paths: from the text that a client says to the channel that was declared for it, and its parameters."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from vivace.errors import UnknownRoom, VivaceError, nearest
from vivace.http.request import Request
from vivace.routing import Reverser, Route, RoutingOptions, compile_routes
from vivace.routing.patterns import encode_segment

from .channel import Channel
from .declaration import CHANNEL, ChannelDeclaration


class JoinableChannel(msgspec.Struct, frozen=True):
    """A channel that was declared, with its guards and its handler bound to what they ask for."""

    declaration: ChannelDeclaration
    route: Route
    guards: Sequence[Callable[[Request], Awaitable[object]]]
    run: Callable[[Channel], Awaitable[None]]


class Rooms:
    """All rooms that there can be."""

    def __init__(self, channels: Sequence[JoinableChannel], room_bytes: int = 512) -> None:
        by_name = {channel.route.name: channel for channel in channels}
        routes = [channel.route for channel in channels]
        strict = RoutingOptions(trailing_slash="strict")
        self._matcher = compile_routes(routes, target=lambda route: by_name[route.name], routing=strict)
        self._reverser = Reverser(routes)
        self._paths = [route.path.lstrip("/") for route in routes]
        self._room_bytes = room_bytes

    def find(self, room: str) -> tuple[JoinableChannel, dict[str, Any]]:
        """Return the channel of a room and its parameters; raises ``UnknownRoom``."""
        if len(room.encode("utf-8", "replace")) > self._room_bytes:
            raise UnknownRoom(
                "The path of the room is too long.", expected=f"at most {self._room_bytes} bytes"
            )
        try:
            path = "/" + "/".join(encode_segment(part) for part in room.split("/"))
            channel, params = self._matcher.match(CHANNEL, path)
            if self._reverser.url(channel.route.name, **params) != path:
                raise self._unknown(room)  # such as chat/007 for chat/7: one room, one name
        except (ValueError, VivaceError) as error:
            raise self._unknown(room) from error
        return channel, params

    def _unknown(self, room: str) -> UnknownRoom:
        return UnknownRoom(
            f"There is no room {room[:100]!r}.",
            expected=", ".join(self._paths[:10]) or "a declared channel",
            fix=nearest(room, self._paths),
        )

    def key_of(self, client: str) -> str:
        """Return the key of a page among the members of its rooms; one that does not name itself gets a new one."""
        client = client or secrets.token_urlsafe(16)
        return hashlib.blake2b(client.encode("utf-8", "replace"), digest_size=9).hexdigest()


__all__ = ["JoinableChannel", "Rooms"]
