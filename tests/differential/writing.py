"""Strategies of what writes: update() and delete() with its cascades, and what makes rows, one by one or many at once.

New rows have keys of their own: those of a sequence do not come back when a transaction is rolled back.
"""

from __future__ import annotations

from typing import Any, Final

from hypothesis import strategies as st

from tests.differential.conditions import Scope, filters, main_models, values
from tests.differential.expressions import expression
from tests.differential.programs import Call, Case, Cut, Query
from tests.differential.vocabulary import MODELS, own_paths


@st.composite
def update_case(draw: st.DrawFn) -> Case:
    """Some columns set, of the rows that match."""
    model = draw(st.sampled_from(("Book", "Author", "Review", "Novel", "Oldest", "Membership", "Shelf")))
    scope = Scope(model, depth=1)
    free = [each for each in own_paths(model) if each.name not in ("id", "pk", "room", "number")]
    assigned: dict[str, Any] = {}
    for each in draw(st.lists(st.sampled_from(free), min_size=1, max_size=2)):
        plain = values(each.kind) if not each.null else st.one_of(st.none(), values(each.kind))
        computed = expression(scope.near(), each.kind, 1)
        assigned[each.name] = draw(plain if each.kind in ("json", "uuid") else st.one_of(plain, computed))
    steps: tuple[Any, ...] = draw(filters(Scope(model), 1)) if draw(st.booleans()) else ()
    if draw(st.integers(0, 4)) == 0:
        steps = (*steps, Call("annotate", named=(("x", draw(expression(scope.near(), "int", 1))),)))
    return Case("OR10", Query(model, (*steps, Call("update", named=tuple(assigned.items())))), writes=True)


@st.composite
def delete_case(draw: st.DrawFn) -> Case:
    """Rows deleted, with all that hangs on them."""
    model = draw(st.sampled_from(MODELS))
    steps: tuple[Any, ...] = draw(filters(Scope(model), 1)) if draw(st.integers(0, 3)) else (Call("all"),)
    if draw(st.integers(0, 9)) == 0:
        steps = (*steps, Cut(0, 2))
    return Case("OR10", Query(model, (*steps, Call("delete"))), writes=True)


@st.composite
def tag(draw: st.DrawFn, number: int) -> tuple[tuple[str, Any], ...]:
    """The columns of a tag, the name of which may be there already."""
    name = f"{draw(values('text'))}{draw(st.integers(0, 11))}"
    return (("id", 100 + number), ("name", name), ("weight", draw(values("float"))))


@st.composite
def creating_case(draw: st.DrawFn, focus: str) -> Case:
    """One row made, found or changed, or several at once with what a conflict does."""
    if focus == "bulk_update":
        return draw(_bulk_update())
    if focus.endswith("create") and focus != "bulk_create":
        own = draw(tag(1))
        if focus == "create":
            return _written("Tag", Call("create", named=own))
        known, given = own[1], dict((own[0], own[2]))
        if focus == "get_or_create":
            return _written("Tag", Call(focus, named=(known, ("defaults", given))))
        changed = {"weight": draw(values("float"))}
        options = (("defaults", changed), ("create_defaults", given))
        return _written("Tag", Call(focus, named=(known, *options)))
    count = draw(st.integers(0, 3))
    rows = [Call("Tag", named=draw(tag(number))) for number in range(count)]
    options_: dict[str, Any] = {"batch_size": draw(st.sampled_from((None, 1, 2)))}
    if focus != "bulk_create":
        options_[focus] = True
    if focus == "update_conflicts":
        options_ |= {"update_fields": ["weight"], "unique_fields": ["name"]}
    return _written("Tag", Call("bulk_create", (rows,), tuple(options_.items())))


@st.composite
def _bulk_update(draw: st.DrawFn) -> Case:
    scope = Scope("Book", depth=0)
    kinds = {"year": "int", "subtitle": "text", "rating": "float", "price": "decimal", "released": "date"}
    chosen = draw(st.lists(st.sampled_from(sorted(kinds)), min_size=1, max_size=2, unique=True))
    rows: list[Any] = []
    for key in draw(st.lists(st.integers(1, 15), max_size=3, unique=True)):
        given = [
            (name, draw(st.one_of(values(kinds[name]), expression(scope, kinds[name], 1)))) for name in chosen
        ]
        rows.append(Call("Book", named=(("pk", key), *given)))
    return _written(
        "Book", Call("bulk_update", (rows, chosen), (("batch_size", draw(st.sampled_from((None, 2)))),))
    )


def _written(model: str, step: Call) -> Case:
    return Case("OR11", Query(model, (step,)), writes=True)


CREATING: Final = {
    name: creating_case(name)
    for name in (
        *("create", "get_or_create", "update_or_create"),
        *("bulk_create", "ignore_conflicts", "update_conflicts", "bulk_update"),
    )
}
WRITING: Final = {"update": update_case(), "delete": delete_case()}
DUMP: Final = tuple(Query(each, (Call("order_by"), Call("values_list"))) for each in MODELS)
__all__ = ["CREATING", "DUMP", "WRITING", "main_models"]
