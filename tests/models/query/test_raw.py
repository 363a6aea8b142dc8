"""raw(): objects of a statement that the program wrote."""

from __future__ import annotations

import pytest

from tests.models.query.data import shelf
from tests.models.schemas.library import Book, Token
from vivace.changes import NOTHING, ReadSet, WriteSet, recording
from vivace.db import Statement, atomic, query_log
from vivace.errors import NotLoaded, QueryError
from vivace.models.query.raw import with_placeholders


async def test_or14_columns_become_fields_and_attributes(database_url: str) -> None:
    async with shelf(database_url):
        sql = (
            "SELECT id, title, author_id, pages * 2 AS double FROM tests_book WHERE pages > %s ORDER BY title"
        )
        books = await Book.objects.raw(sql, [31])
        assert [(b.title, getattr(b, "double")) for b in books] == [("Letters", 240), ("Machines", 72)]  # noqa: B009
        with pytest.raises(NotLoaded, match="year"):
            books[0].year
        with query_log() as log:
            await books[0].load("year", "author")
            assert [(b.year, b.author.name) for b in books] == [(1852, "Ada"), (1936, "Alan")]
        assert len(log) == 2
        async with atomic():
            assert [b.title async for b in Book.objects.raw(sql, [100])] == ["Letters"]
        assert await Book.objects.raw(sql, [1000]) == []


async def test_or14_translations_prefetch_and_names(database_url: str) -> None:
    async with shelf(database_url):
        sql = "SELECT id AS pk, title AS called FROM tests_book WHERE title = %(title)s"
        rows = Book.objects.raw(sql, {"title": "Notes"}, translations={"pk": "id", "called": "title"})
        (notes,) = await rows.prefetch_related("tags")
        assert notes.title == "Notes"
        assert sorted(tag.name for tag in notes.tags.all()) == ["old", "short"]
        with pytest.raises(QueryError, match="primary key"):
            await Book.objects.raw("SELECT title FROM tests_book")


async def test_or14_values_are_never_sql(database_url: str) -> None:
    async with shelf(database_url):
        rows = await Book.objects.raw("SELECT id FROM tests_book WHERE title = %s", ["' OR '1'='1"])
        assert rows == []


async def test_or8_a_raw_query_that_returns_what_a_field_cannot_read_says_which(database_url: str) -> None:
    if database_url.startswith("postgresql"):
        pytest.skip("PostgreSQL's columns have types: the driver has read them")
    async with shelf(database_url):
        with pytest.raises(
            QueryError, match=r"for Token.(id|changed) what that field cannot read[\s\S]*Got: "
        ):
            await Token.objects.raw("SELECT '0' AS id, 7 AS changed")


async def test_ch2_raw_queries_read_anything_until_they_say_what(database_url: str) -> None:
    books = Book.objects.raw("SELECT b.* FROM tests_book b JOIN tests_author a ON a.id = b.author_id")
    async with shelf(database_url) as database:
        for query, meets in ((books, True), (books.reads("tests_author"), True), (books.reads(), False)):
            with recording(ReadSet()) as reads:
                assert len(await query) == 3
            assert reads.meets(WriteSet(tables=frozenset(("tests_author",)))) == meets
            assert reads.meets(WriteSet(tables=frozenset(("tests_book",))))
            assert not reads.meets(NOTHING)
        with recording(ReadSet()) as reads:
            await database.fetch(Statement(sql="SELECT count(*) FROM tests_tag"))
        assert reads.meets(WriteSet(tables=frozenset(("tests_tag",))))


def test_or14_placeholders() -> None:
    assert with_placeholders("a = %s AND b LIKE 'x%%' AND c = %s", [1, 2], "postgresql") == (
        "a = $1 AND b LIKE 'x%' AND c = $2",
        (1, 2),
    )
    assert with_placeholders("a = %(x)s OR b = %(x)s", {"x": 1}, "sqlite") == ("a = ? OR b = ?", (1, 1))
    assert with_placeholders("a LIKE 'x%'", (), "sqlite") == ("a LIKE 'x%'", ())
    with pytest.raises(QueryError, match="without parameters"):
        with_placeholders("%s %s", [1], "sqlite")
    with pytest.raises(QueryError, match="more parameters"):
        with_placeholders("%s", [1, 2], "sqlite")
