"""ORDER BY: names to expressions. A relation orders by its model's own ordering."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vivace.errors import FieldError
from vivace.models.expressions.base import Expression, Nulls
from vivace.models.expressions.func import Columns, Tuple
from vivace.models.expressions.names import F
from vivace.models.expressions.ordering import OrderBy
from vivace.models.expressions.values import RawSQL
from vivace.models.sql.names import SEPARATOR
from vivace.models.sql.refs import AnnotationRef, Ref
from vivace.models.sql.resolve import Resolver

if TYPE_CHECKING:
    from vivace.models.sql.building import Builder
    from vivace.models.sql.state import OrderItem

_DEPTH = 8


class Ordering:
    """The order of one query. ``by_default``: it is the model's own."""

    def __init__(self, builder: Builder) -> None:
        self.builder = builder

    def items(self) -> list[OrderBy]:
        """Return the parts in their order."""
        found = self._raw() or self._written()
        if self.builder.shape.reversed:
            return [_reversed(each) for each in found]
        return found

    def _raw(self) -> list[OrderBy]:
        parts = [name for step, _ in self.builder.extra for name in step.order_by]
        return [part for name in parts for part in self._named(name.lstrip("-"), name.startswith("-"), 0)]

    def _written(self) -> list[OrderBy]:
        builder = self.builder
        if builder.order is None:
            return [] if builder.group is not False else self._of_model(builder.model, "", False, 0)
        step, base = builder.order
        resolver = Resolver(builder, base)
        return [part for item in step.items for part in self._item(resolver, item)]

    def _item(self, resolver: Resolver, item: OrderItem) -> list[OrderBy]:
        if item.random:
            from vivace.models.expressions.functions.math import Random

            return [_ordered(Random(), item.descending)]
        node = item.expression
        if node is None:
            return self._extra(item.name, item.descending)
        if item.name and isinstance(node, Ref) and self._follows(node, item.name):
            return self._named(item.name, item.descending, 0)
        return _parts(resolver.resolve(node), item.descending, item.nulls)

    def _extra(self, name: str, descending: bool) -> list[OrderBy]:
        for step, base in self.builder.extra:
            for position, (key, sql) in enumerate(step.select):
                if key == name:
                    return [_ordered(raw_select(step, base, position, sql), descending)]
        raise FieldError(f"There is no {name!r} to order by.")

    def _named(self, name: str, descending: bool, depth: int) -> list[OrderBy]:
        lifter_node = self.builder.lookup(name) if name in self.builder.annotations else None
        if lifter_node is not None:
            return [_ordered(lifter_node, descending)]
        from vivace.models.sql.names import find

        path = find(self.builder.model, name)
        if self._follows(Ref(path), name):
            if depth > _DEPTH:
                raise FieldError("Infinite loop caused by ordering.", got=name)
            related = path.final.related_model
            return self._of_model(related, name + SEPARATOR, descending, depth + 1)
        return _parts(self.builder.lookup(name), descending)

    def _follows(self, node: Ref, name: str) -> bool:
        path = node.path
        last = name.split(SEPARATOR)[-1]
        final = path.final
        return bool(
            final.is_relation
            and not path.rest
            and final.related_model._meta.ordering
            and getattr(final, "attname", None) != last
            and last != "pk"
        )

    def _of_model(self, model: Any, prefix: str, descending: bool, depth: int) -> list[OrderBy]:
        found: list[OrderBy] = []
        for written in model._meta.ordering:
            if isinstance(written, str):
                down = written.startswith("-") != descending
                name = written.lstrip("-")
                if name == "?":
                    continue
                found += self._named(prefix + name, down, depth)
                continue
            item = written if isinstance(written, OrderBy) else OrderBy(written)
            node = _prefixed(item.expression, prefix)
            found.append(
                _ordered(self._lifted(node), item.descending != descending, _turned(item.nulls, descending))
            )
        return found

    def _lifted(self, node: Expression) -> Expression:
        from vivace.models.sql.lifting import Lifter
        from vivace.models.sql.state import QueryState

        lifter = Lifter(QueryState(self.builder.model))
        lifter.annotations = dict(self.builder.annotations)
        return self.builder.constant(lifter, lifter.lift(node))


def raw_select(step: Any, base: int, position: int, sql: str) -> Expression:
    """Return a raw column of ``extra(select=…)`` as an expression."""
    from vivace.models.expressions.values import Slot

    before = sum(text.count("%s") for _, text in step.select[:position])
    count = sql.count("%s")
    raw = RawSQL(sql)
    return raw.but(params=tuple(Slot(base + before + i, "any") for i in range(count)))


def _prefixed(node: Expression, prefix: str) -> Expression:
    if isinstance(node, F):
        return F(prefix + node.name)
    return node.map(lambda child: _prefixed(child, prefix)) if prefix else node


def _parts(node: Expression, descending: bool, nulls: Nulls = "") -> list[OrderBy]:
    """Return the parts that order by a value: those of a composite key are ordered by each of its columns."""
    nodes = tuple(node.children()) if isinstance(node, (Columns, Tuple)) else (node,)
    return [_ordered(each, descending, nulls) for each in nodes]


def _ordered(node: Expression, descending: bool, nulls: Nulls = "") -> OrderBy:
    item = OrderBy(node, descending=descending)
    return item.but(nulls=nulls) if nulls else item


def _turned(nulls: Nulls, turn: bool) -> Nulls:
    if not turn or not nulls:
        return nulls
    return "last" if nulls == "first" else "first"


def _reversed(item: OrderBy) -> OrderBy:
    return item.but(descending=not item.descending, nulls=_turned(item.nulls, True))


__all__ = ["AnnotationRef", "Ordering", "raw_select"]
