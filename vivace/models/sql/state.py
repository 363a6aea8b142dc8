"""What a QuerySet is: a value that says which rows of which model are wanted.

Rules:

1. A state never changes. A method of QuerySet makes a new one through ``sql/lift.py``.
2. ``steps`` are the calls in their order (the order of filter, annotate and values matters), ``shape`` the parts that a
   later call replaces. Neither holds a value that a user gave: values are lifted out into ``params`` when a step is made,
   and the step has a ``Slot`` in its place. So (model, steps, shape) can be the key of a cache, and what compiles a query
   cannot see a value.
3. A step's slots count from 0 within the step; ``width`` says how many there are. A step is therefore the same object
   wherever it stands, and common ones (``pk=…``) are made once per model.
4. ``limit`` and ``offset`` are values; the shape knows only whether they are there.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import msgspec

if TYPE_CHECKING:
    from vivace.models.expressions.base import Expression
    from vivace.models.sql.trees import Tree

Lock: TypeAlias = "LockOptions | None"
SetOperation: TypeAlias = Literal["union", "intersection", "difference"]


class FilterStep(msgspec.Struct, frozen=True, cache_hash=True):
    """One call of filter or exclude: multi-valued joins are shared within it, not between steps."""

    tree: Tree
    width: int = 0


class AnnotateStep(msgspec.Struct, frozen=True, cache_hash=True):
    """Named expressions. ``visible`` is false for ``alias()``."""

    items: tuple[tuple[str, Expression], ...]
    width: int = 0
    visible: bool = True


class RelationStep(msgspec.Struct, frozen=True, cache_hash=True):
    """A ``FilteredRelation`` under a name: a join with a condition of its own."""

    name: str
    relation: str
    tree: Tree
    width: int = 0


class ValuesStep(msgspec.Struct, frozen=True, cache_hash=True):
    """Rows are tuples of these (field paths and annotation names), in this order; aggregates after it group by them."""

    names: tuple[str, ...]
    width: int = 0


class OrderItem(msgspec.Struct, frozen=True, cache_hash=True):
    """One part of an ordering: an expression of which ``descending`` is for a plain name; ``random`` for ``"?"``."""

    expression: Expression | None
    descending: bool = False
    nulls: Literal["", "first", "last"] = ""
    name: str = ""  # as it was written, without the sign; "" for an expression
    random: bool = False


class OrderStep(msgspec.Struct, frozen=True, cache_hash=True):
    """The ordering from here on; an empty one means none, not even ``Meta.ordering``."""

    items: tuple[OrderItem, ...]
    width: int = 0


class DistinctStep(msgspec.Struct, frozen=True, cache_hash=True):
    """``distinct(*names)``: with names PostgreSQL's DISTINCT ON."""

    names: tuple[str, ...] = ()
    width: int = 0


class CombineStep(msgspec.Struct, frozen=True, cache_hash=True):
    """``qs & other``, ``qs | other``, ``qs ^ other``: filters of both sides, each with its own joins."""

    tree: Tree
    width: int = 0


class ExtraStep(msgspec.Struct, frozen=True, cache_hash=True):
    """``extra()``: raw pieces, ``%s`` for each slot: ``select`` (name, sql), ``where``, ``tables``, ``order_by``."""

    select: tuple[tuple[str, str], ...] = ()
    where: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    order_by: tuple[str, ...] = ()
    width: int = 0


class CteStep(msgspec.Struct, frozen=True, cache_hash=True):
    """``with_cte``: a named query (``recursive``: its second part names itself) that is joined on its columns.

    ``on`` pairs a path of this model with a column of the named query.
    """

    name: str
    query: Sub | None
    on: tuple[tuple[str, str], ...] = ()
    repeated: Sub | None = None
    outer: bool = False
    width: int = 0


Step: TypeAlias = (
    FilterStep
    | AnnotateStep
    | RelationStep
    | ValuesStep
    | OrderStep
    | DistinctStep
    | CombineStep
    | ExtraStep
    | CteStep
)


class Sub(msgspec.Struct, frozen=True, cache_hash=True):
    """The shape of a query inside another one; its parameters are the ``width`` ones from slot ``base`` on."""

    model: Any
    steps: tuple[Step, ...]
    shape: Shape
    base: int
    width: int


class LockOptions(msgspec.Struct, frozen=True, cache_hash=True):
    """``select_for_update``."""

    nowait: bool = False
    skip_locked: bool = False
    of: tuple[str, ...] = ()
    no_key: bool = False


class Combined(msgspec.Struct, frozen=True, cache_hash=True):
    """Rows come from several queries of the same columns; steps after it work on the combination."""

    operation: SetOperation
    all: bool
    parts: tuple[Sub, ...]


class Shape(msgspec.Struct, frozen=True, cache_hash=True):
    """What a later call replaces. ``related`` is what ``select_related`` named: paths, or ``True`` for all not-null ones.

    ``deferred``: names left out (``only`` = False) or the only ones loaded (``only`` = True); ``None``: all are loaded.
    """

    related: tuple[str, ...] | Literal[True] = ()
    deferred: tuple[str, ...] | None = None
    only: bool = False
    lock: LockOptions | None = None
    combined: Combined | None = None
    distinct: bool = False
    reversed: bool = False
    empty: bool = False
    limited: bool = False
    few: bool = False  # limited to at most FEW rows: one of the ways to prove a read short
    offset: bool = False
    as_values: bool = False


PLAIN: Final = Shape()
FEW: Final = 100


class QueryState(msgspec.Struct):
    """See the module. Treat as immutable; ``but`` makes a changed copy.

    ``low`` and ``high`` bound the rows as a slice does; ``using`` is the database alias that was named, not part of the
    shape.
    """

    model: Any
    steps: tuple[Step, ...] = ()
    params: tuple[Any, ...] = ()
    shape: Shape = PLAIN
    low: int = 0
    high: int | None = None

    def but(self, **changes: Any) -> QueryState:
        """Return a copy with some attributes changed."""
        return msgspec.structs.replace(self, **changes)

    def reshaped(self, **changes: Any) -> QueryState:
        """Return a copy with parts of its shape changed."""
        shape = msgspec.structs.replace(self.shape, **changes)
        return QueryState(self.model, self.steps, self.params, shape, self.low, self.high)

    def then(self, step: Step, params: tuple[Any, ...] = ()) -> QueryState:
        """Return a copy with one more step."""
        return QueryState(
            self.model, (*self.steps, step), self.params + params, self.shape, self.low, self.high
        )

    def key(self) -> Hashable:
        """Return what a plan depends on."""
        return self.model, self.steps, self.shape

    def arguments(self, extra: tuple[Any, ...] = ()) -> tuple[Any, ...]:
        """Return all values in the order that ``Plan.bind`` expects: params, those of the verb, limit, offset."""
        shape = self.shape
        if not shape.limited and not shape.offset:
            return self.params + extra if extra else self.params
        limit = () if self.high is None else (self.high - self.low,)
        return self.params + extra + limit + ((self.low,) if shape.offset else ())

    @property
    def sliced(self) -> bool:
        """Whether a slice was taken: no filter and no ordering may follow."""
        return self.shape.limited or self.shape.offset

    def values_names(self) -> tuple[str, ...] | None:
        """Return the names of the last ``values``, ``None`` when rows become instances."""
        for step in reversed(self.steps):
            if type(step) is ValuesStep:
                return step.names
        return None

    def annotations(self) -> dict[str, Expression]:
        """Return the named expressions so far, aliases included."""
        return {name: node for step in self.steps if type(step) is AnnotateStep for name, node in step.items}

    def ordering(self) -> tuple[OrderItem, ...] | None:
        """Return what ``order_by`` said last; ``None`` when it was never called (``Meta.ordering`` counts)."""
        for step in reversed(self.steps):
            if type(step) is OrderStep:
                return step.items
        return None

    @property
    def ordered(self) -> bool:
        """Whether rows come in a defined order: ``order_by``, or ``Meta.ordering`` without grouping."""
        if self.shape.empty:
            return True
        items = self.ordering()
        if items is not None:
            return bool(items) or any(type(s) is ExtraStep and s.order_by for s in self.steps)
        return bool(self.model._meta.ordering) and not self.grouped()

    def grouped(self) -> bool:
        """Whether an aggregate among the annotations groups the rows."""
        return any(node.contains_aggregate for node in self.annotations().values())

    def sub(self, base: int) -> tuple[Sub, tuple[Any, ...]]:
        """Return this query as part of another whose next free slot is ``base``, and its values."""
        values = self.arguments()
        return Sub(self.model, self.steps, self.shape, base, len(values)), values


def slots_of(steps: tuple[Step, ...]) -> Iterator[tuple[Step, int]]:
    """Yield each step with the absolute number of its first slot."""
    base = 0
    for step in steps:
        yield step, base
        base += step.width
