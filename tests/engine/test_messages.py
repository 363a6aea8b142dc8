"""HTTP/1.1 messages over a real socket: 100 and 103, trailers, chunks, HEAD, HTTP/1.0, pipelining (HS7)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.engine.serving import LOOPS, Client, Run, serving
from vivace.config.settings import Limits, Settings
from vivace.http.request import Request
from vivace.http.response import Response, Stream

HEAD = b"POST /up HTTP/1.1\r\nhost: localhost\r\n"


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> Run:
    return LOOPS[request.param]


async def echo(request: Request) -> Response:
    """Answer with method, path, body and trailers."""
    body = await request.body()
    trailers = b";".join(b"%b=%b" % pair for pair in request.trailers or ())
    return Response(b"|".join((request.method.encode(), request.path.encode(), body, trailers)))


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def answer(client: Client) -> tuple[int, bytes]:
    status, fields = await client.head()
    return status, await client.body(fields)


def test_hs7_continue_is_sent_when_the_handler_reads(run: Run) -> None:
    reading = asyncio.Event()

    async def handle(request: Request) -> Response:
        await reading.wait()
        return await echo(request)

    async def main() -> None:
        async with serving(handle) as served:
            client = await served.connect()
            await client.send(HEAD + b"content-length: 4\r\nexpect: 100-continue\r\n\r\n")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.02):
                    await client.reader.read(1)
            reading.set()
            assert await client.head() == (100, {})
            await client.send(b"body")
            assert await answer(client) == (200, b"POST|/up|body|")
            assert (await client.get())[0] == 200

    run(main())


@pytest.mark.parametrize("status", [200, 417])
def test_hs7_continue_is_refused_by_an_answer(run: Run, status: int) -> None:
    """The body was not sent, and what comes next cannot be told from it: the connection ends."""

    async def handle(request: Request) -> Response:
        return Response(b"no", status)

    async def main() -> None:
        async with serving(handle) as served:
            client = await served.connect()
            await client.send(HEAD + b"content-length: 4\r\nexpect: 100-Continue\r\n\r\n")
            got, fields = await client.head()
            assert (got, fields["connection"]) == (status, "close")
            assert await client.body(fields) == b"no"
            assert await client.rest() == b""

    run(main())


def test_hs7_continue_is_not_sent_when_the_body_came_along(run: Run) -> None:
    async def main() -> None:
        async with serving(echo) as served:
            client = await served.connect()
            await client.send(HEAD + b"content-length: 4\r\nexpect: 100-continue\r\n\r\nbo")
            await asyncio.sleep(0.01)
            await client.send(b"dy")
            assert await answer(client) == (200, b"POST|/up|body|")

    run(main())


def test_hs7_unknown_expectation_is_417(run: Run) -> None:
    async def main() -> None:
        async with serving(echo) as served:
            client = await served.connect()
            await client.send(HEAD + b"content-length: 4\r\nexpect: a-pony\r\n\r\n")
            assert (await client.head())[0] == 417

    run(main())


def test_hs7_early_hints(run: Run) -> None:
    async def handle(request: Request) -> Response:
        request.connection.early_hints([(b"link", b"</a.css>; rel=preload; as=style")])
        request.connection.early_hints([(b"link", b"</b.js>; rel=preload; as=script")])
        return Response(b"page")

    async def main() -> None:
        async with serving(handle) as served:
            client = await served.connect()
            await client.send(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
            assert await client.head() == (103, {"link": "</a.css>; rel=preload; as=style"})
            assert await client.head() == (103, {"link": "</b.js>; rel=preload; as=script"})
            assert await answer(client) == (200, b"page")
            await client.send(b"GET / HTTP/1.0\r\n\r\n")
            assert (await client.head())[0] == 200  # HTTP/1.0 knows no 1xx

    run(main())


def test_hs7_trailers_of_a_request(run: Run) -> None:
    async def main() -> None:
        async with serving(echo) as served:
            client = await served.connect()
            whole = b"4\r\nbody\r\n0\r\nX-Sum: 42\r\nx-two: b\r\n\r\n"
            for pieces in ([whole], [whole[:9], whole[9:]], [whole[:14], whole[14:20], whole[20:]]):
                await client.send(HEAD + b"transfer-encoding: chunked\r\n\r\n" + pieces[0])
                for piece in pieces[1:]:
                    await asyncio.sleep(0.005)
                    await client.send(piece)
                assert await answer(client) == (200, b"POST|/up|body|x-sum=42;x-two=b")

    run(main())


@pytest.mark.parametrize("size", [200, 100_000])
def test_hs7_trailers_of_a_request_are_bounded(run: Run, size: int) -> None:
    """They are header fields that come after the body: the same limits hold."""

    async def main() -> None:
        async with serving(echo) as served:
            client = await served.connect()
            await client.send(HEAD + b"transfer-encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n")
            await asyncio.sleep(0.005)
            try:
                for index in range(size):
                    await client.send(b"x-%d: y\r\n" % index)
                await client.send(b"\r\n")
            except ConnectionError:
                pass
            assert b" 431 " in (await client.rest())[:40]

    run(main())


def test_hs7_trailers_of_a_response(run: Run) -> None:
    async def handle(request: Request) -> Response:
        size = 0

        async def counted() -> AsyncIterator[bytes]:
            nonlocal size
            for part in (b"abc", b"de"):
                size += len(part)
                yield part

        return Stream(counted(), headers={"trailer": "x-size"}, trailers=lambda: {"X-Size": str(size)})

    async def main() -> None:
        async with serving(handle) as served:
            client = await served.connect()
            for _ in range(2):
                await client.send(b"GET / HTTP/1.1\r\nhost: localhost\r\nte: trailers\r\n\r\n")
                status, fields = await client.head()
                assert (status, fields["trailer"], fields["transfer-encoding"]) == (200, "x-size", "chunked")
                assert await client.chunks() == ([b"abc", b"de"], ["x-size: 5"])
            await client.send(b"GET / HTTP/1.0\r\n\r\n")
            _, fields = await client.head()
            assert await client.body(fields) == b"abcde"

    run(main())


def test_chunked_both_ways(run: Run) -> None:
    async def handle(request: Request) -> Response:
        async def back() -> AsyncIterator[bytes]:
            async for chunk in request.stream():
                yield chunk.upper()

        return Stream(back())

    async def main() -> None:
        async with serving(handle) as served:
            client = await served.connect()
            await client.send(HEAD + b"transfer-encoding: chunked\r\n\r\n3;name=value\r\nabc\r\n")
            status, fields = await client.head()
            assert (status, fields["transfer-encoding"]) == (200, "chunked")
            assert await client.reader.readexactly(8) == b"3\r\nABC\r\n"
            await client.send(b"2\r\nde\r\n0\r\n\r\n")
            assert await client.chunks() == ([b"DE"], [])
            assert (await client.get())[0] == 200

    run(main())


@pytest.mark.parametrize("stream", [False, True])
def test_head_has_the_fields_and_no_body(run: Run, stream: bool) -> None:
    async def handle(request: Request) -> Response:
        return Stream(chunks(b"abc")) if stream else Response(b"abc")

    async def main() -> None:
        async with serving(handle) as served:
            client = await served.connect()
            for _ in range(2):
                status, fields, _ = await client.get(method="HEAD")
                assert status == 200
                assert fields.get("content-length") == (None if stream else "3")
            assert (await client.get())[2] == b"abc"

    run(main())


@pytest.mark.parametrize("status", [204, 304])
def test_statuses_without_body(run: Run, status: int) -> None:
    async def handle(request: Request) -> Response:
        return Response(b"never sent", status) if request.path == "/none" else Response(b"after")

    async def main() -> None:
        async with serving(handle) as served:
            client = await served.connect()
            got, fields, _ = await client.get("/none")
            assert got == status
            assert "content-length" not in fields
            assert "transfer-encoding" not in fields
            assert (await client.get())[2] == b"after"

    run(main())


@pytest.mark.parametrize("stream", [False, True])
def test_http_1_0_closes_unless_asked(run: Run, stream: bool) -> None:
    async def handle(request: Request) -> Response:
        return Stream(chunks(b"ab", b"c")) if stream else Response(b"abc")

    async def main() -> None:
        async with serving(handle) as served:
            client = await served.connect()
            await client.send(b"GET / HTTP/1.0\r\n\r\n")
            _, fields = await client.head()
            assert fields["connection"] == "close"
            assert "transfer-encoding" not in fields
            assert await client.rest() == b"abc"
            client = await served.connect()
            await client.send(b"GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n")
            _, fields = await client.head()
            assert fields["connection"] == ("close" if stream else "keep-alive")
            assert await client.body(fields) == b"abc"

    run(main())


def test_pipelined_answers_come_in_order(run: Run) -> None:
    async def handle(request: Request) -> Response:
        for _ in range(20 - int(request.path[1:])):
            await asyncio.sleep(0)
        return Response(request.path)

    async def main() -> None:
        async with serving(handle) as served:
            client = await served.connect()
            await client.send(
                b"".join(b"GET /%d HTTP/1.1\r\nhost: localhost\r\n\r\n" % index for index in range(20))
            )
            assert [(await answer(client))[1] for _ in range(20)] == [b"/%d" % index for index in range(20)]

    run(main())


def test_pipelining_is_bounded_and_one_is_served_at_a_time(run: Run) -> None:
    active = most = 0
    leave = asyncio.Event()

    async def handle(request: Request) -> Response:
        nonlocal active, most
        active += 1
        most = max(most, active)
        await leave.wait()
        active -= 1
        return Response(request.path)

    async def main() -> None:
        async with serving(handle, Settings(limits=Limits(pipeline_depth=4))) as served:
            client = await served.connect()
            count = 3_000  # 120 KB: more than a slice
            client.writer.write(
                b"".join(b"GET /%d HTTP/1.1\r\nhost: localhost\r\n\r\n" % index for index in range(count))
            )
            while not active:
                await asyncio.sleep(0.001)
            await asyncio.sleep(0.02)
            (connection,) = served.server.connections
            kept = len(connection._queue)
            leave.set()
            for index in range(count):
                assert (await answer(client))[1] == b"/%d" % index
            assert kept < 65_536 // 40 + 4  # no more than the depth and one slice
            assert most == 1

    run(main())


def test_body_that_is_not_read_does_not_become_a_request(run: Run) -> None:
    async def handle(request: Request) -> Response:
        return Response(request.path)

    async def main() -> None:
        async with serving(handle) as served:
            client = await served.connect()
            inner = b"GET /smuggled HTTP/1.1\r\nhost: localhost\r\n\r\n"
            await client.send(HEAD + b"content-length: %d\r\n\r\n" % len(inner))
            assert (await answer(client))[1] == b"/up"
            await client.send(inner + b"GET /next HTTP/1.1\r\nhost: localhost\r\n\r\n")
            assert (await answer(client))[1] == b"/next"

    run(main())


async def test_rs8_an_on_sent_that_fails_holds_up_nobody(caplog: pytest.LogCaptureFixture) -> None:
    async def handle(request: Request) -> Response:
        response = Response(b"hi")

        def fail() -> None:
            raise ValueError("told too much")

        response.on_sent = fail
        return response

    async with serving(handle) as served:
        client = await served.connect()
        await client.send(b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n")
        statuses = []
        for _ in range(2):
            status, fields = await client.head()
            statuses.append(status)
            assert await client.body(fields) == b"hi"
    assert statuses == [200, 200]
    assert "told too much" in caplog.text


async def bye() -> AsyncIterator[bytes]:
    yield b"bye"


@pytest.mark.parametrize("streamed", [False, True])
async def test_hs1_a_handler_may_end_the_connection(streamed: bool) -> None:
    async def handle(request: Request) -> Response:
        headers = {"connection": "close", "content-length": "3"} if streamed else {"connection": "close"}
        return Stream(bye(), headers=headers) if streamed else Response(b"bye", headers=headers)

    async with serving(handle) as served:
        client = await served.connect()
        await client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        answer = await client.rest()
    assert answer.count(b"connection: close") == 1
    assert answer.endswith(b"bye")
