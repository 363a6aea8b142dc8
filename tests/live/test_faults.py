"""What goes wrong, and what others do to a live page: it is bounded, told, and made good by the next change."""

from __future__ import annotations

import asyncio
import logging
import random
from typing import Any

import pytest

from tests.live.pages import HEAD, LIST, Note, make_app, note, notes_app, renders
from vivace import App, Redirect, render
from vivace.config.secret import Secret
from vivace.config.settings import Settings
from vivace.db import atomic
from vivace.errors import BadSignature, NotFound, VivaceError
from vivace.http.request import Request
from vivace.http.response import Response
from vivace.http.websocket import WebSocketDisconnect
from vivace.live.tokens import MAX_AGE, LiveTokens
from vivace.testing import Client, LivePage

# -- tokens -----------------------------------------------------------------------------------------------------------


async def said(page: LivePage, token: str, regions: Any = (), number: int = 7) -> list[Any]:
    """Return what the server answers to a watch."""
    await page.socket.send_json(["watch", number, token, regions])
    answer: list[Any] = await page.socket.receive_json()
    return answer


async def test_lv8_forged_and_changed_tokens_are_refused() -> None:
    app = notes_app()
    async with Client(app) as client, client.live("/") as page:
        value, _, rest = page.token.partition(".")
        for token in (
            "",
            "x",
            "..",
            page.token[:-1],
            page.token + "A",
            f"{value}A.{rest}",
            "ü" * 20,
            "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"),
        ):
            assert await said(page, token) == ["reload", 7, "expired"]
        assert len(list(app.live.viewers)) == 1


async def test_lv8_a_token_of_another_app_is_refused_and_one_of_another_page_shows_only_that_page() -> None:
    app, other = (
        notes_app(),
        notes_app(settings=Settings(secret_key=Secret("another secret, also long enough."))),
    )
    async with Client(other) as theirs:
        foreign = theirs.live("/")
        await foreign.__aenter__()
        await foreign.disconnect()
    async with Client(app) as client, client.live("/") as page, client.live("/?other=1") as second:
        assert await said(page, foreign.token) == ["reload", 7, "expired"]
        wrong = [[page.regions[0], page.hashes[page.regions[0]]]]
        assert await said(page, second.token, wrong) == ["reload", 7, "changed"]


def test_lv8_a_token_expires() -> None:
    now = 1_800_000_000.0
    tokens = LiveTokens(["k" * 40], lambda request: True, clock=lambda: now)
    token = tokens.page(Request("GET", "/x?y=1", [], None))  # type: ignore[arg-type]
    assert tokens.target(token) == "/x?y=1"
    now += MAX_AGE + 1
    with pytest.raises(BadSignature):
        tokens.target(token)


async def test_lv8_a_token_may_be_used_again_and_gives_no_more_than_the_page() -> None:
    app = notes_app()
    async with Client(app) as client, client.live("/") as page:
        shown = [[page.regions[0], page.hashes[page.regions[0]]]]
        for number in range(2, 6):
            assert await said(page, page.token, shown, number) == ["watching", number]
        assert [each.viewers for each in app.live.describe()] == [5]


@pytest.mark.parametrize(
    "message",
    [
        ["watch"],
        ["watch", "1", "t", []],
        ["watch", 1, None, []],
        ["watch", 1, "t", [["a"]]],
        ["watch", 1, "t", [[1, 2]]],
        ["watch", 1, "t", {}],
        ["watch", 1.5, "t", []],
        ["unwatch", [1]],
        ["unwatch"],
    ],
)
async def test_what_is_no_watch_closes_the_connection(message: list[Any]) -> None:
    app = notes_app()
    async with Client(app) as client:
        page = client.live("/")
        await page.__aenter__()
        await page.socket.send_json(message)
        with pytest.raises(WebSocketDisconnect):
            while True:
                await page.socket.receive()
        assert page.socket.close_code == 1007
        await page.disconnect()
        assert list(app.live.viewers) == []


async def test_floods_of_watches_are_bounded() -> None:
    app = notes_app()
    async with Client(app) as client:
        page = client.live("/")
        await page.__aenter__()
        shown = [[page.regions[0], "AAAAAAAA"]]
        before = renders(app)
        for _ in range(40):
            await page.socket.send_json(["watch", 2, page.token, shown])
        await page.socket.send_json(["ping"])
        while (await page.socket.receive_json())[0] != "pong":
            pass
        assert len(list(app.live.viewers)) == 2
        assert renders(app) - before <= 41
        for number in range(3, app.live.options.pages + 2):
            await page.socket.send_json(["watch", number, page.token, shown])
        with pytest.raises(WebSocketDisconnect):
            while True:
                await page.socket.receive()
        await page.disconnect()


async def test_too_many_regions_close_the_connection() -> None:
    app = notes_app()
    async with Client(app) as client:
        page = client.live("/")
        await page.__aenter__()
        many = [[f"~{number}", ""] for number in range(app.live.options.regions + 1)]
        await page.socket.send_json(["watch", 2, page.token, many])
        with pytest.raises(WebSocketDisconnect):
            while True:
                await page.socket.receive()
        await page.disconnect()


async def test_unknown_regions_and_pages_are_nothing() -> None:
    app = notes_app()
    async with Client(app) as client, client.live("/") as page:
        assert await said(page, page.token, [["v1_9~1", ""], ["...", ""], ["", ""]]) in (
            ["reload", 7, "changed"],
            ["watching", 7],
        )
        await page.socket.send_json(["unwatch", 99])
        await note("x")
        await page.shows("x")


async def reloaded(page: LivePage, reason: str) -> None:
    """Wait until a page is to be fetched again."""
    while await page.receive() != "reload":
        pass
    assert page.reloaded == reason


# -- the app's code ---------------------------------------------------------------------------------------------------


async def test_an_error_in_a_region_keeps_what_it_shows_and_the_next_change_tries_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    text = (
        HEAD
        + "{% live %}{{ notes | length }}{{ fail(notes) }}{% endlive %}{% live %}fine {{ notes | length }}{% endlive %}"
    )
    app, failing = make_app(text), [False]

    def fail(notes: Any) -> str:
        if failing[0]:
            raise RuntimeError("on purpose")
        return "!"

    @app.get("/")
    async def page(request: Request) -> Response:
        return render(request, "page.html", notes=Note.objects.all(), fail=fail)

    async with Client(app) as client, client.live("/") as shown:
        failing[0] = True
        with caplog.at_level(logging.ERROR, "vivace.live"):
            await note("a")
            await shown.shows("fine 1", 1)
        assert shown.html(0) == "0!"
        assert "a live region of / failed" in caplog.text
        assert "on purpose" in caplog.text
        failing[0] = False
        await note("b")
        await shown.shows("2!", 0)


async def test_an_error_in_the_handler_keeps_the_page_and_one_that_says_gone_ends_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = make_app(LIST)
    wrong: list[Exception] = []

    @app.get("/")
    async def page(request: Request) -> Response:
        found = await Note.objects.count()
        if wrong:
            raise wrong[0]
        return render(request, "page.html", notes=Note.objects.all(), found=found)

    async with Client(app) as client, client.live("/") as shown:
        wrong.append(RuntimeError("down"))
        with caplog.at_level(logging.ERROR, "vivace.live"):
            await note("a")
            await shown.settled()
        assert "down" in caplog.text
        assert shown.reloaded is None
        wrong.clear()
        await note("b")
        await shown.shows("<li>b</li>")
        wrong.append(NotFound("It was deleted."))
        await note("c")
        await reloaded(shown, "refused")
        assert len(app.live.index) == 0


async def test_a_handler_that_answers_with_something_else_ends_the_page() -> None:
    app, moved = make_app(LIST), [False]

    @app.get("/")
    async def page(request: Request) -> Response:
        found = await Note.objects.count()
        return Redirect("/elsewhere") if moved[0] else render(request, "page.html", notes=[], found=found)

    async with Client(app) as client, client.live("/") as shown:
        moved[0] = True
        await note("x")
        while await shown.receive() != "reload":
            pass


@pytest.mark.parametrize("kind", ["create", "update", "raw", "atomic", "script"])
async def test_a_page_that_writes_is_refused_with_the_place(
    kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app(LIST)

    async def write() -> None:
        if kind == "create":
            await Note.objects.create(text="a visit")
        elif kind == "update":
            await Note.objects.update(text="seen")
        elif kind == "raw":
            await app.databases.default.execute(_raw("UPDATE livepages_note SET text = 'raw'"))
        elif kind == "script":
            await app.databases.default.run_script(
                "SELECT 1; INSERT INTO livepages_note VALUES (1, 'x', NULL, 1)"
            )
        else:
            async with atomic():
                await Note.objects.create(text="a visit")

    @app.get("/")
    async def page(request: Request) -> Response:
        if request.is_rerender:
            await write()
        return render(request, "page.html", notes=Note.objects.all())

    async with Client(app) as client:
        with caplog.at_level(logging.ERROR, "vivace.live"):
            async with client.live("/"):
                pass
        assert "WriteInLiveRender" in caplog.text
        assert "test_faults.py:" in caplog.text
        assert await Note.objects.count() == 0


def _raw(sql: str) -> Any:
    from vivace.db import Statement

    return Statement(sql=sql, writes=None)


@pytest.mark.parametrize(
    ("sql", "reads"),
    [
        ("SELECT ';' FROM livepages_note", True),
        ("-- why\nselect 1", True),
        ("PRAGMA table_info(livepages_note)", True),
        ("PRAGMA user_version", True),
        ("EXPLAIN SELECT 1", True),
        ("EXPLAIN ANALYZE DELETE FROM livepages_note", False),
        ("explain (analyse, buffers) delete from livepages_note", False),
        ("SELECT 1 INTO copy", False),
        ("PRAGMA user_version(5)", False),
        ("PRAGMA user_version = 5", False),
        ("selection", False),
    ],
)
async def test_lv8_sql_that_says_nothing_of_itself_runs_only_if_it_reads(sql: str, reads: bool) -> None:
    app = make_app(LIST)
    ran: list[str] = []

    @app.get("/")
    async def page(request: Request) -> Response:
        if request.is_rerender:
            try:
                await app.databases.default.fetch(_raw(sql))
            except VivaceError as error:
                ran.append(type(error).__name__)
            else:
                ran.append("read")
        return render(request, "page.html", notes=Note.objects.all())

    async with Client(app) as client, client.live("/"):
        assert set(ran) == {"read" if reads else "WriteInLiveRender"}


async def test_a_view_may_skip_what_it_writes() -> None:
    app = make_app(LIST)

    @app.get("/")
    async def page(request: Request) -> Response:
        if not request.is_rerender:
            await Note.objects.create(text="a visit")
        return render(request, "page.html", notes=Note.objects.all())

    async with Client(app) as client, client.live("/") as shown:
        await client.get("/")
        await shown.shows("<b>2</b>")


# -- order ------------------------------------------------------------------------------------------------------------


async def test_a_region_never_goes_back_whatever_the_delays() -> None:
    """Handlers take their time, at random; whoever watches sees the numbers only grow, in each region."""
    delays = random.Random(5)
    text = HEAD + "{% live %}{{ notes | length }}{% endlive %}{% live %}{{ count }}{% endlive %}"
    app = make_app(text)

    @app.get("/")
    async def page(request: Request) -> Response:
        for _ in range(delays.randrange(6)):
            await asyncio.sleep(0)
        count = await Note.objects.count()
        for _ in range(delays.randrange(6)):
            await asyncio.sleep(0)
        return render(request, "page.html", notes=Note.objects.all(), count=count)

    async def write(number: int) -> None:
        for _ in range(delays.randrange(40)):
            await asyncio.sleep(0)
        await note(f"note {number}")

    async with Client(app) as client, client.live("/") as one, client.live("/") as two:
        seen: dict[tuple[int, str], int] = {}

        async def follow(page_: LivePage, who: int) -> None:
            while not all(page_.html(region) == "30" for region in page_.regions):
                await page_.changed()
                for region in page_.regions:
                    number = int(page_.html(region))
                    assert number >= seen.get((who, region), 0)
                    seen[who, region] = number

        writing = asyncio.gather(*(write(number) for number in range(30)))
        await asyncio.gather(follow(one, 1), follow(two, 2), writing)


async def test_who_comes_with_another_version_is_answered_from_a_render_that_began_afterwards() -> None:
    app = notes_app()
    async with Client(app) as client, client.live("/") as page:
        region = page.regions[0]
        before = renders(app)
        page.hashes[region] = "newer---"  # as if it had been on a worker that knows more
        await page.settled()
        assert renders(app) == before + 1
        assert page.updates[-1].whole


async def test_a_client_that_lost_the_source_is_sent_it_whole() -> None:
    app = notes_app()
    async with Client(app) as client, client.live("/") as page:
        await note("a")
        await page.changed()
        page.hashes[page.regions[0]] = ""
        page._has.clear()
        await page.settled()
        assert page.updates[-1].whole
        await note("b")
        assert not (await page.changed()).whole


async def test_a_reset_of_the_feed_renders_everything_again() -> None:
    app = notes_app()
    async with Client(app) as client, client.live("/") as page:
        before = renders(app)
        app.changes.reset(2)
        await page.settled()
        assert renders(app) == before + 1


async def test_the_stop_of_the_app_ends_renders_that_are_under_way() -> None:
    app = make_app(LIST)
    hanging = asyncio.Event()

    @app.get("/")
    async def page(request: Request) -> Response:
        if request.is_rerender:
            hanging.set()
            await asyncio.Event().wait()
        return render(request, "page.html", notes=Note.objects.all())

    async with Client(app) as client:
        shown = client.live("/")
        response = await client.get("/")
        shown._read(response.text)
        await shown.connect(wait=False)
        await hanging.wait()
        await shown.disconnect()


async def test_one_region_that_changes_without_end_does_not_starve_others() -> None:
    text = HEAD + "{% live %}{{ notes | length }}{% endlive %}"
    app: App = make_app(text)
    app.live.options = type(app.live.options)(at_once=1)

    @app.get("/{word}")
    async def page(request: Request, word: str) -> Response:
        if word == "busy" and request.is_rerender:
            for each in app.live.describe():
                if each.page == "/busy":
                    app.live.pages[next(a for a in app.live.pages if a.target == "/busy")].shared.roots[
                        each.root
                    ].touched()
        return render(request, "page.html", notes=Note.objects.filter(text=word))

    async with Client(app) as client, client.live("/calm") as calm:
        busy = client.live("/busy")
        response = await client.get("/busy")
        busy._read(response.text)
        await busy.connect(wait=False)
        await note("calm")
        await calm.shows("1")
        await busy.disconnect()
