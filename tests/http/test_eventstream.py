from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextvars import ContextVar
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.errors import ClientDisconnected, InvalidEvent
from vivace.http.eventstream import HEARTBEAT, Event, EventParser, EventStream, encode_event
from vivace.http.request import Connection, Request

from .sinks import Collector, body_of

LINES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"), max_size=30)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


async def several(*items: Any) -> AsyncIterator[Any]:
    for item in items:
        yield item


class Knocking(Collector):
    """Tells when the n-th write came."""

    def __init__(self, expected: int) -> None:
        super().__init__()
        self.expected = expected
        self.enough = asyncio.Event()

    async def write(self, data: bytes) -> None:
        await super().write(data)
        if len(self.writes) >= self.expected:
            self.enough.set()


@pytest.mark.parametrize(
    ("item", "encoded"),
    [
        ("hi", b"data: hi\n\n"),
        (b"hi", b"data: hi\n\n"),
        ("", b"data: \n\n"),
        ("a\nb\r\nc\rd", b"data: a\ndata: b\ndata: c\ndata: d\n\n"),
        ("a\u2028b\x0bc", b"data: a\xe2\x80\xa8b\x0bc\n\n"),
        ({"a": [1, None]}, b'data: {"a":[1,null]}\n\n'),
        ({"a": "x\ny"}, b'data: {"a":"x\\ny"}\n\n'),
        (None, b"data: null\n\n"),
        (7, b"data: 7\n\n"),
        (Event("x", event="tick", id="9", retry=500), b"event: tick\nid: 9\nretry: 500\ndata: x\n\n"),
        (Event(comment="a\nevent: evil"), b": a\n: event: evil\n\n"),
        (Event(id="3"), b"id: 3\n\n"),
    ],
)
def test_rs5_items_are_encoded(item: Any, encoded: bytes) -> None:
    assert encode_event(item) == encoded


@pytest.mark.parametrize("value", ["a\nb", "a\rb", "a\r\ndata: evil", "a\0"])
def test_rs5_nobody_writes_events_through_name_or_id(value: str) -> None:
    with pytest.raises(InvalidEvent):
        Event("x", event=value)
    with pytest.raises(InvalidEvent):
        Event("x", id=value)


def test_rs5_negative_retry_is_refused() -> None:
    with pytest.raises(InvalidEvent):
        Event(retry=-1)


@given(TEXTS, LINES, LINES, st.integers(1, 7), st.sampled_from(["\n", "\r", "\r\n"]))
def test_rs5_round_trip_in_any_pieces(data: str, event: str, id: str, piece: int, end: str) -> None:
    sent = Event(data, event=event, id=id)
    wire = encode_event(sent).replace(b"\n", end.encode()) + encode_event("next")
    parser = EventParser()
    read = [item for at in range(0, len(wire), piece) for item in parser.feed(wire[at : at + piece])]
    unified = data.replace("\r\n", "\n").replace("\r", "\n")
    assert read == [Event(unified, event=event or None, id=id), Event("next")]
    assert parser.last_event_id == id


@pytest.mark.parametrize(
    ("wire", "events"),
    [
        (b"\xef\xbb\xbfdata: x\n\n", [Event("x")]),
        (b"data:x\ndata\ndata:  y\n\n", [Event("x\n\n y")]),
        (b": comment\nunknown: 1\n\n", []),
        (b"event: a\n\ndata: b\n\n", [Event("b")]),
        (b"id: 1\0\ndata: b\n\n", [Event("b")]),
        (b"data: never ended\n", []),
        (b"data: x\r\r", [Event("x")]),
        (b"data: \xff\n\n", [Event("\ufffd")]),
    ],
)
def test_rs5_parser_follows_the_standard(wire: bytes, events: list[Event]) -> None:
    assert EventParser().feed(wire) == events


def test_rs5_parser_keeps_id_and_retry() -> None:
    parser = EventParser()
    parser.feed(b"id: 7\nretry: 100\n\nretry: x\n\nretry: -1\n\n")
    assert (parser.last_event_id, parser.retry) == ("7", 100)


@given(st.lists(st.binary(max_size=40), max_size=6))
def test_rs5_parser_never_raises(chunks: list[bytes]) -> None:
    parser = EventParser()
    for chunk in chunks:
        parser.feed(chunk)


@pytest.mark.parametrize("wire", [b"data: " + b"x" * 200, b"data: xxxxxxxxx\n" * 20])
def test_rs5_parser_is_bounded(wire: bytes) -> None:
    with pytest.raises(InvalidEvent, match="does not end"):
        EventParser(limit=100).feed(wire)


async def test_rs5_response_is_not_buffered_or_cached_on_its_way() -> None:
    stream = EventStream(several("a", {"b": 1}), retry=2000)
    assert dict(stream.headers.items()) == {
        "content-type": "text/event-stream",
        "cache-control": "no-cache",
        "x-accel-buffering": "no",
    }
    assert not stream.buffered
    assert await body_of(stream) == b'retry: 2000\n\ndata: a\n\ndata: {"b":1}\n\n'


@pytest.mark.parametrize("heartbeat", [0, 15.0])
async def test_rs5_head_leaves_before_the_first_event(heartbeat: float) -> None:
    sink = Knocking(1)
    never = asyncio.Event()

    async def waiting() -> AsyncIterator[str]:
        await never.wait()
        yield "late"

    writing = asyncio.ensure_future(EventStream(waiting(), heartbeat=heartbeat).write_to(sink))
    await sink.enough.wait()
    assert sink.writes == [HEARTBEAT]
    never.set()
    await writing
    assert sink.writes == [HEARTBEAT, b"data: late\n\n"]


async def test_rs5_heartbeats_come_while_nothing_happens() -> None:
    sink = Knocking(4)

    async def silent() -> AsyncIterator[str]:
        await sink.enough.wait()
        yield "end"

    stream = EventStream(silent(), heartbeat=0.001)
    await stream.write_to(sink)
    await stream.close()
    assert sink.writes[:4] == [HEARTBEAT] * 4
    assert sink.writes[-1] == b"data: end\n\n"
    assert EventParser().feed(sink.body) == [Event("end")]
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_rs5_error_of_the_generator_is_the_error_of_the_response() -> None:
    async def broken() -> AsyncIterator[str]:
        yield "a"
        raise LookupError("x") from KeyError("why")

    sink = Collector()
    with pytest.raises(LookupError) as caught:
        await EventStream(broken()).write_to(sink)
    assert isinstance(caught.value.__cause__, KeyError)
    assert sink.body == HEARTBEAT + b"data: a\n\n"
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_rs5_client_that_vanished_is_noticed_by_a_heartbeat() -> None:
    closed: list[str] = []

    class Gone(Collector):
        async def write(self, data: bytes) -> None:
            await super().write(data)
            if len(self.writes) > 1:
                raise ClientDisconnected("The client went away.")

    async def endless() -> AsyncIterator[str]:
        try:
            await asyncio.Event().wait()
            yield "never"
        finally:
            closed.append("yes")

    stream = EventStream(endless(), heartbeat=0.001)
    with pytest.raises(ClientDisconnected):
        await stream.write_to(Gone())
    await stream.close()
    assert closed == ["yes"]
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("heartbeat", [0, 15.0])
async def test_rs5_cancelled_stream_closes_its_generator(heartbeat: float) -> None:
    closed: list[str] = []
    sink = Knocking(2)

    async def endless() -> AsyncIterator[str]:
        try:
            yield "a"
            await asyncio.Event().wait()
        finally:
            closed.append("yes")

    stream = EventStream(endless(), heartbeat=heartbeat)
    writing = asyncio.ensure_future(stream.write_to(sink))
    await sink.enough.wait()
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    await stream.close()
    assert closed == ["yes"]
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_rs5_stream_that_never_started_closes_its_generator() -> None:
    closed: list[str] = []

    class Source:
        def __aiter__(self) -> AsyncIterator[str]:
            return self

        async def __anext__(self) -> str:
            return "x"

        async def aclose(self) -> None:
            closed.append("yes")

    await EventStream(Source()).close()
    assert closed == ["yes"]


async def test_rs5_generator_runs_in_one_task_with_its_own_timeouts() -> None:
    variable: ContextVar[int] = ContextVar("variable", default=0)
    tasks: set[asyncio.Task[Any] | None] = set()

    async def counting() -> AsyncIterator[int]:
        try:
            async with asyncio.timeout(0.01):
                for _ in range(3):
                    tasks.add(asyncio.current_task())
                    variable.set(variable.get() + 1)
                    yield variable.get()
                await asyncio.Event().wait()
        except TimeoutError:
            yield -1

    assert (
        await body_of(EventStream(counting())) == HEARTBEAT + b"data: 1\n\ndata: 2\n\ndata: 3\n\ndata: -1\n\n"
    )
    assert len(tasks) == 1


async def test_rs5_events_are_never_torn_by_heartbeats() -> None:
    class Slow(Collector):
        """Lets others run in the middle of each write, and notices when they write."""

        writing = False
        torn = False

        async def write(self, data: bytes) -> None:
            self.torn = self.torn or self.writing
            self.writing = True
            await asyncio.sleep(0.002)
            self.writing = False
            await super().write(data)

    sink = Slow()
    await EventStream(several(*range(20)), heartbeat=0.0001).write_to(sink)
    assert not sink.torn
    assert [event.data for event in EventParser().feed(sink.body)] == [str(n) for n in range(20)]


def test_rs5_last_event_id() -> None:
    assert Request("GET", "/", [], Connection()).last_event_id is None
    assert Request("GET", "/", [(b"Last-Event-ID", "é7".encode())], Connection()).last_event_id == "é7"
    assert Request("GET", "/", [(b"Last-Event-ID", b"")], Connection()).last_event_id is None
