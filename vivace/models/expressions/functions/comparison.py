"""Functions that compare and convert."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vivace.models.expressions.func import Cast, Collate, Func

if TYPE_CHECKING:
    from vivace.models.sql.render import Renderer


class _Several(Func):
    """A function of at least two arguments."""

    def __init__(self, *expressions: Any, **extra: Any) -> None:
        if len(expressions) < 2:
            raise ValueError(f"{type(self).__name__} must take at least two expressions")
        super().__init__(*expressions, **extra)


class Coalesce(_Several):
    """The first argument that is not NULL."""

    function = "COALESCE"


class Greatest(_Several):
    """The largest argument; with NULL among them: NULL on SQLite, the largest other on PostgreSQL."""

    function = "GREATEST"
    sqlite_function = "MAX"


class Least(_Several):
    """The smallest argument; with NULL among them: NULL on SQLite, the smallest other on PostgreSQL."""

    function = "LEAST"
    sqlite_function = "MIN"


class NullIf(Func):
    """NULL when both arguments are equal, else the first."""

    function = "NULLIF"
    arity = 2

    def render(self, r: Renderer) -> Any:
        return r.call("NULLIF", *self.source)


__all__ = ["Cast", "Coalesce", "Collate", "Greatest", "Least", "NullIf"]
