"""Values for columns: what the database puts in by itself, and what fills rows that exist.

A default of a field is Python's and leaves no trace in the schema. When a column that must have a value comes to a
table with rows, or stops being nullable, the field's default fills the rows once.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

from vivace.db.types import Dialect
from vivace.migrations.references import AnyField, points

from . import expressions
from .literals import literal

if TYPE_CHECKING:
    from .describe import Context


def database_default(context: Context, field: AnyField) -> str:
    """Return the SQL of a field's ``db_default``, ``""`` without one."""
    if not field.has_db_default():
        return ""
    given = field.db_default
    plain, value = expressions.plain_value(given)
    if plain:
        return value_literal(field, value, context.dialect)
    return f"({expressions.expression_sql(context, given)})"


def fill(name: str, field: AnyField, dialect: Dialect) -> str:
    """Return the literal with which rows that exist are filled, ``""`` when the field has none for them."""
    value = effective_default(field)
    if value is None:
        return ""
    return value_literal(field, value, dialect)


def effective_default(field: AnyField) -> Any:
    """Return the value that a field's rows get when nothing else is said; ``None`` when there is none."""
    if field.has_default():
        return field.get_default()
    if getattr(field, "generated", False) or field.many_to_many:
        return None
    if getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False):
        return _now(field.get_internal_type())
    if not field.null and field.blank and field.empty_strings_allowed and not points(field):
        return b"" if field.get_internal_type() == "BinaryField" else ""
    return None


def _now(kind: str) -> Any:
    now = datetime.datetime.now(datetime.UTC)
    if kind == "DateField":
        return now.date()
    return now.time() if kind == "TimeField" else now


def value_literal(field: AnyField, value: Any, dialect: Dialect) -> str:
    """Return a value of a field as a literal, in the form in which the field stores it."""
    if value is None:
        return "NULL"
    if points(field):
        return literal(getattr(value, "pk", value), dialect)
    prepared = field.get_prep_value(value)
    if hasattr(prepared, "as_literal"):
        return literal(prepared, dialect)
    return literal(field.get_db_prep_value(prepared, dialect), dialect)


__all__ = ["database_default", "effective_default", "fill", "value_literal"]
