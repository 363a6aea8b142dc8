"""What a query reads, and which queries are provably short."""

from __future__ import annotations

from typing import Any

import pytest

from tests.models import oracle
from vivace.changes import ANYTHING, Condition
from vivace.models.sql.compile import plan_for
from vivace.models.sql.verbs import COUNT, EXISTS, ROWS

WORLD = oracle.vivace_world()
Book: Any = WORLD.model("Book")
Author: Any = WORLD.model("Author")
Q, F, Count, Exists, OuterRef = (WORLD.names[n] for n in ("Q", "F", "Count", "Exists", "OuterRef"))
BOOK, AUTHOR = "oracle_book", "oracle_author"


def reads(queryset: Any, verb: Any = ROWS) -> dict[str, Any]:
    state = queryset.query_state
    found = plan_for(state, verb, "sqlite").reads(state.arguments())
    return {table: None if scope is None else {(c.column, c.values) for c in scope} for table, scope in found}


def one(column: str, *values: Any) -> set[Any]:
    return {(column, frozenset(values))}


def test_narrowed_by_a_conjunct() -> None:
    assert reads(Book.objects.filter(author=3, pages__gt=5)) == {BOOK: one("author_id", 3)}
    assert reads(Book.objects.filter(pk=3)) == {BOOK: one("id", 3)}
    assert reads(Book.objects.filter(author__in=[3, 4])) == {BOOK: one("author_id", 3, 4)}


def test_not_narrowed_by_many_values_or_other_comparisons() -> None:
    assert reads(Book.objects.filter(author__in=list(range(101)))) == {BOOK: None}
    assert reads(Book.objects.filter(pages__gt=3)) == {BOOK: None}
    assert reads(Book.objects.all()[:5]) == {BOOK: None}


def test_an_or_narrows_when_all_branches_do() -> None:
    both = reads(Book.objects.filter(Q(author=3) | Q(year=5)))
    assert both == {BOOK: one("author_id", 3) | one("year", 5)}
    assert reads(Book.objects.filter(Q(author=3) | Q(pages__gt=5))) == {BOOK: None}


def test_never_within_a_negation_or_a_subquery() -> None:
    assert reads(Book.objects.exclude(author=3)) == {BOOK: None}
    inner = Book.objects.filter(author=OuterRef("pk"), year=5)
    assert reads(Author.objects.filter(Exists(inner))) == {AUTHOR: None, BOOK: None}


def test_joined_tables_have_entries() -> None:
    assert reads(Book.objects.filter(author__name="Ada")) == {AUTHOR: one("name", "Ada"), BOOK: None}
    assert reads(Book.objects.filter(author=1).select_related("author")) == {
        AUTHOR: one("id", 1),
        BOOK: one("author_id", 1),
    }
    assert set(reads(Book.objects.filter(tags__name="x"))) == {BOOK, "oracle_tag", "oracle_book_tags"}


def test_outer_joined_tables_are_read_whole() -> None:
    found = reads(Book.objects.filter(Q(publisher__name="x") | Q(publisher__name="y") | Q(pages=1)))
    assert found["oracle_publisher"] is None


def test_aggregate_filters_do_not_narrow() -> None:
    assert reads(Author.objects.annotate(n=Count("books", filter=Q(books__year=3)))) == {
        AUTHOR: None,
        BOOK: None,
    }


def test_count_and_exists_read_as_rows_do() -> None:
    for verb in (COUNT, EXISTS):
        assert reads(Book.objects.filter(author=3), verb) == {BOOK: one("author_id", 3)}


def test_a_parent_table_is_read() -> None:
    assert set(reads(WORLD.model("Novel").objects.all())) == {BOOK, "oracle_novel"}


def test_raw_sql_with_a_query_of_its_own_reads_anything() -> None:
    raw = WORLD.names["RawSQL"]
    assert reads(Book.objects.filter(author=3).annotate(x=raw("pages + 1", ()))) == {BOOK: None}
    found = reads(Author.objects.annotate(x=raw("SELECT count(*) FROM oracle_tag", ())))
    assert found == {AUTHOR: None, ANYTHING: None}
    assert ANYTHING in reads(Author.objects.extra(where=["id IN (SELECT author_id FROM oracle_book)"]))
    inner = Author.objects.annotate(x=raw("SELECT 1", ())).values("x")
    assert ANYTHING in reads(Book.objects.filter(author__in=inner))


def reached(queryset: Any) -> set[str]:
    state = queryset.query_state
    return {each.table for each in plan_for(state, ROWS, "sqlite").reached}


def test_tables_that_are_merely_fetched_along_are_read_by_key() -> None:
    """Which rows matter is known when they are there: those to which the keys in the result point."""
    books = Book.objects.order_by("pk")
    assert reached(books.select_related("author", "publisher")) == {AUTHOR, "oracle_publisher"}
    assert reached(books.values_list("author_id", "author__name")) == {AUTHOR}
    assert reached(WORLD.model("Tag").objects.order_by("name").filter(books=1)) == {"oracle_tag"}
    (found,) = plan_for(books.select_related("author").query_state, ROWS, "sqlite").reached
    rows: list[list[Any]] = [[None] * 40, [7] * 40]
    assert found.read(rows) == (AUTHOR, (Condition("id", frozenset({7})),))
    assert found.read([[n] * 40 for n in range(101)]) == (AUTHOR, None)


def test_tables_that_decide_which_rows_there_are_are_read_whole() -> None:
    books = Book.objects.order_by("pk").select_related("author")
    for queryset in (
        books.filter(author__name__gt="A"),
        books.order_by("author__name")[:5],
        books.filter(Q(author__name="A") | Q(pages=1)),
        books.exclude(author__name="A"),
        books.distinct(),
        books.values("author__name").annotate(n=Count("pk")),
        books.values_list("author__name"),
        WORLD.model("Tag").objects.filter(books=1, name__gt="x"),
    ):
        assert not reached(queryset) & {AUTHOR, "oracle_tag"}, queryset


SHORT: list[Any] = [
    Book.objects.filter(pk=1),
    Book.objects.filter(pk=1, pages__gt=3),
    Book.objects.filter(pk=1).select_related("author", "publisher"),
    WORLD.model("Tag").objects.filter(name="x"),
    Book.objects.order_by().filter(title="x")[:100],
    Book.objects.order_by().filter(author=1)[:21],
    Book.objects.order_by().filter(pk__in=[1, 2, 3]),
]
LONG: list[Any] = [
    Book.objects.all(),
    Book.objects.filter(pages=1),
    Book.objects.filter(title="x"),
    Book.objects.order_by().filter(title="x")[:101],
    Book.objects.order_by("year").filter(title="x")[:10],
    Book.objects.filter(pk=1, title__contains="x"),
    Book.objects.filter(Q(pk=1) | Q(pages=3)),
    Book.objects.exclude(pk=1),
    Book.objects.filter(pk__in=Book.objects.filter(pages=1)),
    Book.objects.order_by().filter(pk__in=list(range(101))),
    Book.objects.filter(pk=1, tags__name="x"),
    Book.objects.filter(pk=1).annotate(n=Count("tags")),
    Book.objects.filter(pk=1).distinct(),
]


def is_short(queryset: Any, verb: Any = ROWS) -> bool:
    state = queryset.query_state
    return plan_for(state, verb, "sqlite").statement_for(state.arguments()).short


@pytest.mark.parametrize("queryset", SHORT)
def test_short(queryset: Any) -> None:
    assert is_short(queryset)


@pytest.mark.parametrize("queryset", LONG)
def test_not_short(queryset: Any) -> None:
    assert not is_short(queryset)


def test_counting_is_never_short() -> None:
    assert not is_short(Book.objects.filter(pk=1), COUNT)


def test_conditions_hold_what_the_column_holds() -> None:
    """A change carries the database's own values: conditions must be in the same form."""
    code = WORLD.names["UUID"](int=3)
    state = Book.objects.filter(code=code).query_state
    ((table, scope),) = plan_for(state, ROWS, "sqlite").reads(state.arguments())
    assert table == BOOK
    assert scope == (Condition("code", frozenset({code.hex})),)
