"""Rate limits on routes, apps, sockets and as plain calls; in memory and in both databases; floods of keys and races."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.db.backends import DIALECTS, opened, sql, url_of
from vivace.app import App
from vivace.config.settings import Settings
from vivace.db import Database, Databases, atomic, current_databases
from vivace.db.urls import connect
from vivace.errors import ConfigurationError, RateLimited
from vivace.errors.testing import WebSocketRejected
from vivace.http.request import Connection, Request
from vivace.http.websocket import WebSocket, WebSocketDisconnect
from vivace.security import DatabaseRates, MemoryRates, RateLimit
from vivace.security.ratelimits import by_address, network_of
from vivace.security.rates import FRESH, Algorithm, Rate
from vivace.security.ratestores import SWEEP_EVERY, RateStore, short_key
from vivace.testing import Client


class Clock:
    """A clock that tests set."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", *DIALECTS])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where hits are counted: ``memory``, or the URL of a database."""
    return request.param if request.param == "memory" else url_of(request.param, tmp_path, request)


@asynccontextmanager
async def counting(place: str, clock: Clock) -> AsyncGenerator[RateStore]:
    """Give a store, with its database where it has one."""
    if place == "memory":
        yield MemoryRates(clock=clock)
        return
    async with opened(place):
        yield DatabaseRates(clock=clock)


async def test_sc12_hits_are_counted_refused_and_given_back(place: str, clock: Clock) -> None:
    async with counting(place, clock) as store:
        for algorithm in ("bucket", "window"):
            limit = RateLimit("3/minute", name=algorithm, algorithm=algorithm, store=store)
            left = [(await limit.hit("ada")).remaining for _ in range(3)]
            assert left == [2, 1, 0]
            refused = await limit.hit("ada")
            assert (refused.allowed, refused.remaining, refused.limit) == (False, 0, 3)
            assert 0 < refused.retry_after <= 120
            assert (await limit.hit("bob")).remaining == 2
            assert not (await limit.peek("ada")).allowed
            assert (await limit.peek("bob")).remaining == 2
            clock.now += refused.retry_after + 0.001
            assert (await limit.hit("ada")).allowed
            assert not (await limit.hit("ada")).allowed
            await limit.reset("ada")
            assert (await limit.hit("ada", cost=3)).allowed
            assert not (await limit.hit("ada")).allowed
            assert not (await limit.hit("new", cost=4)).allowed  # more than there will ever be


async def test_sc12_of_many_at_once_exactly_the_limit_is_let_in(place: str, clock: Clock) -> None:
    async with counting(place, clock) as store:
        for algorithm in ("bucket", "window"):
            limit = RateLimit("10/minute", name=algorithm, algorithm=algorithm, store=store)
            verdicts = await asyncio.gather(*(limit.hit("ada") for _ in range(40)))
            assert sum(verdict.allowed for verdict in verdicts) == 10


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_sc12_workers_share_what_the_database_counts(
    dialect: str, request: pytest.FixtureRequest, tmp_path: Path, clock: Clock
) -> None:
    url = url_of(dialect, tmp_path, request)

    async def worker() -> int:
        database = Database("default", connect(url, root=Path("/")))
        current_databases.set(Databases({"default": database}))
        limit = RateLimit("10/minute", name="shared", store=DatabaseRates(clock=clock))
        try:
            return sum([(await limit.hit("ada")).allowed for _ in range(8)])
        finally:
            await database.close()

    allowed = await asyncio.gather(
        *(asyncio.create_task(worker()) for _ in range(3))
    )  # and makes the table thrice
    assert sum(allowed) == 10


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_sc12_sql_counts_as_the_pure_functions_do(
    dialect: str, request: pytest.FixtureRequest, tmp_path: Path, clock: Clock
) -> None:
    chance = random.Random(7)
    async with opened(url_of(dialect, tmp_path, request)):
        for algorithm in ("bucket", "window"):
            kept, rate = DatabaseRates(clock=clock), Rate(5, 30, algorithm)
            memory = MemoryRates(clock=clock)
            for _ in range(150):
                clock.now += chance.choice((0, 0.25, 1, 5, 29, 61))
                key, cost = chance.choice("ab") + algorithm, chance.randint(1, 3)
                mine, theirs = await memory.hit(key, rate, cost), await kept.hit(key, rate, cost)
                assert (mine.allowed, mine.remaining) == (theirs.allowed, theirs.remaining)
                assert mine.retry_after == pytest.approx(theirs.retry_after, abs=1e-4)


async def test_sc12_a_hit_in_a_transaction_that_fails_counts_on_postgresql(
    request: pytest.FixtureRequest, tmp_path: Path, clock: Clock
) -> None:
    async with opened(url_of("postgresql", tmp_path, request)):
        limit = RateLimit("1/minute", store=DatabaseRates(clock=clock))
        with pytest.raises(KeyError):
            async with atomic():
                await limit.hit("ada")
                raise KeyError
        assert not (await limit.hit("ada")).allowed


async def test_sc12_a_hit_in_a_transaction_does_not_wait_for_itself_on_sqlite(
    request: pytest.FixtureRequest, tmp_path: Path, clock: Clock
) -> None:
    async with opened(url_of("sqlite", tmp_path, request)):
        limit = RateLimit("1/minute", store=DatabaseRates(clock=clock))
        await limit.hit("bob")
        async with atomic():
            assert (await limit.hit("ada")).allowed
        assert not (await limit.hit("ada")).allowed


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_sc12_rows_that_matter_no_more_are_removed(
    dialect: str, request: pytest.FixtureRequest, tmp_path: Path, clock: Clock
) -> None:
    async with opened(url_of(dialect, tmp_path, request)) as database:
        store = DatabaseRates(clock=clock)
        limit = RateLimit("5/second", store=store)
        for number in range(20):
            await limit.hit(f"old {number}")
        clock.now += 3600
        for _ in range(SWEEP_EVERY - 20):
            await limit.hit("new")
            clock.now += 1
        ((count,),) = await database.fetch(sql(database, "SELECT count(*) FROM vivace_rate_limits"))
        assert count == 1


async def test_sc12_a_flood_of_keys_is_bounded_and_forgets_the_quiet_ones(clock: Clock) -> None:
    store = MemoryRates(capacity=100, clock=clock)
    limit = RateLimit("2/hour", store=store)
    for number in range(1000):
        await limit.hit("hammer")  # refused from the third on, and never forgotten
        await limit.hit(f"flood {number}")
    assert len(store) == 100
    assert not (await limit.hit("hammer")).allowed


@given(st.text(), st.text(max_size=64))
def test_sc12_keys_are_short_printable_and_apart(key: str, name: str) -> None:
    short = short_key(name, key)
    assert len(short) <= 128
    assert short != short_key(name, key + "x")
    assert "\0" not in short.removeprefix(name[:64])


def site(*limits: Any, **options: Any) -> App:
    app = App(settings=Settings(), **options)

    @app.get("/search", guards=limits)
    async def search() -> dict[str, int]:
        return {"found": 0}

    @app.get("/free")
    async def free() -> str:
        return "free"

    return app


async def test_sc12_a_route_says_what_is_left_and_refuses_with_a_problem(clock: Clock) -> None:
    limit = RateLimit("2/minute", name="search", store=MemoryRates(clock=clock))
    async with Client(site(limit)) as client:
        first = await client.get("/search")
        assert first.status == 200
        assert first.headers["ratelimit-policy"] == '"search";q=2;w=60'
        assert first.headers["ratelimit"] == '"search";r=1;t=30'
        await client.get("/search")
        refused = await client.get("/search")
        assert refused.status == 429
        assert refused.headers["retry-after"] == "30"
        assert refused.headers["ratelimit"] == '"search";r=0;t=30'
        assert refused.problem is not None
        assert refused.problem["type"] == "urn:vivace:error:rate-limited"
        assert refused.problem["violated-policies"] == ["search"]
        page = await client.get("/search", headers={"accept": "text/html"})
        assert page.headers["content-type"].startswith("text/html")
        assert "ratelimit" not in (await client.get("/free")).headers
        clock.now += 30.01
        assert (await client.get("/search")).status == 200


async def test_sc12_two_limits_are_both_told(clock: Clock) -> None:
    store = MemoryRates(clock=clock)
    limits = [RateLimit("2/second", name="burst", store=store), RateLimit("5/hour", name="hour", store=store)]
    async with Client(site(*limits)) as client:
        answer = await client.get("/search")
    assert answer.headers.getlist("ratelimit") == ['"burst";r=1;t=1', '"hour";r=4;t=720']


async def test_sc12_a_whole_app_and_its_sockets(clock: Clock) -> None:
    limit = RateLimit("3/minute", store=MemoryRates(clock=clock))
    app = site(before=[limit])

    @app.websocket("/socket")
    async def socket(socket: WebSocket) -> None:
        await socket.send("hello")

    async with Client(app) as client:
        assert (await client.get("/free")).status == 200
        assert (await client.get("/nothing")).status == 404  # counted, too
        async with client.websocket("/socket") as open_socket:
            assert await open_socket.receive() == "hello"
        assert (await client.get("/free")).status == 429
        with pytest.raises(WebSocketRejected):
            async with client.websocket("/socket") as open_socket:
                await open_socket.receive()


@pytest.mark.parametrize(("on_excess", "received"), [("close", ["0", "1"]), ("drop", ["0", "1", "end"])])
async def test_sc12_messages_of_a_socket(clock: Clock, on_excess: Any, received: list[str]) -> None:
    limit = RateLimit("2/minute", store=MemoryRates(clock=clock))
    app, seen = App(settings=Settings()), list[str]()

    @app.websocket("/chat")
    async def chat(socket: WebSocket) -> None:
        async for message in limit.messages(socket, on_excess):
            seen.append(str(message))
            await socket.send(f"got {message!s}")
            if message == "end":
                return

    async with Client(app) as client, client.websocket("/chat") as socket:
        for number in range(2):
            await socket.send(str(number))
            assert await socket.receive() == f"got {number}"
        await socket.send("too much")
        if on_excess == "close":
            with pytest.raises(WebSocketDisconnect) as caught:
                await socket.receive()
            assert caught.value.close_code == 1008
        else:
            await asyncio.sleep(0)
            clock.now += 60
            await limit.reset("127.0.0.1")
            while "end" not in seen:
                await socket.send("end")
                await asyncio.sleep(0.001)
    assert [message for message in seen if message != "too much"][: len(received)] == received


async def test_sc12_a_socket_that_waits_is_slowed_down_and_loses_nothing() -> None:
    limit = RateLimit("2/0.02s")
    app = App(settings=Settings())

    @app.websocket("/chat")
    async def chat(socket: WebSocket) -> None:
        async for message in limit.messages(socket, "wait"):
            await socket.send(message)

    async with Client(app) as client, client.websocket("/chat") as socket:
        for number in range(6):
            await socket.send(str(number))
        assert [await socket.receive() for _ in range(6)] == [str(number) for number in range(6)]


def from_address(address: str) -> Request:
    return Request("GET", "/", [(b"x-api-key", b"abc")], Connection(client=(address, 1)))


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("strange:thing", "strange:thing"),
    ],
)
def test_sc12_one_subscriber_is_one_key(address: str, network: str) -> None:
    assert network_of(address) == network
    assert by_address(from_address(address)) == network


async def test_sc12_keys_by_header_function_and_user(clock: Clock) -> None:
    store = MemoryRates(clock=clock)
    request = from_address("192.0.2.1")

    async def tenant(request: Request) -> str | None:
        return request.headers.get("x-tenant")

    assert await RateLimit("1/s", key="header:x-api-key", store=store).key_of(request) == "x-api-key abc"
    assert await RateLimit("1/s", key="header:x-other", store=store).key_of(request) == "192.0.2.1"
    by_tenant = RateLimit("1/s", key=tenant, store=store)
    assert await by_tenant.key_of(request) is None
    await by_tenant(request)
    await by_tenant(request)  # nobody to count for
    assert len(store) == 0
    app = App(settings=Settings())

    class Person:
        pk = 7

    async def user(request: Request) -> Person:
        return Person()

    app.parts["user"] = user
    request.app = app
    assert await RateLimit("1/s", key="user").key_of(request) == "user 7"


async def test_sc12_plain_calls_raise(clock: Clock) -> None:
    limit = RateLimit("1/hour", name="sms", store=MemoryRates(clock=clock))
    assert (await limit.require("+49 1")).remaining == 0
    with pytest.raises(RateLimited, match="Try again in 3600 s") as caught:
        await limit.require("+49 1")
    assert caught.value.headers["retry-after"] == "3600"
    assert "sms" in repr(limit)


@pytest.mark.parametrize(
    ("options", "message"), [({"key": "adress"}, "counted by"), ({"name": 'a"b'}, "cannot name")]
)
def test_sc12_mistakes_are_told(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        RateLimit("1/s", **options)


@given(st.sampled_from(["bucket", "window"]), st.floats(0, 1e10))
def test_sc12_a_state_is_good_for_any_clock(algorithm: Algorithm, now: float) -> None:
    rate = Rate(3, 60, algorithm)
    state = rate.take(FRESH, now, 1)
    assert state is not None
    earlier = rate.take(state, max(0.0, now - 1000), 1)  # a clock that was set back refuses, or counts on
    assert earlier is None or earlier[2] >= 0


async def test_sc12_a_socket_that_never_speaks_ends_its_messages() -> None:
    app = App(settings=Settings())
    limit, ended = RateLimit("1/s"), asyncio.Event()

    @app.websocket("/quiet")
    async def quiet(socket: WebSocket) -> None:
        assert [message async for message in limit.messages(socket)] == []
        ended.set()

    async with Client(app) as client:
        async with client.websocket("/quiet"):
            pass
        await asyncio.wait_for(ended.wait(), 5)
