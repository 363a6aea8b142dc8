"""Live pages on PostgreSQL, and pages of one program that another one's commit changes."""

from __future__ import annotations

from pathlib import Path

from tests.live.pages import LIST, Note, make_app, note, notes_app
from vivace import App, Request, Response, render
from vivace.errors import WriteInLiveRender
from vivace.migrations.create import create_tables
from vivace.testing import Client


async def test_pages_are_live_in_the_transaction_of_a_test(postgresql_url: str) -> None:
    app = notes_app(databases={"default": postgresql_url})
    async with Client(app) as client, client.live("/") as page:
        found = await note("on PostgreSQL")
        await page.shows("<li>on PostgreSQL</li>")
        found.text = "changed"
        await found.save()
        await page.shows("<li>changed</li>")


async def test_lv8_copy_is_refused_in_a_page_that_is_rendered_again(postgresql_url: str) -> None:
    app, refused = make_app(LIST, databases={"default": postgresql_url}), list[str]()

    @app.get("/")
    async def page(request: Request) -> Response:
        if request.is_rerender:
            try:
                await app.databases.default.copy_rows(
                    "livepages_note", ["text", "public"], [("copied", True)]
                )
            except WriteInLiveRender as error:
                refused.append(error.got)
        return render(request, "page.html", notes=Note.objects.all())

    async with Client(app) as client, client.live("/"):
        assert set(refused) == {"COPY livepages_note"}
        assert await Note.objects.count() == 0


async def two_programs(one: App, two: App) -> None:
    """Write in one program, look at the page of the other; then the other way round."""
    one.compile()
    await create_tables(one.databases.default, one.models)
    async with Client(one, isolate=False) as first, Client(two, isolate=False) as second:
        async with first.live("/") as here, second.live("/") as there:
            for writer, text in ((one, "of the first"), (two, "of the second")):
                with writer.data.current():
                    await note(text)
                await here.shows(f"<li>{text}</li>")
                await there.shows(f"<li>{text}</li>")
                assert here.html() == there.html()
        with one.data.current():
            await Note.objects.all().delete()


async def test_commits_of_another_program_on_postgresql_arrive(postgresql_url: str) -> None:
    await two_programs(*(notes_app(databases={"default": postgresql_url}) for _ in range(2)))


async def test_commits_of_another_program_on_sqlite_arrive(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'notes.sqlite3'}"
    await two_programs(*(notes_app(databases={"default": url}) for _ in range(2)))
