"""Lifting: names are resolved and checked, values are taken out and checked, at the line that wrote them.

A ``Lifter`` works for one step. It knows the names that earlier steps gave (annotations, filtered relations) and collects
the step's values in ``params``; slots count from 0 within the step.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from vivace.errors import FieldError, QueryError
from vivace.errors.nearest import nearest
from vivace.models.expressions.arithmetic import as_operand
from vivace.models.expressions.base import Expression, is_expression
from vivace.models.expressions.conditional import Known
from vivace.models.expressions.names import OuterRef
from vivace.models.expressions.q import Q
from vivace.models.expressions.subqueries import Subquery
from vivace.models.expressions.values import Null, Slot, Value, kind_of
from vivace.models.lookups import registration, tables
from vivace.models.lookups.base import Lookup
from vivace.models.lookups.text import Contains, EndsWith, StartsWith
from vivace.models.sql import names
from vivace.models.sql.names import SEPARATOR, Path
from vivace.models.sql.outputs import OUTPUTS, Outputs
from vivace.models.sql.refs import AnnotationRef, ConditionTree, Ref
from vivace.models.sql.related import related_value
from vivace.models.sql.state import (
    AnnotateStep,
    CteStep,
    FilterStep,
    OrderStep,
    QueryState,
    RelationStep,
    Sub,
    ValuesStep,
)
from vivace.models.sql.trees import NOTHING, Branch, Compare, Fixed, Tree, Truth

_ = registration  # fills the tables of the field classes
PATTERNS: Final = frozenset(("contains", "startswith", "endswith", "iexact"))
NONE_LOOKUPS: Final = frozenset(("exact", "iexact"))


class Target(msgspec.Struct, frozen=True):
    """What the left side of a condition names. ``step`` is a ready-made filter, which takes values of the type ``plain``
    as they are: numbers from ``low`` to ``high``, texts without NUL."""

    path: Path | None
    left: Expression
    lookup: Any
    field: Any
    leaves: dict[Any, Compare] = {}
    step: FilterStep | None = None
    leaf: Compare | None = None  # the one condition of that step
    plain: type | None = None
    low: int = 0
    high: int = 0


class Lifter:
    """See the module."""

    outputs: Outputs = OUTPUTS

    def __init__(self, state: QueryState) -> None:
        self.model = state.model
        self.params: list[Any] = []
        self.annotations: dict[str, Expression] = {}
        self.relations: dict[str, RelationStep] = {}
        self.ctes: dict[str, CteStep] = {}
        for step in state.steps:
            if type(step) is AnnotateStep:
                self.annotations.update(step.items)
            elif type(step) is RelationStep:
                self.relations[step.name] = step
            elif type(step) is CteStep:
                self.ctes[step.name] = step

    # -- values ------------------------------------------------------------------------------------------------------

    def slot(self, value: Any, field: Any = None) -> Expression:
        """Take a value out. ``field`` is the output field it was given, if any."""
        if field is not None:
            return self.slot_for(field.get_prep_value(value), field)
        index = len(self.params)
        self.params.append(value)
        kind = kind_of(value)
        if not kind:
            raise FieldError(
                f"A value of type {type(value).__name__} has no type in a database.",
                got=repr(value)[:80],
                fix="pass output_field: Value(…, output_field=…).",
            )
        return Slot(index, kind)

    def slot_for(self, value: Any, field: Any, *, many: bool = False) -> Slot:
        """Take a value out that a field has prepared already."""
        index = len(self.params)
        self.params.append(value)
        if field is None:
            sample = value[0] if many else value
            return Slot(index, kind_of(sample), many=many)
        return Slot(index, "", self.outputs.plain(field), many=many)

    def value(self, value: Any) -> Expression:
        """Lift an expression, or anything else as a constant."""
        return self.lift(as_operand(value)) if is_expression(value) else self.lift(Value(value))

    def lift(self, node: Expression) -> Expression:
        """Return the lifted form of an expression."""
        return node.lifted(self)

    # -- names -------------------------------------------------------------------------------------------------------

    def name(self, text: Any, model: Any = None) -> Expression:
        """Return what a name stands for: an annotation or a path, with transforms behind it."""
        if not isinstance(text, str):
            raise FieldError("A name in a query is a text.", got=repr(text)[:80])
        if model is not None and not _same(self.model, model):
            raise FieldError(
                f"{model.__name__}.{text} cannot be used in a query of {self.model.__name__}.",
                fix=f"name the path from {self.model.__name__}.",
            )
        _, left, rest = self.place(text)
        for each in rest:
            left = self.transformed(left, each, text)
        return left

    def place(self, text: str) -> tuple[Path | None, Expression, tuple[str, ...]]:
        """Split a name into what it reads and the names of transforms and lookups behind."""
        if self.annotations or self.relations:
            known = self._given(text)
            if known is not None:
                return known
        try:
            path = names.find(self.model, text)
        except FieldError as error:
            first = text.split(SEPARATOR)[0]
            if self.annotations and names.field_named(self.model._meta, first) is None:
                given = (*self.annotations, *self.relations)
                raise names.unknown(self.model._meta, first, text, after=False, extra=given) from error
            raise
        if path.ref is None:
            path.ref = Ref(path)
        return path, path.ref, path.rest

    def _given(self, text: str) -> tuple[Path | None, Expression, tuple[str, ...]] | None:
        parts = text.split(SEPARATOR)
        for end in range(len(parts), 0, -1):
            name = SEPARATOR.join(parts[:end])
            if name in self.annotations:
                node = self.annotations[name]
                if isinstance(node, Ref) and len(node.path.targets) > 1:
                    return node.path, node, tuple(parts[end:])  # a composite key is compared column by column
                return None, AnnotationRef(name, node), tuple(parts[end:])
        relation = self.relations.get(parts[0])
        if relation is None:
            return None
        start = names.find(self.model, relation.relation)
        path = names.find(self.model, SEPARATOR.join((relation.relation, *parts[1:])))
        marked = names.with_filter(path, len(start.all_hops), relation.name)
        return marked, Ref(marked), path.rest

    def transformed(self, left: Expression, name: str, text: str) -> Expression:
        """Return an expression under the transform of this name. Raises ``FieldError`` when there is none."""
        field = self.outputs.of(left)
        make = self._find(left, field, "get_transform", name)
        if make is None:
            raise self.unsupported(field, name, text)
        return self.lift(make(left))  # its arguments are lifted already; a factory may add values

    def lookup_of(self, left: Expression, name: str) -> Any:
        """Return the Lookup class of this name for an expression, or ``None``."""
        field = self.outputs.of(left)
        return self._find(left, field, "get_lookup", name)

    @staticmethod
    def _find(left: Expression, field: Any, table: str, name: str) -> Any:
        own = getattr(left, table, None)
        found = own(name) if own is not None else None
        if found is None and field is not None:
            found = getattr(field, table)(name)
        return found

    def unsupported(self, field: Any, name: str, text: str) -> FieldError:
        """Return the error for a name that is neither lookup nor transform."""
        known: list[str] = [] if field is None else sorted(field.get_lookups())
        kind = type(field).__name__ if field is not None else "this expression"
        return FieldError(
            f"{kind} has no lookup or transform {name!r} (in {text!r}).",
            expected=f"one of {', '.join(known)}" if known else "",
            fix=nearest(name, known),
        )

    def outer(self, name: Any) -> Expression:
        """Return the lifted form of a name of the query around."""
        return OuterRef(name)

    # -- conditions --------------------------------------------------------------------------------------------------

    def condition(self, q: Q) -> Expression:
        """Lift a ``Q`` that stands in an expression."""
        return ConditionTree(self.tree(q))

    def tree(self, q: Q) -> Branch:
        """Lift a ``Q`` into a tree of conditions. One without conditions says nothing, negated or not."""
        children = tuple(each for each in map(self._child, q.conditions) if each != NOTHING)
        return Branch(q.connector, children, q.negated) if children else NOTHING

    def _child(self, child: Any) -> Tree:
        if isinstance(child, Q):
            return self.tree(child)
        if isinstance(child, Expression):
            return self._truth(child)
        if is_expression(child):
            raise FieldError("A queryset is no condition.", fix="wrap it: Exists(queryset).")
        pair: Any = child
        if not isinstance(child, (tuple, list)) or len(pair) != 2 or not isinstance(pair[0], str):
            raise FieldError(
                "This is no condition.",
                expected="a Q, a conditional expression, or a (path, value) pair",
                got=repr(pair)[:80],
            )
        return self.compare(pair[0], pair[1])

    def _truth(self, node: Expression) -> Tree:
        lifted = self.lift(node)
        if isinstance(lifted, Known):
            return Fixed(lifted.value)
        if self.outputs.name(self.outputs.of(lifted)) != "BooleanField":
            raise FieldError(
                "A query cannot be filtered by an expression that is not a condition.",
                got=type(node).__name__,
                fix="compare it: filter(name__gt=…) after annotate(name=…).",
            )
        return Truth(lifted)

    def compare(self, text: str, value: Any) -> Tree:
        """Lift ``path__lookup=value``."""
        target = self.target(text)
        path, left, lookup, field = target.path, target.left, target.lookup, target.field
        if not getattr(lookup, "filterable", True) or not left.filterable:
            raise FieldError(f"{type(left).__name__} cannot stand in a filter.")
        if path is not None and path.final.is_relation and not path.rest[:-1]:
            value = related_value(path, value, lookup.lookup_name)
        if isinstance(value, Value) and value.value is None:
            value = None
        if value is None and not lookup.can_use_none_as_rhs and lookup.lookup_name in NONE_LOOKUPS:
            lookup, value = tables.null_test(lookup, field), True
        right = lookup.lift_right(self, left, field, value)
        if type(right) is Slot and type(left) is Ref:
            return _leaf(target, right)
        if isinstance(right, Known):  # its joins count all the same: they decide how often a row comes
            return (
                Compare(path, left, lookup, right) if path is not None and path.hops else Fixed(right.value)
            )
        return Compare(path, left, lookup, self._mirrored(left, right))

    @staticmethod
    def _mirrored(left: Expression, right: Any) -> Any:
        """Apply bilateral transforms of the left side to the right one too."""
        chain: list[Any] = []
        node: Any = left
        while getattr(node, "is_transform", False):
            chain.append(node)
            node = node.lhs
        for transform in reversed(chain):
            if transform.bilateral and isinstance(right, Expression):
                if isinstance(right, Slot) and right.form in PATTERNS:
                    right = right.but(
                        form="text"
                    )  # what is transformed is the text: it becomes a pattern in SQL
                right = transform.but(source=(right,))
        return right

    def target(self, text: str) -> Target:
        """Return what ``path__lookup`` names."""
        cache = self.model._meta.path_cache
        if not self.annotations and not self.relations:
            known: Target | None = cache.get(text)
            if known is not None:
                return known
            found = self._target(text)
            if found.path is None or not found.path.shared:
                names.remember(self.model, text, found)
            return found
        return self._target(text)

    def _target(self, text: str) -> Target:
        path, left, rest = self.place(text)
        if path is not None and len(path.targets) > 1:
            return self._composite_target(path, left, rest, text)
        for each in rest[:-1]:
            left = self.transformed(left, each, text)
        last = rest[-1] if rest else "exact"
        if path is not None and path.final.is_relation and not rest[:-1]:
            self._check_relation(path, last, text)
        lookup = self.lookup_of(left, last)
        if lookup is None:
            left = self.transformed(left, last, text)
            lookup = self.lookup_of(left, "exact")
        if lookup is None:
            raise self.unsupported(self.outputs.of(left), last, text)
        return ready(Target(path, left, lookup, self.outputs.of(left)))

    def _composite_target(self, path: Path, left: Expression, rest: tuple[str, ...], text: str) -> Target:
        name = SEPARATOR.join(rest) or "exact"
        lookup = tables.TUPLES.get(name)
        if lookup is None:
            raise FieldError(
                f"A composite key has no lookup {name!r} (in {text!r}).",
                expected=f"one of {', '.join(tables.TUPLES)}",
                fix=nearest(name, tables.TUPLES),
            )
        return Target(path, left, lookup, path.final)

    def _check_relation(self, path: Path, name: str, text: str) -> None:
        if name in tables.RELATED:
            return
        field = self.outputs.plain(path.targets[0])
        if field.get_transform(name) is not None and field.get_lookup(name) is None:
            return
        known = [*tables.RELATED, *names.choices(path.final.related_model._meta)]
        raise FieldError(
            f"Related Field got invalid lookup: {name} (in {text!r}).",
            expected=f"one of {', '.join(known)}",
            fix=nearest(name, known),
        )

    # -- queries -----------------------------------------------------------------------------------------------------

    def query(self, state: QueryState | Sub) -> Sub:
        """Take a query in: its values become some of this step's."""
        if isinstance(state, Sub):
            return state
        sub, values = state.sub(len(self.params))
        self.params.extend(values)
        return sub

    def is_single(self, node: Subquery) -> bool:
        """Say whether a query was limited to one row."""
        state: QueryState = node.query
        return state.high is not None and state.high - state.low == 1

    def one_column(self, node: Subquery, field: Any, *, listed: bool = False) -> Subquery:
        """Return a subquery with one column: what it selects, else the key that ``field`` points to."""
        state: QueryState = node.query
        chosen = state.values_names()
        if chosen is None:
            return self.columns(node, ("pk",))
        if len(chosen) != 1:
            raise FieldError(
                f"The queryset must have 1 selected field here, it has {len(chosen)}.", got=", ".join(chosen)
            )
        return node.but(query=unordered(state)) if listed else node

    def columns(self, node: Subquery, wanted: tuple[str, ...]) -> Subquery:
        """Return a subquery that selects these columns, if it names none itself."""
        state: QueryState = node.query
        if state.values_names() in (None, ("pk",)):
            state = state.then(ValuesStep(wanted)).reshaped(as_values=True)
        return node.but(query=unordered(state))


def unordered(state: QueryState) -> QueryState:
    """Return a query without ordering where the order cannot matter."""
    return state if state.sliced else state.then(OrderStep(()))


def _same(model: Any, other: Any) -> bool:
    return (
        model is other or issubclass(model, other) or model._meta.concrete_model is other._meta.concrete_model
    )


def _leaf(target: Target, slot: Slot) -> Compare:
    """Return the comparison of a path with a slot: the same object each time, so that it is hashed once."""
    key = (slot.index, slot.kind, slot.many, slot.form)
    known = target.leaves.get(key)
    if known is None:
        known = Compare(target.path, target.left, target.lookup, slot)
        if len(target.leaves) < 64:
            target.leaves[key] = known
    return known


_PLAIN: Final[dict[str, type]] = {"CharField": str, "TextField": str, "SlugField": str, "EmailField": str}


_COMPARED: Final = frozenset(("exact", "gt", "gte", "lt", "lte"))


def ready(target: Target) -> Target:
    """Add the ready-made step to a target that compares a plain field with a value, or looks for a text in it."""
    lookup, path = target.lookup, target.path
    compares = lookup.__module__ == Lookup.__module__ and lookup.lookup_name in _COMPARED
    if path is None or not (compares or _looks_for_text(lookup)):
        return target
    written = ((), ("exact",)) if lookup.lookup_name == "exact" else ((lookup.lookup_name,),)
    if path.final.is_relation or type(target.left) is not Ref or path.rest not in written:
        return target
    field = target.field
    if not type(field).__module__.startswith("vivace.models.fields"):
        return target  # a user's field may prepare values in its own way
    name = OUTPUTS.name(field)
    plain = int if OUTPUTS.is_integer(field) else _PLAIN.get(name)
    if plain is None or (plain is int and not compares):
        return target
    slot = Slot(0, "", field) if compares else Slot(0, "TextField", form=lookup.form)
    leaf = Compare(path, target.left, lookup, slot)
    step = FilterStep(Branch("AND", (leaf,)), 1)
    low, high = tables.bounds(field) if plain is int else (0, 0)
    return msgspec.structs.replace(target, step=step, leaf=leaf, plain=plain, low=low, high=high)


def _looks_for_text(lookup: Any) -> bool:
    """Say whether a lookup is ``contains``, ``startswith`` or ``endswith``, in any case, and not one of a user's own."""
    return lookup.__module__ == Contains.__module__ and issubclass(lookup, (Contains, StartsWith, EndsWith))


__all__ = ["Lifter", "Null", "QueryError", "Target", "unordered"]
