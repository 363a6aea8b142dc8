"""From SQLSTATE to our errors, with where it happened and without anybody's data."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.db.postgresql.support import plain, read, write
from vivace.db.postgresql import PostgreSQLDriver
from vivace.db.postgresql.errors import CLASSES, key_columns, shortened, translate, unreachable
from vivace.db.postgresql.wire import InterfaceError, PostgresError
from vivace.db.types import TransactionOptions
from vivace.errors import (
    CheckViolation,
    DatabaseError,
    DatabaseUnavailable,
    DataError,
    ExclusionViolation,
    ForeignKeyViolation,
    IntegrityError,
    LockTimeout,
    NotNullViolation,
    ProgrammingError,
    SerializationFailure,
    UniqueViolation,
)

SCHEMA = """
CREATE EXTENSION btree_gist;
CREATE TABLE author (id int PRIMARY KEY, email text, "two words" text,
    CONSTRAINT one_address UNIQUE (email, "two words"));
CREATE UNIQUE INDEX lower_email ON author (lower(email));
CREATE TABLE book (id int PRIMARY KEY, author_id int NOT NULL CONSTRAINT written_by REFERENCES author,
    price int CONSTRAINT not_free CHECK (price > 0), during int4range,
    CONSTRAINT no_overlap EXCLUDE USING gist (author_id WITH =, during WITH &&));
INSERT INTO author VALUES (1, 'a@secret', 'b');
INSERT INTO book VALUES (1, 1, 5, '[1,5)');
"""


@pytest.mark.parametrize(
    ("sql", "error", "constraint", "table", "columns"),
    [
        ("INSERT INTO author VALUES (2, 'a@secret', 'b')", UniqueViolation, "one_address", "author", ("email", "two words")),
        ("INSERT INTO author VALUES (2, 'A@SECRET', 'c')", UniqueViolation, "lower_email", "author", ("lower(email)",)),
        ("INSERT INTO book VALUES (2, 7, 5)", ForeignKeyViolation, "written_by", "book", ("author_id",)),
        ("DELETE FROM author", ForeignKeyViolation, "written_by", "book", ("id",)),
        ("UPDATE book SET price = 0", CheckViolation, "not_free", "book", ()),
        ("UPDATE book SET author_id = NULL", NotNullViolation, "", "book", ("author_id",)),
        ("INSERT INTO book VALUES (2, 1, 5, '[2,3)')", ExclusionViolation, "no_overlap", "book", ("author_id", "during")),
    ],
)  # fmt: skip
async def test_violations_name_rule_table_and_columns(
    driver: PostgreSQLDriver,
    sql: str,
    error: type[IntegrityError],
    constraint: str,
    table: str,
    columns: tuple[str, ...],
) -> None:
    session = await driver.begin(TransactionOptions())
    await session.run_script(SCHEMA)
    with pytest.raises(error) as caught:
        await session.execute(write(sql, table))
    found = caught.value
    assert (found.constraint, found.table, found.columns) == (constraint, table, columns)
    assert found.status == 409
    assert "secret" not in str(found).lower()
    assert found.__cause__ is None
    assert found.__suppress_context__
    await session.rollback()


@pytest.mark.parametrize("sql", ["SELECT 1 FROM nowhere", "SELECT nothing"])
async def test_what_is_missing_names_the_command_that_makes_it(driver: PostgreSQLDriver, sql: str) -> None:
    with pytest.raises(ProgrammingError) as caught:
        await driver.fetch(read(sql))
    assert "vivace migrate" in caught.value.fix


@pytest.mark.parametrize(
    ("sql", "error"),
    [
        ("SELEC 1", ProgrammingError),
        ("SELECT nothing", ProgrammingError),
        ("SELECT 'hunter2'::int", DataError),
        ("SELECT 1 / 0", DataError),
        ("SELECT 'x'::varchar(1) || repeat('y', 5)::varchar(2) WHERE 'hunter2'::date IS NULL", DataError),
        ("DROP TABLE item CASCADE; SELECT 1", ProgrammingError),
    ],
)
async def test_wrong_statements_and_values(
    driver: PostgreSQLDriver, sql: str, error: type[DatabaseError]
) -> None:
    with pytest.raises(error) as caught:
        await driver.fetch(read(sql))
    assert "hunter2" not in caught.value.what
    assert caught.value.sqlstate


async def test_a_lock_that_is_taken(driver: PostgreSQLDriver) -> None:
    lock = read("SELECT id FROM item WHERE id = 1 FOR UPDATE NOWAIT")
    one, two = await driver.begin(TransactionOptions()), await driver.begin(TransactionOptions())
    await one.fetch(lock)
    with pytest.raises(LockTimeout):
        await two.fetch(lock)
    await one.rollback()
    await two.rollback()


async def test_a_deadlock_is_a_reason_to_run_again(driver: PostgreSQLDriver) -> None:
    change = write("UPDATE item SET price = 1 WHERE id = $1", "item")
    one, two = await driver.begin(TransactionOptions()), await driver.begin(TransactionOptions())
    for session in (one, two):
        await session.run_script("SET LOCAL deadlock_timeout = 10")
    await one.execute(change, (1,))
    await two.execute(change, (2,))
    outcomes = await asyncio.gather(
        one.execute(change, (2,)), two.execute(change, (1,)), return_exceptions=True
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) in (
        ["SerializationFailure", "int"],
        ["SerializationFailure", "SerializationFailure"],
    )
    assert any(isinstance(outcome, SerializationFailure) for outcome in outcomes)
    await one.rollback()
    await two.rollback()
    assert plain(await driver.fetch(read("SELECT 1"))) == [(1,)]


@pytest.mark.parametrize(
    ("detail", "columns"),
    [
        ("Key (email)=(x) already exists.", ("email",)),
        ("Key (a, b)=(1, 2) already exists.", ("a", "b")),
        ("Schlüssel »(a, b)=(1, )=(2)« existiert bereits.", ("a", "b")),
        ('Key ("two words")=(x) already exists.', ("two words",)),
        ("Failing row contains (1, null).", ()),
        ("", ()),
    ],
)
def test_the_columns_of_a_detail(detail: str, columns: tuple[str, ...]) -> None:
    assert key_columns(detail) == columns


@pytest.mark.parametrize("code", sorted(CLASSES))
def test_the_table_of_codes(code: str) -> None:
    error: Any = PostgresError("something")
    error.sqlstate = code.ljust(5, "9")
    assert type(translate(error)) is CLASSES[code]
    assert translate(error).args[0] == "PostgreSQL: something"


def test_unknown_codes_and_foreign_errors() -> None:
    error: Any = PostgresError("odd")
    error.sqlstate = "ZZ000"
    assert type(translate(error)) is DatabaseError
    mine = KeyError("mine")
    assert translate(mine) is mine
    assert isinstance(translate(ConnectionResetError("gone")), DatabaseUnavailable)
    assert isinstance(translate(InterfaceError("connection is closed")), DatabaseUnavailable)
    assert isinstance(translate(InterfaceError("odd use")), ProgrammingError)


def test_an_unreachable_server_says_why() -> None:
    assert unreachable(TimeoutError(), "h:1/d").got == "no answer in time (connect_timeout)"
    known = DatabaseUnavailable("known")
    assert unreachable(known, "h:1/d") is known
    error: Any = PostgresError("password authentication failed")
    error.sqlstate = "28P01"
    assert "pg_hba" in unreachable(error, "h:1/d").fix


def test_long_statements_are_shortened() -> None:
    assert shortened("SELECT\n   1") == "SELECT 1"
    assert len(shortened("x" * 1000)) == 301
