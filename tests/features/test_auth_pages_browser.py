"""The account pages in a real browser: their look has no serious finding of axe-core, light and dark, wide and narrow, and
all of them work without JavaScript, under the default content security policy.

Needs the system's Chromium; without one the tests skip and say so.
"""

from __future__ import annotations

import email
import re
import tempfile
from collections.abc import Generator
from email import policy
from pathlib import Path
from typing import Any

import pytest

from tests.cli.process import serving
from tests.features.browsing import needs_chromium

axe = pytest.importorskip(
    "axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed"
)

pytestmark = needs_chromium
PASSWORD = "correct horse battery"
SITE = """
from markupsafe import Markup
from vivace import App
from vivace.auth import User
from vivace.migrations.create import create_tables

app = App(installed=["vivace.auth"])


@app.get("/", name="home")
async def home() -> Markup:
    return Markup("<!doctype html><html lang=en><title>Home</title><h1>Home</h1>")


@app.on_startup
async def fill() -> None:
    await create_tables(app.databases.default, app.models)
    for name in ("ada", "bo", "cy", "di"):
        await User.objects.create_user(f"{name}@example.com", "correct horse battery")
"""


class Site:
    """The site, and the mail that it has sent."""

    def __init__(self, address: str, folder: Path) -> None:
        self.address = address
        self._sent = folder / "sent"

    def link_to(self, recipient: str) -> str:
        """Return the link in the last mail to somebody."""
        for file in sorted(self._sent.iterdir(), reverse=True):
            message = email.message_from_bytes(file.read_bytes(), policy=policy.default)
            if message["To"] == recipient:
                found = re.search(r"https?://\S+", str(message.get_content()))
                assert found is not None
                return found[0]
        raise AssertionError(f"no mail to {recipient}")


@pytest.fixture(scope="module")
def running() -> Generator[Site]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "app.py").write_text(SITE, "utf-8")
        settings = {
            "VIVACE_MAIL_URL": "file:sent",
            "VIVACE_AUTH_ARGON2_MEMORY": "1MB",
            "VIVACE_AUTH_ARGON2_PASSES": "1",
            "VIVACE_AUTH_ARGON2_LANES": "1",
            "SECRET_KEY": "k" * 40,
        }
        with serving("run", "app.py", "--workers", "0", folder=folder, tmp=folder, **settings) as server:
            yield Site(f"http://localhost:{server.port}", folder)


def submit(page: Any, **fields: str) -> None:
    """Fill in the form of the page and send it."""
    for name, value in fields.items():
        page.locator(f"main [name={name}]").fill(value)
    page.locator("main form button").last.click()


def walk(page: Any, site: Site, me: str, fresh: str) -> Generator[str]:
    """Go through all pages, and yield the name of each when it is shown."""
    page.goto(site.address + "/accounts/login")
    yield "login"
    submit(page, email=me, password="wrong")
    yield "login, refused"
    page.goto(site.address + "/accounts/signup")
    yield "sign-up"
    submit(page, email=fresh)
    yield "sign-up, sent"
    page.goto(site.link_to(fresh))
    assert page.url.endswith("/accounts/signup/confirm")
    yield "sign-up, password"
    submit(page, new_password1="12345", new_password2="123456")
    yield "sign-up, refused"
    submit(page, new_password1=PASSWORD, new_password2=PASSWORD)
    page.goto(site.address + "/accounts/")
    yield "account, with a message"
    page.goto(site.address + "/accounts/logout")
    yield "logout"
    submit(page)
    page.goto(site.address + "/accounts/password/reset")
    yield "reset"
    submit(page, email=me)
    yield "reset, sent"
    page.goto(site.link_to(me))
    yield "reset, new password"
    submit(page, new_password1=PASSWORD, new_password2=PASSWORD)
    assert page.url.endswith("/accounts/login")
    page.goto(site.address + "/accounts/password/reset/nonsense")
    yield "link that is void"
    page.goto(site.address + "/accounts/login")
    page.locator("[name=remember]").check()
    submit(page, email=me, password=PASSWORD)
    assert page.url == site.address + "/"
    for path in ("password/change", "email", "devices", "delete"):
        page.goto(f"{site.address}/accounts/{path}")
        yield path
    page.goto(site.address + "/accounts/delete")
    submit(page, password="wrong")
    yield "delete, refused"
    submit(page, password=PASSWORD)
    assert page.url == site.address + "/"


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("me", "scheme", "width"),
    [("ada@example.com", "light", 1280), ("bo@example.com", "dark", 390)],
)
def test_au4_pages_have_no_serious_finding_of_axe(
    browser: Any, running: Site, me: str, scheme: str, width: int
) -> None:
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 800})
    page = context.new_page()
    complaints: list[str] = []

    def console(said: Any) -> None:
        if "Content Security Policy" in said.text:
            complaints.append(said.text)

    def pageerror(error: Any) -> None:
        complaints.append(str(error))

    page.on("console", console)
    page.on("pageerror", pageerror)
    findings: dict[str, list[str]] = {}
    for name in walk(page, running, me, f"new-{me}"):
        results = axe.Axe().run(page).response["violations"]
        serious = [each for each in results if each["impact"] in ("serious", "critical", "moderate")]
        if serious:
            findings[name] = [f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in serious]
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            findings.setdefault(name, []).append("wider than the window")
    assert findings == {}
    assert complaints == []
    context.close()


@pytest.mark.timeout(180)
def test_au4_pages_work_without_javascript(browser: Any, running: Site) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    names = list(walk(page, running, "cy@example.com", "new-cy@example.com"))
    assert len(names) == 17
    page.goto(running.address + "/accounts/login")
    submit(page, email="cy@example.com", password=PASSWORD)
    assert page.locator(".vv-error-summary").count() == 1  # deleted in the walk
    context.close()


@pytest.mark.timeout(180)
def test_au4_pages_are_reached_and_sent_by_keyboard(browser: Any, running: Site) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(running.address + "/accounts/login")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "vv-skip"
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.name") == "email"
    assert page.evaluate(outline) == "solid"
    page.keyboard.type("di@example.com")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(running.address + "/")
    context.close()


def test_au4_reset_token_is_in_no_referer(browser: Any, running: Site) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(running.address + "/accounts/password/reset")
    submit(page, email="di@example.com")
    link = running.link_to("di@example.com")
    sent: list[str] = []

    def note(request: Any) -> None:
        sent.append(request.headers.get("referer", ""))

    page.on("request", note)
    page.goto(link)
    submit(page, new_password1=PASSWORD, new_password2=PASSWORD)
    assert link.rpartition("/")[2] not in " ".join(sent)
    assert len(sent) > 3
    context.close()
