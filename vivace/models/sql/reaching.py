"""Tables of which only those rows matter that the result names.

*Forward.* A relation to one row that is merely fetched along (``select_related``, ``values("author__name")``) does
not decide which rows there are: of its table only the rows matter to which the keys in the result point.
*From a through table.* Of ``Tag.objects.filter(books=1)``, which ``book.tags`` and its prefetch ask, the through table
decides; of the tags only those in the result matter, since a foreign key has a row to point to.

Both hold only where nothing else reads the table: no condition, no order that a limit cuts, no other join that could
lose or find rows by its columns. In doubt a table is read as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from vivace.changes import Condition, Scope
from vivace.models.sql.refs import Column

if TYPE_CHECKING:
    from vivace.models.sql.joins import Join
    from vivace.models.sql.select import Select

MOST: Final = 100  # more keys than this narrow nothing


class Reached(msgspec.Struct, frozen=True):
    """A table of which only rows matter whose ``column`` has a value that stands at ``position`` of the result."""

    table: str
    column: str
    position: int

    def read(self, rows: Sequence[Sequence[Any]]) -> tuple[str, Scope]:
        """Return what was read of it, when these rows came."""
        keys = {row[self.position] for row in rows}
        keys.discard(None)
        return self.table, (Condition(self.column, frozenset(keys)),) if len(keys) <= MOST else None


def reached(select: Select) -> Iterator[Reached]:
    """Yield the tables of a SELECT that are merely fetched along; each is named once in it."""
    if not _is_plain(select):
        return
    limited = select.limit is not None or select.offset is not None
    read = {
        each.alias
        for node in (*select.where, *(select.order if limited else ()))
        for each in node.walk()
        if isinstance(each, Column)
    }
    for join in select.joins:
        if join.alias not in read and _decides_nothing(select, join, read):
            named = _named(select, join)
            if named is not None:
                yield Reached(str(join.model._meta.db_table), *named)


def _is_plain(select: Select) -> bool:
    if select.inside is not None or select.group is not None or select.having or select.ctes or select.tables:
        return False
    if select.distinct or select.distinct_on or select.raw_where:
        return False
    if any(join.source is not None or join.condition is not None for join in select.joins):
        return False
    return not any(
        item.expression.contains_aggregate or item.expression.contains_over_clause for item in select.items
    )


def _decides_nothing(select: Select, join: Join, read: set[str]) -> bool:
    """Say whether no join that starts at this table can lose or find rows by its columns."""
    for child in select.joins:
        if child.parent != join.alias or child.hop is None:
            continue
        own = child.hop.pairs[0][0]
        if child.hop.many and len(child.hop.pairs) == 1 and own.primary_key:
            continue  # a key does not change while something points to it
        keeps = child.kind == "LEFT" or (child.hop.direct and not own.null and _is_held(own))
        if child.hop.many or child.alias in read or not keeps or not _decides_nothing(select, child, read):
            return False
    return True


def _named(select: Select, join: Join) -> tuple[str, int] | None:
    """Return the key of the table, and where in the result its values stand."""
    hop = join.hop
    if hop is None:
        return _named_from_through(select, join)
    if not hop.direct or hop.many or hop.filtered or len(hop.pairs) != 1:
        return None
    own, other = hop.pairs[0]
    if join.kind != "LEFT" and not _is_held(own):
        return None
    position = _position(select, join.parent, own)
    return None if position is None else (other.column, position)


def _named_from_through(select: Select, base: Join) -> tuple[str, int] | None:
    for child in select.joins:
        hop = child.hop
        if hop is None or child.parent != base.alias or child.kind != "INNER" or not hop.many:
            continue
        own, other = hop.pairs[0]
        if len(hop.pairs) == 1 and own.primary_key and _is_held(other):
            position = _position(select, base.alias, own)
            return None if position is None else (own.column, position)
    return None


def _is_held(key: Any) -> bool:
    """Say whether the database sees to it that there is a row to which a key points."""
    return bool(key.is_relation and key.db_constraint)


def _position(select: Select, alias: str, field: Any) -> int | None:
    for position, item in enumerate(select.items):
        node = item.expression
        if isinstance(node, Column) and node.alias == alias and node.field is field:
            return position
    return None


__all__ = ["Reached", "reached"]
