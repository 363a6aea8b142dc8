"""The chat program of ``experience`` as it stands, served by a real worker, with a page that imports the client."""

from __future__ import annotations

import shutil
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tests.cli.process import EXPERIENCE, Serving, serving
from tests.features.browsing import window

PASSWORD: Final = "correct horse battery"
PATIENCE: Final = 60_000  # milliseconds until a test gives up; never a measure
PEOPLE: Final = ("ada", "bob")
PROGRAM: Final = f"""
from pathlib import Path

from chat import app
from vivace import Channel, Request, Response, render
from vivace.auth import User
from vivace.migrations.create import create_tables


@app.get("/")
async def page(request: Request) -> Response:
    return render(request, "page.html")


@app.channel("lab/{{name}}")
async def lab(name: str, channel: Channel) -> None:
    async for event in channel:
        match event.name:
            case "echo":
                await channel.broadcast("echoed", event.data)
                event.ack(event.data)
            case "refuse":
                event.fail("Not that.", status=409)
            case "quiz":
                answer = await channel.ask("sum", event.data)
                event.ack({{"answer": answer}})
            case "out":
                channel.close("out you go")


@app.on_startup
async def fill() -> None:
    filled = Path(__file__).with_name("filled")
    if not filled.exists():
        await create_tables(app.databases.default, app.models)
        for name in {PEOPLE!r}:
            await User.objects.create_user(f"{{name}}@example.com", {PASSWORD!r})
        filled.touch()
"""
PAGE: Final = """<!doctype html><html lang="en"><head><title>chat</title><link rel="icon" href="data:,">
{% vivace_head %}
<script type="module" src="{% static 'page.js' %}"></script></head><body><p>chat</p></body></html>
"""
SCRIPT: Final = """
import { channel, ChannelError } from "vivace/channels.js";
import { Socket, socket } from "vivace/socket.js";

const chat = channel("chat/lobby");
Object.assign(window, { channel, ChannelError, Socket, socket, chat, said: [], resyncs: 0, states: [] });
chat.on("said", ({ text }) => said.push(text));
chat.onresync(() => resyncs++);
chat.onstate((state) => states.push(state));
window.say = (text) => chat.ask("say", { text }, { timeout: 60_000 }).then(() => "taken", (error) => error.code);
"""
SETTINGS: Final = {
    "VIVACE_AUTH_ARGON2_MEMORY": "1MB",
    "VIVACE_AUTH_ARGON2_PASSES": "1",
    "VIVACE_AUTH_ARGON2_LANES": "1",
    "SECRET_KEY": "k" * 40,
}


def write_chat(folder: Path) -> None:
    """Put the program, a page and its script into a folder."""
    shutil.copy(EXPERIENCE / "chat.py", folder)
    for name, text in (
        ("page.py", PROGRAM),
        ("templates/page.html", PAGE),
        ("static/page.js", SCRIPT),
    ):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, "utf-8")


@contextmanager
def chat_served(
    folder: Path, *, workers: int = 0, log: Path | None = None, settings: Mapping[str, str] | None = None
) -> Generator[Serving]:
    """Serve what ``write_chat`` wrote; the first to serve it, alone, makes tables and accounts."""
    if log is not None:
        log.mkdir(exist_ok=True)
    with serving(
        "run",
        "page.py",
        "--workers",
        str(workers),
        folder=folder,
        tmp=log or folder,
        **SETTINGS,
        **(settings or {}),
    ) as running:
        yield running


@contextmanager
def person(browser: Any, port: int, name: str, **options: Any) -> Generator[tuple[Any, list[str]]]:
    """Open the page in a profile of its own, signed in, when it has joined the lobby."""
    with window(browser, **options) as (page, complaints):
        page.set_default_timeout(PATIENCE)
        page.goto(f"http://127.0.0.1:{port}/accounts/login")
        page.locator("main [name=email]").fill(f"{name}@example.com")
        page.locator("main [name=password]").fill(PASSWORD)
        page.locator("main form button").last.click()
        page.wait_for_load_state()
        page.goto(f"http://127.0.0.1:{port}/")
        wait(page, "window.chat?.state === 'joined'")
        yield page, complaints


def wait(page: Any, expression: str, given: Any = None) -> None:
    """Wait until a JavaScript expression, in which ``given`` is what it is here, is true; fails after a minute."""
    page.wait_for_function(f"(given) => {expression}", arg=given, timeout=PATIENCE)


__all__ = ["chat_served", "person", "wait", "write_chat"]
