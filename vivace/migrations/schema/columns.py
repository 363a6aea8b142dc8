"""A column as both dialects have it in CREATE TABLE and ADD COLUMN, up to what only one of them can say."""

from __future__ import annotations

from .names import quote
from .values import Column


def standard_definition(column: Column, default: str) -> str:
    """Return name, type and rules of a column; identity and references follow in the dialect's own words."""
    parts = [quote(column.name), column.type]
    if column.collation:
        parts.append(f"COLLATE {quote(column.collation)}")
    if default:
        parts.append(f"DEFAULT {default}")
    if column.generated:
        parts.append(f"GENERATED ALWAYS AS ({column.generated}) {'STORED' if column.stored else 'VIRTUAL'}")
    else:
        parts.append("NULL" if column.null else "NOT NULL")
    if column.primary:
        parts.append("PRIMARY KEY")
    elif column.unique:
        parts.append("UNIQUE")
    if column.check:
        parts.append(f"CHECK ({column.check})")
    return " ".join(parts)


__all__ = ["standard_definition"]
