"""The first page."""

from __future__ import annotations

from vivace.auth import User
from vivace.testing import Client, assert_redirects
from vivace.testing.factories import Factory

from << package >>.app import app
from << package >>.board.models import Note

Users = Factory.of(User)
Notes = Factory.of(Note)


async def test_the_board_shows_notes() -> None:
    async with Client(app) as client:
        await Notes.create(text="Bread & butter", author=await Users.create(name="Ada"))
        page = await client.get("/")
        assert page.status == 200
        assert "Bread &amp; butter" in page.text
        assert "Ada" in page.text


async def test_a_member_pins_a_note_and_everybody_sees_it() -> None:
    async with Client(app) as client, client.live("/") as page:
        await client.login(await Users.create())
        assert_redirects(await client.post("/", form={"text": "Hello!"}), "/")
        assert "Hello!" in await page.shows("Hello!")


async def test_an_empty_note_is_refused() -> None:
    async with Client(app) as client:
        await client.login(await Users.create())
        page = await client.post("/", form={"text": ""})
        assert page.status == 422
        assert not await Note.objects.exists()


async def test_visitors_are_asked_to_log_in() -> None:
    async with Client(app) as client:
        assert (await client.post("/", form={"text": "Hello!"})).status == 401
        assert (await client.get("/accounts/login")).status == 200
