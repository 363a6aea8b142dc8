"""The message board with its hood open, in two real browsers on two workers: who looks sees what the other has caused."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Final

import pytest

from tests.cli.process import Serving
from tests.features.boarding import WAIT, board_served, reader, shoot, start_posting, wait, write_board
from tests.features.browsing import needs_chromium

pytestmark = [needs_chromium, pytest.mark.timeout(240)]
HOOD: Final = "document.querySelector('vivace-hood').shadowRoot"
BOTTOM: Final = "document.getElementById('last').getBoundingClientRect().bottom"
FOCUS: Final = f"() => {HOOD}.activeElement?.className || {HOOD}.activeElement?.id"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Serving]:
    folder = tmp_path_factory.mktemp("hood")
    write_board(folder)
    with board_served(folder, workers=2, VIVACE_HOOD="on") as running:
        yield running


def test_who_looks_under_the_hood_sees_what_others_cause(browser: Any, server: Serving) -> None:
    with (
        reader(browser, server.port) as (ada, of_ada),
        reader(browser, server.port, viewport={"width": 390, "height": 800}) as (bob, of_bob),
    ):
        badge = ada.locator("vivace-hood .badge")
        badge.wait_for(timeout=WAIT)
        assert "quer" in badge.inner_text()
        badge.focus()
        ada.keyboard.press("Enter")
        assert ada.evaluate(FOCUS) == "title"
        region = ada.locator("vivace-hood .region")
        region.first.wait_for(timeout=WAIT)
        # Until it is rendered, nobody knows which commits touch it: one that came sooner would be no reason of its own.
        ada.locator("vivace-hood .region .reads li").first.wait_for(timeout=WAIT)

        start_posting(bob, 0, 1)
        last = ada.locator("vivace-hood .region .last code")
        last.first.wait_for(timeout=WAIT)
        assert "insert into" in last.first.inner_text()
        assert "shared by" in region.first.inner_text()
        assert "message 0" not in ada.evaluate(
            f"{HOOD}.textContent"
        )  # what others wrote is nobody's business here

        ada.locator("vivace-hood .queries summary").first.click()
        assert "SELECT" in ada.locator("vivace-hood .queries pre").first.inner_text()
        ada.locator("vivace-hood .find").first.focus()
        ada.locator("vivace-hood .frame.pointed").first.wait_for(timeout=WAIT)
        shoot("hood", ada=ada, bob=bob)

        # It stays from page to page, takes no focus there, and what is typed stays where it is typed.
        ada.reload()
        region.first.wait_for(timeout=WAIT)
        ada.locator("#id_body").fill("half a sent")
        start_posting(bob, 1, 3)
        wait(ada, "document.querySelector('li').textContent.includes('message 2')")
        ada.keyboard.type("ence")
        assert ada.locator("#id_body").input_value() == "half a sentence"
        badge.focus()
        ada.keyboard.press("Escape")
        wait(ada, f"{HOOD}.getElementById('panel').hidden")
        assert "badge" in ada.evaluate(FOCUS)

        # A form that is sent without a reload: the panel is still there, and tells of the newer page.
        start_posting(ada, 3, 4)
        wait(ada, "document.querySelector('li').textContent.includes('message 3')")
        assert badge.is_visible()
        assert of_ada == of_bob == []


@pytest.mark.parametrize(("scheme", "width"), [("light", 1200), ("dark", 390)])
def test_the_panel_has_no_serious_accessibility_finding(
    browser: Any, server: Serving, scheme: Any, width: int
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
    size = {"width": width, "height": 900}
    with reader(browser, server.port, color_scheme=scheme, viewport=size, bypass_csp=True) as (page, _):
        page.locator("vivace-hood .badge").click()
        page.locator("vivace-hood .region").first.wait_for(timeout=WAIT)
        page.evaluate(f"for (const each of {HOOD}.querySelectorAll('details')) each.open = true")
        found = axe.Axe().run(page).response["violations"]
        serious = [(each["id"], each["nodes"]) for each in found if each["impact"] in ("serious", "critical")]
        assert serious == []


def test_the_badge_covers_nothing_at_the_end_of_a_page_and_is_put_away_by_keyboard(
    browser: Any, server: Serving
) -> None:
    with reader(browser, server.port, viewport={"width": 390, "height": 500}) as (page, complaints):
        edge, away = page.locator("vivace-hood .edge"), page.locator("vivace-hood .away")
        away.wait_for(timeout=WAIT)
        page.evaluate("document.body.insertAdjacentHTML('beforeend', '<p id=last>end</p>')")
        page.evaluate("document.getElementById('last').style.height = '90vh'")
        page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
        wait(page, f"{BOTTOM} <= {HOOD}.querySelector('.edge').getBoundingClientRect().top")
        height = page.evaluate("document.documentElement.scrollHeight")

        away.focus()
        page.keyboard.press("Enter")
        edge.wait_for(state="hidden", timeout=WAIT)
        assert "Alt+H" in page.locator("vivace-hood [role=status]").first.inner_text()
        assert page.evaluate("document.documentElement.scrollHeight") < height

        page.reload()  # it stays away in this tab
        page.locator("vivace-hood #panel").wait_for(state="attached", timeout=WAIT)
        assert not edge.is_visible()
        page.keyboard.press("Alt+h")
        page.locator("vivace-hood #panel").wait_for(timeout=WAIT)
        page.keyboard.press("Escape")
        wait(page, f"{HOOD}.getElementById('panel').hidden")
        assert edge.is_visible()
        assert "badge" in page.evaluate(FOCUS)

        away.click()
        edge.wait_for(state="hidden", timeout=WAIT)
        page.evaluate("location.hash = 'vivace-hood'")  # as its link does, and as a phone can
        page.locator("vivace-hood #panel").wait_for(timeout=WAIT)
        assert complaints == []
