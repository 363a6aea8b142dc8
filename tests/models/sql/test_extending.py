"""What programs add: lookups, transforms and functions of their own, in Vivace's way and in Django's."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.models import oracle
from tests.models.sql.worlds import side_by_side
from vivace import models
from vivace.models.expressions.func import Func, Transform
from vivace.models.lookups.base import Lookup
from vivace.models.sql.ctes import CteColumn
from vivace.models.sql.lift import with_cte

WORLD = oracle.vivace_world()
Book: Any = WORLD.model("Book")
Author: Any = WORLD.model("Author")
F, Value, Count = (WORLD.names[name] for name in ("F", "Value", "Count"))


class NotEqual(Lookup):
    """As in Django's documentation of custom lookups."""

    lookup_name = "ne"

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        left, left_params = self.process_lhs(compiler, connection)
        right, right_params = self.process_rhs(compiler, connection)
        return f"{left} <> {right}", [*left_params, *right_params]


class Absolute(Transform):
    lookup_name = "absolute"
    function = "ABS"


class Shout(Func):
    """A subclass that changes its template in ``as_sql``, with a parameter of its own."""

    function = "UPPER"
    output_field = models.CharField()

    def as_sql(self, compiler: Any, connection: Any, *args: Any, **extra: Any) -> tuple[str, list[Any]]:
        template = "(%(function)s(%(expressions)s) || %%s)"
        sql, params = super().as_sql(compiler, connection, template=template, **extra)
        return sql, [*params, "!"]


@contextmanager
def registered(owner: Any, lookup: Any) -> Generator[None]:
    owner.register_lookup(lookup)
    try:
        yield
    finally:
        owner.unregister_lookup(lookup)


async def titles(queryset: Any) -> list[str]:
    return [each.title for each in await queryset.order_by("pk")]


async def test_custom_lookups_transforms_and_functions(oracle_url: str) -> None:
    async with side_by_side(oracle_url):
        with registered(models.Field, NotEqual), registered(models.FloatField, Absolute):
            assert await titles(Book.objects.filter(title__ne="Notes", pages__gt=100)) == [
                "Letters",
                "Compilers",
            ]
            assert await titles(Book.objects.filter(rating__absolute=1.5)) == ["Compilers"]
            assert await titles(Book.objects.filter(rating__absolute__ne=4.5, pages__gt=0)) == [
                "Machines",
                "Compilers",
            ]
        shouted = await Book.objects.annotate(loud=Shout("title")).filter(pk=1).values_list("loud", flat=True)
        assert shouted == ["NOTES!"]


async def test_or5_func_with_a_name_given_at_the_call(oracle_url: str) -> None:
    async with side_by_side(oracle_url):
        lowered = Func(F("title"), function="LOWER", output_field=models.CharField())
        assert await Book.objects.annotate(low=lowered).filter(low="machines").count() == 1


async def test_or15_plain_cte(oracle_url: str) -> None:
    async with side_by_side(oracle_url):
        totals = Book.objects.order_by().values("author").annotate(n=Count("pk"))
        state = with_cte(Author.objects.all().query_state, "totals", totals.query_state, on={"pk": "author"})
        found = Author.objects.all()._with(state).annotate(n=CteColumn("totals", "n")).filter(n__gt=1)
        assert await found.values_list("name", "n").order_by("pk") == [("Ada", 3), ("Ada", 2)]


async def test_or15_recursive_cte(oracle_url: str) -> None:
    async with side_by_side(oracle_url):
        roots = Author.objects.order_by().filter(mentor=None, name="Ada").values("pk", depth=Value(0))
        below = with_cte(Author.objects.order_by().query_state, "tree", None, on={"mentor": "pk"})
        depth = CteColumn("tree", "depth", models.IntegerField()) + 1
        further = Author.objects.order_by()._with(below).values("pk", depth=depth)
        state = with_cte(
            Author.objects.order_by().query_state,
            "tree",
            roots.query_state,
            on={"pk": "pk"},
            repeated=further.query_state,
        )
        tree = Author.objects.order_by()._with(state).annotate(depth=CteColumn("tree", "depth"))
        assert await tree.values_list("name", "depth").order_by("depth") == [
            ("Ada", 0),
            ("Alan", 1),
            ("Ada", 2),
        ]


def test_or15_unknown_named_queries_and_columns() -> None:
    from vivace.errors import FieldError

    totals = Book.objects.order_by().values("author")
    state = with_cte(Author.objects.all().query_state, "totals", totals.query_state, on={"pk": "author"})
    joined = Author.objects.all()._with(state)
    with pytest.raises(FieldError, match="totals"):
        joined.annotate(n=CteColumn("totls", "author"))
    with pytest.raises(FieldError, match="author"):
        joined.annotate(n=CteColumn("totals", "athor"))
