"""Watching queries: counts, places, repetitions, budgets."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.db.backends import add, keys, opened, sql
from vivace.db import Database, Statement, execute_wrapper, query_budget, query_log
from vivace.db.observing import Run
from vivace.errors import QueryBudgetExceeded, UniqueViolation


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/test.sqlite3"


async def test_or18_a_log_has_every_query_with_its_line_and_its_time(url: str) -> None:
    ticks = iter(range(100))
    async with opened(url) as database:
        with query_log(clock=lambda: float(next(ticks))) as log:
            await add(database, 1)
            await asyncio.gather(keys(database), keys(database))
            with pytest.raises(UniqueViolation):
                await add(database, 1, "again")
        await keys(database)
    assert len(log) == 4
    assert log.seconds == sum(event.seconds for event in log) >= 4
    assert all(event.place.rpartition(":")[0].endswith("backends.py") for event in log)
    assert log.events[0].parameters == (1, "item 1", 0)
    assert log.events[-1].error.startswith("UniqueViolation")


async def test_or18_repeated_queries_are_reported_with_their_line(url: str) -> None:
    async with opened(url) as database:
        one = sql(database, "SELECT name FROM item WHERE id = ?")
        with query_log() as log:
            for key in (1, 2, 3, 3):
                await database.fetch(one, (key,))
        ((event, count),) = log.repeated()
        assert (event.sql, count) == (one.sql, 4)
        assert f"4 times from {event.place}: SELECT name" in log.report()
        assert [count for _, count in log.duplicates()] == [2]
        assert __file__ in event.place


async def test_or18_a_budget_names_the_query_that_was_too_much(url: str) -> None:
    async with opened(url) as database:
        with query_budget(2) as log:
            await keys(database)
            await keys(database)
            with pytest.raises(QueryBudgetExceeded, match=r"One query too many at .*backends.py:\d+: INSERT"):
                await add(database, 1)
        assert len(log) == 2
        assert await keys(database) == []


async def test_or18_a_wrapper_stands_around_queries_and_inner_ones_are_nearer(url: str) -> None:
    order: list[str] = []

    def wrapper(name: str) -> Any:
        async def around(database: Database, statement: Statement, parameters: Any, run: Run) -> Any:
            order.append(name)
            return await run(statement, parameters)

        return around

    async with opened(url) as database:
        with execute_wrapper(wrapper("outer")), execute_wrapper(wrapper("inner")):
            await keys(database)
        await keys(database)
    assert order == ["outer", "inner"]
