"""Which database a query goes to: the current app's, routers', replicas' (DB2)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from weakref import WeakSet

import pytest

from tests.db.backends import opened
from vivace.db import Database, Databases, atomic, begin_scope, current_databases, database_for, use_primary
from vivace.db.urls import connect
from vivace.errors import DatabaseURLInvalid, NoCurrentApp, UnknownDatabase


def database(alias: str) -> Database:
    return Database(alias, connect("sqlite://:memory:"))


@pytest.fixture
def three() -> Iterator[Databases]:
    databases = Databases(
        {alias: database(alias) for alias in ("default", "one", "two")},
        replicas={"default": ("one", "two")},
    )
    token = current_databases.set(databases)
    yield databases
    current_databases.reset(token)


class Book:
    _meta: Any = SimpleNamespace(label="library.Book", adopters=WeakSet[Databases]())


def test_db2_without_an_app_a_model_of_one_app_finds_its_database() -> None:
    databases = Databases({"default": database("default")})
    with pytest.raises(NoCurrentApp, match=r"library\.Book"):
        database_for(Book)
    Book._meta.adopters.add(databases)
    assert database_for(Book) is databases.default
    other = Databases({"default": database("default")})
    Book._meta.adopters.add(other)
    with pytest.raises(NoCurrentApp, match="2 apps"):
        database_for(Book)
    Book._meta.adopters.clear()


def test_db2_an_unknown_alias_names_the_nearest(three: Databases) -> None:
    with pytest.raises(UnknownDatabase, match="Did you mean 'default'"):
        database_for(using="defualt")
    with pytest.raises(UnknownDatabase):
        Databases({"default": database("default")}, replicas={"default": ("missing",)})


def test_db2_routers_decide_and_none_is_no_opinion(three: Databases) -> None:
    class Silent:
        def db_for_read(self, model: Any, **hints: Any) -> None: ...

    class Books:
        def db_for_read(self, model: Any, **hints: Any) -> str | None:
            return "one" if model is Book else None

        def db_for_write(self, model: Any, **hints: Any) -> str | None:
            return "two" if hints.get("instance") else None

        def allow_migrate(self, alias: str, app_label: str, **hints: Any) -> bool:
            return alias == "default"

    databases = Databases({d.alias: d for d in three}, routers=[Silent(), Books()])
    current_databases.set(databases)
    assert database_for(Book).alias == "one"
    assert database_for(Book, write=True).alias == "default"
    assert database_for(Book, write=True, hints={"instance": object()}).alias == "two"
    assert database_for(Book, using="default").alias == "default"
    assert databases.allow_migrate("default", "library")
    assert not databases.allow_migrate("one", "library")
    assert databases.allow_relation(1, 2) is None


async def test_db2_reads_go_to_replicas_until_something_was_written(three: Databases) -> None:
    begin_scope()
    assert [database_for(Book).alias for _ in range(3)] == ["one", "two", "one"]

    async def write_in_a_child_task() -> None:
        assert database_for(Book, write=True).alias == "default"

    await asyncio.create_task(write_in_a_child_task())
    assert [database_for(Book).alias for _ in range(3)] == ["default"] * 3
    begin_scope()
    assert database_for(Book).alias == "two"
    async with atomic("default"):
        assert database_for(Book).alias == "default"
    use_primary()
    assert database_for(Book).alias == "default"
    await three.close()


async def test_db2_other_databases_than_the_default_have_replicas_too() -> None:
    class Old:
        def db_for_read(self, model: Any, **hints: Any) -> str | None:
            return "archive" if model is Book else None

        db_for_write = db_for_read

    aliases = ("default", "archive", "copy")
    databases = Databases(
        {alias: database(alias) for alias in aliases}, routers=[Old()], replicas={"archive": ["copy"]}
    )
    token = current_databases.set(databases)
    try:
        begin_scope()
        assert database_for(Book).alias == "copy"
        assert database_for(Book, using="archive").alias == "archive"  # it is named
        for home in ("archive", "copy"):
            hints = {"instance": SimpleNamespace(_state=SimpleNamespace(db=home))}
            begin_scope()
            assert database_for(object, hints=hints).alias == "copy"
            assert database_for(object, hints=hints, write=True).alias == "archive"
            assert database_for(object, hints=hints).alias == "archive"
        assert database_for(object).alias == "default"
        begin_scope()
        assert database_for(Book, write=True).alias == "archive"
        assert database_for(Book).alias == "archive"
    finally:
        current_databases.reset(token)


async def test_a_database_opens_by_itself_and_again_after_its_close(tmp_path: Path) -> None:
    async with opened(f"sqlite:///{tmp_path}/a.sqlite3") as first:
        await asyncio.gather(first.open(), first.open())
        await first.close()
        await first.run_script("SELECT 1")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("mysql://localhost/x", "begins with 'mysql'"),
        ("postgresq://localhost/x", "Did you mean 'postgresql'"),
        ("sqlite://library.sqlite3", "sqlite:///library.sqlite3"),
        ("sqlite:file", "no //"),
        ("postgresql://a:b@h:port/x", "cannot be read"),
        ("postgresql://h/x?max_connection=3", "Did you mean 'max_connections'"),
        ("postgresql://h/x?max_connections=many", "wrong value"),
    ],
)
def test_a_url_that_cannot_be_read_says_what_to_write(url: str, message: str) -> None:
    with pytest.raises(DatabaseURLInvalid) as caught:
        connect(url)
    assert message in str(caught.value)


def test_no_error_shows_a_password() -> None:
    with pytest.raises(DatabaseURLInvalid) as caught:
        connect("postgresql://ada:se/cret@host:nonsense/x")
    assert "se/cret" not in str(caught.value)
    assert "cret" not in repr(caught.value.__cause__)
