"""What pages tell of what is under the hood: what is in it, who gets it, and that it costs nothing where it is off."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any, Final

import pytest
from markupsafe import Markup

from tests.live.pages import HEAD, LIST, Note, Topic, make_app, note, notes_app
from vivace import App, Redirect, render
from vivace.app.compression import Compression
from vivace.app.debugpage import debug_page
from vivace.app.hood import Door, is_local
from vivace.app.hood.labels import Labels
from vivace.app.hood.regions import FEW_STORIES, MAX_LINES, Stories, told
from vivace.cache.pages import cache_page
from vivace.changes import Change, ReadSet, WriteSet, conditions
from vivace.cli.devchild import adapt
from vivace.config.settings import Settings
from vivace.http.csp import ContentSecurityPolicy
from vivace.http.request import Connection, Request
from vivace.http.response import HTML, Response
from vivace.realtime import Channel
from vivace.security import Security
from vivace.templates.environment import TemplateEnvironment
from vivace.testing import Client
from vivace.testing.live import LivePage

BEGIN: Final = '<script type="application/json" id="vivace-hood-record">'
RECORD: Final = re.compile(re.escape(BEGIN) + r"(.*?)</script>", re.DOTALL)
PAGE: Final = HEAD + "<body><p>{{ notes | length }}</p></body>"


def record(text: str) -> Any:
    """Return what a page tells."""
    (found,) = RECORD.findall(text)
    return json.loads(found)


def _page() -> Markup:
    return Markup("<!doctype html><p>page</p>")


async def hood_of(app: App, path: str = "/", **options: Any) -> Any:
    async with Client(app) as client:
        return record((await client.get(path, **options)).text)


# -- what a page tells ------------------------------------------------------------------------------------------------


async def test_a_page_tells_who_answered_and_what_was_asked() -> None:
    app = make_app(
        {
            "page.html": '{% extends "base.html" %}{% block main %}{% include "part.html" %}{% endblock %}',
            "base.html": HEAD + "<body>{% block main %}{% endblock %}</body>",
            "part.html": "{% for n in notes %}{{ n.topic.name }}{% cache %}{{ n.text }}{% endcache %}{% endfor %}",
        },
        hood=True,
    )

    @app.get("/{number:int}")
    async def page(request: Request, number: int) -> Response:
        for _ in range(3):
            await Topic.objects.filter(name="three times").first()
        assert (
            await Note.objects.filter(public=True).count() == await Note.objects.filter(public=True).count()
        )
        return render(request, "page.html", notes=Note.objects.filter(id__gte=number))

    async with Client(app) as client:
        topic = await Topic.objects.create(name="A")
        await note("one", topic=topic)
        await note("two", topic=topic)
        told_of = record((await client.get("/1?x=2")).text)["about"]
        again = record((await client.get("/1?x=2")).text)["about"]

    request = told_of["request"]
    assert (request["method"], request["target"], request["route"], request["status"]) == (
        "GET",
        "/1?x=2",
        "/{number:int}",
        200,
    )
    assert request["handler"].endswith("page")
    assert re.fullmatch(r"tests/app/test_hood.py:\d+", request["place"])
    times = request["times"]
    assert times["total"] > 0
    assert all(0 <= times[name] <= times["total"] for name in ("handler", "template", "database"))

    queries = told_of["queries"]["shown"]
    marks = [(each["mark"], each["times"]) for each in queries]
    assert marks[:5] == [("loop", 3)] * 3 + [("same", 2)] * 2
    assert all(each["place"].startswith("tests/app/test_hood.py:") for each in queries[:5])
    assert queries[0]["values"] == "('three times', 1)"
    assert {each["place"] for each in queries[5:]} == {
        "part.html:1"
    }  # the line of the template that waited for them

    assert told_of["templates"] == {"page.html": 1, "base.html": 1, "part.html": 1}
    (fragment,) = told_of["fragments"]
    assert fragment == {"name": "part.html:1", "hits": 0, "misses": 2}
    assert again["fragments"] == [{"name": "part.html:1", "hits": 2, "misses": 0}]


async def test_secrets_are_hidden_and_what_came_is_no_markup() -> None:
    app = make_app(PAGE, hood=True)
    evil = "</script><script>alert(1)</script><!--"

    @app.get("/")
    async def page(request: Request, q: str = "") -> Response:
        await Note.objects.filter(text=q).first()
        await Note.objects.filter(text=request.cookies["session"]).first()
        return render(request, "page.html", notes=Note.objects.all())

    async with Client(app) as client:
        response = await client.get(
            "/", query={"q": evil, "token": "tok-12345678"}, headers={"cookie": "session=s3cr3t-cookie"}
        )
    assert "alert(1)" in response.text
    assert "<script>alert" not in response.text
    assert "s3cr3t-cookie" not in response.text
    assert "tok-12345678" not in response.text
    assert evil in str(record(response.text))
    ends = response.text.partition(BEGIN)[2]
    assert ends.count("</script>") == 2  # of the data, and of the script that shows it


async def test_a_page_that_fails_tells_too() -> None:
    app = make_app(PAGE, hood=True, debug=True)

    @app.get("/")
    async def page(request: Request) -> Response:
        await Note.objects.count()
        raise ValueError("no")

    app.debug_page = partial(debug_page, script="/_vivace/reload.js")  # as in dev
    async with Client(app, raise_errors=False) as client:
        response = await client.get("/", headers={"accept": "text/html"})
        missing = await client.get("/nowhere", headers={"accept": "text/html"})
    assert (record(response.text)["about"]["request"]["status"], response.status) == (500, 500)
    assert record(missing.text)["about"]["request"]["status"] == 404


@pytest.mark.parametrize(
    ("csp", "nonce"),
    [
        (ContentSecurityPolicy(), False),
        (ContentSecurityPolicy(script_src=("'strict-dynamic'", "'nonce-x'")), True),
        ((ContentSecurityPolicy(), ContentSecurityPolicy(script_src=("'none'",), report_only=True)), True),
        (None, False),
    ],
)
async def test_it_works_with_the_policy_that_there_is(csp: Any, nonce: bool) -> None:
    by_app, by_route = notes_app(PAGE, hood=True, security=Security(csp=csp)), make_app(PAGE, hood=True)
    by_app.get("/csp")(_page)
    by_route.get("/csp", csp=csp or False)(_page)
    for app in (by_app, by_route):
        async with Client(app) as client:
            response = await client.get("/csp")
        (found,) = re.findall(r'hood\.js"([^>]*)>', response.text)
        policy = response.headers.get("content-security-policy", "")
        assert bool(found) is nonce
        assert found.strip().replace("nonce=", "").strip('"') in policy or not nonce


async def test_an_answer_whose_own_policy_forbids_scripts_stays_as_it_is() -> None:
    app = make_app(PAGE, hood=True)
    body = "<!doctype html><p>page</p>"
    app.get("/no")(lambda: HTML(body, headers={"content-security-policy": "default-src 'none'"}))
    app.get("/yes")(lambda: HTML(body, headers={"content-security-policy": "default-src 'self'"}))
    async with Client(app) as client:
        assert (await client.get("/no")).text == body
        assert "vivace-hood" in (await client.get("/yes")).text


async def test_it_changes_no_answer_that_is_not_a_page_of_its_own() -> None:
    kept = HTML("<!doctype html><title>constant</title>")
    app = make_app(PAGE, hood=True)

    async def pieces() -> AsyncIterator[str]:
        yield "<html>"

    app.get("/page")(lambda: Markup("<!doctype html><p>page</p>"))
    app.get("/constant")(lambda: kept)
    app.get("/piece")(lambda: Markup("<li>piece</li>"))
    app.get("/json")(lambda: {"html": "<html>"})
    app.get("/text")(lambda: "<html>")
    app.get("/stream")(pieces)
    async with Client(app) as client:
        for path in ("/piece", "/json", "/text", "/stream"):
            assert "vivace-hood" not in (await client.get(path)).text
        assert not (await client.head("/page")).body
        for asked in ({"sec-fetch-dest": "iframe"}, {"sec-fetch-dest": "empty", "accept": "*/*"}):
            assert "vivace-hood" not in (await client.get("/page", headers=asked)).text
        adopted = {"sec-fetch-dest": "empty", "accept": "text/html"}  # by the client of live pages
        assert "vivace-hood" in (await client.get("/page", headers=adopted)).text
        for _ in range(2):
            assert (await client.get("/constant")).text.count("hood.js") == 1
        assert kept.body == b"<!doctype html><title>constant</title>"


async def test_a_page_with_it_is_nobody_elses_and_kept_pages_have_it_once() -> None:
    app = make_app(PAGE, hood=True)

    @app.get("/")
    @cache_page(60)
    async def page() -> Response:
        return HTML(
            "<!doctype html><title>t</title>", headers={"cache-control": "public, max-age=60", "etag": '"x"'}
        )

    async with Client(app) as client:
        for hits in (0, 1, 1):
            response = await client.get("/")
            (kept,) = record(response.text)["about"]["fragments"]
            assert kept == {"name": "page", "hits": hits, "misses": 1 - hits}
            assert response.text.count("hood.js") == 1
            assert response.headers["cache-control"] == "private, no-cache"
            assert "etag" not in response.headers


async def test_a_page_tells_of_the_write_that_led_to_it() -> None:
    app = notes_app(PAGE, hood=True)

    @app.post("/")
    async def say(request: Request) -> Redirect:
        await note("said")
        return Redirect("/")

    async with Client(app) as client:
        for _ in range(5):
            await client.post("/", follow=False)
        first, second = record((await client.get("/")).text), record((await client.get("/")).text)
    assert [each["request"]["status"] for each in first["before"]] == [303] * 3
    assert "INSERT" in first["before"][0]["queries"]["shown"][0]["sql"]
    assert second["before"] == []

    app.hood.door = Door(lambda request: True)
    async with Client(
        app, client=("192.0.2.7", 4)
    ) as client:  # perhaps a proxy's connection, and several people's
        await client.post("/", follow=False)
        assert record((await client.get("/")).text)["before"] == []


async def test_middleware_that_compresses_compresses_it_too() -> None:
    app = make_app(PAGE, hood=True, middleware=[Compression()])
    app.get("/")(lambda: Markup("<!doctype html>" + "<p>page</p>" * 500))
    async with Client(app) as client:
        response = await client.get("/", headers={"accept-encoding": "gzip"})
    assert response.headers["content-encoding"] == "gzip"
    assert b"vivace-hood" in gzip.decompress(response.body)


# -- who gets it ------------------------------------------------------------------------------------------------------


def request_from(
    client: tuple[str, int] | None = ("127.0.0.1", 1),
    host: str | None = "localhost:8000",
    version: str = "1.1",
    **headers: str,
) -> Request:
    fields = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    if host is not None:
        fields.append((b"host", host.encode()))
    request = Request("GET", "/", fields, Connection("http", client, ("127.0.0.1", 8000), version))
    request.app = App(settings=Settings())
    return request


@pytest.mark.parametrize("client", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST.:80", "demo.localhost:1", "127.0.0.1:8000", "[::1]:8000"]
)
def test_this_machine_may_see(client: str, host: str) -> None:
    assert is_local(request_from((client, 1), host))


@pytest.mark.parametrize(
    "request_",
    [
        request_from(None),
        request_from(("192.0.2.7", 1)),
        request_from(("::ffff:192.0.2.7", 1)),
        request_from(("172.17.0.1", 1)),
        request_from(("unix", 0)),
        request_from(host=None),
        request_from(host=""),
        request_from(host="example.com"),
        request_from(host="localhost.example.com"),
        request_from(host="127.0.0.1.example.com"),
        request_from(host="[::1"[:3]),
        request_from(host="notlocalhost"),
        request_from(version="1.0"),
        request_from(x_forwarded_for="127.0.0.1"),
        request_from(forwarded="for=127.0.0.1"),
        request_from(x_real_ip="127.0.0.1"),
        request_from(via="1.1 proxy"),
    ],
)
def test_others_may_not(request_: Request) -> None:
    assert not is_local(request_)


def test_behind_proxies_that_are_known_nobody_may() -> None:
    asked = request_from()
    asked.app = App(settings=Settings(trusted_proxies=("127.0.0.1",)))
    assert not is_local(asked)


async def test_a_function_of_the_app_says_who_may() -> None:
    async def later(request: Request) -> bool:
        return "x-staff" in request.headers

    def fails(request: Request) -> bool:
        raise ValueError

    def says_yes(request: Request) -> Any:
        return "yes"  # which is not True

    rules: list[tuple[Callable[[Request], bool | Awaitable[bool]], bool, bool]] = [
        (later, False, True),
        (lambda request: "x-staff" in request.headers, False, True),
        (fails, False, False),
        (says_yes, False, False),
    ]
    for rule, plain, staff in rules:
        assert await Door(rule).opens(request_from(("192.0.2.7", 1))) is plain
        assert await Door(rule).opens(request_from(("192.0.2.7", 1), x_staff="1")) is staff


async def test_who_may_not_see_gets_the_page_as_it_is() -> None:
    plain, hooded = notes_app(PAGE), notes_app(PAGE, hood=True)
    async with Client(plain) as client:
        expected = await client.get("/")
    async with Client(hooded, client=("192.0.2.7", 4)) as client:
        response = await client.get("/")
        assert (await client.get("/_vivace/hood")).status == 404
        assert (await client.get("/_vivace/hood/hood.js")).status == 404
    assert response.body == expected.body
    assert dict(response.headers) == dict(expected.headers)


# -- off --------------------------------------------------------------------------------------------------------------


async def test_off_it_costs_nothing() -> None:
    app = notes_app()
    async with Client(app) as client:
        response = await client.get("/")
        plan = app.compile().plan
        assert "hood" not in response.text
        assert not plan.parts.middleware
        assert app.handle == plan.handle or not app.debug  # nothing stands around it
        assert type(app.templates.environment) is TemplateEnvironment
        assert not app.templates.before_render
        assert "hood" not in vars(app)
        assert "hood" not in app.realtime.verbs
        assert not [route for route in app.collect() if "hood" in route.path]
        assert (await client.get("/_vivace/hood")).status == 404


@pytest.mark.parametrize(
    ("said", "setting", "shown"),
    [
        (None, "", False),
        (None, "on", True),
        (None, "off", False),
        (True, "", True),
        (True, "off", False),
        (False, "on", False),
        (is_local, "", True),
        (is_local, "off", False),
    ],
)
def test_the_app_says_it_and_a_setting_may_forbid_it(said: Any, setting: Any, shown: bool) -> None:
    options = {} if said is None else {"hood": said}
    app = App(settings=Settings(hood=setting), **options)
    assert app.has_hood is shown


def test_dev_switches_it_on_unless_somebody_says_otherwise() -> None:
    apps = [
        App(settings=Settings()),
        App(settings=Settings(hood="off")),
        App(settings=Settings(), hood=False),
    ]
    for app in apps:
        adapt(app)
    assert [app.has_hood for app in apps] == [True, False, False]


async def test_a_mounted_app_has_that_of_the_app_around_it() -> None:
    inner = notes_app(PAGE)
    outer = App(hood=True, models=[Topic, Note])
    outer.mount("/inner", inner)
    about = (await hood_of(outer, "/inner/"))["about"]
    assert inner.has_hood
    assert about["templates"] == {"page.html": 1}
    assert about["request"]["route"] == "/"
    assert about["queries"]["count"] == 1


# -- what goes on -----------------------------------------------------------------------------------------------------


async def tells(page: LivePage, found: Callable[[Any], bool]) -> Any:
    """Ask a page's connection what goes on, and return the first of what is told in which something is found."""
    await page.socket.send_json(["hood", True])
    async with asyncio.timeout(30):
        while True:
            verb, *rest = json.loads(await page.socket.receive())
            if verb == "hood" and (rest[0] is None or found(rest[0])):
                return rest[0]


async def test_an_open_page_is_told_what_its_regions_read_who_watches_and_why() -> None:
    text = HEAD + (
        "{% live %}<ul>{% for n in notes %}<li>{{ n.text }}</li>{% endfor %}</ul>{% endlive %}\n"
        "{% live %}{{ request.cookies.name }}{{ notes | length }}{% endlive %}"
    )
    app = make_app(text, hood=True)

    @app.get("/{topic:int}")
    async def page(request: Request, topic: int) -> Response:
        return render(request, "page.html", notes=Note.objects.filter(topic_id=topic))

    async with Client(app) as client:
        topics = [await Topic.objects.create(name=name) for name in "AB"]
        mine, theirs = {"cookie": "name=mine"}, {"cookie": "name=theirs"}
        async with client.live("/1", headers=mine) as one, client.live("/1", headers=theirs) as two:
            await note("elsewhere", topic=topics[1])
            written = await note("here", topic=topics[0])
            await one.shows("here")
            await two.shows("here")
            happened = await tells(one, lambda each: all(r["story"] for r in each["regions"]))
            shared, personal = sorted(happened["regions"], key=lambda each: each["label"])

    assert (shared["label"], personal["label"]) == ("page.html:1", "page.html:2")
    assert (shared["personal"], personal["personal"]) == ("", "cookies")
    assert (shared["pages"], personal["pages"]) == (2, 2)
    assert {"table": "livepages_note", "rows": ["topic_id = 1"]} in shared["reads"]
    assert shared["story"][0]["writes"] == [f"insert into livepages_note {written.pk}, where topic_id = 1"]
    assert "theirs" not in json.dumps(happened)
    assert happened["process"]["connections"] == 2
    assert happened["process"]["broker"]["kind"] == "memory"


async def test_who_may_not_see_is_told_nothing_over_a_connection() -> None:
    app = notes_app(hood=True)
    async with Client(app, client=("192.0.2.7", 4)) as client, client.live("/") as page:
        assert await tells(page, lambda _: True) is None


async def test_a_page_is_told_of_the_rooms_it_is_in() -> None:
    app = notes_app(hood=True)

    @app.channel("room/{name}")
    async def room(channel: Channel, name: str) -> None:
        async for _ in channel:
            pass

    async with Client(app) as client, client.live("/") as page:
        await page.socket.send_json(["join", "room/one", {}])
        happened = await tells(page, lambda each: each["rooms"])
        assert happened["rooms"] == [{"path": "room/one", "members": 1, "present": 0}]
        assert happened["process"]["members"] == 1


async def test_the_hood_has_a_page_of_its_own_for_the_whole_process() -> None:
    text = LIST + "{% live %}{{ request.cookies.name }}{{ notes | length }}{% endlive %}"
    app = notes_app(text, hood=True)
    async with Client(app) as client:
        async with client.live("/", headers={"cookie": "name=mine"}):
            response = await client.get("/_vivace/hood")
        told_of = record(response.text)
        assert (
            (await client.get("/_vivace/hood/panel.js")).headers["content-type"].startswith("text/javascript")
        )
        assert (await client.get("/_vivace/hood/serving.py")).status == 404
        assert (await client.get("/_vivace/hood/%2e%2e%2fdeploy.py")).status == 404
    shared, personal = told_of["regions"]
    assert (shared["pages"], shared["reads"]) == (1, [{"table": "livepages_note", "rows": []}])
    assert (personal["personal"], personal["pages"], personal["reads"], personal["story"]) == (
        "cookies",
        1,
        [],
        [],
    )
    assert told_of["about"] is None


def change(table: str, key: Any, **values: Any) -> Change:
    return Change(table=table, operation="update", key=(key,), old=values, new=values)


def test_of_a_commit_only_what_the_region_asked_for_is_told() -> None:
    reads = ReadSet(
        {
            "post": conditions([("author_id", [3]), ("token", ["abcdef-token"])]),
            "auth_session": None,
            "tag": None,
        }
    )
    write = WriteSet(
        changes=(
            change("post", 7, author_id=3, email="somebody@example.com", token="abcdef-token"),
            change("post", 8, author_id=4, token="other"),
            change("auth_session", "s3cr3t-key"),
            change("tag", "a-name"),
            change("elsewhere", 1),
        ),
        tables=frozenset({"tag", "elsewhere"}),
    )
    lines = list(told(write, reads))
    assert lines == [
        "rows of tag",
        "update of post 7, where author_id = 3",
        "update of auth_session",
        "update of tag",
    ]
    assert list(told(WriteSet(everything=True), reads)) == ["SQL that does not say what it writes"]
    many = WriteSet(changes=tuple(change("tag", number) for number in range(9)))
    assert list(told(many, reads))[-1] == "and 5 rows"


async def test_stories_of_pages_that_nobody_shows_any_more_are_forgotten() -> None:
    app = make_app(hood=True)

    @app.get("/{number:int}")
    async def page(request: Request, number: int) -> Response:
        return render(request, "page.html", notes=Note.objects.all())

    async with Client(app) as client:
        stories = Stories(app.live)
        for number in range(2 * FEW_STORIES):
            async with client.live(f"/{number}"):
                stories.changed(WriteSet(tables=frozenset({"livepages_note"})))
        assert 0 < len(stories) <= FEW_STORIES
        async with client.live("/1"):
            for _ in range(2 * MAX_LINES):
                stories.changed(WriteSet(tables=frozenset({"livepages_note"})))
            (root,) = next(iter(app.live.pages.values())).shared.roots.values()
            assert len(stories.of(root)) == MAX_LINES


async def test_regions_are_called_by_template_and_line() -> None:
    app = notes_app(
        HEAD
        + "{# {% live %} #}{% raw %}{% live %}{% endraw %}\n{% live %}\n{% live key=1 %}a{% endlive %}{% endlive %}\n"
        "{%- live -%}b{% endlive %}"
    )
    async with Client(app) as client:
        ids = re.findall(r"<!--live:([\w.~-]+):", (await client.get("/")).text)
        labels = Labels(app)
    assert [labels.of(each) for each in ids] == ["page.html:2", "page.html:2", "page.html:4"]
    assert labels.of("v0_1") == ""
    assert labels.of("") == labels.of("vunknown_1") == ""
