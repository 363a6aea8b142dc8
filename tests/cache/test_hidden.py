"""What was read before, out of sight of what is kept now: it counts all the same (CA4, CA6)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cache.shelf import Novel, shelf_app
from vivace import App, Request, cache_page, cached, memo, render
from vivace.app import current_request
from vivace.testing import Client

PAGES = {
    "called.html": "{% cache %}{{ who() }}{% endcache %}",
    "named.html": "{% cache %}{{ request.path }}{{ request.state.team }}{% endcache %}",
}


@pytest.fixture
def app(tmp_path: Path) -> App:
    made = shelf_app(f"sqlite:///{tmp_path}/test.sqlite3", PAGES)
    made.messaging.alone = True
    return made


@memo
async def team() -> str:
    """Return who asks, for the length of the request."""
    request: Any = current_request()
    return request.headers.get("x-team") or "nobody"


async def test_ca6_a_memo_of_one_person_is_not_kept_for_others(app: App) -> None:
    @cached
    async def report() -> str:
        return await team()

    @app.get("/function")
    async def function(request: Request) -> str:
        await team()
        return await report()

    @app.get("/fragment")
    async def fragment(request: Request) -> Any:
        await team()
        return render(request, "called.html", who=team)

    @app.before
    async def know_team(request: Request) -> None:
        await team()

    @app.get("/page")
    @cache_page()
    async def page(request: Request) -> str:
        return await team()

    async with Client(app, isolate=False) as client:
        for path in ("/function", "/fragment", "/page"):
            for _ in range(2):
                for name in ("a", "b"):
                    assert (await client.get(path, headers={"x-team": name})).text == name


async def test_ca6_what_a_memo_read_counts_as_read_by_what_is_kept(app: App) -> None:
    @memo
    async def count() -> int:
        return await Novel.objects.count()

    @cached
    async def report() -> int:
        return await count()

    @app.get("/")
    async def view(request: Request) -> str:
        return f"{await count()} {await report()}"

    async with Client(app, isolate=False) as client:
        for number in range(3):
            await client.get("/")
            assert (await client.get("/")).text == f"{number} {number}"
            await Novel.objects.create(title="another")


@pytest.mark.parametrize("what", ["path", "host", "query", "state"])
async def test_ca3_a_function_that_looks_at_the_address_is_not_kept(app: App, what: str) -> None:
    def asked() -> str:
        request: Any = current_request()
        answers = {
            "path": lambda: request.path,
            "host": lambda: request.headers["host"],
            "query": lambda: request.query.get("q"),
            "state": lambda: request.state["tenant"],
        }
        return str(answers[what]())

    @app.before
    async def find_tenant(request: Request) -> None:
        request.state["tenant"] = request.cookies.get("tenant")

    kept = cached(asked)

    @app.get("/function/{name}")
    async def function(request: Request, name: str) -> str:
        return kept()

    @app.get("/fragment/{name}")
    async def fragment(request: Request, name: str) -> Any:
        return render(request, "called.html", who=asked)

    async with Client(app, isolate=False) as client:
        for way in ("function", "fragment"):
            for _ in range(2):
                for name in ("localhost", "127.0.0.1"):
                    headers = {"host": name, "cookie": f"tenant={name}"}
                    answer = await client.get(f"/{way}/{name}?q={name}", headers=headers)
                    assert answer.text == (f"/{way}/{name}" if what == "path" else name)


async def test_ca3_a_fragment_that_names_the_request_is_kept_by_address(app: App) -> None:
    @app.before
    async def find_team(request: Request) -> None:
        request.state["team"] = request.cookies.get("team")

    @app.get("/{name}")
    async def view(request: Request, name: str) -> Any:
        return render(request, "named.html")

    async with Client(app, isolate=False) as client:
        for _ in range(3):
            for name in ("a", "b"):
                assert (
                    await client.get(f"/{name}", headers={"cookie": f"team={name}"})
                ).text == f"/{name}{name}"
        (site,) = (each for each in app.dependents.report().sites if each.name.startswith("named.html"))
        assert (site.hits, site.refused) == (4, {})


async def test_ca3_head_that_is_answered_in_its_own_way_is_not_taken_for_get(app: App) -> None:
    @app.route("/", methods=["GET", "HEAD"])
    @cache_page()
    async def view(request: Request) -> str:
        return "" if request.method == "HEAD" else "text"

    async with Client(app, isolate=False) as client:
        await client.head("/")
        assert (await client.get("/")).text == "text"
        assert (await client.head("/")).headers["content-length"] == "0"
