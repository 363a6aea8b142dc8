"""Works on databases, each done once whenever a line names it: see ``benchmarks/data.py``.

The answer is a line of JSON: seconds on the wall, CPU seconds, and what the work has to tell.
"""

from __future__ import annotations

import asyncio
import gc
import os
import resource
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

from vivace import App, models
from vivace.db import atomic
from vivace.models import F, Q
from vivace.models.sql.compile import PLANS

from .works import Clock, Told, answer

REPEATS = 20
ROWS = 10_000
TASKS = 50
WRITES = 100
SHAPES = 500
SQL = "SELECT id, randomnumber FROM world ORDER BY id LIMIT 1000"
COLUMNS = ["randomnumber"]


class World(models.Model):
    randomnumber = models.IntegerField()

    class Meta:
        db_table = "world"
        managed = False


class Copied(models.Model):
    randomnumber = models.IntegerField()

    class Meta:
        db_table = "world_copy"
        managed = False


app = App(models=[World, Copied])


class Raw:
    """Connections of asyncpg's own: one, opened when first used."""

    def __init__(self) -> None:
        self._opened: list[Any] = []

    async def open(self) -> Any:
        """Return it."""
        if not self._opened:
            self._opened.append(await asyncpg.connect(os.environ["DATABASE_URL"]))
        return self._opened[0]


raw = Raw()


# -- rows into objects ------------------------------------------------------------------------------------------------


async def objects() -> Told:
    """Fetch 1,000 rows as objects."""
    rows: list[World] = []
    with Clock() as clock:
        for _ in range(REPEATS):
            rows = await World.objects.order_by("pk")[:1000]
    return clock.told(count=len(rows))


async def records() -> Told:
    """Fetch the same rows as asyncpg's records, and make dicts of them."""
    connection = await raw.open()
    rows: list[dict[str, Any]] = []
    with Clock() as clock:
        for _ in range(REPEATS):
            rows = [dict(record) for record in await connection.fetch(SQL)]
    return clock.told(count=len(rows))


# -- many rows at once ------------------------------------------------------------------------------------------------


async def emptied() -> Any:
    """Empty the table that is written to."""
    connection = await raw.open()
    await connection.execute("TRUNCATE world_copy RESTART IDENTITY")
    return connection


async def bulk_create() -> Told:
    """Write objects, and get their keys."""
    await emptied()
    made = [Copied(randomnumber=number) for number in range(ROWS)]
    with Clock() as clock:
        await Copied.objects.bulk_create(made)
    return clock.told(count=sum(each.pk is not None for each in made))


async def copy_create() -> Told:
    """Write objects without asking for their keys."""
    await emptied()
    made = [Copied(randomnumber=number) for number in range(ROWS)]
    with Clock() as clock:
        await Copied.objects.copy_create(made)
    return clock.told(count=len(made))


async def copy() -> Told:
    """Write tuples with COPY."""
    connection = await emptied()
    made = [(number,) for number in range(ROWS)]
    with Clock() as clock:
        await connection.copy_records_to_table("world_copy", records=made, columns=COLUMNS)
    return clock.told(count=len(made))


# -- SQLite -----------------------------------------------------------------------------------------------------------


async def together(task: Callable[[int], Awaitable[None]]) -> Clock:
    """Run ``TASKS`` tasks at once."""
    with Clock() as clock:
        async with asyncio.TaskGroup() as group:
            for number in range(TASKS):
                group.create_task(_run(task, number))
    return clock


async def _run(task: Callable[[int], Awaitable[None]], number: int) -> None:
    await task(number)


async def writes() -> Told:
    """Write again and again, from many tasks, each time as a transaction of its own."""

    async def write(number: int) -> None:
        for turn in range(WRITES):
            await Copied.objects.create(randomnumber=number * WRITES + turn)

    clock = await together(write)
    return clock.told(count=TASKS * WRITES)


async def transactions() -> Told:
    """Read, then write, in transactions of many tasks at once; count errors and increments that were lost."""
    await World.objects.filter(pk=1).update(randomnumber=0)
    errors = 0

    async def increment(_: int) -> None:
        nonlocal errors
        for _ in range(4):
            try:
                async with atomic():
                    world = await World.objects.get(pk=1)
                    world.randomnumber += 1
                    await world.save()
            except Exception:
                errors += 1

    clock = await together(increment)
    lost = 4 * TASKS - (await World.objects.get(pk=1)).randomnumber
    await World.objects.filter(pk=1).update(randomnumber=F("pk") * 7919 + 1)
    return clock.told(count=4 * TASKS, errors=errors + abs(lost - errors))


# -- shapes -----------------------------------------------------------------------------------------------------------


async def suite(turn: int) -> int:
    """Ask what the benchmarks ask and some more, with other values each turn; return how many queries those were."""
    worlds = World.objects.all()
    queries: list[Awaitable[Any]] = [
        worlds.get(pk=turn + 1),
        worlds.filter(pk=turn),
        worlds.filter(pk__in=list(range(turn + 1))),
        worlds.filter(Q(pk__lt=turn) | Q(randomnumber=turn)).order_by("-pk")[: turn + 1],
        worlds.exclude(pk__gt=turn).order_by("randomnumber")[turn : turn + 5],
        worlds.filter(randomnumber__range=(turn, turn + 9)).values("pk", "randomnumber"),
        worlds.annotate(twice=F("randomnumber") * 2).filter(twice__gt=19_990 - turn),
        worlds.filter(pk=turn).values_list("randomnumber", flat=True),
        worlds.filter(pk__lt=turn).count(),
        worlds.filter(pk=turn).exists(),
        worlds.order_by("-pk").first(),
        worlds.aggregate(models.Max("randomnumber"), models.Count("pk")),
        worlds.filter(pk=turn).update(randomnumber=turn),
        worlds.filter(pk=turn).update(randomnumber=F("randomnumber") + turn),
        Copied.objects.create(randomnumber=turn),
        Copied.objects.bulk_create([Copied(randomnumber=number) for number in range(turn + 7)]),
        Copied.objects.filter(randomnumber__gt=turn).delete(),
    ]
    for query in queries:
        await query
    return len(queries)


async def shapes() -> Told:
    """Warm up, then count how many queries did not find their plan."""
    for turn in range(0, 40, 5):
        await suite(turn)
    before = PLANS.compiled
    with Clock() as clock:
        queries = [await suite(turn) for turn in range(20, 40)]
    told = {"queries": sum(queries), "compiled": PLANS.compiled - before, "kept": len(PLANS.plans)}
    return clock.told(**told)


async def endless() -> Told:
    """Make new shapes until the cache is full, and then as many again."""
    asked = 0
    for _ in range(PLANS.size + SHAPES):
        asked += 1
        await World.objects.annotate(**{f"name_{asked}": F("pk")}).filter(pk=1)
    before = resident()
    with Clock() as clock:
        for _ in range(PLANS.size):
            asked += 1
            await World.objects.annotate(**{f"name_{asked}": F("pk")}).filter(pk=1)
    return clock.told(growth=resident() - before, shapes=PLANS.size, kept=len(PLANS.plans))


def resident() -> int:
    """Return the bytes of memory that the process has."""
    gc.collect()
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()


WORKS = (objects, records, bulk_create, copy_create, copy, writes, transactions, shapes, endless)

if __name__ == "__main__":
    asyncio.run(answer(app, *WORKS))
