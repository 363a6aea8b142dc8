"""Our side of the benchmarks answers what the peers answer, started as the benchmarks start it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from benchmarks import apps
from benchmarks.contest import check, visiting
from benchmarks.data import working
from benchmarks.databases import FORTUNES, VISITOR
from benchmarks.load import Load, measure
from benchmarks.pages import FIELDS, FRAGMENTS, KEPT, KEPT_RESULTS, MEMBER
from benchmarks.rooms import OURS, WS
from benchmarks.scenarios import DEFAULT_HEADER, JSON, TYPED, find
from benchmarks.servers import Broken, serving
from vivace.db import Database, Statement
from vivace.db.urls import connect


@pytest.mark.parametrize(
    ("name", "loads"),
    [
        ("Vivace", (JSON, TYPED)),
        ("Vivace, 10 middlewares", (JSON,)),
        ("Vivace, no collector", (JSON,)),
    ],
)
def test_our_apps_answer_as_expected(name: str, loads: tuple[Load, ...]) -> None:
    with serving(find(name), core=None) as server:
        for load in loads:
            check(server, load, DEFAULT_HEADER)


def test_the_page_of_a_member_shows_the_address_and_a_token(postgresql_url: str) -> None:
    program = find("Vivace's users")
    given = {**program.environment, **VISITOR, "DATABASE_URL": postgresql_url}
    with serving(replace(program, environment=given), core=None) as server:
        check(server, MEMBER, DEFAULT_HEADER)
        assert "; csrf=" in visiting(server, MEMBER).cookie
        with pytest.raises(Broken):
            check(server, replace(MEMBER, cookie="session=unknown"))


def test_the_form_shows_all_its_fields() -> None:
    with working(apps.worker("form_work"), {}, None, 0) as worker:
        assert worker.do("form").told["fields"] == FIELDS


async def fill(url: str) -> None:
    database = Database("default", connect(url))
    try:
        await database.run_script(
            "CREATE TABLE fortune (id integer PRIMARY KEY, message varchar(2048) NOT NULL)"
        )
        insert = Statement(sql="INSERT INTO fortune (id, message) VALUES ($1, $2)")
        await database.execute_many(insert, [*enumerate(FORTUNES, 1)])
    finally:
        await database.close()


def test_pages_that_are_kept_are_whole(postgresql_url: str) -> None:
    asyncio.run(fill(postgresql_url))
    program = find("Vivace's kept pages")
    with serving(replace(program, environment={"DATABASE_URL": postgresql_url}), core=None) as server:
        for load in (KEPT, FRAGMENTS):
            for _ in range(3):
                check(server, load, DEFAULT_HEADER)


def test_commits_are_told_to_a_full_cache() -> None:
    with working(apps.worker("kept_work"), {}, None, 0) as worker:
        assert worker.do("unmatched").told["kept"] == KEPT_RESULTS


@pytest.mark.parametrize(("name", "load"), [("Vivace's channels", OURS), ("Vivace", WS)])
def test_what_one_member_of_a_room_says_is_counted_at_all(name: str, load: Load) -> None:
    with serving(find(name), core=None) as server:
        sample = measure(server, replace(load, connections=20), 0.2, core=None)
    assert sample.count > 0
