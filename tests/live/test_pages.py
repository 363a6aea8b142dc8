"""Open pages stay true: what is sent, when, and that it is little."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.live.pages import HEAD, LIST, Note, Topic, make_app, note, notes_app, renders
from vivace import render
from vivace.config.secret import Secret
from vivace.config.settings import Settings
from vivace.errors import AppInvalid
from vivace.http.request import Request
from vivace.http.response import Response
from vivace.security import RateLimit
from vivace.testing import Client


async def test_lv1_a_commit_reaches_every_open_page() -> None:
    app = notes_app()
    async with Client(app) as client, client.live("/") as one, client.live("/") as two:
        assert "<b>0</b>" in one.html()
        await note("first")
        for page in (one, two):
            assert await page.shows("<li>first</li>") == "<b>1</b><ul><li>first</li></ul>"


async def test_lv1_one_commit_is_one_query_and_one_render_for_all_viewers() -> None:
    app = notes_app()
    async with Client(app) as client:
        pages = [client.live("/") for _ in range(20)]
        for page in pages:
            await page.__aenter__()
        before, queries = renders(app), app.live.renderer.queries
        await note("x")
        for page in pages:
            await page.shows("<li>x</li>")
        assert renders(app) == before + 1
        assert app.live.renderer.queries == queries + 1
        for page in pages:
            await page.disconnect()


async def test_lv2_a_counter_that_counts_costs_less_than_a_hundred_bytes() -> None:
    app = notes_app(HEAD + "{% live %}<p>There are <b>{{ notes | length }}</b> notes.</p>{% endlive %}")
    async with Client(app) as client, client.live("/") as page:
        await note("a")
        assert (await page.changed()).whole
        await note("b")
        update = await page.changed()
        assert not update.whole
        assert update.size < 100
        assert "<b>2</b>" in page.html()


async def test_lv2_an_item_more_in_a_long_list_costs_little_more_than_the_item() -> None:
    app = notes_app()
    async with Client(app) as client:
        for number in range(200):
            await note(f"note {number}")
        async with client.live("/") as page:
            await note("another")
            await page.changed()
            await note("the last one")
            update = await page.changed()
        assert not update.whole
        assert update.size < 150


async def test_a_page_that_is_up_to_date_is_sent_nothing() -> None:
    app = notes_app()
    async with Client(app) as client:
        await note("there")
        async with client.live("/") as page:
            assert page.updates == []
            assert "<li>there</li>" in page.html()


async def test_a_commit_between_page_and_socket_is_caught_up() -> None:
    app = notes_app()
    async with Client(app) as client:
        response = await client.get("/")
        await note("meanwhile")
        page = await client.live("/").open(response)
        assert "<li>meanwhile</li>" in page.html()
        await page.disconnect()
        await note("away")
        await page.connect()
        assert "<li>away</li>" in page.html()
        await page.disconnect()


async def test_only_what_a_change_touches_is_rendered() -> None:
    app = make_app(
        HEAD + "{% live %}{% for note in topic.notes %}<i>{{ note.text }}</i>{% endfor %}{% endlive %}"
    )

    @app.get("/{number}")
    async def page(request: Request, number: int) -> Response:
        return render(request, "page.html", topic={"notes": Note.objects.filter(topic_id=number)})

    async with Client(app) as client:
        one, two = await Topic.objects.create(name="one"), await Topic.objects.create(name="two")
        async with client.live(f"/{one.id}") as first, client.live(f"/{two.id}") as second:
            before = renders(app)
            await note("for one", topic=one)
            await first.shows("for one")
            assert renders(app) == before + 1
            await note("for two", topic=two)
            await second.shows("for two")
            assert renders(app) == before + 2
            assert len(first.updates) == len(second.updates) == 1


async def test_a_change_that_shows_nothing_else_sends_nothing() -> None:
    app = notes_app()
    async with Client(app) as client, client.live("/") as page:
        found = await note("same")
        await page.changed()
        before = renders(app)
        found.public = False
        await found.save()
        await page.settled()
        assert renders(app) == before + 1
        assert len(page.updates) == 1


async def test_a_burst_of_commits_is_a_few_renders_and_the_last_state_is_shown() -> None:
    app = notes_app()
    async with Client(app) as client, client.live("/") as page:
        before = renders(app)
        await asyncio.gather(*(note(f"note {number}") for number in range(60)))
        await page.shows("<b>60</b>")
        await page.settled()
        assert renders(app) - before <= 30
        assert "<b>60</b>" in page.html()


async def test_pages_of_different_queries_are_kept_apart() -> None:
    app = make_app(HEAD + "{% live %}{{ word }}: {{ notes | length }}{% endlive %}")

    @app.get("/")
    async def page(request: Request) -> Response:
        found = Note.objects.filter(text=request.query.get("word", ""))
        return render(request, "page.html", word=request.query.get("word"), notes=found)

    async with Client(app) as client, client.live("/?word=a") as a, client.live("/?word=b") as b:
        await note("a")
        await a.shows("a: 1")
        await note("b")
        assert await b.shows("b: 1") == "b: 1"
        assert a.html() == "a: 1"


async def test_nested_regions_travel_on_their_own() -> None:
    inner = "{% live key=note.id %}<li>{{ note.text }}</li>{% endlive %}"
    app = notes_app(HEAD + "{% live %}<ul>{% for note in notes %}" + inner + "{% endfor %}</ul>{% endlive %}")
    async with Client(app) as client:
        first = await note("one")
        await note("two")
        async with client.live("/") as page:
            assert len(page.regions) == 3
            first.text = "changed"
            await first.save()
            update = await page.changed()
            assert update.region == page.regions[1]
            assert page.html() == page.html(0)
            assert "<li>changed</li>" in page.html()
            await note("three")
            await page.shows("<li>three</li>")
            assert [each.region for each in page.updates[-2:]] == [page.regions[-1], page.regions[0]]
            await first.delete()
            await page.changed()
            assert "changed" not in page.html()
            assert len(page.regions) == 3


async def test_regions_in_included_templates_loops_and_macros_stay_true() -> None:
    texts = {
        "page.html": HEAD
        + "{% macro row(note) %}{% live %}<i>{{ note.text }}</i>{% endlive %}{% endmacro %}"
        + "{% include 'part.html' %}{% for note in notes %}{{ row(note) }}{% endfor %}"
        + "{% if notes %}{% live %}some{{ notes | length }}{% endlive %}{% endif %}",
        "part.html": "{% live %}<b>{{ notes | length }}</b>{% endlive %}",
    }
    app = notes_app(texts)
    async with Client(app) as client:
        found = await note("one")
        async with client.live("/") as page:
            assert [page.html(number) for number in range(3)] == ["<b>1</b>", "<i>one</i>", "some1"]
            found.text = "other"
            await found.save()
            await page.shows("other", 1)
            await note("two")
            await page.shows("<b>2</b>", 0)
            await page.shows("some2", 2)


async def test_regions_of_parent_and_child_templates_stand_alone() -> None:
    texts = {
        "base.html": HEAD
        + "{% set word = 'set' %}{% block head %}{% live %}base {{ notes | length }} {{ word }}{% endlive %}{% endblock %}"
        + "{% block body %}{% endblock %}",
        "page.html": "{% extends 'base.html' %}{% set mine = 'own' %}"
        "{% block body %}{% live %}child {{ notes | length }} {{ mine }}{% endlive %}{% endblock %}",
    }
    app = notes_app(texts)
    async with Client(app) as client, client.live("/") as page:
        assert all("." in region for region in page.regions)
        assert page.html(0) == "base 0 set"
        await note("x")
        assert await page.shows("child 1", 1) == "child 1 own"
        assert await page.shows("base 1", 0) == "base 1 set"


async def test_a_form_shown_again_with_422_stays_true_from_get() -> None:
    app = notes_app()

    @app.post("/")
    async def refuse(request: Request) -> Response:
        return render(request, "page.html", status=422, notes=Note.objects.all())

    @app.post("/only")
    async def only(request: Request) -> Response:
        return render(request, "page.html", status=422, notes=Note.objects.all())

    async with Client(app) as client:
        response = await client.post("/")
        page = await client.live("/").open(response)
        await note("new")
        await page.shows("<li>new</li>")
        await page.disconnect()
        static = await client.post("/only")
        assert "<!--live:" in static.text
        assert client.live("/only").token == ""


async def test_answers_to_get_that_are_errors_have_no_live_regions() -> None:
    app = notes_app()

    @app.error(404)
    async def missing(request: Request, error: Exception) -> Response:
        return render(request, "page.html", status=404, notes=Note.objects.all())

    async with Client(app) as client:
        response = await client.get("/nowhere")
        assert response.status == 404
        assert "<!--live:" not in response.text


async def test_a_streamed_page_is_live_as_well() -> None:
    app = make_app(LIST)

    @app.get("/")
    async def page(request: Request) -> Response:
        return render(request, "page.html", notes=Note.objects.all(), stream=True)

    async with Client(app) as client, client.live("/") as page_:
        await note("streamed")
        await page_.shows("<li>streamed</li>")


async def test_a_mounted_app_is_live_under_its_prefix() -> None:
    settings = Settings(secret_key=Secret("a secret of tests, which is long enough"))
    inner, outer = notes_app(settings=settings), make_app("x", settings=settings)
    outer.mount("/inner", inner)
    async with Client(outer) as client, client.live("/inner/") as page:
        await note("mounted")
        await page.shows("<li>mounted</li>")


async def test_tokens_of_forms_do_not_travel_and_make_no_difference() -> None:
    app = notes_app(HEAD + "{% live %}<form>{% csrf_token %}{{ notes | length }}</form>{% endlive %}")
    async with Client(app) as client, client.live("/") as page:
        assert page.updates == []  # the page has a token, what is rendered again has none
        await note("x")
        update = await page.changed()
        assert 'name="csrfmiddlewaretoken" value=""' in page.html()
        assert update.whole
        assert len(app.live.pages) == 1


async def test_after_response_work_and_after_hooks_do_not_run_again() -> None:
    ran: list[str] = []
    app = make_app(LIST)

    @app.get("/")
    async def page(request: Request) -> Response:
        request.after_response(ran.append, "work")
        return render(request, "page.html", notes=Note.objects.all())

    @app.after
    def after(request: Request, response: Response) -> None:
        if request.path == "/":
            ran.append("after")

    async with Client(app) as client, client.live("/") as page_:
        await note("x")
        await page_.shows("<li>x</li>")
    assert sorted(ran) == ["after", "work"]


async def test_middleware_and_before_hooks_run_again_and_know_it() -> None:
    app = make_app(HEAD + "{% live %}{{ request.state['told'] }}{{ notes | length }}{% endlive %}")

    @app.before
    async def tell(request: Request) -> None:
        request.state["told"] = "told "

    @app.get("/")
    async def page(request: Request) -> Response:
        return render(request, "page.html", notes=Note.objects.all())

    async with Client(app) as client, client.live("/") as page_:
        await note("x")
        assert await page_.shows("told 1") == "told 1"


async def test_what_depends_on_time_is_rendered_every_so_often() -> None:
    count = 0
    app = make_app(HEAD + "{% live every=0.1 %}{{ next }}{% endlive %}")

    @app.get("/")
    async def page(request: Request) -> Response:
        nonlocal count
        count += 1
        return render(request, "page.html", next=count)

    async with Client(app) as client, client.live("/") as page_:
        shown = int(page_.html())
        await page_.changed()
        await page_.changed()
        assert int(page_.html()) >= shown + 2


async def test_unicode_beyond_the_basic_plane_is_counted_as_javascript_counts() -> None:
    app = notes_app()
    async with Client(app) as client, client.live("/") as page:
        await note("😀 smile")
        await page.changed()
        await note("🎉 party")
        update = await page.changed()
        assert not update.whole
        assert "<li>🎉 party</li>" in page.html()


async def test_an_app_without_live_regions_has_no_routes_for_them() -> None:
    app = notes_app("<p>{{ notes | length }}</p>")
    async with Client(app) as client:
        assert (await client.get("/_vivace/socket")).status == 404
        assert not app.is_live
        assert (await client.get("/")).text == "<p>0</p>"


async def test_memory_is_freed_when_the_last_viewer_goes() -> None:
    app = notes_app()
    async with Client(app) as client:
        async with client.live("/") as one:
            async with client.live("/"):
                assert len(app.live.index) == 1
            assert [each.viewers for each in app.live.describe()] == [1]
            await one.socket.send_json(["unwatch", 1])
            await one.socket.send_json(["ping"])
            assert json.loads(await one.socket.receive()) == ["pong"]
            assert (list(app.live.pages), len(app.live.index), list(app.live.viewers)) == ([], 0, [])


async def test_a_reader_who_is_slow_skips_versions_and_ends_with_the_last() -> None:
    app = notes_app(
        HEAD + "{% live %}<b>{{ notes | length }}</b>{{ (notes | length | string) * 5000 }}{% endlive %}"
    )
    async with Client(app) as client, client.live("/") as slow, client.live("/") as quick:
        for number in range(1, 61):
            await note("x")
            await quick.shows(f"<b>{number}</b>")  # so each is a version of its own
        await slow.shows("<b>60</b>")
        assert len(slow.updates) < len(quick.updates) == 60
        assert slow.html() == quick.html()


async def test_a_program_can_ask_what_is_watched() -> None:
    app = notes_app()
    async with Client(app) as client, client.live("/") as page:
        await note("x")
        await page.shows("<li>x</li>")
        (described,) = app.live.describe()
        assert (described.page, described.viewers, described.why) == ("/", 1, "a change")
        assert described.reads == {"livepages_note": "any row"}


async def test_fragments_in_a_region_are_rendered_only_where_a_change_touches_them() -> None:
    shown: list[int] = []
    text = "{% live %}{% for note in notes %}{% cache %}<i>{{ see(note) }}{{ note.text }}</i>{% endcache %}{% endfor %}{% endlive %}"
    app = make_app(HEAD + text)

    def see(found: Note) -> str:
        shown.append(found.id)
        return ""

    @app.get("/")
    async def page(request: Request) -> Response:
        return render(request, "page.html", notes=Note.objects.all(), see=see)

    async with Client(app) as client:
        first, second = await note("one"), await note("two")
        async with client.live("/") as page_:
            shown.clear()
            second.text = "changed"
            await second.save()
            await page_.shows("<i>changed</i>")
            assert first.id not in shown
            assert second.id in shown


async def test_a_region_within_a_fragment_is_refused_and_one_that_it_includes_is_static() -> None:
    region = "{% live %}<b>{{ notes | length }}</b>{% endlive %}"
    with pytest.raises(AppInvalid, match="put the cache into the region"):
        async with Client(notes_app(HEAD + "{% cache %}" + region + "{% endcache %}")):
            pass
    app = notes_app(
        {"page.html": HEAD + "{% cache key=1 %}{% include 'part.html' %}{% endcache %}", "part.html": region}
    )
    async with Client(app) as client:
        assert (await client.get("/")).text == HEAD + "<b>0</b>"


async def test_rate_limits_do_not_count_renders_and_do_not_make_pages_personal() -> None:
    app = notes_app(before=[RateLimit("2/hour")])
    async with Client(app) as client, client.live("/") as page:
        for number in range(5):
            await note(f"note {number}")
            await page.shows(f"note {number}<")
        assert [each.personal for each in app.live.describe()] == [""]


def test_an_app_with_pages_and_without_regions_loads_nothing_of_them(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "page.html").write_text("<p>{{ 1 }}</p>")
    program = (
        "import sys\nfrom vivace import App, render\napp = App()\n"
        "@app.get('/')\nasync def page(request):\n    return render(request, 'page.html')\n"
        "app.compile()\nprint([name for name in sys.modules if name.startswith(('vivace.live', 'vivace.realtime'))])\n"
    )
    (tmp_path / "app.py").write_text(program)
    said = subprocess.run(
        [sys.executable, "app.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout == "[]\n"


async def test_the_board_as_it_stands_is_live() -> None:
    from tests.experience.board.app import app

    async with Client(app) as client, client.live("/") as one, client.live("/") as two:
        assert "Nothing yet." in one.html()
        answer = await client.post("/", form={"author": "Ann", "body": "Hello <all>"})
        assert answer.status == 303
        for page in (one, two):
            await page.shows("<b>Ann</b>: Hello &lt;all&gt;")
        refused = await client.post("/", form={"author": "", "body": "x"})
        assert refused.status == 422
        async with client.live("/") as third:
            await third.disconnect()
        await one.settled()
        assert "<p>1 messages</p>" in one.html()
