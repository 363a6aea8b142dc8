"""SC8, SC9: no name leads out of a served folder, out of the templates or out of a storage."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, unquote

import pytest

from tests.security.corpus import CLIMBING_NAMES
from vivace.app import App
from vivace.app.media import MediaFiles
from vivace.app.static import StaticFiles
from vivace.config.settings import Settings
from vivace.errors import VivaceError
from vivace.http.request import Connection, Request
from vivace.http.response import Sink
from vivace.templates import TemplateOptions, render_to_string

SECRET = "the secret of another folder"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a style sheet, a link that leads out, and secrets around and under it."""
    served = tmp_path / "outer" / "served"
    served.mkdir(parents=True)
    (served / "a.css").write_text("body {}", "utf-8")
    for place in (tmp_path, tmp_path / "outer"):
        (place / "secret.txt").write_text(SECRET, "utf-8")
    (served / ".env").write_text(SECRET, "utf-8")
    (served / ".git").mkdir()
    (served / ".git" / "config").write_text(SECRET, "utf-8")
    os.symlink(tmp_path / "outer", served / "link")
    return served


class Kept(Sink):
    """Keeps what is written."""

    def __init__(self) -> None:
        self.data = b""

    async def write(self, data: bytes) -> None:
        self.data += data

    async def send_file(self, descriptor: int, offset: int, count: int) -> None:
        self.data += os.pread(descriptor, count, offset)


async def asked(app: App, target: str) -> tuple[int, bytes]:
    """Ask for a target as it is written: a client would put its dots in order first."""
    request = Request("GET", target, [(b"host", b"localhost")], Connection())
    response = await app.handle(request)
    kept = Kept()
    try:
        await response.write_to(kept)
    finally:
        await response.close()
    return response.status, kept.data


@pytest.mark.parametrize("served", [StaticFiles, MediaFiles])
async def test_sc8_no_name_leads_out_of_a_served_folder(
    folder: Path, served: Callable[[Path], StaticFiles]
) -> None:
    app = App(settings=Settings())
    app.mount("/files", served(folder))
    async with app:
        assert await asked(app, "/files/a.css") == (200, b"body {}")
        found: list[object] = []
        for name in CLIMBING_NAMES:
            for target in {
                f"/files/{name}",
                f"/files/{quote(name)}",
                f"/files/{quote(unquote(name), safe='')}",
            }:
                status, body = await asked(app, target)
                if SECRET.encode() in body or status not in (400, 404, 308, 301):
                    found.append((target, status, body[:40]))
    assert found == []


@pytest.mark.parametrize("name", CLIMBING_NAMES)
async def test_sc8_no_name_leads_out_of_the_templates(tmp_path: Path, name: str) -> None:
    (tmp_path / "templates").mkdir()
    for place in (tmp_path, tmp_path.parent):
        (place / "secret.txt").write_text(SECRET, "utf-8")
    os.symlink(tmp_path, tmp_path / "templates" / "link")
    app = App(settings=Settings(), root=tmp_path, templates=TemplateOptions())
    async with app:
        for spelt in (name, unquote(name)):
            try:
                text = await render_to_string(spelt, {})
            except (VivaceError, LookupError):
                continue
            assert SECRET not in text
