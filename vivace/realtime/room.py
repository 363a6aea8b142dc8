"""A room, as one process knows it: its members here, its topic at the broker, where in the topic it is.

Theory
------
Every event of a room goes through the broker, also to members of the process that makes it: so there is one order, that of
the topic's numbers, for everybody. ``_receive`` turns a message into one frame and writes it to all members; that
loop is what a thousand members cost, so it holds nothing but a write, and for many members it takes several events at once
(``outbox.py``).

*Joining.* Between asking the log for what a member missed and making it a member, more may come: ``_entering`` collects
that for each who is about to join. The log may be ahead of what was heard here, too, and so may a member that comes from
another process: numbers decide what each has had already.

*The broker's epoch* rises when messages may have been missed, which is also so when any process dies. The room's log may
be whole all the same: ``recover`` asks it for what came after the last number here. Where it cannot tell, because it no
longer reaches back or is another log (its id, ``Log``, has changed), every member is told to resync.

A room exists while it has members here; the manager (``manager.py``) makes it and forgets it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from vivace.brokers import Message, decode_lease, leases_of
from vivace.brokers.exchange import Exchange
from vivace.engine.websocket.frames import POLICY
from vivace.errors import BrokerError

from .channel import Channel
from .connection import Connection, spread, spread_frames
from .envelope import Envelope, decode_envelope, encode_envelope, event_frame
from .frames import text_frame
from .outbox import Outbox, Outgoing
from .presence import Presence, Shift

if TYPE_CHECKING:
    from .manager import Channels

logger: Final = logging.getLogger("vivace.realtime")
TOPIC: Final = "vivace/channel/"
REPLACED: Final = "replaced"  # why a member has left whose page has another connection
REPLACED_GRACE: Final = 5.0  # seconds for that page to be present again, so that nobody sees it go


def topic_of(path: str) -> str:
    """Return the broker's topic of a room."""
    return TOPIC + path


class Room:
    """The members of one room in this process."""

    __slots__ = (
        "_ahead",
        "_broker",
        "_changes",
        "_entering",
        "_held",
        "_manager",
        "_opening",
        "_outbox",
        "_slow",
        "_topic",
        "last",
        "log",
        "members",
        "path",
        "presence",
        "users",
    )

    def __init__(self, manager: Channels, path: str, broker: Exchange) -> None:
        self.path = path
        self.members: dict[Connection, Channel] = {}
        self.presence = Presence()
        self.last = 0  # the number of the latest message
        self.log = manager.log  # the log that it counts in
        self.users = 0  # members, and those who are about to join
        self._manager = manager
        self._broker = broker
        self._topic = topic_of(path)
        self._opening: asyncio.Task[None] | None = None
        self._ahead: dict[Connection, int] = {}  # who has had from the log what is still to be heard here
        self._entering: dict[Channel, list[tuple[int, Envelope]]] = {}
        self._held: list[Message] | None = None  # what comes while the room recovers
        self._changes: list[Message] | None = None  # of leases, while their whole is asked for
        self._slow: set[Connection] = set()  # of whom the next broadcast waits
        self._outbox = Outbox(self._write, manager.later, manager.rest)

    # -- life -------------------------------------------------------------------------------------------------------

    async def opened(self) -> None:
        """Wait until the room hears its topic; raises ``BrokerError``."""
        if self._opening is None:
            self._opening = asyncio.get_running_loop().create_task(self._open(), name=f"open {self.path}")
        await asyncio.shield(self._opening)

    async def _open(self) -> None:
        self.last = max(self.last, await self._broker.listen(self._topic, self._receive))
        self._changes = []
        await self._broker.listen(leases_of(self._topic), self._take_lease)
        await self._count()

    async def close(self) -> None:
        """Hear no more."""
        if self._opening is not None:
            await asyncio.wait({self._opening})
        with suppress(BrokerError):  # what is lost cannot be left
            await self._broker.leave(self._topic, self._receive)
            await self._broker.leave(leases_of(self._topic), self._take_lease)
        self._outbox.close()

    # -- joining ----------------------------------------------------------------------------------------------------

    async def enter(self, channel: Channel, since: tuple[int, int] | None, heard: int | None) -> None:
        """Make a member, which is told so (also what was ``heard`` of it), and given what it missed.

        Raises ``BrokerError``.
        """
        await self.opened()
        arrived = self._entering[channel] = list[tuple[int, Envelope]]()
        try:
            log, number, missed, resync = await self._missed(arrived, since)
        finally:
            self._entering.pop(channel, None)
        if channel.left or channel.connection.closed:
            return
        self._tell_joined(channel, (log, number), resync=resync, received=heard)
        for message in missed:
            self._replay(channel, message.number, decode_envelope(message.payload))
            number = message.number
        for later, envelope in arrived:
            if later > number:
                self._replay(channel, later, envelope)
        self.members[channel.connection] = channel
        if number > self.last or self._outbox.waiting:
            self._ahead[channel.connection] = max(number, self.last)

    async def _missed(
        self, arrived: list[tuple[int, Envelope]], since: tuple[int, int] | None
    ) -> tuple[int, int, list[Message], bool]:
        """Return the position after which a member is to get events, those of the log, and whether it must resync."""
        while True:
            await self._manager.settled()
            arrived.clear()
            log, number = self.log, self.last
            known = since is not None and since[0] == log
            found = await self._broker.since(self._topic, since[1]) if since is not None and known else None
            if self.log == log and self._held is None:  # no interruption meanwhile
                break
        if since is not None and found is not None:
            return log, since[1], found, False
        return log, number, [], since is not None

    def _tell_joined(
        self, channel: Channel, position: tuple[int, int], *, resync: bool, received: int | None = None
    ) -> None:
        about = {
            "resync": resync,
            "members": self.presence.members(),
            "me": channel.key,
            "received": received,
        }
        channel.connection.send("joined", self.path, position, about)

    def _replay(self, channel: Channel, number: int, envelope: Envelope) -> None:
        if not envelope.sender or envelope.sender != channel.key:
            frame = event_frame(self.path, envelope, number)
            channel.connection.offer(frame, self.path, envelope.name, channel.declaration.slow)

    # -- leaving ----------------------------------------------------------------------------------------------------

    def remove(self, channel: Channel) -> None:
        """Forget a member."""
        if self.members.get(channel.connection) is channel:
            del self.members[channel.connection]
        self._slow.discard(channel.connection)
        self._ahead.pop(channel.connection, None)
        if channel.left == REPLACED:
            self._manager.later(REPLACED_GRACE, lambda: self._manager.spawn(self.disappear(channel)))
        else:
            self._manager.spawn(self.disappear(channel))

    def expel(self, channel: Channel, reason: Any) -> None:
        """Take a member out, and tell it why."""
        if not channel.left:
            self.catch_up(channel)
            channel.connection.send("left", self.path, reason)
            self._manager.leave(channel, reason if isinstance(reason, str) else "refused")

    # -- events -----------------------------------------------------------------------------------------------------

    async def publish(self, name: str, data: Any, sender: str = "") -> None:
        """Send an event to all members everywhere; waits for those who are slow here and must not miss any."""
        payload = encode_envelope(name, data, sender)
        if self._slow:
            await self._wait_for_slow()
        await self._broker.publish(self._topic, payload)

    async def _wait_for_slow(self) -> None:
        """Wait for slow members, all at once; who makes the others wait for too long is closed, and may come back."""
        slow = list(self._slow)
        tasks = {asyncio.ensure_future(connection.drained()) for connection in slow}
        _, late = await asyncio.wait(tasks, timeout=self._manager.slow_patience)
        for task in late:
            task.cancel()
        for connection in slow:
            self._slow.discard(connection)
            if late and not connection.flowing and not connection.closed:
                connection.abort(POLICY, "too slow")

    def _receive(self, message: Message) -> None:
        """Take an event from the broker."""
        if self._held is not None:
            self._held.append(message)
        elif message.number > self.last:
            self._deliver(message)

    def _deliver(self, message: Message) -> None:
        self.last = message.number
        envelope = decode_envelope(message.payload)
        for arrived in self._entering.values():
            arrived.append((message.number, envelope))
        if not self.members:
            return
        frame = event_frame(self.path, envelope, message.number)
        self._outbox.add(Outgoing(frame, envelope.name, envelope.sender, message.number))

    def _write(self, events: list[Outgoing]) -> int:
        """Send events to all members; return how many members there are."""
        members: Iterable[Connection] = self.members
        if self._ahead or any(event.sender for event in events):
            apart = self._apart(events)
            members = [connection for connection in self.members if connection not in apart]
            for channel in apart.values():
                self._give(channel, events)
            self._forget_ahead(events[-1].number)
        for connection in spread_frames(members, [event.frame for event in events]):
            self._give(self.members[connection], events)
        return len(self.members)

    def _apart(self, events: list[Outgoing]) -> dict[Connection, Channel]:
        """Return the members who may not get all of these events."""
        senders = {event.sender for event in events if event.sender}
        ahead = self._ahead
        return {
            connection: channel
            for connection, channel in self.members.items()
            if connection in ahead or channel.key in senders
        }

    def _give(self, channel: Channel, events: list[Outgoing]) -> None:
        """Send a member those of the events that are for it and that it has not had."""
        had = self._ahead.get(channel.connection, 0)
        slow, connection = channel.declaration.slow, channel.connection
        for frame, name, sender, number in events:
            if number <= had or (sender and channel.key == sender):
                continue
            if (
                not connection.offer(frame, self.path, name, slow)
                and slow == "wait"
                and not connection.closed
            ):
                self._slow.add(connection)

    def _forget_ahead(self, number: int) -> None:
        for connection in [connection for connection, last in self._ahead.items() if last <= number]:
            del self._ahead[connection]

    def flush(self) -> None:
        """Send what waits for the end of a rest."""
        self._outbox.flush()

    def catch_up(self, channel: Channel) -> None:
        """Give a member what waits for all, before it is sent something of its own."""
        waiting = self._outbox.waiting
        if waiting and self.members.get(channel.connection) is channel:
            self._give(channel, waiting)
            self._ahead[channel.connection] = max(self._ahead.get(channel.connection, 0), waiting[-1].number)

    # -- presence ---------------------------------------------------------------------------------------------------

    async def appear(self, channel: Channel, info: bytes) -> None:
        """Let a member be present; raises ``BrokerError``."""
        # In the manager: a page may come back to a room that was made anew, before its old connection is given up.
        self._manager.presents.setdefault((self.path, channel.key), set()).add(channel)
        await self._broker.put(self._topic, channel.key, info)
        if channel.left:  # it went while the broker was told
            await self.disappear(channel)

    async def disappear(self, channel: Channel) -> None:
        """Let a member be present no more; a page that is here twice, once more than it knows, stays."""
        presents, place = self._manager.presents, (self.path, channel.key)
        here = presents.get(place, set())
        if channel not in here:
            return
        here.remove(channel)
        if here:
            return
        del presents[place]
        try:
            await self._broker.drop(self._topic, channel.key)
        except BrokerError as error:
            logger.warning(
                "%r stays present in %r until the broker is back: %s", channel.key, self.path, error
            )

    def _take_lease(self, message: Message) -> None:
        if self._changes is not None:
            self._changes.append(message)
        else:
            self._tell(self.presence.take(decode_lease(message.payload)))

    async def _count(self) -> None:
        """Ask the broker who is present; what changes meanwhile is applied after."""
        self._changes = self._changes or []
        try:
            entries = await self._broker.entries(self._topic)
        finally:
            changes, self._changes = self._changes, None
        self._tell(self.presence.replace(entries))
        for message in changes:
            self._take_lease(message)

    def _tell(self, shift: Shift) -> None:
        if shift and self.members:
            self.flush()
            frame = text_frame(("presence", self.path, shift.joined, shift.left))
            for connection in spread(self.members, frame):
                connection.send_frame(frame)

    # -- after an interruption --------------------------------------------------------------------------------------

    def hold(self) -> None:
        """Let what comes wait until ``recover`` has found out what was missed."""
        if self._held is None:
            self._held = []

    async def recover(self, log: int) -> None:
        """Give the members what they missed, or tell them to resync; raises ``BrokerError``."""
        if self._held is None:  # it was made after the interruption
            self.log = log
            return
        await self.opened()
        last = self.last
        missed = await self._broker.since(self._topic, last) if log == self.log else None
        if missed is None:
            await self._broker.leave(self._topic, self._receive)
            last = await self._broker.listen(self._topic, self._receive)
        await self._count()
        # From here on nothing is awaited: who is interrupted before has changed nothing, and the next attempt finds out again.
        held, self._held = self._held, None
        self.flush()
        if missed is None:
            self.last, self.log = last, log
            self._ahead.clear()
            for channel in list(self.members.values()):
                self._tell_joined(channel, (log, self.last), resync=True)
        for message in [*(missed or ()), *held]:
            if message.number > self.last:
                self._deliver(message)


__all__ = ["Room", "topic_of"]
