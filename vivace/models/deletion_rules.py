"""What happens to the objects that point to a deleted one: the values of ``on_delete``.

The rules from CASCADE to DO_NOTHING are carried out by ``Model.delete`` (which sees every row: signals fire, changes are
reported); those that begin with DB_ by the database itself, which is faster and also holds for SQL written elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal, TypeAlias

RuleName: TypeAlias = Literal[
    "CASCADE",
    "PROTECT",
    "RESTRICT",
    "SET",
    "SET_NULL",
    "SET_DEFAULT",
    "DO_NOTHING",
    "DB_CASCADE",
    "DB_SET_NULL",
    "DB_SET_DEFAULT",
]


class DeletionRule:
    """One rule. ``value`` is what ``SET`` puts into the column: a value, or what a function returns."""

    __slots__ = ("name", "value")

    def __init__(self, name: RuleName, value: Any = None) -> None:
        self.name: RuleName = name
        self.value: Any = value

    @property
    def by_database(self) -> bool:
        return self.name.startswith("DB_")

    @property
    def leaves_alone(self) -> bool:
        """Whether ``Model.delete`` need not look at the rows that point to what it deletes."""
        return self.by_database or self.name == "DO_NOTHING"

    @property
    def on_delete_sql(self) -> str:
        """What stands behind ``ON DELETE`` in the table, ``""`` for nothing."""
        return _SQL.get(self.name, "")

    def current_value(self) -> Any:
        """Return what ``SET`` sets, calling it if it is a function."""
        return self.value() if callable(self.value) else self.value

    def deconstruct(self) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        args = (self.value,) if self.name == "SET" else ()
        return f"vivace.models.{self.name}", args, {}

    def __repr__(self) -> str:
        return f"SET({self.value!r})" if self.name == "SET" else self.name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DeletionRule) and (self.name, self.value) == (other.name, other.value)

    def __hash__(self) -> int:
        return hash(self.name)

    def __reduce__(self) -> Any:
        return DeletionRule, (self.name, self.value)


_SQL: Final = {
    "DB_CASCADE": "CASCADE",
    "DB_SET_NULL": "SET NULL",
    "DB_SET_DEFAULT": "SET DEFAULT",
}

CASCADE: Final = DeletionRule("CASCADE")
PROTECT: Final = DeletionRule("PROTECT")
RESTRICT: Final = DeletionRule("RESTRICT")
SET_NULL: Final = DeletionRule("SET_NULL")
SET_DEFAULT: Final = DeletionRule("SET_DEFAULT")
DO_NOTHING: Final = DeletionRule("DO_NOTHING")
DB_CASCADE: Final = DeletionRule("DB_CASCADE")
DB_SET_NULL: Final = DeletionRule("DB_SET_NULL")
DB_SET_DEFAULT: Final = DeletionRule("DB_SET_DEFAULT")


def SET(value: Any | Callable[[], Any]) -> DeletionRule:  # noqa: N802 - Django's name
    """Set the column to a value, or to what a function returns at the time of the delete."""
    return DeletionRule("SET", value)


def is_rule(value: Any) -> bool:
    return isinstance(value, DeletionRule)
