"""The tables of one query and how they are joined.

Theory, the same as Django's, since results depend on it:

*Reuse.* A relation to one row is joined once. A relation to many is joined anew by each call of filter, and once within a
call; everything else (annotate, order_by, values) uses the latest join there is.

*INNER or LEFT.* A join that may find nothing begins as LEFT, and so does all that hangs on it. Conditions vote: one that
can only hold where a row was found votes for INNER. Under AND one vote is enough; under OR all branches must agree, else
an INNER join is promoted to LEFT; a negation swaps the two. What was INNER before a call stays so after it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, Literal

from vivace.models.expressions.base import Expression
from vivace.models.sql.names import Hop

Kind = Literal["", "INNER", "LEFT"]


class Aliases:
    """Names of tables, unique in one statement: a table's own name first, then ``T2``, ``T3`` …"""

    def __init__(self) -> None:
        self._used: set[str] = set()

    def new(self, table: str) -> str:
        """Return a free name for a table."""
        name = table
        number = len(self._used) + 1
        while name.lower() in self._used:
            name = f"T{number}"
            number += 1
        self._used.add(name.lower())
        return name


class Join:
    """One table of a query. The first has neither parent nor kind. ``source`` is a query in place of a table.

    ``within`` is the filtered relation that reads the table in its condition: the two are joined in parentheses.
    ``label`` is what the table would be called if no query stood around this one: the same place in two queries of one
    model has the same label.
    """

    __slots__ = (
        "alias",
        "condition",
        "count",
        "hop",
        "kind",
        "label",
        "model",
        "nullable",
        "parent",
        "source",
        "within",
    )

    def __init__(self, alias: str, model: Any, *, parent: str = "", hop: Hop | None = None) -> None:
        self.alias = alias
        self.model = model
        self.parent = parent
        self.hop = hop
        self.kind: Kind = ""
        self.nullable = hop.nullable if hop is not None else False
        self.condition: Expression | None = None
        self.source: Any = None
        self.within = ""
        self.count = 0
        self.label = model._meta.db_table


class Joins:
    """See the module."""

    def __init__(self, aliases: Aliases) -> None:
        self.aliases = aliases
        self.map: dict[str, Join] = {}

    def base(self, model: Any) -> str:
        """Add the first table."""
        alias = self.aliases.new(model._meta.db_table)
        self.map[alias] = Join(alias, model)
        self.map[alias].count = 1
        return alias

    def add(self, parent: str, hop: Hop, reuse: set[str] | None) -> tuple[str, bool]:
        """Return the alias of a join, and whether it is new. ``reuse``: aliases that may serve again, ``None`` any."""
        found = [
            alias
            for alias, join in self.map.items()
            if join.parent == parent and join.hop == hop and (reuse is None or alias in reuse)
        ]
        if found:
            self.map[found[-1]].count += 1
            return found[-1], False
        table = hop.model._meta.db_table
        join = Join(self.aliases.new(table), hop.model, parent=parent, hop=hop)
        if any(each.model._meta.db_table == table for each in self.map.values()):
            join.label = f"T{len(self.map) + 1}"
        outer = self.map[parent].kind == "LEFT" or join.nullable
        join.kind = "LEFT" if outer else "INNER"
        join.count = 1
        self.map[join.alias] = join
        return join.alias, True

    def last(self, alias: str) -> None:
        """Put a join behind those that its condition reads, with the tables within it."""
        for name in [alias, *(name for name, join in self.map.items() if join.within == alias)]:
            self.map[name] = self.map.pop(name)

    def promote(self, aliases: Iterable[str]) -> None:
        """Make joins LEFT where they may find nothing, and with them those that hang on them."""
        waiting = list(aliases)
        while waiting:
            join = self.map[waiting.pop(0)]
            if not join.kind:
                continue
            outer_parent = self.map[join.parent].kind == "LEFT"
            if (join.nullable or outer_parent) and join.kind != "LEFT":
                join.kind = "LEFT"
                waiting += [each.alias for each in self.map.values() if each.parent == join.alias]

    def demote(self, aliases: Iterable[str]) -> None:
        """Make joins INNER; what leads to them got the same votes."""
        for alias in aliases:
            if self.map[alias].kind == "LEFT":
                self.map[alias].kind = "INNER"

    def inner(self) -> set[str]:
        """Return the aliases that are INNER now."""
        return {join.alias for join in self.map.values() if join.kind == "INNER"}

    def counts(self) -> dict[str, int]:
        """Return how often each alias was asked for."""
        return {alias: join.count for alias, join in self.map.items()}


class Votes:
    """What the children of one node of conditions say about joins."""

    def __init__(self, connector: str, children: int, negated: bool) -> None:
        one_way = "AND" if connector == "AND" else "OR"  # an exclusive or loses rows by INNER as an or does
        self.effective = ("OR" if one_way == "AND" else "AND") if negated else one_way
        self.children = children
        self.votes: Counter[str] = Counter()

    def add(self, aliases: Iterable[str]) -> None:
        """Count one child's votes for INNER."""
        self.votes.update(set(aliases))

    def settle(self, joins: Joins) -> set[str]:
        """Change the joins, and return those that are INNER by all this: the node's own vote."""
        promote: set[str] = set()
        demote: set[str] = set()
        for alias, count in self.votes.items():
            if self.effective == "OR" and count < self.children:
                promote.add(alias)
            if self.effective == "AND" or (self.effective == "OR" and count == self.children):
                demote.add(alias)
        joins.promote(promote)
        joins.demote(demote)
        return demote


__all__ = ["Aliases", "Join", "Joins", "Votes"]
