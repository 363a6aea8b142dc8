"""Our side of the benchmarks answers what the peers answer, started as the benchmarks start it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks import apps
from benchmarks.contest import check, visiting
from benchmarks.data import working
from benchmarks.databases import VISITOR
from benchmarks.load import Load
from benchmarks.pages import FIELDS, MEMBER
from benchmarks.scenarios import DEFAULT_HEADER, JSON, TYPED, find
from benchmarks.servers import Broken, serving


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
