"""SC1: tokens belong to the session: a login, a logout and another session make those of open pages worthless."""

from __future__ import annotations

from typing import Any

import pytest

from tests.auth.site import EMAIL, PASSWORD, site, started
from vivace import HTML, App, Request
from vivace.config.settings import SessionSettings
from vivace.security import csrf_token
from vivace.testing import Client


def with_forms(url: str, **options: Any) -> App:
    app = site(url, **options)

    @app.get("/form")
    async def form(request: Request) -> HTML:
        return HTML(csrf_token(request))

    @app.post("/write")
    async def write(request: Request) -> str:
        return "written"

    return app


async def token_of(client: Client) -> dict[str, str]:
    return {"x-csrf-token": (await client.get("/form")).text}


async def sign_in(client: Client, headers: dict[str, str]) -> int:
    answer = await client.post("/login", query={"email": EMAIL, "password": PASSWORD}, headers=headers)
    return answer.status


@pytest.mark.parametrize("store", ["database", "cookie"])
async def test_sc1_tokens_end_with_the_session_they_belong_to(database_url: str, store: Any) -> None:
    app = with_forms(database_url, sessions=SessionSettings(store=store))
    async with started(app, same_origin=False) as client:
        before = await token_of(client)
        assert (await client.post("/write", headers=before)).status == 200
        assert await sign_in(client, before) == 200
        assert (
            await client.post("/write", headers=before)
        ).status == 403  # the page was opened before the login
        inside = await token_of(client)
        assert (await client.post("/write", headers=inside)).status == 200
        await client.post("/put", query={"name": "a", "value": "1"}, headers=inside)
        assert (
            await client.post("/write", headers=inside)
        ).status == 200  # a session that changes is the same one
        assert (await client.post("/logout", headers=inside)).status == 204
        with_another = {**inside, "cookie": "other=1"}  # without any there is nobody to act for
        assert (await client.post("/write", headers=with_another)).status == 403
        after = await token_of(client)
        assert (await client.post("/write", headers=after)).status == 200


async def test_sc1_a_pair_that_an_attacker_plants_is_of_no_use(database_url: str) -> None:
    app = with_forms(database_url)
    async with started(app, same_origin=False) as victim:
        assert await sign_in(victim, await token_of(victim)) == 200
        session = victim.cookies.get("session")
        async with Client(app.handle, same_origin=False) as attacker:
            page = await attacker.get("/form")
        pair = page.headers["set-cookie"].partition(";")[0]
        planted = {"cookie": f"{pair}; session={session}", "x-csrf-token": page.text}
        assert (await attacker.post("/write", headers=planted)).status == 403
