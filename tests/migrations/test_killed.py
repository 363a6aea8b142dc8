"""A deployer that is killed at any moment: whoever migrates next goes on where it was, and nothing is done twice."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.migrations.support import DIALECTS, fetch, opened, url_of
from tests.migrations.test_executor import FIRST, SECOND, applied, files
from vivace.migrations.drift import drift
from vivace.migrations.executor import Executor
from vivace.migrations.loader import Loader

ROWS = """\
class Migration(migrations.Migration):
    dependencies = [("shop", "0002_pages")]
    operations = [
        migrations.RunSQL(
            ["INSERT INTO shop_book (id, title, year, pages) VALUES " + ", ".join(f"({n}, 'b', 0, 1)" for n in range(1, 21))]
        )
    ]
"""
COUNT = """\
async def count(apps, rows):
    for row in rows:
        print("row", row.pk, flush=True)
        row.year += 1
        await row.save()


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("shop", "0003_rows")]
    operations = [
        migrations.AddField("Book", "note", models.TextField(null=True)),
        migrations.RunPython(migrations.batched("shop.Book", count, size=3), migrations.RunPython.noop),
        migrations.AlterField("Book", "title", models.CharField(max_length=90)),
        migrations.RemoveField("Book", "note"),
    ]
"""
DEPLOYER = """
import asyncio, builtins, os, signal, sys
from pathlib import Path
from vivace.db import Database
from vivace.db.urls import connect
from vivace.migrations.executor import Executor

def say(*words, **options):
    if " ".join(map(str, words)) == sys.argv[3]:
        os.kill(os.getpid(), signal.SIGKILL)

async def main():
    database = Database("default", connect(sys.argv[1], root=Path("/")))
    tell = lambda event, step: say(event, step.migration.name)
    await Executor(database, {"shop": Path(sys.argv[2])}, report=tell).migrate()

builtins.print = say
asyncio.run(main())
"""


def deploy(url: str, folder: Path, until: str) -> None:
    """Migrate in a process of its own, which is killed in the moment in which it would say ``until``."""
    command = [sys.executable, "-c", DEPLOYER, url, str(folder), until]
    ended = subprocess.run(command, check=False, timeout=150)
    assert ended.returncode == -signal.SIGKILL


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_mg3_a_killed_deployer_is_gone_on_from(
    dialect: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = url_of(dialect, tmp_path, request)
    folders = files(tmp_path, _0001_initial=FIRST, _0002_pages=SECOND, _0003_rows=ROWS, _0004_count=COUNT)
    for moment in ("begin 0002_pages", "row 8") if dialect == "sqlite" else ("row 8",):
        deploy(url, folders["shop"], moment)
    async with opened(url) as database:
        await Executor(database, folders).migrate()
        assert await applied(database) == ["0001_initial", "0002_pages", "0003_rows", "0004_count"]
        assert await drift(database, Loader(folders).project_state()) == []
        assert await fetch(database, "SELECT count(*), min(year), max(year) FROM shop_book") == [(20, 1, 1)]
