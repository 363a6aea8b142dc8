"""The change feed sees what was written, whoever wrote it and however."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tests.db.sqlite.support import PLAIN, opened, read, write
from vivace.changes import Change, WriteSet
from vivace.db.sqlite import SQLiteDriver
from vivace.db.types import TableColumns


class Feed:
    """A driver whose write sets are kept."""

    def __init__(self, driver: SQLiteDriver) -> None:
        self.driver = driver
        self.told: list[WriteSet] = []
        driver.announce = self.told.append
        driver.listening = True

    async def run(self, sql: str, *tables: str) -> WriteSet:
        """Run a write and return what it was said to have written."""
        self.told.clear()
        await self.driver.execute(write(sql, *tables))
        return self.told[0] if self.told else WriteSet()

    async def setup(self, *statements: str) -> None:
        """Run statements that are not looked at."""
        for each in statements:
            await self.driver.execute(write(each))


@pytest.fixture
async def feed(tmp_path: Path) -> AsyncGenerator[Feed]:
    async with opened(tmp_path / "a.db") as driver:
        feed = Feed(driver)
        await feed.setup(
            "CREATE TABLE author (id integer PRIMARY KEY, name text)",
            "CREATE TABLE book (id integer PRIMARY KEY, title text UNIQUE, pages int, "
            "author_id int REFERENCES author (id) ON DELETE CASCADE)",
            "CREATE TABLE tag (book_id int, name text, weight int, PRIMARY KEY (book_id, name)) WITHOUT ROWID",
            "CREATE TABLE log (text text)",
            "CREATE TRIGGER note AFTER UPDATE ON book BEGIN INSERT INTO log VALUES (new.title); END",
            "INSERT INTO author VALUES (1, 'Ann'), (2, 'Bo')",
            "INSERT INTO book VALUES (10, 'one', 100, 1), (11, 'two', 200, 1), (12, 'three', 300, 2)",
            "INSERT INTO tag VALUES (10, 'x', 1)",
        )
        driver.watch(
            [
                TableColumns(table="author", key=("id",), columns=()),
                TableColumns(table="book", key=("id",), columns=("author_id",)),
                TableColumns(table="tag", key=("book_id", "name"), columns=("book_id",)),
            ]
        )
        yield feed


async def test_ch1_keys_and_watched_columns_are_told_no_others(feed: Feed) -> None:
    written = await feed.run("INSERT INTO book VALUES (13, 'four', 5, 2)", "book")
    assert written.changes == (
        Change(table="book", operation="insert", key=(13,), old={}, new={"id": 13, "author_id": 2}),
    )
    written = await feed.run("UPDATE book SET author_id = 1, pages = 7 WHERE id = 13", "book")
    assert written.changes == (
        Change(
            table="book",
            operation="update",
            key=(13,),
            old={"id": 13, "author_id": 2},
            new={"id": 13, "author_id": 1},
        ),
    )
    assert written.tables == {"log"}  # by the trigger; not watched
    written = await feed.run("DELETE FROM book WHERE id = 13", "book")
    assert written.changes == (
        Change(table="book", operation="delete", key=(13,), old={"id": 13, "author_id": 1}, new={}),
    )


async def test_ch1_composite_keys_without_rowid(feed: Feed) -> None:
    written = await feed.run("INSERT INTO tag VALUES (11, 'y', 3)", "tag")
    assert [(change.key, change.new) for change in written.changes] == [
        ((11, "y"), {"book_id": 11, "name": "y"})
    ]
    written = await feed.run("UPDATE tag SET name = 'z' WHERE book_id = 11", "tag")
    (change,) = written.changes
    assert (change.key, change.old) == ((11, "z"), {"book_id": 11, "name": "y"})
    written = await feed.run("REPLACE INTO tag VALUES (11, 'z', 4)", "tag")
    assert [change.operation for change in written.changes] == ["delete", "insert"]


async def test_ch1_cascades_are_told(feed: Feed) -> None:
    written = await feed.run("DELETE FROM author WHERE id = 1", "author")
    assert {(change.table, change.operation, change.key) for change in written.changes} == {
        ("author", "delete", (1,)),
        ("book", "delete", (10,)),
        ("book", "delete", (11,)),
    }


async def test_ch1_a_row_that_is_replaced_is_told(feed: Feed) -> None:
    written = await feed.run("INSERT OR REPLACE INTO book VALUES (20, 'one', 1, 2)", "book")
    assert [(change.operation, change.key) for change in written.changes] == [
        ("delete", (10,)),
        ("insert", (20,)),
    ]
    written = await feed.run(
        "INSERT INTO book VALUES (21, 'two', 1, 2) ON CONFLICT (title) DO UPDATE SET author_id = 2", "book"
    )
    assert [(change.operation, change.key) for change in written.changes] == [("update", (11,))]
    assert not await feed.run("INSERT OR IGNORE INTO book VALUES (22, 'two', 1, 2)", "book")


async def test_ch1_a_delete_of_all_rows_tells_each(feed: Feed) -> None:
    """Prepared while nobody listened, it would use the truncate optimisation, which tells nothing."""
    delete = "DELETE FROM tag"
    feed.driver.listening = False
    for _ in range(3):
        await feed.setup("INSERT INTO tag VALUES (1, 'a', 1), (1, 'b', 1) ON CONFLICT DO NOTHING", delete)
    await feed.setup("INSERT INTO tag VALUES (1, 'a', 1), (1, 'b', 1)")
    feed.driver.listening = True
    written = await feed.run(delete, "tag")
    assert {change.key for change in written.changes} == {(1, "a"), (1, "b")}


async def test_ch1_full_text_tables_are_told_by_their_name(feed: Feed) -> None:
    await feed.setup(
        "CREATE VIRTUAL TABLE docs USING fts5(text)", "CREATE VIRTUAL TABLE docs_data2 USING fts5(text)"
    )
    assert (await feed.run("INSERT INTO docs VALUES ('hello world')", "docs")).tables == {"docs"}
    assert (await feed.run("UPDATE docs SET text = 'bye'")).tables == {"docs"}
    assert (await feed.run("DELETE FROM docs", "docs")).tables == {"docs"}
    assert (await feed.run("INSERT INTO docs_data2 VALUES ('x')", "docs")).tables == {"docs_data2"}


async def test_ch1_tables_with_virtual_columns_are_told_as_a_whole(feed: Feed) -> None:
    await feed.setup(
        "CREATE TABLE v (id integer PRIMARY KEY, a int, b int AS (a * 2), c int AS (a * 3) STORED)"
    )
    await feed.setup("CREATE TABLE s (id integer PRIMARY KEY, c int AS (a * 3) STORED, a int)")
    feed.driver.watch([TableColumns(table=name, key=("id",), columns=("a", "c")) for name in "vs"])
    assert (await feed.run("INSERT INTO v (a) VALUES (1)", "v")).tables == {"v"}
    (change,) = (await feed.run("INSERT INTO s (a) VALUES (2)", "s")).changes
    assert change.new == {"id": 1, "a": 2, "c": 6}


async def test_ch1_a_failed_statement_tells_nothing(feed: Feed) -> None:
    driver = feed.driver
    session = await driver.begin(PLAIN)
    await session.savepoint("a")
    with pytest.raises(Exception, match="UNIQUE"):
        await session.execute(write("INSERT INTO book VALUES (30, 'new', 1, 1), (31, 'one', 1, 1)", "book"))
    await session.rollback_to("a")
    await session.execute(write("UPDATE author SET name = 'Al' WHERE id = 1", "author"))
    assert (await session.commit()).touched() == {"author"}


async def test_ch1_many_rows_become_their_table(feed: Feed) -> None:
    written = await feed.run(
        "WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) "
        "INSERT INTO book SELECT i, 'b' || i, i, 1 FROM n",
        "book",
    )
    assert len(written.changes) == 1000
    assert written.tables == {"book"}


async def test_ch1_columns_are_found_anew_after_a_schema_change(feed: Feed) -> None:
    driver = feed.driver
    session = await driver.begin(PLAIN)
    await session.execute(write("ALTER TABLE book RENAME TO old_book"))
    await session.execute(write("CREATE TABLE book (extra int, author_id int, id integer PRIMARY KEY)"))
    await session.execute(write("INSERT INTO book VALUES (0, 5, 77)", "book"))
    written = await session.commit()
    assert written.everything
    assert written.changes[-1].new == {"id": 77, "author_id": 5}
    session = await driver.begin(PLAIN)
    await session.execute(write("DROP TABLE book"))
    await session.rollback()
    (change,) = (await feed.run("UPDATE book SET author_id = 6", "book")).changes
    assert change.old == {"id": 77, "author_id": 5}


async def test_ch1_who_comes_in_the_middle_is_told_everything(feed: Feed) -> None:
    driver = feed.driver
    driver.listening = False
    session = await driver.begin(PLAIN)
    await session.execute(write("DELETE FROM book", "book"))
    driver.listening = True
    assert (await session.commit()).everything


async def test_ch1_temporary_tables_are_nobodys_business(feed: Feed) -> None:
    await feed.setup("CREATE TEMP TABLE book (id integer PRIMARY KEY)")
    assert not await feed.run("INSERT INTO temp.book VALUES (1)")


async def test_ch1_one_commit_of_many_writes_is_told_once(feed: Feed) -> None:
    driver = feed.driver
    feed.told.clear()
    before = driver.counters.groups
    await asyncio.gather(
        *(driver.execute(write("INSERT INTO log VALUES (?)", "log"), (str(number),)) for number in range(20))
    )
    assert len(feed.told) == driver.counters.groups - before < 20
    assert {name for written in feed.told for name in written.tables} == {"log"}


async def test_without_listeners_no_hook_is_installed(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db", tables=True) as driver:
        hook = driver._hook
        await driver.execute(write("DELETE FROM item WHERE id = 1", "item"))
        seen = [hook.recording]
        driver.listening = True
        await driver.execute(write("DELETE FROM item WHERE id = 2", "item"))
        seen.append(hook.recording)
        driver.listening = False
        await driver.execute(write("DELETE FROM item WHERE id = 3", "item"))
        assert [*seen, hook.recording] == [False, True, False]
        assert await driver.fetch(read("SELECT count(*) FROM item")) == [(17,)]
