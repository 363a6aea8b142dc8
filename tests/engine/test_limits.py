"""Too much and too slow: every limit and every time-out, on a clock of the test's own (HS2, RQ4)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from vivace.config.settings import Limits, Settings, Timeouts
from vivace.errors import BodyConsumed
from vivace.http.request import Request
from vivace.http.response import Response, Stream

from .ends import Wire
from .serving import serving

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
DEFAULTS = Timeouts()


def limits(**values: Any) -> Settings:
    return Settings(limits=replace(Limits(), **values))


def timeouts(**values: Any) -> Settings:
    return Settings(timeouts=replace(Timeouts(), **values))


def post(length: int, body: bytes = b"") -> bytes:
    return b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % length + body


# too slow


async def test_hs2_head_that_never_ends_is_408() -> None:
    wire = Wire()
    await wire.send(b"GET / HTTP/1.1\r\nHost:")
    await wire.pass_time(DEFAULTS.headers - 1)
    assert wire.statuses == []
    await wire.pass_time(2)
    assert (wire.statuses, wire.open) == ([408], False)
    await wire.close()


async def test_hs2_head_drop_by_drop_is_408() -> None:
    wire = Wire()
    for byte in GET[:-1]:
        await wire.send(bytes([byte]))
        await wire.pass_time(1)
    assert (wire.statuses, wire.open, wire.seen) == ([408], False, [])
    await wire.close()


async def test_hs2_second_head_has_a_time_limit_of_its_own() -> None:
    wire = Wire()
    await wire.send(GET)
    await wire.pass_time(DEFAULTS.headers + 5)
    assert (wire.statuses, wire.open) == ([200], True)
    await wire.send(GET[:20])
    await wire.pass_time(DEFAULTS.headers + 1)
    assert (wire.statuses, wire.open) == ([200, 408], False)
    await wire.close()


async def test_hs2_connection_on_which_nothing_comes_is_closed() -> None:
    wire = Wire()
    await wire.pass_time(DEFAULTS.headers + 1)
    assert (wire.statuses, wire.open) == ([408], False)
    await wire.close()


async def test_hs2_idle_connection_is_closed_without_a_word() -> None:
    wire = Wire()
    await wire.send(GET)
    sent = bytes(wire.transport.sent)
    await wire.pass_time(DEFAULTS.keep_alive - 1)
    assert (wire.statuses, wire.open) == ([200], True)
    await wire.pass_time(2)
    assert (bytes(wire.transport.sent), wire.open) == (sent, False)
    await wire.close()


async def test_hs2_body_that_stops_is_408() -> None:
    wire = Wire()
    await wire.send(post(10, b"hello"))
    await wire.pass_time(DEFAULTS.body - 1)
    assert wire.statuses == []
    await wire.pass_time(2)
    assert (wire.statuses, wire.open, wire.seen) == ([408], False, [])
    await wire.close()


async def test_hs2_body_drop_by_drop_is_408() -> None:
    """Each byte in time, and yet a few hundred bytes would hold a handler for an hour."""
    wire = Wire()
    await wire.send(post(1_000))
    for _ in range(60):
        await wire.send(b"x")
        await wire.pass_time(1)
    assert (wire.statuses, wire.open) == ([408], False)
    await wire.close()


async def test_hs2_slow_but_steady_body_is_read() -> None:
    wire = Wire()
    await wire.send(post(90 * 300))
    for _ in range(90):
        await wire.send(b"x" * 300)
        await wire.pass_time(1)
    assert (wire.statuses, wire.open) == ([200], True)
    await wire.close()


async def test_hs2_handler_that_thinks_about_a_body_is_not_hurried() -> None:
    go = asyncio.Event()

    async def handle(request: Request) -> Response:
        await request.body()
        await go.wait()
        return Response("done")

    wire = Wire(handle)
    await wire.send(b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", b"hello")
    await wire.pass_time(DEFAULTS.body * 3, step=1)
    go.set()
    await wire.settle()
    assert wire.statuses == [200]
    await wire.close()


async def test_hs2_no_limit_is_no_limit() -> None:
    wire = Wire(settings=timeouts(headers=0, body=0, keep_alive=0, write=0))
    await wire.send(GET[:9])
    await wire.pass_time(1_000, step=10)
    await wire.send(GET[9:])
    await wire.pass_time(1_000, step=10)
    await wire.send(post(3))
    await wire.pass_time(1_000, step=10)
    await wire.send(b"abc")
    assert (wire.statuses, wire.open) == ([200, 200], True)
    await wire.close()


async def test_hs2_a_thousand_slow_sockets_are_closed_on_time() -> None:
    now = 0.0
    wire = Wire(clock=lambda: now)
    transports = [wire.connect() for _ in range(1_000)]
    for number, transport in enumerate(transports):
        data = (b"", b"GET", GET[:20], post(10), post(10, b"hello"))[number % 5]
        if data:
            transport.protocol.data_received(data)
    await wire.settle()
    for _ in range(4 * 33):
        now += 0.25
        wire.server.sweep()
        await wire.settle(4)
        left = sum(not each.lost for each in transports)
        if now >= DEFAULTS.headers + 3:  # the answer may be read for two seconds
            assert left <= 400, "those whose body is waited for"
    assert sum(each.lost for each in transports) == 1_000
    assert sum(b" 408 " in each.sent for each in transports) == 1_000
    wire.transport.abort()
    await wire.close()


async def test_hs2_a_thousand_real_slow_sockets() -> None:
    now = 0.0

    async def handle(request: Request) -> Response:
        return Response("hello")

    async with serving(handle) as served:
        served.server.clock = lambda: now
        served.server.tick()
        clients = [await served.connect() for _ in range(1_000)]
        for client in clients:
            client.writer.write(GET[:20])
        while (
            not all(each._target for each in served.server.connections)
            or len(served.server.connections) < 1_000
        ):
            await asyncio.sleep(0.01)
        now = DEFAULTS.headers + 1
        served.server.sweep()
        answers = await asyncio.gather(*(client.rest() for client in clients))
        assert {answer[:12] for answer in answers} == {b"HTTP/1.1 408"}


# too large


async def test_hs2_target_too_long_is_414() -> None:
    for size in (8_193, 20_000, 40_000, 200_000):
        wire = Wire()
        await wire.send(b"GET /" + b"x" * size + b" HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (wire.statuses, wire.open, wire.seen) == ([414], False, [])
        await wire.close()


async def test_hs2_endless_target_is_414_before_its_end() -> None:
    wire = Wire()
    await wire.send(b"GET /", *[b"x" * 1_000] * 40)
    assert (wire.statuses, wire.open) == ([414], False)
    await wire.close()


@pytest.mark.parametrize("size", [33_000, 50_000, 64_000, 70_000, 300_000])
async def test_hs2_head_too_large_is_431(size: int) -> None:
    data = b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * size + b"\r\n\r\n"
    for pieces in (
        [data],
        [data[:100], data[100:]],
        [data[at : at + 1_400] for at in range(0, len(data), 1_400)],
    ):
        wire = Wire()
        await wire.send(*pieces)
        assert (wire.statuses, wire.open, wire.seen) == ([431], False, [])
        await wire.close()


async def test_hs2_head_within_the_limit_is_served_however_it_comes() -> None:
    data = b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 32_000 + b"\r\n\r\n"
    for pieces in (
        [data],
        [data[:31_000], data[31_000:]],
        [data[at : at + 1_400] for at in range(0, len(data), 1_400)],
    ):
        wire = Wire()
        await wire.send(*pieces)
        assert wire.statuses == [200]
        await wire.close()


async def test_hs2_too_many_fields_are_431() -> None:
    for count, status in ((99, 200), (100, 431), (5_000, 431)):
        wire = Wire()
        await wire.send(b"GET / HTTP/1.1\r\nHost: a\r\n" + b"a: b\r\n" * count + b"\r\n")
        assert wire.statuses == [status]
        await wire.close()


async def test_hs2_what_lies_before_a_head_does_not_count() -> None:
    """A packet full of good requests, the last one cut: nothing of it is too large."""
    many = GET * 2_400
    wire = Wire()
    await wire.send(many[:-5])
    await wire.settle(10_000)  # before Python 3.12 each request takes a turn of the loop
    await wire.send(many[-5:])
    assert wire.statuses == [200] * 2_400
    body = b"x" * 60_000
    wire = Wire()
    await wire.send(post(len(body)), body + GET[:10], GET[10:])
    assert wire.statuses == [200, 200]
    await wire.close()


async def test_hs2_endless_trailers_are_431() -> None:
    for line in (b"a: b\r\n", b"a: " + b"x" * 10_000 + b"\r\n"):
        wire = Wire()
        await wire.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n")
        await wire.send(*[line * 10] * 1_000)
        assert (wire.statuses, wire.open, wire.seen) == ([431], False, [])
        await wire.close()
    wire = Wire()
    trailers = b"a: b\r\n" * 200
    await wire.send(
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + trailers + b"\r\n" + GET
    )
    assert (wire.statuses, wire.open, wire.seen) == ([431], False, [])
    await wire.close()


async def test_hs2_endless_chunk_extensions_are_refused() -> None:
    wire = Wire()
    await wire.send(
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;", *[b"x" * 1_000] * 100
    )
    assert (wire.statuses, wire.open, wire.seen) == ([431], False, [])
    await wire.close()


async def test_hs2_small_chunks_are_no_attack() -> None:
    wire = Wire()
    await wire.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    await wire.send(*[b"1\r\nx\r\n" * 100] * 200, b"0\r\n\r\n")
    assert (wire.statuses, len(wire.seen[0].body)) == ([200], 20_000)
    await wire.close()


async def test_rq4_body_too_large_is_413_before_it_is_read() -> None:
    wire = Wire()
    await wire.send(post(3_000_000))
    assert (wire.statuses, wire.open, wire.seen) == ([413], False, [])
    await wire.close()


async def test_rq4_chunked_body_too_large_is_413_within_the_limit() -> None:
    wire = Wire()
    await wire.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    chunk = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
    sent = 0
    while not wire.statuses:
        await wire.send(chunk)
        sent += 0x8000
    assert (wire.statuses, wire.open) == ([413], False)
    assert sent <= 2_621_440 + 0x8000
    await wire.close()


async def test_rq4_body_that_nobody_reads_stays_with_the_client() -> None:
    go = asyncio.Event()

    async def handle(request: Request) -> Response:
        await go.wait()
        return Response(str(len(await request.body())))

    wire = Wire(handle)
    await wire.send(post(1_000_000))
    sent = 0
    while wire.transport.reading:
        await wire.send(b"x" * 10_000)
        sent += 10_000
    assert sent <= 70_000
    go.set()
    await wire.settle()
    while sent < 1_000_000:
        await wire.send(b"x" * 10_000)
        sent += 10_000
    assert wire.transport.sent.endswith(b"1000000")
    await wire.close()


async def test_hs2_pipeline_is_bounded_and_answered_in_order() -> None:
    waiting: list[asyncio.Event] = []

    async def handle(request: Request) -> Response:
        event = asyncio.Event()
        waiting.append(event)
        await event.wait()
        return Response(request.target)

    wire = Wire(handle, limits(pipeline_depth=4))
    count = 0
    while not wire.protocol._reading_paused:
        await wire.send(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % count)
        count += 1
    assert count == 5, "one is served, four wait"
    for number in range(count):
        waiting[number].set()
        await wire.settle()
        assert len(waiting) == min(number + 2, count), "one at a time"
    bodies = [part.split(b"\r\n\r\n")[1] for part in wire.transport.sent.split(b"HTTP/1.1 200 OK")[1:]]
    assert bodies == [b"/%d" % number for number in range(count)]
    assert wire.transport.reading
    await wire.close()


async def test_hs2_last_request_of_a_connection_is_told() -> None:
    for most in (1, 3):
        wire = Wire(settings=limits(requests_per_connection=most))
        for _ in range(most):
            assert not wire.transport.ended
            await wire.send(GET)
        assert wire.statuses == [200] * most
        assert wire.transport.sent.count(b"connection: close") == 1
        assert not wire.open
        await wire.close()


async def test_hs2_connection_too_many_is_503() -> None:
    wire = Wire(settings=limits(connections=2))
    wire.connect()
    third = wire.connect()
    assert third.sent.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after: 1" in third.sent
    await wire.pass_time(3)
    assert third.lost
    fourth = wire.connect()
    fourth.protocol.data_received(GET)
    assert b" 503 " in fourth.sent
    await wire.close()


# readers that do not read


async def flood(request: Request) -> Response:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(10_000):
            yield b"x" * 10_000

    return Stream(chunks())


async def test_hs2_stalled_reader_is_cut_and_costs_little() -> None:
    wire = Wire(flood)
    wire.transport.taken = 0
    await wire.send(GET)
    await wire.pass_time(DEFAULTS.write - 1, step=1)
    assert (wire.transport.lost, wire.transport.most < 65_536 + 20_000) == (False, True)
    await wire.pass_time(2)
    assert wire.transport.lost
    assert not wire.protocol.busy
    await wire.close()


async def test_hs2_slow_but_steady_reader_is_not_cut() -> None:
    wire = Wire(flood)
    wire.transport.taken = 0
    await wire.send(GET)
    for _ in range(20):
        await wire.pass_time(DEFAULTS.write - 5, step=5)
        wire.transport.take(20_000)
        await wire.settle()
    assert (wire.transport.lost, wire.transport.most < 65_536 + 20_000) == (False, True)
    await wire.lose()
    await wire.close()


@pytest.mark.parametrize("size", [100, 1_000_000])
@pytest.mark.parametrize("closing", [b"", b"Connection: close\r\n"])
async def test_hs2_reader_of_a_finished_response_that_stalls_is_cut(size: int, closing: bytes) -> None:
    async def handle(request: Request) -> Response:
        return Response(b"x" * size)

    wire = Wire(handle)
    wire.transport.taken = 0
    await wire.send(b"GET / HTTP/1.1\r\nHost: a\r\n" + closing + b"\r\n")
    await wire.pass_time(DEFAULTS.keep_alive + DEFAULTS.write + 2, step=1)
    assert wire.transport.lost
    await wire.close()


async def test_hs2_idle_clock_runs_again_after_a_stall() -> None:
    async def handle(request: Request) -> Response:
        return Response(b"x" * 100_000)

    wire = Wire(handle)
    wire.transport.taken = 0
    await wire.send(GET)
    assert wire.protocol.write_paused
    wire.transport.take(200_000)
    await wire.pass_time(DEFAULTS.keep_alive + 1, step=1)
    assert wire.transport.lost
    await wire.close()


async def test_hs2_requests_behind_a_stalled_response_wait() -> None:
    async def handle(request: Request) -> Response:
        return Response(b"x" * 100_000)

    wire = Wire(handle)
    wire.transport.taken = 0
    await wire.send(GET * 5)
    assert wire.statuses == [200]
    for _ in range(5):
        wire.transport.take(100_300)
        await wire.settle()
    assert wire.statuses == [200] * 5
    await wire.close()


async def test_hs2_writer_waits_at_the_limit_that_was_set() -> None:
    wire = Wire(flood, limits(write_buffer_bytes=8_192))
    wire.transport.taken = 0
    await wire.send(GET)
    assert 8_192 < wire.transport.most < 8_192 + 20_000
    await wire.lose()
    await wire.close()


async def test_hs2_work_after_the_response_is_not_given_half_a_body() -> None:
    asked: list[Request] = []

    async def handle(request: Request) -> Response:
        asked.append(request)
        return Response(b"early")

    wire = Wire(handle)
    await wire.send(post(6, b"abc"), b"def")
    assert wire.statuses == [200]
    with pytest.raises(BodyConsumed, match="dropped when the response was sent"):
        await asked[0].body()
    await wire.close()
