"""The change feed: what statements report about their rows, and when it is told."""

from __future__ import annotations

import pytest

from tests.db.postgresql.support import listen, plain, read, write
from vivace.changes import EVERYTHING, NOTHING, Change, Condition, ReadSet, WriteSet
from vivace.db.postgresql import PostgreSQLDriver
from vivace.db.types import Capture, Statement, TransactionOptions
from vivace.errors import UniqueViolation

PLAIN = TransactionOptions()
DELETE = write(
    "DELETE FROM item WHERE id = $1 RETURNING name, id, price",
    "item",
    capture=Capture(table="item", operation="delete", key=("id",), columns=("price",), width=1),
)
INSERT = write(
    "INSERT INTO item VALUES ($1, $2, $3) RETURNING id, price",
    "item",
    capture=Capture(table="item", operation="insert", key=("id",), columns=("price",)),
)
UPDATE_18 = write(
    "UPDATE item SET price = price + $2 WHERE id <= $1 RETURNING item.id, old.price, new.price",
    "item",
    capture=Capture(table="item", operation="update", key=("id",), columns=("price",)),
)
UPDATE_BLIND = write(
    "UPDATE item SET price = price + $2 WHERE id <= $1 RETURNING id, price",
    "item",
    capture=Capture(table="item", operation="update", key=("id",), columns=("price",), old_known=False),
)


def deleted(key: int) -> Change:
    """Return the change of a deleted item."""
    return Change(table="item", operation="delete", key=(key,), old={"price": key * 10}, new={})


async def test_ch1_autocommit_statements_tell_their_rows(driver: PostgreSQLDriver) -> None:
    told = listen(driver)
    assert plain(await driver.fetch(DELETE, (1,))) == [("item 1",)]
    assert await driver.execute(DELETE, (2,)) == 1
    assert plain(await driver.fetch(INSERT, (50, "new", 5))) == [()]
    assert told == [
        WriteSet(changes=(deleted(1),)),
        WriteSet(changes=(deleted(2),)),
        WriteSet(changes=(Change(table="item", operation="insert", key=(50,), old={}, new={"price": 5}),)),
    ]
    assert await driver.execute(DELETE, (1,)) == 0
    await driver.fetch(read("SELECT 1"))
    assert len(told) == 3


async def test_ch1_updates_tell_old_and_new(driver: PostgreSQLDriver) -> None:
    told = listen(driver)
    assert await driver.execute(UPDATE_18, (2, 1)) == 2
    changes = sorted(told[0].changes, key=lambda change: change.key)
    assert [(change.key, change.old, change.new) for change in changes] == [
        ((1,), {"price": 10}, {"price": 11}),
        ((2,), {"price": 20}, {"price": 21}),
    ]
    await driver.execute(UPDATE_BLIND, (1, 1))
    assert told[1].changes[0].old is None
    assert told[1].changes[0].new == {"price": 12}


async def test_ch1_an_upsert_that_met_no_conflict_inserts(driver: PostgreSQLDriver) -> None:
    told = listen(driver)
    capture = Capture(table="item", operation="update", key=("id",), columns=("id", "price"))
    upsert = write(
        "INSERT INTO item VALUES (1, 'one', 7), (90, 'new', 8) ON CONFLICT (id) DO UPDATE SET price = EXCLUDED.price "
        "RETURNING new.id, old.id, old.price, new.id, new.price",
        "item",
        capture=capture,
    )
    await driver.execute(upsert)
    assert told[0].changes == (
        Change(
            table="item", operation="update", key=(1,), old={"id": 1, "price": 10}, new={"id": 1, "price": 7}
        ),
        Change(table="item", operation="insert", key=(90,), old={}, new={"id": 90, "price": 8}),
    )


async def test_ch1_a_capture_without_columns_is_unknown_not_absent(driver: PostgreSQLDriver) -> None:
    told = listen(driver)
    capture = Capture(table="item", operation="update", key=("id",), columns=())
    await driver.execute(
        write("UPDATE item SET price = 1 WHERE id = 1 RETURNING id", "item", capture=capture)
    )
    assert ReadSet({"item": (Condition("price", frozenset({77})),)}).meets(told[0])


async def test_ch1_nothing_is_collected_while_nobody_listens(driver: PostgreSQLDriver) -> None:
    told = listen(driver)
    driver.listening = False
    assert plain(await driver.fetch(DELETE, (1,))) == [("item 1",)]
    session = await driver.begin(PLAIN)
    assert plain(await session.fetch(DELETE, (2,))) == [("item 2",)]
    assert await session.commit() is NOTHING
    assert told == []


async def test_ch1_raw_sql_tells_its_tables_or_everything(driver: PostgreSQLDriver) -> None:
    told = listen(driver)
    await driver.execute(write("UPDATE item SET price = 0", "item", "shop"))
    await driver.execute(Statement(sql="UPDATE item SET price = 0", writes=None))
    assert told == [WriteSet(tables=frozenset({"item", "shop"})), EVERYTHING]
    with pytest.raises(UniqueViolation):
        await driver.execute(INSERT, (1, "again", 1))
    assert len(told) == 2


async def test_ch1_a_transaction_tells_at_commit_what_was_not_undone(driver: PostgreSQLDriver) -> None:
    told = listen(driver)
    session = await driver.begin(PLAIN)
    await session.fetch(DELETE, (1,))
    await session.savepoint("s")
    await session.execute(DELETE, (2,))
    await session.execute(write("UPDATE item SET price = 0", "other"))
    await session.rollback_to("s")
    await session.release("s")
    await session.savepoint("t")
    await session.execute(DELETE, (3,))
    with pytest.raises(UniqueViolation):
        await session.execute(INSERT, (4, "again", 1))
    await session.rollback_to("t")
    await session.execute_many(INSERT, [(60, "a", 1), (61, "b", 2)])
    written = await session.commit()
    assert [(change.operation, change.key) for change in written.changes] == [
        ("delete", (1,)),
        ("insert", (60,)),
        ("insert", (61,)),
    ]
    assert written.tables == frozenset()
    assert told == []  # the caller has it


async def test_ch1_a_rollback_tells_nothing(driver: PostgreSQLDriver) -> None:
    told = listen(driver)
    session = await driver.begin(PLAIN)
    await session.fetch(DELETE, (1,))
    await session.rollback()
    assert told == []


async def test_ch1_writes_can_be_taken_at_a_savepoint(driver: PostgreSQLDriver) -> None:
    listen(driver)
    session = await driver.begin(PLAIN)
    await session.fetch(DELETE, (1,))
    await session.savepoint("s")
    assert session.take_writes().changes == (deleted(1),)
    await session.fetch(DELETE, (2,))
    await session.rollback_to("s")
    await session.fetch(DELETE, (3,))
    assert (await session.commit()).changes == (deleted(3),)


async def test_ch1_scripts_tell_everything(driver: PostgreSQLDriver) -> None:
    listen(driver)
    session = await driver.begin(PLAIN)
    await session.run_script("TRUNCATE item")
    assert await session.commit() == EVERYTHING
