"""The SQL of writes, and what they report of their changes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.models import oracle
from tests.models.sql.worlds import side_by_side
from vivace.db import atomic
from vivace.errors import FieldError
from vivace.models.sql import lift
from vivace.models.sql.compile import PLANS, plan_for
from vivace.models.sql.state import QueryState
from vivace.models.sql.verbs import DELETE, BulkUpdate, Conflict, Insert

WORLD = oracle.vivace_world()
Book: Any = WORLD.model("Book")
Author: Any = WORLD.model("Author")
Loan: Any = WORLD.model("Loan")
F, Value = WORLD.names["F"], WORLD.names["Value"]


def sql_of(state: QueryState, verb: Any, dialect: Any = "sqlite", listening: Any = False) -> str:
    return plan_for(state, verb, dialect, listening).statement.sql


def updating(queryset: Any, **values: Any) -> tuple[QueryState, Any, tuple[Any, ...]]:
    state = lift.order_by(queryset.query_state, ())
    verb, given = lift.update(state, values)
    return state, verb, given


def test_or10_update_of_one_table_has_its_own_where() -> None:
    state, verb, given = updating(Book.objects.filter(pages__gt=3), pages=F("pages") + 2, title="x")
    plan = plan_for(state, verb, "sqlite")
    assert plan.statement.sql == (
        'UPDATE "oracle_book" SET "pages" = ("oracle_book"."pages" + ?), "title" = ? WHERE "oracle_book"."pages" > ?'
    )
    assert tuple(plan.bind(state.arguments(given))) == (2, "x", 3)
    assert plan.statement.writes == frozenset(("oracle_book",))


def test_or10_update_over_joins_goes_by_key() -> None:
    state, verb, _ = updating(Book.objects.filter(author__name="x"), pages=1)
    sql = sql_of(state, verb)
    assert 'WHERE "oracle_book"."id" IN (SELECT' in sql
    assert plan_for(state, verb, "sqlite").statement.reads == frozenset({"oracle_author"})


def test_or10_delete_of_a_composite_key_over_joins() -> None:
    sql = sql_of(Loan.objects.filter(borrower__name="x").query_state, DELETE)
    assert '("oracle_loan"."shelf", "oracle_loan"."number") IN (SELECT' in sql


def test_or10_update_refuses_joins_and_aggregates_in_values() -> None:
    state, verb, _ = updating(Book.objects.all(), pages=F("author__age"))
    with pytest.raises(FieldError, match="Joined field references"):
        plan_for(state, verb, "sqlite")
    with pytest.raises(FieldError, match="pages"):
        lift.update(Book.objects.all().query_state, {"pages": WORLD.names["Count"]("tags")})


@pytest.mark.parametrize("name", ["nope", "tags", "reviews"])
def test_or10_update_refuses_what_is_no_column(name: str) -> None:
    with pytest.raises(FieldError):
        lift.update(Book.objects.all().query_state, {name: 1})


def test_or11_insert_with_arrays_does_not_depend_on_the_number_of_rows() -> None:
    state = QueryState(Author)
    verb = Insert(("name", "age"), arrays=True, returning=("id",))
    plan = plan_for(state, verb, "postgresql")
    assert "SELECT * FROM unnest(" in plan.statement.sql
    bound = plan.bind(state.arguments((["a", "b"], [1, None])))
    assert list(bound) == [["a", "b"], [1, None]]
    before = PLANS.compiled
    assert plan_for(state, Insert(("name", "age"), arrays=True, returning=("id",)), "postgresql") is plan
    assert PLANS.compiled == before


def test_or11_insert_several_rows_and_expressions() -> None:
    verb = Insert(("name", "age"), rows=2)
    sql = sql_of(QueryState(Author), verb)
    assert sql == 'INSERT INTO "oracle_author" ("name", "age") VALUES (?, ?), (?, ?)'


def test_or11_conflicts() -> None:
    ignore = Insert(("name",), conflict=Conflict())
    assert sql_of(QueryState(WORLD.model("Tag")), ignore).endswith("ON CONFLICT DO NOTHING")
    update = Insert(("name",), conflict=Conflict(("name",), ("name",)))
    assert sql_of(QueryState(WORLD.model("Tag")), update).endswith(
        'ON CONFLICT ("name") DO UPDATE SET "name" = EXCLUDED."name"'
    )


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_or11_bulk_update_names_rows_by_key(dialect: Any) -> None:
    verb = BulkUpdate(("pages",), rows=1 if dialect == "postgresql" else 3, arrays=dialect == "postgresql")
    sql = sql_of(QueryState(Book), verb, dialect)
    assert 'WHERE "oracle_book"."id" = "given"."c0"' in sql
    assert ("unnest(" in sql) == (dialect == "postgresql")
    held = 'ORDER BY "oracle_book"."id" FOR NO KEY UPDATE OF "oracle_book") AS "given"'
    assert (held in sql) == (dialect == "postgresql")


def test_changes_are_captured_only_when_wanted() -> None:
    state, verb, _ = updating(Book.objects.filter(pk=1), pages=1)
    assert "RETURNING" not in sql_of(state, verb, "postgresql")
    assert "RETURNING" not in sql_of(state, verb, "sqlite", listening=True)  # SQLite has a hook
    plan = plan_for(state, verb, "postgresql", True)
    capture = plan.statement.capture
    assert capture is not None
    assert capture.key == ("id",)
    assert {"author_id", "title", "publisher_id"} <= set(capture.columns)
    assert 'RETURNING new."id", old."id", old."title"' in plan.statement.sql


def test_older_servers_join_their_own_rows_locked() -> None:
    state, verb, _ = updating(Book.objects.filter(pages__gt=1), author=2)
    sql = plan_for(state, verb, "postgresql", "join").statement.sql
    assert "FOR UPDATE) AS" in sql
    assert '"vivace_before"."author_id", ' in sql
    deleted = plan_for(state, DELETE, "postgresql", "join").statement
    assert deleted.capture is not None
    assert deleted.capture.old_known


class Undo(Exception):
    """Ends a transaction without effect."""


@pytest.mark.parametrize("listening", [True, "join"])
async def test_reporting_statements_run(oracle_url: str, listening: Any) -> None:
    async with side_by_side(oracle_url) as worlds:
        database = worlds.database
        queries: list[Any] = [Book.objects.filter(author__name="Ada"), Book.objects.filter(pages__lt=100)]
        with pytest.raises(Undo):
            async with atomic(database):
                for queryset in queries:
                    state, verb, given = updating(queryset, pages=F("pages") + 1, editor=1)
                    expected = await queryset.count()
                    plan = plan_for(state, verb, database.dialect, listening)
                    assert (
                        await database.execute(plan.statement, plan.bind(state.arguments(given))) == expected
                    )
                reviews = WORLD.model("Review").objects.filter(book__author__name="Ada")
                plan = plan_for(reviews.query_state, DELETE, database.dialect, listening)
                values = reviews.query_state.arguments()
                assert await database.execute(plan.statement, plan.bind(values)) == 4
                raise Undo
