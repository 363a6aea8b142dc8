"""Our own pages under the default content security policy, in a real browser: no violation, and holes stay closed."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.process import Serving, serving
from tests.features.browsing import needs_chromium, window
from tests.security.corpus import FOREIGN_TARGETS
from vivace.http.redirect import is_safe_target

pytestmark = needs_chromium
APP = '''
from vivace import App, HTML, Request, Response
from vivace.security import ContentSecurityPolicy, csrf_token

app = App()
SVG = """<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><style>rect { fill: lime }</style>
<rect width="8" height="8"/><image width="1" height="1" href="data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw=="/>
<script>document.documentElement.setAttribute("ran", "yes")</script></svg>"""
STYLE = "<style nonce='{nonce}'>body {{ color: rgb(1, 2, 3) }}</style>"
FORM = "<form method=post action='/sent'><input type=hidden name=csrfmiddlewaretoken value='{token}'><button>x</button></form>"

@app.get("/")
async def home(request: Request) -> HTML:
    nonce = request.csp_nonce
    head = f"<link rel=stylesheet href=/look.css><script src=/code.js></script>{STYLE.format(nonce=nonce)}"
    script = f"<script nonce='{nonce}'>window.ran = (window.ran || 0) + 1</script>"
    picture = "<img alt='' src='data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw=='>"
    return HTML(f"<!doctype html><html><head><title>t</title>{head}</head><body>{script}{picture}{FORM.format(token=csrf_token(request))}</body></html>")

@app.get("/holes")
async def holes() -> HTML:
    return HTML("""<!doctype html><html><body>
    <script>window.pwned = 'inline'</script>
    <img src=x onerror="window.pwned = 'handler'">
    <script nonce="guessed">window.pwned = 'nonce'</script>
    <script src="https://evil.example/x.js"></script>
    <a id=a href="javascript:window.pwned = 'url'">x</a>
    <base href="https://evil.example/">
    <style>body { color: rgb(9, 9, 9) }</style>
    <iframe src="https://evil.example/"></iframe>
    <object data="/code.js"></object>
    </body></html>""")

@app.get("/trusted", csp=ContentSecurityPolicy(require_trusted_types_for=("'script'",), trusted_types=("'none'",)))
async def trusted(request: Request) -> HTML:
    return HTML("<!doctype html><html><body><script src=/code.js></script><p id=p></p></body></html>")

@app.get("/picture.svg")
async def picture() -> Response:
    return Response(SVG, content_type="image/svg+xml")

@app.get("/code.js")
async def code() -> Response:
    return Response("window.loaded = true", content_type="text/javascript")

@app.get("/look.css")
async def look() -> Response:
    return Response("body { margin: 7px }", content_type="text/css")

@app.post("/sent")
async def sent() -> HTML:
    return HTML("<!doctype html><html><body>sent</body></html>")

@app.get("/fails")
async def fails() -> str:
    raise KeyError("on purpose")
'''


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Serving]:
    """The app as ``dev`` serves it."""
    folder: Path = tmp_path_factory.mktemp("pages")
    (folder / "pages.py").write_text(APP, "utf-8")
    with serving("dev", "pages.py", folder=folder, tmp=folder) as running:
        yield running


def address(server: Serving, path: str) -> str:
    return f"http://127.0.0.1:{server.port}{path}"


def test_sc3_our_pages_and_the_live_reload_run_under_the_default_policy(
    browser: Any, server: Serving
) -> None:
    with window(browser) as (page, complaints):
        answer = page.goto(address(server, "/"))
        assert "'nonce-" in answer.headers["content-security-policy"]
        assert page.evaluate("[window.ran, window.loaded]") == [1, True]
        assert page.evaluate("getComputedStyle(document.body).color") == "rgb(1, 2, 3)"
        assert page.evaluate("getComputedStyle(document.body).marginTop") == "7px"
        assert page.evaluate("document.images[0].naturalWidth") == 1
        assert page.locator("script[src^='/_vivace/reload.js']").count() == 1
        page.locator("form button").click()
        page.wait_for_url("**/sent")
        assert page.inner_text("body") == "sent"
    assert complaints == []


@pytest.mark.parametrize(("path", "text"), [("/fails", "on purpose"), ("/nothing", "404")])
def test_sc3_debug_and_error_pages_break_no_policy(
    browser: Any, server: Serving, path: str, text: str
) -> None:
    with window(browser) as (page, complaints):
        page.goto(address(server, path))
        assert text in page.inner_text("body")
    assert complaints == []


def test_sc2_our_scripts_live_under_trusted_types(browser: Any, server: Serving) -> None:
    with window(browser) as (page, complaints):
        page.goto(address(server, "/trusted"))
        assert page.locator("script[src^='/_vivace/reload.js']").count() == 1
        assert page.evaluate("window.loaded") is True
        assert complaints == []
        stopped = "try { document.getElementById('p').innerHTML = '<b>x</b>'; 'written' } catch { 'stopped' }"
        assert page.evaluate(stopped) == "stopped"


def test_sc9_a_picture_is_shown_and_runs_nothing(browser: Any, server: Serving) -> None:
    with window(browser) as (page, _):
        page.goto(address(server, "/picture.svg"))
        assert page.evaluate("document.documentElement.getAttribute('ran')") is None
        assert page.evaluate("getComputedStyle(document.querySelector('rect')).fill") == "rgb(0, 255, 0)"


def test_sc3_what_a_page_did_not_name_does_not_run(browser: Any, server: Serving) -> None:
    with window(browser) as (page, complaints):
        page.goto(address(server, "/holes"))
        page.evaluate("document.getElementById('a').click()")
        page.wait_for_timeout(50)
        assert page.evaluate("window.pwned") is None
        assert page.evaluate("document.baseURI") == address(server, "/holes")
        assert page.evaluate("getComputedStyle(document.body).color") != "rgb(9, 9, 9)"
    assert len([said for said in complaints if "Content Security Policy" in said]) >= 7


@pytest.mark.parametrize("outside", ["data:text/html,<title>other</title>", "/nothing"])
def test_sc4_nobody_frames_our_pages(browser: Any, server: Serving, outside: str) -> None:
    with window(browser) as (page, _):
        page.goto(address(server, outside) if outside.startswith("/") else outside)
        page.evaluate(
            """url => new Promise(done => {
                const frame = document.createElement("iframe")
                frame.onload = done
                frame.src = url
                document.body.append(frame)
            })""",
            address(server, "/"),
        )
        assert [frame.url for frame in page.frames[1:]] == ["chrome-error://chromewebdata/"]


def pieces(count: int) -> list[str]:
    """Return texts that look for a way around the reading of a target, the same ones each time."""
    import random

    chance = random.Random(20)
    parts = [
        "/",
        "//",
        "\\",
        ".",
        "..",
        ":",
        "@",
        "?",
        "#",
        "%2f",
        "%5c",
        "%09",
        "\t",
        "\n",
        " ",
        "\u3000",
        "\u2215",
    ]
    parts += [
        "evil.example",
        "https:",
        "example.com",
        "javascript:",
        "\u3002",
        "\uff0f",
        "[",
        "]",
        "a",
        ";",
        "%00",
        "*",
    ]
    return ["".join(chance.choices(parts, k=chance.randint(1, 7))) for _ in range(count)]


def test_sc8_what_counts_as_a_path_of_ours_is_one_to_a_browser(browser: Any, server: Serving) -> None:
    safe = [text for text in (*FOREIGN_TARGETS, *pieces(60_000)) if is_safe_target(text, ("example.com",))]
    assert len(safe) > 500
    with window(browser) as (page, _):
        page.goto(address(server, "/nothing"))
        left = page.evaluate(
            """targets => targets.filter(target => {
                const url = new URL(target, location.href)
                return url.origin !== location.origin && url.origin !== 'https://example.com'
            })""",
            safe,
        )
    assert left == []
