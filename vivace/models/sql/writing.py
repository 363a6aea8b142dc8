"""Compiling writes.

*Rows of an UPDATE or DELETE* are found by the statement's own WHERE where one table decides; else ``key IN (SELECT …)``.
*Bulk.* PostgreSQL takes one array per column, so that a statement does not depend on the number of rows; SQLite VALUES.
A bulk update locks its rows ordered by key before it writes the first: left to itself the planner may scan the table, whose
rows lie otherwise for each snapshot, and two updates of the same rows deadlock (one of 20 concurrent ones did, on two cores).
*Capture.* Where changes are wanted and the database has no hook for them (PostgreSQL), the statement returns the primary
key and the old and new values of the columns that conditions narrow on, behind what its caller asked for. From version
18 on ``RETURNING old.x, new.x`` tells both; before, an UPDATE joins its own rows, locked (``FOR UPDATE``), to know them.
What the database itself writes behind a DELETE (``DB_CASCADE`` …) no statement returns: these tables count as written.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from vivace.db.types import Capture, Statement
from vivace.errors import FieldError
from vivace.models.expressions.base import Expression
from vivace.models.expressions.conditional import Junction
from vivace.models.expressions.values import Slot
from vivace.models.reported import cascaded_tables, reported_columns
from vivace.models.sql import verbs
from vivace.models.sql.building import Builder
from vivace.models.sql.elements import Name, Sql, TypeName
from vivace.models.sql.names import output_field
from vivace.models.sql.plan import Output, Plan
from vivace.models.sql.refs import Column
from vivace.models.sql.render import Renderer
from vivace.models.sql.resolve import Resolver
from vivace.models.sql.select import Item
from vivace.models.sql.state import Shape

BEFORE: Final = "vivace_before"  # the rows of an UPDATE as they were


def write_plan(
    model: Any, steps: tuple[Any, ...], shape: Shape, verb: Any, dialect: str, listening: Any
) -> Plan:
    """Return the plan of a write."""
    if _repeats(verb, steps, dialect):
        one = write_plan(model, steps, shape, msgspec.structs.replace(verb, rows=1), dialect, listening)
        return _widened(one, model, verb)
    writer = _Writer(model, dialect, listening)
    if isinstance(verb, verbs.Insert):
        return writer.insert(verb, sum(step.width for step in steps))
    if isinstance(verb, verbs.BulkUpdate):
        return writer.bulk_update(verb, sum(step.width for step in steps))
    from vivace.models.sql.compiling import built

    builder = built(model, steps, shape, verb, dialect)
    return writer.update(builder, verb) if isinstance(verb, verbs.Update) else writer.delete(builder, verb)


def _repeats(verb: Any, steps: tuple[Any, ...], dialect: str) -> bool:
    """Say whether a statement of many rows is that of one with its row repeated."""
    if dialect != "sqlite" or steps or not isinstance(verb, (verbs.Insert, verbs.BulkUpdate)):
        return False
    return verb.rows > 1 and not verb.arrays and not getattr(verb, "expressions", ())


def _widened(plan: Plan, model: Any, verb: verbs.Insert | verbs.BulkUpdate) -> Plan:
    """Return the plan of many rows, made from that of one: SQLAlchemy takes 0.1 ms for each parameter."""
    keys = [] if isinstance(verb, verbs.Insert) else list(model._meta.pk_fields)
    fields = [output_field(f) for f in (*keys, *(model._meta.get_field(name) for name in verb.fields))]
    row = f"({', '.join('?' * len(fields))})"
    sql = plan.statement.sql.replace(f"VALUES {row}", "VALUES " + ", ".join([row] * verb.rows), 1)
    converters = [field.binder("sqlite") for field in fields]

    def bind(values: Sequence[Any]) -> Sequence[Any]:
        pairs = zip(values, itertools.cycle(converters), strict=False)
        return tuple(v if v is None or convert is None else convert(v) for v, convert in pairs)

    parts = {name: getattr(plan, name) for name in Plan.__slots__}
    plain = all(convert is None for convert in converters)
    parts |= {
        "statement": msgspec.structs.replace(plan.statement, sql=sql),
        "bind": tuple if plain else bind,
    }
    return Plan(**parts)


class _Writer:
    """Compiles one write. ``listening`` is ``"join"`` where RETURNING knows no old values."""

    def __init__(self, model: Any, dialect: str, listening: Any) -> None:
        self.model = model
        self.meta = model._meta
        self.dialect = dialect
        self.captures = bool(listening) and dialect == "postgresql"
        self.joins_old = listening == "join"
        self.r = Renderer(dialect)
        self.tables: set[str] = set()
        self.bulk = False
        self.cascaded: frozenset[str] = frozenset()

    # -- UPDATE and DELETE -------------------------------------------------------------------------------------------

    def update(self, builder: Builder, verb: verbs.Update) -> Plan:
        """Return UPDATE … SET … WHERE …"""
        resolver = Resolver(builder, builder.verb_base)
        resolver.joinable = False
        sets: list[Any] = []
        for attname, node in verb.assignments:
            field = self.meta.get_field(attname)
            resolved = resolver.resolve(node)
            if resolved.contains_aggregate or resolved.contains_over_clause:
                raise FieldError(f"Aggregates and windows cannot stand in update() ({attname}).")
            sets.append(self.r.sql(Name(field.column), " = ", self._assigned(resolved, field)))
        if not sets:
            return self._plan(self.r.sql("SELECT 1 WHERE 1 = 0"), (), "update", empty=True)
        parts: list[Any] = ["UPDATE ", Name(self.meta.db_table), " SET ", self.r.joined(sets)]
        where, empty = self._where(builder)
        if self.captures and self.joins_old and not empty:
            where = self._locked_rows(where)
        return self._plan(self.r.sql(*parts, *where), verb.returning, "update", empty=empty)

    def _locked_rows(self, where: list[Any]) -> list[Any]:
        """Return FROM and WHERE of an update that joins its own rows as they were, locked."""
        table, before = Name(self.meta.db_table), Name(BEFORE)
        keys = [field.column for field in self.meta.pk_fields]
        columns = self.r.joined([Name(c) for c in dict.fromkeys((*keys, *reported_columns(self.model)))])
        ties = [Sql((table, ".", Name(key), " = ", before, ".", Name(key))) for key in keys]
        inner = self.r.sql("(SELECT ", columns, " FROM ", table, *where, " FOR UPDATE) AS ", before)
        return [" FROM ", inner, " WHERE ", self.r.joined(ties, " AND ")]

    def _assigned(self, node: Expression, field: Any) -> Any:
        if self.dialect == "postgresql" and self.r.kind(node) == "" and not isinstance(node, Slot):
            return self.r.sql("CAST(", node, " AS ", TypeName(output_field(field).sa_type("postgresql")), ")")
        return self.r.side(node) if getattr(node, "conditional", False) else node

    def delete(self, builder: Builder, verb: verbs.Delete) -> Plan:
        """Return DELETE FROM … WHERE …"""
        where, empty = self._where(builder)
        self.cascaded = cascaded_tables(self.model)
        if self.meta.db_table in self.cascaded:
            self.captures = False  # it would tell some of the rows only
        parts: list[Any] = ["DELETE FROM ", Name(self.meta.db_table), *where]
        return self._plan(self.r.sql(*parts), verb.returning, "delete", empty=empty)

    def _where(self, builder: Builder) -> tuple[list[Any], bool]:
        """Return the WHERE of an update or delete, and whether it is known that no row meets it."""
        self.tables |= builder.context.tables
        select = builder.finished(labels=True, unordered=True)
        self.tables |= builder.context.tables
        known = self.r.known(Junction("AND", tuple(select.where)))
        if select.empty or (known is False and select.inside is None):
            return [" WHERE 1 = 0"], True
        plain = len(select.joins) == 1 and select.joins[0].source is None and select.inside is None
        grouped = select.group or select.having or select.distinct or select.tables or select.ctes
        if plain and not grouped and select.limit is None and select.offset is None:
            where = self.r.where(select)
            return ([" WHERE ", where] if where is not None else []), False
        keys = [builder.lookup(field.attname) for field in self.meta.pk_fields]
        select.ctes = builder.context.ctes
        select.items = [Item(f"k{i}", node, f"k{i}") for i, node in enumerate(keys)]
        table = Name(self.meta.db_table)
        own = [Sql((table, ".", Name(field.column))) for field in self.meta.pk_fields]
        left = own[0] if len(own) == 1 else self.r.row(own)
        return [" WHERE ", left, " IN (", self.r.select(select), ")"], False

    # -- INSERT ------------------------------------------------------------------------------------------------------

    def insert(self, verb: verbs.Insert, base: int) -> Plan:
        """Return INSERT INTO … VALUES …"""
        fields = [self.meta.get_field(attname) for attname in verb.fields]
        parts: list[Any] = ["INSERT INTO ", Name(self.meta.db_table)]
        if not fields:
            parts.append(" DEFAULT VALUES")
        else:
            parts += [" (", self.r.joined([Name(field.column) for field in fields]), ") "]
            parts += self._arrays(fields, base) if verb.arrays else self._values(fields, verb, base)
        if verb.conflict is not None:
            parts += self._conflict(verb.conflict)
        upsert = verb.conflict is not None and bool(verb.conflict.update)
        return self._plan(self.r.sql(*parts), verb.returning, "update" if upsert else "insert", upsert=upsert)

    def _arrays(self, fields: list[Any], base: int) -> list[Any]:
        arrays = [self.r.binds.array(base + i, output_field(field)) for i, field in enumerate(fields)]
        if not any(hasattr(output_field(field), "text_of") for field in fields):
            return ["SELECT * FROM unnest(", self.r.joined(arrays), ")"]
        names = [f"c{i}" for i in range(len(fields))]
        cells = [self._from_list(name, field) for name, field in zip(names, fields, strict=True)]
        given = [Name("given"), " (", self.r.joined(map(Name, names)), ")"]
        return ["SELECT ", self.r.joined(cells), " FROM unnest(", self.r.joined(arrays), ") AS ", *given]

    def _values(self, fields: list[Any], verb: verbs.Insert, base: int) -> list[Any]:
        expressions = dict(verb.expressions)
        resolver = Resolver(_no_tables(self.model, self.dialect), 0)
        resolver.joinable = False
        index = base
        rows: list[Any] = []
        for row in range(verb.rows):
            cells: list[Any] = []
            for position, field in enumerate(fields):
                node = expressions.get(row * len(fields) + position)
                if node is not None:
                    resolver.base = base + len(fields) * verb.rows - len(expressions)
                    cells.append(self.r.side(resolver.resolve(node)))
                else:
                    cells.append(self._cell(index, field))
                    index += 1
            rows.append(self.r.row(cells))
        return ["VALUES ", self.r.joined(rows)]

    def _cell(self, index: int, field: Any) -> Any:
        """Return a value to store: bound with the column's own affinity, so not cast."""
        return self.r.binds.slot(Slot(index, "", output_field(field)))

    def _conflict(self, conflict: verbs.Conflict) -> list[Any]:
        parts: list[Any] = [" ON CONFLICT"]
        if conflict.unique:
            columns = [Name(self.meta.get_field(name).column) for name in conflict.unique]
            parts += [" (", self.r.joined(columns), ")"]
        if not conflict.update:
            return [*parts, " DO NOTHING"]
        names = [Name(self.meta.get_field(name).column) for name in conflict.update]
        sets = [Sql((name, " = EXCLUDED.", name)) for name in names]
        return [*parts, " DO UPDATE SET ", self.r.joined(sets)]

    # -- bulk update -------------------------------------------------------------------------------------------------

    def bulk_update(self, verb: verbs.BulkUpdate, base: int) -> Plan:
        """Return UPDATE … FROM a list of keys and values."""
        self.bulk = True
        keys = list(self.meta.pk_fields)
        fields = [self.meta.get_field(attname) for attname in verb.fields]
        columns = [f"c{i}" for i in range(len(keys) + len(fields))]
        table = Name(self.meta.db_table)
        sets = [
            Sql((Name(field.column), " = ", self._from_list(f"c{len(keys) + i}", field)))
            for i, field in enumerate(fields)
        ]
        ties = [
            Sql((table, ".", Name(field.column), " = ", Name("given"), ".", Name(f"c{i}")))
            for i, field in enumerate(keys)
        ]
        source = self._source(verb, [*keys, *fields], columns, base)
        if self.dialect == "postgresql":
            source = self._held(source, columns, ties)
        parts: list[Any] = ["UPDATE ", table, " SET ", self.r.joined(sets), " FROM ", source]
        return self._plan(self.r.sql(*parts, " WHERE ", self.r.joined(ties, " AND ")), (), "update")

    def _held(self, source: Sql, columns: list[str], ties: list[Sql]) -> Sql:
        """Return the list of a bulk update, whose rows in the table are locked ordered by key."""
        table, given = Name(self.meta.db_table), Name("given")
        cells = self.r.joined([Sql((given, ".", Name(column))) for column in columns])
        order = self.r.joined([Sql((table, ".", Name(field.column))) for field in self.meta.pk_fields])
        rows = self.r.sql(
            "SELECT ", cells, " FROM ", source, ", ", table, " WHERE ", self.r.joined(ties, " AND ")
        )
        return self.r.sql("(", rows, " ORDER BY ", order, " FOR NO KEY UPDATE OF ", table, ") AS ", given)

    def _from_list(self, name: str, field: Any) -> Sql:
        """Return a column of a list of rows. An array of arrays would lose its inner ends: these come as texts."""
        cell = Sql((Name("given"), ".", Name(name)))
        plain = output_field(field)
        if self.dialect != "postgresql" or not hasattr(plain, "text_of"):
            return cell
        return Sql(("CAST(", cell, " AS ", self.r.type_name(plain), ")"))

    def _source(self, verb: verbs.BulkUpdate, fields: list[Any], columns: list[str], base: int) -> Sql:
        names = self.r.joined([Name(column) for column in columns])
        if verb.arrays:
            arrays = [self.r.binds.array(base + i, output_field(field)) for i, field in enumerate(fields)]
            return self.r.sql("unnest(", self.r.joined(arrays), ") AS ", Name("given"), " (", names, ")")
        rows: list[Any] = []
        for row in range(verb.rows):
            cells = [self._cell(base + row * len(fields) + i, field) for i, field in enumerate(fields)]
            rows.append(self.r.row(cells))
        if self.dialect == "postgresql":
            return self.r.sql("(VALUES ", self.r.joined(rows), ") AS ", Name("given"), " (", names, ")")
        renamed = self.r.joined(
            [Sql((f"column{i + 1} AS ", Name(column))) for i, column in enumerate(columns)]
        )
        return self.r.sql("(SELECT ", renamed, " FROM (VALUES ", self.r.joined(rows), ")) AS ", Name("given"))

    # -- what comes back ---------------------------------------------------------------------------------------------

    def _plan(
        self,
        element: Sql,
        returning: Sequence[str],
        operation: Any,
        *,
        empty: bool = False,
        upsert: bool = False,
    ) -> Plan:
        from vivace.models.sql.compiling import rendered

        fields = [self.meta.get_field(attname) for attname in returning]
        table = Name(self.meta.db_table)
        columns: list[Any] = [Sql((table, ".", Name(field.column))) for field in fields]
        capture = None
        if self.captures and not empty:
            capture, more = self._captured(operation, len(columns), upsert)
            columns += more
        if columns:
            element = self.r.sql(element, " RETURNING ", self.r.joined(columns))
        sql, bind = rendered(self.r, element)
        written = frozenset((self.meta.db_table, *self.cascaded))
        reads = frozenset(self.tables - {self.meta.db_table})
        statement = Statement(sql=sql, reads=reads, writes=written, capture=capture)
        outputs = tuple(Output(f.attname, f.converter(self.dialect), f) for f in fields)
        return _write_plan(statement, bind, outputs, empty)

    def _captured(self, operation: Any, width: int, upsert: bool) -> tuple[Capture, list[Any]]:
        keys = tuple(field.column for field in self.meta.pk_fields)
        columns = reported_columns(self.model)
        own = Name(self.meta.db_table)
        if self.joins_old:
            before: Any = own if operation == "delete" else Name(BEFORE)
            after: Any = own
            known = not upsert and not self.bulk
        else:
            before, after, known = "old", "new", True
        side = before if operation == "delete" else after
        parts = [Sql((side, ".", Name(column))) for column in keys]
        if operation != "insert" and known:
            parts += [Sql((before, ".", Name(column))) for column in columns]
        if operation != "delete":
            parts += [Sql((after, ".", Name(column))) for column in columns]
        capture = Capture(
            table=self.meta.db_table,
            operation=operation,
            key=keys,
            columns=columns,
            width=width,
            old_known=known,
        )
        return capture, list(parts)


def _write_plan(
    statement: Statement,
    bind: Callable[[Sequence[Any]], Sequence[Any]],
    outputs: tuple[Output, ...],
    empty: bool,
) -> Plan:
    return Plan(
        statement=statement,
        short=None,
        lists=(),
        bind=bind,
        outputs=outputs,
        selection=None,
        annotations=(),
        empty=empty,
        whole=tuple((table, None) for table in sorted(statement.reads or ())),
        narrow=(),
    )


def _no_tables(model: Any, dialect: str) -> Builder:
    from vivace.models.sql.building import Context

    builder = Builder(Context(dialect), model, Shape())
    builder.base_alias = builder.joins.base(model)
    return builder


__all__ = ["Column", "write_plan"]
