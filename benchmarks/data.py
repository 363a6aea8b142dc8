"""The rows about databases: servers that answer with rows, and works that one process does again and again.

A *work* is done inside a process of its own (``apps/data_work.py``, ``peers/django_work_app.py``) each time it is told to,
ours and the peer's in turn. What is divided is CPU time: that of the process where the database does the same for
both, and for what the database does too (COPY) both times together, which other programs on the machine do not touch.
"""

from __future__ import annotations

import json
import re
import statistics
import subprocess
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from html import unescape
from typing import Any, cast

from . import apps, databases, peers
from .contest import Contest, Options, Rival, compare
from .load import Load
from .report import Bound, Row, ratio, short
from .servers import Broken, Program, Unavailable, pin, precise_cpu, start_worker

HYDRATED = 1.5
HYDRATED_DJANGO = 4.0
BULK_CREATE = 3.5
COPY_CREATE = 1.5
WRITES_PER_SECOND = 5_000.0
GROWTH_MB = 5.0

Find = Callable[[str], Program]


def row_is_right(row: Any) -> bool:
    """Say whether it is a row of ``world``."""
    if not isinstance(row, dict):
        return False
    known = cast("dict[str, int]", row)
    return (
        set(known) == {"id", "randomnumber"}
        and known["randomnumber"] == 1 + known["id"] * 7919 % databases.ROWS
    )


def rows_are_right(count: int) -> Callable[[Any], bool]:
    """Return what says whether a reply is ``count`` rows of ``world``."""

    def right(reply: Any) -> bool:
        if not isinstance(reply, list):
            return False
        rows = cast("list[object]", reply)  # pyright: ignore[reportUnnecessaryCast]
        return len(rows) == count and all(map(row_is_right, rows))

    return right


def fortunes_are_right(page: str) -> bool:
    """Say whether a page has the thirteen fortunes in their order, and their characters as they must be escaped."""
    messages = sorted([*databases.FORTUNES, "Additional fortune added at request time."])
    shown = [unescape(cell) for cell in re.findall(r"<td>([^<]*)</td></tr>", page)]
    return shown == messages and page.count("<script>") == 0 and "&lt;script&gt;" in page


FORTUNES = Load("/fortunes", accept_text=fortunes_are_right)
ONE = Load("/one", accept=row_is_right)
TWENTY = Load("/twenty", accept=rows_are_right(20))


def postgresql_contest(contest: Contest, find: Find, options: Options) -> Iterator[Row]:
    """Compare servers that ask PostgreSQL, which runs on the load's core."""
    with databases.postgresql(options.load_core) as (environment, _):
        yield from compare(contest, _given(find, environment), options)


def sqlite_contest(contest: Contest, find: Find, options: Options) -> Iterator[Row]:
    """Compare servers that read an SQLite file."""
    with databases.sqlite() as environment:
        yield from compare(contest, _given(find, environment), options)


def _given(find: Find, environment: Mapping[str, str]) -> Find:
    return lambda name: _with(find(name), environment)


def _with(program: Program, environment: Mapping[str, str]) -> Program:
    return replace(program, environment={**program.environment, **environment})


# -- works ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Cost:
    """What a work took: seconds on the wall, CPU seconds of its process and of the database's server; what it says."""

    seconds: float
    cpu: float
    server: float
    told: Mapping[str, float]

    @property
    def together(self) -> float:
        """CPU seconds of both."""
        return self.cpu + self.server


class Worker:
    """A process that does a work each time it is told to. ``server`` is the database's process, 0 for none."""

    def __init__(self, process: subprocess.Popen[str], server: int) -> None:
        self._process = process
        self._server = server

    def do(self, work: str) -> Cost:
        """Have a work done. Raises ``Broken`` when it fails."""
        before = precise_cpu(self._server) if self._server else 0.0
        told = self._ask(work)
        server = precise_cpu(self._server) - before if self._server else 0.0
        return Cost(told.pop("seconds"), told.pop("cpu"), server, told)

    def _ask(self, work: str) -> dict[str, float]:
        given, taken = self._process.stdin, self._process.stdout
        if given is None or taken is None:
            raise Broken("a worker has no pipes")
        given.write(f"{work}\n")
        given.flush()
        line = taken.readline()
        if not line.startswith("{"):
            errors = self._process.stderr.read() if self._process.stderr else ""
            raise Broken(f"{work}: {(errors.strip().splitlines() or ['no output'])[-1]}")
        answer: dict[str, float] = json.loads(line)
        return answer


@contextmanager
def working(
    program: Program, environment: Mapping[str, str], core: int | None, server: int
) -> Generator[Worker]:
    """Run a worker until the block ends."""
    with start_worker(_with(program, environment), pin(core)) as process:
        try:
            yield Worker(process, server)
        finally:
            process.kill()


def hydration(options: Options) -> Iterator[Row]:
    """Compare 1,000 rows made objects with asyncpg's records made dicts, and with Django's objects."""
    with databases.postgresql(options.load_core) as (environment, server), ExitStack() as stack:
        mine = stack.enter_context(working(apps.worker(), environment, options.server_core, server))
        pairs = _in_turn(options, lambda: mine.do("objects"), lambda: mine.do("records"))
        yield _time_row("1,000 rows hydrated", "asyncpg's records as dicts", pairs, HYDRATED)
        try:
            program = peers.program("Django's ORM, works")
            other = stack.enter_context(working(program, environment, options.server_core, server))
            pairs = _in_turn(options, lambda: mine.do("objects"), lambda: other.do("objects"))
        except Unavailable as error:
            yield Row("1,000 rows hydrated", "Django's ORM", notes=str(error))
            return
        yield _time_row("1,000 rows hydrated", "Django's ORM", pairs, HYDRATED_DJANGO, faster=True)


def bulk(options: Options) -> Iterator[Row]:
    """Compare ways to write 10,000 rows with COPY as asyncpg does it."""
    with (
        databases.postgresql(options.load_core) as (environment, server),
        working(apps.worker(), environment, options.server_core, server) as mine,
    ):
        for work, title, bound in (
            ("bulk_create", "bulk_create of 10,000 rows, with keys", BULK_CREATE),
            ("copy_create", "copy_create of 10,000 rows, without keys", COPY_CREATE),
        ):
            pairs = _in_turn(options, partial(mine.do, work), partial(mine.do, "copy"))
            yield _time_row(title, "COPY by asyncpg", pairs, bound, both=True)


def sqlite_writes(options: Options) -> Iterator[Row]:
    """Count autocommit writes per second of 50 tasks, and the errors of 50 transactions at once."""
    with (
        databases.sqlite() as environment,
        working(apps.worker(), environment, options.server_core, 0) as mine,
    ):
        costs = _rounds(options, lambda: mine.do("writes"))
        rates = [cost.told["count"] / cost.seconds for cost in costs]
        by_cpu = statistics.median(cost.told["count"] / cost.cpu for cost in costs)
        yield Row(
            "SQLite, 50 tasks, autocommit writes",
            ours=f"{short(statistics.median(rates))}/s",
            result=statistics.median(rates),
            unit="/s",
            bound=Bound(WRITES_PER_SECOND),
            notes=f"wall clock, synchronous=NORMAL; {short(by_cpu)} per second of CPU",
            samples={"Vivace": [_sample(cost) for cost in costs]},
        )
        costs = _rounds(options, lambda: mine.do("transactions"))
        yield Row(
            "SQLite, 50 transactions that read, then write",
            ours=f"{short(statistics.median(cost.told['count'] / cost.seconds for cost in costs))}/s",
            result=sum(cost.told["errors"] for cost in costs),
            unit="errors",
            bound=Bound(0, at_most=True),
            notes="errors, and increments that were lost",
            samples={"Vivace": [_sample(cost) for cost in costs]},
        )


def shapes(options: Options) -> Iterator[Row]:
    """Show how often a query finds its plan once all have run, and what thousands of new shapes leave in memory."""
    with (
        databases.sqlite() as environment,
        working(apps.worker(), environment, options.server_core, 0) as mine,
    ):
        told = mine.do("shapes").told
        yield Row(
            "shape cache after warm-up",
            ours=f"{told['queries']:.0f} queries",
            result=100 * (1 - told["compiled"] / told["queries"]),
            unit="%",
            bound=Bound(100),
            notes=f"hit rate; {told['kept']:.0f} plans",
        )
        told = mine.do("endless").told
        yield Row(
            "endless new shapes",
            result=told["growth"] / 1_000_000,
            unit="MB",
            bound=Bound(GROWTH_MB, at_most=True),
            notes=f"growth by {told['shapes']:.0f} more, the cache being full with {told['kept']:.0f}",
        )


def _rounds(options: Options, work: Callable[[], Cost]) -> list[Cost]:
    return [work() for _ in range(options.rounds + 1)][1:]


def _in_turn(
    options: Options, ours: Callable[[], Cost], theirs: Callable[[], Cost]
) -> list[tuple[Cost, Cost]]:
    return [(ours(), theirs()) for _ in range(options.rounds + 1)][1:]


def _time_row(
    work: str,
    against: str,
    pairs: list[tuple[Cost, Cost]],
    bound: float,
    *,
    both: bool = False,
    faster: bool = False,
) -> Row:
    ours, theirs = ([_time(pair[side], both) for pair in pairs] for side in (0, 1))
    walls = ([pair[side].seconds for pair in pairs] for side in (0, 1))
    result, wall = ratio(ours, theirs), ratio(*walls)
    if faster:
        result, wall = 1 / result, 1 / wall
    return Row(
        work,
        against,
        f"{statistics.median(ours) * 1000:.1f} ms",
        f"{statistics.median(theirs) * 1000:.1f} ms",
        result,
        bound=Bound(bound, at_most=not faster),
        notes=f"CPU{', server included' if both else ''}; wall {wall:.2f} ×",
        samples={
            name: [_sample(pair[side]) for pair in pairs] for side, name in enumerate(("ours", "theirs"))
        },
    )


def _time(cost: Cost, both: bool) -> float:
    return cost.together if both else cost.cpu


def _sample(cost: Cost) -> dict[str, float]:
    times = asdict(cost)
    return {**times.pop("told"), **times}


__all__ = [
    "FORTUNES",
    "ONE",
    "TWENTY",
    "Contest",
    "Rival",
    "bulk",
    "hydration",
    "postgresql_contest",
    "shapes",
    "sqlite_contest",
    "sqlite_writes",
]
