"""Which field the value of an expression is: it decides converters, lookups and casts.

An explicit ``output_field`` wins; then the class's own rule (``infer``); else all children must agree.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from vivace.errors import FieldError
from vivace.models.expressions.arithmetic import INTEGERS
from vivace.models.expressions.base import Expression
from vivace.models.fields import auto, numbers, others, text, times
from vivace.models.sql.names import output_field

if TYPE_CHECKING:
    from vivace.models.sql.names import Path

_ROOMS = (numbers, text, times, others, auto)


class Outputs:
    """Answers what expressions are. One is enough; it keeps one instance of each field class that it had to make."""

    def __init__(self) -> None:
        self._kinds: dict[str, Any] = {}

    def kind(self, name: str) -> Any:
        """Return a free field of a class by its name."""
        known = self._kinds.get(name)
        if known is None:
            make: Any = next(getattr(room, name) for room in _ROOMS if hasattr(room, name))
            known = self._kinds[name] = make()
        return known

    def of(self, node: Any) -> Any:
        """Return the field of an expression, ``None`` when nothing is known of it."""
        if not isinstance(node, Expression):
            return None
        given = getattr(node, "output_field", None)
        return given if given is not None else node.infer(self)

    def required(self, node: Expression) -> Any:
        """As ``of``. Raises ``FieldError`` when the type is unknown."""
        field = self.of(node)
        if field is None:
            raise FieldError(
                f"The output type of {type(node).__name__} cannot be inferred.", fix="pass output_field=…"
            )
        return field

    def name(self, field: Any) -> str:
        """Return the internal type of a field, "" for none."""
        return "" if field is None else str(self.plain(field).get_internal_type())

    def plain(self, field: Any) -> Any:
        """Return the field whose values a relation holds."""
        return output_field(field)

    def is_integer(self, field: Any) -> bool:
        """Say whether a field holds whole numbers."""
        return self.name(field) in INTEGERS

    def of_path(self, path: Path) -> Any:
        """Return the field at the end of a path."""
        first, *more = path.targets
        return path.whole if more else self.plain(first)

    def of_query(self, query: Any) -> Any:
        """Return the field of the only column of a query in an expression."""
        from vivace.models.sql.single import single_field

        return single_field(query, self)

    def shared(self, node: Expression) -> Any:
        """Return the field that all children have in common. Raises ``FieldError`` for mixed types."""
        return self.shared_of(node, node.children())

    def shared_of(self, node: Expression, children: Iterable[Expression]) -> Any:
        """As ``shared``, for some of the children."""
        known = [field for field in map(self.of, children) if field is not None]
        for field in known[1:]:
            if not isinstance(known[0], type(field)):
                raise FieldError(
                    f"{type(node).__name__} contains mixed types: "
                    f"{type(known[0]).__name__}, {type(field).__name__}.",
                    fix="pass output_field=…",
                )
        return known[0] if known else None

    def first_shared(self, node: Expression, children: Iterable[Expression]) -> Any:
        """As ``shared_of``."""
        return self.shared_of(node, children)


OUTPUTS = Outputs()
"""Free fields have no state: one set serves all queries."""

__all__ = ["OUTPUTS", "Outputs"]
