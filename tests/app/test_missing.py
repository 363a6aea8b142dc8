"""A 404 while developing: what is wrong with the address, and the routes that there are."""

from __future__ import annotations

import re

import pytest

from vivace.app import App
from vivace.app.debugpage import debug_page
from vivace.testing import Client

HTML = {"accept": "text/html"}


def shop(*, debug: bool = True) -> App:
    app = App(debug=debug)
    app.debug_page = debug_page

    @app.get("/")
    async def home() -> str:
        return "home"

    @app.get("/questions/{id}")
    async def question(id: int) -> str:
        return f"{id}"

    @app.get("/files/{name}.{kind}/v{version:int}")
    async def file(name: str, kind: str, version: int) -> str:
        return f"{name} {kind} {version}"

    @app.get("/inner", where=lambda request: False)
    async def inner() -> str:
        return "inner"

    return app


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        (
            "/questions/many",
            "`id` must be a whole number, got 'many'. There is GET /questions/{id}.",
        ),
        (
            "/files/a.txt/vx",
            "`version` must be a whole number, got 'x'. There is GET /files/{name}.{kind}/v{version:int}.",
        ),
        ("/question/3", "Did you mean '/questions/3'? There is GET /questions/{id}."),
        ("/inner", ""),
        ("/questions/", ""),
        ("/far/away/from/all", ""),
    ],
)
async def test_the_detail_says_what_is_wrong_with_the_path(path: str, detail: str) -> None:
    async with Client(shop()) as client:
        answer = await client.get(path)
        assert answer.status == 404
        assert answer.json()["detail"] == f"There is nothing at this address. {detail}".rstrip()
        page = await client.get(path, headers=HTML)
        assert f"Did you mean &#39;{path}&#39;" not in page.text


async def test_the_page_lists_the_routes_the_nearest_first() -> None:
    async with Client(shop()) as client:
        page = await client.get("/questions/many", headers=HTML)
    assert page.status == 404
    assert "<code>id</code> must be a whole number, got &#39;many&#39;" in page.text
    listed = re.findall(r"<td>(?:<a[^>]*>)?(/[^<]*)", page.text)
    assert listed[0] == "/questions/{id}"
    assert set(listed) == {"/", "/questions/{id}", "/files/{name}.{kind}/v{version:int}", "/inner"}
    assert "test_missing.py:" in page.text
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'nonce-")
    # what `dev` adds to pages may run
    assert "frame-ancestors 'none'; script-src 'self'; connect-src 'self'" in policy
    assert page.headers["cache-control"] == "no-store"


async def test_what_was_asked_for_is_escaped() -> None:
    async with Client(shop()) as client:
        page = await client.get("/questions/%3Cscript%3E?x=<script>", headers=HTML)
    assert "&#39;&lt;script&gt;&#39;" in page.text
    assert "<script>" not in page.text


async def test_production_says_none_of_it() -> None:
    async with Client(shop(debug=False)) as client:
        for headers in (HTML, {}):
            text = (await client.get("/questions/many", headers=headers)).text
            assert "questions" not in text
            assert "whole number" not in text
