"""The commands for users, as somebody types them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.cli.process import vivace
from vivace.cli.group import main

APP = """
from vivace import App
from vivace.auth import Auth
from vivace.auth.passwords.hashers import Scrypt

app = App(installed=[Auth(hasher=Scrypt(2, 1, 1))])
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with an app of one file."""
    (tmp_path / "site.py").write_text(APP)
    return tmp_path


def rows(folder: Path, sql: str, name: str = "site") -> list[tuple[object, ...]]:
    """Return rows of the app's database."""
    database = sqlite3.connect(folder / f"{name}.sqlite3")
    try:
        return database.execute(sql).fetchall()
    finally:
        database.close()


def test_au1_createsuperuser_without_a_terminal(folder: Path) -> None:
    environment = {"SUPERUSER_EMAIL": "root@example.com", "SUPERUSER_PASSWORD": "violet anchor 7"}
    made = vivace("createsuperuser", "--app", "site.py", "--no-input", folder=folder, **environment)
    assert made.returncode == 0, made.stderr
    assert "root@example.com may do everything now." in made.stderr
    found = rows(folder, "SELECT email, is_superuser, is_staff, password FROM auth_user")
    assert found[0][:3] == ("root@example.com", 1, 1)
    assert str(found[0][3]).startswith("scrypt$")
    assert "violet" not in str(found)

    again = vivace("createsuperuser", "--app", "site.py", "--no-input", folder=folder, **environment)
    assert again.returncode == 2
    assert "root@example.com is taken." in again.stderr
    weak = vivace(
        "createsuperuser", "--app", "site.py", "--no-input", "--email", "x@example.com",
        folder=folder, SUPERUSER_PASSWORD="password",
    )  # fmt: skip
    assert weak.returncode == 2
    assert "too common" in weak.stderr


def test_au1_changepassword_and_clearsessions(folder: Path) -> None:
    secret = {"SUPERUSER_PASSWORD": "violet anchor 7"}
    vivace(
        "createsuperuser", "--app", "site.py", "--no-input", "--email", "a@b.example", folder=folder, **secret
    )
    before = rows(folder, "SELECT password FROM auth_user")
    changed = vivace(
        "changepassword", "--app", "site.py", "A@b.example", "--no-input",
        folder=folder, SUPERUSER_PASSWORD="another anchor 8",
    )  # fmt: skip
    assert changed.returncode == 0, changed.stderr
    assert rows(folder, "SELECT password FROM auth_user") != before
    nobody = vivace(
        "changepassword", "--app", "site.py", "c@b.example", "--no-input", folder=folder, **secret
    )
    assert nobody.returncode == 2
    assert "There is no user 'c@b.example'" in nobody.stderr
    cleared = vivace("clearsessions", "--app", "site.py", folder=folder)
    assert cleared.stderr.strip().endswith("0 sessions were over and are deleted.")


def test_au1_an_app_without_users_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "bare.py").write_text("from vivace import App\napp = App()\n")
    told = vivace("createsuperuser", "--app", "bare.py", "--no-input", folder=tmp_path)
    assert told.returncode == 1
    assert 'App(installed=["vivace.auth"])' in told.stderr


OWN = """
from vivace import App, models
from vivace.auth import AbstractUser, Auth


class Owner(AbstractUser):
    company = models.CharField(max_length=80, blank=True)


app = App(installed=[Auth(user=Owner, pages=None)])
"""


def test_au1_with_an_own_user_model_migrations_leave_the_other_tables_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "owners.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    for command in (
        ["makemigrations", "--app", "owners.py"],
        ["migrate", "--app", "owners.py"],
        ["makemigrations", "--check", "--app", "owners.py"],
        ["drift", "--app", "owners.py"],
    ):
        done = CliRunner().invoke(main, command)
        assert done.exit_code == 0, done.output
    names = "SELECT name FROM sqlite_master WHERE type = 'table'"
    tables = {row[0] for row in rows(tmp_path, names, "owners")}
    assert {"auth_group", "auth_permission", "owners_owner", "owners_owner_session"} < tables
    assert not tables & {"auth_user", "auth_session", "auth_user_groups"}
    assert ("add_owner",) in rows(tmp_path, "SELECT codename FROM auth_permission", "owners")
