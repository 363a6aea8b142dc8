"""The browser client among an app's static files: its names in the import map, and where it finds a mounted app."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from vivace import App, Channel, Request, Response, StaticSite, render
from vivace.testing import Client

PAGE = "<html><head>{% vivace_head %}</head></html>"


def app_in(folder: Path, *, channels: bool = True, site: StaticSite | None = None) -> App:
    (folder / "templates").mkdir(exist_ok=True)
    (folder / "templates/page.html").write_text(PAGE)
    app = App(root=folder, static=site or StaticSite())

    @app.get("/")
    async def page(request: Request) -> Response:
        return render(request, "page.html")

    if channels:

        @app.channel("lobby")
        async def lobby(channel: Channel) -> None:
            async for _ in channel:
                pass

    return app


async def head_of(app: App, path: str = "/") -> str:
    async with Client(app) as client:
        return (await client.get(path)).text


def map_in(head: str) -> dict[str, dict[str, str]]:
    found = re.search(r'<script type="importmap"[^>]*>(.*?)</script>', head)
    assert found is not None
    mapped: dict[str, dict[str, str]] = json.loads(found[1])
    return mapped


async def test_rl12_pages_of_an_app_with_channels_know_the_client_by_name(tmp_path: Path) -> None:
    mapped = map_in(await head_of(app_in(tmp_path)))
    assert re.fullmatch(r"/static/vivace/channels(\.\w+)?\.js", mapped["imports"]["vivace/channels.js"])
    assert "vivace/socket.js" in mapped["imports"]


async def test_rl12_pages_without_channels_carry_no_map(tmp_path: Path) -> None:
    assert "importmap" not in await head_of(app_in(tmp_path, channels=False))


async def test_rl12_the_apps_own_names_stand_beside_and_before(tmp_path: Path) -> None:
    site = StaticSite(importmap={"lit": "https://esm.sh/lit@3", "vivace/": "https://example.com/"})
    imports = map_in(await head_of(app_in(tmp_path, site=site)))["imports"]
    assert imports == {"lit": "https://esm.sh/lit@3", "vivace/": "https://example.com/"}


@pytest.mark.parametrize(("prefix", "meta"), [("", None), ("/inner", "/inner/_vivace")])
async def test_rl12_a_mounted_app_says_where_it_is(tmp_path: Path, prefix: str, meta: str | None) -> None:
    app = app_in(tmp_path)
    if prefix:
        outer = App()
        outer.mount(prefix, app)
        app = outer
    found = re.search(r'<meta name="vivace-realtime" content="([^"]*)">', await head_of(app, f"{prefix}/"))
    assert (found[1] if found else None) == meta


async def test_rl12_a_mounted_apps_channels_answer_where_its_pages_look(tmp_path: Path) -> None:
    outer = App()
    outer.mount("/inner", app_in(tmp_path))
    async with Client(outer) as client:
        async with client.websocket("/inner/_vivace/socket") as socket:
            await socket.send_json(["join", "lobby"])
            verb, room, *_ = await socket.receive_json()
    assert (verb, room) == ("joined", "lobby")
