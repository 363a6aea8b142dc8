"""The game of ``examples``: fifty players get its ticks in order, and it is playable in a browser by keyboard and finger."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Generator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.cli.process import ROOT, Serving, serving
from tests.features.browsing import chromium, needs_chromium, window
from tests.features.chatting import wait

GAME = ROOT / "examples" / "game"
PLAYERS = 50
TICKS = 12


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Serving]:
    folder = tmp_path_factory.mktemp(
        "game"
    )  # processes of one folder play one game, also those of other tests
    shutil.copytree(GAME, folder, dirs_exist_ok=True)
    with serving(
        "run", "app.py", "--workers", "0", folder=folder, tmp=folder, SECRET_KEY="k" * 40
    ) as running:
        yield running


def test_it_is_under_200_lines() -> None:
    lines = [(GAME / name).read_text("utf-8").count("\n") for name in ("app.py", "static/game.js")]
    assert sum(lines) < 200


async def ticks_of(player: ClientConnection) -> list[list[Any]]:
    """Steer to the right, and return the data of ticks, from the first in which there are all players."""
    await player.send(json.dumps(["send", "field", "steer", [1, 0], 0]))
    ticks: list[list[Any]] = []
    async for text in player:
        verb, _, *rest = json.loads(text)
        if verb == "event" and len(rest[1][1]) == PLAYERS:
            ticks.append(rest[1])
            if len(ticks) == TICKS:
                break
    return ticks


async def test_fifty_players_get_ticks_in_order(server: Serving) -> None:
    url = f"ws://127.0.0.1:{server.port}/_vivace/socket"
    async with asyncio.timeout(50), AsyncExitStack() as stack:
        players = [await stack.enter_async_context(connect(url, max_queue=None)) for _ in range(PLAYERS)]
        for number, player in enumerate(players):
            await player.send(json.dumps(["join", "field", {"data": f"player {number}"}]))
        told = await asyncio.gather(*map(ticks_of, players))
    for ticks in told:
        numbers = [tick[0] for tick in ticks]
        assert numbers == sorted(set(numbers))
    before, after = ({key: x for key, x, _, _ in tick[1]} for tick in (told[0][0], told[0][-1]))
    assert sum(after[key] > before[key] or after[key] == 1600 for key in before) > PLAYERS // 2


WATCHED = """async () => {
    const { channel } = await import("vivace/channels.js")
    const field = channel("field")
    window.places = []
    field.on("tick", ([, lights]) => {
        const mine = field.members.get(field.me)?.key
        places.push(lights.find(([key]) => key === mine)?.slice(1, 3))
    })
    await field.joined()
}"""


@needs_chromium
@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("scheme", "size", "touch"), [("light", (1280, 800), False), ("dark", (390, 844), True)]
)
def test_it_is_played_in_a_browser(server: Serving, scheme: str, size: tuple[int, int], touch: bool) -> None:
    options = {"color_scheme": scheme, "viewport": {"width": size[0], "height": size[1]}, "has_touch": touch}
    with chromium() as browser, window(browser, **options) as (page, complaints):
        page.goto(f"http://127.0.0.1:{server.port}/")
        assert serious(page) == []
        page.keyboard.type("Ada")  # the field has the focus
        page.keyboard.press("Enter")
        page.evaluate(WATCHED)
        wait(page, "places.at(-1)")
        for steer, end, further in (
            (lambda: page.keyboard.down("ArrowDown"), lambda: page.keyboard.up("ArrowDown"), 1),
            (lambda: hold(page, size[0] - 10, size[1] // 2), page.mouse.up, 0),
        ):
            start = page.evaluate("places.at(-1)")
            steer()
            wait(
                page,
                "places.at(-1)[given[0]] > given[1] || places.at(-1)[given[0]] === 1600",
                [further, start[further]],
            )
            end()
        wait(page, "document.querySelector('li.me')?.textContent.startsWith('Ada')")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert complaints == []


def hold(page: Any, x: int, y: int) -> None:
    page.mouse.move(x, y)
    page.mouse.down()


def serious(page: Any) -> list[str]:
    """Return what axe-core finds of serious or critical impact; nothing where it is not installed."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    found = axe.Axe().run(page).response["violations"]
    return [one["id"] for one in found if one["impact"] in ("serious", "critical")]
