"""Resolving: lifted expressions of one step become columns of joined tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from vivace.errors import FieldError, QueryError
from vivace.models.expressions.base import Expression
from vivace.models.expressions.func import Columns
from vivace.models.expressions.names import OuterRef
from vivace.models.sql.names import Hop, Path
from vivace.models.sql.refs import Column, Outer
from vivace.models.sql.trees import Branch, Tree

if TYPE_CHECKING:
    from vivace.models.sql.building import Builder
    from vivace.models.sql.state import Sub


class Resolver:
    """Resolves what one step holds.

    ``base`` is the absolute number of its first slot; ``reuse`` the joins to many that it may use, ``None`` any.
    ``summary``: the expressions are aggregates over a query in FROM (``inner``), whose columns they read.
    """

    def __init__(self, builder: Builder, base: int, reuse: set[str] | None = None) -> None:
        self.builder = builder
        self.base = base
        self.reuse = reuse
        self.placed: tuple[Path, str] | None = None
        self.joinable = True
        self.used: set[str] = set()

    @property
    def base_alias(self) -> str:
        return self.builder.base_alias

    def resolve(self, node: Expression) -> Expression:
        """Return the resolved form of an expression."""
        return node.resolved(self)

    def side(self, right: Any) -> Any:
        """Resolve the right side of a lookup: an expression, a tuple of them, or a bool."""
        if isinstance(right, tuple):
            return tuple(self.resolve(each) for each in cast("tuple[Expression, ...]", right))
        return self.resolve(right) if isinstance(right, Expression) else right

    # -- names -------------------------------------------------------------------------------------------------------

    def path(self, path: Path) -> Expression:
        """Return the column at the end of a path, joining what leads there."""
        if self.placed is not None and self.placed[0] is path:
            return self.columns(path, self.placed[1])
        aliases = self.follow(path.hops)
        return self.columns(path, aliases[-1])

    def columns(self, path: Path, alias: str) -> Expression:
        """Return the targets of a path as columns of an alias."""
        many = path.many
        parts = tuple(Column(alias, field, many=many) for field in path.targets)
        return parts[0] if len(parts) == 1 else Columns(*parts, field=path.whole)

    def follow(self, hops: tuple[Hop, ...]) -> list[str]:
        """Join along hops; return the aliases on the way, the first table's included."""
        builder = self.builder
        aliases = [builder.base_alias]
        if hops and not self.joinable:
            raise FieldError(
                "Joined field references are not permitted in this query.",
                fix="use a Subquery for other tables.",
            )
        for hop in hops:
            alias, new = builder.joins.add(aliases[-1], hop, self.reuse if hop.many else None)
            aliases.append(alias)
            if new and hop.filtered:
                builder.condition_join(alias, hop)
        if self.reuse is not None:
            self.reuse.update(aliases)
        self.used.update(aliases)
        return aliases

    def annotation(self, name: str) -> Expression:
        """Return a named expression of the query."""
        return self.builder.annotation(name)

    def outer(self, name: Any) -> Expression:
        """Return what a name means in the query around."""
        around = self.builder.outer
        if around is None:
            raise QueryError(
                f"OuterRef({name!r}) stands in a query that is not within another.",
                fix="use it within Subquery or Exists.",
            )
        if isinstance(name, OuterRef):
            return Outer(Resolver(around, 0).outer(name.name))
        return Outer(around.lookup(str(name)))

    # -- conditions and queries --------------------------------------------------------------------------------------

    def condition(self, tree: Tree) -> Expression:
        """Resolve a condition within an expression: its joins stay as they are, LEFT where they may find nothing."""
        from vivace.models.sql.conditions import Conditions

        nested = tree if isinstance(tree, Branch) else Branch("AND", (tree,))
        return Conditions(self, splits=False, settles=False).branch(nested, False, False)[0]

    def query(self, sub: Sub, *, exists: bool = False) -> Any:
        """Build a query within this one."""
        return self.builder.inner(sub, self.base, exists=exists)


__all__ = ["Resolver"]
