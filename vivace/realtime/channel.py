"""A member of a room, as its handler sees it: what it says comes in, what is said to it or to all goes out.

Theory
------
A handler runs once for each member, in a task of its own, from the joining to the leaving. Its events wait in an inbox,
bounded in their number and, with those of the connection's other members, in their bytes; while one is full the connection
is not read, so a flood waits at the client that makes it.

``async for`` ends when the member has left, in whatever way, and the handler goes on behind it: what it does in a
``finally`` or behind the loop is done for everybody who leaves. It may still ``broadcast`` there; ``send`` and ``ask``
raise ``ChannelClosed``, as there is nobody to hear it.

Events for which the channel has a function (``@chat.on``) are answered inside the iteration: one after the other with
all others, in the order in which they came, and never beside the handler.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from vivace.errors import AskFailed, ChannelClosed, EventRefused, UnsendableEvent, VivaceError, nearest
from vivace.http.request import Request

from .envelope import as_bytes, check_name, envelope_of, event_frame, json_of
from .frames import binary_frame, encode_json, json_frame, text_frame
from .messages import REPLY, BinaryMessage, encode_binary
from .options import RealtimeOptions
from .problems import problem_of

if TYPE_CHECKING:
    from .connection import Connection
    from .declaration import ChannelDeclaration, Typed
    from .room import Room

T = TypeVar("T")
logger: Final = logging.getLogger("vivace.realtime")


class Event:
    """Something that a member says: ``name``, ``data`` (bytes if it came as bytes), and whether it waits to hear of it.

    Who asked (``wants_ack``) hears of ``ack`` or ``fail``, of the first of them; where neither is called its time runs out.
    """

    __slots__ = ("_ack", "_channel", "data", "name", "size")

    def __init__(self, channel: Channel, name: str, data: Any, ack: int) -> None:
        self._channel = channel
        self._ack = ack
        self.size = channel.connection.taking  # bytes that it came as
        self.name = name
        self.data = data

    @property
    def wants_ack(self) -> bool:
        """Whether the client waits for an answer."""
        return self._ack != 0

    def ack(self, data: Any = None) -> None:
        """Tell the member that it is done, with data if you like; raises ``UnsendableEvent``."""
        number, room = self._ack, self._channel.room
        if number == 0:
            return
        raw = as_bytes(data)
        if raw is not None:
            frame = binary_frame(encode_binary(BinaryMessage(REPLY, room, "", number, raw)))
        else:
            frame = json_frame(b'["reply",%b,%d,%b]' % (encode_json(room), number, json_of(data, self.name)))
        self._answer(frame)

    def fail(self, detail: str = "", *, status: int = 400, **more: Any) -> None:
        """Tell the member that it is not done, and why: ``detail`` is shown, ``more`` stands beside it."""
        if self._ack:
            problem = {"type": "about:blank", "title": "Refused", "status": status, "detail": detail, **more}
            self._refuse(problem)

    def refuse(self, error: VivaceError) -> None:
        """Tell the member what is wrong with its event."""
        if self._ack:
            self._refuse(problem_of(error))

    def refuse_unknown(self) -> None:
        """Tell the member that nobody answers events of this name, with the nearest that somebody does."""
        known = list(self._channel.declaration.typed)
        self.refuse(
            EventRefused(
                f"Nobody answers {self.name[:80]!r} here.",
                expected=", ".join(known) or "no events",
                fix=nearest(self.name, known),
            )
        )

    def _refuse(self, problem: dict[str, Any]) -> None:
        self._answer(text_frame(("failed", self._channel.room, self._ack, problem)))

    def _answer(self, frame: bytes) -> None:
        self._ack = 0
        self._channel.send_frame(frame)

    def read(self, type: type[T]) -> T:
        """Return the data as a type (a msgspec struct, a dataclass, ``int`` …); raises ``EventRefused`` where it is not."""
        try:
            return msgspec.convert(self.data, type)
        except (msgspec.ValidationError, RecursionError) as error:
            raise EventRefused(f"The data of {self.name[:80]!r} is not valid: {error}") from error

    def __repr__(self) -> str:
        return f"<Event {self.name!r}>"


class Channel:
    """One member of one room.

    ``room`` is its path (``"chat/lobby"``), ``params`` the values of its parameters. ``user`` is who joined (as
    ``request.user()``; ``None`` in an app without users), ``data`` what the client said when it joined. ``key`` names the
    member among those of the room: its page, also after a reconnect.
    """

    __slots__ = (
        "_answers",
        "_asked",
        "_inbox",
        "_options",
        "_reader",
        "_room",
        "connection",
        "data",
        "declaration",
        "key",
        "left",
        "params",
        "request",
        "room",
        "task",
        "user",
    )

    def __init__(
        self,
        room: Room,
        connection: Connection,
        request: Request,
        declaration: ChannelDeclaration,
        options: RealtimeOptions,
    ) -> None:
        self._room = room
        self._options = options
        self.room = room.path
        self.connection = connection
        self.request = request
        self.declaration = declaration
        self.params: Mapping[str, Any] = request.path_params
        self.user: Any = None
        self.data: Any = None
        self.key = ""
        self.left = ""  # why it has left; "" while it is there
        self.task: asyncio.Task[None] | None = None
        self._inbox: deque[Event] = deque()
        self._reader: asyncio.Future[None] | None = None  # the handler, waiting for an event
        self._asked = 0
        self._answers: dict[int, asyncio.Future[Any]] | None = None

    # -- what the member says ---------------------------------------------------------------------------------------

    def __aiter__(self) -> Channel:
        return self

    async def __anext__(self) -> Event:
        """Return the next event; the iteration ends when the member has left."""
        while True:
            event = await self._taken()
            typed = self.declaration.typed.get(event.name)
            if typed is None:
                return event
            await self._answered(typed, event)

    async def _taken(self) -> Event:
        while not self._inbox:
            if self.left:
                raise StopAsyncIteration
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        event = self._inbox.popleft()
        self.connection.taken(event.size)
        return event

    async def _answered(self, typed: Typed, event: Event) -> None:
        try:
            event.ack(await typed.answer(self, event))
        except VivaceError as error:
            if error.status >= 500:
                logger.error("the event %s of %s failed", event.name, self, exc_info=error)
            event.refuse(error)
        except Exception as error:
            logger.error("the event %s of %s failed", event.name, self, exc_info=error)
            event.fail("This could not be done.", status=500)

    async def put(self, event: Event) -> bool:
        """Let an event wait for the handler; returns False where it could not be taken. For connections."""
        if self._is_full(event.size) and not await self._made_space(event.size):
            return False
        self._inbox.append(event)
        self.connection.inbound += event.size
        self._wake()
        return True

    def _is_full(self, size: int) -> bool:
        waiting = self.connection.inbound
        options = self._options
        return len(self._inbox) >= options.inbox or (waiting > 0 and waiting + size > options.inbox_bytes)

    async def _made_space(self, size: int) -> bool:
        connection, loop = self.connection, asyncio.get_running_loop()
        deadline = loop.time() + self._options.inbox_patience
        while self._is_full(size) and not self.left and loop.time() < deadline:
            connection.space = loop.create_future()
            await asyncio.wait({connection.space}, timeout=deadline - loop.time())
            connection.space = None
        return not self._is_full(size) and not self.left

    def forget_unread(self) -> None:
        """Let go of events that no handler will take."""
        while self._inbox:
            self.connection.taken(self._inbox.popleft().size)

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)
        if self.left:
            self.connection.taken(0)

    # -- what is said -----------------------------------------------------------------------------------------------

    async def broadcast(self, name: str, data: Any = None, *, but_me: bool = False) -> None:
        """Send an event to all members of the room, in all processes; bytes as ``data`` go as they are.

        Returns when the broker has it: then every member gets it, in the order that is the same for all. ``but_me``
        leaves this member's page out. Raises ``UnsendableEvent``, ``BrokerError``.
        """
        await self._room.publish(name, data, self.key if but_me else "")

    async def send(self, name: str, data: Any = None) -> None:
        """Send an event to this member alone, when it reads; raises ``ChannelClosed`` when it has left."""
        envelope = envelope_of(name, data)
        if not self.connection.flowing:
            await self.connection.drained()
        self._require_here()
        self.send_frame(event_frame(self.room, envelope, 0))

    def send_frame(self, frame: bytes) -> None:
        """Send a frame to this member alone, behind the events that wait for all. For events and answers."""
        self._room.catch_up(self)
        self.connection.send_frame(frame)

    async def ask(self, name: str, data: Any = None, *, timeout: float = 10.0) -> Any:
        """Send a question to this member and return its answer.

        Raises ``AskFailed`` when it does not answer within ``timeout`` seconds, or that it cannot; ``ChannelClosed`` when it
        has left.
        """
        check_name(name)
        self._require_here()
        self._asked += 1
        number = self._asked
        answers = self._answers = self._answers or {}
        answer = answers[number] = asyncio.get_running_loop().create_future()
        head = b'["ask",%b,%b,' % (encode_json(self.room), encode_json(name))
        self.send_frame(json_frame(head + b"%b,%d]" % (json_of(data, name), number)))
        try:
            async with asyncio.timeout(timeout):
                return await answer
        except TimeoutError as error:
            raise AskFailed(
                f"A member of {self.room!r} did not answer {name!r}.",
                expected=f"an answer within {timeout} s",
            ) from error
        finally:
            del answers[number]

    def answered(self, number: int, data: Any, error: str | None = None) -> None:
        """Take the answer to a question; one that nobody waits for is dropped. For connections."""
        answer = (self._answers or {}).get(number)
        if answer is None or answer.done():
            return
        if error is None:
            answer.set_result(data)
        else:
            answer.set_exception(AskFailed(f"A member of {self.room!r} cannot answer.", got=error[:200]))

    # -- who is here ------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def present(self, info: Any = None) -> AsyncGenerator[None]:
        """Be present in the room for a block: ``members()`` and the clients show ``info`` (JSON) under the member's key.

        Without ``info`` that is ``{"user": primary key}``. It ends with the block, when the member has left, and when its
        process dies. Raises ``UnsendableEvent``, ``BrokerError``.
        """
        shown = json_of(self._shown() if info is None else info, "presence")
        if len(shown) > self._options.presence_bytes:
            raise UnsendableEvent(
                f"A member of {self.room!r} shows too much of itself.",
                expected=f"at most {self._options.presence_bytes:,} bytes of JSON: everybody in the room is sent it",
                got=f"{len(shown):,} bytes",
                fix="Show what the others need to fetch the rest, such as a primary key.",
            )
        await self._room.appear(self, shown)
        try:
            yield
        finally:
            await self._room.disappear(self)

    def _shown(self) -> dict[str, Any]:
        return {"user": getattr(self.user, "pk", None)}

    def members(self) -> dict[str, Any]:
        """Return who is present in the room, in all processes: what each shows, by its key."""
        return self._room.presence.members()

    # -- the end ----------------------------------------------------------------------------------------------------

    def close(self, reason: str = "closed") -> None:
        """Take the member out of the room; its client is told why. The handler's iteration ends."""
        self._room.expel(self, reason)

    @property
    def closed(self) -> bool:
        """Whether the member has left."""
        return bool(self.left)

    def leave(self, why: str) -> None:
        """Note that the member has left: the iteration ends, questions fail. For rooms."""
        if self.left:
            return
        self.left = why
        self._wake()
        for answer in (self._answers or {}).values():
            if not answer.done():
                answer.set_exception(self._gone())

    def _require_here(self) -> None:
        if self.left:
            raise self._gone()

    def _gone(self) -> ChannelClosed:
        return ChannelClosed(f"This member has left the room {self.room!r}.", got=self.left)

    def __repr__(self) -> str:
        return f"<Channel {self.room} {self.key}>"


__all__ = ["Channel", "Event"]
