"""Several queries as one: UNION, INTERSECT, EXCEPT."""

from __future__ import annotations

import msgspec

from vivace.models.sql.select import Select
from vivace.models.sql.state import SetOperation


class Compound(msgspec.Struct):
    """Stands in FROM. ``every`` keeps doubles."""

    operation: SetOperation
    every: bool
    parts: tuple[Select, ...]


__all__ = ["Compound"]
