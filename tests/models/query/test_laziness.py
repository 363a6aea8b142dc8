"""A queryset asks nothing before it is awaited, and says so."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.models.schemas.library import Author, Book
from vivace.errors import FieldError, NotLoaded, QueryError


def title_of_first(rows: Any) -> Any:
    return rows[0].title


def has_three(rows: Any) -> bool:
    return 3 in rows


@pytest.mark.parametrize("use", [len, bool, list, title_of_first, has_three])
def test_or1_use_as_list_before_await_raises(use: Callable[[Any], Any]) -> None:
    with pytest.raises(NotLoaded, match="QuerySet of Book") as caught:
        use(Book.objects.filter(pages=3))
    assert "await queryset" in caught.value.fix


def test_or1_methods_return_new_querysets() -> None:
    first = Book.objects.filter(pages=3)
    second = first.filter(year=1)
    assert first is not second
    assert len(first.query_state.steps) == 1
    assert len(second.query_state.steps) == 2
    assert copy.deepcopy(first).query_state is first.query_state


def test_or1_slices_stay_lazy() -> None:
    part = Book.objects.all()[2:10][1:3]
    assert (part.query_state.low, part.query_state.high) == (3, 5)
    with pytest.raises(QueryError, match="sliced"):
        part.filter(pages=1)
    with pytest.raises(QueryError, match="step"):
        Book.objects.all()[::2]
    with pytest.raises(QueryError, match="Negative"):
        Book.objects.all()[-1]


def test_or1_unknown_name_is_told_at_once() -> None:
    with pytest.raises(FieldError, match="titel") as caught:
        Book.objects.filter(titel="x")
    assert "'title'" in caught.value.fix


def test_or1_repr_never_asks() -> None:
    assert repr(Book.objects.all()) == "<BookQuerySet of Book: not fetched>"


def test_or1_ordered_and_totally_ordered() -> None:
    assert Book.objects.all().ordered
    assert not Book.objects.all().totally_ordered
    assert Book.objects.order_by("year", "pk").totally_ordered
    assert not Book.objects.order_by().ordered
    assert Author.objects.order_by("name").totally_ordered
    assert Book.objects.none().ordered


def test_or1_as_manager_has_the_querysets_methods() -> None:
    assert Book.objects.long().query_state.params == (100,)
    assert Book.objects.filter(year=1).long().query_state.params == (1, 100)


def test_or1_manager_is_of_the_class_only() -> None:
    with pytest.raises(AttributeError, match="belongs to the class"):
        Book(title="x").objects


def test_or9_values_list_arguments() -> None:
    with pytest.raises(TypeError, match="one field"):
        Book.objects.values_list("title", "year", flat=True)
    with pytest.raises(TypeError, match="together"):
        Book.objects.values_list("title", flat=True, named=True)
    with pytest.raises(TypeError, match="None"):
        Book.objects.only(None)
