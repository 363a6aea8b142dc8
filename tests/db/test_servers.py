"""The servers that tests run on keep what their fixtures promise."""

from __future__ import annotations

import signal

import psycopg
import pytest

from tests.servers import Databases, PgBouncer, PostgreSQLServer


def names(databases: Databases) -> set[str]:
    """Return the names of all databases of a server."""
    with databases.connect() as connection:
        return {row[0] for row in connection.execute("SELECT datname FROM pg_database")}


def test_each_database_is_empty_and_its_own_goes_afterwards(postgresql_databases: Databases) -> None:
    before = names(postgresql_databases)
    with postgresql_databases.fresh() as one, postgresql_databases.fresh(own=True) as two:
        assert one != two
        with psycopg.connect(one) as connection:
            connection.execute("CREATE TABLE t (a int)")
        with psycopg.connect(two) as connection:
            assert connection.execute("SELECT to_regclass('t')").fetchone() == (None,)
    assert two.rpartition("/")[2] not in names(postgresql_databases)
    assert len(names(postgresql_databases) - before) <= 1


def test_a_database_comes_again_empty_and_without_its_visitors(postgresql_databases: Databases) -> None:
    with postgresql_databases.fresh() as one:
        visitor = psycopg.connect(one, autocommit=True)
        visitor.execute("CREATE TABLE t (a int); CREATE TYPE mood AS ENUM ('good'); BEGIN; LOCK TABLE t")
    with postgresql_databases.fresh() as again, psycopg.connect(again) as connection:
        assert again == one
        others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        assert connection.execute(others).fetchone() == (1,)
        assert connection.execute("SELECT to_regclass('t'), to_regtype('mood')").fetchone() == (None, None)
        acl = "SELECT nspacl::text FROM pg_namespace WHERE nspname = 'public'"
        assert connection.execute(acl).fetchone() == (
            "{pg_database_owner=UC/pg_database_owner,=U/pg_database_owner}",
        )
    visitor.close()


@pytest.mark.parametrize(
    "left",
    [
        "CREATE SCHEMA aside",
        "CREATE EXTENSION pg_trgm",
        "SELECT lo_create(0)",
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET work_mem = 128', current_database()); END $$",
    ],
)
def test_a_database_that_cannot_be_emptied_is_dropped(postgresql_databases: Databases, left: str) -> None:
    with postgresql_databases.fresh() as one, psycopg.connect(one, autocommit=True) as connection:
        connection.execute(left.encode())
    assert one.rpartition("/")[2] not in names(postgresql_databases)


def test_a_server_keeps_its_data_over_a_crash(postgresql_server: PostgreSQLServer) -> None:
    with postgresql_server.connect() as connection:
        connection.execute("CREATE TABLE t AS SELECT 7 AS a")
        connection.execute("CHECKPOINT")
    postgresql_server.restart(signal.SIGQUIT)
    with postgresql_server.connect() as connection:
        assert connection.execute("SELECT a FROM t").fetchone() == (7,)


def test_a_closed_server_leaves_nothing(postgresql_server: PostgreSQLServer) -> None:
    folder, process = postgresql_server.folder, postgresql_server.process
    assert folder.exists()
    assert process is not None
    postgresql_server.close()
    assert not folder.exists()
    assert process.poll() is not None


def test_every_version_answers(every_postgresql_url: str) -> None:
    with psycopg.connect(every_postgresql_url) as connection:
        assert connection.info.server_version >= 150000


def test_the_pooler_stands_before_the_same_database(
    postgresql_url: str, pgbouncer: PgBouncer, pgbouncer_url: str
) -> None:
    with psycopg.connect(postgresql_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE t AS SELECT 7 AS a")
    assert str(pgbouncer.port) in pgbouncer_url
    with psycopg.connect(pgbouncer_url, autocommit=True, prepare_threshold=None) as connection:
        assert connection.execute("SELECT a FROM t").fetchone() == (7,)
