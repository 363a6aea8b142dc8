"""``Range``: from one value to another, as PostgreSQL's range types hold it."""

from __future__ import annotations

import datetime
from typing import Any, Final, Generic, TypeVar

import msgspec

from vivace.errors.models import ModelError

T = TypeVar("T")
BOUNDS: Final = ("[)", "[]", "(]", "()")


class Range(msgspec.Struct, Generic[T], frozen=True):
    """Values from ``lower`` to ``upper``; ``None`` is no end. ``bounds`` tell which ends belong to it.

    ``Range(empty=True)`` holds nothing. PostgreSQL writes ranges of whole numbers and days with bounds ``[)``.
    """

    lower: T | None = None
    upper: T | None = None
    bounds: str = "[)"
    empty: bool = False

    def __post_init__(self) -> None:
        if self.bounds not in BOUNDS:
            raise ModelError(
                "These are no bounds of a range.", expected=f"one of {', '.join(BOUNDS)}", got=self.bounds
            )
        set_ = msgspec.structs.force_setattr
        if self.empty:
            set_(self, "lower", None)
            set_(self, "upper", None)
        before = "(" if self.lower is None else self.bounds[0]
        set_(self, "bounds", before + (")" if self.upper is None else self.bounds[1]))

    @property
    def isempty(self) -> bool:
        """Whether it holds nothing."""
        return self.empty

    @property
    def lower_inc(self) -> bool:
        """Whether its first value belongs to it."""
        return self.bounds[0] == "["

    @property
    def upper_inc(self) -> bool:
        """Whether its last value belongs to it."""
        return self.bounds[1] == "]"

    @property
    def lower_inf(self) -> bool:
        """Whether it has no beginning."""
        return self.lower is None and not self.empty

    @property
    def upper_inf(self) -> bool:
        """Whether it has no end."""
        return self.upper is None and not self.empty

    def __contains__(self, value: Any) -> bool:
        lower: Any = self.lower
        upper: Any = self.upper
        if self.empty or value is None:
            return False
        if lower is not None and (value < lower or (value == lower and not self.lower_inc)):
            return False
        return upper is None or value < upper or (value == upper and self.upper_inc)

    def __str__(self) -> str:
        if self.empty:
            return "empty"
        return f"{self.bounds[0]}{_end(self.lower)},{_end(self.upper)}{self.bounds[1]}"

    def as_literal(self) -> str:
        """Return the text form, for DDL."""
        return str(self)

    def deconstruct(self) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        """Return what makes it, for a migration file."""
        kwargs: dict[str, Any] = {"empty": True} if self.empty else {"bounds": self.bounds}
        ends = () if self.empty else (self.lower, self.upper)
        return "vivace.models.postgresql.Range", ends, kwargs


def _end(value: Any) -> str:
    if value is None:
        return ""
    return f'"{value.isoformat(" ")}"' if isinstance(value, datetime.datetime) else str(value)


__all__ = ["BOUNDS", "Range"]
