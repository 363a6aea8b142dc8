"""Requests and answers through a whole app: bodies, negotiation, cookies, validation, conditions, models, versions."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest

from vivace.app import App, Body, Cookie, Depends, Header, Query
from vivace.config.secret import Secret
from vivace.config.settings import Settings
from vivace.errors import WrongResult
from vivace.http.conditional import etag, not_modified, precondition, validated
from vivace.http.request import Request
from vivace.http.response import JSON, Response, Text
from vivace.routing import Router
from vivace.routing.constraints import version
from vivace.testing import Client

KEY = Settings(secret_key=Secret("k3Vb-9xQ2mZr8LwPq7TdYs5HnCf1GjAe"))


async def test_rt1_a_blocking_handler_delays_no_other() -> None:
    app, gate = App(), threading.Event()
    started = asyncio.Event()
    loop = asyncio.get_running_loop()

    @app.get("/blocking")
    def blocking() -> str:
        loop.call_soon_threadsafe(started.set)
        gate.wait()
        return "blocked"

    @app.get("/quick")
    async def quick() -> str:
        return "quick"

    async with Client(app) as client:
        waiting = asyncio.create_task(client.get("/blocking"))
        await started.wait()
        assert [(await client.get("/quick")).text for _ in range(50)] == ["quick"] * 50
        assert not waiting.done()  # fifty answers while it sleeps
        gate.set()
        assert (await waiting).text == "blocked"


async def test_rq1_the_raw_body_stays_for_signatures() -> None:
    app = App()

    @app.post("/hook")
    async def hook(body: dict[str, int], request: Request) -> list[Any]:
        raw = await request.body()
        return [body, raw.decode(), request.method, request.path, request.query_string, request.scheme]

    async with Client(app) as client:
        answer = await client.post(
            "/hook?a=1", content=b'{"n":  1}', headers={"content-type": "application/json"}
        )
    assert answer.json() == [{"n": 1}, '{"n":  1}', "POST", "/hook", "a=1", "http"]


class Filter(msgspec.Struct):
    tag: list[str] = []
    page: int = 1


async def test_rq2_repeated_names_and_a_query_model() -> None:
    app = App()

    @app.get("/raw")
    async def raw(request: Request) -> list[str]:
        return request.query.getlist("tag")

    @app.get("/model")
    async def model(filter: Annotated[Filter, Query()]) -> Filter:
        return filter

    async with Client(app) as client:
        assert (await client.get("/raw?tag=a&tag=b&tag=")).json() == ["a", "b", ""]
        assert (await client.get("/model?tag=a&tag=b&page=3")).json() == {"tag": ["a", "b"], "page": 3}


async def test_rq3_parsers_by_media_type() -> None:
    async def rows(request: Request) -> list[list[str]]:
        return [line.split(",") for line in (await request.text()).splitlines()]

    app = App(parsers={"text/csv": rows})

    @app.post("/data")
    async def data(request: Request) -> Any:
        return await request.data()

    async with Client(app) as client:
        for kind, body, expected in (
            ("text/csv", b"a,b\nc,d", [["a", "b"], ["c", "d"]]),
            ("application/json", b"[1]", [1]),
            ("text/plain", b"x", None),
        ):
            answer = await client.post("/data", content=body, headers={"content-type": kind})
            assert (answer.json() if expected else answer.text) == (expected or "x")
        assert (await client.post("/data", content=b"x", headers={"content-type": "image/png"})).status == 415


async def test_rq6_negotiation_varies_and_refuses() -> None:
    app = App()

    @app.get("/")
    async def home(request: Request) -> Response:
        kind = request.require_type(["text/html", "application/json"])
        language = request.preferred_language(["en", "de"]) or "en"
        answer: Response = (
            JSON({"l": language}) if kind == "application/json" else Text(language, content_type=kind)
        )
        answer.headers.vary("Accept", "Accept-Language")
        return answer

    async with Client(app) as client:
        answer = await client.get(
            "/", headers={"accept": "text/html;q=0.5,application/json", "accept-language": "de"}
        )
        assert (answer.json(), answer.headers["vary"]) == ({"l": "de"}, "Accept, Accept-Language")
        refused = await client.get("/", headers={"accept": "image/png"})
        assert refused.status == 406
        assert refused.headers["vary"].lower() == "accept"


async def test_rq7_cookies_plain_and_signed_through_the_app() -> None:
    app = App(settings=KEY)

    @app.get("/set")
    async def put(request: Request) -> Response:
        answer = Text("set")
        answer.set_cookie("plain", "grüße; a=b")
        answer.set_signed_cookie(request, "__Host-signed", "ada")
        return answer

    @app.get("/get")
    async def get(request: Request) -> list[str | None]:
        return [request.cookies.get("plain"), request.signed_cookie("__Host-signed")]

    async with Client(app, base_url="https://localhost") as client:
        answer = await client.get("/set")
        assert all("Secure" in line and "HttpOnly" in line for line in answer.headers.getlist("set-cookie"))
        assert (await client.get("/get")).json() == ["grüße; a=b", "ada"]
        forged = {"cookie": "__Host-signed=eve.x.y"}
        assert (await client.get("/get", headers=forged)).json() == [None, None]


class Line(msgspec.Struct):
    sku: str
    count: Annotated[int, msgspec.Meta(ge=1)]


async def test_rq8_all_problems_of_all_places_at_once() -> None:
    app = App()

    @app.post("/order/{id}")
    async def order(
        id: int,
        page: int,
        agent: Annotated[int, Header("x-agent")],
        theme: Annotated[int, Cookie("theme")],
        lines: Annotated[list[Line], Body()],
    ) -> str:
        return "ordered"

    async with Client(app) as client:
        answer = await client.post(
            "/order/7?page=x",
            json=[{"sku": 5, "count": 0}, {"sku": "a"}],
            headers={"x-agent": "me", "cookie": "theme=dark"},
        )
    assert answer.status == 422
    assert answer.problem is not None
    found = {(error["in"], error["pointer"]) for error in answer.problem["errors"]}
    assert found == {
        ("query", "/page"),
        ("header", "/x-agent"),
        ("cookie", "/theme"),
        ("body", "/0/sku"),
        ("body", "/0/count"),
        ("body", "/1/count"),
    }


@dataclass
class Point:
    x: int


async def test_rs1_what_is_returned_has_the_right_type(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("<p>")

    class Markup(str):
        def __html__(self) -> str:
            return str(self)

    async def chunks() -> AsyncIterator[str]:
        yield "a"

    def plain() -> Iterator[bytes]:
        yield b"a"

    results: dict[str, tuple[Any, int, str | None]] = {
        "text": ("<b>", 200, "text/plain; charset=utf-8"),
        "markup": (Markup("<b>"), 200, "text/html; charset=utf-8"),
        "bytes": (b"x", 200, "application/octet-stream"),
        "none": (None, 204, None),
        "dict": ({"a": 1}, 200, "application/json"),
        "list": ([1], 200, "application/json"),
        "data": (Point(1), 200, "application/json"),
        "struct": (Line("a", 1), 200, "application/json"),
        "number": (1.5, 200, "application/json"),
        "file": (page, 200, "text/html; charset=utf-8"),
        "async": (chunks(), 200, "text/plain; charset=utf-8"),
        "iterator": (plain(), 200, "application/octet-stream"),
        "response": (Text("x", 299), 299, "text/plain; charset=utf-8"),
    }
    app = App()

    @app.get("/{name}")
    async def result(name: str) -> Any:
        return results[name][0]

    async with Client(app) as client:
        for name, (_, status, kind) in results.items():
            answer = await client.get(f"/{name}")
            assert (answer.status, answer.headers.get("content-type")) == (status, kind), name
        results["tuple"] = (("x", 400), 0, None)
        with pytest.raises(WrongResult, match="tuple"):
            await client.get("/tuple")


async def test_rs6_conditions_from_one_function_for_reading_and_writing() -> None:
    app, book = App(), {"title": "Emma"}

    def tag() -> str:
        return etag(book["title"])

    @app.get("/book")
    async def read(request: Request) -> Response:
        if unchanged := not_modified(request, etag=tag()):
            return unchanged
        return validated(JSON(book), tag(), None)

    @app.put("/book")
    @app.patch("/book")
    async def write(request: Request) -> dict[str, str]:
        precondition(request, etag=tag())
        book.update(await request.json())
        return book

    @app.delete("/book")
    async def delete(request: Request) -> None:
        precondition(request, etag=tag())

    async with Client(app) as client:
        first = await client.get("/book")
        old = first.headers["etag"]
        unchanged = await client.get("/book", headers={"if-none-match": old})
        assert (unchanged.status, unchanged.body, unchanged.headers["etag"]) == (304, b"", old)
        assert (await client.head("/book", headers={"if-none-match": old})).status == 304
        for method in ("PUT", "PATCH"):
            mine = {"if-match": (await client.get("/book")).headers["etag"]}
            assert (await client.request(method, "/book", json={"title": method}, headers=mine)).status == 200
            late = await client.request(method, "/book", json={"title": "late"}, headers=mine)
            assert (late.status, late.headers["etag"]) == (412, tag())
        assert (await client.delete("/book", headers={"if-match": old})).status == 412
        assert (await client.delete("/book", headers={"if-match": "*"})).status == 204
        assert book == {"title": "PATCH"}


class Public(msgspec.Struct):
    name: str


@dataclass
class User:
    name: str
    password: str = "hidden"


async def test_rs9_a_response_model_strips_what_it_does_not_declare() -> None:
    app = App()

    @app.get("/one")
    async def one() -> Public:
        return User("ada")  # type: ignore[return-value]  # pyright: ignore[reportReturnType]

    @app.get("/many")
    async def many() -> list[Public]:
        return [User("ada"), {"name": "bob", "password": "x"}]  # type: ignore[list-item]  # pyright: ignore[reportReturnType]

    @app.get("/wrong")
    async def wrong() -> Public:
        return {"nom": "ada"}  # type: ignore[return-value]  # pyright: ignore[reportReturnType]

    async with Client(app) as client:
        assert (await client.get("/one")).json() == {"name": "ada"}
        assert (await client.get("/many")).json() == [{"name": "ada"}, {"name": "bob"}]
        with pytest.raises(WrongResult, match="Public, as the handler declares"):
            await client.get("/wrong")


class Session:
    def __init__(self, log: list[str]) -> None:
        self.log = log


def doubled(session: Session) -> list[Session]:
    return [session]


async def test_mw6_one_per_request_closed_after_it_and_overridden_in_tests() -> None:
    app, log = App(), list[str]()

    @app.provide()
    async def session() -> AsyncIterator[Session]:
        log.append("open")
        try:
            yield Session(log)
        except LookupError:
            log.append("rolled back")
            raise
        finally:
            log.append("close")

    @app.get("/")
    async def home(session: Session, again: Annotated[list[Session], Depends(doubled)]) -> str:
        log.append("handler")
        return str(session is again[0])

    @app.get("/fail")
    async def fail(session: Session) -> str:
        raise LookupError

    @app.get("/stream")
    async def stream(session: Session) -> AsyncIterator[str]:
        yield str(len(session.log))
        log.append("streamed")

    async with Client(app, raise_errors=False) as client:
        assert (await client.get("/")).text == "True"
        assert log == ["open", "handler", "close"]
        log.clear()
        await client.get("/fail")
        assert log == ["open", "rolled back", "close"]
        log.clear()
        await client.get("/stream")
        assert log == ["open", "streamed", "close"]
        log.clear()
        with app.providers.override(Session, lambda: Session(["fake"])):
            assert (await client.get("/")).text == "True"
            assert log == ["handler"]
        log.clear()
        await client.get("/")
        assert log == ["open", "handler", "close"]


async def test_ro5_answers_by_version_say_so_to_caches() -> None:
    app = App()
    router = Router("/api")

    @router.get("/thing", where=version("2.1.0"))
    async def second() -> str:
        return "second"

    @router.get("/thing")
    async def first() -> str:
        return "first"

    @router.get("/other")
    async def other() -> str:
        return "other"

    app.include(router)
    async with Client(app) as client:
        for wanted, text in (("2.x", "second"), ("2.1.0", "second"), (None, "first"), ("3", "first")):
            answer = await client.get("/api/thing", headers={"accept-version": wanted} if wanted else {})
            assert (answer.text, answer.headers["vary"]) == (text, "Accept-Version")
        assert "vary" not in (await client.get("/api/other")).headers


async def test_ro11_options_of_a_route_hold_for_it_alone() -> None:
    app = App()

    @app.post("/small", body_limit=3)
    async def small(request: Request) -> int:
        return len(await request.body())

    @app.post("/usual", status=201)
    async def usual(request: Request) -> int:
        return len(await request.body())

    async with Client(app) as client:
        assert (await client.post("/small", content=b"abcd")).status == 413
        assert (await client.post("/usual", content=b"abcd")).status == 201
    assert [(row.method, row.path) for row in app.describe()] == [("POST", "/small"), ("POST", "/usual")]
