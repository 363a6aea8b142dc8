"""An app's models and databases: adopted, opened, shared, shown as JSON, kept apart in tests."""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from vivace import App, models
from vivace.changes import WriteSet
from vivace.config.settings import Settings
from vivace.db import atomic, current_databases, in_transaction, on_commit
from vivace.errors import AppInvalid, Conflict, ProgrammingError, UnboundedResult
from vivace.migrations.create import create_tables
from vivace.testing import Client


class Person(models.Model):
    name = models.CharField(max_length=20, unique=True)
    password = models.CharField(max_length=20, default="secret", serialize=False)
    photo = models.BinaryField(default=b"")
    friend = models.ForeignKey("self", null=True, on_delete=models.SET_NULL)


def people(**options: Any) -> App:
    return App(models=[Person], **options)


async def make(count: int) -> None:
    await Person.objects.bulk_create([Person(name=f"p{n}") for n in range(count)])


# -- adoption -----------------------------------------------------------------------------------------------------


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    """A package with an app, and a file beside it."""
    package = tmp_path / "shelfware"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "models.py").write_text(
        "from vivace import models\nclass Book(models.Model):\n    title = models.CharField(max_length=9)\n"
    )
    (package / "app.py").write_text("from vivace import App\nfrom . import models\napp = App()\n")
    (tmp_path / "alone.py").write_text(
        "from vivace import App, models\napp = App()\nclass Note(models.Model):\n    text = models.TextField()\n"
    )
    sys.path.insert(0, str(tmp_path))
    yield tmp_path
    sys.path.remove(str(tmp_path))
    for name in [name for name in sys.modules if name.split(".")[0] in ("shelfware", "alone", "beside")]:
        del sys.modules[name]


def test_an_app_adopts_the_models_of_its_file_or_package(project: Path) -> None:
    alone = importlib.import_module("alone")
    package = importlib.import_module("shelfware.app")
    assert [model._meta.label for model in alone.app.models] == ["alone.Note"]
    assert [model._meta.label for model in package.app.models] == ["shelfware.Book"]
    assert App().models == (Person,)
    assert App(models=["shelfware"]).models == (Person, *package.app.models)
    assert App(models=[alone.Note]).models == (Person, alone.Note)


def test_the_default_database_is_a_file_beside_the_app(project: Path) -> None:
    alone, package = importlib.import_module("alone"), importlib.import_module("shelfware.app")
    assert alone.app.databases.default.driver.options.path == str(project / "alone.sqlite3")
    assert package.app.databases.default.driver.options.path == str(
        project / "shelfware" / "shelfware.sqlite3"
    )


async def test_a_file_beside_a_package_with_migrations_leaves_the_tables_to_them(project: Path) -> None:
    (project / "beside.py").write_text(
        'from vivace import App\nimport shelfware.models\napp = App(models=["shelfware"])\n'
    )
    app = importlib.import_module("beside").app
    assert not app.data.migrates  # nothing keeps any yet
    migrations = project / "shelfware" / "migrations"
    migrations.mkdir()
    assert not app.data.migrates
    (migrations / "0001_initial.py").write_text("from vivace.migrations import Migration as M\n")
    assert app.data.migrates
    async with app:
        assert await app.prepare_tables() == []
        with pytest.raises(ProgrammingError):
            await app.models[0].objects.count()


def test_migrations_of_an_installed_package_are_not_those_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site-packages" / "shelfbought"
    (package / "migrations").mkdir(parents=True)
    (package / "migrations" / "0001_initial.py").touch()
    (package / "__init__.py").touch()
    (package / "models.py").write_text(
        "from vivace import models\nclass Book(models.Model):\n    title = models.CharField(max_length=9)\n"
    )
    monkeypatch.syspath_prepend(tmp_path / "site-packages")
    book = importlib.import_module("shelfbought.models").Book
    app = App(models=[book], root=tmp_path)
    app.import_name = "beside_bought"  # a name that no other test has models in
    assert not app.data.migrates


def test_broken_models_stop_the_start(tmp_path: Path) -> None:
    class First(models.Model):
        class Meta:
            db_table = "taken"

    class Second(models.Model):
        class Meta:
            db_table = "taken"

    app = App(models=[First, Second])
    with pytest.raises(AppInvalid, match="taken"):
        app.compile()
    assert [finding.id for finding in app.check()] == ["models-share-a-table"]


# -- life ---------------------------------------------------------------------------------------------------------


async def test_queries_find_the_current_app_and_else_the_only_adopter(tmp_path: Path) -> None:
    class Thing(models.Model):
        name = models.CharField(max_length=9)

    one, two = App(models=[Thing], root=tmp_path / "one"), App(models=[Person], root=tmp_path / "two")
    for app in (one, two):
        app.root.mkdir()
    async with one:
        await create_tables(one.databases.default, [Thing])
        await Thing.objects.create(name="x")
        assert current_databases.get() is one.databases
    assert current_databases.get() is None
    assert await Thing.objects.count() == 1  # no app runs, but only one adopted it
    await one.databases.close()
    assert (tmp_path / "one").exists()


async def test_work_of_the_app_is_in_its_database_and_in_nobodys_transaction() -> None:
    app = people()
    seen: list[Any] = []

    async def work() -> None:
        seen.append(in_transaction())
        await Person.objects.create(name="worker")

    tasks: list[asyncio.Task[None]] = []
    async with Client(app):
        with pytest.raises(Conflict):
            async with atomic():
                tasks.append(app.spawn(work()))
                await asyncio.sleep(0)
                raise Conflict("rolled back")
        await tasks[0]
        assert await Person.objects.count() == 1
    assert seen == [False]


async def test_a_mounted_app_shares_the_databases_unless_it_has_its_own() -> None:
    class Inner(models.Model):
        name = models.CharField(max_length=9)

    sharing, own = App(models=[Inner]), App(models=[Inner], databases={"default": "sqlite://:memory:"})
    for inner in (sharing, own):
        inner.get("/")(lambda: current_databases.get())
    outer = people()
    outer.mount("/sharing", sharing)
    outer.compile()
    assert sharing.databases is outer.databases
    assert Inner in outer.models
    apart = people()
    apart.mount("/own", own)
    apart.compile()
    assert own.databases is not apart.databases
    assert Inner not in apart.models


# -- answers ------------------------------------------------------------------------------------------------------


async def test_models_are_json_without_what_must_not_be_seen() -> None:
    app = people()
    app.get("/one")(one := _coroutine(lambda: Person.objects.get(name="p1")))
    app.get("/all")(_plain(lambda: Person.objects.annotate(fans=models.Count("person")).order_by("pk")))
    app.get("/values")(_plain(lambda: Person.objects.order_by("pk").values("name")[:1]))
    assert one is not None
    async with Client(app) as client:
        await make(2)
        assert (await client.get("/one")).json() == {"id": 2, "name": "p1", "friend_id": None}
        everybody = (await client.get("/all")).json()
        assert everybody[0] == {"id": 1, "name": "p0", "friend_id": None, "fans": 0}
        assert (await client.get("/values")).json() == [{"name": "p0"}]
        await Person.objects.all().delete()
        assert (await client.get("/all")).json() == []


async def test_a_result_that_nobody_bounded_is_refused_and_a_long_one_streams() -> None:
    app = people(settings=Settings(json_rows=3))
    app.get("/all")(_plain(lambda: Person.objects.order_by("pk")))
    app.get("/some")(_plain(lambda: Person.objects.order_by("pk")[:8]))
    app.get("/three")(_plain(lambda: Person.objects.order_by("pk")[:3]))
    async with Client(app) as client:
        await make(9)
        with pytest.raises(UnboundedResult, match="more than 3 rows"):
            await client.get("/all")
        assert [each["id"] for each in (await client.get("/some")).json()] == list(range(1, 9))
        assert [each["id"] for each in (await client.get("/three")).json()] == [1, 2, 3]


def _plain(make_answer: Any) -> Any:
    def answer() -> Any:
        return make_answer()

    return answer


def _coroutine(make_answer: Any) -> Any:
    async def answer() -> Any:
        return await make_answer()

    return answer


# -- transactions of requests -------------------------------------------------------------------------------------


async def test_db1_a_request_is_one_transaction_where_its_route_says_so() -> None:
    app = people()
    seen: list[Any] = []

    @app.post("/atomic", atomic=True)
    async def together(fail: bool = False) -> dict[str, int]:
        seen.append(in_transaction())
        await Person.objects.create(name=f"p{len(seen)}")
        if fail:
            raise Conflict("no")
        return {"count": await Person.objects.count()}

    @app.post("/plain")
    async def apart() -> None:
        seen.append(in_transaction())
        await Person.objects.create(name=f"p{len(seen)}")
        raise Conflict("no")

    async with Client(app) as client:
        assert (await client.post("/atomic")).json() == {"count": 1}
        assert (await client.post("/atomic?fail=true")).status == 409
        assert await Person.objects.count() == 1
        assert (await client.post("/plain")).status == 409
        assert await Person.objects.count() == 2
    assert seen == [True, True, False]


async def test_db1_all_requests_may_be_transactions() -> None:
    app = people(settings=Settings(atomic_requests=True))

    @app.get("/on")
    async def on() -> bool:
        return in_transaction()

    @app.get("/off", atomic=False)
    async def off() -> bool:
        return in_transaction()

    async with Client(app) as client:
        assert [(await client.get(path)).json() for path in ("/on", "/off")] == [True, False]


# -- tests --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("turn", [1, 2])
async def test_te6_nothing_reaches_the_next_test(turn: int, postgresql_url: str, tmp_path: Path) -> None:
    for url in ("sqlite:///real.sqlite3", postgresql_url):
        app = people(databases={"default": url}, root=tmp_path)
        heard: list[WriteSet] = []
        committed: list[int] = []
        async with Client(app):
            app.databases.default.subscribe(heard.append)
            assert await Person.objects.count() == 0
            async with atomic(durable=True):
                await make(2)
                on_commit(partial(committed.append, 1))
            assert await Person.objects.count() == 2
            assert committed == [1]
            assert [written.touched() for written in heard] == [{Person._meta.db_table}]
        async with Client(app):
            assert await Person.objects.count() == 0
    assert not (tmp_path / "real.sqlite3").exists()


# -- errors of models as answers ----------------------------------------------------------------------------------


async def test_what_is_not_there_is_404_and_what_is_wrong_is_422_with_its_fields() -> None:
    app = people()

    @app.get("/people/{id}")
    async def person(id: int) -> Any:
        return await Person.objects.get(pk=id)

    @app.post("/people")
    async def add() -> Any:
        new = Person(name="", password="x" * 99)
        await new.full_clean()

    async with Client(app) as client:
        assert (await client.get("/people/7")).status == 404
        answer = await client.post("/people")
        assert answer.status == 422
        assert {problem["pointer"] for problem in answer.json()["errors"]} >= {"/name", "/password"}
