"""The chat program of ``experience`` as it stands, two people in it, through the test client."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vivace import App
from vivace.auth import User
from vivace.errors.testing import ChannelRefused
from vivace.testing import Client

PROGRAM = Path(__file__).parents[1] / "experience" / "chat.py"
PASSWORD = "correct horse battery"
CHEAP = {
    "VIVACE_AUTH_ARGON2_MEMORY": "1MB",
    "VIVACE_AUTH_ARGON2_PASSES": "1",
    "VIVACE_AUTH_ARGON2_LANES": "1",
}


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    for name, value in CHEAP.items():
        monkeypatch.setenv(name, value)
    spec = importlib.util.spec_from_file_location("chat_as_it_stands", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
        found: Any = module
        yield found.app
    finally:
        del sys.modules[spec.name]


async def person(app: App, name: str) -> Client:
    """Return a client that is signed in."""
    await User.objects.create_user(f"{name}@example.com", PASSWORD)
    client = Client(app)
    form = {"email": f"{name}@example.com", "password": PASSWORD}
    answer = await client.post("/accounts/login", form=form)
    assert answer.status == 303
    return client


async def test_rl2_rl3_rl10_two_people_chat(app: App) -> None:
    async with Client(app) as stranger:
        with pytest.raises(ChannelRefused) as refused:
            async with stranger.channel("chat/lobby"):
                pass
        assert refused.value.problem["status"] == 401
        ada, bob = await person(app, "ada"), await person(app, "bob")
        async with ada.channel("chat/lobby") as here, bob.channel("chat/lobby") as there:
            await here.ask("say", {"text": "x" * 600})
            said = await there.receive("said")
            assert said == {"by": "ada@example.com", "text": "x" * 500}
            await there.until(lambda: len(there.members) == 2)
            users = {user.email: user.pk async for user in User.objects.all()}
            assert {info["user"] for info in there.members.values()} == set(users.values())
        assert (await ada.get("/me")).json()["email"] == "ada@example.com"
        async with stranger.websocket("/echo") as socket:
            await socket.send("hello")
            assert await socket.receive() == "hello"
