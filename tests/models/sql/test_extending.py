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
        joined = Author.objects.with_cte("totals", totals, on={"pk": "author"})
        found = joined.annotate(n=models.CteColumn("totals", "n")).filter(n__gt=1)
        assert await found.values_list("name", "n").order_by("pk") == [("Ada", 3), ("Ada", 2)]


async def test_or15_recursive_cte(oracle_url: str) -> None:
    async with side_by_side(oracle_url):
        roots = Author.objects.order_by().filter(mentor=None, name="Ada").values("pk", depth=Value(0))
        depth = models.CteColumn("tree", "depth", models.IntegerField()) + 1
        below = Author.objects.order_by().with_cte("tree", on={"mentor": "pk"}).values("pk", depth=depth)
        tree = Author.objects.order_by().with_cte("tree", roots, on={"pk": "pk"}, repeated=below)
        found = tree.annotate(depth=models.CteColumn("tree", "depth"))
        assert await found.values_list("name", "depth").order_by("depth") == [
            ("Ada", 0),
            ("Alan", 1),
            ("Ada", 2),
        ]


async def test_or15_outer_cte_keeps_rows_without_a_match(oracle_url: str) -> None:
    async with side_by_side(oracle_url):
        totals = Book.objects.order_by().filter(pk=1).values("author").annotate(n=Count("pk"))
        inner = Author.objects.with_cte("totals", totals, on={"pk": "author"})
        outer = Author.objects.with_cte("totals", totals, on={"pk": "author"}, outer=True)
        assert await inner.count() == 1
        assert await outer.count() == await Author.objects.count()


def test_or15_unknown_named_queries_and_columns() -> None:
    from vivace.errors import FieldError

    joined = Author.objects.with_cte("totals", Book.objects.order_by().values("author"), on={"pk": "author"})
    with pytest.raises(FieldError, match="totals"):
        joined.annotate(n=models.CteColumn("totls", "author"))
    with pytest.raises(FieldError, match="author"):
        joined.annotate(n=models.CteColumn("totals", "athor"))
