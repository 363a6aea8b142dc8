"""Lookups of text: LIKE with escaped patterns, regular expressions.

A plain value becomes its pattern when it is bound (``form``), so that one statement serves all values; an expression is
escaped in SQL. On SQLite LIKE ignores the case of ASCII letters, as under Django.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from vivace.errors import InvalidValue
from vivace.models.expressions.base import Expression
from vivace.models.expressions.conditional import Known
from vivace.models.expressions.values import Slot
from vivace.models.lookups.base import IsNull, Lookup

if TYPE_CHECKING:
    from vivace.models.sql.lifting import Lifter
    from vivace.models.sql.render import Renderer


class _Pattern(Lookup):
    """LIKE. ``form`` names where ``%`` stands: see ``sql/forms.py``."""

    form: ClassVar[str] = ""
    ignores_case: ClassVar[bool] = False
    prepare_rhs = False

    @classmethod
    def lift_right(cls, lifter: Lifter, left: Expression, field: Any, value: Any) -> Any:
        if isinstance(value, str) and "\x00" in value:
            raise InvalidValue(
                f"{cls.lookup_name!r} cannot look for a text with a NUL character: databases end a pattern there.",
                expected="a text without NUL",
                got=repr(value)[:80],
            )
        right = super().lift_right(lifter, left, None, value)
        if isinstance(right, Slot):
            return Slot(right.index, "TextField", form=cls.form)
        return right

    def render(self, r: Renderer) -> Any:
        return r.like(self.lhs, self.rhs, self.form, self.ignores_case)


class Contains(_Pattern):
    """Holds the text."""

    lookup_name = "contains"
    form = "contains"


class IContains(Contains):
    """Holds the text, in any case."""

    lookup_name = "icontains"
    ignores_case = True


class StartsWith(_Pattern):
    """Begins with the text."""

    lookup_name = "startswith"
    form = "startswith"


class IStartsWith(StartsWith):
    """Begins with the text, in any case."""

    lookup_name = "istartswith"
    ignores_case = True


class EndsWith(_Pattern):
    """Ends with the text."""

    lookup_name = "endswith"
    form = "endswith"


class IEndsWith(EndsWith):
    """Ends with the text, in any case."""

    lookup_name = "iendswith"
    ignores_case = True


class IExact(_Pattern):
    """Equals the text, in any case."""

    lookup_name = "iexact"
    form = "iexact"
    ignores_case = True

    def render(self, r: Renderer) -> Any:
        return r.iexact(self.lhs, self.rhs)


class Regex(Lookup):
    """Matches a regular expression: Python's on SQLite, POSIX on PostgreSQL."""

    lookup_name = "regex"
    prepare_rhs = False
    ignores_case: ClassVar[bool] = False

    @classmethod
    def lift_right(cls, lifter: Lifter, left: Expression, field: Any, value: Any) -> Any:
        right = super().lift_right(lifter, left, None, value)
        return Slot(right.index, "TextField", form="text") if isinstance(right, Slot) else right

    def render(self, r: Renderer) -> Any:
        left = r.as_text(self.lhs)
        if r.dialect == "postgresql":
            return r.sql(left, " ~* " if self.ignores_case else " ~ ", self.rhs)
        pattern = r.sql("('(?i)' || ", self.rhs, ")") if self.ignores_case else self.rhs
        return r.sql(left, " REGEXP ", pattern)


class IRegex(Regex):
    """Matches a regular expression, in any case."""

    lookup_name = "iregex"
    ignores_case = True


__all__ = [
    "Contains",
    "EndsWith",
    "IContains",
    "IEndsWith",
    "IExact",
    "IRegex",
    "IStartsWith",
    "IsNull",
    "Known",
    "Regex",
    "StartsWith",
]
