"""Strategies of OR9: what is loaded with the rows, and in which form they come."""

from __future__ import annotations

from typing import Any, Final

from hypothesis import strategies as st

from tests.differential.conditions import Scope, filters, has, main_models, path
from tests.differential.expressions import expression
from tests.differential.programs import Call, Case, Query
from tests.differential.vocabulary import Relation, own_paths, relation_paths

FOCUSES: Final = (
    *("select_related", "prefetch_related", "Prefetch", "to_attr", "defer", "only", "both"),
    *("values", "values_list", "flat", "named", "dates", "datetimes", "in_bulk"),
)
_PARTS: Final = {
    "dates": ("year", "month", "week", "day"),
    "datetimes": ("year", "month", "week", "day", "hour", "minute", "second"),
}


@st.composite
def loading_case(draw: st.DrawFn, focus: str) -> Case:
    """Filters, then a way to load."""
    model = draw(main_models)
    scope = Scope(model)
    query = Query(model, draw(filters(scope, 1)) if draw(st.integers(0, 3)) == 0 else ())
    if focus in _PARTS:
        return draw(_dates(focus))
    if focus == "in_bulk":
        ids = draw(st.one_of(st.none(), st.lists(st.integers(1, 15), max_size=5)))
        return Case("OR9", Query(model, (Call("in_bulk", () if ids is None else (ids,)),)))
    if focus in ("values", "values_list", "flat", "named"):
        return draw(_rows(focus, query, scope))
    if focus == "select_related":
        found = _single(draw, model)
        return Case(
            "OR9",
            query.then(Call("select_related", tuple(each.name for each in found))),
            touches=_touched(found),
        )
    if focus in ("defer", "only"):
        names = draw(st.lists(st.sampled_from(own_paths(model)), min_size=1, max_size=3))
        return Case("OR9", query.then(Call(focus, tuple(each.name for each in names))))
    if focus == "both":
        return draw(_both(query, model))
    return draw(_prefetched(focus, query, model))


def _touched(found: list[Relation]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each.accessor for each in found))


def _single(draw: st.DrawFn, model: str) -> list[Relation]:
    """Relations to one object, all the way."""
    offered = [each for each in relation_paths(model) if not each.many]
    return draw(st.lists(st.sampled_from(offered), min_size=1, max_size=2)) if offered else []


@st.composite
def _both(draw: st.DrawFn, query: Query, model: str) -> Case:
    found = [each for each in _single(draw, model) if "__" not in each.name][:1]
    if not found:
        return Case("OR9", query.then(Call("all")))
    names = [each.name for each in own_paths(model)]
    far = [f"{found[0].name}__{each.name}" for each in own_paths(found[0].model)]
    name = draw(st.sampled_from(("defer", "only")))
    chosen = draw(st.lists(st.sampled_from(names + far), min_size=1, max_size=3))
    if name == "only":
        chosen.append(found[0].name)
    step = Call(name, tuple(dict.fromkeys(chosen)))
    return Case("OR9", query.then(Call("select_related", (found[0].name,)), step), touches=_touched(found))


@st.composite
def _prefetched(draw: st.DrawFn, focus: str, query: Query, model: str) -> Case:
    offered = relation_paths(model)
    if focus == "prefetch_related":
        found = draw(st.lists(st.sampled_from(offered), min_size=1, max_size=2))
        lookups: tuple[Any, ...] = tuple(each.accessor for each in found)
        return Case(
            "OR9", query.then(Call("prefetch_related", lookups)), touches=tuple(dict.fromkeys(lookups))
        )
    relation = draw(st.sampled_from([each for each in offered if "__" not in each.name]))
    inner = Query(relation.model, draw(filters(Scope(relation.model, depth=1), 1)))
    single = focus == "to_attr" or not relation.many
    if focus == "to_attr" or draw(st.booleans()):  # a list has an order
        inner = inner.then(Call("order_by", ("-pk",)))
    if draw(st.integers(0, 2)) == 0 and has(Scope(relation.model, depth=0), "text"):
        scope = Scope(relation.model, depth=0 if single else 1)  # of one object's rows, which comes first?
        inner = inner.then(Call("annotate", named=(("x", draw(expression(scope, "text", 1))),)))
    far = [each for each in relation_paths(relation.model) if "__" not in each.name]
    touch = relation.accessor
    if far and draw(st.integers(0, 2)) == 0:
        more = draw(st.sampled_from(far))
        inner = inner.then(Call("prefetch_related", (more.accessor,)))
        touch = f"{touch}__{more.accessor}"
    if focus == "to_attr" and relation.many:
        touch = touch.replace(relation.accessor, "found", 1)
        prefetch = Call("Prefetch", (relation.accessor,), (("queryset", inner), ("to_attr", "found")))
    else:
        prefetch = Call("Prefetch", (relation.accessor,), (("queryset", inner),))
    return Case("OR9", query.then(Call("prefetch_related", (prefetch,))), touches=(touch,))


@st.composite
def _rows(draw: st.DrawFn, focus: str, query: Query, scope: Scope) -> Case:
    kinds = [
        kind
        for kind in ("text", "int", "float", "date", "datetime", "json", "bool", "uuid")
        if has(scope, kind)
    ]
    columns = [draw(path(scope, draw(st.sampled_from(kinds)))).name for _ in range(draw(st.integers(0, 3)))]
    columns += draw(
        st.lists(
            st.sampled_from([each.name for each in relation_paths(scope.model, 1)] or ["pk"]), max_size=1
        )
    )
    columns = list(dict.fromkeys(columns))
    if focus == "values":
        extra = (("x", draw(expression(scope, "int", 1))),) if draw(st.booleans()) else ()
        return Case("OR9", query.then(Call("values", tuple(columns), extra)))
    if focus == "flat":
        return Case("OR9", query.then(Call("values_list", ((columns or ["pk"])[0],), (("flat", True),))))
    if focus == "named":
        return Case("OR9", query.then(Call("values_list", tuple(columns), (("named", True),))))
    return Case("OR9", query.then(Call("values_list", tuple(columns))))


@st.composite
def _dates(draw: st.DrawFn, focus: str) -> Case:
    model = draw(st.sampled_from(("Book", "Author", "Review", "Membership")))
    kind = "date" if focus == "dates" else "datetime"
    scope = Scope(model, depth=1)
    if not has(scope, kind):
        model, scope = "Book", Scope("Book", depth=1)
    steps = draw(filters(scope, 1)) if draw(st.booleans()) else ()
    order = draw(st.sampled_from(((), (("order", "ASC"),), (("order", "DESC"),))))
    found = Call(focus, (draw(path(scope, kind)).name, draw(st.sampled_from(_PARTS[focus]))), order)
    return Case("OR9", Query(model, (*steps, found)), total=True)


LOADING: Final = {focus: loading_case(focus) for focus in FOCUSES}
