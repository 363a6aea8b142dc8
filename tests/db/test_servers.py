"""The servers that tests run on keep what their fixtures promise."""

from __future__ import annotations

import signal

import psycopg

from tests.servers import Databases, PgBouncer, PostgreSQLServer


def names(databases: Databases) -> set[str]:
    """Return the names of all databases of a server."""
    with databases.connect() as connection:
        return {row[0] for row in connection.execute("SELECT datname FROM pg_database")}


def test_each_database_is_fresh_and_goes_afterwards(postgresql_databases: Databases) -> None:
    before = names(postgresql_databases)
    with postgresql_databases.fresh() as one, postgresql_databases.fresh() as two:
        assert one != two
        with psycopg.connect(one) as connection:
            connection.execute("CREATE TABLE t (a int)")
        with psycopg.connect(two) as connection:
            assert connection.execute("SELECT to_regclass('t')").fetchone() == (None,)
    assert names(postgresql_databases) == before


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
