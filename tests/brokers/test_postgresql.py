"""What is special about the broker on PostgreSQL: its tables, its log, poolers, rights."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlsplit

import msgspec
import psycopg
import pytest

from tests.brokers.stage import CALM, Party, calm
from tests.brokers.waiting import until
from tests.servers import Databases, Missing, PgBouncer
from vivace.brokers.postgresql import PostgreSQLBroker
from vivace.brokers.tables import TABLES
from vivace.db import Database
from vivace.db.postgresql import PostgreSQLDriver
from vivace.db.urls import connect
from vivace.errors import BrokerError, BrokerRefused, BrokerUnavailable, DatabaseURLInvalid
from vivace.migrations.drift import drift
from vivace.migrations.inspectdb import inspect
from vivace.migrations.state import ProjectState

IGNORED = "vivace.origin,default_transaction_isolation,default_transaction_read_only,idle_in_transaction_session_timeout"


def ask(url: str, sql: str) -> list[tuple[Any, ...]]:
    """Run SQL beside the broker."""
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(sql.encode())
        return cursor.fetchall() if cursor.description else []


async def test_it_works_on_every_version(every_postgresql_url: str) -> None:
    one, two = (Party(PostgreSQLBroker(every_postgresql_url, options=CALM)) for _ in range(2))
    await one.start()
    await two.start()
    try:
        start = await two.broker.subscribe("room")
        await one.broker.put("room", "ann", b"1")
        await one.broker.publish("room", b"hello")
        await two.hears("room", b"hello")
        assert await one.broker.since("room", start) == two.messages
        async with one.broker.lock("job"):
            assert await two.broker.incr("visits") == 1
        assert await two.broker.entries("room") == {(one.broker.process, "ann"): b"1"}
        await one.broker.stop(goodbye=False)
        await until(lambda: bool(two.resets))
        assert await two.broker.entries("room") == {}
    finally:
        await two.broker.stop()
        await one.broker.stop()


async def test_its_tables_are_unlogged_and_no_business_of_migrations(postgresql_url: str) -> None:
    broker = PostgreSQLBroker(postgresql_url, options=CALM)
    await broker.start(lambda _: None, lambda _: None)
    await broker.stop()
    made = ask(
        postgresql_url,
        "SELECT relname, relpersistence FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'",
    )
    assert sorted(made) == [(name, "u") for name in TABLES]
    database = Database("default", connect(postgresql_url))
    try:
        assert await drift(database, ProjectState()) == []
        assert "vivace_broker" not in await inspect(database)
    finally:
        await database.close()


async def test_start_of_many_at_once_makes_the_tables_once(postgresql_url: str) -> None:
    parties = [Party(PostgreSQLBroker(postgresql_url, options=CALM)) for _ in range(6)]
    try:
        await asyncio.gather(*(party.start() for party in parties))
        assert len({party.broker.epoch for party in parties}) == 1
        assert all(party.resets == [] for party in parties)
    finally:
        for party in parties:
            await party.broker.stop()


async def test_schemas_are_apart(postgresql_url: str) -> None:
    ask(postgresql_url, "CREATE SCHEMA other")
    driver = connect(postgresql_url)
    assert isinstance(driver, PostgreSQLDriver)
    there = msgspec.structs.replace(driver.options, server_settings={"search_path": "other"})
    parties = [
        Party(PostgreSQLBroker(driver.options, options=CALM)),
        *(Party(PostgreSQLBroker(there, options=CALM)) for _ in range(2)),
    ]
    try:
        for party in parties:
            await party.start()
            await party.broker.subscribe("room")
        await parties[0].broker.publish("room", b"public")
        await parties[1].broker.publish("room", b"other")
        await parties[0].hears("room", b"public")
        await parties[1].hears("room", b"other")
        await parties[2].hears("room", b"other")
    finally:
        for party in parties:
            await party.broker.stop()


async def test_the_log_is_trimmed_and_forgets(postgresql_url: str) -> None:
    options = calm(log_messages=10, log_seconds=0.01)
    party = Party(PostgreSQLBroker(postgresql_url, options=options))
    await party.start()
    try:
        start = await party.broker.subscribe("room")
        for _ in range(40):
            await party.broker.publish("room", b"x")
        await until(lambda: ask(postgresql_url, "SELECT count(*) FROM vivace_broker_log")[0][0] <= 20)
        for _ in range(3):
            await party.broker.publish("room", b"y")
        number = party.numbers("room")[-1] if party.messages else start
        assert isinstance(party.broker, PostgreSQLBroker)
        await asyncio.sleep(0.02)  # log_seconds go by
        await party.broker.beat()
        assert ask(postgresql_url, "SELECT count(*) FROM vivace_broker_log") == [(0,)]
        assert await party.broker.since("room", start) is None
        assert await party.broker.since("room", await party.broker.subscribe("room")) == []
        assert number > start
        await party.broker.publish("other", b"z")
        await asyncio.sleep(0.02)
        await party.broker.beat()
        assert await party.broker.since("room", party.numbers("room")[-1]) == []  # nothing has come since
        assert await party.broker.since("room", party.numbers("room")[-2]) is None
    finally:
        await party.broker.stop()


async def test_more_topics_than_a_notify_can_name(postgresql_url: str) -> None:
    one, two = (Party(PostgreSQLBroker(postgresql_url, options=CALM)) for _ in range(2))
    try:
        await one.start()
        await two.start()
        topics = [f"{n} " + "t" * 200 for n in range(120)]
        await two.broker.subscribe(topics[60])
        await asyncio.gather(*(one.broker.publish(topic, topic.encode()) for topic in topics))
        await two.hears(topics[60], topics[60].encode())
        assert len(two.messages) == 1
    finally:
        await one.broker.stop()
        await two.broker.stop()


async def test_a_row_that_a_long_transaction_holds_up_changes_nothing(postgresql_url: str) -> None:
    """Publishing needs no lock that users' transactions have, and no transaction of users waits for it."""
    party = Party(PostgreSQLBroker(postgresql_url, options=CALM))
    await party.start()
    try:
        await party.broker.subscribe("room")
        with psycopg.connect(postgresql_url) as connection:
            connection.execute("CREATE TABLE t (a int)")
            connection.execute("NOTIFY other")
            await party.broker.publish("room", b"x")
            await party.hears("room", b"x")
            connection.rollback()
    finally:
        await party.broker.stop()


async def test_tables_that_somebody_dropped_are_made_again(postgresql_url: str) -> None:
    party = Party(PostgreSQLBroker(postgresql_url, options=CALM))
    await party.start()
    try:
        await party.broker.subscribe("room")
        number = await party.broker.publish("room", b"before")
        await party.hears("room", b"before")
        ask(postgresql_url, f"DROP TABLE {', '.join(TABLES)}")
        ask(postgresql_url, "DROP SEQUENCE vivace_broker_numbers")
        with pytest.raises(BrokerError, match="does not exist"):
            await party.broker.publish("room", b"lost")
        await until(lambda: party.resets)
        assert await party.broker.publish("room", b"after") > number
        await until(lambda: b"after" in party.heard("room"))
    finally:
        await party.broker.stop()


# what is refused


def test_a_pooler_in_transaction_mode_is_refused() -> None:
    with pytest.raises(BrokerRefused, match="cannot listen through a pooler") as caught:
        PostgreSQLBroker("postgresql://ann:secret@db.example/app?pooler=transaction")
    assert "VIVACE_BROKER" in str(caught.value)
    assert "secret" not in str(caught.value)


async def test_a_pooler_that_nobody_told_of_is_noticed(pgbouncer_url: str) -> None:
    broker = PostgreSQLBroker(pgbouncer_url, options=CALM)
    with pytest.raises(BrokerRefused, match="A pooler stands between") as caught:
        await broker.start(lambda _: None, lambda _: None)
    assert "VIVACE_BROKER" in caught.value.fix


async def test_a_pooler_that_passes_settings_on_is_noticed(postgresql_databases: Databases) -> None:
    """Some poolers take any setting: then only the server process gives them away."""
    try:
        pooler = PgBouncer(postgresql_databases.url, ignore_startup_parameters=IGNORED)
    except Missing as reason:
        pytest.skip(str(reason))
    try:
        with pytest.raises(BrokerRefused, match="A pooler stands between") as caught:
            await PostgreSQLBroker(pooler.url, options=CALM).start(lambda _: None, lambda _: None)
        assert "not the one that greeted" in caught.value.got
    finally:
        pooler.close()


async def test_who_may_not_create_tables_is_told_so(postgresql_url: str) -> None:
    ask(postgresql_url, "DROP ROLE IF EXISTS broker_guest")
    ask(postgresql_url, "CREATE ROLE broker_guest LOGIN")
    guest = urlsplit(postgresql_url)
    url = guest._replace(netloc=f"broker_guest@{guest.hostname}:{guest.port}").geturl()
    try:
        with pytest.raises(BrokerRefused, match="missing and cannot be made") as caught:
            await PostgreSQLBroker(url, options=CALM).start(lambda _: None, lambda _: None)
        assert "permission denied" in str(caught.value)
    finally:
        ask(postgresql_url, "DROP ROLE broker_guest")


def test_another_database_is_refused() -> None:
    with pytest.raises(BrokerRefused, match="that of another database"):
        PostgreSQLBroker("sqlite://:memory:")
    with pytest.raises(DatabaseURLInvalid):
        PostgreSQLBroker("mysql://host/db")


async def test_a_server_without_the_database_is_told_by_name(postgresql_url: str) -> None:
    url = urlsplit(postgresql_url)._replace(path="/nowhere").geturl()
    with pytest.raises(BrokerUnavailable, match="does not exist"):
        await PostgreSQLBroker(url, options=CALM).start(lambda _: None, lambda _: None)
