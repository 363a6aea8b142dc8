"""The channels of an app: who may join which room, what members say, and what the rest of the program says to them.

Theory
------
*Joining* runs the guards of the channel with a request of its own: the handshake's, with the room's parameters, and with
nothing remembered of what was asked before, so that rights are those of now. What guards and the user's look-up read is
recorded (``changes.ReadSet``) and indexed. When a commit touches it, here or in another process, they are asked again, and
who may no longer be there is taken out. When the session ends is known, and they are asked again then; what else ends
without a write is found by ``sweep``.

*The log's id.* Positions that clients hold are (log, number). ``log`` is a counter at the broker, set once at random: it
lives as long as the broker's own state, so it changes exactly when numbers begin anew.

What a client asks for is checked in this order: the shape of the message, the number of rooms, the room's path against the
declared patterns, the guards. A path is text, not an address: nothing in it is percent-decoded, and every room has exactly
one, so that no two names lead to the same members.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable
from contextlib import suppress
from copy import copy
from functools import partial
from typing import Any, Final, Protocol

import msgspec

from vivace.brokers import Message
from vivace.brokers.exchange import Exchange
from vivace.brokers.feed import ChangeFeed
from vivace.cache.index import ReadIndex
from vivace.changes import ReadSet, WriteSet, recording
from vivace.errors import (
    BrokerError,
    BrokerUnavailable,
    ChannelClosed,
    EventRefused,
    RoomRefused,
)
from vivace.http.eventstream import Event as ServerSentEvent
from vivace.http.request import Request
from vivace.routing import Route

from .channel import Channel, Event
from .connection import Connection, belongings
from .envelope import Order, decode_order, encode_envelope, encode_order
from .hub import Hub
from .listening import listen
from .messages import (
    ACK,
    SEND,
    Ack,
    Join,
    Leave,
    Nack,
    Send,
    bad_message,
    parse_as,
    parse_binary,
)
from .paths import JoinableChannel, Rooms
from .problems import problem_of
from .room import REPLACED, Room, topic_of
from .sessions import Endings, session_lasts

logger: Final = logging.getLogger("vivace.realtime")
ORDERS: Final = "vivace/channels"
LOG: Final = "vivace/channels/log"
CHANNEL_STATE: Final = "channel"  # under which a request knows its channel
_STATE: Final = "channels"  # under which a connection knows its channels
_PAGES: Final = 10_000  # pages of which it is remembered what they asked
_RECHECKS: Final = 8  # guards that are asked again at the same time
_TRIES: Final = 3  # to ask the guards while what they read keeps changing
GUARD_SECONDS: Final = 10.0
TRY_LATER: Final = 1013  # close code: IANA's registry of RFC 6455
RETRY: Final = 0.5  # seconds between attempts to find out what was missed


class Spawn(Protocol):
    """Runs work in a task of the app, for a request or for none."""

    def __call__(
        self, work: Coroutine[Any, Any, Any], request: Request | None = None
    ) -> asyncio.Task[Any]: ...


class Parts(msgspec.Struct, frozen=True):
    """What the channels of an app rest on."""

    hub: Hub
    broker: Exchange
    feed: ChangeFeed | None
    rooms: Rooms
    spawn: Spawn
    has_users: bool = False
    clock: Callable[[], float] = time.monotonic


class Verdict(msgspec.Struct):
    """What asking the guards gave."""

    request: Request
    user: Any
    reads: ReadSet
    doubtful: bool = False  # what they read kept changing: they are to be asked again


class Channels:
    """The rooms that have members in this process, and what can be done with those of all processes."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._options = parts.hub.options
        self._rooms: dict[str, Room] = {}
        self._index: ReadIndex[Channel] = ReadIndex()
        self._asked: dict[Channel, float] = {}  # when the guards of each member were asked
        self._dirty: dict[Channel, None] = {}
        self._heard: dict[tuple[str, str], int] = {}  # the last question of a page (by its key) in a room
        self._checker: asyncio.Task[None] | None = None
        self._recovery: asyncio.Task[None] | None = None
        self.presents: dict[tuple[str, str], set[Channel]] = {}  # who of here is present, by room and key
        self._endings: list[Callable[[], None]] = []
        self._timers: set[asyncio.TimerHandle] = set()
        recheck = self._options.recheck  # later ends are found by the sweep
        self._sessions: Endings[Channel] = Endings(lambda: recheck)
        self.log = 0
        self.slow_patience = parts.hub.options.slow_patience
        self.spawn = parts.spawn
        verbs = {
            "join": self._join,
            "leave": self._leave,
            "send": self._send,
            "ack": self._ack,
            "nack": self._nack,
        }
        parts.hub.verbs.update(verbs)
        parts.hub.binary = self._binary

    # -- life -------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Begin to hear the other processes; raises ``BrokerError``."""
        broker, feed = self._parts.broker, self._parts.feed
        await broker.listen(ORDERS, self._ordered)
        self.log = await self._log_id()
        self._endings.append(broker.on_reset(self._reset))
        if feed is not None:
            self._endings += [feed.subscribe(self._written), feed.on_reset(self._forgotten)]

    async def stop(self) -> None:
        """Let all members go."""
        for end in self._endings:
            end()
        self._endings.clear()
        for timer in self._timers:
            timer.cancel()
        for room in self._rooms.values():
            room.flush()
        leaving = [channel for room in self._rooms.values() for channel in room.members.values()]
        for channel in leaving:
            self.leave(channel, "shutdown")
        tasks = [channel.task for channel in leaving if channel.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=1.0)
        for task in [*tasks, self._checker, self._recovery]:
            if task is not None:
                task.cancel()
        with suppress(BrokerError):  # what is lost cannot be left
            await self._parts.broker.leave(ORDERS, self._ordered)

    @property
    def rest(self) -> float:
        """How many seconds a crowded room rests for each member."""
        return self._options.rest

    def later(self, delay: float, function: Callable[[], object]) -> None:
        """Call a function in so many seconds, unless the app has stopped."""

        def call() -> None:
            self._timers.discard(timer)
            function()

        timer = asyncio.get_running_loop().call_later(delay, call)
        self._timers.add(timer)

    async def _log_id(self) -> int:
        broker = self._parts.broker
        known = await broker.incr(LOG, 0)
        if not known:
            async with broker.lock(LOG):
                known = await broker.incr(LOG, 0) or await broker.incr(LOG, secrets.randbelow(2**48) + 1)
        return known

    # -- for programs -----------------------------------------------------------------------------------------------

    async def emit(self, room: str, name: str, data: Any = None) -> None:
        """Send an event to all members of a room, in all processes; from anywhere in the program.

        Raises ``UnknownRoom`` where no channel has such a room, ``UnsendableEvent``, ``BrokerError``.
        """
        self._parts.rooms.find(room)
        await self._parts.broker.publish(topic_of(room), encode_envelope(name, data))

    async def members(self, room: str) -> dict[str, Any]:
        """Return who is present in a room, in all processes: what each shows, by its key."""
        self._parts.rooms.find(room)
        entries = await self._parts.broker.entries(topic_of(room))
        return {key: msgspec.json.decode(info) for (_, key), info in entries.items()}

    async def disconnect(
        self, *, user: Any = None, room: str = "", member: str = "", reason: str = "disconnected"
    ) -> None:
        """Take people out of their rooms, in all processes: a ``user`` (or its primary key), a ``member`` by its key.

        With ``room`` of that one alone; with nothing else everybody who is in it. Raises ``BrokerError``.
        """
        if room:
            self._parts.rooms.find(room)
        if user is None and not room and not member:
            raise RoomRefused(
                "disconnect() was not told whom.",
                expected="user=…, member=… or room=…",
                fix="Name one of them.",
            )
        wanted = None if user is None else str(getattr(user, "pk", user))
        await self._parts.broker.publish(ORDERS, encode_order(Order(room, wanted, member, reason)))

    def events(self, room: str, last_event_id: str | None = None) -> AsyncGenerator[ServerSentEvent]:
        """Return a room as server-sent events, for who only listens: ``EventStream(app.channels.events("news"))``.

        With ``request.last_event_id`` it begins with what a client that comes back has missed, or with an event ``resync``.
        The guards of the room are not asked: whoever may see the stream sees the room. Raises ``UnknownRoom``.
        """
        self._parts.rooms.find(room)
        return listen(self._parts.broker, topic_of(room), lambda: self.log, last_event_id or "")

    @property
    def counts(self) -> dict[str, int]:
        """What there is in this process: connections, rooms, members, events dropped for slow readers."""
        connections = self._parts.hub.connections.values()
        return {
            "connections": len(connections),
            "rooms": len(self._rooms),
            "members": sum(len(room.members) for room in self._rooms.values()),
            "dropped": self._parts.hub.dropped + sum(one.dropped for one in connections),
        }

    def rooms_of(self, connection: Connection) -> list[tuple[str, int, int]]:
        """Return the rooms that a page is in: path, members in this process, how many are present in all."""
        rooms = [self._rooms[path] for path in self._rooms_of(connection) if path in self._rooms]
        return [(room.path, len(room.members), len(room.presence.members())) for room in rooms]

    # -- verbs ------------------------------------------------------------------------------------------------------

    async def _join(self, connection: Connection, message: list[Any]) -> None:
        asked = parse_as(message, Join)
        here = self._rooms_of(connection)
        if asked.room in here:
            return  # twice over one connection: it is in
        try:
            channel = await self._admitted(connection, asked, len(here))
        except Exception as error:
            problem = problem_of(error)
            if problem["status"] >= 500:
                logger.error("joining %r failed", asked.room[:200], exc_info=error)
            connection.send("refused", asked.room, problem)
        else:
            if channel is not None:
                channel.task = self.spawn(self._run(channel), channel.request)

    async def _admitted(self, connection: Connection, asked: Join, joined: int) -> Channel | None:
        """Ask the guards and enter the room; ``None`` when the connection has ended meanwhile."""
        if joined >= self._options.rooms:
            raise RoomRefused("This page is in too many rooms.", expected=f"at most {self._options.rooms}")
        if connection.taking > self._options.join_bytes:
            most = f"at most {self._options.join_bytes:,} bytes"
            raise RoomRefused(
                "This page says too much when it joins.", expected=most, fix="Send it afterwards."
            )
        kind, params = self._parts.rooms.find(asked.room)
        verdict = await self._ask_guards(connection, kind, params)
        if connection.closed:
            return None
        room = self._room(asked.room)
        room.users += 1  # first: its only member may be the one that is replaced
        key = self._parts.rooms.key_of(asked.options.client)
        self._replace(room, key)
        channel = Channel(room, connection, verdict.request, kind.declaration, self._options)
        channel.user, channel.data = verdict.user, asked.options.data
        channel.key = key
        verdict.request.state[CHANNEL_STATE] = channel
        here = connection.state[_STATE]
        here[asked.room] = channel
        self._remember(channel, verdict)
        since, page = asked.options.since, (asked.room, key)
        heard = self._heard.get(page)
        if since is None:  # it may begin to count anew
            self._heard.pop(page, None)
        try:
            await room.enter(channel, since, heard)
        except BaseException:
            self.leave(channel, "failed")
            raise
        return None if channel.left else channel

    def _rooms_of(self, connection: Connection) -> dict[str, Channel]:
        return belongings(connection, _STATE, partial(self.leave, why="disconnected"))

    def _replace(self, room: Room, key: str) -> None:
        """Let go of the connection that a page had before: what it still says there was said again by then."""
        for channel in [one for one in room.members.values() if one.key == key]:
            self.leave(channel, REPLACED)

    def _room(self, path: str) -> Room:
        room = self._rooms.get(path)
        if room is None:
            room = self._rooms[path] = Room(self, path, self._parts.broker)
        return room

    async def _run(self, channel: Channel) -> None:
        """Run the handler of a member; when it ends, the member leaves."""
        kind, _ = self._parts.rooms.find(channel.room)
        reason: Any = "done"
        try:
            await kind.run(channel)
        except asyncio.CancelledError:
            if not channel.left:
                raise
        except BrokerError as error:
            logger.warning("the handler of %s lost the broker: %s", channel, error)
            channel.connection.abort(TRY_LATER, "try again later")  # the page comes back, and to this room
        except Exception as error:
            reason = problem_of(error)
            gone = bool(channel.left) and isinstance(error, ChannelClosed)
            if reason["status"] >= 500 and not gone:
                logger.error("the handler of %s failed", channel, exc_info=error)
        finally:
            channel.forget_unread()
            channel.request.state.pop(CHANNEL_STATE, None)  # they know each other: a circle
        self._rooms_expel(channel, reason)

    def _rooms_expel(self, channel: Channel, reason: Any) -> None:
        room = self._rooms.get(channel.room)
        if room is not None:
            room.expel(channel, reason)

    async def _leave(self, connection: Connection, message: list[Any]) -> None:
        channel = self._member(connection, parse_as(message, Leave).room)
        if channel is not None:
            self.leave(channel, "left")

    async def _send(self, connection: Connection, message: list[Any]) -> None:
        said = parse_as(message, Send)
        await self._said(connection, said.room, said.name, said.data, said.ack)

    async def _said(self, connection: Connection, room: str, name: str, data: Any, ack: int) -> None:
        channel = self._member(connection, room)
        if channel is None:
            if ack:
                _refuse(connection, room, ack, EventRefused("This page is not in the room.", got=room[:200]))
            return
        if ack and not self._note(channel, ack):
            _refuse(connection, room, ack, EventRefused("This was said before.", got=f"number {ack} again"))
            return
        event = Event(channel, name, data, ack)
        if not await channel.put(event):
            event.fail("The room does not keep up with what you say.", status=503)

    def _note(self, channel: Channel, number: int) -> bool:
        """Remember what a page asked last, so that after an interruption it knows what arrived; False: it came before."""
        heard, page = self._heard, (channel.room, channel.key)
        last = heard.pop(page, 0)
        heard[page] = max(last, number)
        if len(heard) > _PAGES:
            del heard[next(iter(heard))]
        return number > last

    async def _ack(self, connection: Connection, message: list[Any]) -> None:
        said = parse_as(message, Ack)
        channel = self._member(connection, said.room)
        if channel is not None:
            channel.answered(said.number, said.data)

    async def _nack(self, connection: Connection, message: list[Any]) -> None:
        said = parse_as(message, Nack)
        channel = self._member(connection, said.room)
        if channel is not None:
            channel.answered(said.number, None, said.why or "no reason")

    async def _binary(self, connection: Connection, data: bytes) -> None:
        said = parse_binary(data)
        if said.kind == SEND:
            await self._said(connection, said.room, said.name, said.payload, said.number)
        elif said.kind == ACK:
            channel = self._member(connection, said.room)
            if channel is not None:
                channel.answered(said.number, said.payload)
        else:
            raise bad_message(f"binary, of the kind {said.kind}")

    def _member(self, connection: Connection, room: str) -> Channel | None:
        known: dict[str, Channel] = connection.state.get(_STATE, {})
        return known.get(room)

    # -- leaving ----------------------------------------------------------------------------------------------------

    def leave(self, channel: Channel, why: str) -> None:
        """Let a member go: its handler is asked to end, and cancelled when it does not."""
        if channel.left:
            return
        channel.leave(why)
        self._index.remove(channel)
        self._sessions.forget(channel)
        self._asked.pop(channel, None)
        self._dirty.pop(channel, None)
        here: dict[str, Channel] = channel.connection.state.get(_STATE, {})
        if here.get(channel.room) is channel:
            del here[channel.room]
        room = self._rooms.get(channel.room)
        if room is not None:
            room.remove(channel)
            room.users -= 1
            if not room.users:
                del self._rooms[channel.room]
                self.spawn(room.close())
        task = channel.task
        if task is not None and not task.done() and task is not asyncio.current_task():
            self.later(self._options.leave_grace, task.cancel)

    def _ordered(self, message: Message) -> None:
        """Take people out, as any process says."""
        order = decode_order(message.payload)
        rooms = [self._rooms.get(order.room)] if order.room else list(self._rooms.values())
        for room in rooms:
            for channel in list(room.members.values()) if room is not None else ():
                fits_user = order.user is None or order.user == str(getattr(channel.user, "pk", None))
                if room is not None and fits_user and order.member in ("", channel.key):
                    room.expel(channel, order.reason)

    # -- rights -----------------------------------------------------------------------------------------------------

    async def _ask_guards(
        self, connection: Connection, kind: JoinableChannel, params: dict[str, Any]
    ) -> Verdict:
        """Return what the guards of a room said of a connection; raises what they raise."""
        feed, tries = self._parts.feed, 0
        while True:
            sequence, tries = feed.sequence if feed is not None else 0, tries + 1
            verdict = Verdict(fresh_request(connection.request, kind.route, params), None, ReadSet())
            with recording(verdict.reads):
                async with asyncio.timeout(GUARD_SECONDS):
                    for guard in kind.guards:
                        await guard(verdict.request)
                    if self._parts.has_users:
                        verdict.user = await verdict.request.user()
            verdict.doubtful = feed is not None and feed.met_since(sequence, verdict.reads)
            if tries == _TRIES or not verdict.doubtful:
                return verdict

    def _remember(self, channel: Channel, verdict: Verdict) -> None:
        self._index.add(channel, verdict.reads)
        self._asked[channel] = self._parts.clock()
        lasts = session_lasts(verdict.request)
        self._sessions.expect(channel, lasts, partial(self._ask_again, (channel,)))
        if verdict.doubtful:
            self._ask_soon(channel)

    def _written(self, write: WriteSet) -> None:
        """Ask the guards again whose reads a commit touched."""
        self._ask_again(self._index.touched(write))

    def _forgotten(self, epoch: int) -> None:
        """Commits may have been missed: any right may have changed."""
        self._ask_again(list(self._asked))

    def sweep(self) -> None:
        """Ask those guards again that were not asked for long; call it now and then."""
        oldest = self._parts.clock() - self._options.recheck
        self._ask_again([channel for channel, when in self._asked.items() if when < oldest])

    def _ask_again(self, channels: Iterable[Channel]) -> None:
        self._dirty.update(dict.fromkeys(channels))
        if self._dirty and (self._checker is None or self._checker.done()):
            self._checker = self.spawn(self._recheck_all())

    async def _recheck_all(self) -> None:
        while self._dirty:
            batch = list(self._dirty)[:_RECHECKS]
            for channel in batch:
                del self._dirty[channel]
            await asyncio.gather(*map(self._recheck, batch))

    async def _recheck(self, channel: Channel) -> None:
        if channel.left:
            return
        kind, params = self._parts.rooms.find(channel.room)
        try:
            verdict = await self._ask_guards(channel.connection, kind, params)
        except Exception as error:
            problem = problem_of(error)
            if problem["status"] < 500:
                self._rooms_expel(channel, problem)
            else:  # they cannot be asked, as the database is away
                logger.warning("the rights of %s could not be checked: %r", channel, error)
                self._ask_soon(channel)
        else:
            self._stays(channel, verdict)

    def _stays(self, channel: Channel, verdict: Verdict) -> None:
        """Keep a member that may stay; one who is somebody else now (logged out, say) may join again as that."""
        if channel.left:
            return
        if getattr(channel.user, "pk", None) != getattr(verdict.user, "pk", None):
            self._rooms_expel(
                channel, problem_of(RoomRefused("You are somebody else now.", fix="Join again."))
            )
            return
        channel.user = verdict.user
        self._remember(channel, verdict)

    def _ask_soon(self, channel: Channel) -> None:
        self.later(RETRY, lambda: self._ask_again(() if channel.left else (channel,)))

    # -- the broker's epoch -----------------------------------------------------------------------------------------

    def _reset(self, epoch: int) -> None:
        for room in self._rooms.values():
            room.hold()
        if self._recovery is not None:
            self._recovery.cancel()
        self._recovery = self.spawn(self._recover())

    async def settled(self) -> None:
        """Wait until it is known for every room what was missed in an interruption; raises ``BrokerUnavailable``."""
        recovery = self._recovery
        if recovery is not None and not recovery.done():
            await asyncio.wait({recovery}, timeout=GUARD_SECONDS)
            if not recovery.done():
                raise BrokerUnavailable("The room waits for the broker.", fix="Join again later.")

    async def _recover(self) -> None:
        """Find out for every room what was missed; as often as it takes."""
        while True:
            try:
                self.log = await self._log_id()
                for room in list(self._rooms.values()):
                    await room.recover(self.log)
                return
            except BrokerError as error:
                logger.warning("channels wait for the broker: %s", error)
                await asyncio.sleep(RETRY)


def _refuse(connection: Connection, room: str, number: int, error: EventRefused) -> None:
    connection.send("failed", room, number, problem_of(error))


def fresh_request(handshake: Request, route: Route, params: dict[str, Any]) -> Request:
    """Return a request like the handshake's that has asked for nothing yet, with the parameters of a room."""
    request = copy(handshake)
    for name in ("_parts", "_asking", "_state", "after", "hooks", "amendments"):
        setattr(request, name, None)
    request.route, request.path_params = route, params
    return request


__all__ = ["CHANNEL_STATE", "Channels", "Parts", "fresh_request"]
