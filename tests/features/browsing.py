"""A real browser for tests: the system's Chromium, and what it complains of."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final

import pytest

CHROMIUM: Final = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
_WHY_NOT: Final = (
    "BROWSERS=no: browsers were tried on another Python, and see no difference"
    if os.environ.get("BROWSERS") == "no"
    else "no Chromium on this machine"
    if CHROMIUM is None
    else ""
)
needs_chromium = pytest.mark.skipif(bool(_WHY_NOT), reason=_WHY_NOT)
_QUIET: Final = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-sync",
)
_OF_THE_NETWORK: Final = (
    "Failed to load resource"  # an error page has its status; that is no complaint about it
)


@contextmanager
def chromium() -> Generator[Any]:
    """Start the browser; as root it has no sandbox of its own."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=CHROMIUM, args=[*_QUIET, *(["--no-sandbox"] if root else [])]
        )
        yield browser
        browser.close()


@contextmanager
def window(browser: Any, **options: Any) -> Generator[tuple[Any, list[str]]]:
    """Open a page in a profile of its own; the list is everything the browser complains of."""
    context = browser.new_context(**options)
    page, complaints = context.new_page(), list[str]()

    def console(said: Any) -> None:
        if said.type in ("error", "warning") and not said.text.startswith(_OF_THE_NETWORK):
            complaints.append(said.text)

    def pageerror(error: Any) -> None:
        complaints.append(str(error))

    page.on("console", console)
    page.on("pageerror", pageerror)
    yield page, complaints
    context.close()
