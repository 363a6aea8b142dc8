"""QuerySet's methods on states: each takes a state and returns another, with names checked and values taken out.

Raises ``FieldError`` for names, ``InvalidValue`` for values, ``QueryError`` for calls that have no meaning here.
"""

from __future__ import annotations

from .doing import aggregate, update
from .merging import both, combine, dates, extra, with_cte
from .stepping import (
    all_values,
    annotate,
    check_alias,
    defer,
    distinct,
    filter_by,
    limit,
    lock,
    none,
    only,
    order_by,
    reverse,
    select_related,
    values,
)

__all__ = [
    "aggregate",
    "all_values",
    "annotate",
    "both",
    "check_alias",
    "combine",
    "dates",
    "defer",
    "distinct",
    "extra",
    "filter_by",
    "limit",
    "lock",
    "none",
    "only",
    "order_by",
    "reverse",
    "select_related",
    "update",
    "values",
    "with_cte",
]
