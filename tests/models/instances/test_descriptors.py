"""Reading and setting relations: what counts as loaded, without any database."""

from __future__ import annotations

import copy
import pickle

import pytest

from tests.models.schemas.library import Author, Book, Profile
from vivace.errors import InvalidValue, NotLoaded


def test_or16_cached_object_counts_while_keys_match() -> None:
    ada = Author(id=1, name="Ada")
    book = Book(title="Notes", author=ada, year=1843)
    assert book.author_id == 1
    assert book.author is ada
    book.author_id = 2
    with pytest.raises(NotLoaded, match=r"Book\.author is not loaded"):
        book.author
    book.author_id = 1
    assert book.author is ada


def test_or16_not_loaded_is_no_attribute_error() -> None:
    with pytest.raises(NotLoaded):
        hasattr(Book(author_id=1), "author")


def test_md_empty_relations() -> None:
    book = Book(title="x")
    assert book.publisher is None
    with pytest.raises(Author.DoesNotExist, match="has no author"):
        book.author
    assert not hasattr(book, "author")
    book.publisher = None
    assert book.publisher_id is None


def test_md_object_assigned_before_it_is_saved() -> None:
    author = Author(name="Ada")
    book = Book(title="x", author=author)
    assert book.author is author
    author.id = 7
    assert book.author is author
    book.author_id = 8
    with pytest.raises(NotLoaded):
        book.author


def test_md_wrong_type_is_refused() -> None:
    with pytest.raises(InvalidValue, match=r"Book\.author cannot be set") as caught:
        Book(title="x").author = 3  # type: ignore[assignment]
    assert "author_id" in caught.value.fix


def test_md_one_to_one_tells_the_other_side() -> None:
    ada = Author(id=1, name="Ada")
    profile = Profile(author=ada)
    assert ada.profile is profile
    profile.author = Author(id=2, name="Alan")
    with pytest.raises(NotLoaded):
        ada.profile
    with pytest.raises(Profile.DoesNotExist):
        Author(name="new").profile


def test_md_copies_keep_loaded_relations() -> None:
    book = Book(title="x", author=Author(id=1, name="Ada"))
    for twin in (copy.copy(book), copy.deepcopy(book), pickle.loads(pickle.dumps(book))):
        assert twin.author.name == "Ada"
