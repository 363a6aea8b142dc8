"""Runs on both databases: there, back, again after a failure, two at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.migrations.support import DIALECTS, execute, fetch, opened, tables, url_of
from vivace.db import Database, Statement
from vivace.errors import (
    BadMigration,
    InconsistentHistory,
    IrreversibleMigration,
    LockTimeout,
    MigrationConflict,
    MigrationLocked,
    ProgrammingError,
    TablesDiffer,
    UnknownMigration,
)
from vivace.migrations.drift import drift
from vivace.migrations.executor import Executor, RunOptions, Step, Target, plan
from vivace.migrations.loader import Loader
from vivace.migrations.project import sql_of

HEAD = "from vivace import migrations, models\n\n\n"
FIRST = """\
class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel(
            name="Book",
            fields=[
                ("id", models.BigAutoField(primary_key=True)),
                ("title", models.CharField(max_length=40)),
                ("year", models.IntegerField(null=True)),
            ],
        ),
    ]
"""
SECOND = """\
class Migration(migrations.Migration):
    dependencies = [("shop", "0001_initial")]
    operations = [
        migrations.AddField("Book", "pages", models.PositiveIntegerField(default=1)),
        migrations.AlterField("Book", "title", models.CharField(max_length=80, db_index=True)),
    ]
"""
BATCHES = """\
from pathlib import Path


async def fill(apps, rows):
    note = Path(__file__).with_name("stop")
    for row in rows:
        if row.pk == 5 and note.exists():
            raise RuntimeError("stopped")
        row.year = row.pk
        await row.save()


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("shop", "0002_pages")]
    operations = [
        migrations.AddField("Book", "note", models.TextField(null=True)),
        migrations.RunPython(migrations.batched("shop.Book", fill, size=2), migrations.RunPython.noop),
        migrations.RemoveField("Book", "note"),
    ]
"""
BROKEN = """\
class Migration(migrations.Migration):
    dependencies = [("shop", "0001_initial")]
    operations = [
        migrations.AddField("Book", "note", models.TextField(null=True)),
        migrations.RunSQL("INSERT INTO nowhere VALUES (1)"),
    ]
"""
CONCURRENT = """\
class Migration(migrations.Migration):
    atomic = False
    dependencies = [("shop", "0001_initial")]
    operations = [
        migrations.AddIndexConcurrently("Book", models.Index(fields=["year"], name="year_idx")),
        migrations.AddField("Book", "note", models.TextField(null=True)),
    ]
"""


def files(folder: Path, **texts: str) -> dict[str, Path]:
    """Write migrations; returns the folders of a project."""
    place = folder / "migrations"
    place.mkdir(exist_ok=True)
    for name, text in texts.items():
        (place / f"{name[1:]}.py").write_text(HEAD + text)
    return {"shop": place}


def basic(folder: Path) -> dict[str, Path]:
    return files(folder, _0001_initial=FIRST, _0002_pages=SECOND)


def names(steps: Sequence[Step]) -> list[str]:
    return [f"{'-' if step.backwards else '+'}{step.migration.name}" for step in steps]


async def applied(database: Database) -> list[str]:
    return [row[0] for row in await fetch(database, "SELECT name FROM vivace_migrations ORDER BY id")]


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_mg3_forwards_backwards_zero(
    dialect: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    folders = basic(tmp_path)
    async with opened(url_of(dialect, tmp_path, request)) as database:
        executor = Executor(database, folders)
        assert names(await executor.migrate()) == ["+0001_initial", "+0002_pages"]
        assert await drift(database, Loader(folders).project_state()) == []
        assert await executor.migrate() == []
        assert names(await executor.migrate([Target(app_label="shop", name="0001_initial")])) == [
            "-0002_pages"
        ]
        assert await applied(database) == ["0001_initial"]
        assert names(await executor.migrate([Target(app_label="shop", name=None)])) == ["-0001_initial"]
        assert await tables(database) == {}
        assert names(await executor.migrate()) == ["+0001_initial", "+0002_pages"]


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_mg3_failed_run_leaves_nothing_and_runs_again(
    dialect: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    folders = files(tmp_path, _0001_initial=FIRST, _0002_broken=BROKEN)
    async with opened(url_of(dialect, tmp_path, request)) as database:
        with pytest.raises(Exception, match="nowhere"):
            await Executor(database, folders).migrate()
        assert await applied(database) == ["0001_initial"]
        assert [column.name for column in (await tables(database))["shop_book"].columns] == [
            "id",
            "title",
            "year",
        ]
        files(
            tmp_path, _0002_broken=BROKEN.replace('migrations.RunSQL("INSERT INTO nowhere VALUES (1)"),', "")
        )
        assert names(await Executor(database, folders).migrate()) == ["+0002_broken"]


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_mg5_batches_go_on_where_they_stopped(
    dialect: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    folders = basic(tmp_path)
    async with opened(url_of(dialect, tmp_path, request)) as database:
        await Executor(database, folders).migrate()
        for number in range(1, 8):
            await execute(database, f"INSERT INTO shop_book (title, pages) VALUES ('{number}', 1)")
        files(tmp_path, _0003_fill=BATCHES)
        (folders["shop"] / "stop").touch()
        with pytest.raises(RuntimeError, match="stopped"):
            await Executor(database, folders).migrate()
        assert await fetch(database, "SELECT count(*) FROM shop_book WHERE year IS NOT NULL") == [(4,)]
        await execute(database, "UPDATE shop_book SET year = 100 WHERE id = 1")
        (folders["shop"] / "stop").unlink()
        await Executor(database, folders).migrate()
        years = await fetch(database, "SELECT year FROM shop_book ORDER BY id")
        assert years == [(100,), (2,), (3,), (4,), (5,), (6,), (7,)]  # what was done was not done again
        assert await fetch(database, "SELECT count(*) FROM vivace_migration_progress") == [(0,)]
        await Executor(database, folders).migrate([Target(app_label="shop", name=None)])


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_batches_need_transactions_of_their_own(
    dialect: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    folders = basic(tmp_path)
    files(tmp_path, _0003_fill=BATCHES.replace("atomic = False", "atomic = True"))
    async with opened(url_of(dialect, tmp_path, request)) as database:
        with pytest.raises(BadMigration, match="atomic = False"):
            await Executor(database, folders).migrate()


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_mg7_index_built_concurrently(
    dialect: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    folders = files(tmp_path, _0001_initial=FIRST, _0002_index=CONCURRENT)
    async with opened(url_of(dialect, tmp_path, request)) as database:
        await Executor(database, folders).migrate()
        assert [index.name for index in (await tables(database))["shop_book"].indexes] == ["year_idx"]
        await Executor(database, folders).migrate([Target(app_label="shop", name="0001_initial")])
        assert (await tables(database))["shop_book"].indexes == ()


async def test_mg7_half_built_index_is_built_anew(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    folders = files(tmp_path, _0001_initial=FIRST)
    async with opened(url_of("postgresql", tmp_path, request)) as database:
        await Executor(database, folders).migrate()
        await execute(database, "INSERT INTO shop_book (title, year) VALUES ('a', 1), ('b', 1)")
        with pytest.raises(Exception, match="year_idx"):
            await database.execute(
                Statement(sql="CREATE UNIQUE INDEX CONCURRENTLY year_idx ON shop_book (year)", writes=None)
            )
        files(tmp_path, _0002_index=CONCURRENT)
        await Executor(database, folders).migrate()
        assert (await tables(database))["shop_book"].indexes[0].unique is False


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_mg3_two_deployers_at_once(
    dialect: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    folders, url = basic(tmp_path), url_of(dialect, tmp_path, request)
    async with opened(url) as one, opened(url) as other:
        await asyncio.gather(Executor(one, folders).migrate(), Executor(other, folders).migrate())
        assert await applied(one) == ["0001_initial", "0002_pages"]
        assert await drift(one, Loader(folders).project_state()) == []


async def test_mg3_second_deployer_is_told(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    folders, url = basic(tmp_path), url_of("postgresql", tmp_path, request)
    async with opened(url) as one, opened(url) as other:
        async with Executor(one, folders)._locked():  # pyright: ignore[reportPrivateUsage]
            with pytest.raises(MigrationLocked, match="Another process"):
                await Executor(other, folders, RunOptions(wait=0)).migrate()


async def test_mg7_lock_timeout_on_every_step(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    folders, url = files(tmp_path, _0001_initial=FIRST), url_of("postgresql", tmp_path, request)
    async with opened(url) as one, opened(url) as other:
        await Executor(one, folders).migrate()
        files(tmp_path, _0002_pages=SECOND)
        async with other.transaction():
            await other.execute(Statement(sql="LOCK TABLE shop_book IN ACCESS SHARE MODE", writes=None))
            with pytest.raises(LockTimeout):
                await Executor(one, folders, RunOptions(lock_timeout=0.05, attempts=1)).migrate()
        assert await applied(one) == ["0001_initial"]
        await Executor(one, folders).migrate()


async def test_mg7_lock_timeout_outside_of_transactions(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    alone = (
        "class Migration(migrations.Migration):\n    atomic = False\n    dependencies = [('shop', '0001_initial')]\n"
        "    operations = [migrations.RunSQL('ALTER TABLE shop_book ADD COLUMN x integer')]\n"
    )
    folders, url = files(tmp_path, _0001_initial=FIRST), url_of("postgresql", tmp_path, request)
    async with opened(url) as one, opened(url) as other:
        await Executor(one, folders).migrate()
        files(tmp_path, _0002_sql=alone)
        async with other.transaction():
            await other.execute(Statement(sql="LOCK TABLE shop_book IN ACCESS SHARE MODE", writes=None))
            with pytest.raises(LockTimeout):
                await Executor(one, folders, RunOptions(lock_timeout=0.05, attempts=1)).migrate()
        await Executor(one, folders).migrate()
        assert await applied(one) == ["0001_initial", "0002_sql"]


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_mg3_fake(dialect: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    folders = files(tmp_path, _0001_initial=FIRST)
    async with opened(url_of(dialect, tmp_path, request)) as database:
        await Executor(database, folders).migrate()
        await execute(database, "DELETE FROM vivace_migrations")
        events: list[str] = []
        files(tmp_path, _0002_pages=SECOND)
        await Executor(
            database, folders, RunOptions(fake_initial=True), report=lambda event, step: events.append(event)
        ).migrate()
        assert events == ["begin", "faked", "begin", "done"]
        await Executor(database, folders, RunOptions(fake=True)).migrate(
            [Target(app_label="shop", name=None)]
        )
        assert await applied(database) == []
        assert "pages" in [column.name for column in (await tables(database))["shop_book"].columns]


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_mg3_fake_initial_says_what_is_missing(
    dialect: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    folders = files(tmp_path, _0001_initial=FIRST)
    async with opened(url_of(dialect, tmp_path, request)) as database:
        await Executor(database, folders).migrate()
        await execute(database, "DELETE FROM vivace_migrations")
        with pytest.raises(ProgrammingError, match="already exists") as there:
            await Executor(database, folders).migrate()
        assert "--fake-initial" in there.value.fix
        await execute(database, "ALTER TABLE shop_book DROP COLUMN title")
        with pytest.raises(TablesDiffer, match=r"0001_initial[\s\S]*missing: shop_book\.title"):
            await Executor(database, folders, RunOptions(fake_initial=True)).migrate()
        assert await applied(database) == []


async def test_irreversible(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    last = 'class Migration(migrations.Migration):\n    dependencies = [("shop", "0002_pages")]\n    operations = [migrations.RunSQL("SELECT 1")]\n'
    folders = basic(tmp_path)
    files(tmp_path, _0003_sql=last)
    async with opened(url_of("sqlite", tmp_path, request)) as database:
        executor = Executor(database, folders)
        await executor.migrate()
        with pytest.raises(IrreversibleMigration, match="reverse_sql"):
            await executor.migrate([Target(app_label="shop", name="0001_initial")])
        assert len(await applied(database)) == 3


async def test_history_that_cannot_be(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    folders = basic(tmp_path)
    async with opened(url_of("sqlite", tmp_path, request)) as database:
        await Executor(database, folders).migrate()
        await execute(database, "DELETE FROM vivace_migrations WHERE name = '0001_initial'")
        with pytest.raises(InconsistentHistory, match="0001_initial"):
            await Executor(database, folders).migrate()


async def test_conflict_is_refused(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    folders = basic(tmp_path)
    files(tmp_path, _0002_other=SECOND.replace("pages", "sheets"))
    async with opened(url_of("sqlite", tmp_path, request)) as database:
        with pytest.raises(MigrationConflict, match="0002_other, 0002_pages"):
            await Executor(database, folders).migrate()


def test_names_may_be_short(tmp_path: Path) -> None:
    loader = Loader(basic(tmp_path))
    assert loader.find("shop", "0002").name == "0002_pages"
    with pytest.raises(UnknownMigration, match="Several"):
        loader.find("shop", "000")
    with pytest.raises(UnknownMigration, match="0002_pages"):
        loader.find("shop", "0002_page_")


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_mg3_sql_without_a_database(dialect: str, tmp_path: Path) -> None:
    loader = Loader(basic(tmp_path))
    lines = await sql_of(loader, loader.find("shop", "0002"), dialect)  # type: ignore[arg-type]
    assert lines[0] == "-- Add field pages to Book"
    assert any("ALTER TABLE" in line for line in lines)
    back = await sql_of(loader, loader.find("shop", "0002"), dialect, backwards=True)  # type: ignore[arg-type]
    assert back[0] == "-- Alter field title on Book"


def test_plan_without_a_database(tmp_path: Path) -> None:
    loader = Loader(basic(tmp_path), {("shop", "0001_initial")})
    assert names(plan(loader)) == ["+0002_pages"]
