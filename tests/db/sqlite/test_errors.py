"""SQLite's errors become ours, with the names that SQLite tells."""

from __future__ import annotations

import os
from pathlib import Path

import apsw
import pytest

from tests.db.sqlite.support import opened, read, write
from vivace.db.sqlite import SQLiteDriver, SQLiteOptions, dangling
from vivace.db.types import TransactionOptions
from vivace.errors import (
    CheckViolation,
    ConfigurationError,
    DatabaseError,
    DatabaseUnavailable,
    DataError,
    ForeignKeyViolation,
    IntegrityError,
    NotNullViolation,
    ProgrammingError,
    UniqueViolation,
)

TABLES = (
    """CREATE TABLE p (id integer PRIMARY KEY, a int, b text, n int NOT NULL DEFAULT 1,
        CONSTRAINT small CHECK (a < 10), CHECK (b <> 'bad'), UNIQUE (a, b))""",
    "CREATE UNIQUE INDEX p_lower ON p (lower(b), n)",
    "CREATE TABLE c (id integer PRIMARY KEY, p int REFERENCES p (id))",
    "CREATE TABLE d (id integer PRIMARY KEY, p int REFERENCES p (id) DEFERRABLE INITIALLY DEFERRED)",
    "CREATE TABLE e (x int, y int, FOREIGN KEY (x, y) REFERENCES k DEFERRABLE INITIALLY DEFERRED)",
    "CREATE TABLE k (x int, y int, PRIMARY KEY (x, y)) WITHOUT ROWID",
    "CREATE TABLE s (a int) STRICT",
    "CREATE TRIGGER no BEFORE DELETE ON k BEGIN SELECT raise(ABORT, 'rows stay'); END",
    'CREATE TABLE "odd.name" ("a b" int UNIQUE)',
    "INSERT INTO p VALUES (1, 1, 'x', 1)",
    "INSERT INTO k VALUES (1, 1)",
    'INSERT INTO "odd.name" VALUES (1)',
)
BROKEN: list[tuple[str, type[IntegrityError], str, str, tuple[str, ...]]] = [
    ("INSERT INTO p VALUES (1, 2, 'y', 1)", UniqueViolation, "", "p", ("id",)),
    ("INSERT INTO p VALUES (2, 1, 'x', 5)", UniqueViolation, "", "p", ("a", "b")),
    ("INSERT INTO p VALUES (2, 2, 'X', 1)", UniqueViolation, "p_lower", "", ()),
    ("INSERT INTO k VALUES (1, 1)", UniqueViolation, "", "k", ("x", "y")),
    ('INSERT INTO "odd.name" VALUES (1)', UniqueViolation, "", "odd.name", ("a b",)),
    ("INSERT INTO p VALUES (2, 11, 'y', 1)", CheckViolation, "small", "", ()),
    ("INSERT INTO p VALUES (2, 2, 'bad', 1)", CheckViolation, "b <> 'bad'", "", ()),
    ("INSERT INTO p VALUES (2, 2, 'y', NULL)", NotNullViolation, "", "p", ("n",)),
    (
        "INSERT INTO c VALUES (1, 77)",
        ForeignKeyViolation,
        "",
        "",
        (),
    ),  # SQLite did not write the row: nothing to find
    ("INSERT INTO d VALUES (1, 77)", ForeignKeyViolation, "", "d", ("p",)),
    ("INSERT INTO e VALUES (1, 77)", ForeignKeyViolation, "", "e", ("x", "y")),
    ("DELETE FROM k", IntegrityError, "", "", ()),
]


@pytest.mark.parametrize(("sql", "kind", "constraint", "table", "columns"), BROKEN)
async def test_violations(
    tmp_path: Path,
    sql: str,
    kind: type[IntegrityError],
    constraint: str,
    table: str,
    columns: tuple[str, ...],
) -> None:
    async with opened(tmp_path / "a.db") as driver:
        for each in TABLES:
            await driver.execute(write(each))
        with pytest.raises(kind) as caught:
            await driver.execute(write(sql))
        error = caught.value
        assert type(error) is kind
        assert (error.constraint, error.table, error.columns) == (constraint, table, columns)
        assert error.status == 409


WRONG: list[tuple[str, tuple[object, ...], type[DatabaseError]]] = [
    ("INSERT INTO s VALUES (?)", ("text",), DataError),
    ("INSERT INTO p (id) VALUES (?)", ("text",), DataError),
    ("SELECT abs(-9223372036854775808)", (), DataError),
    ("SELECT json('{')", (), DataError),
    ("SELECT json_extract('{}', 'wrong')", (), DataError),
    ("SELECT zeroblob(2000000000)", (), DataError),
    ("SELECT ?", (2**63,), DataError),
    ("SELECT ?", ("\udc00",), DataError),
    ("SELECT ?", (object(),), DataError),
    ("SELECT ?", ([1],), DataError),
    ("SELECT 'a' REGEXP '('", (), DataError),
    ("SELECT ?", (), ProgrammingError),
    ("SELECT 1 FROM", (), ProgrammingError),
    ("INSERT INTO p DEFAULT", (), ProgrammingError),
]


@pytest.mark.parametrize(
    "sql", ["SELECT 1 FROM nowhere", "SELECT nix FROM p", "INSERT INTO p (q) VALUES (1)"]
)
async def test_what_is_missing_names_the_command_that_makes_it(tmp_path: Path, sql: str) -> None:
    async with opened(tmp_path / "a.db") as driver:
        for statement in TABLES:
            await driver.execute(write(statement))
        with pytest.raises(ProgrammingError) as caught:
            await driver.fetch(write(sql))
    assert "vivace migrate" in caught.value.fix


@pytest.mark.parametrize(("sql", "parameters", "kind"), WRONG)
async def test_wrong_values_and_wrong_sql(
    tmp_path: Path, sql: str, parameters: tuple[object, ...], kind: type[DatabaseError]
) -> None:
    async with opened(tmp_path / "a.db") as driver:
        for each in TABLES:
            await driver.execute(write(each))
        statements = (
            [write(sql)] if sql.startswith("INSERT") else [write(sql), read(sql), read(sql, short=True)]
        )
        for statement in statements:
            with pytest.raises(kind) as caught:
                await driver.fetch(statement, parameters)
            assert type(caught.value) is kind
            assert await driver.fetch(read("SELECT 1", short=True)) == [(1,)]


def test_options_are_checked() -> None:
    with pytest.raises(ConfigurationError, match="readers"):
        SQLiteOptions(readers=0)
    with pytest.raises(ConfigurationError, match="group_limit"):
        SQLiteOptions(group_limit=0)


async def test_a_folder_that_is_not_there_is_unavailable_until_it_is(tmp_path: Path) -> None:
    driver = SQLiteDriver(SQLiteOptions(str(tmp_path / "sub" / "a.db")))
    with pytest.raises(DatabaseUnavailable, match="cannot be opened"):
        await driver.open()
    (tmp_path / "sub").mkdir()
    await driver.open()
    await driver.execute(write("CREATE TABLE t (a)"))
    await driver.close()


async def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(b"This is no database. " * 1000)
    driver = SQLiteDriver(SQLiteOptions(str(path)))
    with pytest.raises(DatabaseUnavailable, match="no SQLite database"):
        await driver.open()
    path.unlink()
    await driver.open()
    await driver.close()


async def test_a_file_that_goes_and_comes_back_needs_no_restart(tmp_path: Path) -> None:
    path, away = tmp_path / "a.db", tmp_path / "away"
    name = read("SELECT name FROM item WHERE id = 1", short=True)
    add = write("INSERT INTO item (id, name) VALUES (?, ?)", "item")
    async with opened(path, tables=True) as driver:
        assert await driver.fetch(name) == [("item 1",)]
        away.mkdir()
        for each in ("a.db", "a.db-wal", "a.db-shm"):
            os.rename(tmp_path / each, away / each)
        driver._inline._look_at = 0
        for work in (driver.fetch(name), driver.execute(add, (30, "x")), driver.fetch(read("SELECT 1"))):
            with pytest.raises(DatabaseUnavailable):
                await work
        assert not path.exists()  # no empty database in its place
        for each in ("a.db", "a.db-wal", "a.db-shm"):
            os.rename(away / each, tmp_path / each)
        assert await driver.fetch(name) == [("item 1",)]
        assert await driver.execute(add, (30, "x")) == 1
        assert await driver.fetch(read("SELECT count(*) FROM item")) == [(21,)]


async def test_a_damaged_file_is_unavailable_and_can_be_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    async with opened(path, tables=True) as driver:
        await driver.backup(tmp_path / "whole.db")
    content = bytearray((tmp_path / "whole.db").read_bytes())
    content[4096:] = b"\x55" * (len(content) - 4096)
    path.write_bytes(content)
    count = read("SELECT sum(price) FROM item")
    async with opened(path) as driver:
        with pytest.raises(DatabaseUnavailable, match="damaged"):
            await driver.fetch(count)
        with pytest.raises(DatabaseUnavailable, match="damaged"):
            await driver.execute(write("UPDATE item SET price = 1", "item"))
        for each in ("a.db-wal", "a.db-shm"):
            (tmp_path / each).unlink(missing_ok=True)
        os.replace(tmp_path / "whole.db", path)
        driver._inline._look_at = 0
        assert await driver.execute(write("UPDATE item SET price = 1", "item")) == 20
        assert await driver.fetch(count) == [(20,)]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
async def test_a_file_that_may_not_be_written_is_read_only_until_it_may(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    async with opened(path, tables=True):
        pass
    path.chmod(0o444)
    async with opened(path) as driver:
        with pytest.raises(DatabaseError) as caught:
            await driver.execute(write("DELETE FROM item", "item"))
        assert caught.value.code == "database-read-only"
        path.chmod(0o644)
        assert await driver.execute(write("DELETE FROM item", "item")) == 20


async def test_the_message_shows_the_sql_and_no_values(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db", tables=True) as driver:
        with pytest.raises(UniqueViolation) as caught:
            await driver.execute(write("INSERT INTO item (id, name) VALUES (1, ?)", "item"), ("secret",))
        assert "INSERT INTO item" in str(caught.value)
        assert "secret" not in str(caught.value)
        assert isinstance(caught.value.__cause__, apsw.ConstraintError)


async def test_what_points_to_a_deleted_row_is_named(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db") as driver:
        for each in (*TABLES, "INSERT INTO d VALUES (1, 1)", "INSERT INTO d VALUES (2, 1)"):
            await driver.execute(write(each))
        with pytest.raises(ForeignKeyViolation, match=r"d\.p names a row of p that is not there") as caught:
            await driver.execute(write("DELETE FROM p", "p"))
        assert (caught.value.table, caught.value.columns) == ("d", ("p",))
        await driver.execute(write("CREATE TABLE f (p int REFERENCES p (id) DEFERRABLE INITIALLY DEFERRED)"))
        await driver.execute(write("INSERT INTO f VALUES (1)"))
        with pytest.raises(ForeignKeyViolation, match=r"d\.p .* f\.p") as caught:
            await driver.execute(write("DELETE FROM p", "p"))
        assert (caught.value.table, caught.value.columns) == ("", ())


async def test_rows_that_pointed_to_nothing_before_are_not_blamed(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db") as driver:
        for each in TABLES:
            await driver.execute(write(each))
        session = await driver.begin(TransactionOptions(unchecked=True))
        await session.execute(write("CREATE TABLE old (k int REFERENCES c (id))"))
        await session.commit()
        other = apsw.Connection(str(tmp_path / "a.db"))  # which does not look at foreign keys
        other.execute("INSERT INTO old VALUES (99)")
        other.close()
        with pytest.raises(ForeignKeyViolation) as caught:
            await driver.execute(write("INSERT INTO d VALUES (1, 77)", "d"))
        assert (caught.value.table, caught.value.columns) == ("d", ("p",))


async def test_a_search_that_takes_long_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dangling, "_PATIENCE", -1.0)
    async with opened(tmp_path / "a.db") as driver:
        for each in TABLES:
            await driver.execute(write(each))
        numbers = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)"
        await driver.execute(write(f"INSERT INTO d {numbers} SELECT i, 1 FROM n"))
        with pytest.raises(ForeignKeyViolation, match="a row points to one that is not there") as caught:
            await driver.execute(write("INSERT INTO d VALUES (90000, 77)", "d"))
        assert caught.value.table == ""
        await driver.execute(write("INSERT INTO d VALUES (90000, 1)", "d"))
