"""``cache_page``: whole answers, kept for whoever may have them (CA3, CA4)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Annotated, Any

import pytest

from tests.auth.site import EMAIL, enter, site, started
from tests.cache.shelf import Novel, filled, shelf_app
from tests.cache.shelf import site as fares
from tests.db.backends import DIALECTS, url_of
from vivace import HTML, App, Header, Redirect, Request, Response, Stream, cache_page, render
from vivace.auth import AbstractUser, login_required
from vivace.db import atomic, query_log
from vivace.errors import AppInvalid, CacheValueError, NotFound
from vivace.http.caching import cache_control, vary_on
from vivace.testing import Client

PAGES = {
    "list.html": "{% for novel in novels %}<i>{{ novel.title }}</i>{% endfor %}",
    "form.html": "<form>{% csrf_token %}</form>",
    "nonce.html": "<script nonce='{{ csp_nonce }}'></script>",
}


@pytest.fixture(params=DIALECTS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return url_of(request.param, tmp_path, request)


@pytest.fixture
def app(tmp_path: Path) -> App:
    made = shelf_app(f"sqlite:///{tmp_path}/test.sqlite3", PAGES)
    made.messaging.alone = True
    return made


def listing(app: App, **options: Any) -> None:
    @app.get("/", name="list", **options)
    @cache_page()
    async def novels(request: Request) -> Any:
        return render(request, "list.html", novels=Novel.objects.all())


async def test_ca4_a_page_is_kept_until_a_commit_changes_what_it_read(url: str) -> None:
    app = shelf_app(url, PAGES)
    app.messaging.alone = True
    listing(app)
    async with Client(app, isolate=False) as client:
        _, novels = await filled(2)
        with query_log() as log:
            texts = {(await client.get("/")).text for _ in range(3)}
        assert texts == {"<i>Novel 1</i><i>Novel 2</i>"}
        assert len(log) == 1
        await Novel.objects.filter(pk=novels[0].pk).update(title="I")
        assert (await client.get("/")).text == "<i>I</i><i>Novel 2</i>"
        report = fares(app, "list")
        assert (report.hits, report.misses) == (2, 2)


async def test_ca3_the_browser_keeps_it_and_asks(app: App) -> None:
    listing(app)
    async with Client(app, isolate=False) as client:
        await filled(1)
        first = await client.get("/")
        assert first.headers["cache-control"] == "no-cache"
        again = await client.get("/", headers={"if-none-match": first.headers["etag"]})
        assert (again.status, again.body) == (304, b"")
        head = await client.head("/")
        assert head.headers["etag"] == first.headers["etag"]
        await Novel.objects.update(title="II")
        assert (await client.get("/", headers={"if-none-match": first.headers["etag"]})).status == 200


async def test_ca4_an_address_is_a_page(app: App) -> None:
    @app.get("/{name}")
    @cache_page()
    async def hello(request: Request, name: str) -> str:
        return f"{name} {request.query.get('q')} {request.headers['host']}"

    async with Client(app, isolate=False) as client:
        for _ in range(2):
            assert (await client.get("/a")).text == "a None localhost"
            assert (await client.get("/b?q=1")).text == "b 1 localhost"
            assert (await client.get("/b?q=2")).text == "b 2 localhost"
            assert (await client.get("/a", headers={"host": "127.0.0.1"})).text == "a None 127.0.0.1"
        assert len(app.dependents) == 4


async def test_ca3_vary_is_learned_from_what_was_read(app: App) -> None:
    @app.get("/")
    @cache_page()
    async def hello(request: Request) -> str:
        return request.preferred_language(["en", "de"]) or "?"

    async with Client(app, isolate=False) as client:
        for _ in range(3):
            for language in ("en", "de"):
                answer = await client.get("/", headers={"accept-language": language})
                assert answer.text == language
        last = await client.get("/", headers={"accept-language": "en"})
        assert "accept-language" in last.headers["vary"].lower()
        assert len(app.dependents) == 2


async def test_ca3_vary_is_learned_from_what_the_view_says(app: App) -> None:
    @app.get("/")
    @cache_page()
    async def hello(request: Request) -> Response:
        answer = HTML("x")
        vary_on(answer, "X-Variant")
        return answer

    async with Client(app, isolate=False) as client:
        for _ in range(2):
            for variant in ("a", "b"):
                await client.get("/", headers={"x-variant": variant})
        assert len(app.dependents) == 2


def cookie_page(request: Request) -> Response:
    return HTML(request.cookies.get("name", ""))


def signed(request: Request) -> Response:
    return HTML(str(request.signed_cookie("name")))


def address(request: Request) -> Response:
    return HTML(str(request.client))


def authorization(request: Request) -> Response:
    return HTML(request.headers.get("authorization") or "")


def every_header(request: Request) -> Response:
    return HTML(str(dict(request.headers.items())))


def sets_a_cookie(request: Request) -> Response:
    answer = HTML("x")
    answer.set_cookie("a", "b")
    return answer


def called_private(request: Request) -> Response:
    answer = HTML("x")
    cache_control(answer, private=True)
    return answer


def called_no_store(request: Request) -> Response:
    answer = HTML("x")
    cache_control(answer, no_store=True)
    return answer


def varies_by_cookie(request: Request) -> Response:
    answer = HTML("x")
    vary_on(answer, "Cookie")
    return answer


def not_found(request: Request) -> Response:
    raise NotFound("no")


def moved(request: Request) -> Response:
    return Redirect("/elsewhere/")


def created(request: Request) -> Response:
    return HTML("x", status=201)


def with_token(request: Request) -> Response:
    return render(request, "form.html")


def with_nonce(request: Request) -> Response:
    return render(request, "nonce.html")


def streamed(request: Request) -> Response:
    return render(request, "list.html", novels=[], stream=True)


def with_hook(request: Request) -> Response:
    request.on_response(lambda request, response: response.headers.set("x-a", "b"))
    return HTML("x")


def in_pieces(request: Request) -> Response:
    async def pieces() -> AsyncGenerator[bytes]:
        yield b"x"

    return Stream(pieces())


@pytest.mark.parametrize(
    "make",
    [
        cookie_page,
        signed,
        address,
        authorization,
        every_header,
        sets_a_cookie,
        called_private,
        called_no_store,
        varies_by_cookie,
        not_found,
        moved,
        created,
        with_token,
        with_nonce,
        streamed,
        with_hook,
        in_pieces,
    ],
)
async def test_ca3_what_belongs_to_one_answer_is_not_kept(
    app: App, make: Callable[[Request], Response]
) -> None:
    made: list[Any] = []

    @app.get("/")
    @cache_page()
    async def view(request: Request) -> Response:
        made.append(request)
        return make(request)

    async with Client(app, isolate=False) as client:
        answers = [await client.get("/", headers={"cookie": f"name={n}"}) for n in range(2)]
        assert {answer.status for answer in answers} <= {200, 201, 302, 303, 404}
        assert len(made) == 2
        assert len(app.dependents) == 0
        await asyncio.gather(*(client.get("/") for _ in range(3)))
        assert len(made) == 5


async def test_ca3_parameters_that_are_personal_are_noticed(app: App) -> None:
    @app.get("/")
    @cache_page()
    async def view(agent: Annotated[str, Header("user-agent")]) -> str:
        return agent

    async with Client(app, isolate=False) as client:
        for _ in range(2):
            for agent in ("a", "b"):
                assert (await client.get("/", headers={"user-agent": agent})).text == agent


async def test_ca3_what_a_hook_found_out_is_in_the_key(app: App) -> None:
    @app.before
    async def tenant(request: Request) -> None:
        request.state["tenant"] = request.cookies.get("tenant")

    @app.get("/")
    @cache_page()
    async def view(request: Request) -> str:
        return str(request.state["tenant"])

    async with Client(app, isolate=False) as client:
        for _ in range(2):
            for name in ("a", "b"):
                assert (await client.get("/", headers={"cookie": f"tenant={name}"})).text == name


async def test_ca3_a_hook_that_adds_a_cookie_adds_it_for_one_reader(app: App) -> None:
    count = [0]

    @app.after
    async def mark(request: Request, response: Response) -> None:
        count[0] += 1
        response.set_cookie("n", str(count[0]))

    listing(app)
    async with Client(app, isolate=False) as client:
        answers = [await client.get("/") for _ in range(3)]
        assert [answer.headers.getlist("set-cookie")[0][:3] for answer in answers] == ["n=1", "n=2", "n=3"]
        assert [len(answer.headers.getlist("set-cookie")) for answer in answers] == [1, 1, 1]
        assert fares(app, "list").hits == 2


async def test_ca3_guards_stand_around_and_no_person_sees_anothers_page(tmp_path: Path) -> None:
    app = site(f"sqlite:///{tmp_path}/test.sqlite3")
    app.messaging.alone = True
    made: list[Any] = []

    @app.get("/inside", guards=[login_required])
    @cache_page()
    async def inside(request: Request) -> str:
        made.append(1)
        return "for all who are signed in"

    @app.get("/mine")
    @cache_page()
    async def mine(user: AbstractUser | None) -> str:
        return user.email if user is not None else "nobody"

    async with started(app) as client:
        await enter(client)
        for _ in range(2):
            assert (await client.get("/inside")).text == "for all who are signed in"
            assert (await client.get("/mine")).text == EMAIL
        assert made == [1]
        client.cookies.clear()
        assert (await client.get("/inside")).status == 401
        assert (await client.get("/mine")).text == "nobody"


async def test_ca4_only_reading_is_kept(app: App) -> None:
    made: list[Any] = []

    @app.route("/", methods=["GET", "POST"])
    @cache_page()
    async def view(request: Request) -> str:
        made.append(request.method)
        return request.method

    async with Client(app, isolate=False) as client:
        for _ in range(2):
            await client.get("/")
            await client.post("/")
        assert made == ["GET", "POST", "POST"]


async def test_ca4_a_view_in_a_transaction_is_kept_and_one_inside_of_one_is_not(app: App) -> None:
    listing(app, atomic=True)
    async with Client(app, isolate=False) as client:
        await filled(1)
        await client.get("/")
        await client.get("/")
        assert fares(app, "list").hits == 1


async def test_ca4_who_came_after_a_commit_does_not_wait_for_what_began_before_it(app: App) -> None:
    read, go = asyncio.Event(), asyncio.Event()

    @app.get("/")
    @cache_page()
    async def view(request: Request) -> str:
        count = await Novel.objects.count()
        read.set()
        await go.wait()
        return str(count)

    async with Client(app, isolate=False) as client:
        early = asyncio.create_task(client.get("/"))
        await read.wait()
        async with atomic():
            await Novel.objects.create(title="new")
        late = asyncio.create_task(client.get("/"))
        for _ in range(5):
            await asyncio.sleep(0)
        go.set()
        assert (await early).text == "0"
        assert (await late).text == "1"
        assert (await client.get("/")).text == "1"


async def test_ca4_a_time_limit(app: App) -> None:
    now = [0.0]
    made: list[int] = []

    @app.get("/")
    @cache_page(60)
    async def view(request: Request) -> str:
        made.append(1)
        return "x"

    async with Client(app, isolate=False) as client:
        app.dependents.clock = lambda: now[0]
        for now[0] in (0.0, 59.0, 60.0, 61.0):
            await client.get("/")
        assert len(made) == 2


def test_ca4_it_stands_outside_of_other_decorators(tmp_path: Path) -> None:
    from functools import wraps

    app = App(root=tmp_path)

    def decorator(function: Any) -> Any:
        @wraps(function)
        async def wrapper(request: Request) -> Any:
            return await function(request)

        return wrapper

    @app.get("/")
    @decorator
    @cache_page()
    async def view(request: Request) -> str:
        return "x"

    with pytest.raises(AppInvalid) as caught:
        app.compile()
    assert "outside of all others" in str(caught.value)


def test_ca4_it_is_called() -> None:
    with pytest.raises(CacheValueError) as caught:

        @cache_page  # type: ignore[arg-type]
        async def view(request: Request) -> str:
            return "x"

    assert "@cache_page()" in str(caught.value)
