"""A member of a room in a test: what a page in a browser is, over the socket that pages use, without a network.

async with client.channel("chat/lobby") as chat:
    await chat.ask("say", {"text": "Hello"})
    assert await chat.receive("said") == {"by": "ada@example.com", "text": "Hello"}
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Callable
from contextlib import AsyncExitStack
from inspect import isawaitable
from types import TracebackType
from typing import Any, Final, NamedTuple, Self, TypeAlias

import msgspec

from vivace.errors.testing import ChannelRefused, NothingReceived
from vivace.http.websocket import WebSocketDisconnect
from vivace.realtime.messages import ACK, EVENT, REPLY, SEND, BinaryMessage, encode_binary, parse_binary

from .sockets import ClientSocket

Answer: TypeAlias = Callable[[Any], Any]
Frame: TypeAlias = "list[Any] | BinaryMessage"
PATIENCE: Final = 30.0  # seconds until a test that waits in vain fails


class ReceivedEvent(NamedTuple):
    """An event that came: ``number`` is its number in the room, 0 for one that was sent to this member alone."""

    name: str
    data: Any
    number: int


class ClientChannel:
    """A member of a room, from the client's side.

    ``members`` shows who is present, by key, as far as this client was told; ``key`` is its own. ``position`` is what a
    client that comes back says it knows (``since``), ``resync`` whether the server could not give it what came after.
    ``ended`` says why it is out; ``None`` while it is in. ``dropped`` counts what it was told it has missed.
    """

    def __init__(
        self,
        socket: ClientSocket,
        room: str,
        data: Any = None,
        since: tuple[int, int] | None = None,
        client: str = "",
    ) -> None:
        self.socket = socket
        self.room = room
        self.client = client or secrets.token_hex(8)
        self.members: dict[str, Any] = {}
        self.key = ""
        self.position: tuple[int, int] | None = since
        self.resync = False
        self.dropped = 0
        self.ended: Any = None
        self.about: dict[str, Any] = {}  # all that the server told when it let us in
        self._data = data
        self._since = since
        self._events: deque[ReceivedEvent] = deque()
        self._replies: dict[int, tuple[str, Any]] = {}
        self._asked = 0
        self._answers: dict[str, Answer] = {}
        self._changed = asyncio.Event()
        self._reader: asyncio.Task[None] | None = None
        self._stack = AsyncExitStack()
        self._joined = False
        self._failure: BaseException | None = None

    async def __aenter__(self) -> Self:
        """Connect and join; raises ``ChannelRefused`` with the server's ``problem``."""
        await self._stack.enter_async_context(self.socket)
        try:
            self._reader = asyncio.get_running_loop().create_task(self._read(), name=f"channel {self.room}")
            await self.join()
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    async def _close(self) -> None:
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.wait({self._reader})
        await self._stack.aclose()

    # -- what goes --------------------------------------------------------------------------------------------------

    async def join(self) -> None:
        """Join, again after having left; raises ``ChannelRefused``."""
        self.ended, self._joined = None, False
        options = {"since": self._since, "data": self._data, "client": self.client}
        await self.socket.send_json(["join", self.room, options])
        await self.until(lambda: self._joined or self.ended is not None, "the answer to joining")
        if not self._joined:
            raise ChannelRefused(f"The room {self.room!r} was refused.", self.ended)

    async def leave(self) -> None:
        """Leave the room."""
        await self.socket.send_json(["leave", self.room])
        self.ended = "left"

    async def send(self, name: str, data: Any = None) -> None:
        """Send an event and want no answer; bytes go as they are."""
        await self._send(name, data, 0)

    async def ask(self, name: str, data: Any = None) -> Any:
        """Send an event and return its answer; raises ``ChannelRefused`` with the ``problem`` where it failed."""
        self._asked += 1
        number = self._asked
        await self._send(name, data, number)
        await self._while_in(lambda: number in self._replies, f"the answer to {name!r}")
        verb, answer = self._replies.pop(number)
        if verb == "failed":
            raise ChannelRefused(f"The event {name!r} was refused.", answer)
        return answer

    async def _send(self, name: str, data: Any, number: int) -> None:
        if isinstance(data, bytes):
            await self.socket.send(encode_binary(BinaryMessage(SEND, self.room, name, number, data)))
        else:
            await self.socket.send_json(["send", self.room, name, data, number])

    def answer(self, name: str, function: Answer) -> None:
        """Answer what the server asks under a name with what ``function(data)`` returns; an error of it fails the question."""
        self._answers[name] = function

    # -- what comes -------------------------------------------------------------------------------------------------

    async def receive(self, name: str = "") -> Any:
        """Return the data of the next event; of the next of that name, if one is given: those before it are dropped."""
        while True:
            event = await self.receive_event()
            if name in ("", event.name):
                return event.data

    async def receive_event(self) -> ReceivedEvent:
        """Return the next event; raises ``NothingReceived`` when none comes, ``ChannelRefused`` once it is out."""
        await self._while_in(lambda: bool(self._events), "an event")
        return self._events.popleft()

    def received(self) -> list[ReceivedEvent]:
        """Return the events that have come and were not asked for yet, without waiting."""
        events = list(self._events)
        self._events.clear()
        return events

    async def _while_in(self, condition: Callable[[], bool], what: str) -> None:
        await self.until(lambda: condition() or self.ended is not None, what)
        if not condition():
            raise ChannelRefused(f"The member was taken out of {self.room!r} before {what} came.", self.ended)

    async def until(self, condition: Callable[[], bool], what: str = "it") -> None:
        """Wait until something is true that comes with messages; raises ``NothingReceived`` when it does not become so."""
        try:
            async with asyncio.timeout(PATIENCE):
                while not condition():
                    if self._failure is not None:
                        raise self._failure
                    if self._reader is None or self._reader.done():
                        raise NothingReceived(
                            f"The connection ended before {what} came.", got=repr(self.ended)
                        )
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError as error:
            raise NothingReceived(f"{what} did not come.", expected=f"within {PATIENCE:g} s") from error

    async def _read(self) -> None:
        try:
            async for message in self.socket:
                frame: Frame = (
                    parse_binary(message) if isinstance(message, bytes) else msgspec.json.decode(message)
                )
                await self._take(frame)
                self._changed.set()
        except WebSocketDisconnect:
            pass
        except Exception as error:  # what the app raised: whoever waits raises it
            self._failure = error
        finally:
            self.ended = self.ended or "disconnected"
            self._changed.set()

    async def _take(self, frame: Frame) -> None:
        if isinstance(frame, BinaryMessage):
            if frame.kind == EVENT:
                self._event(frame.name, frame.payload, frame.number)
            elif frame.kind == REPLY:
                self._replies[frame.number] = ("reply", frame.payload)
            return
        verb, room, *rest = (*frame, "", "")[: max(2, len(frame))]
        if room == self.room:
            await self._take_text(verb, rest)

    async def _take_text(self, verb: str, rest: list[Any]) -> None:
        if verb == "event":
            self._event(*rest)
        elif verb in ("reply", "failed"):
            self._replies[rest[0]] = (verb, rest[1])
        elif verb == "joined":
            self._let_in(rest[0], rest[1])
        elif verb == "presence":
            for key in rest[1]:
                self.members.pop(key, None)
            self.members.update(rest[0])
        elif verb in ("refused", "left"):
            self.ended = rest[0]
        elif verb == "dropped":
            self.dropped += rest[0]
        elif verb == "ask":
            await self._respond(*rest)

    def _let_in(self, position: list[int], about: dict[str, Any]) -> None:
        self.about, self.resync, self._joined = about, about["resync"], True
        if self._since is not None:  # a page that comes back counts on
            self._asked = max(self._asked, about["received"] or 0)
        self.members, self.key = about["members"], about["me"]
        self.position = (position[0], position[1])

    def _event(self, name: str, data: Any, number: int) -> None:
        if number and self.position is not None:
            self.position = (self.position[0], number)
        self._events.append(ReceivedEvent(name, data, number))

    async def _respond(self, name: str, data: Any, number: int) -> None:
        try:
            answer: Any = self._answers[name](data)
            if isawaitable(answer):
                answer = await answer
        except Exception as error:
            await self.socket.send_json(["nack", self.room, number, repr(error)])
            return
        if isinstance(answer, bytes):
            await self.socket.send(encode_binary(BinaryMessage(ACK, self.room, "", number, answer)))
        else:
            await self.socket.send_json(["ack", self.room, number, answer])


__all__ = ["ClientChannel", "ReceivedEvent"]
