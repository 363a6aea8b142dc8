"""Results that expire by themselves: kept with what was read for them, dropped when a commit meets that.

Theory
------
What is kept is a function of two things: its *key*, which holds the values that were given (see ``keys``), and the rows
that were *read* while it was computed. The promise: whoever asks after a commit was acknowledged to its writer gets
nothing from before that commit, on the writer's process; on others as soon as they hear of it.

1. A commit is told to the feed before its writer goes on, and drops whatever it meets in the same breath. So what is in
   here meets no commit that was told.
2. ``mark`` is the feed's sequence, taken before the first query. Between the last query and the keeping, nothing waits:
   ``met_since(mark, reads)`` decides, and what met a change is not kept.
3. Who waits for another's computation gets its result only if that was kept, or began no earlier than the waiting did
   (rule 1 holds for it as for a computation of one's own). Otherwise one of those who wait computes again.
4. What is used within a computation counts for it: reads of a kept result join the set around, and a result lives no
   longer than those it was made of.
5. A computation that read what belongs to one person, that failed or was cancelled is not kept, and nobody else gets
   its result. ``Computation.refuse`` says so.
6. In a thread and in a transaction nothing is kept and nothing kept is used: a thread is not alone with rule 2, and a
   transaction sees rows that nobody else sees.
7. No circle of computations waits for itself: who would close one computes alone.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable
from contextvars import ContextVar
from typing import Any, Final, Protocol, Self, TypeAlias

import msgspec

from vivace.changes import ReadSet, WriteSet, current_reads, recording
from vivace.errors import CacheValueError

from .index import ReadIndex

_running_loop: Final = (
    asyncio.events._get_running_loop
)  # returns ``None`` in a thread, where the public one raises
Key: TypeAlias = "tuple[Hashable, ...]"
ENTRIES: Final = 50_000
BYTES: Final = 67_108_864
_ENTRY_BYTES: Final = 1_400  # measured on 3.11: an entry with one read, beside its value
_SOLO: Final = 4_096
_SPARED: Final = 16  # at one eviction, so that none takes long
REPLICA_SECONDS: Final = 5.0
"""How long a result stays that may have been read from a replica, which may not have had the last commit yet."""


class Feed(Protocol):
    """What tells of commits: a ``ChangeFeed``."""

    @property
    def sequence(self) -> int:
        """How many write sets were told."""
        ...

    @property
    def started(self) -> bool:
        """Whether commits of other processes are told, too."""
        ...

    def subscribe(self, callback: Callable[[WriteSet], None], /) -> Callable[[], None]:
        """Tell ``callback`` of each write set."""
        ...

    def on_reset(self, callback: Callable[[int], None], /) -> Callable[[], None]:
        """Tell ``callback`` when changes may have been missed."""
        ...

    def met_since(self, sequence: int, reads: ReadSet, /) -> bool:
        """Say whether a write set told after ``sequence`` meets the reads."""
        ...


class Count:
    """How one function, page or block of a template fares."""

    __slots__ = ("hits", "misses", "name", "refused")

    def __init__(self, name: str) -> None:
        self.name = name
        self.hits = 0
        self.misses = 0
        self.refused: Counter[str] = Counter()  # why results were not kept


class Site:
    """A place in the program whose results are kept; the first part of their keys."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"<{self.name}>"


class Entry:
    """A result that is kept."""

    __slots__ = ("count", "key", "reads", "size", "until", "used", "value")

    def __init__(self, key: Key, value: Any, reads: ReadSet, until: float | None, count: Count) -> None:
        self.key = key
        self.value = value
        self.reads = reads
        self.until = until
        self.count = count
        self.size = 0
        self.used = False  # since it was kept or last spared; see ``DependentCache._next_to_go``


class SiteReport(msgspec.Struct, frozen=True):
    """What a site did so far. ``refused``: why results were not kept, and how often."""

    name: str
    hits: int
    misses: int
    refused: dict[str, int]


class Report(msgspec.Struct, frozen=True):
    """What a cache did so far. ``dropped`` counts by table, under ``*`` those of an unknown one."""

    entries: int
    bytes: int
    hits: int
    misses: int
    dropped: dict[str, int]
    raced: int
    expired: int
    evicted: int
    sites: tuple[SiteReport, ...]


class Computation:
    """A result under way. ``with cache.begin(…) as computation:``, and within it ``computation.done(value, size)``."""

    __slots__ = (
        "_cache",
        "_outcome",
        "_parent",
        "_recording",
        "awaits",
        "count",
        "kept",
        "key",
        "mark",
        "reads",
        "registered",
        "returned",
        "seconds",
        "until",
        "value",
        "why",
    )

    def __init__(self, cache: DependentCache, key: Key, seconds: float | None, count: Count) -> None:
        self._cache = cache
        self.key = key
        self.seconds = seconds
        self.count = count
        self.mark = cache.sequence
        self.reads = ReadSet()
        self.until: float | None = None
        self.why = ""  # it is not kept, nor given to others
        self.value: Any = None
        self.returned = self.kept = self.registered = False
        self.awaits: set[Computation] = set()
        self._outcome: asyncio.Future[None] | None = None
        self._parent: Computation | None = None
        self._recording: Any = None

    # -- for who computes -----------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        self._parent = _current.get()
        _current.set(self)
        self._recording = recording(self.reads)
        self._recording.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        self._recording.__exit__(None, None, None)
        self._recording = None
        _current.set(self._parent)
        if not self.returned:
            failed = kind is None or issubclass(kind, Exception)
            self.why = self.why or ("error" if failed else "cancelled")
        self._cache.finished(self)
        parent, self._parent = self._parent, None
        if parent is not None:
            if self.until is not None:
                parent.ends(self.until)
            if self.why in _CONTAGIOUS:
                parent.refuse(self.why)
        outcome = self._outcome
        if outcome is not None and not outcome.done():
            outcome.set_result(None)

    def done(self, value: Any, size: int) -> None:
        """Say what the result is, of about so many bytes."""
        self.value = value
        self.returned = True
        self._cache.limit(self)
        self.kept = not self.why and self._cache.keep(self, size)

    def refuse(self, why: str) -> None:
        """Say that the result is nobody else's."""
        self.why = self.why or why

    def ends(self, until: float) -> None:
        """Say that the result lives no longer than a part of it."""
        self.until = until if self.until is None else min(self.until, until)

    # -- for who waits --------------------------------------------------------------------------------------------

    @property
    def outcome(self) -> asyncio.Future[None]:
        """Done when the computation has ended, however it did."""
        if self._outcome is None:
            self._outcome = asyncio.get_running_loop().create_future()
        return self._outcome

    def good_for(self, mark: int) -> bool:
        """Whether its result may be given to who began to wait at ``mark``."""
        return self.returned and not self.why and (self.kept or self.mark >= mark)

    def stack(self) -> list[Computation]:
        """Return this and the computations around it."""
        found: list[Computation] = []
        each: Computation | None = self
        while each is not None:
            found.append(each)
            each = each._parent
        return found


class Waiting:
    """Waits for another's computation: ``await waiting.over()``, then ask again."""

    __slots__ = ("_of", "_stack")

    def __init__(self, of: Computation, stack: list[Computation]) -> None:
        self._of = of
        self._stack = stack

    async def over(self) -> Computation:
        """Wait until it has ended; who is cancelled here does not cancel it."""
        for each in self._stack:
            each.awaits.add(self._of)
        try:
            await asyncio.shield(self._of.outcome)
        finally:
            for each in self._stack:
                each.awaits.discard(self._of)
        return self._of


_current: ContextVar[Computation | None] = ContextVar("vivace_computation", default=None)
_CONTAGIOUS: Final = frozenset({"personal"})


def keep_nothing(why: str) -> None:
    """Say that what is being computed now must not be kept for others: it holds what is good for this moment alone."""
    current = _current.get()
    if current is not None:
        for each in current.stack():
            each.refuse(why)


class DependentCache:
    """Keeps results with what they read. ``make_feed`` is asked once, when the first result is to be kept.

    At most ``entries`` of together about ``bytes`` bytes (64 MiB); the oldest go first, of which those that were used are
    spared once. ``clock`` is in seconds. ``request`` returns the request that the running code serves, so that what belongs
    to a person is noticed.
    """

    def __init__(
        self,
        make_feed: Callable[[], Feed],
        *,
        entries: int = ENTRIES,
        bytes: int = BYTES,
        clock: Callable[[], float] = time.monotonic,
        request: Callable[[], Any] = lambda: None,
    ) -> None:
        self._make_feed = make_feed
        self._open_block: Callable[[], Any] | None = None
        self._feed: Feed | None = None
        self._most, self._room = entries, bytes
        self.clock = clock
        self.current_request = request
        self._entries: OrderedDict[Key, Entry] = OrderedDict()
        self._index: ReadIndex[Entry] = ReadIndex()
        self._computing: dict[Key, Computation] = {}
        self._solo: OrderedDict[Key, None] = OrderedDict()  # whose results were not for others: nobody waits
        self._counts: dict[Site, Count] = {}
        self._bytes = 0
        self._dropped: Counter[str] = Counter()
        self._raced = self._expired = self._evicted = 0

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def feed(self) -> Feed:
        """What tells of commits."""
        feed = self._feed
        if feed is None:
            feed = self._feed = self._make_feed()
            feed.subscribe(self.told)
            feed.on_reset(self.reset)
        return feed

    @property
    def sequence(self) -> int:
        """How many write sets were told."""
        return self.feed.sequence

    @property
    def usable(self) -> bool:
        """Whether the running code may use what is kept: on the loop, where nothing comes between, outside of transactions."""
        if _running_loop() is None:
            return False
        ask = self._open_block
        if ask is None:
            transactions = sys.modules.get("vivace.db.transactions")
            if transactions is None:
                return True
            ask = self._open_block = transactions.open_block
        return ask() is None

    # -- asking ---------------------------------------------------------------------------------------------------

    def count(self, site: Site) -> Count:
        """Return how a site fares."""
        count = self._counts.get(site)
        if count is None:
            count = self._counts[site] = Count(site.name)
        return count

    def look(self, key: Key) -> Entry | None:
        """Return what is kept for a key; it then counts as read by what is being computed."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        until = entry.until
        if until is not None:
            if until <= self.clock():
                self._expired += 1
                self._remove(entry)
                return None
            current = _current.get()
            if current is not None:
                current.ends(until)
        recorder = current_reads()
        if recorder is not None:
            recorder.update(entry.reads)
        entry.used = True
        entry.count.hits += 1
        return entry

    def ask(self, key: Key, seconds: float | None, site: Site) -> Entry | Waiting | Computation:
        """Return what is kept; else another's computation to wait for; else one of one's own, to be entered."""
        entry = self.look(key)
        if entry is not None:
            return entry
        running = self._computing.get(key)
        if running is not None:
            current = _current.get()
            stack = [] if current is None else current.stack()
            _refuse_circle(running, stack)
            if not _leads_to(running, stack):
                return Waiting(running, stack)
        computation = self.alone(key, seconds, site)
        if running is None and key not in self._solo:
            self._computing[key] = computation
            computation.registered = True
        return computation

    def alone(self, key: Key, seconds: float | None, site: Site) -> Computation:
        """Return a computation for which nobody waits."""
        count = self.count(site)
        count.misses += 1
        return Computation(self, key, seconds, count)

    def refused(self, site: Site, why: str) -> None:
        """Count what could not even be asked for."""
        count = self.count(site)
        count.misses += 1
        count.refused[why] += 1

    # -- keeping --------------------------------------------------------------------------------------------------

    def keep(self, computation: Computation, size: int) -> bool:
        """Keep the result of a computation, unless it met a change meanwhile; returns whether it was kept."""
        feed = self.feed
        if not feed.started:
            computation.count.refused["not connected"] += 1
            return False
        if feed.met_since(computation.mark, computation.reads):
            self._raced += 1
            return False
        until = computation.until
        if until is not None and until <= self.clock():
            return False
        reads = ReadSet(
            computation.reads.tables
        )  # which a task that outlives the computation may go on to record in
        entry = Entry(computation.key, computation.value, reads, until, computation.count)
        entry.size = size + _ENTRY_BYTES
        if entry.size > self._room:
            computation.count.refused["too large"] += 1
            return False
        self._put(entry)
        return True

    def limit(self, computation: Computation) -> None:
        """Fix until when a result may be kept."""
        seconds = computation.seconds
        databases = sys.modules.get("vivace.db.databases")
        if databases is not None and computation.reads.tables:
            current = databases.current_databases.get()
            if current is not None and current.has_replicas:
                seconds = REPLICA_SECONDS if seconds is None else min(seconds, REPLICA_SECONDS)
        if seconds is not None:
            computation.ends(self.clock() + seconds)

    def _put(self, entry: Entry) -> None:
        known = self._entries.get(entry.key)
        if known is not None:
            self._remove(known)
        while self._entries and (self._bytes + entry.size > self._room or len(self._entries) >= self._most):
            self._evicted += 1
            self._remove(self._next_to_go())
        self._entries[entry.key] = entry
        self._solo.pop(entry.key, None)
        self._index.add(entry, entry.reads)
        self._bytes += entry.size

    def _next_to_go(self) -> Entry:
        """Return the oldest entry that was not used; what was used is as good as new, once.

        To move each entry to the end whenever it is used hashes its key a second time, which holds tuples in tuples
        (measured: 1,000 to 2,000 of the 16,000 instructions of a fragment that is kept). Here a use sets a mark.
        """
        entries = self._entries
        for _ in range(_SPARED):
            entry = next(iter(entries.values()))
            if not entry.used:
                break
            entry.used = False
            entries.move_to_end(entry.key)
        return next(iter(entries.values()))

    def _remove(self, entry: Entry) -> None:
        if self._entries.get(entry.key) is entry:
            del self._entries[entry.key]
            self._index.remove(entry)
            self._bytes -= entry.size

    def finished(self, computation: Computation) -> None:
        """Take note that a computation has ended."""
        if computation.why:
            computation.count.refused[computation.why] += 1
        if not computation.registered:
            return
        if self._computing.get(computation.key) is computation:
            del self._computing[computation.key]
        if computation.why and computation.why != "cancelled":
            self._solo[computation.key] = None
            if len(self._solo) > _SOLO:
                self._solo.popitem(last=False)

    # -- dropping -------------------------------------------------------------------------------------------------

    def told(self, write: WriteSet) -> None:
        """Drop what a commit meets."""
        if not self._entries:
            return
        touched = self._index.touched(write)
        if not touched:
            return
        tables = write.touched()
        for entry in touched:
            met = [name for name in tables if name in entry.reads.tables]
            self._dropped.update(met or ("*",))
            self._remove(entry)

    def reset(self, epoch: int = 0) -> None:
        """Drop everything: changes may have been missed."""
        self._entries.clear()
        self._index.clear()
        self._bytes = 0

    def drop(self, site: Site) -> int:
        """Drop what is kept for a site; returns how much that was."""
        found = [entry for key, entry in self._entries.items() if key[0] is site]
        for entry in found:
            self._remove(entry)
        return len(found)

    def report(self) -> Report:
        """Return what the cache did so far."""
        sites = tuple(
            SiteReport(each.name, each.hits, each.misses, dict(each.refused))
            for each in self._counts.values()
        )
        return Report(
            entries=len(self._entries),
            bytes=self._bytes,
            hits=sum(each.hits for each in sites),
            misses=sum(each.misses for each in sites),
            dropped=dict(self._dropped),
            raced=self._raced,
            expired=self._expired,
            evicted=self._evicted,
            sites=sites,
        )


def _refuse_circle(running: Computation, stack: list[Computation]) -> None:
    if running in stack:
        raise CacheValueError(
            f"To compute {running.count.name} for the cache, the same is needed.",
            expected="a computation that does not ask for its own result",
            fix="Give the inner call other arguments, or call what it does without the cache.",
        )


def _leads_to(running: Computation, stack: list[Computation]) -> bool:
    """Say whether a computation waits, by itself or through others, for one of those in which we are."""
    todo, seen = [running], {running}
    while todo:
        for each in todo.pop().awaits:
            if each in stack:
                return True
            if each not in seen:
                seen.add(each)
                todo.append(each)
    return False


current_dependents: ContextVar[DependentCache | None] = ContextVar("vivace_dependents", default=None)
"""The cache of the app that the running code belongs to; set where its databases are."""


__all__ = [
    "BYTES",
    "ENTRIES",
    "REPLICA_SECONDS",
    "Computation",
    "Count",
    "DependentCache",
    "Entry",
    "Feed",
    "Report",
    "Site",
    "SiteReport",
    "Waiting",
    "current_dependents",
    "keep_nothing",
]
