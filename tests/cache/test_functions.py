"""``cached()``: results of functions that are kept until a commit changes what they read (CA2, N1)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.cache.shelf import SHELF, Novel, Writer, filled, running, shelf_app
from vivace import App, Request, cached
from vivace.db import atomic, query_log
from vivace.errors import CacheValueError
from vivace.testing import Client


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[App]:
    async with running(shelf_app(f"sqlite:///{tmp_path}/test.sqlite3")) as started:
        yield started


@cached
async def titles() -> list[str]:
    return [novel.title for novel in await Novel.objects.all()]


@cached()
async def novels_of(name: str, *, least: int = 0) -> list[Novel]:
    return await Novel.objects.filter(writer__name=name, pages__gte=least)


async def counted(work: Any) -> tuple[Any, int]:
    with query_log() as log:
        return await work, len(log)


async def test_n1_a_result_is_kept_until_a_commit_changes_what_it_read(app: App) -> None:
    await filled(2)
    assert await counted(titles()) == (["Novel 1", "Novel 2"], 1)
    assert await counted(titles()) == (["Novel 1", "Novel 2"], 0)
    await Writer.objects.create(name="Bob")
    assert (await counted(titles()))[1] == 0
    await Novel.objects.filter(title="Novel 2").update(title="II")
    assert await counted(titles()) == (["Novel 1", "II"], 1)


async def test_arguments_are_the_key(app: App) -> None:
    await filled(1)
    assert len(await novels_of("Ada")) == 1
    assert await novels_of("Bob") == []
    assert await novels_of("Ada", least=5) == []
    assert (await counted(novels_of("Ada")))[1] == 0
    assert (await counted(novels_of("Ada", least=5)))[1] == 0


async def test_each_caller_has_objects_of_their_own(app: App) -> None:
    await filled(2)
    first = await novels_of("Ada")
    first[0].title = "mine"
    first.pop()
    second = await novels_of("Ada")
    assert [novel.title for novel in second] == ["Novel 1", "Novel 2"]
    with query_log() as log:
        await second[0].load("writer")
        assert [novel.writer.name for novel in second if novel.writer] == ["Ada"] * 2  # they are peers again
    assert len(log) == 1
    await Writer.objects.update(name="Eve")
    third = await novels_of("Ada")
    assert third == [], "the query asked for the name"


async def test_a_relation_that_a_caller_loaded_is_not_kept(app: App) -> None:
    @cached
    async def all_novels() -> list[Novel]:
        return await Novel.objects.all()

    await filled(1)
    await all_novels()
    first = (await all_novels())[0]
    await first.load("writer")
    await Writer.objects.update(name="Eve")
    second = (await all_novels())[0]
    await second.load("writer")
    assert getattr(second.writer, "name", "") == "Eve"


async def test_one_computes_and_the_others_wait(app: App) -> None:
    runs: list[Any] = []
    go = asyncio.Event()

    @cached
    async def slow() -> int:
        runs.append(1)
        await go.wait()
        return await Novel.objects.count()

    tasks = [asyncio.create_task(slow()) for _ in range(5)]
    while not runs:
        await asyncio.sleep(0)
    go.set()
    assert await asyncio.gather(*tasks) == [0] * 5
    assert len(runs) == 1


async def test_who_came_after_a_commit_does_not_get_what_began_before_it(app: App) -> None:
    counts: list[int] = []
    read, go = asyncio.Event(), asyncio.Event()

    @cached
    async def slow() -> int:
        count = await Novel.objects.count()
        counts.append(count)
        read.set()
        await go.wait()
        return count

    early = asyncio.create_task(slow())
    await read.wait()
    await Novel.objects.create(title="new")
    late = asyncio.create_task(slow())
    await asyncio.sleep(0)
    go.set()
    assert await early == 0
    assert await late == 1
    assert await slow() == 1
    assert counts == [0, 1]
    assert app.dependents.report().raced == 1


async def test_who_is_cancelled_is_succeeded_by_one_who_waits(app: App) -> None:
    runs: list[Any] = []
    go = asyncio.Event()

    @cached
    async def slow() -> str:
        runs.append(1)
        await go.wait()
        return "done"

    first, second = asyncio.create_task(slow()), asyncio.create_task(slow())
    while not runs:
        await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    go.set()
    assert await second == "done"
    assert len(runs) == 2
    assert await slow() == "done"
    assert len(runs) == 2


async def test_an_error_is_not_kept(app: App) -> None:
    fails = [True]

    @cached
    async def fragile() -> str:
        if fails.pop():
            raise ValueError("no")
        return "yes"

    fails = [False, True]
    with pytest.raises(ValueError, match="no"):
        await fragile()
    assert await fragile() == "yes"
    assert await fragile() == "yes"


async def test_what_calls_itself_is_refused_and_circles_end(app: App) -> None:
    @cached
    async def itself() -> int:
        return int(await itself())

    with pytest.raises(CacheValueError) as caught:
        await itself()
    assert "the same is needed" in str(caught.value)

    both = [asyncio.Event(), asyncio.Event()]

    @cached
    async def ping(depth: int) -> int:
        both[0].set()
        await both[1].wait()
        return 1 if depth <= 0 else 1 + await pong(depth - 1)

    @cached
    async def pong(depth: int) -> int:
        both[1].set()
        await both[0].wait()
        return 1 if depth <= 0 else 1 + await ping(depth + 1 if depth == 1 else 0)

    # ping(2) needs pong(1), and pong(1) needs ping(2): whoever would close the circle computes alone.
    async with asyncio.timeout(30):
        with pytest.raises((CacheValueError, RecursionError)):
            await asyncio.gather(ping(2), pong(1))


async def test_a_function_within_a_function_counts_for_both(app: App) -> None:
    @cached
    async def summary() -> str:
        return ", ".join(await titles())

    await filled(1)
    assert await summary() == "Novel 1"
    assert await summary() == "Novel 1"
    await Novel.objects.update(title="II")
    assert await summary() == "II"


async def test_a_time_limit_of_a_part_is_one_of_the_whole(app: App) -> None:
    now = [0.0]
    app.dependents.clock = lambda: now[0]

    @cached(timeout=10)
    async def rate() -> float:
        return now[0]

    @cached
    async def report() -> str:
        return f"{await rate()}"

    now[0] = 5.0
    await rate()
    assert await report() == "5.0"
    now[0] = 14.0
    assert await report() == "5.0"
    now[0] = 15.0
    assert await report() == "15.0"


async def test_plain_functions_and_keys_of_ones_own(app: App) -> None:
    class Thing:
        def __init__(self, name: str) -> None:
            self.name = name

    runs: list[str] = []

    def name_of(thing: Thing) -> str:
        return thing.name

    @cached(key=name_of)
    def shout(thing: Thing) -> str:
        runs.append(thing.name)
        return thing.name.upper()

    @cached
    def whisper(thing: Thing) -> str:
        runs.append("whisper")
        return thing.name

    assert [shout(Thing("a")), shout(Thing("a")), shout(Thing("b"))] == ["A", "A", "B"]
    assert runs == ["a", "b"]
    assert [whisper(Thing("a")), whisper(Thing("a"))] == ["a", "a"]
    assert runs.count("whisper") == 2, "a thing has no key"


async def test_nothing_is_kept_in_a_transaction(app: App) -> None:
    with pytest.raises(RuntimeError):
        async with atomic():
            await Novel.objects.create(title="never")
            assert await titles() == ["never"]
            raise RuntimeError
    assert await titles() == []


async def test_what_can_be_had_once_is_given_and_not_kept(app: App) -> None:
    @cached
    async def stream() -> Any:
        async def items() -> AsyncGenerator[int]:
            yield 1

        return items()

    assert [item async for item in await stream()] == [1]
    assert [item async for item in await stream()] == [1]
    with pytest.raises(CacheValueError):

        @cached
        async def yielding() -> AsyncGenerator[int]:
            yield 1


async def test_outside_of_an_app_it_is_an_ordinary_function() -> None:
    runs: list[Any] = []

    @cached
    async def plain() -> int:
        runs.append(1)
        return 1

    assert [await plain(), await plain()] == [1, 1]
    assert len(runs) == 2


async def test_a_thread_keeps_nothing(app: App) -> None:
    runs: list[int] = []

    @cached
    def double(n: int) -> int:
        runs.append(n)
        return 2 * n

    assert [await app.pool.run(double, 2) for _ in range(2)] == [4, 4]
    assert runs == [2, 2]
    assert [double(2), double(2), await app.pool.run(double, 2)] == [4, 4, 4]
    assert len(runs) == 4


async def test_forget_drops_the_results_of_one_function(app: App) -> None:
    runs: list[Any] = []

    @cached
    async def constant(n: int) -> int:
        runs.append(n)
        return n

    await constant(1)
    await constant(2)
    assert constant.forget() == 2  # type: ignore[attr-defined]
    await constant(1)
    assert runs == [1, 2, 1]


async def test_n1_what_was_read_of_a_person_is_given_to_nobody_else(tmp_path: Path) -> None:
    app = shelf_app(f"sqlite:///{tmp_path}/test.sqlite3")

    @cached
    async def greeting() -> str:
        from vivace import current_request

        request = current_request()
        return f"Hello {request.cookies.get('name')}" if request is not None else "?"

    @app.get("/")
    async def index(request: Request) -> str:
        return await greeting()

    app.messaging.alone = True
    async with Client(app, isolate=False) as client:
        for name in ("Ann", "Bob", "Ann"):
            response = await client.get("/", headers={"cookie": f"name={name}"})
            assert response.text == f"Hello {name}"
        waiting = [client.get("/", headers={"cookie": f"name={name}"}) for name in ("Eve", "Dan")]
        assert [each.text for each in await asyncio.gather(*waiting)] == ["Hello Eve", "Hello Dan"]
        assert len(app.dependents) == 0


async def test_the_test_clients_rollback_drops_everything(tmp_path: Path) -> None:
    app = App(models=SHELF, databases={"default": f"sqlite:///{tmp_path}/test.sqlite3"}, root=tmp_path)

    @app.get("/")
    async def index() -> list[str]:
        return await titles()

    @app.post("/")
    async def add() -> None:
        await Novel.objects.create(title="new")

    async with Client(app) as client:
        assert (await client.get("/")).json() == []
        await client.post("/")
        assert (await client.get("/")).json() == ["new"]
    async with Client(app) as client:
        assert (await client.get("/")).json() == []
