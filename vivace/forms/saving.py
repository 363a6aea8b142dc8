"""What follows a valid model form: writing, and what the database has against it after all."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from vivace.db import atomic
from vivace.db.atomic import in_transaction
from vivace.db.databases import database_for
from vivace.errors import ForeignKeyViolation, UniqueViolation
from vivace.errors.models import NON_FIELD_ERRORS, ValidationError
from vivace.models.query.integrity import fields_of
from vivace.models.validation import unique_error


async def written(form: Any) -> None:
    """Write a form's object and its many-to-many relations.

    In one transaction, unless the object is all there is to write. Inside of another transaction that is a savepoint: what
    the database refuses must not end the transaction around it.
    """
    instance = form.instance
    if not form.many_to_many() and not in_transaction(_database_of(instance)):
        await instance.save()
        return
    async with atomic(_database_of(instance)):
        await instance.save()
        await form._save_m2m()


def _database_of(instance: Any) -> Any:
    return database_for(type(instance), instance._state.db, write=True, hints={"instance": instance})


def clash_of(error: Exception, instance: Any, fields: Container[str]) -> ValidationError | None:
    """Return the error that validation would have found: a value that somebody took, a choice that somebody deleted.

    ``fields`` are those of the form: of a value that it does not show it can say nothing. ``None`` for any other error.
    """
    if not isinstance(error, UniqueViolation | ForeignKeyViolation):
        return None
    names = error.fields or fields_of(error, type(instance))  # a commit knows nothing of models
    if not any(name in fields for name in names):
        return None
    if isinstance(error, ForeignKeyViolation):
        field = instance._meta.get_field(names[0])
        if error.table not in ("", field.model._meta.db_table):
            return None  # it is the table between of a many-to-many relation
        return ValidationError({field.name: [field.absent_row(getattr(instance, field.attname))]})
    found = unique_error(instance.__class__, names)
    return ValidationError({names[0] if len(names) == 1 else NON_FIELD_ERRORS: [found]})


__all__ = ["clash_of", "written"]
