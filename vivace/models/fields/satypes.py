"""The SQLAlchemy type of each field, imported with SQLAlchemy when the first statement is compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

if TYPE_CHECKING:
    from .base import Field

_SIMPLE: dict[str, Any] = {
    "AutoField": sa.Integer,
    "BigAutoField": sa.BigInteger,
    "BigIntegerField": sa.BigInteger,
    "BinaryField": sa.LargeBinary,
    "BooleanField": sa.Boolean,
    "DateField": sa.Date,
    "FloatField": sa.Double,
    "IntegerField": sa.Integer,
    "PositiveBigIntegerField": sa.BigInteger,
    "PositiveIntegerField": sa.Integer,
    "PositiveSmallIntegerField": sa.SmallInteger,
    "SmallAutoField": sa.SmallInteger,
    "SmallIntegerField": sa.SmallInteger,
    "TextField": sa.Text,
    "TimeField": sa.Time,
}
_TEXTS = frozenset({"CharField", "SlugField", "FilePathField", "FileField"})
_BY_DIALECT: dict[str, dict[str, Any]] = {
    "sqlite": {
        "DateTimeField": sa.DateTime,
        "DurationField": sa.BigInteger,
        "GenericIPAddressField": sa.String,
        "JSONField": sa.Text,
        "UUIDField": sa.String,
    },
    "postgresql": {
        "DateTimeField": lambda: pg.TIMESTAMP(timezone=True),
        "DurationField": pg.INTERVAL,
        "GenericIPAddressField": pg.INET,
        "JSONField": pg.JSONB,
        "UUIDField": lambda: pg.UUID(as_uuid=True),
    },
}


def sa_type(field: Field[Any], dialect: str) -> Any:
    """Return the type for a dialect; one that a custom field names in ``db_type`` only is passed through as text."""
    kind = field.get_internal_type()
    if kind in _TEXTS:
        return sa.String(field.max_length)
    if kind == "DecimalField":
        return sa.Numeric(getattr(field, "max_digits", None), getattr(field, "decimal_places", None))
    make = _SIMPLE.get(kind) or _BY_DIALECT[dialect].get(kind)
    return make() if make is not None else sa.types.NullType()
