"""Hostile uploads in a real browser: none of them runs, wherever a page puts it.

Needs the system's Chromium; without one the tests skip and say so.
"""

from __future__ import annotations

import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.cli.process import serving
from tests.features.browsing import needs_chromium

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = needs_chromium

PROGRAM = """
from vivace import App, Response, models

app = App()


class Attachment(models.Model):
    file = models.FileField()


@app.get("/")
async def page(what: str) -> Response:
    return Response(what, content_type="text/html", headers={"content-security-policy": "default-src 'self'"})


@app.get("/careless")
async def careless(what: str) -> Response:
    policy = "default-src 'self' 'unsafe-inline'"
    return Response(what, content_type="text/html", headers={"content-security-policy": policy})
"""
TELL = "fetch('/owned')"
HTML = f'<!doctype html><title>shown</title><script>{TELL}</script><img src=x onerror="{TELL}">'
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="30">'
    f'<script>{TELL}</script><rect width="40" height="30" fill="red" onload="{TELL}"/></svg>'
)
FILES = {
    "a.html": HTML,
    "a.xhtml": HTML,
    "a.txt": HTML,
    "a.png": HTML,
    "a.pdf": HTML,
    "a.mp4": HTML,
    "noext": HTML,
    "a.svg": SVG,
    "a.xml": f'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><script>{TELL}</script></html>',
    "a.js": TELL,
    "a.mjs": TELL,
    "a.css": "body { color: rgb(1, 2, 3) }",
}


@pytest.fixture(scope="module")
def address() -> Generator[str]:
    """An app with hostile files in its media folder."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "uploads.py").write_text(PROGRAM)
        (place / "media").mkdir()
        for name, content in FILES.items():
            (place / "media" / name).write_text(content)
        with serving("run", "uploads.py", folder=place, tmp=place) as running:
            yield f"http://127.0.0.1:{running.port}"


@pytest.fixture
def page(browser: Any) -> Generator[Any]:
    """A page that notes whether a script ran: each of ours asks for /owned."""
    context = browser.new_context()
    opened = context.new_page()
    opened.owned = []

    def asked(request: Any) -> None:
        if request.url.endswith("/owned"):
            opened.owned.append(request.url)

    context.on("request", asked)
    yield opened
    context.close()


def settled(page: Any) -> None:
    """Wait until a script that ran has said so; a viewer of documents answers no questions, so time it is."""
    page.wait_for_timeout(50)


def test_sc9_an_upload_that_is_opened_runs_nothing(page: Any, address: str) -> None:
    for name in FILES:
        page.goto("about:blank")
        try:
            page.goto(f"{address}/media/{name}")
        except playwright.Error as error:
            if "Download" not in str(error) and "ERR_ABORTED" not in str(
                error
            ):  # else it is saved, not shown
                raise
        else:
            settled(page)
        assert page.owned == [], name
        assert page.title() != "shown", name


EMBEDDED = """<iframe src="/media/{name}"></iframe><object data="/media/{name}"></object><embed src="/media/{name}">
<img src="/media/{name}"><video src="/media/{name}"></video>
<script src="/media/{name}"></script><script type="module" src="/media/{name}"></script>
<link rel="stylesheet" href="/media/{name}">"""


def test_sc9_an_upload_in_a_page_that_trusts_its_origin_runs_nothing(page: Any, address: str) -> None:
    everything = "<!doctype html><title>page</title>" + "".join(EMBEDDED.format(name=name) for name in FILES)
    page.goto(f"{address}/?what={quote(everything)}", wait_until="load")
    settled(page)
    assert page.title() == "page"
    assert page.owned == []
    assert page.evaluate("getComputedStyle(document.body).color") != "rgb(1, 2, 3)"


def test_sc9_a_picture_of_an_upload_is_shown(page: Any, address: str) -> None:
    page.goto(f"{address}/?what={quote('<img id=svg src=/media/a.svg>')}", wait_until="load")
    assert page.evaluate("document.getElementById('svg').naturalWidth") == 40


def test_sc9_the_same_script_runs_in_a_page_that_allows_it(page: Any, address: str) -> None:
    page.goto(f"{address}/careless?what={quote(HTML)}", wait_until="load")
    settled(page)
    assert page.owned != []
