"""SC2: texts that have run scripts somewhere before, shown by templates in every position, looked at by a real browser.

The policy is switched off for these pages: what holds here is escaping alone. Each text has a frame of its own, whose
``pwned()`` tells the page around it; a text that calls it, or that is not shown as the text it is, has won. Links are
clicked, autofocus and toggling get their chance.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.process import Serving, serving
from tests.features.browsing import needs_chromium, window
from tests.security.corpus import ATTRIBUTE_ATTACKS, EVERY_TEXT, HTML_ATTACKS, SCRIPT_ATTACKS, URL_ATTACKS

pytestmark = needs_chromium
APP = """
from tests.security import corpus
from vivace import App, HTML, Request, Security, SecurityHeaders
from vivace.security import sanitize_html
from vivace.templates import render

app = App(security=Security(headers=SecurityHeaders(frame_options="SAMEORIGIN")))
HEAD = "<!doctype html><script>function pwned() { parent.told(location.search) }</script>"

@app.get("/", csp=False)
async def around() -> HTML:
    return HTML("<!doctype html><title>around</title>")

@app.get("/page/{name}", csp=False)
async def page(request: Request, name: str, number: int) -> object:
    return render(request, f"{name}.html", attack=corpus.EVERY_TEXT[number], texts=corpus.EVERY_TEXT)

@app.get("/clean/{profile}", csp=False)
async def clean(request: Request, profile: str, number: int) -> object:
    return render(request, "clean.html", html=sanitize_html(corpus.EVERY_TEXT[number], profile))

@app.get("/plain", csp=False)
async def plain(request: Request, number: int) -> str:
    return corpus.EVERY_TEXT[number]

@app.get("/raw", csp=False)
async def raw(request: Request, number: int) -> HTML:
    return HTML(HEAD + corpus.EVERY_TEXT[number])
"""
HEAD = "<!doctype html><html><head><meta charset=utf-8><script>function pwned() { parent.told(location.search) }</script>"
# what stands in a page is compared with what was meant: as text, as an attribute, as a value of a script
TEMPLATES = {
    "text": f"{HEAD}<title>{{{{ attack }}}}</title></head><body><p id=shown>{{{{ attack }}}}</p>"
    "<textarea id=area>x{{ attack }}</textarea><!-- {{ attack }} --></body></html>",
    "attribute": f'{HEAD}</head><body><p id=shown title="{{{{ attack }}}}"></p>'
    "<input id=single value='{{ attack }}'></body></html>",
    "url": f"{HEAD}</head><body><a id=shown href=\"{{{{ attack }}}}\">x</a><form action='{{{{ attack }}}}'></form>"
    "<img src='{{ attack }}' alt=''></body></html>",
    "script": f"{HEAD}</head><body><script>var shown = {{{{ attack|tojson }}}}</script></body></html>",
    "json": f"{HEAD}</head><body>{{{{ texts|json_script('data') }}}}<script>"
    "var shown = JSON.parse(document.getElementById('data').textContent)</script></body></html>",
    "clean": f"{HEAD}</head><body><div id=shown>{{{{ html }}}}</div></body></html>",
}
FRAMES = """async ([addresses, shown]) => {
    const ran = new Set(), seen = []
    window.told = search => ran.add(search)
    const pause = ms => new Promise(done => setTimeout(done, ms))
    const open = address => new Promise(done => {
        const frame = document.createElement('iframe')
        frame.onload = () => done(frame)
        setTimeout(() => done(frame), 3000)
        frame.src = address
        document.body.append(frame)
    })
    for (let start = 0; start < addresses.length; start += 16) {
        const frames = await Promise.all(addresses.slice(start, start + 16).map(open))
        for (const frame of frames) {
            let value = null
            try { value = shown ? frame.contentWindow.eval(shown) : null } catch (error) { value = String(error) }
            seen.push(value)
        }
        for (const frame of frames) {
            try {
                const inside = frame.contentDocument
                for (const one of inside.querySelectorAll('*')) { if (one.focus) one.focus() }
                for (const one of inside.querySelectorAll('a, button, summary')) { one.click() }
            } catch { }  // it went away: what it ran before, it has told
        }
        await pause(60)
        frames.forEach(frame => frame.remove())
    }
    return [seen, [...ran]]
}"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Serving]:
    """The app as ``run`` serves it."""
    folder: Path = tmp_path_factory.mktemp("attacks")
    (folder / "attacks.py").write_text(APP, "utf-8")
    (folder / "templates").mkdir()
    for name, text in TEMPLATES.items():
        (folder / "templates" / f"{name}.html").write_text(text, "utf-8")
    with serving("run", "attacks.py", folder=folder, tmp=folder) as running:
        yield running


def opened(
    browser: Any, server: Serving, path: str, attacks: tuple[str, ...], shown: str
) -> tuple[list[Any], list[str]]:
    """Open a frame for each attack; return what ``shown`` says in each, and the attacks that ran."""
    numbers = [EVERY_TEXT.index(attack) for attack in attacks]
    with window(browser) as (page, _):
        page.goto(f"http://127.0.0.1:{server.port}/")
        seen, ran = page.evaluate(FRAMES, [[f"{path}?number={number}" for number in numbers], shown])
    return seen, [EVERY_TEXT[int(search.partition("=")[2])] for search in ran]


def meant(text: str, position: str) -> str:
    """Return what a browser's document has of a text: no NUL in text, U+FFFD for it in attributes (WHATWG 13.2.5)."""
    nul = {"text": "", "attribute": "\ufffd"}.get(position, "\x00")
    return text.replace("\x00", nul)


def test_sc2_the_attacks_are_attacks(browser: Any, server: Serving) -> None:
    """Written as they are, most of them run: the tests below can fail."""
    _, ran = opened(browser, server, "/raw", HTML_ATTACKS, "")
    assert len(ran) >= 30


@pytest.mark.parametrize(
    ("position", "attacks", "shown"),
    [
        ("text", HTML_ATTACKS, "document.getElementById('shown').textContent"),
        ("attribute", (*ATTRIBUTE_ATTACKS, *HTML_ATTACKS), "document.getElementById('shown').title"),
        ("script", (*SCRIPT_ATTACKS, *HTML_ATTACKS), "shown"),
    ],
)
def test_sc2_a_text_is_shown_as_the_text_it_is(
    browser: Any, server: Serving, position: str, attacks: tuple[str, ...], shown: str
) -> None:
    seen, ran = opened(browser, server, f"/page/{position}", attacks, shown)
    assert ran == []
    wrong = [
        (text, value) for text, value in zip(attacks, seen, strict=True) if value != meant(text, position)
    ]
    assert wrong == []


def test_sc2_no_address_runs_a_script(browser: Any, server: Serving) -> None:
    attacks = (*URL_ATTACKS, *ATTRIBUTE_ATTACKS, *HTML_ATTACKS)
    seen, ran = opened(browser, server, "/page/url", attacks, "document.getElementById('shown').protocol")
    assert ran == []
    assert set(seen) <= {"http:", "https:", "about:", ":"}  # ":" is that of an address which is none


def test_sc2_all_of_them_as_json_in_one_script(browser: Any, server: Serving) -> None:
    with window(browser) as (page, complaints):
        page.goto(f"http://127.0.0.1:{server.port}/page/json?number=0")
        assert page.evaluate("shown") == list(EVERY_TEXT)
    assert complaints == []


@pytest.mark.parametrize("profile", ["comment", "article"])
def test_sc2_sanitised_html_runs_nothing(browser: Any, server: Serving, profile: str) -> None:
    pytest.importorskip("nh3", reason="nh3 is an extra")
    assert opened(browser, server, f"/clean/{profile}", HTML_ATTACKS, "")[1] == []


def test_sc2_text_of_a_handler_is_no_page(browser: Any, server: Serving) -> None:
    seen, ran = opened(browser, server, "/plain", HTML_ATTACKS, "document.contentType")
    assert ran == []
    assert set(seen) == {"text/plain"}
