"""Callers that go away at any moment: nothing is lost, nothing is told that did not happen, nothing stays in use."""

from __future__ import annotations

import asyncio
import os
import random
from contextlib import aclosing
from pathlib import Path

from tests.db.sqlite.support import PLAIN, READING, opened, read, write
from vivace.changes import WriteSet
from vivace.db.sqlite import SQLiteDriver
from vivace.db.types import TableColumns

CASES = int(os.environ.get("VIVACE_CHAOS", "1000"))
ADD = write("INSERT INTO item (id, name) VALUES (?, ?)", "item")
PAIR = 500_000


class Play:
    """Works that are cancelled at random, and what they were told."""

    def __init__(self, driver: SQLiteDriver, seed: int) -> None:
        self.driver = driver
        self.chance = random.Random(seed)
        self.acknowledged: set[int] = set()
        self.told: set[int] = set()
        self.works = (self.single, self.pair, self.inner, self.read, self.stream, self.snapshot)

    def announce(self, written: WriteSet) -> None:
        self.told |= {change.key[0] for change in written.changes}

    async def single(self, key: int) -> None:
        await self.driver.execute(ADD, (key, f"item {key}"))
        self.acknowledged.add(key)

    async def pair(self, key: int) -> None:
        session = await self.driver.begin(PLAIN)
        try:
            await session.execute(ADD, (key, f"item {key}"))
            found = await session.fetch(read("SELECT id FROM item WHERE id = ?", short=True), (key,))
            await session.execute(ADD, (found[0][0] + PAIR, f"item {key + PAIR}"))
        except BaseException:
            await session.rollback()
            raise
        self.announce(await session.commit())
        self.acknowledged |= {key, key + PAIR}

    async def inner(self, key: int) -> None:
        session = await self.driver.begin(PLAIN)
        try:
            await session.savepoint("a")
            await session.execute(ADD, (key + 2 * PAIR, f"undone {key}"))
            await session.rollback_to("a")
            await session.execute(ADD, (key, f"item {key}"))
            await session.execute(ADD, (key + PAIR, f"item {key + PAIR}"))
        except BaseException:
            await session.rollback()
            raise
        self.announce(await session.commit())
        self.acknowledged |= {key, key + PAIR}

    async def read(self, key: int) -> None:
        assert len(await self.driver.fetch(read("SELECT id, name FROM item LIMIT 20"))) == 20

    async def stream(self, key: int) -> None:
        async with aclosing(self.driver.stream(read("SELECT id FROM item LIMIT 20"), chunk=7)) as stream:
            assert sum([len(rows) async for rows in stream]) == 20

    async def snapshot(self, key: int) -> None:
        session = await self.driver.begin(READING)
        try:
            first = await session.fetch(read("SELECT count(*) FROM item"))
            await asyncio.sleep(0)
            assert await session.fetch(read("SELECT count(*) FROM item")) == first
        finally:
            await session.rollback()

    async def cancelled(self, key: int) -> bool:
        task = asyncio.ensure_future(self.chance.choice(self.works)(key))
        if self.chance.random() < 0.3:
            await task
            return False
        for _ in range(self.chance.randrange(8)):
            await asyncio.sleep(self.chance.choice((0, 0, 0, 0.0003)))
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            return True
        return False


async def test_pn4_cancelled_at_random_awaits(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db", tables=True) as driver:
        play = Play(driver, seed=20)
        driver.watch([TableColumns(table="item", key=("id",), columns=())])
        driver.announce, driver.listening = play.announce, True
        outcomes: list[bool] = []
        for start in range(1000, 1000 + CASES, 25):
            outcomes += await asyncio.gather(*(play.cancelled(key) for key in range(start, start + 25)))
        assert CASES * 0.1 < sum(outcomes) < CASES * 0.9
        await driver.execute(write("UPDATE owner SET id = 1", "owner"))  # behind all that was under way
        driver.tick()
        running = driver._opened()
        assert not running.writer.busy
        assert not running.pool.busy
        while running.leases.used:  # those given back in this moment
            await asyncio.sleep(0.001)
        assert not running.snapshots
        there = {row[0] for row in await driver.fetch(read("SELECT id FROM item WHERE id > 20"))}
        assert play.acknowledged <= there
        assert play.told == there
        assert not any(key > 2 * PAIR for key in there)
        assert all(key - PAIR in there for key in there if key > PAIR)
        assert await driver.fetch(read("PRAGMA integrity_check")) == [("ok",)]
