"""Server-sent events (WHATWG HTML section 9.2): the response that sends them and a parser that reads them.

An event is a few lines of text and ends with an empty line, so the one danger is a line break inside: in ``data`` and
``comment`` it starts another line of the same field, in ``event`` and ``id`` it is refused, because whoever can put
one there can write events of their own.

``EventStream`` iterates in the task of the handler (timeouts and cancel scopes of an async generator must see one
task). One task beside it sends a comment whenever nothing was sent for ``heartbeat`` seconds: proxies cut silent
connections, commonly after 60 s, and a write is the only way to notice a client that vanished. Both write under one
lock, so an event is never torn. When either fails or the client goes, both end and the iterator is closed.
"""

from __future__ import annotations

import asyncio
import codecs
import re
from collections.abc import AsyncIterable, Mapping
from typing import Any, ClassVar, Final, TypeAlias

import msgspec

from vivace.errors import InvalidEvent

from .response import Response, Sink, close_iterator

MAX_EVENT: Final = 1_048_576  # characters of one event that the parser holds
HEARTBEAT: Final = b":\n\n"

_LINE_END: Final = re.compile(r"\r\n|\n|\r")
_BREAKS: Final = re.compile(r"[\r\n\0]")


class Event(msgspec.Struct, frozen=True):
    """One event. ``data`` is text, or any value, which is sent as JSON; without data only the rest is sent.

    ``event`` is the type (browsers: ``message``), ``id`` what a client that comes back sends as ``Last-Event-ID``,
    ``retry`` how many milliseconds it waits before. Raises ``InvalidEvent`` for a line break in ``event`` or ``id``.
    """

    data: Any = msgspec.UNSET
    event: str | None = None
    id: str | None = None
    retry: int | None = None
    comment: str | None = None

    def __post_init__(self) -> None:
        for name, value in (("event", self.event), ("id", self.id)):
            if value is not None and _BREAKS.search(value):
                raise InvalidEvent(
                    f"The {name} of a server-sent event has a line break or NUL.",
                    expected="one line of text",
                    got=repr(value[:80]),
                    fix="Put text from users into data, which may have any number of lines.",
                )
        if self.retry is not None and self.retry < 0:
            raise InvalidEvent(
                "The retry of a server-sent event is negative.", expected="milliseconds", got=str(self.retry)
            )

    def encode(self) -> bytes:
        """Return the event as it goes on the wire, the empty line at its end included."""
        lines: list[str] = []
        if self.comment is not None:
            lines.extend(f": {line}" for line in _LINE_END.split(self.comment))
        if self.event is not None:
            lines.append(f"event: {self.event}")
        if self.id is not None:
            lines.append(f"id: {self.id}")
        if self.retry is not None:
            lines.append(f"retry: {self.retry}")
        if self.data is not msgspec.UNSET:
            lines.extend(f"data: {line}" for line in _LINE_END.split(_text(self.data)))
        return ("\n".join(lines) + "\n\n").encode("utf-8", "replace")


Sendable: TypeAlias = "Event | str | bytes | Any"
"""What may come out of the iterable: an ``Event``, or the data of one."""


def encode_event(item: Sendable) -> bytes:
    """Return an item of a stream as it goes on the wire; whatever is no ``Event`` is the data of one."""
    return (item if isinstance(item, Event) else Event(item)).encode()


class EventStream(Response):
    """Sends the events of an async iterable as they come: text, ``Event``, or any value as JSON.

    ``heartbeat``: seconds of silence after which a comment is sent; 0 for never. ``retry``: milliseconds that clients
    wait before they come back; see ``request.last_event_id``. The iterable is always closed.
    """

    buffered: ClassVar[bool] = False
    content_type: str | None = "text/event-stream"

    def __init__(
        self,
        events: AsyncIterable[Sendable],
        *,
        heartbeat: float = 15.0,
        retry: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(b"", 200, headers)
        self.headers.setdefault("cache-control", "no-cache")
        self.headers.setdefault(
            "x-accel-buffering", "no"
        )  # nginx would hold events back until its buffer is full
        self.events = events
        self.heartbeat = heartbeat
        self.retry = retry

    async def write_to(self, sink: Sink) -> None:
        """Send the head at once, so that the client knows that it is connected, and then each event."""
        await sink.write(HEARTBEAT if self.retry is None else Event(retry=self.retry).encode())
        if self.heartbeat <= 0:
            async for item in self.events:
                await sink.write(encode_event(item))
            return
        failure: BaseException | None = None
        try:
            await _Pulse(sink, self.heartbeat).send_all(self.events)
        except BaseExceptionGroup as group:
            failure = group.exceptions[0]  # there are two tasks, and the second only ends with the first
        try:
            if failure is not None:
                raise failure  # not inside except: the group would become its context, and hide its own
        finally:
            del failure  # else it would hold its traceback, which holds this frame

    async def close(self) -> None:
        """Close the iterable, so that its ``finally`` runs."""
        await close_iterator(self.events)


class _Pulse:
    """Writes events, and heartbeats into the silence between them."""

    __slots__ = ("_interval", "_last", "_lock", "_loop", "_sink")

    def __init__(self, sink: Sink, interval: float) -> None:
        self._sink = sink
        self._interval = interval
        self._lock = asyncio.Lock()
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time()

    async def send_all(self, events: AsyncIterable[Sendable]) -> None:
        async with asyncio.TaskGroup() as group:
            beating = group.create_task(self._beat())
            async for item in events:
                await self._write(encode_event(item))
            beating.cancel()

    async def _beat(self) -> None:
        while True:
            silent = self._loop.time() - self._last
            if silent >= self._interval:
                await self._write(HEARTBEAT)
            else:
                await asyncio.sleep(self._interval - silent)

    async def _write(self, data: bytes) -> None:
        async with self._lock:
            await self._sink.write(data)
            self._last = self._loop.time()


class EventParser:
    """Reads a stream of events piece by piece: ``parser.feed(chunk)`` returns the events that it completes.

    ``last_event_id`` and ``retry`` are what the stream said last. Junk is skipped as the standard says; raises
    ``InvalidEvent`` only for an event beyond ``limit`` characters.
    """

    __slots__ = (
        "_after_cr",
        "_data",
        "_decoder",
        "_event",
        "_id",
        "_limit",
        "_line",
        "_size",
        "_started",
        "last_event_id",
        "retry",
    )

    def __init__(self, limit: int = MAX_EVENT) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._limit = limit
        self._line = ""
        self._started = False
        self._after_cr = False
        self._data: list[str] = []
        self._event: str | None = None
        self._id: str | None = None
        self._size = 0
        self.last_event_id = ""
        self.retry: int | None = None

    def feed(self, chunk: bytes) -> list[Event]:
        """Take the next bytes and return the events that are complete."""
        text = self._decoder.decode(chunk)
        if self._after_cr and text:
            text = text.removeprefix("\n")  # it belongs to the CR that ended the last piece
            self._after_cr = False
        if not self._started and text:
            self._started, text = True, text.removeprefix("\ufeff")
        self._after_cr = self._after_cr or text.endswith("\r")
        *lines, self._line = _LINE_END.split(self._line + text)
        events = [event for line in lines if (event := self._take(line)) is not None]
        self._bound(len(self._line))
        return events

    def _take(self, line: str) -> Event | None:
        if not line:
            return self._dispatch()
        self._bound(len(line))
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
            self._size += len(value)
        elif name == "event":
            self._event = value
        elif name == "id" and "\0" not in value:
            self._id = self.last_event_id = value
        elif name == "retry" and value.isascii() and value.isdigit():
            self.retry = int(value[:10])
        return None

    def _dispatch(self) -> Event | None:
        data, event, id = self._data, self._event, self._id
        self._data, self._event, self._id, self._size = [], None, None, 0
        return Event("\n".join(data), event=event or None, id=id) if data else None

    def _bound(self, more: int) -> None:
        if self._size + more > self._limit:
            raise InvalidEvent(
                "A server-sent event does not end.",
                expected=f"at most {self._limit} characters",
                got=f"{self._size + more} characters",
            )


def _text(data: Any) -> str:
    if isinstance(data, str):
        return data
    return data.decode("utf-8", "replace") if isinstance(data, bytes) else msgspec.json.encode(data).decode()
