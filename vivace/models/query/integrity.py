"""Which fields an IntegrityError is about: the database names a constraint or columns, a form needs fields."""

from __future__ import annotations

from typing import Any

from vivace.errors import ForeignKeyViolation, IntegrityError


def map_to_fields(error: IntegrityError, model: Any) -> None:
    """Set ``error.fields`` to the names of the model's fields, as far as the constraint is known to it."""
    error.fields = fields_of(error, model)


def fields_of(error: IntegrityError, model: Any) -> tuple[str, ...]:
    """Return the fields that a violated rule stands on; empty when it is not one of the model's."""
    meta = model._meta
    if isinstance(error, ForeignKeyViolation) and error.table not in ("", meta.db_table):
        return ()  # other rows point to those of the model
    by_column = {field.column: field.name for field in meta.local_concrete_fields}
    found = tuple(by_column[column] for column in error.columns if column in by_column)
    if found:
        return found
    for constraint in meta.constraints:
        if error.constraint and constraint.name == error.constraint:
            return tuple(getattr(constraint, "fields", ()) or ())
    return ()


__all__ = ["fields_of", "map_to_fields"]
