"""What ``atomic`` does where cancellation, sharing and callbacks meet."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from tests.db.backends import DIALECTS, add, keys, opened, sql, url_of
from tests.leftovers import left_behind, ours
from vivace.db import Database, atomic, on_commit, retrying
from vivace.db.urls import connect
from vivace.errors import ConfigurationError, IntegrityError, SerializationFailure, TransactionError


@pytest.fixture(params=DIALECTS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return url_of(request.param, tmp_path, request)


async def test_one_atomic_entered_by_two_tasks_at_once_leaks_no_session(url: str) -> None:
    async with opened(url, acquire_timeout=1.0) as database:
        shared = atomic()

        async def use(key: int) -> None:
            async with shared:
                await add(database, key)

        results = await asyncio.gather(use(1), use(2), return_exceptions=True)
        assert [type(each) for each in results] == [type(None), ConfigurationError]
        async with asyncio.timeout(3), atomic():
            await add(database, 3)
        assert await keys(database) == [1, 3]


async def test_an_atomic_that_could_not_begin_can_be_entered_again(url: str) -> None:
    async with opened(url) as database:
        block = atomic(isolation="serializable")
        async with atomic():
            with pytest.raises(TransactionError, match="isolation"):
                async with block:
                    pass
        async with block:
            await add(database, 1)
        assert await keys(database) == [1]


async def test_db1_cancelling_one_callback_does_not_lose_the_others(url: str) -> None:
    async with opened(url) as database:
        began, ran = asyncio.Event(), list[str]()

        async def slow() -> None:
            began.set()
            await asyncio.sleep(60)

        async def work() -> None:
            async with atomic():
                await add(database, 1)
                on_commit(slow)
                on_commit(lambda: ran.append("second"))

        task = asyncio.create_task(work())
        await began.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ran == ["second"]
        assert await keys(database) == [1]


async def test_db1_a_callback_that_fails_does_not_repeat_what_was_committed(url: str) -> None:
    async with opened(url) as database:
        runs: list[int] = []

        def fail() -> None:
            raise SerializationFailure("the callback's own transaction met another")

        async def work() -> None:
            async with atomic():
                runs.append(len(runs) + 1)
                await add(database, runs[-1])
                on_commit(fail)

        with pytest.raises(TransactionError, match="committed"):
            await retrying(work)
        assert runs == [1]
        assert await keys(database) == [1]


async def test_closing_a_stream_leaves_a_statement_of_another_task_alone(url: str) -> None:
    async with opened(url) as database:
        slow = "SELECT pg_sleep(0.2)::text" if database.dialect == "postgresql" else "SELECT 1"
        async with atomic():
            for key in range(1, 6):
                await add(database, key)
            rows = database.stream(sql(database, "SELECT id FROM item ORDER BY id"), chunk=2)
            assert [row[0] for row in await anext(rows)] == [1, 2]
            other = asyncio.create_task(database.fetch(sql(database, slow)))
            await asyncio.sleep(0.05)
            await rows.aclose()
            assert len(await other) == 1
            await add(database, 6)
        assert await keys(database) == [1, 2, 3, 4, 5, 6]


async def test_a_failing_stream_leaves_a_rolled_back_test_usable(url: str) -> None:
    async with opened(url) as database:
        broken = (
            "SELECT 1 / (id - 1) FROM item"
            if database.dialect == "postgresql"
            else "SELECT json(name) FROM item"
        )
        async with database.rolled_back():
            await add(database, 1)
            with pytest.raises(Exception, match=r"zero|JSON"):
                async for _ in database.stream(sql(database, broken)):
                    pass
            assert await keys(database) == [1]
            found = [
                row[0] async for rows in database.stream(sql(database, "SELECT id FROM item")) for row in rows
            ]
            assert found == [1]


async def test_a_cancelled_block_ends_as_cancelled_whoever_is_in_the_way(url: str) -> None:
    async with opened(url, acquire_timeout=0.1) as database:
        slow = (
            "SELECT pg_sleep(0.6)::text"
            if database.dialect == "postgresql"
            else (
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000000) SELECT max(i) FROM n"
            )
        )
        other: list[asyncio.Task[object]] = []

        async def work() -> None:
            async with atomic():
                other.append(asyncio.create_task(database.fetch(sql(database, slow))))
                await asyncio.sleep(60)

        task = asyncio.create_task(work())
        while not other:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        task.cancel()
        [ended] = await asyncio.gather(task, return_exceptions=True)
        await asyncio.gather(*other, return_exceptions=True)
        assert isinstance(ended, asyncio.CancelledError)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with Python 3.12")
async def test_a_database_opens_again_where_tasks_are_eager(url: str) -> None:
    loop = asyncio.get_running_loop()
    loop.set_task_factory(getattr(asyncio, "eager_task_factory"))  # noqa: B009 - unknown to 3.11
    async with opened(url) as database:
        await add(database, 1)
        await database.close()
        await database.open()
        assert await keys(database) == [1]


async def test_closing_waits_for_an_opening_that_nobody_waits_for_any_more(url: str) -> None:
    database = Database("default", connect(url, root=Path("/")))
    opening = asyncio.create_task(database.open())
    await asyncio.sleep(0)
    opening.cancel()
    await database.close()
    await asyncio.sleep(0.2)
    assert database._opened is None


def test_a_database_that_was_left_open_serves_the_next_loop(tmp_path: Path) -> None:
    # SQLite only: a socket that a closed loop left behind warns when it is collected, in some other test
    database = Database("default", connect(f"sqlite:///{tmp_path}/left.sqlite3"))

    async def ask(last: bool) -> int:
        rows = await database.fetch(sql(database, "SELECT 1"))
        if last:
            await database.close()
        return int(rows[0][0])

    assert asyncio.run(ask(False)) == 1
    assert asyncio.run(ask(True)) == 1


async def test_refused_writes_leave_no_tracebacks_to_the_collector(url: str) -> None:
    async with opened(url) as database:
        await add(database, 1)

        async def visit() -> None:
            with pytest.raises(IntegrityError):
                await add(database, 1)
            with pytest.raises(IntegrityError):
                async with atomic():
                    await add(database, 1)

        await visit()
        with left_behind() as left:
            for _ in range(3):
                await visit()
        assert not ours(left), left
