"""The debug page of a mistake in a template: the template's own line, and those that led there (TP7)."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

import pytest

from vivace import App
from vivace.app.debugpage import debug_page
from vivace.config.secret import Secret
from vivace.config.settings import Settings
from vivace.http.request import Request
from vivace.templates import render
from vivace.testing import Client


async def page_of(folder: Path, debug: bool, **texts: str) -> str:
    (folder / "templates").mkdir()
    for name, text in texts.items():
        (folder / "templates" / f"{name}.html").write_text(text)
    app = App(root=folder, debug=debug, settings=Settings(secret_key=Secret("k" * 50)))
    app.debug_page = debug_page

    @app.get("/")
    async def home(request: Request) -> Any:
        return render(request, "page.html", title="<b>")

    async with Client(app, raise_errors=False) as client:
        response = await client.get("/", headers={"accept": "text/html"})
    assert response.status == 500
    return html.unescape(re.sub(r"<[^>]+>", "", response.text))


async def test_tp7_syntax_error_shows_the_line_of_the_template(tmp_path: Path) -> None:
    text = await page_of(tmp_path, True, page='one\n{{ title|date:"Y" }}\nthree')
    assert "page.html:2: Here end of print statement is expected" in text
    assert "1 one\n" in text
    assert '2 {{ title|date:"Y" }}' in text
    assert 'Arguments of a filter stand in parentheses: {{ value|date("Y-m-d") }}.' in text


async def test_tp7_error_in_a_render_shows_each_template_on_the_way(tmp_path: Path) -> None:
    row = "x\n{{ titel.upper() }}"
    text = await page_of(tmp_path, True, page='{% include "row.html" %}', row=row)
    assert "row.html:2: 'titel' is undefined." in text
    assert "Did you mean 'title'?" in text
    assert "In the template row.html:2, from page.html:1" in text
    assert '1 {% include "row.html" %}' in text
    assert "2 {{ titel.upper() }}" in text


@pytest.mark.parametrize("page", ["{{ titel.upper() }}", "{% if title %}{{ 1 // 0 }}{% endif %}"])
async def test_tp7_production_tells_a_visitor_nothing(tmp_path: Path, page: str) -> None:
    text = await page_of(tmp_path, False, page=page)
    assert "titel" not in text
    assert "page.html" not in text
