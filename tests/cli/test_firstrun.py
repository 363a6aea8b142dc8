"""The key of a first run: kept by ``dev``, made for one start by ``run``, weaker than every setting."""

from __future__ import annotations

from pathlib import Path

import pytest

from vivace.cli.firstrun import has_key, home_of, kept_key, start_key
from vivace.config.env import START_KEY
from vivace.config.load import load
from vivace.errors import ConfigurationError


def test_key_is_made_once_and_kept(tmp_path: Path) -> None:
    key = kept_key(tmp_path)
    assert len(key) >= 48
    assert kept_key(tmp_path) == key
    assert (tmp_path / ".vivace" / "secret").stat().st_mode & 0o777 == 0o600


def test_empty_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / ".vivace").mkdir()
    (tmp_path / ".vivace" / "secret").touch(mode=0o644)
    assert len(kept_key(tmp_path)) >= 48
    assert (tmp_path / ".vivace" / "secret").stat().st_mode & 0o777 == 0o600


def test_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / ".vivace").touch()
    with pytest.raises(ConfigurationError, match="cannot be kept") as raised:
        kept_key(tmp_path)
    assert "SECRET_KEY" in raised.value.fix


def test_start_keys_differ() -> None:
    assert start_key() != start_key()


@pytest.mark.parametrize(
    ("environ", "file", "found"),
    [
        ({}, "", False),
        ({}, "SECRET_KEY=\n", False),
        ({}, "SECRET_KEY=a\n", True),
        ({}, "SECRET_KEY_FILE=/run/key\n", True),
        ({"SECRET_KEY": "a"}, "", True),
        ({"SECRET_KEY_FILE": "/run/key"}, "", True),
    ],
)
def test_whether_somebody_set_a_key(tmp_path: Path, environ: dict[str, str], file: str, found: bool) -> None:
    (tmp_path / ".env").write_text(file, "utf-8")
    assert has_key(tmp_path, environ) is found


def test_key_of_the_start_is_weaker_than_every_setting(tmp_path: Path) -> None:
    environ = {START_KEY: "of-the-start"}
    assert load(tmp_path, environ).settings.secret_key.reveal() == "of-the-start"
    assert "made at the start" in load(tmp_path, environ).origins["secret_key"]
    (tmp_path / ".env").write_text("SECRET_KEY=of-the-file\n", "utf-8")
    assert load(tmp_path, environ).settings.secret_key.reveal() == "of-the-file"
    assert load(tmp_path, {**environ, "SECRET_KEY": "given"}).settings.secret_key.reveal() == "given"


@pytest.mark.parametrize(
    ("target", "home"),
    [
        ("", "."),
        ("app.py", "."),
        ("inner/app.py:app", "inner"),
        ("inner.app:app", "inner"),
        ("inner", "inner"),
        ("top", "."),
    ],
)
def test_home_of_a_target(tmp_path: Path, target: str, home: str) -> None:
    (tmp_path / "inner").mkdir()
    assert home_of(target, tmp_path) == (tmp_path / home).resolve()


def test_a_key_of_a_project_is_found_from_its_package(tmp_path: Path) -> None:
    package = tmp_path / "shop"
    package.mkdir()
    (tmp_path / ".env").write_text("SECRET_KEY=here\n", "utf-8")
    assert not has_key(package, {})
    (package / "__init__.py").write_text("", "utf-8")
    assert has_key(package, {})
