"""``vivace sendtestemail``: a message leaves, or the error says why not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from vivace.cli import main


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "app.py").write_text("from vivace import App\napp = App()\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("VIVACE_MAIL_URL", "file:sent")
    monkeypatch.setenv("VIVACE_MAIL_ADMINS", "root@example.com")
    return tmp_path


def call(*arguments: str) -> Result:
    sys.modules.pop("app", None)
    return CliRunner().invoke(main, ["sendtestemail", *arguments], prog_name="vivace")


def test_em4_message_is_sent(folder: Path) -> None:
    result = call("ada@example.com", "--admins")
    assert result.exit_code == 0, result.output
    (file,) = (folder / "sent").iterdir()
    assert "To: ada@example.com, root@example.com" in file.read_text("utf-8")
    assert "taken by FileBackend" in result.stderr


def test_em4_nobody_to_send_to_is_a_wrong_command_line(folder: Path) -> None:
    assert call("--managers").exit_code == 2


@pytest.mark.parametrize("url", ["smtp://localhost:1", "smtp://ada:hunter2@localhost:1?tls=no"])
def test_em4_error_is_told_in_its_parts(folder: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("VIVACE_MAIL_URL", url)
    result = call("ada@example.com")
    assert result.exit_code == 1
    assert "error:" in result.stderr
    assert "hunter2" not in result.stderr
    assert "Traceback" not in result.output
