"""Queries within expressions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vivace.errors import QueryError
from vivace.models.expressions.base import Expression

if TYPE_CHECKING:
    from vivace.models.sql.lifting import Lifter
    from vivace.models.sql.outputs import Outputs
    from vivace.models.sql.render import Renderer
    from vivace.models.sql.resolve import Resolver


class Subquery(Expression):
    """The first column of the first row of a queryset. It may name the query around it with ``OuterRef``."""

    def __init__(self, queryset: Any, output_field: Any = None) -> None:
        if not hasattr(queryset, "query_state"):
            raise QueryError(
                f"{type(self).__name__} needs a queryset.", got=type(queryset).__name__, expected="a QuerySet"
            )
        self.query: Any = queryset.query_state  # a state; a Sub once lifted; a built query once resolved
        self.output_field = output_field

    def lifted(self, lifter: Lifter) -> Expression:
        return self.but(query=lifter.query(self.query))

    def resolved(self, resolver: Resolver) -> Expression:
        return self.but(query=resolver.query(self.query))

    def infer(self, outputs: Outputs) -> Any:
        return outputs.of_query(self.query)

    @property
    def contains_aggregate(self) -> bool:
        return False

    def render(self, r: Renderer) -> Any:
        return r.subquery(self.query)


class Exists(Subquery):
    """Whether a queryset has any row."""

    def __init__(self, queryset: Any) -> None:
        super().__init__(queryset)

    def infer(self, outputs: Outputs) -> Any:
        return outputs.kind("BooleanField")

    def resolved(self, resolver: Resolver) -> Expression:
        return self.but(query=resolver.query(self.query, exists=True))

    def render(self, r: Renderer) -> Any:
        return r.exists(self.query)


class Listed(Subquery):
    """A queryset that stands where a value is expected: ``filter(author=Author.objects.filter(…))``."""


__all__ = ["Exists", "Listed", "Subquery"]
