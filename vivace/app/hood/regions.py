"""The live regions of a page, for a person who wonders: what each read, who watches it, how often and why it was rendered.

Theory
------
The server of live regions forgets why it rendered as soon as it has. So an app with a hood listens to the change feed as that
does: of each commit it asks the same index which roots it touches, and keeps a line about it (``Story``), a few for each root.

What is told of a commit is what a person who sees the region may know of it:

1. tables, operations and how many rows; a primary key if it is a number, for others are tokens and names;
2. of the columns only those that the region itself narrowed on, with the values that *it* asked for;
3. nothing where the name of the table or the column sounds secret.

Personal regions are told of to the connection that they are rendered for; of others' it is told how many there are.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

import msgspec

from vivace.app.hiding import Hider, sounds_secret
from vivace.changes import ANYTHING, Change, Condition, ReadSet, Scope, WriteSet
from vivace.http.problems import HIDDEN
from vivace.live.audience import Audience, Root

from .labels import Labels

if TYPE_CHECKING:
    from vivace.live.server import Live, Page
    from vivace.live.viewers import Peer

MAX_LINES: Final = 12  # of a root's story
FEW_STORIES: Final = 50
MAX_STORIES: Final = 2_000
MAX_ROWS: Final = 4  # of one commit
MAX_LOOKED: Final = 500  # rows of a commit that are looked at
MAX_VALUES: Final = 6
_OF_A_CHANGE: Final = "a change"  # as the audience says it, and those that begin like this
_VERBS: Final = {"insert": "insert into", "update": "update of", "delete": "delete from"}


class Line(msgspec.Struct):
    """One reason for which a root was rendered: ``at`` as the time of day, in seconds; what was written."""

    at: float
    why: str
    writes: list[str]


class AboutRead(msgspec.Struct, frozen=True):
    """What was read of a table: conditions of which any row that meets one counts; none: any row."""

    table: str
    rows: list[str]


class AboutRegion(msgspec.Struct, frozen=True):
    """A root of a page. ``regions`` are labels by id. ``personal``: what it read of one person, ``""`` where it is one for all.

    ``pages`` are open pages that show it, in this process; of a personal one there are as many renders.
    """

    page: str
    regions: dict[str, str]
    label: str
    personal: str
    pages: int
    renders: int
    why: str
    error: str
    reads: list[AboutRead]
    story: list[Line]
    size: int


class Stories:
    """Why the roots of a process were rendered."""

    def __init__(self, live: Live, clock: Callable[[], float] = time.time) -> None:
        self._live = live
        self._clock = clock
        self._stories: dict[Root, deque[Line]] = {}
        self._renders: dict[Root, int] = {}
        self._room = FEW_STORIES

    def changed(self, write: WriteSet) -> None:
        """Take a commit."""
        for item in self._live.index.touched(write):
            if isinstance(item, Root):
                self._add(item, _OF_A_CHANGE, list(told(write, item.reads)))

    def of(self, root: Root) -> list[Line]:
        """Return why a root was rendered, the last reason first."""
        if root.renders != self._renders.get(root) and not root.why.startswith(_OF_A_CHANGE):
            self._add(root, root.why, [])
        if root in self._stories:  # which are forgotten together
            self._renders[root] = root.renders
        return list(self._stories.get(root, ()))

    def _add(self, root: Root, why: str, writes: list[str]) -> None:
        story = self._stories.get(root)
        if story is None:
            if len(self._stories) >= self._room:
                self._forget()
            story = self._stories[root] = deque(maxlen=MAX_LINES)
        story.appendleft(Line(self._clock(), why, writes))

    def _forget(self) -> None:
        """Forget the roots that nobody shows any more, and all where too many are shown; the next time when they are twice as many."""
        kept = {
            root: story for root, story in self._stories.items() if root.audience.roots.get(root.name) is root
        }
        self._stories = kept if len(kept) < MAX_STORIES else {}
        self._renders = {root: count for root, count in self._renders.items() if root in self._stories}
        self._room = max(FEW_STORIES, 2 * len(self._stories))

    def __len__(self) -> int:
        return len(self._stories)


class Regions:
    """Tells of the regions of pages: ``of(connection)``, ``all()``."""

    def __init__(self, live: Live, labels: Labels, stories: Stories) -> None:
        self._live = live
        self._labels = labels
        self._stories = stories

    def of(self, connection: Peer) -> list[AboutRegion]:
        """Return the regions of the pages of a connection."""
        return [
            each
            for page, audience in self._live.audiences_of(connection)
            for each in self._roots(page, audience)
        ]

    def all(self) -> list[AboutRegion]:
        """Return the regions that are one for all; of the others only where they are and how many pages show them."""
        found: list[AboutRegion] = []
        for page in self._live.pages.values():
            found += self._roots(page, page.shared)
            kinds = {page.all_personal} if page.all_personal else set(page.personal.values())
            found += [self._others(page, kind) for kind in sorted(kinds)]
        return sorted(found, key=lambda each: (each.page, each.label))

    def _roots(self, page: Page, audience: Audience) -> Iterator[AboutRegion]:
        for root in audience.roots.values():
            personal = page.all_personal or page.personal.get(root.name, "")
            shared = audience is page.shared
            yield AboutRegion(
                Hider().text(audience.address.target),
                {region: self._labels.of(region) for region in root.steps},
                self._labels.of(root.name) or self._labels.of_all(root.steps),
                "" if shared else personal or "what the handler read",
                root.viewers if shared else len(page.viewers),
                root.renders,
                root.why,
                Hider().text(root.error),
                list(_reads(root.reads)),
                self._stories.of(root),
                sum(len(step.region.source) for step in root.steps.values()),
            )

    def _others(self, page: Page, kind: str) -> AboutRegion:
        names = page.personal if not page.all_personal else {}
        label = self._labels.of_all(name for name, read in names.items() if read == kind)
        target = Hider().text(page.shared.address.target)
        return AboutRegion(target, {}, label, kind, len(page.viewers), 0, "", "", [], [], 0)


# -- reads and writes as text -----------------------------------------------------------------------------------------


def _reads(reads: ReadSet) -> Iterator[AboutRead]:
    for table, scope in sorted(reads):
        name = "anything: SQL that does not say what it reads" if table == ANYTHING else table
        yield AboutRead(name, [_condition(table, each) for each in scope or () if each.values])


def _condition(table: str, condition: Condition) -> str:
    return f"{condition.column} = {_values(table, condition.column, condition.values)}"


def _values(table: str, column: str, values: Iterable[Any]) -> str:
    if _is_secret(table) or sounds_secret(column):
        return HIDDEN
    shown = sorted(Hider().named(column, value) for value in values)
    rest = f" … {len(shown) - MAX_VALUES} more" if len(shown) > MAX_VALUES else ""
    return " or ".join(shown[:MAX_VALUES]) + rest


def _is_secret(table: str) -> bool:
    return any(map(sounds_secret, (table, table.rpartition("_")[2])))


def told(write: WriteSet, reads: ReadSet) -> Iterator[str]:
    """Yield what is told of a commit to who sees what read this; see the module's rules."""
    if write.everything:
        yield "SQL that does not say what it writes"
    for table in sorted(write.tables & reads.tables.keys()):
        yield f"rows of {table}"
    some = write.changes[:MAX_LOOKED]
    met = [change for change in some if reads.meets(WriteSet(changes=(change,)))]
    for change in met[:MAX_ROWS]:
        yield _change(change, reads.tables.get(change.table))
    if len(met) > MAX_ROWS:
        yield f"and {len(met) - MAX_ROWS}{'' if len(some) == len(write.changes) else ' or more'} rows"


def _change(change: Change, scope: Scope) -> str:
    text = f"{_VERBS[change.operation]} {change.table}"
    if _is_secret(change.table):
        return text
    if change.key and all(type(part) is int for part in change.key):
        text += f" {', '.join(map(str, change.key))}"
    met = [f"{each.column} = {value}" for each in scope or () for value in _met(change, each)]
    return f"{text}, where {' and '.join(met[:MAX_VALUES])}" if met else text


def _met(change: Change, condition: Condition) -> Iterator[str]:
    """Yield the values of a condition that a written row has, or had."""
    if sounds_secret(condition.column):
        return
    for value in condition.values:
        if any(side and side.get(condition.column) == value for side in (change.old, change.new)):
            yield Hider().named(condition.column, value)


__all__ = ["AboutRegion", "Regions", "Stories", "told"]
