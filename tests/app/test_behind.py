"""What is behind what: told at the start and by the check, and the error for a missing column names the right command."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from vivace.app import App
from vivace.app.behind import check_database, check_files
from vivace.app.debugpage import debug_page
from vivace.app.loading import load_app
from vivace.cli.devchild import adapt
from vivace.cli.worker import warn_of_migrations
from vivace.migrations.project import executor_for, make, no_answers, project_of
from vivace.migrations.writer import write
from vivace.testing import Client

FIRST = """
from vivace import App, models

app = App()


class Tea(models.Model):
    name = models.CharField(max_length=9)

    class Meta:
        app_label = "teashop"


@app.get("/teas")
async def teas():
    return Tea.objects.all()[:9]


@app.get("/typo")
async def typo():
    return await app.databases.default.fetch(STATEMENT, ())


@app.get("/pour", atomic=True)
async def pour():
    return await Tea.objects.count() + len(await Tea.objects.all()[:1])
"""
SECOND = FIRST.replace(
    "    class Meta", "    leaves = models.IntegerField(default=0, unique=True)\n\n    class Meta"
)
TEXT = {"accept": "text/plain"}


class Shop:
    """A folder whose app is written anew; each version is loaded under a name of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.versions = 0

    def load(self, text: str) -> App:
        self.versions += 1
        file = self.folder / f"teas_{abs(hash(self.folder)) % 10**8}_{self.versions}.py"
        file.write_text(
            text.replace(
                "STATEMENT",
                "__import__('vivace.db.types').db.types.Statement(sql='SELECT leaf FROM teashop_tea')",
            )
        )
        app: App = load_app(str(file))
        adapt(app)
        app.debug_page = debug_page
        app.compile()
        return app

    def makemigrations(self, app: App) -> None:
        project = project_of(app.models)
        for migration in make(project, no_answers()):
            write(migration, project.folders[migration.app_label])

    async def migrate(self, app: App) -> None:
        await migrated(app)
        await app.databases.close()


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'teas.sqlite3'}")
    monkeypatch.delenv("VIVACE_DEBUG", raising=False)
    return Shop(tmp_path)


async def failure(app: App, path: str = "/teas") -> str:
    """Return what the debug page says as text."""
    async with Client(app, raise_errors=False, isolate=False) as client:
        response = await client.get(path, headers=TEXT)
    assert response.status == 500
    return response.text


async def test_models_that_differ_from_their_files_are_told(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    app = shop.load(FIRST)
    assert check_files(app.data) == []  # a single file that keeps no migrations yet
    shop.makemigrations(app)
    await shop.migrate(app)
    assert check_files(app.data) == []
    app = shop.load(SECOND)
    (found,) = check_files(app.data)
    assert (found.id, found.level) == ("migrations-missing", "warning")
    assert found.message == "The models of teashop differ from the migration files."
    assert found.hint == "Run `vivace makemigrations`, then `vivace migrate`."
    told = await failure(app)
    assert "Fix: The models of teashop differ from the migration files. Run `vivace makemigrations`" in told
    assert "[migrations-missing]" in caplog.text
    assert "[migrations-unapplied]" not in caplog.text


async def test_migrations_that_are_not_applied_are_told(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    app = shop.load(FIRST)
    shop.makemigrations(app)
    (found,) = await check_database(app.data, "default")
    assert (found.id, found.level) == ("migrations-unapplied", "warning")
    assert found.message == "1 migration is not applied (teashop.0001_initial)."
    await shop.migrate(app)
    assert await check_database(app.data, "default") == []
    await app.databases.close()
    app = shop.load(SECOND)
    shop.makemigrations(app)
    told = await failure(app)
    assert "Fix: 1 migration is not applied (teashop.0002_tea_leaves). Run `vivace migrate`." in told
    assert "Run `vivace migrate`. [migrations-unapplied]" in caplog.text
    assert "(teashop.0002_tea_leaves). Run `vivace migrate`." in await failure(
        app, "/pour"
    )  # in a transaction
    assert "[migrations-missing]" not in caplog.text


async def started(app: App) -> None:
    async with app:
        pass


async def test_error_names_the_handler_when_the_query_ran_after_it(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    await started(shop.load(FIRST))
    app = shop.load(SECOND)
    told = await failure(app)
    assert ":16 in teas\n" in told
    assert "The query was made for GET /teas → teas (" in told
    assert "The query was made for GET /teas → teas (" in caplog.text
    assert "The query was made" not in await failure(app, "/typo")


async def test_a_single_file_is_told_what_its_tables_lack(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    await started(shop.load(FIRST))
    told = await failure(shop.load(SECOND))
    assert "Fix: teashop_tea: the column 'leaves' is missing" in told
    assert "remove the SQLite file" in told
    (logged,) = (
        record for record in caplog.records if record.getMessage().startswith("teashop_tea: the column")
    )
    assert logged.levelname == "WARNING"


async def test_a_wrong_name_is_called_one_when_nothing_is_behind(shop: Shop) -> None:
    app = shop.load(FIRST)
    assert "Fix: Correct the name: the tables are as the models say." in await failure(app, "/typo")
    shop.makemigrations(app)
    (shop.folder / "teas.sqlite3").unlink()
    app = shop.load(FIRST)
    await shop.migrate(app)
    assert "Fix: Correct the name: models, migration files and database agree" in await failure(app, "/typo")


async def test_a_server_compares_once_for_a_storm_of_errors(shop: Shop) -> None:
    app = shop.load(FIRST)
    shop.makemigrations(app)
    app = shop.load(FIRST)
    app._settings = replace(app.settings, debug=False)
    assert not app.debug
    async with Client(app, raise_errors=False, isolate=False) as client:
        for _ in range(3):
            assert (await client.get("/teas", headers=TEXT)).status == 500
        assert app.data.compared is not None
        assert "1 migration is not applied" in app.data.compared[1]
        first = app.data.compared
        await client.get("/teas", headers=TEXT)
        assert app.data.compared is first


async def test_an_app_that_migrates_when_it_starts_is_told_nothing(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    app = shop.load(FIRST)
    shop.makemigrations(app)
    app = shop.load(FIRST + "\n\n@app.on_startup\nasync def begin():\n    await MIGRATE(app)\n")
    vars(sys.modules[app.import_name])["MIGRATE"] = migrated
    await started(app)
    assert "[migrations-unapplied]" not in caplog.text


async def migrated(app: App) -> None:
    await executor_for(project_of(app.models), app.databases).migrate()


async def test_run_tells_of_migrations_once_and_never_fails(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    app = shop.load(FIRST)
    shop.makemigrations(app)
    app = shop.load(FIRST)
    app.data.makes_tables, app.data.tells = False, ""
    warn_of_migrations(app)
    warn_of_migrations(object())
    async with app:
        assert "1 migration is not applied (teashop.0001_initial)." in caplog.text
    await shop.migrate(app)
    caplog.clear()
    (shop.folder / "migrations" / "0002_broken.py").write_text("import teapot_that_is_not_there\n")
    app = shop.load(FIRST)
    app.data.tells = "files"
    async with app:
        assert "A migration file cannot be loaded: ModuleNotFoundError" in caplog.text
