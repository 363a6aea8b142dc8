"""Static files in a real browser, served by a real worker: hashed style sheets and modules, integrity, the import map."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest

from tests.cli.process import serving
from tests.features.browsing import chromium, needs_chromium, window

pytestmark = needs_chromium
FILES: Final = {
    "app.py": """
from vivace import App, Request, StaticSite, render

app = App(static=StaticSite(importmap={"app": "js/app.js", "shop/": "js/shop/"}))

@app.get("/")
async def home(request: Request):
    return render(request, "page.html")
""",
    "templates/page.html": """<!doctype html><html><head><title>loading</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{% static 'css/app.css' %}" integrity="{{ static_integrity('css/app.css') }}">
{% vivace_head %}
<script type="module" nonce="{{ csp_nonce }}">import "app"</script></head>
<body><p>x</p></body></html>""",
    "static/css/app.css": "@import 'more.css'; p { background-image: url(../img/dot.svg) }",
    "static/css/more.css": "p { color: rgb(1, 2, 3) }",
    "static/img/dot.svg": '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"/>',
    "static/js/app.js": "import { greet } from 'shop/greet.js'; import { name } from './name.js'; document.title = greet(name)",
    "static/js/name.js": "export const name = 'Ada'",
    "static/js/shop/greet.js": "export const greet = (who) => `Hello, ${who}!`",
}


@pytest.mark.parametrize("debug", ["0", "1"])
def test_sf2_page_loads_all_of_it_without_a_complaint(tmp_path: Path, debug: str) -> None:
    folder = tmp_path / "project"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    options = {"SECRET_KEY": "k" * 50, "VIVACE_DEBUG": debug}
    with serving("run", "app.py", folder=folder, tmp=tmp_path, **options) as server, chromium() as browser:
        with window(browser) as (page, complaints):
            asked: list[str] = []

            def ask(request: Any) -> None:
                asked.append(request.url)

            page.on("request", ask)
            page.goto(f"http://127.0.0.1:{server.port}/")
            page.wait_for_function("document.title == 'Hello, Ada!'")
            style = page.evaluate("({...getComputedStyle(document.querySelector('p'))})")
    assert style["color"] == "rgb(1, 2, 3)"
    assert "/static/img/dot." in style["backgroundImage"]
    assert complaints == []
    hashed = [url for url in asked if "/static/" in url and len(url.split("/")[-1].split(".")) == 3]
    assert (len(hashed) == len([url for url in asked if "/static/" in url])) is (debug == "0")
