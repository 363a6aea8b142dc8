"""One compilation per shape: not for other values, lengths of lists or pages; steps are the same objects each time."""

from __future__ import annotations

from typing import Any

import pytest

from tests.models import oracle
from vivace import models
from vivace.errors import FieldError, InvalidValue
from vivace.models.sql import lift
from vivace.models.sql.compile import PLANS, PlanCache, plan_for
from vivace.models.sql.state import QueryState
from vivace.models.sql.verbs import COUNT, EXISTS, ROWS, Delete

WORLD = oracle.vivace_world()
Book: Any = WORLD.model("Book")
Author: Any = WORLD.model("Author")


def compiled(*states: QueryState, dialect: Any = "sqlite") -> int:
    """Return how many plans these states need."""
    PLANS.clear()
    before = PLANS.compiled
    for state in states:
        plan_for(state, ROWS, dialect)
    return PLANS.compiled - before


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_or1_other_values_are_not_compiled_again(dialect: Any) -> None:
    states = [
        Book.objects.filter(pages__gt=n, author__name__icontains=f"a{n}")
        .exclude(title=str(n))
        .order_by("-year")[n : n + 10]
        for n in range(1, 20)
    ]
    assert compiled(*(each.query_state for each in states), dialect=dialect) == 1


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_or2_the_length_of_a_list_is_not_part_of_the_shape(dialect: Any) -> None:
    states = [Book.objects.filter(pk__in=list(range(1, n))).query_state for n in (2, 3, 50, 5000)]
    assert compiled(*states, dialect=dialect) == 1


def test_or2_none_and_empty_lists_are_part_of_the_shape() -> None:
    states = [
        Book.objects.filter(price=None).query_state,
        Book.objects.filter(price=1).query_state,
        Book.objects.filter(price__in=[]).query_state,
        Book.objects.filter(price__in=[1]).query_state,
    ]
    assert compiled(*states) == 4


def test_or5_values_of_expressions_are_lifted() -> None:
    names = WORLD.names
    states = [
        Author.objects.annotate(
            n=names["Count"]("books", filter=names["Q"](books__pages__gt=n)),
            c=names["Case"](names["When"](age=n, then=names["Value"](f"x{n}")), default=names["Value"]("y")),
            s=names["Subquery"](
                Book.objects.filter(author=names["OuterRef"]("pk"), year=n).values("title")[:1]
            ),
        )
        .filter(n__gte=n)
        .query_state
        for n in range(5)
    ]
    assert compiled(*states) == 1


def test_or1_equal_steps_are_one_object() -> None:
    first = lift.filter_by(QueryState(Book), (), {"pk": 1})
    second = lift.filter_by(QueryState(Book), (), {"pk": 2})
    assert first.steps[0] is second.steps[0]
    assert (first.params, second.params) == ((1,), (2,))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"pages__gt": 1}, {"pages__gt": 200}),
        ({"pages__lte": 1}, {"pages__lte": 200}),
        ({"title__icontains": "a"}, {"title__icontains": "100%"}),
        ({"author__name__startswith": "a"}, {"author__name__startswith": ""}),
        ({"title": "a", "pages": 1}, {"pages": 2, "title": "b"}),
        (
            {"title__endswith": "a", "author__name": "b", "pk__gte": 3},
            {"pk__gte": 4, "author__name": "", "title__endswith": "c"},
        ),
    ],
)
def test_or1_conditions_on_plain_fields_are_one_object_whatever_their_values(first: Any, second: Any) -> None:
    states = [Book.objects.filter(**each).query_state for each in (first, second)]
    assert states[0].steps[0] is states[1].steps[0]
    assert states[1].params == tuple(second[name] for name in sorted(second))


def test_or1_ready_made_conditions_say_what_others_say() -> None:
    names = WORLD.names
    for given in (
        {"title__icontains": "a%"},
        {"pages__gte": 3, "title__startswith": "b"},
        {"author__name": "c", "pk__lt": 9},
    ):
        ready, written = (
            Book.objects.filter(**given).query_state,
            Book.objects.filter(names["Q"](**given)).query_state,
        )
        plans = [plan_for(each, ROWS, "postgresql") for each in (ready, written)]
        assert plans[0].statement.sql == plans[1].statement.sql
        assert plans[0].bind(ready.params) == plans[1].bind(written.params)


def test_or1_an_order_is_one_object() -> None:
    first, second = (
        Book.objects.filter(pages=n).order_by("-year", "author__name", "?").query_state for n in (1, 2)
    )
    assert first.steps[1] is second.steps[1]
    shadowed = Book.objects.annotate(other=WORLD.names["F"]("pages")).order_by("other").query_state
    assert shadowed.steps[-1] is not Book.objects.order_by("pages").query_state.steps[-1]


def test_or2_what_a_ready_made_filter_does_not_take_is_judged_as_before() -> None:
    assert plan_for(Book.objects.filter(pages__gt=2**70).query_state, ROWS, "sqlite").empty is True
    assert (
        plan_for(Book.objects.filter(pages__lt=2**70, title="a").query_state, ROWS, "sqlite").empty is False
    )
    with pytest.raises(InvalidValue, match="NUL"):
        Book.objects.filter(title__contains="a\x00b")
    with pytest.raises(FieldError, match="nothing"):
        Book.objects.filter(title="a", nothing=1)
    with pytest.raises(InvalidValue):
        Book.objects.filter(title="a", pages="many")


def test_or1_the_cache_is_bounded() -> None:
    cache = PlanCache(size=8)
    for number in range(40):
        state = lift.order_by(QueryState(Book), ["-pk"] * (number + 1))
        cache.make((state.model, state.steps, state.shape, ROWS, "sqlite", False))
    assert len(cache.plans) <= 8
    assert cache.compiled == 40


def test_or10_verbs_have_plans_of_their_own() -> None:
    state = Book.objects.filter(pages=1).query_state
    sql = {plan_for(state, verb, "sqlite").statement.sql for verb in (ROWS, COUNT, EXISTS)}
    assert len(sql) == 3


def test_or1_ready_made_filters_check_the_range() -> None:
    state = lift.filter_by(QueryState(Book), (), {"pk": 1})
    beyond = lift.filter_by(QueryState(Book), (), {"pk": 2**70})
    assert plan_for(state, ROWS, "sqlite").empty is False
    assert plan_for(beyond, ROWS, "sqlite").empty is True


def test_md4_a_model_defined_later_is_among_what_the_database_deletes() -> None:
    class Root(models.Model):
        class Meta:
            app_label = "shapes"

    def written() -> frozenset[str] | None:
        plan = plan_for(QueryState(Root), Delete(), "sqlite")
        assert plan is plan_for(QueryState(Root), Delete(), "sqlite")
        return plan.statement.writes

    assert written() == frozenset({"shapes_root"})

    class Leaf(models.Model):
        root = models.ForeignKey(Root, models.DB_CASCADE)

        class Meta:
            app_label = "shapes"

    assert written() == frozenset({"shapes_root", Leaf._meta.db_table})
