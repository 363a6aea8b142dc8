"""``atomic``: on both databases, alone, nested, shared between tasks, cancelled, and in tests that are rolled back."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.db.backends import DIALECTS, add, keys, opened, sql, url_of
from vivace.changes import WriteSet
from vivace.db import Database, atomic, in_transaction, on_commit, outside, retrying
from vivace.errors import (
    ConfigurationError,
    IntegrityError,
    ReadOnlyDatabase,
    SerializationFailure,
    TransactionError,
    UniqueViolation,
)


@pytest.fixture(params=DIALECTS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return url_of(request.param, tmp_path, request)


class Boom(Exception):
    """What tests raise."""


async def test_db1_a_block_commits_when_it_is_left_and_rolls_back_on_an_error(url: str) -> None:
    async with opened(url) as database:
        async with atomic():
            await add(database, 1)
            assert in_transaction()
        with pytest.raises(Boom):
            async with atomic():
                await add(database, 2)
                raise Boom
        assert not in_transaction()
        assert await keys(database) == [1]


async def test_db1_an_inner_block_is_a_savepoint(url: str) -> None:
    async with opened(url) as database:
        async with atomic():
            await add(database, 1)
            with pytest.raises(UniqueViolation):
                async with atomic():
                    await add(database, 2)
                    await add(database, 1, "again")
            async with atomic():
                await add(database, 3)
        assert await keys(database) == [1, 3]


async def test_db1_without_a_savepoint_an_inner_failure_brings_the_outer_block_down(url: str) -> None:
    async with opened(url) as database:
        with pytest.raises(TransactionError, match="rolled back"):
            async with atomic():
                await add(database, 1)
                with pytest.raises(Boom):
                    async with atomic(savepoint=False):
                        raise Boom
        assert await keys(database) == []


async def test_a_swallowed_database_error_is_not_a_commit(url: str) -> None:
    async with opened(url) as database:
        with pytest.raises(TransactionError, match="went on after an error") as caught:
            async with atomic():
                await add(database, 1)
                with pytest.raises(IntegrityError):
                    await add(database, 1, "again")
                with pytest.raises(TransactionError, match="met an error"):
                    await add(database, 2)
        assert isinstance(caught.value.__cause__, UniqueViolation)
        assert await keys(database) == []


async def test_db1_durable_and_isolation_belong_to_whole_transactions(url: str) -> None:
    async with opened(url) as database:
        async with atomic(durable=True):
            with pytest.raises(TransactionError, match="durable"):
                async with atomic(durable=True):
                    pass
            with pytest.raises(TransactionError, match="isolation"):
                async with atomic(isolation="serializable"):
                    pass
            await add(database, 1)
        async with atomic(isolation="serializable"):
            await add(database, 2)
        assert await keys(database) == [1, 2]


async def test_db1_read_only_refuses_writes(url: str) -> None:
    async with opened(url) as database:
        await add(database, 1)
        with pytest.raises(ReadOnlyDatabase):
            async with atomic(read_only=True):
                assert await keys(database) == [1]
                await add(database, 2)
        assert await keys(database) == [1]


async def test_atomic_decorates_async_functions_only(url: str) -> None:
    async with opened(url) as database:

        @atomic
        async def save(key: int) -> int:
            await add(database, key)
            if key == 2:
                raise Boom
            return key

        assert await save(1) == 1
        with pytest.raises(Boom):
            await save(2)
        assert await keys(database) == [1]
    with pytest.raises(ConfigurationError, match="async function"):
        atomic()(lambda: None)  # type: ignore[arg-type, return-value]
    with pytest.raises(ConfigurationError, match="unknown option"):
        atomic(durabel=True)  # type: ignore[call-overload]


async def test_db1_a_serialization_failure_is_tried_again(url: str) -> None:
    async with opened(url) as database:
        attempts = 0

        @atomic(retries=2)
        async def work() -> str:
            nonlocal attempts
            attempts += 1
            await add(database, attempts)
            if attempts < 3:
                raise SerializationFailure("met another one")
            return "done"

        assert await work() == "done"
        assert (attempts, await keys(database)) == (3, [3])

        async def never() -> None:
            raise SerializationFailure("always")

        with pytest.raises(SerializationFailure):
            await retrying(never, attempts=2)
    with pytest.raises(ConfigurationError, match="cannot run its body again"):
        async with atomic(retries=1):
            pass


async def test_db1_callbacks_run_after_the_commit_in_order_and_never_after_a_rollback(url: str) -> None:
    async with opened(url) as database:
        seen: list[Any] = []

        async def later() -> None:
            seen.append(await keys(database))

        async with atomic():
            on_commit(lambda: seen.append("first"))
            on_commit(later)
            with pytest.raises(Boom):
                async with atomic():
                    on_commit(lambda: seen.append("undone"))
                    raise Boom
            async with atomic():
                on_commit(lambda: seen.append("inner"))
            await add(database, 1)
            assert seen == []
        assert seen == ["first", [1], "inner"]
        with pytest.raises(Boom):
            async with atomic():
                on_commit(lambda: seen.append("undone"))
                raise Boom
        on_commit(lambda: seen.append("now"))
        assert seen == ["first", [1], "inner", "now"]


async def test_db1_a_robust_callback_is_logged_and_another_raises_after_the_commit(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise Boom

    async with opened(url) as database:
        async with atomic():
            await add(database, 1)
            on_commit(fail, robust=True)
        assert "on_commit failed" in caplog.text
        with pytest.raises(Boom):
            async with atomic():
                await add(database, 2)
                on_commit(fail)
        assert await keys(database) == [1, 2]


async def test_a_task_started_in_a_block_joins_it(url: str) -> None:
    async with opened(url) as database:
        with pytest.raises(Boom):
            async with atomic():
                async with asyncio.TaskGroup() as group:
                    for key in range(100):
                        group.create_task(add(database, key))
                assert await keys(database) == list(range(100))
                raise Boom
        assert await keys(database) == []


async def test_inner_blocks_of_sibling_tasks_do_not_interleave(url: str) -> None:
    async with opened(url) as database:

        async def work(key: int) -> None:
            try:
                async with atomic():
                    await add(database, key)
                    await asyncio.sleep(0)
                    await add(database, key + 100)
                    if key % 2:
                        raise Boom
            except Boom:
                pass

        async with atomic():
            await asyncio.gather(*(work(key) for key in range(10)))
        assert await keys(database) == [0, 2, 4, 6, 8, 100, 102, 104, 106, 108]


async def test_a_task_that_outlives_its_block_is_told(url: str) -> None:
    async with opened(url) as database:
        go = asyncio.Event()

        async def late() -> None:
            await go.wait()
            await add(database, 1)

        async def apart() -> None:
            await go.wait()
            await add(database, 2)

        async with atomic():
            task = asyncio.create_task(late())
            with outside():
                other = asyncio.create_task(apart())
        go.set()
        with pytest.raises(TransactionError, match="has ended"):
            await task
        await other
        assert await keys(database) == [2]


async def test_waiting_for_oneself_ends_with_an_error_that_says_so(url: str) -> None:
    async with opened(url, acquire_timeout=0.05) as database:
        with pytest.raises(TransactionError, match="waited too long"):
            async with atomic():
                start = asyncio.Event()

                async def sibling() -> None:
                    await start.wait()
                    await add(database, 1)

                task = asyncio.create_task(sibling())
                async with atomic():
                    start.set()
                    await task
        assert await keys(database) == []


async def test_cancelling_at_any_await_leaves_all_or_nothing(url: str) -> None:
    async with opened(url) as database:
        rng = random.Random(7)
        entered = left = 0

        async def work(key: int) -> None:
            nonlocal entered, left
            async with atomic():
                entered += 1
                await add(database, 2 * key)
                async with atomic():
                    await add(database, 2 * key + 1)
            left += 1

        for key in range(60):
            task = asyncio.create_task(work(key))
            for _ in range(rng.randrange(12)):
                await asyncio.sleep(0)
            await asyncio.sleep(rng.random() * 0.003)
            task.cancel()
            await asyncio.wait([task])
        found = await keys(database)
        assert [key for key in found if key % 2 == 0] == [key - 1 for key in found if key % 2]
        assert len(found) >= 2 * left
        assert entered > left  # some were cancelled on their way
        await add(database, 999)
        assert 999 in await keys(database)


async def test_changes_are_announced_after_the_commit_and_before_the_writer_goes_on(url: str) -> None:
    async with opened(url) as database:
        heard: list[WriteSet] = []
        stop = database.subscribe(heard.append)
        async with atomic():
            await add(database, 1)
            with pytest.raises(Boom):
                async with atomic():
                    await add(database, 2)
                    raise Boom
            assert heard == []
        assert [written.touched() for written in heard] == [{"item"}]
        with pytest.raises(Boom):
            async with atomic():
                await add(database, 3)
                raise Boom
        assert len(heard) == 1
        await add(database, 4)
        assert len(heard) == 2
        stop()
        await add(database, 5)
        assert len(heard) == 2


async def test_a_failing_subscriber_does_not_reach_the_writer(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(written: WriteSet) -> None:
        raise Boom

    async with opened(url) as database:
        heard: list[WriteSet] = []
        database.subscribe(fail)
        database.subscribe(heard.append)
        await add(database, 1)
        assert len(heard) == 1
        assert "subscriber to changes failed" in caplog.text


async def test_a_rolled_back_test_sees_commits(url: str) -> None:
    async with opened(url) as database:
        heard: list[WriteSet] = []
        seen: list[str] = []
        database.subscribe(heard.append)
        async with database.rolled_back():
            async with atomic(durable=True):
                await add(database, 1)
                on_commit(lambda: seen.append("committed"))
                async with atomic():
                    await add(database, 2)
                assert (heard, seen) == ([], [])
            assert (len(heard), seen) == (1, ["committed"])
            with pytest.raises(UniqueViolation):
                await add(database, 1, "again")
            await add(database, 3)
            assert len(heard) == 2
            assert await keys(database) == [1, 2, 3]
        assert await keys(database) == []


async def test_a_stream_inside_a_block_sees_its_rows_and_outside_its_own_snapshot(url: str) -> None:
    async with opened(url) as database:
        async with atomic():
            for key in range(10):
                await add(database, key)
            assert [row[0] async for row in rows(database, 3)] == list(range(10))
        assert [row[0] async for row in rows(database, 4)] == list(range(10))


async def rows(database: Database, chunk: int) -> AsyncIterator[Any]:
    statement = sql(database, "SELECT id FROM item ORDER BY id")
    async for part in database.stream(statement, chunk=chunk):
        assert len(part) <= chunk
        for row in part:
            yield row


async def test_execute_many_and_scripts_are_all_or_nothing(url: str) -> None:
    async with opened(url) as database:
        insert = sql(database, "INSERT INTO item (id, name) VALUES (?, ?)", writes=["item"])
        await database.execute_many(insert, [(1, "a"), (2, "b")])
        with pytest.raises(UniqueViolation):
            await database.execute_many(insert, [(3, "c"), (1, "again")])
        with pytest.raises(IntegrityError):
            await database.run_script("INSERT INTO item (id) VALUES (4); INSERT INTO item (id) VALUES (1)")
        assert await keys(database) == [1, 2]
