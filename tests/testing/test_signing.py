"""``client.login``: signed in as by the app's own login, without its page."""

from __future__ import annotations

import pytest

from vivace import App, Secret, Settings
from vivace.auth import User
from vivace.errors import NoCurrentAuth
from vivace.testing import Client
from vivace.testing.factories import Factory

KEY = Settings(secret_key=Secret("of a test, so everybody may know it"))
Users = Factory.of(User)
app = App(installed=["vivace.auth"], settings=KEY)


@app.get("/me")
async def me(user: User) -> str:
    return user.email


async def test_a_client_is_who_logged_in_last() -> None:
    async with Client(app) as client:
        assert (await client.get("/me")).status == 401
        ada, bo = await Users.create_many(2)
        await client.login(ada)
        assert (await client.get("/me")).text == ada.email
        await client.login(bo)
        assert (await client.get("/me")).text == bo.email
        await bo.refresh_from_db()
        assert bo.last_login is not None
        client.cookies.clear()
        assert (await client.get("/me")).status == 401


async def test_over_https_and_on_another_host() -> None:
    settings = Settings(secret_key=KEY.secret_key, hosts=("shop.example.com",))
    shop = App(installed=["vivace.auth"], settings=settings)
    shop.get("/me")(me)
    async with Client(shop, "https://shop.example.com") as client:
        ada = await Users.create()
        await client.login(ada, remember=True)
        assert (await client.get("/me")).text == ada.email


async def test_who_is_switched_off_is_not_signed_in() -> None:
    async with Client(app) as client:
        await client.login(await Users.create(is_active=False))
        assert (await client.get("/me")).status == 401


async def test_an_app_without_users_says_so() -> None:
    async with Client(App()) as client:
        with pytest.raises(NoCurrentAuth):
            await client.login(User(email="ada@example.com"))
