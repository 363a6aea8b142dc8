"""The board: what a broker within one process knows, and what the hub keeps for all. Pure state, no I/O.

It numbers and keeps the messages of each topic, knows who subscribed to what, holds leases, counters and locks by member.
Time comes from a clock that is handed in. Everything happens in the call: when ``publish`` returns, every subscriber's
``receive`` was called, in the order of the numbers.

Numbers are one sequence for all topics. A topic's log is bounded by count and age; ``_Log.lost`` is the number of the
newest message that it let go of, so that ``since`` knows whether it reaches back. A topic without messages, subscribers
and leases is forgotten; the board then remembers in ``_lost`` the newest number that was forgotten anywhere, which is
a safe answer for all forgotten topics at once. For the latest ``QUIET`` of them it knows the number itself: who comes back
to a topic where nothing happened has missed nothing.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from .base import BrokerOptions, Lease, Message, encode_lease, leases_of

Granted = Callable[[], None]
QUIET: Final = 10_000


class Member(Protocol):
    """A process at the board."""

    @property
    def process(self) -> str:
        """Its id."""
        ...

    def receive(self, message: Message) -> None:
        """Take a message of a topic that it subscribed to."""
        ...

    def renewed(self, epoch: int) -> None:
        """Take a new epoch."""
        ...


class _Log:
    """The latest messages of one topic, oldest first, each with the time when it came."""

    __slots__ = ("kept", "lost", "size")

    def __init__(self, lost: int) -> None:
        self.kept: deque[tuple[float, Message]] = deque()
        self.lost = lost
        self.size = 0  # bytes

    def add(self, time: float, message: Message) -> None:
        """Keep a message."""
        self.kept.append((time, message))
        self.size += len(message.payload)

    def trim(self, options: BrokerOptions, oldest: float) -> None:
        """Let go of what is too much, or came before ``oldest``."""
        kept = self.kept
        while kept and (
            len(kept) > options.log_messages or self.size > options.log_bytes or kept[0][0] < oldest
        ):
            message = kept.popleft()[1]
            self.size -= len(message.payload)
            self.lost = message.number


class Board:
    """The common state of the members; ``epoch`` and ``number`` are where it begins."""

    def __init__(
        self,
        options: BrokerOptions | None = None,
        *,
        epoch: int = 1,
        number: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.options = options or BrokerOptions()
        self.epoch = epoch
        self.members: dict[str, Member] = {}
        self._clock = clock
        self._number = self._lost = number
        self._logs: dict[str, _Log] = {}
        self._quiet: dict[str, int] = {}  # forgotten topics, with the newest number of each
        self._subscribers: dict[str, dict[str, Member]] = {}
        self._leases: dict[str, dict[tuple[str, str], bytes]] = {}
        self._counters: dict[str, int] = {}
        self._locks: dict[str, deque[tuple[str, int, Granted]]] = {}

    # -- members --------------------------------------------------------------------------------------------------

    def join(self, member: Member) -> None:
        """Admit a member."""
        self.members[member.process] = member

    def leave(self, process: str, *, goodbye: bool) -> None:
        """Let a member go with all that it holds; without ``goodbye`` the epoch rises."""
        if self.members.pop(process, None) is None:
            return
        for topic in [topic for topic, members in self._subscribers.items() if process in members]:
            self.unsubscribe(process, topic)
        for topic, leases in list(self._leases.items()):
            for owner, key in list(leases):
                if owner == process:
                    self.drop(process, topic, key)
        for name in list(self._locks):
            self._give_up(process, name, None)
        if not goodbye:
            self.renew(self.epoch + 1)

    def renew(self, epoch: int) -> None:
        """Raise the epoch and tell all members."""
        self.epoch = epoch
        for member in list(self.members.values()):
            member.renewed(epoch)

    def begin_above(self, number: int) -> None:
        """Count on above a number that a member remembers of a board before this one; logs do not reach back to it."""
        if number > self._number:
            self._number = self._lost = number
            self._quiet.clear()
            for log in self._logs.values():
                log.kept.clear()
                log.size, log.lost = 0, number

    # -- messages -------------------------------------------------------------------------------------------------

    def publish(self, process: str, topic: str, payload: bytes) -> int:
        """Number a message, keep it, hand it to the subscribers; returns the number."""
        self._number += 1
        message = Message(topic, self._number, payload, process)
        log = self._logs.get(topic)
        if log is None:
            log = self._logs[topic] = _Log(self._quiet.pop(topic, self._lost))
        log.add(self._clock(), message)
        self._trim(log)
        for member in list(self._subscribers.get(topic, {}).values()):
            member.receive(message)
        return message.number

    def subscribe(self, member: Member, topic: str) -> int:
        """Hand the topic's messages to a member from now on; returns the number of the last one before."""
        self._subscribers.setdefault(topic, {})[member.process] = member
        log = self._logs.get(topic)
        if log is None:
            return self._quiet.get(topic, self._lost)
        return log.kept[-1][1].number if log.kept else log.lost

    def unsubscribe(self, process: str, topic: str) -> None:
        """Hand it none of them any more."""
        members = self._subscribers.get(topic)
        if members is not None:
            members.pop(process, None)
            if not members:
                del self._subscribers[topic]

    def since(self, topic: str, number: int) -> list[Message] | None:
        """Return the messages after a number; ``None``: the log does not reach back, or the number is not of here."""
        log = self._logs.get(topic)
        if log is not None:
            self._trim(log)
        lost = self._quiet.get(topic, self._lost) if log is None else log.lost
        if number > self._number or number < lost:
            return None
        return [] if log is None else [message for _, message in log.kept if message.number > number]

    def _trim(self, log: _Log) -> None:
        log.trim(self.options, self._clock() - self.options.log_seconds)

    def sweep(self) -> None:
        """Forget what is too old, and topics of which nothing is left: call it now and then."""
        for topic, log in list(self._logs.items()):
            self._trim(log)
            if not log.kept and topic not in self._subscribers:
                self._quiet[topic] = log.lost
                del self._logs[topic]
                if len(self._quiet) > QUIET:
                    self._lost = max(self._lost, self._quiet.pop(next(iter(self._quiet))))

    # -- leases ---------------------------------------------------------------------------------------------------

    def put(self, process: str, topic: str, key: str, value: bytes) -> None:
        """Keep a value of a member under the topic."""
        self._leases.setdefault(topic, {})[process, key] = value
        self._tell_lease(topic, Lease(process, key, value))

    def drop(self, process: str, topic: str, key: str) -> None:
        """Take a value of a member away."""
        leases = self._leases.get(topic, {})
        if leases.pop((process, key), None) is None:
            return
        if not leases:
            del self._leases[topic]
        self._tell_lease(topic, Lease(process, key, None))

    def _tell_lease(self, topic: str, lease: Lease) -> None:
        self.publish(lease.process, leases_of(topic), encode_lease(lease))

    def entries(self, topic: str) -> dict[tuple[str, str], bytes]:
        """Return all values under a topic."""
        return dict(self._leases.get(topic, {}))

    # -- counters and locks ---------------------------------------------------------------------------------------

    def incr(self, name: str, delta: int) -> int:
        """Add to a counter; one at zero is forgotten, which is the same."""
        value = self._counters.get(name, 0) + delta
        if value:
            self._counters[name] = value
        else:
            self._counters.pop(name, None)
        return value

    def acquire(self, process: str, name: str, ticket: int, granted: Granted) -> None:
        """Call ``granted`` when the lock is the member's: now, or when all before it have given it up."""
        waiting = self._locks.setdefault(name, deque())
        waiting.append((process, ticket, granted))
        if len(waiting) == 1:
            granted()

    def release(self, process: str, name: str, ticket: int) -> None:
        """Give a lock up, or a place in the line for it."""
        self._give_up(process, name, ticket)

    def _give_up(self, process: str, name: str, ticket: int | None) -> None:
        """Remove a member's claim on a lock (``None``: all its claims), and tell whoever is first then."""
        waiting = self._locks.get(name)
        if waiting is None:
            return
        holder = waiting[0]
        left = deque(each for each in waiting if each[0] != process or ticket not in (None, each[1]))
        if not left:
            del self._locks[name]
            return
        self._locks[name] = left
        if left[0] is not holder:
            left[0][2]()


__all__ = ["Board", "Granted", "Member"]
