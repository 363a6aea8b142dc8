"""Load shedding: quick refusals while over a limit, and nothing at all on the way of well ones."""

from __future__ import annotations

import asyncio

from vivace.engine.server import Server
from vivace.engine.workers.options import Watch
from vivace.engine.workers.shedding import Shedding, resident_bytes
from vivace.http.request import Connection, Request
from vivace.http.response import Response, Text


async def handle(request: Request) -> Response:
    await asyncio.sleep(0)
    return Text("well")


def get(path: str = "/") -> Request:
    return Request("GET", path, [], Connection())


async def status(server: Server, path: str = "/") -> int:
    return (await server.handle(get(path))).status


async def test_rt7_well_server_calls_the_app_itself() -> None:
    server = Server(handle)
    shedding = Shedding(server, Watch(loop_lag=0.5, memory_bytes=1 << 50))
    shedding.check(0.1)
    assert server.handle is handle


async def test_rt7_late_loop_sheds_until_it_is_well_again() -> None:
    server = Server(handle)
    shedding = Shedding(server, Watch(loop_lag=0.5))
    seen: list[int] = []
    for lag in (0.4, 0.6, 0.45, 0.39):
        shedding.check(lag)
        seen.append(await status(server))
    assert seen == [200, 503, 503, 200]
    assert shedding.refused == 2
    assert server.handle is handle


async def test_rt7_refusals_say_when_to_come_back_and_health_still_answers() -> None:
    server = Server(handle)
    shedding = Shedding(server, Watch(memory_bytes=100), memory=lambda: 101)
    shedding.check(0)
    response = await server.handle(get())
    assert response.status == 503
    assert response.headers["retry-after"] == "1"
    assert await status(server, "/live") == 200
    assert await status(server, "/ready") == 200


async def test_rt7_requests_in_flight_are_counted_exactly() -> None:
    server = Server(handle)
    Shedding(server, Watch(in_flight=3))
    assert sorted(await asyncio.gather(*(status(server) for _ in range(10)))) == [200] * 3 + [503] * 7
    assert await status(server) == 200


def test_memory_is_measured() -> None:
    assert 1_000_000 < resident_bytes() < 1 << 40
