"""Expressions: what a query may compute, as values that know neither a database nor a parameter.

An expression lives through three forms, each a tree of the same classes:

1. *written*: as the user made it: ``F("author__name")``, ``Value(3)``, querysets within ``Subquery``.
2. *lifted* (``lifted``): names are resolved to paths and checked, each value is taken out and a ``Slot`` stands in its
   place. Lifted trees are hashable and are part of a query's shape.
3. *resolved* (``resolved``): while a query is compiled, paths have become columns of joined tables. ``render`` turns this
   form into SQL.

Rules:

1. Expressions are immutable after ``__init__``. Everything that makes one differ from another of its class stands in its
   ``__dict__`` under a name without leading underscore: ``map`` and ``key`` go by that, so a subclass needs neither.
2. An attribute that is an expression, a ``Q`` or a tuple of them is a child.
3. ``render`` composes what the renderer offers and never puts a user's text into SQL.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Hashable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Literal

if TYPE_CHECKING:
    from typing import Self

    from vivace.models.expressions.ordering import OrderBy
    from vivace.models.sql.lifting import Lifter
    from vivace.models.sql.outputs import Outputs
    from vivace.models.sql.render import Renderer
    from vivace.models.sql.resolve import Resolver

Nulls = Literal["", "first", "last"]


class Expression:
    """Something that has a value for each row.

    ``output_kind`` names the field class of its value where the class alone decides it; ``output_field`` as a class or
    instance attribute decides it for a user's own expression.
    """

    output_kind: ClassVar[str] = ""
    filterable: ClassVar[bool] = True

    # -- structure ---------------------------------------------------------------------------------------------------

    def children(self) -> Iterator[Expression]:
        """Yield direct children, whatever attribute holds them."""
        for name, value in self.__dict__.items():
            if name[0] != "_":
                yield from _expressions_in(value)

    def walk(self) -> Iterator[Expression]:
        """Yield this expression and all below it."""
        yield self
        for child in self.children():
            yield from child.walk()

    def map(self, change: Callable[[Expression], Expression]) -> Self:
        """Return a copy with each direct child replaced, or itself when nothing changed."""
        changed: dict[str, Any] = {}
        for name, value in self.__dict__.items():
            if name[0] != "_":
                new = _mapped(value, change)
                if new is not value:
                    changed[name] = new
        return self.but(**changed) if changed else self

    def but(self, **changes: Any) -> Self:
        """Return a copy with some attributes changed."""
        clone = copy.copy(self)
        clone.__dict__ = {name: value for name, value in self.__dict__.items() if name[0] != "_"}
        clone.__dict__.update(changes)
        return clone

    def key(self) -> Hashable:
        """Return what makes it equal to another one."""
        known: Hashable = self.__dict__.get("_key")
        if known is None:
            parts = ((name, frozen(value)) for name, value in self.__dict__.items() if name[0] != "_")
            known = self.__dict__["_key"] = (type(self), *parts)
        return known

    def __eq__(self, other: object) -> Any:
        if self is other:
            return True
        return isinstance(other, Expression) and self.key() == other.key()

    def __hash__(self) -> int:
        known: int | None = self.__dict__.get("_hash")
        if known is None:
            known = self.__dict__["_hash"] = hash(self.key())
        return known

    def __repr__(self) -> str:
        shown = ", ".join(f"{k}={v!r}" for k, v in self.__dict__.items() if k[0] != "_")
        return f"{type(self).__name__}({shown})"

    def __bool__(self) -> bool:
        return True

    # -- the three forms ---------------------------------------------------------------------------------------------

    def lifted(self, lifter: Lifter) -> Expression:
        """Return the lifted form: names checked, values out."""
        return self.map(lifter.lift)

    def resolved(self, resolver: Resolver) -> Expression:
        """Return the resolved form: paths have become columns."""
        return self.map(resolver.resolve)

    def render(self, r: Renderer) -> Any:
        """Return the SQL element of a resolved expression."""
        return r.foreign(self)

    def infer(self, outputs: Outputs) -> Any:
        """Return the field of its value: ``output_kind``, else the one that all children share."""
        return outputs.kind(self.output_kind) if self.output_kind else outputs.shared(self)

    # -- what queries ask --------------------------------------------------------------------------------------------

    @property
    def contains_aggregate(self) -> bool:
        """Whether an aggregate is in it: the query then groups."""
        return any(child.contains_aggregate for child in self.children())

    @property
    def contains_over_clause(self) -> bool:
        """Whether a window is in it: conditions on it need a query around."""
        return any(child.contains_over_clause for child in self.children())

    def default_alias(self) -> str:
        """Return the name of an expression that was passed without one; only aggregates have it."""
        return ""

    # -- operators ---------------------------------------------------------------------------------------------------

    def _with(self, operator: str, other: Any, swap: bool = False) -> Expression:
        from vivace.models.expressions.arithmetic import combine  # it derives from this class

        return combine(other, operator, self) if swap else combine(self, operator, other)

    def __neg__(self) -> Expression:
        return self._with("*", -1)

    def __add__(self, other: Any) -> Expression:
        return self._with("+", other)

    def __sub__(self, other: Any) -> Expression:
        return self._with("-", other)

    def __mul__(self, other: Any) -> Expression:
        return self._with("*", other)

    def __truediv__(self, other: Any) -> Expression:
        return self._with("/", other)

    def __mod__(self, other: Any) -> Expression:
        return self._with("%", other)

    def __pow__(self, other: Any) -> Expression:
        return self._with("^", other)

    def __radd__(self, other: Any) -> Expression:
        return self._with("+", other, swap=True)

    def __rsub__(self, other: Any) -> Expression:
        return self._with("-", other, swap=True)

    def __rmul__(self, other: Any) -> Expression:
        return self._with("*", other, swap=True)

    def __rtruediv__(self, other: Any) -> Expression:
        return self._with("/", other, swap=True)

    def __rmod__(self, other: Any) -> Expression:
        return self._with("%", other, swap=True)

    def __rpow__(self, other: Any) -> Expression:
        return self._with("^", other, swap=True)

    def bitand(self, other: Any) -> Expression:
        """Bitwise and."""
        return self._with("&", other)

    def bitor(self, other: Any) -> Expression:
        """Bitwise or."""
        return self._with("|", other)

    def bitxor(self, other: Any) -> Expression:
        """Bitwise exclusive or."""
        return self._with("#", other)

    def bitleftshift(self, other: Any) -> Expression:
        """Shift to the left by ``other`` bits."""
        return self._with("<<", other)

    def bitrightshift(self, other: Any) -> Expression:
        """Shift to the right by ``other`` bits."""
        return self._with(">>", other)

    def __and__(self, other: Any) -> Any:
        return _both(self, other, "AND")

    def __or__(self, other: Any) -> Any:
        return _both(self, other, "OR")

    def __xor__(self, other: Any) -> Any:
        return _both(self, other, "XOR")

    def __invert__(self) -> Any:
        from vivace.models.expressions.conditional import Not

        return Not(self)

    def asc(self, *, nulls_first: bool | None = None, nulls_last: bool | None = None) -> OrderBy:
        """Order by it, smallest first."""
        from vivace.models.expressions.ordering import OrderBy

        return OrderBy(self, nulls_first=nulls_first, nulls_last=nulls_last)

    def desc(self, *, nulls_first: bool | None = None, nulls_last: bool | None = None) -> OrderBy:
        """Order by it, largest first."""
        from vivace.models.expressions.ordering import OrderBy

        return OrderBy(self, descending=True, nulls_first=nulls_first, nulls_last=nulls_last)


def _both(left: Expression, right: Any, connector: Literal["AND", "OR", "XOR"]) -> Any:
    from vivace.models.expressions.q import Q

    return Q(left, right, _connector=connector)


def is_expression(value: Any) -> bool:
    """Say whether a value stands for something computed in the database: an expression or a queryset."""
    return isinstance(value, Expression) or hasattr(value, "query_state")


def _expressions_in(value: Any) -> Iterator[Expression]:
    if isinstance(value, Expression):
        yield value
    elif type(value) is tuple:
        for each in several(value):
            yield from _expressions_in(each)


def _mapped(value: Any, change: Callable[[Expression], Expression]) -> Any:
    if isinstance(value, Expression):
        return change(value)
    if type(value) is tuple:
        old = several(value)
        new = tuple(_mapped(each, change) for each in old)
        return old if all(a is b for a, b in zip(new, old, strict=True)) else new
    return value


def frozen(value: Any) -> Hashable:
    """Return a hashable stand-in for an attribute: fields by what made them, containers by their parts."""
    given: Any = value  # the checks below must not narrow it to containers of unknown things
    if isinstance(value, (list, tuple)):
        return tuple(frozen(each) for each in given)
    if isinstance(value, dict):
        return tuple((name, frozen(each)) for name, each in given.items())
    if isinstance(value, (set, frozenset)):
        return frozenset(frozen(each) for each in given)
    if hasattr(value, "deconstruct") and hasattr(value, "get_internal_type"):
        return field_key(value)
    try:
        hash(value)
    except TypeError:
        return repr(value)
    return value  # type: ignore[no-any-return]


def several(value: Any) -> tuple[Any, ...]:
    """Return what may be given as one thing or as a list of them, as a tuple."""
    given: Any = value
    return tuple(given) if isinstance(value, (list, tuple)) else (given,)


def field_key(field: Any) -> Hashable:
    """Return what tells one field from another: a model's by identity, a free one by what made it."""
    if getattr(field, "model", None) is not None:
        return field  # type: ignore[no-any-return]
    _, path, args, kwargs = field.deconstruct()
    return path, frozen(args), frozen(kwargs)


Combinable = Expression
"""Django's name for what takes part in arithmetic."""

__all__ = ["Combinable", "Expression", "Nulls", "field_key", "frozen", "is_expression", "several"]
