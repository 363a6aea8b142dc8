"""INSERT: which columns objects of a model name, with which statement, and what comes back.

Columns that the database may fill in (an automatic key, ``db_default``) are left out where the object has no value for
them, and read back. So objects of one model may need different statements; which ones a statement names is its
``Layout``, found once for each set of left-out columns and kept with the model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Any, Final
from uuid import UUID

import msgspec

from vivace.db import Database
from vivace.models.expressions.arithmetic import as_operand
from vivace.models.expressions.base import Expression, is_expression
from vivace.models.expressions.values import DatabaseDefault
from vivace.models.sql import names
from vivace.models.sql.lifting import Lifter
from vivace.models.sql.state import QueryState
from vivace.models.sql.verbs import Conflict, Insert
from vivace.models.state import now_stored

from . import running

PLAIN: Final = frozenset((int, str, float, bool, bytes, Decimal, UUID, date, datetime))
"""Types of values that are no expressions: the common ones, to ask no further."""


class Layout(msgspec.Struct, frozen=True):
    """The columns of an INSERT: ``fields`` that it names, ``returning`` the attnames that it reads back."""

    fields: tuple[Any, ...]
    attnames: tuple[str, ...]
    returning: tuple[str, ...]
    one: Insert  # the verb of a single row


def left_out(model: Any) -> Callable[[dict[str, Any]], tuple[str, ...]]:
    """Return the function that tells, from an object's values, which attnames are left to the database."""
    meta = model._meta
    key = ("left out",)
    known: Callable[[dict[str, Any]], tuple[str, ...]] | None = meta.path_cache.get(key)
    if known is None:
        fillable = [
            (field.attname, field is meta.auto_field)
            for field in meta.local_concrete_fields
            if field is meta.auto_field or field.has_db_default()
        ]
        known = partial(_left, fillable)
        if len(fillable) == 1 and fillable[0][1]:  # most models: the key alone
            known = partial(_left_key, fillable[0][0], (fillable[0][0],))
        names.remember(model, key, known)
    return known


def _left_key(name: str, alone: tuple[str], values: dict[str, Any]) -> tuple[str, ...]:
    value = values.get(name)
    return alone if value is None or type(value) is DatabaseDefault else ()


def _left(fillable: list[tuple[str, bool]], values: dict[str, Any]) -> tuple[str, ...]:
    return tuple(
        name
        for name, automatic in fillable
        if (automatic and values.get(name) is None) or type(values.get(name)) is DatabaseDefault
    )


def layout(model: Any, left: tuple[str, ...]) -> Layout:
    """Return the layout of an INSERT that leaves these attnames to the database."""
    key = ("layout", left)
    known: Layout | None = model._meta.path_cache.get(key)
    if known is None:
        columns = [field for field in model._meta.local_concrete_fields if not field.generated]
        fields = tuple(field for field in columns if field.attname not in left)
        attnames = tuple(field.attname for field in fields)
        back = (
            field for field in model._meta.local_concrete_fields if field.generated or field.attname in left
        )
        returning = tuple(field.attname for field in back)
        known = Layout(fields, attnames, returning, Insert(attnames, returning=returning))
        names.remember(model, key, known)
    return known


def prepared(field: Any, value: Any) -> Any:
    """Return a value as a statement holds it: prepared by its field; expressions stay."""
    if type(value) in PLAIN:
        return field.get_prep_value(value)
    return value if value is None or is_expression(value) else field.get_prep_value(value)


def has_expression(row: Iterable[Any]) -> bool:
    """Say whether a value is to be computed by the database."""
    return any(type(value) not in PLAIN and value is not None and is_expression(value) for value in row)


async def insert(
    model: Any,
    database: Database,
    layout: Layout,
    objects: Sequence[Any],
    rows: Sequence[Sequence[Any]],
    conflict: Conflict | None = None,
) -> None:
    """Insert rows of prepared values with one statement, and set on the objects what the database chose."""
    ignored = conflict is not None and not conflict.update
    returning = () if ignored else layout.returning  # rows that clash return nothing, and which is not told
    if conflict is not None and conflict.update:  # a row that was there keeps its key
        keys = tuple(field.attname for field in model._meta.pk_fields)
        returning = (*returning, *(name for name in keys if name not in returning))
    verb, values = _verb(model, layout, rows, database, returning, conflict)
    plan, returned = await running.fetch(QueryState(model), verb, database, values)
    if returning and len(returned) == len(objects):
        take_returned(plan, objects, returned)
    stored = objects if not ignored else [each for each in objects if each.pk is not None]
    now_stored(stored, database.alias)


def _verb(
    model: Any,
    layout: Layout,
    rows: Sequence[Sequence[Any]],
    database: Database,
    returning: tuple[str, ...],
    conflict: Conflict | None,
) -> tuple[Insert, tuple[Any, ...]]:
    count = len(rows)
    if count > 1 and database.dialect == "postgresql":
        columns = tuple(map(list, zip(*rows, strict=True)))
        return Insert(layout.attnames, arrays=True, returning=returning, conflict=conflict), columns
    if count == 1 and conflict is None and not has_expression(rows[0]):
        return layout.one, tuple(rows[0])
    lifter = Lifter(QueryState(model))
    values: list[Any] = []
    expressions: list[tuple[int, Expression]] = []
    for index, value in enumerate(value for row in rows for value in row):
        if type(value) not in PLAIN and value is not None and is_expression(value):
            expressions.append((index, lifter.lift(as_operand(value))))
        else:
            values.append(value)
    verb = Insert(layout.attnames, count, False, returning, conflict, tuple(expressions), len(lifter.params))
    return verb, (*values, *lifter.params)


def take_returned(plan: Any, objects: Sequence[Any], rows: Sequence[Sequence[Any]]) -> None:
    """Set on objects what a statement returned for each of them."""
    for instance, row in zip(objects, rows, strict=True):
        values = instance.__dict__
        for output, value in zip(plan.outputs, row, strict=False):
            values[output.name] = value if output.converter is None else output.converter(value)


__all__ = ["Layout", "has_expression", "insert", "layout", "left_out", "prepared", "take_returned"]
