"""Which lookups there are besides those that field classes register: of relations and of composite keys."""

from __future__ import annotations

from typing import Any, Final

from vivace.models.lookups import base, tuples
from vivace.models.lookups.base import bounds

RELATED: Final = ("exact", "in", "gt", "gte", "lt", "lte", "isnull", "range")

TUPLES: Final[dict[str, type[base.Lookup]]] = {
    lookup.lookup_name: lookup
    for lookup in (
        tuples.TupleExact,
        tuples.TupleGreaterThan,
        tuples.TupleGreaterThanOrEqual,
        tuples.TupleLessThan,
        tuples.TupleLessThanOrEqual,
        tuples.TupleIn,
        tuples.TupleIsNull,
    )
}


def null_test(lookup: Any, field: Any) -> type[base.Lookup]:
    """Return the lookup that ``lookup=None`` means."""
    if lookup in TUPLES.values():
        return tuples.TupleIsNull
    return field.get_lookup("isnull") or base.IsNull


__all__ = ["RELATED", "TUPLES", "bounds", "null_test"]
