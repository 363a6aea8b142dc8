"""Strategies of whole cases, by row of FEATURES; each row has its focuses, which all get cases of their own.

``ROWS[row]`` maps the name of a focus to the strategy of its cases. What is counted as reached is read from the programs
themselves (``programs.features``), not from these names.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from hypothesis import strategies as st

from tests.differential.calls import FUNCTIONS
from tests.differential.conditions import (
    Scope,
    condition,
    filters,
    has,
    json_pair,
    lookup_pair,
    main_models,
    models,
    pair,
    path,
)
from tests.differential.expressions import (
    AGGREGATES,
    GENERAL,
    MAKERS,
    SCALARS,
    SPECIAL,
    WINDOWS,
    aggregate,
    column,
    exists,
    expression,
    order_term,
    window,
)
from tests.differential.loading import LOADING
from tests.differential.programs import Call, Case, Cut, Op, Query
from tests.differential.vocabulary import LOOKUPS, own_paths, relations
from tests.differential.writing import CREATING, WRITING

Strategy = st.SearchStrategy[Case]


def named(**given: Any) -> tuple[tuple[str, Any], ...]:
    """Keyword arguments of a call."""
    return tuple(given.items())


def order_by(*terms: Any) -> Call:
    """``.order_by(…)``."""
    return Call("order_by", terms)


# OR1: chains


@st.composite
def chain(draw: st.DrawFn, focus: str) -> Case:
    """Filters, then what the focus names."""
    model = draw(models)
    scope = Scope(model)
    steps: list[Call | Cut] = list(draw(filters(scope, 1))) if draw(st.booleans()) else []
    kind = draw(st.sampled_from([kind for kind in SCALARS if has(scope, kind)]))
    total = order_by(
        draw(order_term(scope, kind)), *(draw(st.lists(order_term(scope, "text"), max_size=1))), "pk"
    )
    query = Query(model, tuple(steps))
    if focus == "order":
        return Case("OR1", query.then(total), total=True)
    if focus == "reverse":
        return Case("OR1", query.then(total, Call("reverse")), total=True)
    if focus == "slice":
        start, length = draw(st.integers(0, 4)), draw(st.one_of(st.none(), st.integers(0, 6)))
        cut = Cut(start or None, None if length is None else start + length)
        return Case("OR1", query.then(total, cut), total=True)
    if focus == "distinct":
        name = draw(path(scope, kind)).name
        tail = draw(st.sampled_from(((), (Call("count"),), (order_by(name), Call("values", (name,))))))
        return Case("OR1", query.then(Call("distinct"), *tail))
    if focus == "distinct on":
        name = draw(path(scope.near(), "int")).name
        return Case("OR1", query.then(order_by(name, "pk"), Call("distinct", (name,))), total=True)
    if focus == "combined":
        other = Query(model, draw(filters(scope, 1)))
        return Case("OR1", combined(draw(st.sampled_from("&|^")), query, other))
    if focus in ("count", "exists"):
        return Case("OR10", query.then(Call(focus)))
    if focus == "contains":
        return Case("OR10", query.then(Call(focus, (Call(model, named=(("pk", draw(st.integers(1, 9))),)),))))
    if focus in ("first", "last"):
        return Case("OR10", query.then(total, Call(focus)))
    if focus in ("earliest", "latest"):
        return Case("OR10", query.then(Call(focus, (draw(path(scope, kind)).name, "pk"))))
    if focus == "get":
        return Case("OR10", Query(model, (Call("get", named=(draw(pair(scope)),)),)))
    return Case("OR1", query.then(Call("none")))


def combined(sign: str, one: Query, other: Query) -> Any:
    """``one & other``: a program that starts with an operator."""
    return Op(sign, one, other)


CHAINS: Final = ("order", "reverse", "slice", "distinct", "distinct on", "combined", "none")
ENDS: Final = ("count", "exists", "first", "last", "earliest", "latest", "get", "contains")

# OR2: lookups


@st.composite
def lookup_case(draw: st.DrawFn, lookup: str) -> Case:
    """One lookup on a fitting column, near or far, in filter or exclude."""
    kinds = [kind for kind, offered in LOOKUPS.items() if lookup in offered and kind != "json"]
    model = draw(main_models)
    kind = draw(st.sampled_from(kinds))
    scope = Scope(model)
    if not has(scope, kind):
        model, scope = "Book", Scope("Book")
    name = draw(st.sampled_from(("filter", "filter", "exclude")))
    return Case("OR2", Query(model, (Call(name, named=(draw(lookup_pair(scope, kind, lookup)),)),)))


@st.composite
def tuple_case(draw: st.DrawFn, lookup: str) -> Case:
    """A lookup on a composite key."""
    key = st.tuples(st.integers(0, 3), st.integers(0, 2))
    wanted: Any = draw(key)
    if lookup == "in":
        wanted = draw(st.lists(key, max_size=3))
    elif lookup == "isnull":
        wanted = draw(st.booleans())
    elif lookup == "range":
        wanted = (draw(key), draw(key))
    model, prefix = draw(st.sampled_from((("Shelf", ""), ("Author", "shelves__"))))
    name = draw(st.sampled_from(("filter", "exclude")))
    return Case("OR2", Query(model, (Call(name, named=((f"{prefix}pk__{lookup}", wanted),)),)))


# OR3: relations


@st.composite
def relation_case(draw: st.DrawFn, focus: str) -> Case:
    """Conditions across relations."""
    model = draw(models)
    scope = Scope(model)
    if focus == "filtered relation":
        return draw(filtered_relation(model))
    steps: tuple[Any, ...] = ()
    if focus in ("filter", "exclude"):
        steps = (Call(focus, named=tuple(dict(draw(st.lists(pair(scope), min_size=1, max_size=3))).items())),)
    elif focus == "chain":
        steps = draw(filters(scope, 3))
    else:
        one, other = draw(condition(scope)), draw(condition(scope))
        tree = Op("~", one) if focus == "~" else Op(focus, one, other)
        steps = (Call(draw(st.sampled_from(("filter", "exclude"))), (tree,)),)
    tail = draw(
        st.sampled_from(
            (
                (),
                (),
                (Call("count"),),
                (Call("distinct"),),
                (Call("distinct"), Call("count")),
                (Call("exists"),),
            )
        )
    )
    if draw(st.integers(0, 4)) == 0:
        tail = (Call("values_list", ("pk", draw(path(scope, "text")).name)),) if has(scope, "text") else tail
    return Case("OR3", Query(model, (*steps, *tail)))


@st.composite
def filtered_relation(draw: st.DrawFn, model: str) -> Case:
    """A FilteredRelation, and a filter, values or an aggregate over it."""
    relation = draw(st.sampled_from(relations(model)))
    inside = Scope(relation.model, depth=draw(st.integers(0, 1)))
    name, wanted = draw(pair(inside.near()))
    given = Call("Q", named=((f"{relation.name}__{name}", wanted),))
    filtered = Call(
        "FilteredRelation",
        (relation.name,),
        named(condition=Op("~", given) if draw(st.booleans()) else given),
    )
    query = Query(model, (Call(draw(st.sampled_from(("annotate", "alias"))), named=(("fr", filtered),)),))
    own, far = (
        draw(st.sampled_from(own_paths(model))).name,
        draw(st.sampled_from(own_paths(relation.model))).name,
    )
    tails: tuple[tuple[Call, ...], ...] = (
        (
            Call(
                "filter",
                named=((f"fr__{draw(pair(inside))[0]}"[:0] or f"fr__{far}__isnull", draw(st.booleans())),),
            ),
        ),
        (Call("filter", named=(prefixed("fr", draw(pair(inside))),)),),
        (Call("exclude", named=(prefixed("fr", draw(pair(inside))),)),),
        (Call("values_list", (own, f"fr__{far}")),),
        (Call("annotate", named=(("n", Call("Count", ("fr",))),)),),
        (Call("filter", named=(("fr__isnull", draw(st.booleans())),)), Call("count")),
        (Call("annotate", named=(("x", column(f"fr__{far}")),)), Call("values", (own, "x"))),
    )
    return Case("OR3", query.then(*draw(st.sampled_from(tails))))


def prefixed(name: str, given: tuple[str, Any]) -> tuple[str, Any]:
    """``name__path`` of a condition."""
    return (f"{name}__{given[0]}", given[1])


# OR4: JSON


@st.composite
def json_case(draw: st.DrawFn, lookup: str) -> Case:
    """A lookup on JSON or a key of it, or values and order by keys."""
    name = "data" if draw(st.booleans()) else "books__data"
    model = "Book" if name == "data" else "Author"
    if lookup in ("KT", "JSONObject"):
        found = draw(MAKERS[lookup](Scope("Book", depth=0), "text" if lookup == "KT" else "json", 1))
        return Case(
            "OR4", Query("Book", (Call("annotate", named=(("k", found),)), Call("values", ("pk", "k"))))
        )
    steps = [Call(draw(st.sampled_from(("filter", "exclude"))), named=(draw(json_pair(name, lookup)),))]
    return Case("OR4", Query(model, tuple(steps)))


# OR5: expressions


@st.composite
def expression_case(draw: st.DrawFn, maker: str) -> Case:
    """Annotations with an expression at their root, and what may follow them."""
    kinds = [kind for kind in (*SCALARS, "json") if maker in SPECIAL.get(kind, ()) or maker in GENERAL]
    kind = draw(st.sampled_from(kinds))
    model = draw(main_models)
    scope = Scope(model, depth=draw(st.integers(0, 2)))
    first = draw(MAKERS[maker](scope, kind, draw(st.integers(0, 2))))
    steps: list[Call | Cut] = [
        Call(draw(st.sampled_from(("annotate", "annotate", "alias"))), named=(("x", first),))
    ]
    scope = scope.with_names(("x", kind))
    if draw(st.integers(0, 3)) == 0:
        other = draw(st.sampled_from(SCALARS))
        steps.append(Call("annotate", named=(("y", draw(expression(scope, other, 1))),)))
    follow = draw(st.sampled_from(("", "", "filter", "order", "values", "count", "exclude", "direct")))
    if follow == "direct":
        return Case("OR5", Query(model, (Call("values_list", ("pk", first)),)))
    if follow in ("filter", "exclude"):
        lookup = draw(st.sampled_from([each for each in LOOKUPS[kind] if kind != "json"] or ["isnull"]))
        only = Scope("Tag", (("x", kind),), depth=0)
        given = draw(st.booleans()) if kind == "json" else draw(lookup_pair(only, kind, lookup))[1]
        name = "x__isnull" if kind == "json" else draw(lookup_pair(only, kind, lookup))[0]
        del given
        pair_ = (name, draw(st.booleans())) if kind == "json" else draw(lookup_pair(only, kind, lookup))
        steps.append(Call(follow, named=(pair_,)))
    elif follow == "order":
        steps.append(order_by("x", "pk"))
    elif follow == "values":
        steps.append(Call("values", ("pk", "x") if steps[0].name == "annotate" else ("pk",)))  # type: ignore[union-attr]
    elif follow == "count":
        steps.append(Call("count"))
    return Case("OR5", Query(model, tuple(steps)))


@st.composite
def conditional_case(draw: st.DrawFn, focus: str) -> Case:
    """Expressions where conditions stand."""
    model = draw(main_models)
    scope = Scope(model, depth=1)
    if focus == "filter(Exists)":
        tree: Any = draw(exists(scope))
        if draw(st.booleans()):
            tree = Op(draw(st.sampled_from("&|")), tree, draw(condition(scope, 1)))
    elif focus == "filter(Case)":
        tree = draw(MAKERS["Case"](scope, "bool", 1))
    elif focus == "filter(F)":
        kind = draw(
            st.sampled_from([kind for kind in ("int", "text", "date", "datetime") if has(scope, kind)])
        )
        name, lookup = draw(path(scope, kind)).name, draw(st.sampled_from(("exact", "gt", "lte", "lt")))
        tree = Call("Q", named=((f"{name}__{lookup}", draw(expression(scope, kind, 2))),))
    else:
        inner = Query(model, (*draw(filters(scope, 1)), Call("values", ("pk",))))
        tree = Call("Q", named=(("pk__in", inner),))
    return Case("OR5", Query(model, (Call(draw(st.sampled_from(("filter", "exclude"))), (tree,)),)))


# OR6: aggregates


@st.composite
def aggregate_case(draw: st.DrawFn, name: str) -> Case:
    """An aggregate of a kind in each of the places where one may stand."""
    model = draw(main_models)
    scope = Scope(model, depth=draw(st.integers(0, 2)))
    found = draw(aggregate(scope, (name,)))
    before = draw(filters(scope, 1)) if draw(st.integers(0, 2)) == 0 else ()
    place = draw(
        st.sampled_from(
            ("aggregate", "annotate", "group", "having", "nested", "after values", "filter after")
        )
    )
    query = Query(model, before)
    annotated = Call("annotate", named=(("a", found),))
    if place == "aggregate":
        more = (("b", draw(aggregate(scope))),) if draw(st.booleans()) else ()
        return Case("OR6", query.then(Call("aggregate", named=(("a", found), *more))))
    if place == "annotate":
        tail = draw(
            st.sampled_from(((), (Call("count"),), (Call("values", ("pk", "a")),), (order_by("a", "pk"),)))
        )
        return Case("OR6", query.then(annotated, *tail))
    group = draw(group_of(scope))
    grouped = query.then(order_by(), Call("values", group))
    if place == "group":
        return Case("OR6", grouped.then(annotated))
    if place == "having":
        wanted = Call("filter", named=((f"a__{draw(st.sampled_from(('gt', 'lt', 'isnull')))}", 1),))
        return Case("OR6", draw(st.sampled_from((query, grouped))).then(annotated, wanted))
    if place == "nested":
        over = Call(draw(st.sampled_from(("Max", "Count", "Min"))), ("a",))
        return Case(
            "OR6",
            draw(st.sampled_from((query, grouped))).then(annotated, Call("aggregate", named=(("z", over),))),
        )
    if place == "after values":
        return Case("OR6", query.then(order_by(), annotated, Call("values", (*group, "a"))))
    return Case("OR6", query.then(annotated, *draw(filters(scope, 1))))


@st.composite
def group_of(draw: st.DrawFn, scope: Scope) -> tuple[str, ...]:
    """Columns to group by, near or far."""
    kinds = [kind for kind in ("int", "text", "bool", "date") if has(scope, kind)]
    found = [draw(path(scope, draw(st.sampled_from(kinds)))).name for _ in range(draw(st.integers(1, 2)))]
    return tuple(dict.fromkeys(found))


# OR7: windows


@st.composite
def window_case(draw: st.DrawFn, name: str) -> Case:
    """A window function as annotation, filtered by, ordered by, counted."""
    model = draw(st.sampled_from(("Book", "Review", "Author", "Membership", "Novel")))
    found = draw(window(Scope(model), name))
    query = Query(model, draw(filters(Scope(model, depth=1), 1)) if draw(st.integers(0, 2)) == 0 else ())
    query = query.then(Call("annotate", named=(("w", found),)))
    wanted = Call("filter", named=((f"w__{draw(st.sampled_from(('gt', 'lte', 'isnull')))}", 1),))
    if name in ("Lag", "Lead", "FirstValue", "LastValue", "NthValue"):
        wanted = Call("filter", named=(("w__isnull", draw(st.booleans())),))
    tails: tuple[tuple[Call, ...], ...] = (
        (),
        (Call("values", ("pk", "w")),),
        (wanted,),
        (wanted, Call("count")),
        (order_by("w", "pk"),),
        (wanted, Call("values_list", ("w",))),
    )
    return Case("OR7", query.then(*draw(st.sampled_from(tails))))


# OR13: set operations


@st.composite
def set_case(draw: st.DrawFn, name: str) -> Case:
    """union, intersection and difference, and what may follow."""
    model = draw(main_models)
    scope = Scope(model, depth=1)
    shape = draw(st.sampled_from(("objects", "values", "values", "annotated", "two models")))
    kind = draw(st.sampled_from([kind for kind in ("int", "text", "date") if has(scope, kind)]))
    first, second = (
        draw(path(scope, kind)).name,
        draw(path(scope, "text" if kind == "int" and has(scope, "text") else kind)).name,
    )
    ends: tuple[Call, ...] = ()
    columns: tuple[str, ...] = ("pk",)
    models_ = [model] * draw(st.integers(2, 3))
    if shape == "values":
        columns = tuple(dict.fromkeys((first, second)))
        ends = (Call(draw(st.sampled_from(("values", "values_list"))), columns),)
    elif shape == "annotated":
        columns = ("x",)
        ends = (
            Call("annotate", named=(("x", draw(expression(scope.near(), "int", 1))),)),
            Call("values", columns),
        )
    elif shape == "two models":
        models_, columns = ["Author", "Tag"], ("name",)
        ends = (Call("values", columns),)
    parts = [
        Query(
            each,
            (order_by(), *(draw(filters(Scope(each, depth=1), 1)) if draw(st.booleans()) else ()), *ends),
        )
        for each in models_
    ]
    options = named(all=True) if name == "union" and draw(st.booleans()) else ()
    query = parts[0].then(Call(name, tuple(parts[1:]), options))
    follow = draw(st.sampled_from(("", "", "order", "slice", "count", "exists", "values", "first")))
    ordered = order_by(*(draw(st.sampled_from(("", "-"))) + each for each in columns))
    tails: dict[str, tuple[tuple[Call | Cut, ...], bool]] = {
        "order": ((ordered,), True),
        "slice": ((ordered, Cut(draw(st.integers(0, 2)), draw(st.integers(3, 6)))), True),
        "count": ((Call("count"),), False),
        "exists": ((Call("exists"),), False),
        "values": ((Call("values_list", (columns[0],)),), False),
        "first": ((ordered, Call("first")), False),
    }
    tail, total = tails.get(follow, ((), False))
    return Case("OR13", query.then(*tail), total=total)


def _each(make: Callable[[str], Strategy], names: tuple[str, ...]) -> dict[str, Strategy]:
    return {name: make(name) for name in names}


_RELATED: Final = ("filter", "exclude", "chain", "&", "|", "^", "~", "filtered relation")
_CONDITIONAL: Final = ("filter(Exists)", "filter(Case)", "filter(F)", "pk__in")
_TUPLES: Final = ("exact", "in", "gt", "gte", "lt", "lte", "isnull", "range")
ALL_LOOKUPS: Final = tuple(
    dict.fromkeys(name for kind, names in LOOKUPS.items() if kind != "json" for name in names)
)
ROWS: Final[dict[str, dict[str, Strategy]]] = {
    "OR1": _each(chain, CHAINS),
    "OR2": {**_each(lookup_case, ALL_LOOKUPS), **{f"tuple {name}": tuple_case(name) for name in _TUPLES}},
    "OR3": _each(relation_case, _RELATED),
    "OR4": _each(json_case, (*LOOKUPS["json"], "KT", "JSONObject")),
    "OR5": {**_each(expression_case, tuple(MAKERS)), **_each(conditional_case, _CONDITIONAL)},
    "OR6": _each(aggregate_case, AGGREGATES),
    "OR7": _each(window_case, WINDOWS),
    "OR8": FUNCTIONS,
    "OR9": LOADING,
    "OR10": {**_each(chain, ENDS), **WRITING},
    "OR11": CREATING,
    "OR13": _each(set_case, ("union", "intersection", "difference")),
}
_JSON: Final = ("exact", "in", "isnull", "has_key", "has_keys", "has_any_keys", "KT", "JSONObject")
REACHED: Final[dict[str, tuple[str, ...]]] = {
    "OR1": ("filter", "exclude", "order_by", "reverse", "distinct", "none", "slice", "&", "|", "nulls_first"),
    "OR2": ALL_LOOKUPS,
    "OR3": ("Q", "&", "|", "^", "~", "exclude", "FilteredRelation", "distinct", "F"),
    "OR4": _JSON,
    "OR5": (
        *(
            "F",
            "Func",
            "Value",
            "ExpressionWrapper",
            "Case",
            "When",
            "Subquery",
            "OuterRef",
            "Exists",
            "RawSQL",
        ),
        *("Collate", "Cast", "Coalesce", "Greatest", "Least", "NullIf", "Q"),
    ),
    "OR6": (*AGGREGATES, "filter", "distinct", "default", "values"),
    "OR7": (*WINDOWS, "RowRange", "ValueRange", "partition_by"),
    "OR8": tuple(name for name in FUNCTIONS if not name.startswith("SHA")),
    "OR9": (
        *(
            "select_related",
            "prefetch_related",
            "Prefetch",
            "to_attr",
            "defer",
            "only",
            "values",
            "values_list",
        ),
        *("flat", "named", "dates", "datetimes", "in_bulk"),
    ),
    "OR10": (*ENDS, "update", "delete", "F"),
    "OR11": tuple(name for name in CREATING if name != "create"),  # of a name that is there: refused
    "OR13": ("union", "intersection", "difference", "all"),
}
"""What the answered cases of a row must have used, by ``programs.features``."""
