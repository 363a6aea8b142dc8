"""SC14: bodies without an end, too large or too deep, on the paths that look at a body before the handler does."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from vivace.app import App
from vivace.config.secret import Secret
from vivace.config.settings import Limits, Settings
from vivace.http.request import Request
from vivace.http.response import HTML
from vivace.security import csrf_token
from vivace.testing import Client

FORM = {"content-type": "application/x-www-form-urlencoded"}
LIMIT = 10_000


def site(seen: list[str]) -> App:
    settings = Settings(secret_key=Secret("k" * 40), limits=Limits(body_bytes=LIMIT, form_fields=20))
    app = App(settings=settings)

    @app.get("/page")
    async def page(request: Request) -> HTML:
        return HTML(csrf_token(request))

    @app.post("/write")
    async def write(request: Request) -> str:
        seen.append("write")
        return str(len(await request.body()))

    @app.post("/large", body_limit=3 * LIMIT)
    async def large(request: Request) -> str:
        return str(len(await request.body()))

    return app


async def test_sc14_an_endless_form_is_read_for_its_token_no_further_than_the_limit() -> None:
    sent, seen = [0], list[str]()

    async def endless() -> AsyncIterator[bytes]:
        while True:
            sent[0] += 1_000
            yield b"a=" + b"x" * 998

    async with Client(site(seen), same_origin=False) as client:
        await client.get("/page")
        answer = await client.post("/write", content=endless(), headers=FORM)
    assert answer.status == 413
    assert sent[0] < 40 * LIMIT  # what the buffers of the connection hold beyond it
    assert seen == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"a=" + b"x" * LIMIT, 413),
        (b"&".join([b"a=b"] * 30) + b"&csrfmiddlewaretoken=x", 413),  # fields
        (b"csrfmiddlewaretoken=%zz", 403),
        (b"csrfmiddlewaretoken=%ff%fe", 403),
        (b"csrfmiddlewaretoken=" + b"A" * 5_000, 403),
        (b"csrfmiddlewaretoken", 403),
        (b"csrfmiddlewaretoken[]=x", 403),
        (b"&&&=&=&csrfmiddlewaretoken=&", 403),
        (b"\x00" * 100, 403),
        (b"", 403),
    ],
)
async def test_sc14_odd_forms_are_refused_before_the_handler(body: bytes, status: int) -> None:
    seen: list[str] = []
    async with Client(site(seen), same_origin=False) as client:
        await client.get("/page")
        assert (await client.post("/write", content=body, headers=FORM)).status == status
    assert seen == []


async def test_sc14_the_limit_of_the_route_is_the_one_that_counts() -> None:
    async with Client(site([]), same_origin=False) as client:
        token = (await client.get("/page")).text
        body = f"csrfmiddlewaretoken={token}&a=".encode() + b"x" * (2 * LIMIT)
        assert (await client.post("/large", content=body, headers=FORM)).text == str(len(body))
        assert (await client.post("/write", content=body, headers=FORM)).status == 413


async def test_sc14_no_other_media_type_is_read_for_a_token() -> None:
    seen: list[str] = []
    async with Client(site(seen), same_origin=False) as client:
        token = (await client.get("/page")).text
        body = f"csrfmiddlewaretoken={token}".encode()
        for kind in ("text/plain", "application/json", "multipart/form-data; boundary=x", ""):
            headers = {"content-type": kind} if kind else {}
            assert (await client.post("/write", content=body, headers=headers)).status == 403
    assert seen == []
