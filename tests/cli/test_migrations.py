"""The migration commands on a project of one file, from its first day on."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from vivace.cli.group import main

FIRST = """
from vivace import App, models

app = App()


class Book(models.Model):
    title = models.CharField(max_length=40)
"""


class Site:
    """A folder with an app, each command in a process's own state."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stem = f"site_{abs(hash(folder)) % 10**8}"
        self.versions = 0

    def write(self, text: str) -> None:
        """Write the app under a new module name: modules are loaded once."""
        self.versions += 1
        label = '    class Meta:\n        app_label = "shop"\n'
        (self.folder / f"{self.stem}_{self.versions}.py").write_text(text.rstrip() + "\n\n" + label)

    def run(self, *args: str) -> Result:
        """Run a command."""
        target = str(self.folder / f"{self.stem}_{self.versions}.py")
        return CliRunner().invoke(main, [*args, "--app", target])


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'site.sqlite3'}")
    found = Site(tmp_path)
    found.write(FIRST)
    return found


def files(site: Site) -> list[str]:
    return sorted(path.stem for path in (site.folder / "migrations").glob("*.py"))


def shown(result: Result) -> str:
    return result.output + (result.stderr if result.stderr not in result.output else "")


def test_mg1_mg3_from_the_first_day(site: Site) -> None:
    assert site.run("makemigrations", "--check").exit_code == 1
    result = site.run("makemigrations")
    assert "Create model Book" in shown(result)
    assert files(site) == ["0001_initial"]
    assert site.run("makemigrations", "--check").exit_code == 0
    assert "[ ] 0001_initial" in site.run("showmigrations").output
    assert "CREATE TABLE" in site.run("sqlmigrate", "shop", "0001").output
    assert "+ Create model Book" in shown(site.run("migrate", "--plan"))
    assert site.run("migrate", "--check").exit_code == 1
    assert "apply shop.0001_initial … done" in shown(site.run("migrate"))
    assert "Nothing to do." in shown(site.run("migrate"))
    assert "[X] 0001_initial" in site.run("showmigrations").output
    drifted = site.run("drift")
    assert drifted.exit_code == 0
    assert 'db_table = "shop_book"' in site.run("inspectdb").output
    assert "undo shop.0001_initial … done" in shown(site.run("migrate", "shop", "zero"))


def test_mg1_a_folder_of_another_name_is_the_same_app(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clone, a release, a container: the label was the folder's name, and is kept by the first makemigrations."""
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'site.sqlite3'}")
    monkeypatch.setattr(sys, "path", sys.path[:])
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "app.py").write_text(FIRST)

    def run(command: str) -> str:
        for name in ("app", "app__app"):
            monkeypatch.delitem(sys.modules, name, raising=False)
        return shown(CliRunner().invoke(main, [command, "--app", str(folder / "app.py")]))

    first = run("makemigrations")
    assert "keeps the label 'shop'" in first
    assert (folder / "migrations" / "label.txt").read_text() == "shop\n"
    assert "apply shop.0001_initial … done" in run("migrate")
    folder = folder.rename(tmp_path / "release-17")
    assert "Nothing has changed." in run("makemigrations")
    assert "Nothing to do." in run("migrate")
    text = (folder / "app.py").read_text() + "    year = models.IntegerField(default=0)\n"
    (folder / "app.py").write_text(text)
    second = run("makemigrations")
    assert "shop.0002" in second
    assert "keeps the label" not in second


def test_mg1_answers_by_options(site: Site) -> None:
    site.run("makemigrations")
    site.run("migrate")
    site.write(FIRST.replace("title", "name") + "    year = models.IntegerField()\n")
    result = site.run("makemigrations")
    assert result.exit_code == 1
    assert "--rename shop.Book.title=name" in shown(result)
    result = site.run(
        "makemigrations",
        "--rename",
        "shop.Book.title=name",
        "--default",
        "shop.Book.year=1843",
        "--name",
        "second",
    )
    assert result.exit_code == 0, shown(result)
    assert files(site) == ["0001_initial", "0002_second"]
    assert "unsafe" in shown(site.run("migrate", "--check-safety"))
    assert site.run("migrate", "--check-safety").exit_code == 1
    assert site.run("migrate").exit_code == 0
    assert "renamed" not in shown(site.run("makemigrations"))


def test_mg1_empty_update_dry_run_squash(site: Site) -> None:
    site.run("makemigrations")
    assert "class Migration" in site.run("makemigrations", "shop", "--empty", "--dry-run").output
    assert files(site) == ["0001_initial"]
    site.write(FIRST + "    note = models.TextField(null=True)\n")
    assert site.run("makemigrations", "--update").exit_code == 0
    assert files(site) == ["0001_initial"]
    site.run("makemigrations", "shop", "--empty", "--name", "mine")
    assert files(site)[-1] == "0002_mine"
    result = site.run("squashmigrations", "shop", "0002", "--name", "all")
    assert result.exit_code == 0, shown(result)
    assert "0001_all" in files(site)
    assert "cannot be shorter" in shown(site.run("optimizemigration", "shop", "0001_initial"))


def test_unknown_app_names_the_nearest(site: Site) -> None:
    result: Any = site.run("makemigrations", "shopp")
    assert result.exit_code == 1
    assert "'shop'" in shown(result)


def test_the_file_may_stand_where_other_commands_have_their_target(site: Site) -> None:
    target = str(site.folder / f"{site.stem}_{site.versions}.py")

    def run(*args: str) -> Result:
        return CliRunner().invoke(main, args)

    assert "Create model Book" in shown(run("makemigrations", target))
    assert "Nothing has changed." in shown(run("makemigrations", target, "shop"))
    assert "apply shop.0001_initial … done" in shown(run("migrate", target))
    assert "[X] 0001_initial" in run("showmigrations", target, "shop").output
    assert "undo shop.0001_initial … done" in shown(run("migrate", target, "shop", "zero"))
    assert "at most an app and one of its migrations" in shown(run("migrate", target, "shop", "0001", "0002"))
    result: Any = run("makemigrations", "there_is_none.py")
    assert result.exit_code != 0
    assert "there_is_none.py" in str(result.exception) + shown(result)


def test_check_and_drift_tell_what_is_behind(site: Site) -> None:
    def check(*args: str) -> str:
        target = str(site.folder / f"{site.stem}_{site.versions}.py")
        return shown(CliRunner().invoke(main, ["check", target, *args]))

    assert "Nothing is wrong." in check("--database", "default")  # a single file that keeps no migrations
    site.run("makemigrations")
    assert "Nothing is wrong." in check()
    told = check("--database", "default")
    assert "warning: 1 migration is not applied (shop.0001_initial). [migrations-unapplied]" in told
    assert "hint: Run `vivace migrate`." in told
    site.run("migrate")
    assert "Nothing is wrong." in check("--database", "default")
    assert "error: There is no database 'other'." in check("--database", "other")
    assert "have changed since" not in shown(site.run("drift"))
    site.write(FIRST + "    note = models.TextField(null=True)\n")
    told = check()
    assert "warning: The models of shop differ from the migration files. [migrations-missing]" in told
    assert "hint: Run `vivace makemigrations`, then `vivace migrate`." in told
    assert check("--ignore", "migrations-missing").startswith("Nothing is wrong.")
    drifted = site.run("drift")
    assert drifted.exit_code == 0
    assert "The models have changed since: run `vivace makemigrations`." in shown(drifted)
