"""Reads tables of PostgreSQL from its catalogs, as its own functions print expressions and types."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from .live import Fetch, Live
from .names import chosen_name, quote
from .values import Check, Column, Deferrable, Exclusion, ForeignKey, Index, Table, Unique

_NAMES: Final = """
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind::text = ANY($1::text[]) AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
  AND pg_table_is_visible(c.oid) AND NOT c.relispartition
  AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
ORDER BY c.relname"""

_TABLE: Final = """
SELECT c.oid::int8, c.relname, c.relkind::text, obj_description(c.oid, 'pg_class')
FROM pg_class c WHERE c.oid = to_regclass($1) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')"""

_COLUMNS: Final = """
SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid),
  a.attidentity::text, a.attgenerated::text,
  CASE WHEN a.attcollation <> t.typcollation THEN l.collname END,
  col_description(a.attrelid, a.attnum), a.attnum::int4,
  CASE WHEN a.attidentity <> '' OR pg_get_expr(d.adbin, d.adrelid) LIKE 'nextval(%' THEN (SELECT s.relname FROM pg_class s
    WHERE s.oid = pg_get_serial_sequence(a.attrelid::regclass::text, a.attname)::regclass) END
FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
LEFT JOIN pg_collation l ON l.oid = a.attcollation
WHERE a.attrelid = $1::int8::oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"""

# A default keeps the cast of the type that its column had when it was set; the same text it is all the same.
_LITERAL: Final = re.compile(r"^('(?:[^']|'')*')::(?:text|character varying|bpchar)$")

_CONSTRAINTS: Final = """
SELECT o.conname, o.contype::text, o.conkey::int4[], o.condeferrable, o.condeferred, o.convalidated,
  pg_get_constraintdef(o.oid), f.relname, o.confdeltype::text,
  (SELECT array_agg(a.attname::text ORDER BY k.n) FROM unnest(o.confkey) WITH ORDINALITY AS k(num, n)
   JOIN pg_attribute a ON a.attrelid = o.confrelid AND a.attnum = k.num)
FROM pg_constraint o LEFT JOIN pg_class f ON f.oid = o.confrelid
WHERE o.conrelid = $1::int8::oid AND o.contype IN ('c', 'f', 'p', 'u', 'x') ORDER BY o.conname"""

_INDEXES: Final = """
SELECT i.indexrelid::int8, c.relname, i.indisunique, i.indnatts::int4, i.indnkeyatts::int4, i.indkey::int2[]::int4[],
  am.amname, pg_get_expr(i.indpred, i.indrelid), array_to_string(c.reloptions, ', '), i.indnullsnotdistinct,
  (SELECT array_agg(CASE WHEN p.opcdefault THEN NULL ELSE p.opcname::text END ORDER BY k.n)
   FROM unnest(i.indclass::oid[]) WITH ORDINALITY AS k(num, n) JOIN pg_opclass p ON p.oid = k.num),
  i.indoption::int2[]::int4[],
  (SELECT array_agg(pg_get_indexdef(i.indexrelid, s.n, true) ORDER BY s.n)
   FROM generate_series(1, i.indnatts::int4) AS s(n))
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am am ON am.oid = c.relam
WHERE i.indrelid = $1::int8::oid
  AND NOT EXISTS (SELECT 1 FROM pg_constraint o WHERE o.conindid = i.indexrelid AND o.contype IN ('p', 'u', 'x'))
ORDER BY c.relname"""

_ON_DELETE: Final = {"c": "ON DELETE CASCADE", "n": "ON DELETE SET NULL", "d": "ON DELETE SET DEFAULT",
                     "r": "ON DELETE RESTRICT"}  # fmt: skip
_ALIASES: Final = {"character varying": "varchar", "time without time zone": "time"}


async def names(fetch: Fetch, *, views: bool = False) -> list[str]:
    """Return the names of all visible tables that belong to no extension; partitions count with their parent."""
    kinds = ["r", "p", "f", "v", "m"] if views else ["r", "p"]
    return [str(row[0]) for row in await fetch(_NAMES, (kinds,))]


async def read(fetch: Fetch, name: str) -> Live | None:
    """Return one table or view, ``None`` when it is not there."""
    rows = await fetch(_TABLE, (quote(name),))
    if not rows:
        return None
    oid, real, kind, comment = rows[0]
    columns = await fetch(_COLUMNS, (oid,))
    numbers = {row[8]: str(row[0]) for row in columns}
    rules = _Rules(await fetch(_CONSTRAINTS, (oid,)), numbers)
    table = Table(
        name=real,
        columns=tuple(_column(row, rules) for row in columns),
        primary=rules.primary if len(rules.primary) > 1 else (),
        uniques=tuple(rules.uniques),
        checks=tuple(rules.checks),
        foreign_keys=tuple(rules.foreign_keys),
        exclusions=tuple(rules.exclusions),
        indexes=tuple(_index(row, numbers) for row in await fetch(_INDEXES, (oid,))),
        comment=comment or "",
    )
    sequences = {("seq", (str(row[0]),)): str(row[9]) for row in columns if row[9]}
    return Live(table=table, chosen=rules.chosen(real) | sequences, view=kind in ("v", "m", "f"))


class _Rules:
    """The constraints of a table by kind."""

    def __init__(self, rows: Sequence[Sequence[Any]], numbers: dict[int, str]) -> None:
        self.primary: tuple[str, ...] = ()
        self.names: dict[tuple[str, tuple[str, ...]], str] = {}
        self.uniques: list[Unique] = []
        self.checks: list[Check] = []
        self.foreign_keys: list[ForeignKey] = []
        self.exclusions: list[Exclusion] = []
        for row in rows:
            self._add(row, tuple(numbers[number] for number in row[2] or () if number in numbers))

    def _add(self, row: Sequence[Any], columns: tuple[str, ...]) -> None:
        name, kind, _, deferrable, deferred, valid, definition, target, rule, targets = row
        if kind == "p":
            self.primary = columns
            self.names["pkey", columns] = name
        elif kind == "u":
            put_off: Deferrable = ("deferred" if deferred else "immediate") if deferrable else ""
            distinct = False if "NULLS NOT DISTINCT" in definition else None
            self.uniques.append(
                Unique(name=name, columns=columns, deferrable=put_off, nulls_distinct=distinct)
            )
            self.names.setdefault(("key", columns), name)
        elif kind == "c":
            self.checks.append(Check(name=name, sql=_condition(definition), valid=valid))
            self.names.setdefault(("check", columns), name)
        elif kind == "x":
            self.exclusions.append(Exclusion(name=name, sql=definition))
        else:
            self.foreign_keys.append(
                ForeignKey(
                    name=name,
                    columns=columns,
                    table=target,
                    targets=tuple(targets),
                    on_delete=_ON_DELETE.get(rule, ""),
                )
            )

    def chosen(self, table: str) -> dict[tuple[str, tuple[str, ...]], str]:
        """Return names by kind and columns; of several the one that PostgreSQL itself would choose."""
        found = dict(self.names)
        for kind, items in (("key", self.uniques), ("check", self.checks)):
            known = {item.name for item in items}
            for _, columns in list(found):
                usual = chosen_name(table, columns, kind)
                if usual in known:
                    found[kind, columns] = usual
        return found


def _condition(definition: str) -> str:
    text = definition.removesuffix(" NOT VALID").removeprefix("CHECK ")
    return text[1:-1] if text.startswith("(") else text


def _column(row: Sequence[Any], rules: _Rules) -> Column:
    name, kind, not_null, default, identity, generated, collation, comment = row[:8]
    if default and row[9] and not identity:  # serial: a sequence of its own, as identity has it
        identity, default = True, ""
    return Column(
        name=name,
        type=short_type(kind),
        null=not not_null,
        primary=rules.primary == (name,),
        identity=bool(identity),
        default="" if generated else _LITERAL.sub(r"\1::text", default or ""),
        generated=default or "" if generated else "",
        stored=generated == "s",
        collation=collation or "",
        comment=comment or "",
    )


def short_type(kind: str) -> str:
    """Return a type by the name that fields use."""
    for long, short in _ALIASES.items():
        if kind.startswith(long):
            return short + kind[len(long) :]
    return kind


def _index(row: Sequence[Any], numbers: dict[int, str]) -> Index:
    (
        _,
        name,
        unique,
        count,
        keys,
        numbered,
        method,
        condition,
        options,
        not_distinct,
        classes,
        orders,
        texts,
    ) = row
    parts = tuple(
        _part(texts[position], classes[position], orders[position], method) for position in range(keys)
    )
    columns = tuple(numbers.get(number, "") for number in numbered[:keys])
    return Index(
        name=name,
        parts=parts,
        columns=columns if all(columns) else (),
        unique=unique,
        method="" if method == "btree" else method,
        condition=_bare(condition or ""),
        include=tuple(numbers.get(number, "") for number in numbered[keys:count]),
        nulls_distinct=False if not_distinct else None,
        options=options or "",
    )


def _part(text: str, opclass: str | None, order: int, method: str) -> str:
    """Return a key of an index; of its order, bit 0 is DESC and bit 1 NULLS FIRST."""
    words = [text, *([opclass] if opclass else [])]
    if method == "btree" and order:
        words += {1: ["DESC", "NULLS LAST"], 2: ["NULLS FIRST"], 3: ["DESC"]}[order & 3]
    return " ".join(words)


def _bare(condition: str) -> str:
    return condition[1:-1] if condition.startswith("(") and condition.endswith(")") else condition


__all__ = ["names", "read", "short_type"]
