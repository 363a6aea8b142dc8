"""The access log: what a line says, what it never says, and when it is written."""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.serving import serving
from vivace.engine import accesslog
from vivace.engine.accesslog import AccessLog, AccessLogOptions, escape
from vivace.http.request import Connection, Request
from vivace.http.response import Response, Stream

NOON = 1_767_225_600.0 + 12 * 3600  # 2026-01-01


def asked(target: str = "/", method: str = "GET", **headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    return Request(method, target, raw, Connection(client=("203.0.113.7", 99)))


async def logged(*requests: tuple[Request, Response | None], **options: Any) -> list[str]:
    """Return the lines that a log writes for requests which took 1.5 ms."""
    stream = io.BytesIO()
    log = AccessLog(AccessLogOptions(**options), stream, clock=lambda: 2.0015, wall_clock=lambda: NOON)
    for request, response in requests:
        log(request, response, 2.0)
    await log.close()
    return stream.getvalue().decode().splitlines()


async def test_lo1_text() -> None:
    assert await logged((asked("/a?b=1"), Response(b"12345", 201))) == [
        '2026-01-01T12:00:00Z 203.0.113.7 "GET /a?b=1" 201 5 1.50ms'
    ]


async def test_lo1_json() -> None:
    (line,) = await logged(
        (asked("/a", x_request_id="abc", user_agent='x"\n'), Response(b"12345")),
        format="json",
        user_agent=True,
    )
    assert msgspec.json.decode(line) == {
        "time": "2026-01-01T12:00:00Z",
        "method": "GET",
        "target": "/a",
        "status": 200,
        "ms": 1.5,
        "bytes": 5,
        "client": "203.0.113.7",
        "request_id": "abc",
        "user_agent": 'x"\n',
    }


async def test_lo2_request_id_and_user_agent() -> None:
    (line,) = await logged((asked(x_request_id="abc-1", user_agent="curl"), Response()), user_agent=True)
    assert line.endswith('1.50ms abc-1 "curl"')


async def test_what_was_cut_off_and_what_has_no_body() -> None:
    lines = await logged(
        (asked(), None), (asked(method="HEAD"), Response(b"12345")), (asked(), Stream(_chunks()))
    )
    assert [line.split('" ')[1] for line in lines] == ["499 - 1.50ms", "200 0 1.50ms", "200 - 1.50ms"]


async def _chunks() -> AsyncIterator[bytes]:
    yield b"abc"


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("/?token=abc&x=1", "/?token=***&x=1"),
        ("/?x=1&PassWord=a%20b", "/?x=1&PassWord=***"),
        ("/?x=1;api_key=abc;y=2", "/?x=1;api_key=***;y=2"),
        ("/token=abc?tokens=1", "/token=abc?tokens=1"),
    ],
)
async def test_lo1_secrets_in_the_query_are_masked(target: str, shown: str) -> None:
    for format in ("text", "json"):
        (line,) = await logged((asked(target), Response()), format=format)
        assert shown in line


async def test_lo1_masked_names_are_the_caller_s() -> None:
    (line,) = await logged((asked("/?pin=1&token=2"), Response()), masked=("pin",))
    assert "/?pin=***&token=2" in line
    assert "/?token=2" in (await logged((asked("/?token=2"), Response()), masked=()))[0]


@given(st.text(max_size=50))
def test_lo1_nothing_forges_a_line(text: str) -> None:
    shown = escape(text)
    assert shown.isascii()
    assert shown.isprintable() or not shown
    assert '"' not in shown.replace("\\\\", "").replace('\\"', "")


async def test_lo1_forged_target_stays_in_its_quotes() -> None:
    (line,) = await logged((asked('/"\n2026 evil\x1b[31m\xe9'), Response()))
    assert '"GET /\\"\\x0a2026 evil\\x1b[31m\\xe9" 200' in line


async def test_lines_are_written_together() -> None:
    stream = io.BytesIO()
    log = AccessLog(stream=stream, clock=lambda: 0.0)
    for _ in range(accesslog.BATCH - 1):
        log(asked(), Response(), 0.0)
    assert stream.getvalue() == b""
    log(asked(), Response(), 0.0)
    while stream.getvalue().count(b"\n") < accesslog.BATCH:
        await asyncio.sleep(0.001)
    await log.close()
    await log.close()
    assert stream.getvalue().count(b"\n") == accesslog.BATCH


class Stuck(io.BytesIO):
    """A pipe that nobody empties, until ``free``."""

    def __init__(self) -> None:
        super().__init__()
        self.free = threading.Event()

    def write(self, data: Any) -> int:
        self.free.wait(10)
        return super().write(data)


async def test_lo1_a_stuck_stream_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accesslog, "BATCH", 10)
    monkeypatch.setattr(accesslog, "KEPT", 30)
    stream = Stuck()
    log = AccessLog(stream=stream, clock=lambda: 0.0)
    for _ in range(100):
        log(asked(), Response(), 0.0)
    assert log.dropped == 60  # 10 are being written, 30 are kept
    stream.free.set()
    await log.close()
    lines = stream.getvalue().decode().splitlines()
    assert len(lines) == 41
    assert lines[-1] == "- 60 lines were dropped: the log is not written fast enough"


async def test_lo1_attached_to_a_server() -> None:
    stream = io.BytesIO()
    log = AccessLog(stream=stream)
    told: list[int] = []

    async def handle(request: Request) -> Response:
        return Stream(_chunks()) if request.path == "/stream" else Response(b"12345")

    def tell(request: Request, response: Response | None, started: float) -> None:
        told.append(response.status if response is not None else 0)

    def prepare(server: Any) -> None:
        server.on_finished = tell
        log.attach(server)

    async with serving(handle, prepare=prepare) as served:
        client = await served.connect()
        await client.get("/")
        await client.get("/stream")
    await log.close()
    first, second = stream.getvalue().decode().splitlines()
    assert '127.0.0.1 "GET /" 200 5 ' in first
    assert '127.0.0.1 "GET /stream" 200 3 ' in second
    assert told == [200, 200]
