"""The tour in a real browser: everything on the page works, under its own content security policy, for everybody.

Needs the system's Chromium; without one the tests skip and say so.
"""

from __future__ import annotations

import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.process import ROOT, serving
from tests.features.browsing import needs_chromium

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

pytestmark = needs_chromium
TOUR = ROOT / "examples" / "tour" / "app.py"


@pytest.fixture(scope="module")
def address() -> Generator[str]:
    """The tour, served."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        with serving("run", str(TOUR), "--workers", "0", folder=place, tmp=place) as running:
            yield f"http://127.0.0.1:{running.port}"


@pytest.fixture
def page(browser: Any, address: str) -> Generator[Any]:
    """The tour's page, with everything the browser complains of in ``page.complaints``."""
    context = browser.new_context()
    opened = context.new_page()
    opened.complaints = []

    def console(said: Any) -> None:
        if said.type == "error":
            opened.complaints.append(said.text)

    def pageerror(error: Any) -> None:
        opened.complaints.append(str(error))

    opened.on("console", console)
    opened.on("pageerror", pageerror)
    opened.goto(address)
    yield opened
    context.close()


def test_dx1_tour_works_in_a_browser_under_its_policy(page: Any) -> None:
    expect = playwright.expect
    page.locator("#hello button").click()
    expect(page.locator("#hello .result")).to_contain_text("Hello, Ada!")
    page.locator("#count button").first.click()
    expect(page.locator("#count .result")).to_contain_text("3")
    expect(page.locator("#clock .result")).to_contain_text(":")
    expect(page.locator("#board .status")).not_to_contain_text("connecting")
    assert page.complaints == []


def test_rq8_mistake_is_explained_in_the_page(page: Any) -> None:
    page.locator("#hello input[name=times]").fill("many")
    page.locator("#hello button").click()
    playwright.expect(page.locator("#hello .result")).to_contain_text("an integer")


def test_rl1_two_windows_draw_on_one_board(page: Any, browser: Any, address: str) -> None:
    other = browser.new_context().new_page()
    other.goto(address)
    for window in (page, other):
        playwright.expect(window.locator("#board .status")).not_to_contain_text("connecting")
    blank = "() => { const c = document.querySelector('canvas'); return !c.getContext('2d')"
    blank += ".getImageData(0, 0, c.width, c.height).data.some(value => value !== 0) }"
    box = page.locator("canvas").bounding_box()
    page.locator("canvas").scroll_into_view_if_needed()
    box = page.locator("canvas").bounding_box()
    page.mouse.move(box["x"] + 40, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + 160, box["y"] + 120, steps=8)
    page.mouse.up()
    other.wait_for_function(f"() => !({blank})()", timeout=10_000)
    other.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 390])
def test_tour_has_no_serious_accessibility_finding(
    browser: Any, address: str, scheme: str, width: int
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
    context = browser.new_context(
        color_scheme=scheme, viewport={"width": width, "height": 900}, bypass_csp=True
    )
    opened = context.new_page()
    opened.goto(address)
    found = axe.Axe().run(opened).response["violations"]
    context.close()
    assert [each["id"] for each in found if each["impact"] in ("serious", "critical")] == []
