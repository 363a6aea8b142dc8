"""What is to be done with the rows of a state. Part of a plan's key; values are lifted out as in steps.

A verb's slots count on from the state's: the first is ``len(state.params)``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import msgspec

if TYPE_CHECKING:
    from vivace.models.expressions.base import Expression


class Rows(msgspec.Struct, frozen=True, cache_hash=True):
    """Fetch them."""


class Count(msgspec.Struct, frozen=True, cache_hash=True):
    """One row with their number."""


class Exists(msgspec.Struct, frozen=True, cache_hash=True):
    """One row when there is any."""


class Aggregate(msgspec.Struct, frozen=True, cache_hash=True):
    """One row with a value for each named aggregate."""

    items: tuple[tuple[str, Expression], ...]
    width: int = 0


class Update(msgspec.Struct, frozen=True, cache_hash=True):
    """Set fields (by attname) to expressions or slots. ``returning``: attnames to fetch back."""

    assignments: tuple[tuple[str, Expression], ...]
    width: int = 0
    returning: tuple[str, ...] = ()


class Delete(msgspec.Struct, frozen=True, cache_hash=True):
    """Delete the rows themselves; cascades are their caller's business."""

    returning: tuple[str, ...] = ()


class Conflict(msgspec.Struct, frozen=True, cache_hash=True):
    """``ON CONFLICT``: ignore, or update these fields when these (attnames) clash."""

    update: tuple[str, ...] = ()
    unique: tuple[str, ...] = ()


class Insert(msgspec.Struct, frozen=True, cache_hash=True):
    """Insert rows.

    ``fields`` are attnames. Values: one row → one value per field in that order; ``rows`` > 1 → row by row (SQLite), or
    with ``arrays`` one list per field (PostgreSQL: the statement does not depend on the number of rows). A value that is
    an expression stands in ``expressions`` at its place (row * fields + position), which then has no value. ``returning``
    are attnames.
    """

    fields: tuple[str, ...]
    rows: int = 1
    arrays: bool = False
    returning: tuple[str, ...] = ()
    conflict: Conflict | None = None
    expressions: tuple[tuple[int, Expression], ...] = ()
    width: int = 0


class BulkUpdate(msgspec.Struct, frozen=True, cache_hash=True):
    """Set ``fields`` of rows named by key, each to its own value, in the order of their keys.

    Values with ``arrays`` (PostgreSQL): one list per key column, then one per field; else row by row, ``rows`` of them.
    """

    fields: tuple[str, ...]
    rows: int = 1
    arrays: bool = False


class Explain(msgspec.Struct, frozen=True, cache_hash=True):
    """How the database would run another verb."""

    verb: Rows | Count | Exists | Update | Delete = Rows()
    format: str = ""
    options: tuple[tuple[str, str | bool | int], ...] = ()


Verb: TypeAlias = Rows | Count | Exists | Aggregate | Update | Delete | Insert | BulkUpdate | Explain
Kind: TypeAlias = Literal["rows", "count", "exists"]

ROWS: Final = Rows()
COUNT: Final = Count()
EXISTS: Final = Exists()
DELETE: Final = Delete()


def width_of(verb: Any) -> int:
    """Return how many values a verb has of its own."""
    if isinstance(verb, Insert):
        per_row = len(verb.fields) if verb.arrays else len(verb.fields) * verb.rows
        return per_row - len(verb.expressions) + verb.width
    return int(getattr(verb, "width", 0))
