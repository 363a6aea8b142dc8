"""Expressions as values: equality, hashing, composition, wrong arguments."""

from __future__ import annotations

from typing import Any

import pytest

from vivace import models
from vivace.errors import FieldError
from vivace.models.expressions.functions.text import Left, LPad, Substr
from vivace.models.expressions.functions.windowed import Lag, NthValue, Ntile, Rank
from vivace.models.expressions.windows import RowRange, Window

F, Q, Value, Case, When, Count = models.F, models.Q, models.Value, models.Case, models.When, models.Count


def test_or3_q_is_a_value() -> None:
    assert Q(a=1, b=2) == Q(b=2, a=1)
    assert hash(Q(a=1)) == hash(Q(a=1))
    assert Q(a=1) != Q(a=2)
    assert Q(a=1) & Q() == Q(a=1)
    assert Q() | Q(a=1) == Q(a=1)
    assert ~~Q(a=1) == Q(a=1)
    assert (Q(a=1) & Q(b=2) & Q(c=3)).conditions == (("a", 1), ("b", 2), ("c", 3))
    assert (Q(a=1) | Q(b=2)).connector == "OR"
    assert (Q(a=1) ^ Q(b=2)).connector == "XOR"
    assert not Q()


def test_or3_combining_leaves_the_parts_alone() -> None:
    first, second = Q(a=1), Q(b=2)
    _ = first | second
    assert first == Q(a=1)
    assert second == Q(b=2)


def test_or3_q_refuses_what_is_no_condition() -> None:
    with pytest.raises(TypeError):
        _ = Q(a=1) & 3
    with pytest.raises(FieldError, match="connector"):
        Q(_connector="NAND")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_or5_expressions_are_equal_by_their_parts() -> None:
    assert F("a") + 1 == F("a") + 1
    assert F("a") + 1 != F("a") - 1
    assert Case(When(a=1, then=Value(2))) == Case(When(a=1, then=Value(2)))
    assert Count("a", distinct=True) != Count("a")
    assert len({Value("x"), Value("x"), Value("y")}) == 2
    assert Value(1, output_field=models.IntegerField()) == Value(1, output_field=models.IntegerField())


WRONG: list[Any] = [
    lambda: Count("*", filter=Q(a=1)),
    lambda: models.Max("a", distinct=True),
    lambda: Count("a", default=3),
    lambda: models.Sum("a", order_by="b"),
    lambda: When(then=1),
    lambda: When(Q(), then=1),
    lambda: Case(F("a")),
    lambda: F("a")[-1],
    lambda: F("a")[3:1],
    lambda: F("a")[::2],
    lambda: F("a").asc(nulls_first=True, nulls_last=True),
    lambda: Window(F("a")),
    lambda: Window(Rank(), order_by=3),
    lambda: RowRange(start=2, end=1),
    lambda: RowRange(start="1; DROP"),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    lambda: Lag("a", 0),
    lambda: NthValue("a", None),
    lambda: Ntile(0),
    lambda: Left("a", 0),
    lambda: Substr("a", 0),
    lambda: LPad("a", -1),
    lambda: models.FilteredRelation(""),
]


@pytest.mark.parametrize("build", WRONG)
def test_or5_wrong_arguments(build: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        build()


def test_class_attributes_are_references() -> None:
    from tests.models import oracle

    book: Any = oracle.vivace_world().model("Book")
    assert (book.title == "x") == Q(title__exact="x")
    assert (book.year >= 3) == Q(year__gte=3)
    assert (book.title != "x") == ~Q(title__exact="x")
    assert book.year.in_([1]) == Q(year__in=[1])
    assert (book.price == None) == Q(price__isnull=True)  # noqa: E711 - the operator is what is tested
    assert book.year.desc().descending
