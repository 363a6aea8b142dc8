"""No reader gets, after a commit was acknowledged to its writer, anything from before it: whatever happens in between.

Readers stop at points within what they compute (before and after their queries, before their result is kept); programs of
steps start them, let them go on, cancel them, and commit or undo writes meanwhile. The numbers in the rows only grow, so
what a reader was shown tells which commits it has seen.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Coroutine, Generator
from contextlib import suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cache.shelf import Novel, shelf_app
from tests.db.backends import DIALECTS
from vivace import Request, cache_page, cached, render
from vivace.db import atomic
from vivace.models import F
from vivace.testing import Client

T = TypeVar("T")
Kind: TypeAlias = Literal["list", "object", "nested", "function", "both", "page"]
KINDS: Final[tuple[Kind, ...]] = ("list", "object", "nested", "function", "both", "page")
WRITES: Final = ("save", "update", "two", "savepoint", "raw", "undone", "insert")
ROWS: Final = (1, 2)
_SHOWN: Final = re.compile(r"(\d+)=(\d+);")
PAGES: Final = {
    "list.html": "{% cache %}{{ pause() }}{% for n in novels %}{{ n.id }}={{ n.pages }};{% endfor %}{{ pause() }}{% endcache %}",
    "object.html": "{% cache %}{{ pause() }}{{ n.id }}={{ n.pages }};{{ pause() }}{% endcache %}",
    "nested.html": (
        "{% cache %}{% for n in novels %}{% cache %}{{ pause() }}{{ n.id }}={{ n.pages }};{% endcache %}{% endfor %}"
        "{{ pause() }}{% endcache %}"
    ),
    "both.html": "{% cache %}{{ numbers() }}{{ pause() }}{% endcache %}",
    "plain.html": "{{ pause() }}{% for n in novels %}{{ n.id }}={{ n.pages }};{% endfor %}{{ pause() }}",
}
_reader: ContextVar[Reader | None] = ContextVar("reader", default=None)


async def pause() -> str:
    """Stop until the program lets this reader go on."""
    reader = _reader.get()
    if reader is not None:
        await reader.stop()
    return ""


@cached
async def numbers() -> str:
    await pause()
    text = "".join(f"{novel.pk}={novel.pages};" for novel in await Novel.objects.filter(pk__in=ROWS))
    await pause()
    return text


class Reader:
    """One who reads, and what was committed when they began."""

    def __init__(self, floor: dict[int, int]) -> None:
        self.floor = floor
        self.paused = False
        self.free = False
        self.task: asyncio.Task[str] | None = None
        self._go = asyncio.Event()

    async def stop(self) -> None:
        if self.free:
            return
        self.paused = True
        self._go.clear()
        try:
            await self._go.wait()
        finally:
            self.paused = False

    def go(self) -> None:
        self._go.set()


class Race:
    """An app whose readers and writers take steps."""

    def __init__(self, url: str) -> None:
        self.app = shelf_app(url, PAGES)
        self.app.messaging.alone = True
        self.client = Client(self.app, isolate=False)
        self._runner = asyncio.Runner()
        self.readers: list[Reader] = []
        self.committed: dict[int, int] = {}
        self._inserted = 0

        @self.app.get("/")
        @cache_page()
        async def page(request: Request) -> Any:
            await pause()
            return render(request, "plain.html", novels=Novel.objects.filter(pk__in=ROWS), pause=pause)

        self.run(self._start())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    async def _start(self) -> None:
        await self.client.__aenter__()

    def close(self) -> None:
        self.run(self.client.__aexit__(None, None, None))
        self._runner.close()

    async def program(self, steps: list[Any]) -> None:
        with self.app.data.current():
            await Novel.objects.all().delete()
            for row in ROWS:
                await Novel.objects.create(pk=row, title="x", pages=0)
            self.committed = dict.fromkeys(ROWS, 0)
            self.readers = []
            try:
                for name, *details in steps:
                    await getattr(self, name)(*details)
            finally:
                for reader in self.readers:
                    reader.free = True
                    reader.go()
            for reader in self.readers:
                await self.judge(reader)
            for kind in KINDS:  # and those who come afterwards
                await self.read(kind, free=True)
                await self.judge(self.readers[-1])

    async def judge(self, reader: Reader) -> None:
        assert reader.task is not None
        with suppress(asyncio.CancelledError):
            async with asyncio.timeout(30):
                shown = {int(row): int(number) for row, number in _SHOWN.findall(await reader.task)}
            assert shown
            for row, number in shown.items():
                assert reader.floor[row] <= number <= self.committed[row]

    # -- steps ----------------------------------------------------------------------------------------------------

    async def read(self, kind: Kind, *, free: bool = False) -> None:
        reader = Reader(dict(self.committed))
        reader.free = free
        self.readers.append(reader)
        reader.task = asyncio.create_task(self._read(reader, kind))
        await self._settled(reader)

    async def _read(self, reader: Reader, kind: Kind) -> str:
        _reader.set(reader)
        if kind == "page":
            return (await self.client.get("/")).text
        if kind == "function":
            return await numbers()
        values: dict[str, Any] = {"pause": pause}
        if kind == "object":
            values["n"] = await Novel.objects.get(pk=ROWS[0])
            await pause()
        elif kind == "both":
            values["numbers"] = numbers
        else:
            values["novels"] = Novel.objects.filter(pk__in=ROWS).order_by("pk")
        return await self.app.templates.render(f"{kind}.html", values)

    async def step(self, which: int) -> None:
        if self.readers:
            reader = self.readers[which % len(self.readers)]
            reader.go()
            await self._settled(reader)

    async def cancel(self, which: int) -> None:
        if self.readers:
            reader = self.readers[which % len(self.readers)]
            if reader.task is not None:
                reader.task.cancel()
            await self._settled(reader)

    async def _settled(self, reader: Reader) -> None:
        """Give a reader the time to come to its next stop; one who waits for another never does."""
        for turn in range(200):
            await asyncio.sleep(0 if turn < 50 else 0.0005)
            if reader.paused or reader.task is None or reader.task.done():
                return
            if turn > 60 and any(other.paused for other in self.readers):
                return

    async def write(self, how: str, row: int) -> None:
        number = self.committed[row] + 1
        written = {row: number}
        if how == "save":
            novel = await Novel.objects.get(pk=row)
            novel.pages = number
            await novel.save()
        elif how == "update":
            await Novel.objects.filter(pk=row).update(pages=F("pages") + 1)
        elif how == "two":
            async with atomic():
                for each in ROWS:
                    written[each] = self.committed[each] + 1
                    await Novel.objects.filter(pk=each).update(pages=written[each])
        elif how == "savepoint":
            async with atomic():
                await Novel.objects.filter(pk=row).update(pages=number)
                with suppress(RuntimeError):
                    async with atomic():
                        await Novel.objects.filter(pk=row).update(pages=1_000)
                        raise RuntimeError
        elif how == "raw":
            await self.app.databases.default.run_script(
                f"UPDATE shelf_novel SET pages = {number} WHERE id = {row}"
            )
        elif how == "undone":
            written = {}
            with suppress(RuntimeError):
                async with atomic():
                    await Novel.objects.filter(pk=row).update(pages=1_000)
                    raise RuntimeError
        else:
            written = {}
            self._inserted += 1
            await Novel.objects.create(pk=10 + self._inserted, title="another", pages=0)
        self.committed.update(written)


numbers_of_readers = st.integers(0, 5)
steps = st.one_of(
    st.tuples(st.just("read"), st.sampled_from(KINDS)),
    st.tuples(st.just("step"), numbers_of_readers),
    st.tuples(st.just("step"), numbers_of_readers),
    st.tuples(st.just("write"), st.sampled_from(WRITES), st.sampled_from(ROWS)),
    st.tuples(st.just("cancel"), numbers_of_readers),
)
programs = st.lists(steps, min_size=3, max_size=14)


@pytest.fixture(scope="module", params=DIALECTS)
def race(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Generator[Race]:
    folder: Path = tmp_path_factory.mktemp("races")
    if request.param == "postgresql":
        with request.getfixturevalue("postgresql_databases").fresh() as url:
            made = Race(url)
            try:
                yield made
            finally:
                made.close()
        return
    made = Race(f"sqlite:///{folder}/races.sqlite3")
    try:
        yield made
    finally:
        made.close()


@given(programs)
@settings(max_examples=60)
def test_n1_no_reader_gets_what_is_older_than_a_commit_before_it_began(race: Race, steps: list[Any]) -> None:
    race.run(race.program(steps))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", ["save", "raw", "two"])
def test_n1_a_commit_between_any_two_points_of_a_reader_is_seen_by_the_next(
    race: Race, kind: Kind, how: str
) -> None:
    """Each stop in turn, so that no interleaving of load, render, commit and keep is left to chance."""
    for stops in range(4):
        steps: list[Any] = [
            ("read", kind),
            *[("step", 0)] * stops,
            ("write", how, 1),
            ("read", kind),
            ("step", 0),
        ]
        race.run(race.program(steps))
