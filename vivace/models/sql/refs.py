"""What names become: references in lifted trees, columns in resolved ones."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import TYPE_CHECKING, Any

from vivace.models.expressions.base import Expression, several
from vivace.models.sql.trees import Branch, Compare, Scope, Tree, Truth

if TYPE_CHECKING:
    from vivace.models.sql.names import Path
    from vivace.models.sql.outputs import Outputs
    from vivace.models.sql.render import Renderer
    from vivace.models.sql.resolve import Resolver


class Ref(Expression):
    """A path of the query's model (lifted)."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def resolved(self, resolver: Resolver) -> Expression:
        return resolver.path(self.path)

    def infer(self, outputs: Outputs) -> Any:
        return outputs.of_path(self.path)


class AnnotationRef(Expression):
    """A named expression of the query (lifted). ``node`` is that expression, for its type."""

    def __init__(self, name: str, node: Expression) -> None:
        self.name = name
        self._node = node

    def key(self) -> Hashable:
        return AnnotationRef, self.name

    def but(self, **changes: Any) -> AnnotationRef:
        return AnnotationRef(changes.get("name", self.name), self._node)

    @property
    def node(self) -> Expression:
        return self._node

    @property
    def contains_aggregate(self) -> bool:
        return self._node.contains_aggregate

    @property
    def contains_over_clause(self) -> bool:
        return self._node.contains_over_clause

    def resolved(self, resolver: Resolver) -> Expression:
        return resolver.annotation(self.name)

    def infer(self, outputs: Outputs) -> Any:
        return outputs.of(self._node)


class ConditionTree(Expression):
    """A tree of conditions within an expression (lifted): of a ``When``, of an aggregate's ``filter``."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree

    def children(self) -> Iterator[Expression]:
        yield from expressions_of(self.tree)

    def resolved(self, resolver: Resolver) -> Expression:
        return resolver.condition(self.tree)

    def infer(self, outputs: Outputs) -> Any:
        return outputs.kind("BooleanField")


class Column(Expression):
    """A column of a joined table (resolved). ``alias`` names the table in the query it belongs to."""

    def __init__(self, alias: str, field: Any, *, many: bool = False) -> None:
        self.alias = alias
        self.field = field
        self.many = many

    def render(self, r: Renderer) -> Any:
        return r.column(self.alias, self.field)

    def infer(self, outputs: Outputs) -> Any:
        return outputs.plain(self.field)


class Outer(Expression):
    """An expression of the query around this one (resolved)."""

    def __init__(self, expression: Expression) -> None:
        self.expression = expression

    def infer(self, outputs: Outputs) -> Any:
        return outputs.of(self.expression)

    @property
    def contains_aggregate(self) -> bool:
        return False

    @property
    def contains_over_clause(self) -> bool:
        return False

    def render(self, r: Renderer) -> Any:
        return r.outer(self.expression)


class Carried(Expression):
    """A column of a combination of queries, under the name that the first of them gave it (lifted)."""

    def __init__(self, name: str, field: Any) -> None:
        self.name = name
        self.field = field

    def resolved(self, resolver: Resolver) -> Expression:
        return Named(resolver.base_alias, self.name, self.field)

    def infer(self, outputs: Outputs) -> Any:
        return self.field


class Named(Expression):
    """A column of a query in FROM (resolved): ``alias.name``; with ``alias`` "" a name of the select list."""

    def __init__(self, alias: str, name: str, field: Any = None) -> None:
        self.alias = alias
        self.name = name
        self.field = field

    def render(self, r: Renderer) -> Any:
        return r.named(self.alias, self.name, self.field)

    def infer(self, outputs: Outputs) -> Any:
        return self.field


def expressions_of(tree: Tree) -> Iterator[Expression]:
    """Yield the expressions in a tree of conditions."""
    if isinstance(tree, Branch):
        for child in tree.children:
            yield from expressions_of(child)
    elif isinstance(tree, Scope):
        yield from expressions_of(tree.tree)
    elif isinstance(tree, Truth):
        yield tree.expression
    elif isinstance(tree, Compare):
        yield tree.left
        yield from (each for each in several(tree.right) if isinstance(each, Expression))


__all__ = ["AnnotationRef", "Carried", "Column", "ConditionTree", "Named", "Outer", "Ref", "expressions_of"]
