"""What protects an app that says nothing about security, and how it is said otherwise."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, Any

import msgspec
import pytest

from vivace.app import App, Cookie, Header
from vivace.config.secret import Secret
from vivace.config.settings import Limits, Settings
from vivace.engine.asgi import WSGIMount
from vivace.errors import BadRequest, InvalidHeader
from vivace.errors.testing import WebSocketRejected
from vivace.http.eventstream import Event, EventStream
from vivace.http.request import Request
from vivace.http.response import Response, Text
from vivace.http.websocket import WebSocket
from vivace.routing import Router
from vivace.security import CORS, Hosts, SameOrigin, Security, SecurityHeaders
from vivace.testing import Client

EVIL = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}


def hello(**options: Any) -> App:
    app = App(settings=options.pop("settings", Settings()), **options)

    @app.get("/")
    async def home() -> str:
        return "hello"

    @app.post("/")
    async def write(request: Request) -> str:
        return "written"

    return app


async def test_sc6_header_snapshot_of_the_default_answer() -> None:
    async with Client(hello()) as client:
        answer = await client.get("/")
    assert dict(answer.headers.items()) == {
        "content-type": "text/plain; charset=utf-8",
        "content-length": "5",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "same-origin",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
    }


async def test_sc6_a_response_overrides_a_header_and_an_app_drops_one() -> None:
    app = hello(security=Security(headers=SecurityHeaders(frame_options=None)))

    @app.get("/framed")
    async def framed() -> Response:
        return Text("x", headers={"referrer-policy": "no-referrer"})

    async with Client(app) as client:
        answer = await client.get("/framed")
    assert "x-frame-options" not in answer.headers
    assert answer.headers.getlist("referrer-policy") == ["no-referrer"]


@pytest.mark.parametrize("middleware", [False, True])
async def test_sc6_hsts_over_https_only(middleware: bool) -> None:
    async def through(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        return await call_next(request)

    security = Security(headers=SecurityHeaders(hsts=600))
    async with Client(hello(security=security, middleware=[through] if middleware else [])) as client:
        for path, status in (("/", 200), ("/none", 404)):
            plain, secure = await client.get(path), await client.get(path, https=True)
            assert plain.status == secure.status == status
            assert "strict-transport-security" not in plain.headers
            assert secure.headers["strict-transport-security"] == "max-age=600; includeSubDomains"


async def test_sc6_hosts_of_the_settings_hold_when_the_app_names_another_policy() -> None:
    settings = Settings(hosts=("example.com",), trusted_origins=("https://friend.example",))
    security = Security(cors=CORS(("https://reader.example",)), origins=SameOrigin(("https://own.example",)))
    async with Client(hello(settings=settings, security=security), base_url="http://example.com") as client:
        assert (await client.get("/")).status == 200
        refused = await client.get("/", headers={"host": "evil.example"})
        assert refused.status == 421
        assert refused.problem is not None
        assert "VIVACE_HOSTS" in refused.problem["detail"]
        for origin, status in (
            ("https://friend.example", 200),
            ("https://own.example", 200),
            ("https://a.example", 403),
        ):
            headers = {"origin": origin, "sec-fetch-site": "cross-site"}
            assert (await client.post("/", headers=headers)).status == status
    own = Security(hosts=Hosts(("other.com",)))
    async with Client(hello(settings=settings, security=own), base_url="http://other.com") as client:
        assert (await client.get("/")).status == 200  # hosts named in the code win


def every_kind(seen: list[str], **options: Any) -> tuple[App, list[tuple[str, str]]]:
    """Return an app with every kind of route, and how each is asked."""
    app = App(settings=Settings(), **options)
    router = Router("/sub")

    @app.get("/get")
    @app.post("/post")
    @app.route("/purge", methods=["PURGE"])
    @router.put("/put")
    async def plain(request: Request) -> str:
        seen.append(request.path)
        return "x"

    @app.post("/sync")
    def blocking(request: Request) -> str:
        seen.append(request.path)
        return "x"

    @app.get("/events")
    async def events(request: Request) -> EventStream:
        seen.append(request.path)

        async def source() -> AsyncIterator[Event]:
            yield Event("x")

        return EventStream(source())

    @app.post("/stream")
    async def stream(request: Request) -> AsyncIterator[str]:
        seen.append(request.path)
        yield "x"

    @app.websocket("/socket")
    async def socket(socket: WebSocket) -> None:
        seen.append(socket.request.path)
        await socket.send("x")

    def wsgi(environ: dict[str, Any], start: Callable[..., Any]) -> list[bytes]:
        seen.append(environ["SCRIPT_NAME"] + environ["PATH_INFO"])
        start("200 OK", [("content-type", "text/plain")])
        return [b"x"]

    async def bare(request: Request, rest: str) -> Response:
        seen.append(request.path)
        return Text("x")

    inner = App()
    inner.post("/post")(plain)
    inner.websocket("/socket")(socket)
    app.include(router)
    app.mount("/wsgi", WSGIMount(wsgi))
    app.mount("/bare", bare)
    app.mount("/app", inner)
    asked = [("GET", "/get"), ("GET", "/events"), ("POST", "/post"), ("PURGE", "/purge"), ("PUT", "/sub/put")]
    asked += [
        ("POST", "/sync"),
        ("POST", "/stream"),
        ("POST", "/wsgi/x"),
        ("DELETE", "/bare/x"),
        ("POST", "/app/post"),
    ]
    return app, [*asked, ("WEBSOCKET", "/socket"), ("WEBSOCKET", "/app/socket")]


async def ask(client: Client, method: str, path: str, headers: dict[str, str]) -> int:
    if method != "WEBSOCKET":
        return (await client.request(method, path, headers=headers)).status
    try:
        async with client.websocket(path, headers=headers) as socket:
            await socket.receive()
            return 101
    except WebSocketRejected as refused:
        status: int = refused.response.status
        return status


async def test_pain9_every_kind_of_route_is_walked() -> None:
    app, asked = every_kind([])
    walked = {row.path for row in app.describe()}
    assert walked == {
        "/get",
        "/post",
        "/purge",
        "/sub/put",
        "/sync",
        "/events",
        "/stream",
        "/socket",
        "/wsgi",
        "/bare",
        "/app",
    }
    covered = {path for _, path in asked}
    assert all(any(path == known or path.startswith(f"{known}/") for path in covered) for known in walked)


async def test_pain9_guards_hold_for_every_kind_of_route() -> None:
    seen: list[str] = []

    async def nobody(request: Request) -> bool:
        return False

    app, asked = every_kind(seen, guards=[nobody])
    async with Client(app) as client:
        statuses = {(method, path): await ask(client, method, path, {}) for method, path in asked}
    assert {place for place, status in statuses.items() if status != 403} == set()
    assert seen == []


async def test_pain9_before_hooks_and_middleware_hold_for_every_kind_of_route() -> None:
    def before(request: Request) -> Response | None:
        return Text("closed", 503) if "x-closed" in request.headers else None

    async def middleware(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        return Text("shut", 503) if "x-shut" in request.headers else await call_next(request)

    seen: list[str] = []
    app, asked = every_kind(seen, before=[before], middleware=[middleware])
    async with Client(app) as client:
        for header in ("x-closed", "x-shut"):
            for method, path in asked:
                assert await ask(client, method, path, {header: "1"}) == 503, (method, path)
        assert seen == []
        for method, path in asked:
            assert await ask(client, method, path, {}) in (200, 101), (method, path)


async def test_sc1_every_kind_of_route_refuses_other_sites() -> None:
    seen: list[str] = []
    app, asked = every_kind(seen)
    async with Client(app) as client:
        for method, path in asked:
            expected = 200 if method == "GET" else 403
            assert await ask(client, method, path, EVIL) == expected, (method, path)
        assert seen == ["/get", "/events"]
        for method, path in asked:
            assert await ask(client, method, path, {"host": "evil.example"}) == 421, (method, path)


async def test_sc8_what_users_write_splits_no_response() -> None:
    app = hello()

    @app.get("/echo")
    async def echo(value: str) -> Response:
        response = Text("x")
        response.headers["x-echo"] = value
        return response

    @app.get("/cookie")
    async def cookie(value: str) -> Response:
        response = Text("x")
        response.set_cookie("a", value)
        return response

    async with Client(app, raise_errors=False) as client:
        for evil in ("a\r\nset-cookie: b=1", "a\nb", "a\rb", "a\0b"):
            answer = await client.get("/echo", query={"value": evil})
            assert answer.status == 500
            assert "x-echo" not in answer.headers
            answer = await client.get("/cookie", query={"value": evil})
            assert all("\r" not in line and "\n" not in line for line in answer.headers.getlist("set-cookie"))
    async with Client(app) as client:
        with pytest.raises(InvalidHeader):
            await client.get("/echo", query={"value": "a\r\nb"})


class Login(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    password: Annotated[Secret[str], msgspec.Meta(description="never shown")]
    pin: int = 0


async def test_sc13_secrets_show_in_no_answer_and_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    key = "k3Vb-9xQ2mZr8LwPq7TdYs5HnCf1GjAe"
    app = App(settings=Settings(secret_key=Secret(key)))

    @app.post("/login")
    async def login(body: Login) -> str:
        raise RuntimeError(f"no database for {body.password} and {app.settings}")

    @app.get("/me")
    async def me(
        session: Annotated[int, Cookie("session")], token: Annotated[int, Header("x-api-token")]
    ) -> str:
        return "me"

    async with Client(app, raise_errors=False) as client:
        shown = [
            (await client.post("/login", json={"name": "a", "password": "hunter2-hunter2"})).text,
            (await client.post("/login", json={"name": 5, "password": 4711471147})).text,
            (await client.post("/login", json={"password": "hunter2-hunter2"})).text,
            (await client.post("/login", json={"name": "a", "password": "b", "pin": "hunter2-hunter2"})).text,
            (
                await client.get(
                    "/me", headers={"cookie": "session=hunter2-hunter2", "x-api-token": "hunter2"}
                )
            ).text,
        ]
    everything = "\n".join([*shown, caplog.text, repr(app.settings), str(app.settings), repr(app)])
    assert "no database for Secret(********)" in everything
    for secret in ("hunter2", "4711471147", key):
        assert secret not in everything


async def test_sc14_limits_of_the_settings_reach_every_body() -> None:
    limits = Limits(body_bytes=200, json_depth=3, form_fields=2)
    app = hello(settings=Settings(limits=limits, body_codings=("gzip",)))

    @app.post("/json")
    async def as_json(request: Request) -> Any:
        return await request.json()

    @app.post("/typed")
    async def typed(body: dict[str, Any]) -> Any:
        return body

    @app.post("/form")
    async def form(request: Request) -> int:
        return len((await request.form()).fields)

    @app.post("/large", body_limit=1000)
    async def large(request: Request) -> int:
        return len(await request.body())

    import gzip

    async with Client(app) as client:
        deep: Any = {"a": {"a": {"a": {"a": 1}}}}
        assert (await client.post("/json", json=deep)).status == 400
        assert (await client.post("/typed", json=deep)).status == 400
        assert (await client.post("/json", json={"a": {"a": 1}})).status == 200
        assert (await client.post("/form", form={"a": "1", "b": "2", "c": "3"})).status == 413
        assert (await client.post("/form", form={"a": "1", "b": "2"})).text == "2"
        assert (await client.post("/json", json="x" * 300)).status == 413
        assert (await client.post("/large", content=b"x" * 300)).text == "300"
        coded = {"content-encoding": "gzip", "content-type": "application/json"}
        assert (await client.post("/json", content=gzip.compress(b"[1]"), headers=coded)).json() == [1]
        bomb = gzip.compress(b"[" + b" " * 100_000 + b"]")
        assert (await client.post("/json", content=bomb, headers=coded)).status == 413
        coded["content-encoding"] = "br"
        assert (await client.post("/json", content=b"x", headers=coded)).status == 415


async def test_sc14_hash_flooding_and_endless_names_are_bounded() -> None:
    app = hello()

    @app.post("/form")
    async def form(request: Request) -> int:
        return len((await request.form()).fields)

    async with Client(app) as client:
        many = "&".join(f"k{number}=1" for number in range(1001)).encode()
        kind = {"content-type": "application/x-www-form-urlencoded"}
        assert (await client.post("/form", content=many, headers=kind)).status == 413


def test_sc15_secrets_are_compared_in_constant_time_and_drawn_from_the_system() -> None:
    import inspect
    import secrets

    from vivace.config import secret
    from vivace.crypto import compare

    assert Secret("a") == "a"
    assert Secret("a") != Secret("b")
    assert "compare_digest" in inspect.getsource(secret)
    assert "compare_digest" in inspect.getsource(compare)
    assert len({secrets.token_hex(8) for _ in range(100)}) == 100


async def test_lo1_request_ids_are_returned_when_sane_and_made_when_not() -> None:
    app = hello()

    @app.get("/id")
    async def given(request: Request) -> str:
        return request.id

    async with Client(app) as client:
        assert (await client.get("/", headers={"x-request-id": "abc-1.2_3"})).headers[
            "x-request-id"
        ] == "abc-1.2_3"
        for evil in ("a b", "a" * 129, "<x>", "-a", "a;b", "ä"):
            answer = await client.get("/id", headers={"x-request-id": evil})
            assert answer.headers["x-request-id"] == answer.text != evil
            assert len(answer.text) == 16
        assert "x-request-id" not in (await client.get("/")).headers


async def test_sc1_refusals_leave_the_handler_alone_and_say_why() -> None:
    async with Client(hello()) as client:
        answer = await client.post("/", headers=EVIL)
    assert answer.problem == {
        "type": "urn:vivace:error:cross-origin-refused",
        "title": "Forbidden",
        "status": 403,
        "detail": "This request was started by another site.",
    }


async def test_sc6_no_host_is_no_way_around() -> None:
    async with Client(hello()) as client:
        assert (await client.get("/", headers={"host": "a b"})).status == 400
    assert BadRequest.status == 400
