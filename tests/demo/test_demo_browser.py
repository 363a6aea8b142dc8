"""A walk through what ``vivace demo`` serves, in a real browser: two people at once, desktop and phone, light and dark.

Both are in one browser profile: 127.0.0.1 and localhost are two addresses, so their cookies are two people's.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from typing import Any

import pytest

from tests.cli.process import Serving, serving
from tests.features.browsing import needs_chromium, window

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

pytestmark = [needs_chromium, pytest.mark.timeout(240)]
PAGES = ("/", "/posts/{post}", "/activity", "/chat/kitchen", "/posts/new")
PATIENCE = 30_000  # milliseconds
WIDTHS = {"desktop": 1280, "phone": 390}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Serving]:
    """The demo, served by its command."""
    folder = tmp_path_factory.mktemp("demo")
    with serving("demo", "--data", str(folder / "data"), folder=folder, tmp=folder) as running:
        yield running


def enter(page: Any, place: str, name: str) -> None:
    """Become a generated member by one click."""
    page.goto(f"{place}/somebody-else")
    page.get_by_role("button", name=name).click()
    page.wait_for_url(f"{place}/")


def offered(page: Any, place: str) -> list[str]:
    """Return whom one can be."""
    page.goto(f"{place}/somebody-else")
    return [str(name) for name in page.locator(".people b").all_inner_texts()]


def wait(locator: Any, text: str | re.Pattern[str]) -> None:
    """Wait until something shows a text."""
    playwright.expect(locator).to_contain_text(text, timeout=PATIENCE)


def test_two_people_write_vote_comment_and_talk_at_once(browser: Any, server: Serving) -> None:
    here, there = f"http://127.0.0.1:{server.port}", f"http://localhost:{server.port}"
    with window(browser, viewport={"width": 1280, "height": 900}) as (ada, complaints):
        bob = ada.context.new_page()
        names = offered(ada, here)
        enter(ada, here, names[0])
        enter(bob, there, names[1])
        playwright.expect(ada.locator(".me")).to_contain_text(names[0])
        write_and_read(ada, bob, here, there)
        notice_and_vote(ada, bob, names)
        talk(ada, bob, here, there, names)
        take_back(ada, here)
        assert complaints == []


def write_and_read(ada: Any, bob: Any, here: str, there: str) -> None:
    """Ada publishes with a picture; it comes to the list that Bob looks at."""
    bob.goto(f"{there}/?sort=new")
    ada.goto(f"{here}/posts/new")
    ada.get_by_label("Title").fill("A <bench> by the canal")
    ada.get_by_label("Topic").select_option(label="Town")
    ada.get_by_label("Text").fill("It has a view.\n\nWho made it?")
    picture = b"\x89PNG\r\n\x1a\n" + b"\0" * 64
    ada.get_by_label("Attachments").set_input_files(
        {"name": "bench.png", "mimeType": "image/png", "buffer": picture}
    )
    ada.get_by_role("button", name="Publish").click()
    wait(ada.get_by_role("heading", level=1), "A <bench> by the canal")
    wait(ada.locator(".files"), "bench.png")
    wait(bob.locator(".lines"), "A <bench> by the canal")
    bob.get_by_role("link", name="A <bench> by the canal").click()


def notice_and_vote(ada: Any, bob: Any, names: list[str]) -> None:
    """Bob votes and comments; Ada sees both, and a notice, without a reload."""
    bob.get_by_role("button", name=re.compile("Vote")).click()
    playwright.expect(bob.locator(".vote.wide")).to_have_attribute("aria-pressed", "true", timeout=PATIENCE)
    wait(ada.locator(".vote.wide"), "2")
    bob.get_by_role("textbox", name="Comment").fill("My uncle did.")
    bob.get_by_role("button", name="Comment", exact=True).click()
    wait(ada.locator("#comments"), "My uncle did.")
    wait(ada.locator(".comments"), names[1])
    playwright.expect(ada.locator(".bell")).to_have_attribute(
        "aria-label", "Notices, 1 new", timeout=PATIENCE
    )
    playwright.expect(bob.get_by_role("textbox", name="Comment")).to_have_value("", timeout=PATIENCE)


def talk(ada: Any, bob: Any, here: str, there: str, names: list[str]) -> None:
    """Both are in a room, see each other, and talk."""
    ada.goto(f"{here}/chat/workshop")
    bob.goto(f"{there}/chat/workshop")
    for page in (ada, bob):
        wait(page.locator("#state"), "2 here")
        for name in names[:2]:
            wait(page.locator("#members"), name)
    ada.get_by_label("Your message").fill("<i>Anybody?</i>")
    ada.keyboard.press("Enter")
    for page in (ada, bob):
        wait(page.locator("#log li").last, "<i>Anybody?</i>")
    bob.close()
    wait(ada.locator("#state"), "1 here")


def take_back(ada: Any, here: str) -> None:
    """Ada deletes her post: she is led to the front page, and not to the page of the post that is gone."""
    ada.goto(f"{here}/?sort=new")
    ada.get_by_role("link", name="A <bench> by the canal").click()
    ada.get_by_role("link", name="Edit", exact=True).click()
    ada.get_by_role("button", name="Delete this post").click()
    wait(ada.locator(".flashes"), "is deleted")
    playwright.expect(ada).to_have_url(f"{here}/")


@pytest.mark.parametrize(("size", "scheme"), [("desktop", "dark"), ("phone", "light")])
def test_pages_are_accessible_and_fit(browser: Any, server: Serving, size: str, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
    place = f"http://127.0.0.1:{server.port}"
    viewport = {"width": WIDTHS[size], "height": 850}
    with window(browser, viewport=viewport, color_scheme=scheme, bypass_csp=True) as (page, complaints):
        enter(page, place, offered(page, place)[2])
        post = page.locator(".line h2 a").first.get_attribute("href").rpartition("/")[2]
        for path in PAGES:
            page.goto(place + path.format(post=post))
            found = [
                each
                for each in axe.Axe().run(page).response["violations"]
                if each["impact"] in ("serious", "critical")
            ]
            assert [(path, each["id"], each["nodes"][0]["html"]) for each in found] == []
            assert not page.evaluate("document.documentElement.scrollWidth > innerWidth"), path
        assert complaints == []


def test_site_works_by_keyboard_and_without_scripts(browser: Any, server: Serving) -> None:
    place = f"http://127.0.0.1:{server.port}"
    with window(browser, java_script_enabled=False) as (page, complaints):
        enter(page, place, offered(page, place)[3])
        page.goto(f"{place}/?sort=new&page=2")
        page.keyboard.press("Tab")
        playwright.expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        page.locator(".line").first.get_by_role("button").click()
        assert page.url == f"{place}/?sort=new&page=2"
        page.locator(".line h2 a").first.click()
        page.get_by_role("textbox", name="Comment").fill("Without a script.")
        page.get_by_role("button", name="Comment", exact=True).click()
        wait(page.locator("#comments"), "Without a script.")
        assert complaints == []
