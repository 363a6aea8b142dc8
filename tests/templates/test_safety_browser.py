"""The corpus of cross-site scripting in every position, in a real browser without any policy: no script runs (SC13)."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from tests.features.browsing import chromium, needs_chromium
from tests.templates.corpus import CORPUS, POSITIONS
from tests.templates.making import shown

pytestmark = needs_chromium
WATCH = "window.ran = []; window.alert = what => window.ran.push(what); window.f = () => 0;"
PROVOKE = """() => {
    for (const element of document.querySelectorAll("*"))
        for (const name of ["mouseover", "load", "error", "focus", "click"])
            if (!(name === "click" && element.closest("a, button, form")))
                element.dispatchEvent(new Event(name, {bubbles: false}));
    const runs = /^(javascript|vbscript|data):/;
    const links = [...document.querySelectorAll("a, iframe, form, button, object")]
        .map(element => element.protocol || element.src || element.action || element.formAction || element.data || "")
        .filter(address => runs.test(String(address)));
    return {ran: window.ran, links};
}"""


@pytest.fixture(scope="module")
def page() -> Generator[Any]:
    """An empty page that notes every call of ``alert``."""
    with chromium() as browser:
        opened = browser.new_page()
        opened.set_default_timeout(20_000)
        opened.add_init_script(WATCH)
        yield opened


def provoked(page: Any, html: str) -> dict[str, list[Any]]:
    page.goto("about:blank")
    page.set_content(html, wait_until="domcontentloaded")
    found: dict[str, list[Any]] = page.evaluate(PROVOKE)
    return found


def test_sc13_the_browser_would_have_told(page: Any) -> None:
    assert provoked(page, "<script>alert(1)</script>")["ran"] == [1]
    assert provoked(page, "<p onmouseover=alert(2)>")["ran"] == [2]
    assert provoked(page, '<a href=" java\nscript:alert(3)">')["links"] == ["javascript:"]


def test_sc13_no_script_of_a_value_runs_in_a_browser(page: Any) -> None:
    for text in POSITIONS:
        html = "\n".join(shown(text, v=value, empty="") for value in CORPUS)
        assert provoked(page, f"<!doctype html><body>{html}") == {"ran": [], "links": []}, text
