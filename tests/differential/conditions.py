"""Strategies for what stands in ``filter`` and ``Q``: lookups with fitting right-hand sides, and trees of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from hypothesis import strategies as st

from tests.differential.programs import Call, Op, Query
from tests.differential.schema import POOLS
from tests.differential.vocabulary import (
    KEYS,
    LOOKUPS,
    MODELS,
    TEXTUAL,
    TRANSFORMS,
    Path,
    paths,
    relation_paths,
)

PATTERNS: Final = ("^a", "a$", "[A-M]", "o.*s", "", "^$", "\\d+", "a|n", "A")
FRAGMENTS: Final = ("", "a", "A", "%", "_", "\\", "o", "Not", "'", "ë", "4")
DATE_PARTS: Final = (1, 2, 3, 4, 5, 6, 7, 10, 12, 15, 29, 31, 53, 1843, 2015, 2016, 2000, 0, 23, 59, 30)


@dataclass(frozen=True, slots=True)
class Scope:
    """Where an expression stands: its model, the annotations before it, how deep relations may be followed."""

    model: str
    names: tuple[tuple[str, str], ...] = ()  # annotations and their kinds
    depth: int = 2
    outer: Scope | None = None  # the query that a subquery may refer to

    def paths(self, kind: str) -> tuple[Path, ...]:
        """Return the names of a kind, annotations first."""
        added = tuple(Path(name, own, True, False) for name, own in self.names if kind in (own, "any"))
        return (*added, *paths(self.model, kind, self.depth))

    def with_names(self, *names: tuple[str, str]) -> Scope:
        """Return the scope with more annotations."""
        return replace(self, names=(*self.names, *names))

    def near(self) -> Scope:
        """Return the scope without relations."""
        return replace(self, depth=0)


models = st.sampled_from(MODELS)
main_models = st.sampled_from(("Book", "Author", "Review", "Publisher", "Novel", "Club", "Tag"))


def values(kind: str) -> st.SearchStrategy[Any]:
    """Plain values of a kind, those that the rows have."""
    return st.sampled_from(POOLS[kind])


@st.composite
def path(draw: st.DrawFn, scope: Scope, kind: str) -> Path:
    """A column of a kind."""
    found = scope.paths(kind)
    if not found:
        return Path("pk", "int", False, False) if kind == "int" else draw(st.nothing())
    return draw(st.sampled_from(found))


def has(scope: Scope, kind: str) -> bool:
    """Tell whether a scope has a column of a kind."""
    return bool(scope.paths(kind))


@st.composite
def side(draw: st.DrawFn, scope: Scope, kind: str) -> Any:
    """A right-hand side: a value, mostly, or a column of the same kind, or an expression of it."""
    what = draw(st.integers(0, 9))
    if what < 7 or not has(scope, kind):
        return draw(values(kind))
    column = Call("F", (draw(path(scope, kind)).name,))
    if what == 7 and kind == "int":
        return Op(draw(st.sampled_from("+-*")), column, draw(values("int")))
    if what == 8 and scope.outer is not None and has(scope.outer.near(), kind):
        return Call("OuterRef", (draw(path(scope.outer.near(), kind)).name,))
    if what == 9 and kind not in ("json", "bool"):
        return Call("Value", (draw(values(kind)),))
    return column


@st.composite
def argument(draw: st.DrawFn, scope: Scope, kind: str, lookup: str) -> Any:
    """What a lookup is compared with."""
    if lookup == "isnull":
        return draw(st.booleans())
    if lookup == "in":
        return draw(st.lists(st.one_of(values(kind), values(kind), values(kind), st.none()), max_size=4))
    if lookup == "range":
        return (draw(side(scope, kind)), draw(side(scope, kind)))
    if lookup in ("regex", "iregex"):
        return draw(st.sampled_from(PATTERNS))
    if lookup == "exact":
        return draw(st.one_of(side(scope, kind), side(scope, kind), side(scope, kind), st.none()))
    if lookup in TEXTUAL:
        if kind != "text" or draw(st.booleans()):
            return draw(st.sampled_from(FRAGMENTS))
        return draw(side(scope, "text"))
    return draw(side(scope, kind))


@st.composite
def lookup_pair(draw: st.DrawFn, scope: Scope, kind: str, lookup: str) -> tuple[str, Any]:
    """``path__lookup`` and its argument."""
    name = draw(path(scope, kind)).name
    if kind == "json":
        return draw(json_pair(name, lookup))
    result = TRANSFORMS.get(lookup)
    if result is None:
        suffix = "" if lookup == "exact" and draw(st.booleans()) else f"__{lookup}"
        return name + suffix, draw(argument(scope, kind, lookup))
    inner = draw(
        st.sampled_from(("", "__exact", "__gt", "__gte", "__lt", "__lte", "__in", "__range", "__isnull"))
    )
    if result == "int":
        part = st.sampled_from(DATE_PARTS)
        wanted: Any = draw(part)
        if inner == "__in":
            wanted = draw(st.lists(part, max_size=3))
        elif inner == "__range":
            wanted = (draw(part), draw(part))
        elif inner == "__isnull":
            wanted = draw(st.booleans())
        return f"{name}__{lookup}{inner}", wanted
    return f"{name}__{lookup}{inner}", draw(
        argument(scope.near(), result, inner.removeprefix("__") or "exact")
    )


@st.composite
def json_pair(draw: st.DrawFn, name: str, lookup: str) -> tuple[str, Any]:
    """A lookup on JSON or on a key of it."""
    if draw(st.booleans()):
        name += "__" + draw(st.sampled_from(KEYS))
        lookup = draw(
            st.sampled_from(
                (lookup, "exact", "gt", "lte", "icontains", "startswith", "iregex", "iexact", "endswith")
            )
        )
    key = st.sampled_from(("a", "b", "t", "c", "list", "0", "missing"))
    leaf = st.sampled_from(
        (1, "1", "hello", True, False, 2.5, 20, "x", "", [10, 20, 30], {"b": 1}, {"c": [1, 2, "x"]})
    )
    if lookup == "isnull":
        return f"{name}__isnull", draw(st.booleans())
    if lookup == "has_key":
        return f"{name}__has_key", draw(key)
    if lookup in ("has_keys", "has_any_keys"):
        return f"{name}__{lookup}", draw(st.lists(key, min_size=1, max_size=3))
    if lookup == "in":
        return f"{name}__in", draw(st.lists(leaf, max_size=3))
    if lookup in ("icontains", "startswith", "endswith", "iexact"):
        return f"{name}__{lookup}", draw(st.sampled_from(("h", "H", "hello", "HELLO", "1", "o", "", "%")))
    if lookup == "iregex":
        return f"{name}__iregex", draw(st.sampled_from(PATTERNS))
    if lookup in ("gt", "lte"):
        return f"{name}__{lookup}", draw(st.sampled_from((0, 1, 2.5, 20, "h", "a")))
    return f"{name}__{lookup}", draw(st.one_of(leaf, values("json"), st.none()))


@st.composite
def relation_pair(draw: st.DrawFn, scope: Scope) -> tuple[str, Any]:
    """A lookup on a relation itself: its key, whether there is one, a list or a subquery of keys."""
    relation = draw(st.sampled_from(relation_paths(scope.model)))
    what = draw(st.integers(0, 4))
    if what == 0 or relation.key == "tuple":
        return f"{relation.name}__isnull", draw(st.booleans())
    if what == 1:
        return relation.name, draw(st.one_of(st.integers(1, 5), st.none()))
    if what == 2:
        return f"{relation.name}__in", draw(st.lists(st.integers(1, 9), max_size=4))
    if what == 3:
        inner = Query(relation.model).then(
            Call("filter", named=(draw(pair(Scope(relation.model, depth=1))),))
        )
        return f"{relation.name}__in", inner
    return f"{relation.name}__pk__{draw(st.sampled_from(('gt', 'lte', 'exact')))}", draw(st.integers(1, 9))


@st.composite
def pair(draw: st.DrawFn, scope: Scope) -> tuple[str, Any]:
    """Any condition that can stand as a keyword argument."""
    if scope.depth and relation_paths(scope.model) and draw(st.integers(0, 3)) == 0:
        return draw(relation_pair(replace(scope, depth=1)))
    kinds = [kind for kind in LOOKUPS if has(scope, kind) and kind != "json"]
    kind = draw(st.sampled_from(kinds))
    return draw(lookup_pair(scope, kind, draw(st.sampled_from(LOOKUPS[kind]))))


@st.composite
def condition(draw: st.DrawFn, scope: Scope, size: int = 2) -> Any:
    """A Q with connectors and negations."""
    what = draw(st.integers(0, 6)) if size else 0
    if draw(st.integers(0, 29)) == 29:
        return Call("Q")
    if what < 2:
        pairs = dict(draw(st.lists(pair(scope), min_size=1, max_size=2)))
        return Call("Q", named=tuple(pairs.items()))
    if what == 2:
        return Op("~", draw(condition(scope, size - 1)))
    sign = ("&", "|", "^", "|")[what - 3]
    return Op(sign, draw(condition(scope, size - 1)), draw(condition(scope, size - 1)))


@st.composite
def filters(draw: st.DrawFn, scope: Scope, most: int = 2) -> tuple[Call, ...]:
    """A chain of filter() and exclude()."""
    steps: list[Call] = []
    for _ in range(draw(st.integers(1, most))):
        name = draw(st.sampled_from(("filter", "exclude")))
        if draw(st.booleans()):
            steps.append(Call(name, (draw(condition(scope)),)))
        else:
            steps.append(
                Call(name, named=tuple(dict(draw(st.lists(pair(scope), min_size=1, max_size=2))).items()))
            )
    return tuple(steps)
