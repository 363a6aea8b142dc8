"""What a queryset says to whoever asks for what it does not have."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from tests.models.schemas.library import Author, Book
from vivace import models
from vivace.errors import ModelError, UnknownAttribute


def asked(owner: Any, name: str) -> str:
    with pytest.raises(AttributeError) as caught:
        getattr(owner, name)
    assert not hasattr(owner, name)
    return str(caught.value)


def test_djangos_second_set_of_methods_is_named_by_the_first() -> None:
    for owner, kind in ((Author.objects, "Manager of Author"), (Book.objects.all(), "BookQuerySet of Book")):
        said = asked(owner, "aget")
        assert f"A {kind} has no attribute 'aget'." in said
        assert "`await ….get(…)`" in said
    assert "….in_bulk(…)" in asked(Author.objects, "ain_bulk")


def test_a_field_of_rows_that_were_not_fetched() -> None:
    said = asked(Book.objects.filter(pk=1), "title")
    assert "(await ….get(…)).title" in said
    assert "[unknown-attribute]" in said


def test_the_nearest_method() -> None:
    assert "Did you mean 'filter'?" in asked(Book.objects, "fitler")
    with pytest.raises(UnknownAttribute):
        getattr(Book.objects.all(), "flter")  # noqa: B009 - checkers take a manager's names as they come


def test_private_names_are_quietly_absent() -> None:
    assert asked(Book.objects.all(), "_nothing") == "'BookQuerySet' object has no attribute '_nothing'"
    queryset = Book.objects.filter(title="x")
    assert copy.deepcopy(queryset).query_state == queryset.query_state
    assert pickle.loads(pickle.dumps(queryset)).query_state == queryset.query_state


def test_a_foreign_key_without_a_rule_says_which_there_are() -> None:
    key: Any = models.ForeignKey
    with pytest.raises(
        ModelError, match=r"ForeignKey\(Author\): on_delete is not a rule.[\s\S]*Got: nothing"
    ):
        key(Author)
    with pytest.raises(ModelError, match=r"OneToOneField\(shop.Author\)"):
        key = models.OneToOneField
        key("shop.Author", "CASCADE")
