"""Watching queries: logs, counts, budgets, and the report of queries that repeat (N+1).

Observers follow the task, as transactions do: what runs in the block, and in what it calls or starts, is seen. When
nobody watches, a query pays for one look at a context variable.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Awaitable, Callable, Generator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from vivace.errors import QueryBudgetExceeded

from .transactions import place_of_caller
from .types import Statement

if TYPE_CHECKING:
    from .database import Database

Run = Callable[[Statement, Any], Awaitable[Any]]
Clock = Callable[[], float]

REPEATS: Final = 3  # the same SQL from the same line this often is reported as an N+1


class QueryEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One statement that ran: where it came from (``file:line`` outside the framework) and how long it took."""

    database: str
    sql: str
    parameters: Any
    place: str
    seconds: float
    error: str = ""


class Observer(Protocol):
    """Stands around queries: calls ``run`` and returns or raises what that does."""

    async def __call__(self, database: Database, statement: Statement, parameters: Any, run: Run) -> Any: ...


_observers: ContextVar[tuple[Observer, ...] | None] = ContextVar("vivace_observers", default=None)


current_observers: Final[Callable[[], tuple[Observer, ...] | None]] = _observers.get
"""Returns who watches the queries of the running code, the outermost first; ``None``: nobody. Each query asks."""


async def observed(database: Database, statement: Statement, parameters: Any, run: Run) -> Any:
    """Run a statement with the current observers around it."""
    for observer in reversed(_observers.get() or ()):
        run = _around(observer, database, run)
    return await run(statement, parameters)


def _around(observer: Observer, database: Database, run: Run) -> Run:
    async def wrapped(statement: Statement, parameters: Any) -> Any:
        return await observer(database, statement, parameters, run)

    return wrapped


@contextmanager
def execute_wrapper(observer: Observer) -> Generator[None]:
    """Put ``observer`` around the queries of the block, as Django's ``connection.execute_wrapper`` does."""
    token = _observers.set((*(_observers.get() or ()), observer))
    try:
        yield
    finally:
        _observers.reset(token)


def watch_task(observer: Observer) -> None:
    """Put ``observer`` around the queries of the running task from now on, in place of one of the same class."""
    others = tuple(each for each in _observers.get() or () if type(each) is not type(observer))
    _observers.set((*others, observer))


class QueryLog:
    """What ran: as a list, and as the questions that are asked of it.

    Of more than ``keep`` statements the later ones are only counted: ``left_out``.
    """

    def __init__(
        self, *, budget: int | None = None, clock: Clock = time.perf_counter, keep: int | None = None
    ) -> None:
        self.events: list[QueryEvent] = []
        self.budget = budget
        self.keep = keep
        self.left_out = 0
        self._clock = clock

    async def __call__(self, database: Database, statement: Statement, parameters: Any, run: Run) -> Any:
        """Run and record; beyond the budget raise ``QueryBudgetExceeded`` instead of running."""
        place = self.place()
        if self.budget is not None and len(self) >= self.budget:
            raise self._exceeded(statement, place)
        if self.keep is not None and len(self.events) >= self.keep:
            self.left_out += 1
            return await run(statement, parameters)
        started, error = self._clock(), ""
        try:
            return await run(statement, parameters)
        except BaseException as raised:
            error = f"{type(raised).__name__}: {raised}"
            raise
        finally:
            self.events.append(
                QueryEvent(
                    database=database.alias,
                    sql=statement.sql,
                    parameters=parameters,
                    place=place,
                    seconds=self._clock() - started,
                    error=error,
                )
            )

    def place(self) -> str:
        """Return where the statement that is about to run was asked for."""
        return place_of_caller()

    def _exceeded(self, statement: Statement, place: str) -> QueryBudgetExceeded:
        ran = "".join(f"\n  {event.place}  {event.sql}" for event in self.events)
        return QueryBudgetExceeded(
            f"One query too many at {place}: {statement.sql}",
            expected=f"at most {self.budget} in this block",
            got=f"these before it:{ran}" if ran else "this one",
            fix="Load related rows with select_related or prefetch_related, or raise the budget.",
        )

    def __len__(self) -> int:
        return len(self.events) + self.left_out

    def __iter__(self) -> Iterator[QueryEvent]:
        return iter(self.events)

    @property
    def seconds(self) -> float:
        """Time spent in all queries together."""
        return sum(event.seconds for event in self.events)

    def duplicates(self) -> list[tuple[QueryEvent, int]]:
        """Return queries that ran more than once with the same parameters, and how often."""
        counted = Counter((event.database, event.sql, repr(event.parameters)) for event in self.events)
        return self._firsts(counted, 2, lambda event: (event.database, event.sql, repr(event.parameters)))

    def repeated(self, times: int = REPEATS) -> list[tuple[QueryEvent, int]]:
        """Return SQL that one line ran ``times`` or more: most often an N+1, to be loaded at once."""
        counted = Counter((event.sql, event.place) for event in self.events)
        return self._firsts(counted, times, lambda event: (event.sql, event.place))

    def _firsts(
        self, counted: Counter[Any], times: int, key: Callable[[QueryEvent], Any]
    ) -> list[tuple[QueryEvent, int]]:
        found: dict[Any, QueryEvent] = {}
        for event in self.events:
            found.setdefault(key(event), event)
        return [(found[each], count) for each, count in counted.items() if count >= times]

    def report(self) -> str:
        """Return, for a person: how many queries, how long, and each line that asks again and again."""
        noun = "query" if len(self) == 1 else "queries"
        lines = [f"{len(self)} {noun} in {self.seconds * 1000:.1f} ms"]
        lines += [
            f"  {count} times from {event.place}: {event.sql}\n"
            "    Load these at once: select_related, prefetch_related or load()."
            for event, count in self.repeated()
        ]
        return "\n".join(lines)


@contextmanager
def query_log(*, clock: Clock = time.perf_counter) -> Generator[QueryLog]:
    """Record the queries of the block: ``with query_log() as log: …``."""
    log = QueryLog(clock=clock)
    with execute_wrapper(log):
        yield log


@contextmanager
def query_budget(at_most: int) -> Generator[QueryLog]:
    """Refuse to run more than so many queries in the block: ``QueryBudgetExceeded`` names the line of the next one."""
    log = QueryLog(budget=at_most)
    with execute_wrapper(log):
        yield log


__all__ = [
    "Observer",
    "QueryEvent",
    "QueryLog",
    "current_observers",
    "execute_wrapper",
    "observed",
    "query_budget",
    "query_log",
    "watch_task",
]
