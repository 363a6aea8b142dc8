"""Which of many read sets does a write meet? An index from (table, column, value) to whoever read it.

To ask each of 10,000 read sets ``meets(write)`` costs milliseconds for each commit. Here a commit looks up what it wrote,
so that it costs as much as it touches: the tables it names, the columns that anybody narrowed on, and who is found.

Rules:

1. ``touched(write)`` is, for any write, ``{item for item, reads in all if reads.meets(write)}``: the tests hold the two
   against each other. Where ``changes`` would err on the side of yes, so does this.
2. An item is anything hashable; the index knows nothing of caches, regions or channels.
3. What was added under an item is taken out again from a copy made then, so a read set that goes on being recorded does
   no harm, but its later reads are not known here: add the item again.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any, Final, Generic, TypeAlias, TypeVar

from vivace.changes import ANYTHING, Change, ReadSet, Scope, Values, WriteSet

Item = TypeVar("Item", bound=Hashable)
_Kept: TypeAlias = tuple[tuple[str, Scope], ...]
_EMPTY: Final[dict[Any, Any]] = {}
_NO_VALUE: Final = (object(),)  # a condition without values stands here, for changes that lack its column


class _Table(Generic[Item]):
    """Who reads one table: as a whole, or rows with some values in a column."""

    __slots__ = ("columns", "readers", "whole")

    def __init__(self) -> None:
        self.readers: set[Item] = set()  # all of them
        self.whole: set[Item] = set()
        self.columns: dict[str, dict[Any, set[Item]]] = {}

    def add(self, item: Item, scope: Scope) -> None:
        self.readers.add(item)
        if scope is None:
            self.whole.add(item)
            return
        for condition in scope:
            values = self.columns.setdefault(condition.column, {})
            for value in condition.values or _NO_VALUE:
                values.setdefault(value, set()).add(item)

    def remove(self, item: Item, scope: Scope) -> None:
        self.readers.discard(item)
        self.whole.discard(item)
        for condition in scope or ():
            values = self.columns.get(condition.column, _EMPTY)
            for value in condition.values or _NO_VALUE:
                items = values.get(value)
                if items is None:
                    continue
                items.discard(item)
                if not items:
                    del values[value]
            if not values:
                self.columns.pop(condition.column, None)

    def find(self, change: Change, found: set[Item]) -> None:
        """Add whoever read a row that was written to ``found``."""
        found.update(self.whole)
        for column, values in self.columns.items():
            for side in (change.old, change.new):
                _find(side, column, values, found)


def _find(side: Values | None, column: str, values: dict[Any, set[Item]], found: set[Item]) -> None:
    """Add who read rows like ``side``: the same answers as ``Change.may_match``, from a dictionary."""
    if side is not None and not side:
        return  # no row was there
    if side is not None and column in side:
        try:
            found.update(values.get(side[column], ()))
        except TypeError:  # not hashable, so that it cannot be looked up: any of them
            found.update(*values.values())
    else:
        found.update(*values.values())


class ReadIndex(Generic[Item]):
    """Finds the items that a commit touches: ``add(item, reads)``, ``touched(write)``."""

    __slots__ = ("_anything", "_kept", "_tables")

    def __init__(self) -> None:
        self._kept: dict[Item, _Kept] = {}
        self._tables: dict[str, _Table[Item]] = {}
        self._anything: set[Item] = set()

    def __len__(self) -> int:
        return len(self._kept)

    def __contains__(self, item: Item) -> bool:
        return item in self._kept

    def __iter__(self) -> Iterator[Item]:
        return iter(self._kept)

    def add(self, item: Item, reads: ReadSet) -> None:
        """Keep what ``item`` read, in place of what it read before."""
        kept = tuple(reads)
        known = self._kept.get(item)
        if known is not None:
            if known == kept:
                return
            self.remove(item)
        self._kept[item] = kept
        for name, scope in kept:
            if name == ANYTHING:
                self._anything.add(item)
            table = self._tables.get(name)
            if table is None:
                table = self._tables[name] = _Table()
            table.add(item, scope)

    def remove(self, item: Item) -> bool:
        """Forget an item; returns whether it was there."""
        kept = self._kept.pop(item, None)
        if kept is None:
            return False
        self._anything.discard(item)
        for name, scope in kept:
            table = self._tables[name]
            table.remove(item, scope)
            if not table.readers:
                del self._tables[name]
        return True

    def clear(self) -> None:
        """Forget all items."""
        self._kept.clear()
        self._tables.clear()
        self._anything.clear()

    def tables(self, item: Item) -> tuple[str, ...]:
        """Return the names of the tables that an item read; none for one that is not there."""
        return tuple(name for name, _ in self._kept.get(item, ()))

    def reads(self, item: Item) -> ReadSet:
        """Return what an item read; nothing for one that is not there."""
        return ReadSet(dict(self._kept.get(item, ())))

    def touched(self, write: WriteSet) -> set[Item]:
        """Return the items whose reads meet a write; the set is the caller's."""
        if write.everything:
            return {item for item, kept in self._kept.items() if kept}
        found = set(self._anything) if self._anything and write else set[Item]()
        for name in write.tables:
            table = self._tables.get(name)
            if table is not None:
                found.update(table.readers)
        tables = self._tables
        for change in write.changes:
            table = tables.get(change.table)
            if table is not None:
                table.find(change, found)
        return found


__all__ = ["ReadIndex"]
