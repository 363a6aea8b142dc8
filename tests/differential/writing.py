"""Strategies of what writes: update() with values and expressions, delete() with its cascades."""

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


WRITING: Final = {"update": update_case(), "delete": delete_case()}
DUMP: Final = tuple(Query(each, (Call("order_by"), Call("values_list"))) for each in MODELS)
__all__ = ["DUMP", "WRITING", "main_models"]
