"""Trees of conditions into WHERE: joins, votes, negation.

*Negation and NULL.* ``exclude(x=1)`` means all rows of which "x is 1" is not true, those with NULL included; so a negated
comparison of what may be NULL is ``NOT (x = 1 AND x IS NOT NULL)``.

*Negation over many.* ``exclude(books__title="x")`` means authors of whom no book has that title: a condition under a
negation that crosses a relation to many becomes ``NOT EXISTS`` (``split``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from vivace.models.expressions.base import Expression
from vivace.models.expressions.conditional import Junction, Known
from vivace.models.expressions.names import OuterRef
from vivace.models.expressions.subqueries import Exists
from vivace.models.expressions.values import Constant, Null, Slot
from vivace.models.lookups.base import Exact, IsNull
from vivace.models.sql.joins import Votes
from vivace.models.sql.names import trimmed
from vivace.models.sql.refs import Column, Outer, Ref
from vivace.models.sql.resolve import Resolver
from vivace.models.sql.trees import Branch, Compare, Fixed, Scope, Tree, Truth

if TYPE_CHECKING:
    from vivace.models.sql.building import Builder

Answer = tuple[Expression, set[str]]
NEVER: Final = Known(False)


class Conditions:
    """Builds the conditions of one step. ``splits``: negations over many become subqueries (not in expressions).

    ``pool``: joins of the left side of ``qs | qs``, of which each may serve one filter of the right side, as in Django.
    """

    def __init__(
        self,
        resolver: Resolver,
        *,
        splits: bool = True,
        settles: bool = True,
        pool: set[str] | None = None,
    ) -> None:
        self.resolver = resolver
        self.pool = pool
        self.builder: Builder = resolver.builder
        self.splits = splits
        self.settles = settles

    def branch(self, tree: Branch, negated: bool, below: bool) -> Answer:
        """Return a branch's condition and its votes. ``negated``: an odd number of negations above; ``below``: any."""
        negated ^= tree.negated
        below = below or tree.negated
        votes = Votes(tree.connector, len(tree.children), negated)
        parts: list[Expression] = []
        for child in tree.children:
            node, vote = self.one(child, negated, below)
            votes.add(vote)
            parts.append(node)
        inner = votes.settle(self.builder.joins) if self.settles else set[str]()
        return Junction(tree.connector, tuple(parts), tree.negated), inner

    def one(self, tree: Tree, negated: bool, below: bool) -> Answer:
        """Return the condition of any tree and its votes."""
        if isinstance(tree, Branch):
            return self.branch(tree, negated, below)
        if isinstance(tree, Fixed):
            return Known(tree.value), set()
        if isinstance(tree, Truth):
            return self.resolver.resolve(tree.expression), set()
        if isinstance(tree, Scope):
            return self.scope(tree, negated, below)
        return self.compare(tree, negated, below)

    def scope(self, scope: Scope, negated: bool, below: bool) -> Answer:
        """Return the conditions of one side of a combination, with joins of its own."""
        pool = set(self.builder.joins.map) if scope.shares else self.pool
        own = Resolver(self.builder, self.resolver.base, set(pool or ()))
        tree = scope.tree if isinstance(scope.tree, Branch) else Branch("AND", (scope.tree,))
        conditions = Conditions(own, splits=self.splits, settles=self.settles, pool=pool)
        answer = conditions.branch(tree, negated, below)
        if pool is not None:
            pool -= own.used
        return answer

    def compare(self, leaf: Compare, negated: bool, below: bool) -> Answer:
        """Return one comparison, aware of NULL under a negation."""
        before = self.builder.joins.counts()
        if leaf.path is None:
            right = self.resolver.side(leaf.right)
            return leaf.lookup(self.resolver.resolve(leaf.left), right), set()
        if below and self.splits and leaf.path.many:
            return self.split(leaf) if leaf.right != NEVER else NEVER, set()
        right = self.resolver.side(leaf.right)
        now = self.builder.joins.counts()
        used = {alias for alias, count in now.items() if count > before.get(alias, 0)}
        aliases = self.resolver.follow(leaf.path.hops)
        used.update(aliases)
        self.resolver.placed = (leaf.path, aliases[-1])
        left = self.resolver.resolve(leaf.left)
        self.resolver.placed = None
        condition = right if isinstance(right, Known) else leaf.lookup(left, right)
        return self._aware(leaf, condition, right, aliases[-1], negated, used)

    def _aware(
        self, leaf: Compare, condition: Any, right: Any, alias: str, negated: bool, used: set[str]
    ) -> Answer:
        is_null = issubclass(leaf.lookup, IsNull)
        outer = is_null and right is True and not negated
        if not negated or (is_null and right is True):
            return condition, set() if outer else used
        parts: list[Expression] = [condition]
        if not is_null and not _is_json_null(right):
            target = leaf.path.targets[0]
            connector = "OR" if _has_null(right) else "AND"
            if target.null or self.builder.joins.map[alias].kind == "LEFT":
                parts.append(IsNull(Column(alias, target), connector == "OR"))
                if connector == "OR":
                    return Junction("OR", tuple(parts)), set()
            if isinstance(right, Column) and right.field.null:
                parts.append(IsNull(right, False))
        return (Junction("AND", tuple(parts)) if len(parts) > 1 else condition), set()

    # -- negation over many ------------------------------------------------------------------------------------------

    def split(self, leaf: Compare) -> Expression:
        """Return ``EXISTS`` of the rows that meet a comparison, tied to this query's row."""
        inner = self.builder.twin()
        resolver = Resolver(inner, self.resolver.base, set())
        outward = _plain(leaf.right)
        if outward:
            leaf = Compare(leaf.path, leaf.left, leaf.lookup, Fixed(value=True))
        conditions = Conditions(resolver)
        node = self._inner_condition(conditions, leaf, outward)
        inner.where.append(node)
        tie = self._tie(inner, leaf) or self._whole_tie(inner)
        inner.where.append(tie)
        exists = object.__new__(Exists)
        exists.query, exists.output_field = inner.finished(exists=True), None
        return exists

    def _inner_condition(
        self, conditions: Conditions, leaf: Compare, outward: Expression | None
    ) -> Expression:
        if outward is None:
            return conditions.branch(Branch("AND", (leaf,)), False, False)[0]
        resolver = conditions.resolver
        if isinstance(outward, OuterRef):
            right: Expression = Outer(self.resolver.resolve(outward))
        else:
            right = Outer(self.resolver.resolve(outward))
        aliases = resolver.follow(leaf.path.hops)
        resolver.placed = (leaf.path, aliases[-1])
        node = leaf.lookup(resolver.resolve(leaf.left), right)
        resolver.placed = None
        resolver.builder.joins.demote(set(aliases))
        return node  # type: ignore[no-any-return]

    def _tie(self, inner: Builder, leaf: Compare) -> Expression | None:
        """Begin the inner query at the first table of many, and tie that to this query; ``None`` when it cannot be."""
        hops = leaf.path.hops
        place = next((i for i, hop in enumerate(hops) if hop.many), None)
        if place is None:
            return None
        alias = inner.base_alias
        for hop in hops[: place + 1]:
            alias = next(j.alias for j in inner.joins.map.values() if j.parent == alias and j.hop == hop)
        join = inner.joins.map[alias]
        if join.kind != "INNER" or join.condition is not None or inner.uses_before(alias):
            return None
        many = hops[place]
        own_hops, own = trimmed(hops[:place], tuple(field for field, _ in many.pairs))
        outer_alias = self.resolver.follow(own_hops)[-1]
        pairs = [
            Exact(Column(alias, other), Outer(Column(outer_alias, field)))
            for field, (_, other) in zip(own, many.pairs, strict=True)
        ]
        shared = self._shared(join)
        inner.begin_at(alias)
        if shared is not None:
            pairs += [
                Exact(Column(alias, field), Outer(Column(shared, field)))
                for field in join.model._meta.pk_fields
            ]
        return Junction("AND", tuple(pairs))

    def _shared(self, join: Any) -> str | None:
        """Return this step's own join to the same rows: then one row must not meet both conditions."""
        for alias in self.resolver.reuse or ():
            mine = self.builder.joins.map.get(alias)
            if mine is not None and mine.kind and mine.label == join.label and mine.hop == join.hop:
                return alias
        return None

    def _whole_tie(self, inner: Builder) -> Expression:
        pairs = [
            Exact(Column(inner.base_alias, field), Outer(Column(self.builder.base_alias, field)))
            for field in self.builder.model._meta.pk_fields
        ]
        return Junction("AND", tuple(pairs))


def _plain(right: Any) -> Expression | None:
    """Return a right side that names a row of the query around the split, not of the split itself."""
    return right if isinstance(right, (Ref, OuterRef)) else None


def _is_json_null(right: Any) -> bool:
    """JSON's null is a value, yet Django takes it for SQL's when it negates: rows without any JSON are not found."""
    return isinstance(right, Constant) and right.kind == "json"


def _has_null(right: Any) -> bool:
    return isinstance(right, Null) or (isinstance(right, Slot) and right.form == "nulls")


__all__ = ["Conditions"]
