"""Rendering SELECT, aggregates and windows: the part of the renderer that deals with whole queries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vivace.errors import FieldError
from vivace.models.expressions.aggregates import Aggregate
from vivace.models.expressions.conditional import Junction
from vivace.models.expressions.func import Columns
from vivace.models.expressions.values import Slot
from vivace.models.sql.ctes import CteTable
from vivace.models.sql.elements import Name, Sql

if TYPE_CHECKING:
    from vivace.models.expressions.base import Expression
    from vivace.models.sql.combining import Compound
    from vivace.models.sql.joins import Join
    from vivace.models.sql.select import Item, Select

_OPERATIONS = {"union": "UNION", "intersection": "INTERSECT", "difference": "EXCEPT"}


class SelectRenderer:
    """See the module; ``Renderer`` derives from it."""

    dialect: str

    if TYPE_CHECKING:

        def render(self, node: Any) -> Any: ...
        def sql(self, *parts: Any) -> Sql: ...
        def joined(self, parts: Any, joiner: str = ", ") -> Sql: ...
        def truth(self, node: Expression) -> Any: ...
        def call(self, name: str, *arguments: Any) -> Sql: ...
        def known(self, node: Any) -> bool | None: ...

    def select(self, select: Select) -> Sql:
        """Return a whole SELECT."""
        parts: list[Any] = [*self._with(select), "SELECT "]
        if select.distinct_on:
            self._need_postgresql("DISTINCT ON")
            parts += ["DISTINCT ON (", self.joined(select.distinct_on), ") "]
        elif select.distinct:
            parts.append("DISTINCT ")
        parts += [self.joined(self._item(item) for item in select.items), " FROM ", self._source(select)]
        parts += self._clauses(select)
        return self.sql(*parts)

    def _item(self, item: Item) -> Any:
        element = self._packed(item.expression)
        if getattr(item.expression, "conditional", False) or isinstance(item.expression, Junction):
            element = self.sql("(", element, ")")
        return Sql((element, " AS ", Name(item.label))) if item.label else element

    def _packed(self, node: Expression) -> Any:
        """Return a column of the result: a composite key as one."""
        if not isinstance(node, Columns):
            return self.render(node)
        return self.call("ROW" if self.dialect == "postgresql" else "JSON_ARRAY", *node.columns)

    def _source(self, select: Select) -> Sql:
        parts: list[Any] = []
        if select.inside is not None:
            alias, inner = select.inside
            parts += ["(", self.select(inner), ") ", Name(alias)]
        for join in select.joins:
            if not join.within:
                parts += self._join(join, select.joins) if join.kind else self._first(join)
        for table in select.tables:
            parts += [", ", Name(table)]
        return self.sql(*parts)

    def _first(self, join: Join) -> list[Any]:
        if isinstance(join.source, CteTable):
            return [Name(join.source.name), " ", Name(join.alias)]
        if join.source is not None:
            return ["(", self.compound(join.source), ") ", Name(join.alias)]
        table = join.model._meta.db_table
        return [Name(table)] if table == join.alias else [Name(table), " ", Name(join.alias)]

    def _join(self, join: Join, joins: list[Join]) -> list[Any]:
        word = " LEFT OUTER JOIN " if join.kind == "LEFT" else " INNER JOIN "
        table = self._first(join)
        within = [part for each in joins if each.within == join.alias for part in self._join(each, joins)]
        if within:
            table = ["(", *table, *within, ")"]
        return [word, *table, " ON (", self._on(join), ")"]

    def _on(self, join: Join) -> Sql:
        tests: list[Any] = []
        if join.hop is not None:
            for own, other in join.hop.pairs:
                left = Sql((Name(join.parent), ".", Name(own.column)))
                tests.append(Sql((left, " = ", Name(join.alias), ".", Name(other.column))))
        if join.condition is not None:
            tests.append(self.sql("(", self.truth(join.condition), ")"))
        return self.joined(tests, " AND ")

    def _clauses(self, select: Select) -> list[Any]:
        parts: list[Any] = []
        where = self.where(select)
        if where is not None:
            parts += [" WHERE ", where]
        if select.group:
            parts += [" GROUP BY ", self.joined(select.group)]
        having = self._all(select.having)
        if having is not None:
            parts += [" HAVING ", having]
        if select.order:
            parts += [" ORDER BY ", self.joined(select.order)]
        parts += self._limits(select)
        if select.lock is not None and self.dialect == "postgresql":
            parts += self._lock(select)
        return parts

    def where(self, select: Select) -> Sql | None:
        """Return the condition of WHERE, ``None`` when every row meets it."""
        found = self._all(select.where)
        parts = [] if found is None else [found]
        parts += [self.sql("(", raw, ")") for raw in select.raw_where]
        if select.empty:
            parts.append(self.sql("1 = 0"))
        return self.joined(parts, " AND ") if parts else None

    def _all(self, parts: list[Expression]) -> Sql | None:
        node = Junction("AND", tuple(parts))
        if not parts or self.known(node) is True:
            return None
        return self.sql(self.truth(node))

    def _limits(self, select: Select) -> list[Any]:
        parts: list[Any] = []
        if select.limit is not None:
            parts += [" LIMIT ", Slot(select.limit, "BigIntegerField")]
        elif select.offset is not None and self.dialect == "sqlite":
            parts.append(" LIMIT -1")
        if select.offset is not None:
            parts += [" OFFSET ", Slot(select.offset, "BigIntegerField")]
        return parts

    def _lock(self, select: Select) -> list[Any]:
        lock = select.lock
        parts: list[Any] = [" FOR NO KEY UPDATE" if lock.no_key else " FOR UPDATE"]
        if select.lock_aliases:
            parts += [" OF ", self.joined([Name(alias) for alias in select.lock_aliases])]
        parts.append(" NOWAIT" if lock.nowait else " SKIP LOCKED" if lock.skip_locked else "")
        return parts

    def compound(self, compound: Compound) -> Sql:
        """Return several SELECTs as one. Each stands in a query of its own, so that it may have order and limit."""
        word = _OPERATIONS[compound.operation] + (" ALL" if compound.every else "")
        if compound.every and compound.operation != "union" and self.dialect == "sqlite":
            raise FieldError(f"SQLite has no {word}.", fix=f"leave out all=True of {compound.operation}().")
        parts = [self._part(part) for part in compound.parts]
        return self.joined(parts, f" {word} ")

    def _part(self, select: Select) -> Sql:
        if select.order or select.limit is not None or select.offset is not None or select.ctes:
            return self.sql(
                "SELECT * FROM (", self.select(select), ") ", Name(select.context.aliases.new("part"))
            )
        return self.select(select)

    def _with(self, select: Select) -> list[Any]:
        if not select.ctes:
            return []
        recursive = any(table.repeated is not None for table in select.ctes)
        parts: list[Any] = ["WITH RECURSIVE " if recursive else "WITH "]
        for position, table in enumerate(select.ctes):
            names = self.joined([Name(column) for column in table.columns])
            parts += [
                ", " if position else "",
                Name(table.name),
                " (",
                names,
                ") AS (",
                self.select(table.first),
            ]
            if table.repeated is not None:
                parts += [" UNION ALL ", self.select(table.repeated)]
            parts.append(")")
        return [*parts, " "]

    # -- queries in expressions --------------------------------------------------------------------------------------

    def subquery(self, select: Select) -> Sql:
        """Return a query as a value."""
        return self.sql("(", self.select(select), ")")

    def exists(self, select: Select) -> Sql:
        """Return whether a query has rows."""
        return self.sql("EXISTS(", self.select(select), ")")

    def aggregate(self, node: Aggregate) -> Any:
        """Return an aggregate with its filter, order and default."""
        element = self._aggregate(node)
        return element if node.default is None else self.call("COALESCE", element, node.default)

    def _aggregate(self, node: Aggregate) -> Sql:
        name = getattr(node, f"{self.dialect}_function") or dict(node.extra).get("function") or node.function
        parts: list[Any] = [f"{name}(", "DISTINCT " if node.distinct else ""]
        parts.append(self.joined(self._counted(each, node.distinct) for each in node.arguments(self)))  # type: ignore[arg-type]
        if node.order_by:
            parts += [" ORDER BY ", self.joined(node.order_by)]
        parts.append(")")
        if node.filter is not None:
            parts += [" FILTER (WHERE ", self.truth(node.filter), ")"]
        return self.sql(*parts)

    def _counted(self, argument: Any, distinct: bool) -> Any:
        """Return one column of a composite key: none of them is NULL where the row is there; all for different keys."""
        if not isinstance(argument, Columns):
            return argument
        first = argument.columns[0]
        if not distinct:
            return first
        return self.sql("CASE WHEN ", first, " IS NOT NULL THEN ", self._packed(argument), " END")

    def window(self, node: Any) -> Any:
        """Return an expression over a window."""
        inner = node.expression
        default = getattr(inner, "default", None) if isinstance(inner, Aggregate) else None
        element = self._aggregate(inner) if isinstance(inner, Aggregate) else self.render(inner)
        clauses: list[Any] = []
        if node.partition_by:
            clauses += ["PARTITION BY ", self.joined(node.partition_by), " "]
        if node.order_by:
            clauses += ["ORDER BY ", self.joined(node.order_by), " "]
        if node.frame is not None:
            clauses.append(node.frame)
        element = self.sql(element, " OVER (", *clauses, ")")
        return element if default is None else self.call("COALESCE", element, default)

    def _need_postgresql(self, what: str) -> None:
        if self.dialect != "postgresql":
            raise FieldError(f"{what} needs PostgreSQL.", got=self.dialect)


__all__ = ["SelectRenderer"]
