"""``offload`` finds the pools of the app that the code runs in."""

from __future__ import annotations

import threading

import pytest

import vivace
from vivace.app import App, offload
from vivace.config.settings import Settings
from vivace.errors import NoCurrentApp
from vivace.testing import Client


async def test_wk2_handlers_offload_to_the_pool_of_their_app() -> None:
    app = App(settings=Settings(hosts=("*",)))

    @app.get("/")
    async def home() -> str:
        return await offload(lambda: threading.current_thread().name)

    async with Client(app) as client:
        assert (await client.get("/")).text.startswith("vivace-blocking")
    assert app.pool.running == 0
    assert vivace.offload is offload


async def test_wk2_offload_outside_an_app_says_so() -> None:
    with pytest.raises(NoCurrentApp):
        await offload(int)
