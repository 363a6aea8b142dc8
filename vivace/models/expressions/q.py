"""Q: conditions as values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from vivace.errors import FieldError
from vivace.errors.nearest import nearest
from vivace.models.expressions.base import Expression, frozen

if TYPE_CHECKING:
    from collections.abc import Hashable

    from vivace.models.sql.lifting import Lifter
    from vivace.models.sql.outputs import Outputs

Connector: TypeAlias = Literal["AND", "OR", "XOR"]
Child: TypeAlias = "tuple[str, Any] | Expression"


class Q(Expression):
    """Conditions joined by ``&``, ``|``, ``^`` and negated by ``~``. ``Q(a=1, b=2)`` is both.

    Positional arguments are other ``Q``, conditional expressions, or (path, value) pairs.
    """

    AND: Connector = "AND"
    OR: Connector = "OR"
    XOR: Connector = "XOR"
    conditional = True

    def __init__(
        self, *args: Any, _connector: Connector | None = None, _negated: bool = False, **kwargs: Any
    ) -> None:
        if _connector not in (None, "AND", "OR", "XOR"):
            raise FieldError(
                f"Q has no connector {_connector!r}.",
                expected="AND, OR, XOR or None",
                fix=nearest(str(_connector), ("AND", "OR", "XOR")),
            )
        self.conditions: tuple[Child, ...] = (*args, *sorted(kwargs.items()))
        self.connector: Connector = _connector or "AND"
        self.negated = _negated

    def key(self) -> Hashable:
        return Q, self.connector, self.negated, frozen(self.conditions)

    def __bool__(self) -> bool:
        return bool(self.conditions)

    def __and__(self, other: Any) -> Q:
        return self._combined(other, "AND")

    def __or__(self, other: Any) -> Q:
        return self._combined(other, "OR")

    def __xor__(self, other: Any) -> Q:
        return self._combined(other, "XOR")

    def __rand__(self, other: Any) -> Q:
        return Q(other)._combined(self, "AND")

    def __ror__(self, other: Any) -> Q:
        return Q(other)._combined(self, "OR")

    def __rxor__(self, other: Any) -> Q:
        return Q(other)._combined(self, "XOR")

    def __invert__(self) -> Q:
        return self.but(negated=not self.negated)

    def _combined(self, other: Any, connector: Connector) -> Q:
        if not isinstance(other, Expression):
            raise TypeError(f"Q can be combined with a Q or a condition, not with {type(other).__name__}.")
        if not self:
            return other if isinstance(other, Q) else Q(other)
        if isinstance(other, Q) and not other:
            return self
        return Q(*self._parts(connector), *_parts_of(other, connector), _connector=connector)

    def _parts(self, connector: Connector) -> tuple[Child, ...]:
        if not self.negated and (self.connector == connector or len(self.conditions) == 1):
            return self.conditions
        return (self,)

    def lifted(self, lifter: Lifter) -> Expression:
        return lifter.condition(self)

    def infer(self, outputs: Outputs) -> Any:
        return outputs.kind("BooleanField")

    @property
    def contains_aggregate(self) -> bool:
        return False


def _parts_of(other: Expression, connector: Connector) -> tuple[Child, ...]:
    return other._parts(connector) if isinstance(other, Q) else (other,)


__all__ = ["Q"]
