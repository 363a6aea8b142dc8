"""What ``Meta.indexes`` and ``Meta.constraints`` become on a dialect; what it cannot have is left out, as Django does.

========================================  ==========================  ==========================
declared                                  PostgreSQL                  SQLite
========================================  ==========================  ==========================
UniqueConstraint(fields)                  UNIQUE constraint           UNIQUE constraint
… deferrable                              deferrable constraint       nothing
… condition, expressions, opclasses       unique index                unique index
… include                                 unique index                nothing
… nulls_distinct                          UNIQUE constraint           nothing
CheckConstraint                           CHECK                       CHECK
ExclusionConstraint                       EXCLUDE                     nothing
Index(include), opclasses, with           as said                     a plain index
========================================  ==========================  ==========================
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from vivace.migrations.references import AnyField

from . import expressions
from .values import Check, Deferrable, Exclusion, Index, Unique

if TYPE_CHECKING:
    from .describe import Context


class Declared(msgspec.Struct):
    """The constraints of a model by kind; unique ones that a database keeps as indexes are indexes."""

    uniques: list[Unique] = []
    checks: list[Check] = []
    exclusions: list[Exclusion] = []
    indexes: list[Index] = []


def of_model(context: Context) -> Declared:
    """Return what the constraints of a model become."""
    declared = Declared()
    for constraint in context.model.options["constraints"]:
        _declare(context, constraint, declared)
    return declared


def _declare(context: Context, constraint: Any, declared: Declared) -> None:
    kind = kind_of(constraint)
    if kind == "check":
        declared.checks.append(Check(name=constraint.name, sql=check_sql(context, constraint)))
    elif kind == "unique":
        _declare_unique(context, constraint, declared)
    elif kind == "exclusion" and context.dialect == "postgresql":
        declared.exclusions.append(
            Exclusion(name=constraint.name, sql=expressions.exclusion_sql(context, constraint))
        )


def check_sql(context: Context, constraint: Any) -> str:
    """Return the condition of a CheckConstraint."""
    return expressions.condition_sql(context, constraint.condition)


def kind_of(constraint: Any) -> str:
    """Return ``check``, ``unique`` or ``exclusion``, also for subclasses that users write."""
    for cls in type(constraint).__mro__:
        name = cls.__name__
        for suffix, kind in (
            ("CheckConstraint", "check"),
            ("UniqueConstraint", "unique"),
            ("ExclusionConstraint", "exclusion"),
        ):
            if name == suffix:
                return kind
    return ""


def _declare_unique(context: Context, constraint: Any, declared: Declared) -> None:
    special = constraint.include or constraint.nulls_distinct is not None or constraint.deferrable
    if context.dialect == "sqlite" and special:
        return
    columns = tuple(context.column(name) for name in constraint.fields)
    if not (constraint.condition or constraint.expressions or constraint.opclasses or constraint.include):
        declared.uniques.append(
            Unique(
                name=constraint.name,
                columns=columns,
                deferrable=_deferrable(constraint),
                nulls_distinct=constraint.nulls_distinct,
            )
        )
        return
    declared.indexes.append(
        Index(
            name=constraint.name,
            parts=_parts(context, columns, (), constraint.opclasses, constraint.expressions),
            columns=columns,
            unique=True,
            condition=_condition(context, constraint),
            include=tuple(context.column(name) for name in constraint.include or ()),
            nulls_distinct=constraint.nulls_distinct,
        )
    )


def _deferrable(constraint: Any) -> Deferrable:
    if not constraint.deferrable:
        return ""
    return "immediate" if "IMMEDIATE" in str(constraint.deferrable).upper() else "deferred"


def indexes_of(context: Context) -> list[Index]:
    """Return the indexes of ``Meta.indexes``."""
    return [index_of(context, index) for index in context.model.options["indexes"]]


def index_of(context: Context, index: Any) -> Index:
    """Return one index of ``Meta.indexes``."""
    postgresql = context.dialect == "postgresql"
    columns = tuple(context.column(name) for name, _ in index.fields_orders)
    orders = tuple(order for _, order in index.fields_orders)
    opclasses = tuple(index.opclasses) if postgresql else ()
    include = tuple(index.include or ()) if postgresql else ()
    return Index(
        name=index.name,
        parts=_parts(context, columns, orders, opclasses, index.expressions),
        columns=columns,
        method=_method(index) if postgresql else "",
        condition=_condition(context, index),
        include=tuple(context.column(name) for name in include),
        options=_options(index) if postgresql else "",
    )


def _parts(
    context: Context,
    columns: Sequence[str],
    orders: Sequence[str],
    opclasses: Sequence[str],
    given: Sequence[Any],
) -> tuple[str, ...]:
    if not columns:
        return tuple(expressions.index_part(context, each) for each in given)
    parts: list[str] = []
    for position, column in enumerate(columns):
        opclass = f" {opclasses[position]}" if opclasses and context.dialect == "postgresql" else ""
        order = f" {orders[position]}" if orders and orders[position] else ""
        parts.append(f'"{column}"{opclass}{order}')
    return tuple(parts)


def _condition(context: Context, owner: Any) -> str:
    return expressions.condition_sql(context, owner.condition) if owner.condition else ""


def _method(index: Any) -> str:
    """Return the index's access method: an attribute, or what the class name says (``GinIndex``)."""
    given = getattr(index, "method", "")
    if given:
        return str(given)
    name = type(index).__name__
    known = {"GinIndex": "gin", "GistIndex": "gist", "BrinIndex": "brin", "HashIndex": "hash",
             "BTreeIndex": "btree", "SpGistIndex": "spgist", "BloomIndex": "bloom"}  # fmt: skip
    return known.get(name, "")


def _options(index: Any) -> str:
    given = index.get_with_params() if hasattr(index, "get_with_params") else ()
    return ", ".join(given)


def generated_sql(context: Context, field: AnyField) -> str:
    """Return the expression of a generated column."""
    return expressions.expression_sql(context, field.expression, field.output_field)


__all__ = ["Declared", "check_sql", "generated_sql", "index_of", "indexes_of", "kind_of", "of_model"]
