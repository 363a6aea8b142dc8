"""The message board as it stands, in real browsers: everybody's page stays true, and nobody who types is disturbed."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.process import Serving
from tests.features.boarding import (
    WAIT,
    board_served,
    bodies,
    reader,
    shoot,
    start_posting,
    wait,
    write_board,
)
from tests.features.browsing import needs_chromium, window
from tests.features.lines import line_to

pytestmark = [needs_chromium, pytest.mark.timeout(240)]
TEXT = "The quick brown fox jumps over the lazy dog. " * 4
NOTE = """() => {
    window.told = []
    for (const name of ["blur", "focus"]) document.activeElement.addEventListener(name, event => told.push(event.type))
}"""
CARET = """() => {
    const { id, value, selectionStart, selectionEnd, scrollTop } = document.activeElement
    return { id, value, caret: [selectionStart, selectionEnd], told: window.told }
}"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("board")
    write_board(made)
    return made


@pytest.fixture(scope="module")
def server(folder: Path) -> Generator[Serving]:
    with board_served(folder, workers=1) as running:
        yield running


def type_while_the_other_posts(ada: Any, bob: Any, first: int, count: int) -> None:
    """Type in one window while the other posts; no character and no caret is lost, and both show everything."""
    ada.locator("#id_author").fill("Ada")
    ada.locator("#id_body").focus()
    ada.evaluate(NOTE)
    start_posting(bob, first, first + count)
    for start in range(0, len(TEXT), 20):
        ada.keyboard.type(TEXT[start : start + 20], delay=5)
        shoot(f"{first}-{start:03}", ada=ada, bob=bob)
    bob.evaluate("posting")
    for page in (ada, bob):
        wait(
            page, "document.querySelector('li').textContent.includes(given)", f"message {first + count - 1} "
        )
    shoot(f"{first}-end", ada=ada, bob=bob)
    found = ada.evaluate(CARET)
    assert found == {"id": "id_body", "value": TEXT, "caret": [len(TEXT)] * 2, "told": []}
    expected = [f"message {n}" for n in reversed(range(first, first + count))]
    assert bodies(ada)[:count] == bodies(bob)[:count] == expected


def test_lv3_typing_in_one_window_while_the_other_posts_fifty(browser: Any, server: Serving) -> None:
    with (
        reader(browser, server.port) as (ada, of_ada),
        reader(browser, server.port) as (bob, of_bob),
    ):
        type_while_the_other_posts(ada, bob, 0, 50)
        ada.locator("#id_body").evaluate("field => field.setSelectionRange(4, 9, 'backward')")
        start_posting(bob, 50, 53)
        wait(ada, "document.querySelector('li').textContent.includes('message 52 ')")
        assert ada.evaluate(CARET)["caret"] == [4, 9]
        ada.keyboard.type("slow")
        ada.locator("form button").click()
        wait(bob, "document.querySelector('li').textContent.includes('The slow brown fox')")
        wait(ada, "document.forms[0].body.value === '' && document.forms[0].author.value === ''")
        assert of_ada == of_bob == []


def test_fm4_what_is_wrong_is_said_in_the_form_and_the_page_stays(browser: Any, server: Serving) -> None:
    with reader(browser, server.port) as (page, complaints):
        page.evaluate("document.forms[0].noValidate = window.same = true")
        page.locator("#id_body").fill("no name")
        page.locator("form button").click()
        page.locator("#id_author[aria-invalid=true]").wait_for(timeout=WAIT)
        assert page.evaluate("[same, document.activeElement.id, document.forms[0].body.value]") == [
            True,
            "id_author",
            "no name",
        ]
        page.locator("#id_author").fill("Cyd")
        page.locator("form button").click()
        wait(page, "!document.querySelector('[aria-invalid]') && document.forms[0].body.value === ''")
        wait(page, "document.querySelector('li').textContent.includes('Cyd: no name')")
        assert complaints == []


def test_lv3_a_redirect_that_fetch_follows_does_as_well(browser: Any, server: Serving) -> None:
    def without_header(route: Any) -> None:
        headers = {name: value for name, value in route.request.headers.items() if name != "vivace-form"}
        route.continue_(headers=headers)

    with reader(browser, server.port) as (page, complaints):
        page.route("**/*", without_header)
        page.evaluate("window.same = true")
        page.locator("#id_author").fill("Eve")
        page.locator("#id_body").fill("followed")
        page.locator("form button").click()
        wait(page, "document.querySelector('li').textContent.includes('Eve: followed')")
        wait(page, "document.forms[0].body.value === '' && window.same")
        assert complaints == []


def test_without_scripts_the_page_is_simply_a_page(browser: Any, server: Serving) -> None:
    with window(browser, java_script_enabled=False) as (page, complaints):
        page.goto(f"http://127.0.0.1:{server.port}/")
        page.locator("#id_author").fill("Dot")
        page.locator("#id_body").fill("without scripts")
        page.locator("form button").click()
        page.wait_for_load_state()
        assert "Dot: without scripts" in page.inner_text("li >> nth=0")
        assert page.input_value("#id_body") == ""
        assert complaints == []


def test_a_page_comes_back_from_the_history_true(browser: Any, server: Serving) -> None:
    with (
        reader(browser, server.port) as (ada, _),
        reader(browser, server.port) as (bob, _),
    ):
        ada.goto(f"http://127.0.0.1:{server.port}/elsewhere")
        start_posting(bob, 900, 902)
        bob.evaluate("posting")
        ada.go_back()
        wait(ada, "document.querySelector('li').textContent.includes('message 901 ')")


@pytest.mark.parametrize("width", [1200, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_live_page_has_no_serious_accessibility_finding(
    browser: Any, server: Serving, scheme: Any, width: int
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
    size = {"width": width, "height": 900}
    with reader(browser, server.port, color_scheme=scheme, viewport=size, bypass_csp=True) as (page, _):
        page.evaluate("import('vivace/status.js').then(each => each.say('Something was not sent.'))")
        found = axe.Axe().run(page).response["violations"]
        assert [each["id"] for each in found if each["impact"] in ("serious", "critical")] == []


def test_rl6_where_websockets_are_blocked_an_event_stream_does_as_well(browser: Any, server: Serving) -> None:
    with line_to(server.port) as line:
        line.blocks_websockets = True
        with reader(browser, line.port) as (ada, _), reader(browser, server.port) as (bob, _):
            assert ada.evaluate("import('vivace/socket.js').then(each => each.socket.transport)") == "events"
            type_while_the_other_posts(ada, bob, 700, 5)


def test_n16_four_workers_without_infrastructure(browser: Any, folder: Path) -> None:
    with (
        board_served(folder, workers=4, name="four") as running,
        reader(browser, running.port) as (ada, of_ada),
        reader(browser, running.port) as (bob, of_bob),
    ):
        type_while_the_other_posts(ada, bob, 100, 20)
        assert of_ada == of_bob == []


@pytest.mark.parametrize("joined", ["postgresql", "valkey"])
def test_rl9_two_supervisors_are_one(
    request: pytest.FixtureRequest, browser: Any, tmp_path: Path, joined: str
) -> None:
    url: str = request.getfixturevalue(f"{joined}_url")
    settings = {"DATABASE_URL": url} if joined == "postgresql" else {"VIVACE_BROKER": url}
    write_board(tmp_path, **settings)
    with (
        board_served(tmp_path, workers=2, name="one", **settings) as one,
        board_served(tmp_path, workers=2, name="two", **settings) as two,
        reader(browser, one.port) as (ada, of_ada),
        reader(browser, two.port) as (bob, of_bob),
    ):
        type_while_the_other_posts(ada, bob, 0, 20)
        assert of_ada == of_bob == []


def test_pain17_restarts_while_somebody_types_lose_nothing(browser: Any, folder: Path) -> None:
    with line_to(0) as line, board_served(folder, workers=0, name="first") as first:
        line.target = first.port
        with reader(browser, line.port) as (ada, _):
            ada.locator("#id_author").fill("Ada")
            ada.locator("#id_body").focus()
            ada.evaluate(NOTE)
            typed = ""
            for number in range(4):
                running = first if number == 0 else None
                typed += restart_while_typing(ada, line, folder, number, running)
            found = ada.evaluate(CARET)
            assert found == {"id": "id_body", "value": typed, "caret": [len(typed)] * 2, "told": []}


def restart_while_typing(page: Any, line: Any, folder: Path, number: int, running: Serving | None) -> str:
    """Type, kill the server, type, start another, type; returns what was typed."""
    words = [f"{part} {number} " for part in ("before", "meanwhile", "after")]
    page.keyboard.type(words[0])
    if running is not None:
        running.process.kill()
    line.break_connections()
    page.keyboard.type(words[1])
    with board_served(folder, workers=0, name=f"again{number}") as again:
        line.target = again.port
        page.keyboard.type(words[2])
        page.evaluate(
            "dispatchEvent(new Event('online'))"
        )  # and no longer wait until everybody else was let in
        page.locator("html[data-live-state=open]").wait_for(timeout=WAIT)
        with reader(page.context.browser, again.port) as (bob, _):
            start_posting(bob, 1000 + number, 1001 + number)
            wait(
                page, "document.querySelector('li').textContent.includes(given)", f"message {1000 + number} "
            )
        again.process.kill()
    return "".join(words)
