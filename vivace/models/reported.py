"""Which columns a change carries: the primary key, foreign keys, and whatever has an index.

Conditions that narrow what was read are on such columns. The key stands among the values, too, since a condition names a
column and a change's key only has values.
"""

from __future__ import annotations

from typing import Any


def reported_columns(model: Any) -> tuple[str, ...]:
    """Return the columns whose old and new values are reported, the primary key's first."""
    meta = model._meta
    found = dict.fromkeys(field.column for field in meta.pk_fields)
    fields = {field.name: field for field in meta.local_concrete_fields}
    found |= dict.fromkeys(field.column for field in fields.values() if _is_narrowing(field))
    named = [
        name.lstrip("-")
        for item in (*meta.indexes, *meta.constraints)
        for name in getattr(item, "fields", ())
    ]
    named += [name for group in meta.unique_together for name in group]
    found |= dict.fromkeys(fields[name].column for name in named if name in fields)
    return tuple(found)


def _is_narrowing(field: Any) -> bool:
    return bool(field.is_relation or field.db_index or field.unique)


def cascaded_tables(model: Any) -> frozenset[str]:
    """Return the tables whose rows the database itself deletes or changes (``DB_CASCADE`` …) when rows of a model go."""
    found: set[str] = set()
    waiting = [model._meta.concrete_model]
    while waiting:
        for field in _foreign_keys_to(waiting.pop()):
            table = field.model._meta.db_table
            if field.remote_field.on_delete.by_database and table not in found:
                found.add(table)
                waiting.append(field.model)
    return frozenset(found)


def _foreign_keys_to(model: Any) -> list[Any]:
    relations = model._meta.get_fields(include_parents=False, include_hidden=True)
    return [
        each.field
        for each in relations
        if each.auto_created and not each.concrete and (each.one_to_one or each.one_to_many)
    ]


__all__ = ["cascaded_tables", "reported_columns"]
