"""Names in expressions: ``F``, ``OuterRef``, and what a field of a model class is when read from the class."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from vivace.models.expressions.base import Expression
from vivace.models.expressions.q import Q

if TYPE_CHECKING:
    from vivace.models.sql.lifting import Lifter
    from vivace.models.sql.outputs import Outputs
    from vivace.models.sql.resolve import Resolver

T = TypeVar("T")


class F(Expression):
    """The value of a field, annotation or path of the row at hand. ``F("title")[:3]`` is a part of it."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    def __getitem__(self, part: int | slice) -> Expression:
        return Sliced(self, part)

    def __contains__(self, other: object) -> bool:
        raise TypeError(f"argument of type {type(self).__name__!r} is not iterable")

    def lifted(self, lifter: Lifter) -> Expression:
        return lifter.name(self.name)


class Sliced(Expression):
    """A part of a text or array, written with Python's slices."""

    def __init__(self, expression: Expression, part: int | slice) -> None:
        start, stop = (part, part + 1) if isinstance(part, int) else (part.start or 0, part.stop)
        if isinstance(part, slice) and part.step is not None:
            raise ValueError("A slice in a query has no step.")
        if start < 0 or (stop is not None and stop < 0):
            raise ValueError(
                "Indexes and bounds of a slice in a query count from the start: none is negative."
            )
        if stop is not None and stop < start:
            raise ValueError("A slice in a query must end behind its start.")
        self.expression = expression
        self.start: int = start
        self.stop: int | None = stop

    def lifted(self, lifter: Lifter) -> Expression:
        inner = lifter.lift(self.expression)
        field = lifter.outputs.of(inner)
        if field is None or not hasattr(field, "slice_expression"):
            from vivace.models.expressions.functions.text import Substr

            length = None if self.stop is None else self.stop - self.start
            return lifter.lift(Substr(inner, self.start + 1, length))
        return lifter.lift(field.slice_expression(inner, self.start, self.stop))


class OuterRef(F):
    """A name of the query around a subquery."""

    def lifted(self, lifter: Lifter) -> Expression:
        return lifter.outer(self.name)

    def resolved(self, resolver: Resolver) -> Expression:
        return resolver.outer(self.name)

    def infer(self, outputs: Outputs) -> Any:
        return None


class FieldRef(F, Generic[T]):
    """A field as read from its model class: comparisons give conditions, so they are typed and found by an editor.

    >>> Book.objects.filter((Book.year >= 1900) & Book.title.startswith("M")).order_by(Book.year.desc())
    """

    def __init__(self, model: type[Any], name: str) -> None:
        super().__init__(name)
        self.model = model

    def __hash__(self) -> int:
        return hash((self.model, self.name))

    def __eq__(self, other: object) -> Q:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        return self.is_null() if other is None else self._is("exact", other)

    def __ne__(self, other: object) -> Q:  # type: ignore[override]
        return ~(self == other)

    def __lt__(self, other: T | Expression) -> Q:
        return self._is("lt", other)

    def __le__(self, other: T | Expression) -> Q:
        return self._is("lte", other)

    def __gt__(self, other: T | Expression) -> Q:
        return self._is("gt", other)

    def __ge__(self, other: T | Expression) -> Q:
        return self._is("gte", other)

    def _is(self, lookup: str, value: Any) -> Q:
        return Q((f"{self.name}__{lookup}", value))

    def lifted(self, lifter: Lifter) -> Expression:
        return lifter.name(self.name, self.model)

    def in_(self, values: Iterable[T] | Any) -> Q:
        """One of these values, or of the rows of a queryset."""
        return self._is("in", values)

    def between(self, low: T | Expression, high: T | Expression) -> Q:
        """From ``low`` to ``high``, both included."""
        return self._is("range", (low, high))

    def is_null(self, value: bool = True) -> Q:
        """NULL, or with ``False`` anything else."""
        return self._is("isnull", value)

    def contains(self, value: Any) -> Q:
        """Holds this text, case as written; for JSON and arrays these parts."""
        return self._is("contains", value)

    def icontains(self, value: str | Expression) -> Q:
        """Holds this text in any case."""
        return self._is("icontains", value)

    def iexact(self, value: str | Expression) -> Q:
        """Is this text in any case."""
        return self._is("iexact", value)

    def startswith(self, value: str | Expression) -> Q:
        """Begins with this text."""
        return self._is("startswith", value)

    def istartswith(self, value: str | Expression) -> Q:
        """Begins with this text in any case."""
        return self._is("istartswith", value)

    def endswith(self, value: str | Expression) -> Q:
        """Ends with this text."""
        return self._is("endswith", value)

    def iendswith(self, value: str | Expression) -> Q:
        """Ends with this text in any case."""
        return self._is("iendswith", value)

    def regex(self, value: str | Expression) -> Q:
        """Matches this regular expression."""
        return self._is("regex", value)

    def iregex(self, value: str | Expression) -> Q:
        """Matches this regular expression in any case."""
        return self._is("iregex", value)

    def lookup(self, name: str, value: Any) -> Q:
        """Any other lookup by its name: ``Book.published.lookup("year__gte", 1900)``."""
        return self._is(name, value)


class RelationRef(FieldRef[T]):
    """A relation as read from its model class: ``Book.author.name`` goes on to the fields of the other model."""

    def __getattr__(self, name: str) -> FieldRef[Any]:
        if name.startswith("_"):
            raise AttributeError(name)
        return RelationRef[Any](self.model, f"{self.name}__{name}")


__all__ = ["F", "FieldRef", "OuterRef", "RelationRef", "Sliced"]
