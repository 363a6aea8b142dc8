"""The message board of ``experience`` as it stands, served by real processes, in real browsers."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tests.cli.process import BOUND, EXPERIENCE, Serving, environment, serving
from tests.features.browsing import window

WAIT: Final = (
    60_000  # milliseconds until a condition must hold: generous, because nothing waits for it to pass
)
_TABLES: Final = """
import asyncio
from app import app

async def main():
    async with app:
        await app.prepare_tables()

asyncio.run(main())
"""
_POST: Final = """async ([first, last]) => {
    const form = document.forms[0]
    const list = document.querySelector("ul")
    for (let number = first; number < last; number++) {
        form.author.value = "Bob"
        form.body.value = `message ${number}`
        form.requestSubmit()
        while (form.ariaBusy !== null || form.getAttribute("aria-busy")) await new Promise(done => setTimeout(done, 5))
    }
}"""


def write_board(folder: Path, **settings: str) -> None:
    """Put the program into a folder, and its tables into its database."""
    shutil.copytree(EXPERIENCE / "board", folder, dirs_exist_ok=True)
    made = subprocess.run(
        [sys.executable, "-c", _TABLES],
        cwd=folder,
        env=environment(SECRET_KEY="k" * 40, **settings),
        timeout=BOUND,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr


@contextmanager
def board_served(folder: Path, *, workers: int = 1, name: str = "log", **settings: str) -> Generator[Serving]:
    """Serve what ``write_board`` wrote; ``name`` is a folder for what the server says."""
    log = folder / name
    log.mkdir(exist_ok=True)
    given = {"SECRET_KEY": "k" * 40, **settings}
    with serving("run", "app.py", "--workers", str(workers), folder=folder, tmp=log, **given) as running:
        yield running


@contextmanager
def reader(browser: Any, port: int, **options: Any) -> Generator[tuple[Any, list[str]]]:
    """Open the board in a profile of its own, when it is live."""
    with window(browser, **options) as (page, complaints):
        page.goto(f"http://127.0.0.1:{port}/", timeout=WAIT)
        page.locator("html[data-live-state=open]").wait_for(timeout=WAIT)
        yield page, complaints


def start_posting(page: Any, first: int, last: int) -> None:
    """Have a page post ``message 3``, ``message 4`` … with its form, one after the other, while the test goes on."""
    page.evaluate(f"(given) => void (window.posting = ({_POST})(given))", [first, last])


def wait(page: Any, expression: str, given: Any = None) -> None:
    """Wait until a JavaScript expression, in which ``given`` is what it is here, is true."""
    page.wait_for_function(f"(given) => {expression}", arg=given, timeout=WAIT)


def shoot(name: str, **pages: Any) -> None:
    """Record a run: keep pictures of the pages in the folder that ``VIVACE_TEST_PICTURES`` names, if it names one."""
    if folder := os.environ.get("VIVACE_TEST_PICTURES"):
        for whose, page in pages.items():
            page.screenshot(path=Path(folder) / f"{name}-{whose}.png")


def bodies(page: Any) -> list[str]:
    """Return the messages that a page shows, newest first."""
    shown: list[str] = page.evaluate(
        "[...document.querySelectorAll('li')].map(each => each.childNodes[1].data.slice(2).trim())"
    )
    return shown


__all__ = ["WAIT", "board_served", "bodies", "reader", "shoot", "start_posting", "wait", "write_board"]
