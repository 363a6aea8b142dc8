"""The hub itself: a ``Board`` that processes reach over a Unix socket.

Each connection is a member of the board. One that ends without "bye" was a death: the epoch rises. So does it for all
when the hub is a new one, because a hub remembers nothing: its first epoch and number come from the clock, and are
above whatever the processes that come remember of the one before (they say it in their "hello").

A process that lost its connection, and not the hub, sends its unanswered calls again under their old ids. The hub keeps
the latest answers of ``ONCE`` calls for it, so that a message is not published twice and a counter not raised twice.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final

from vivace.brokers.base import BrokerOptions, Message, first_number
from vivace.brokers.board import Board

from .wire import MOST_SINCE, VERSION, BadFrame, Link, close_in_forks, frame

logger: Final = logging.getLogger("vivace.brokers")
LAST_WORDS: Final = 1.0  # seconds for what is unsent at the end
PAUSE: Final = 0.5  # seconds before another attempt to accept
SWEEP: Final = 5.0  # seconds between looks for what is too old
ANSWERS: Final = 1_024  # kept for each process
PROCESSES: Final = 256  # of which answers are kept
OVERHEAD: Final = 4_096  # bytes of a frame beside the payload
ONCE: Final = frozenset({"publish", "incr"})


class HubServer:
    """Serves a hub on a listening socket; belongs to one event loop."""

    def __init__(
        self,
        options: BrokerOptions | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.options = options or BrokerOptions()
        milliseconds = int(now() * 1000)
        self.board = Board(self.options, epoch=milliseconds, number=first_number(milliseconds), clock=clock)
        self.instance = os.urandom(8).hex()
        self.answers: OrderedDict[str, OrderedDict[int, Any]] = OrderedDict()
        self.connections: set[Connection] = set()
        self._empty = asyncio.Event()
        self._sock: socket.socket | None = None
        self._sweeping: asyncio.Task[None] | None = None
        self._connecting: set[asyncio.Task[Any]] = set()
        self._last: tuple[Message | None, bytes] = (None, b"")

    async def serve(self, sock: socket.socket) -> None:
        """Accept processes on ``sock``, which listens already and does not block; ``close`` closes it."""
        self._sock = sock
        self._sweeping = asyncio.create_task(self._sweep(), name="vivace hub")
        asyncio.get_running_loop().add_reader(sock.fileno(), self._accept, sock)
        close_in_forks(self.descriptors)

    def _accept(self, sock: socket.socket) -> None:
        """Take a connection. (``asyncio.Server`` loses one that comes in the turn of the loop in which it is closed.)"""
        loop = asyncio.get_running_loop()
        try:
            accepted, _ = sock.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return
        except OSError as error:  # too many open files
            logger.error("the hub cannot accept a connection: %s", error)
            loop.remove_reader(sock.fileno())
            loop.call_later(PAUSE, self._accept_again, sock)
            return
        accepted.setblocking(False)
        connecting = loop.connect_accepted_socket(lambda: Connection(self).link, accepted)
        task = loop.create_task(connecting, name="vivace hub connection")
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    def _accept_again(self, sock: socket.socket) -> None:
        if self._sock is sock:
            asyncio.get_running_loop().add_reader(sock.fileno(), self._accept, sock)

    def forget(self, connection: Connection) -> None:
        """A connection has ended."""
        self.connections.discard(connection)
        if not self.connections:
            self._empty.set()

    def descriptors(self) -> list[int]:
        """Return the descriptors of all our sockets."""
        links = [connection.link.descriptor for connection in self.connections]
        return [*([self._sock.fileno()] if self._sock is not None else []), *links]

    async def close(self) -> None:
        """End all connections: the processes look for another hub."""
        if self._sweeping is not None:
            self._sweeping.cancel()
        if self._sock is not None:
            asyncio.get_running_loop().remove_reader(self._sock.fileno())
            self._sock.close()
            self._sock = None
        if self._connecting:  # not cancelled, as their sockets would be lost: it takes a turn of the loop
            await asyncio.wait(self._connecting)
        for connection in list(self.connections):
            connection.link.close()
        self._empty.clear()
        if self.connections:
            with suppress(TimeoutError):  # who does not read is not waited for
                async with asyncio.timeout(LAST_WORDS):
                    await self._empty.wait()
        for connection in list(self.connections):
            connection.link.cut()
        await asyncio.sleep(0)  # their ends are called in the next turn

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP)
            self.board.sweep()

    def message_frame(self, message: Message) -> bytes:
        """Return the frame of a message, made once for all who get it."""
        if self._last[0] is not message:
            body = frame(0, "message", message.topic, message.number, message.payload, message.origin)
            self._last = (message, body)
        return self._last[1]

    def answers_of(self, process: str) -> OrderedDict[int, Any]:
        """Return the latest answers that a process got."""
        answers = self.answers.setdefault(process, OrderedDict())
        self.answers.move_to_end(process)
        if len(self.answers) > PROCESSES:
            self.answers.popitem(last=False)
        return answers


class Connection:
    """One process at the hub: a member of its board."""

    def __init__(self, hub: HubServer) -> None:
        self.hub = hub
        self.process = ""
        limit = hub.options.max_payload + OVERHEAD
        self.link = Link(self.said, self.lost, most=limit, backlog=hub.options.backlog_bytes)
        self._answers: OrderedDict[int, Any] = OrderedDict()
        self._operations: dict[str, Callable[..., Any]] = {}
        hub.connections.add(self)

    # -- as a member of the board ---------------------------------------------------------------------------------

    def receive(self, message: Message) -> None:
        """Send a message."""
        self.link.send(self.hub.message_frame(message))

    def renewed(self, epoch: int) -> None:
        """Send a new epoch."""
        self.link.send(frame(0, "epoch", epoch))

    # -- what the process says ------------------------------------------------------------------------------------

    def said(self, call: list[Any]) -> None:
        """Do what a frame asks; raises ``BadFrame``."""
        number, name, *arguments = call
        if name in ONCE and number in self._answers:
            self.link.send(frame(number, self._answers[number]))
            return
        operation = self._operations.get(name) or (self._hello if name == "hello" else None)
        if operation is None:
            raise BadFrame(f"an unknown operation, {name!r}")
        try:
            answer = operation(*arguments)
        except TypeError as error:
            raise BadFrame(f"wrong arguments of {name!r}") from error
        if name in ONCE and number:
            self._keep(number, answer)
        if answer is not self and number:
            self.link.send(frame(number, answer))

    def _keep(self, number: int, answer: Any) -> None:
        self._answers[number] = answer
        if len(self._answers) > ANSWERS:
            self._answers.popitem(last=False)

    def _hello(self, version: int, process: str, epoch: int, instance: str, number: int) -> Any:
        hub, board = self.hub, self.hub.board
        if self.process or version != VERSION:
            raise BadFrame(f"version {version}, and not {VERSION}")
        old = board.members.get(process)
        if isinstance(old, Connection):  # it noticed the end of the connection before we did
            old.link.cut()
            old.lost()
        if instance != hub.instance:
            board.begin_above(number)
            if epoch >= board.epoch:
                board.renew(epoch + 1)
        self.process = process
        self._answers = hub.answers_of(process)
        self._operations = self._table(board)
        board.join(self)
        return board.epoch, hub.instance

    def _table(self, board: Board) -> dict[str, Callable[..., Any]]:
        own = self.process
        return {
            "publish": partial(board.publish, own),
            "subscribe": partial(board.subscribe, self),
            "unsubscribe": partial(board.unsubscribe, own),
            "since": self._since,
            "put": partial(board.put, own),
            "drop": partial(board.drop, own),
            "entries": self._entries,
            "incr": board.incr,
            "acquire": self._acquire,
            "release": partial(board.release, own),
            "bye": self._bye,
        }

    def _since(self, topic: str, number: int) -> Any:
        messages = self.hub.board.since(topic, number)
        most = (MOST_SINCE - 1) * self.hub.options.max_payload
        if messages is None or sum(len(each.payload) for each in messages) > most:
            return None
        return [(each.number, each.payload, each.origin) for each in messages]

    def _entries(self, topic: str) -> Any:
        return [(process, key, value) for (process, key), value in self.hub.board.entries(topic).items()]

    def _acquire(self, name: str, ticket: int) -> Any:
        """Answer when the lock is this process's; the ticket is the id of the call."""
        self.hub.board.acquire(self.process, name, ticket, partial(self._granted, ticket))
        return self  # no answer yet

    def _granted(self, ticket: int) -> None:
        self.link.send(frame(ticket, True))

    def _bye(self) -> None:
        self.hub.board.leave(self.process, goodbye=True)

    def lost(self) -> None:
        """The connection has ended: without a "bye" before, that was a death."""
        self.hub.forget(self)
        if self.process and self.hub.board.members.get(self.process) is self:
            self.hub.board.leave(self.process, goodbye=False)


__all__ = ["Connection", "HubServer"]
