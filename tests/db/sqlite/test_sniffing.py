"""Which texts are one statement, and what kind."""

from __future__ import annotations

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.db.sqlite.sniffing import Kind, kind_of
from vivace.errors import ProgrammingError

ONE = [
    "SELECT 1",
    "SELECT 1;",
    "SELECT 1; ; -- the end\n /* x */ ;",
    "SELECT ';'",
    'SELECT ";" FROM t',
    "SELECT [;] FROM t -- ; SELECT 2",
    "SELECT /* ; SELECT 2 */ 1",
    "CREATE TRIGGER a AFTER INSERT ON t BEGIN SELECT 1; SELECT 2; END;",
    "",
]
SEVERAL = ["SELECT 1; SELECT 2", "SELECT ';'; DROP TABLE t", "SELECT 1;/* */DELETE FROM t", ";;SELECT 1"]


@pytest.mark.parametrize("sql", ONE)
def test_one_statement(sql: str) -> None:
    assert isinstance(kind_of(sql), Kind)


@pytest.mark.parametrize("sql", SEVERAL)
def test_several_statements(sql: str) -> None:
    with pytest.raises(ProgrammingError, match="Several"):
        kind_of(sql)


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("insert into t values (1)", Kind.PLAIN),
        (" -- pragma\n WITH x AS (SELECT 1) DELETE FROM t", Kind.PLAIN),
        ("create table t (a)", Kind.SCHEMA),
        ("/* x */DROP TABLE t", Kind.SCHEMA),
        ("ALTER TABLE t RENAME TO u", Kind.SCHEMA),
        ("vacuum", Kind.OUTSIDE),
        ("PRAGMA user_version = 3", Kind.OUTSIDE),
    ],
)
def test_kinds(sql: str, kind: Kind) -> None:
    assert kind_of(sql) is kind


@given(
    st.lists(st.sampled_from([";", " ", "'", '"', "--", "\n", "/*", "*/", "[", "]", "x", "1"]), max_size=25)
)
def test_what_sqlite_would_run_as_a_second_statement_is_refused(parts: list[str]) -> None:
    """Its own parser is asked: a text that passes has nothing left to run behind its first statement."""
    sql = "SELECT 1 " + "".join(parts)
    seen: list[str] = []

    def trace(cursor: apsw.Cursor, statement: str, bindings: object) -> bool:
        if cursor.has_vdbe:
            seen.append(statement)
        return True

    connection = apsw.Connection(":memory:")
    connection.exec_trace = trace
    try:
        kind_of(sql)
        for _ in connection.execute(sql):
            pass
    except (ProgrammingError, apsw.SQLError):
        pass
    else:
        assert len(seen) <= 1
    finally:
        connection.close()


def test_long_blanks_take_no_time() -> None:
    with pytest.raises(ProgrammingError):
        kind_of("SELECT 1;" + " ;-- \n/**/" * 20_000 + "x")
    assert kind_of("SELECT '" + ";" * 100_000 + "'") is Kind.PLAIN
