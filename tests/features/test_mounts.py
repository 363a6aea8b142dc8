"""Foreign apps inside ours: a Django project by ASGI and by WSGI, a Starlette app, plain WSGI functions."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request as StarletteRequest
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket as StarletteSocket

from vivace.engine.asgi import ASGIMount, WSGIMount
from vivace.errors import ContentTooLarge, HTTPError, InvalidHeader
from vivace.errors.foreign import MountedAppFailed
from vivace.errors.testing import WebSocketRejected
from vivace.http.request import Request
from vivace.http.response import Response
from vivace.http.websocket import WebSocketDisconnect
from vivace.testing import Client

DJANGO = Path(__file__).parent.parent / "engine" / "asgi" / "django_site.py"


class Site:
    """A mount below ``/old``, as an App has it."""

    def __init__(self, mount: ASGIMount | WSGIMount) -> None:
        self.mount = mount
        self.startup = mount.startup
        self.shutdown = mount.shutdown

    async def handle(self, request: Request) -> Response:
        try:
            return await self.mount(request, request.path.removeprefix("/old"))
        except HTTPError as error:
            return Response(error.what, error.status)


@pytest.mark.parametrize("kind", ["asgi", "wsgi"])
def test_rt1_a_django_project_answers(kind: str) -> None:
    done = subprocess.run([sys.executable, DJANGO, kind], capture_output=True, text=True, timeout=50)
    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(done.stdout)
    assert seen["ours"] == "ours"
    assert seen["home"] == {
        "script": "/old",
        "path": "/old/",
        "info": "/",
        "link": "/old/",
        "name": "Åsa",
        "secure": False,
        "host": "localhost",
        "address": "127.0.0.1",
    }
    assert seen["stream"] == "0\n1\n2\n3\n4\n"
    assert (seen["missing"], seen["slash"]) == (404, "/old/form/")
    assert (seen["cookie"], seen["refused"]) == (True, 403)
    assert seen["posted"] == {"title": "Åre", "files": {}}
    assert (seen["file"], seen["chunked"]) == (100_000, "chunked")
    assert seen["many"] == [str(number) for number in range(10)]


log: list[str] = []


async def page(request: StarletteRequest) -> JSONResponse:
    body = await request.body()
    seen = {"url": str(request.url), "root": request.scope["root_path"], "body": body.decode()}
    return JSONResponse({**seen, "state": request.state.name, "link": str(request.url_for("page"))})


async def numbers(request: StarletteRequest) -> StreamingResponse:
    async def pieces() -> AsyncIterator[str]:
        try:
            for number in range(1000):
                log.append(f"made {number}")
                yield f"{number} " * 5000
        finally:
            log.append("numbers ended")

    return StreamingResponse(pieces())


async def later(request: StarletteRequest) -> PlainTextResponse:
    async def work() -> None:
        await asyncio.sleep(0)
        log.append("background done")

    return PlainTextResponse("now", background=BackgroundTask(work))


async def broken(request: StarletteRequest) -> StreamingResponse:
    async def pieces() -> AsyncIterator[str]:
        yield "a"
        raise ZeroDivisionError("late")

    return StreamingResponse(pieces())


async def stuck(request: StarletteRequest) -> PlainTextResponse:
    log.append("stuck began")
    try:
        await asyncio.Event().wait()
    finally:
        log.append("stuck ended")
    return PlainTextResponse("never")


async def talk(socket: StarletteSocket) -> None:
    if socket.query_params.get("no"):
        await socket.close()
        return
    if socket.query_params.get("denied"):
        await socket.send_denial_response(PlainTextResponse("members only", 401))
        return
    await socket.accept("v2", [(b"x-root", socket.scope["root_path"].encode())])
    async for text in socket.iter_text():
        if text == "close":
            await socket.close(4000, "as you wish")
            return
        await socket.send_text(f"got {text}")
    log.append("talk ended")


async def lifespan(app: Starlette) -> AsyncGenerator[dict[str, str], None]:
    log.append("up")
    yield {"name": "star"}
    log.append("down")


def starlette() -> Starlette:
    from contextlib import asynccontextmanager

    log.clear()
    routes = [
        Route("/page/{id}", page, methods=["GET", "POST"]),
        Route("/page", page, name="page", methods=["GET", "POST"]),
        Route("/numbers", numbers),
        Route("/later", later),
        Route("/broken", broken),
        Route("/stuck", stuck),
        WebSocketRoute("/talk", talk),
        Mount("/inner", routes=[Route("/deep", page)]),
    ]
    return Starlette(routes=routes, lifespan=asynccontextmanager(lifespan))


async def test_rt1_a_starlette_app_answers() -> None:
    async with Client(Site(ASGIMount(starlette()))) as client:
        assert log == ["up"]
        seen = (await client.post("/old/page/1?q=%C3%B6", content="hello")).json()
        assert seen["url"] == "http://localhost/old/page/1?q=%C3%B6"
        assert (seen["root"], seen["body"], seen["state"]) == ("/old", "hello", "star")
        assert seen["link"] == "http://localhost/old/page"
        assert (await client.get("/old/inner/deep")).json()["root"] == "/old/inner"
        head = await client.head("/old/page")
        assert (head.body, int(head.headers["content-length"]) > 10) == (b"", True)
        assert (await client.get("/old/none")).status == 404
    assert log == ["up", "down"]


async def test_rt1_a_mounted_stream_waits_for_the_client_and_ends_with_it() -> None:
    async with Client(Site(ASGIMount(starlette()))) as client:
        async with client.stream("GET", "/old/numbers") as response:
            async for chunk in response.chunks():
                assert chunk.startswith(b"0 ")
                break
            for _ in range(50):
                await asyncio.sleep(0)
            assert len(log) < 20
        made = len(log)
        for _ in range(50):
            await asyncio.sleep(0)
        assert len(log) <= made + 1  # its own end may come with the garbage collector


async def test_rt1_a_mounted_app_finishes_its_background_work() -> None:
    async with Client(Site(ASGIMount(starlette()))) as client:
        assert (await client.get("/old/later")).text == "now"
    assert log == ["up", "background done", "down"]


async def test_rt5_a_mounted_handler_is_cancelled_with_the_request() -> None:
    async with Client(Site(ASGIMount(starlette()))) as client:
        waiting = asyncio.create_task(client.get("/old/stuck"))
        while "stuck began" not in log:
            await asyncio.sleep(0)
        waiting.cancel()
    assert log == ["up", "stuck began", "stuck ended", "down"]


async def test_rt1_errors_of_a_mounted_app_are_ours() -> None:
    async def silent(scope: Any, receive: Any, send: Any) -> None:
        await receive()

    async def eager(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.body", "body": b"x"})

    async def failing(scope: Any, receive: Any, send: Any) -> None:
        assert (await receive())["type"] == "lifespan.startup"
        await send({"type": "lifespan.startup.failed", "message": "no disk"})

    async with Client(Site(ASGIMount(starlette()))) as client:
        with pytest.raises(ZeroDivisionError, match="late"):
            await client.get("/old/broken")
    with pytest.raises(MountedAppFailed, match="without an answer"):
        await Client(Site(ASGIMount(silent))).get("/old/")
    with pytest.raises(MountedAppFailed, match="before its head"):
        await Client(Site(ASGIMount(eager))).get("/old/")
    with pytest.raises(MountedAppFailed, match="no disk"):
        await ASGIMount(failing).startup()


async def test_rt1_body_limit_holds_for_a_mounted_asgi_app() -> None:
    async def reader(scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"fine"})

    client = Client(Site(ASGIMount(reader)))
    assert (await client.post("/old/", content=b"x" * 1000)).text == "fine"
    assert (await client.post("/old/", content=b"x" * 3_000_000)).status == ContentTooLarge.status


async def test_rl1_websocket_of_a_mounted_app() -> None:
    async with Client(Site(ASGIMount(starlette()))) as client:
        async with client.websocket("/old/talk", subprotocols=["v1", "v2"]) as socket:
            assert (socket.subprotocol, socket.headers["x-root"]) == ("v2", "/old")
            await socket.send("hello")
            assert await socket.receive() == "got hello"
        assert log[-1] == "talk ended"
        async with client.websocket("/old/talk", subprotocols=["v2"]) as socket:
            await socket.send("close")
            with pytest.raises(WebSocketDisconnect) as end:
                await socket.receive()
            assert (end.value.close_code, end.value.reason) == (4000, "as you wish")
        for query, status, text in (({"no": 1}, 403, "Forbidden"), ({"denied": 1}, 401, "members only")):
            with pytest.raises(WebSocketRejected) as refused:
                await client.websocket("/old/talk", query=query).__aenter__()
            assert (refused.value.response.status, refused.value.response.text) == (status, text)


# WSGI, by the letter of PEP 3333

Start = Callable[..., Callable[[bytes], None]]


class Body:
    """An iterable that tells when it was closed."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self.pieces = pieces
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.pieces)

    def close(self) -> None:
        self.closed += 1


async def ask(app: Any, *arguments: Any, **options: Any) -> Any:
    async with Client(Site(WSGIMount(app, threads=2))) as client:
        return await client.request(*(arguments or ("GET", "/old/x")), **options)


async def test_rt1_wsgi_environment() -> None:
    def app(environ: dict[str, Any], start: Start) -> list[bytes]:
        start("200 OK", [("content-type", "application/json")])
        body = environ["wsgi.input"].read()
        plain = {name: value for name, value in environ.items() if isinstance(value, str | bool)}
        return [json.dumps({**plain, "body": body.decode()}).encode()]

    headers = {"X-Two": "b", "X_Two": "spoofed", "Cookie": "a=1"}
    seen = (await ask(app, "POST", "/old/%C3%B6?q=%20", content="hi", headers=headers, https=True)).json()
    assert (seen["SCRIPT_NAME"], seen["PATH_INFO"]) == ("/old", "/ö".encode().decode("latin-1"))
    assert (seen["QUERY_STRING"], seen["REQUEST_METHOD"], seen["wsgi.url_scheme"]) == (
        "q=%20",
        "POST",
        "https",
    )
    assert (seen["CONTENT_LENGTH"], seen["body"], seen["HTTP_X_TWO"]) == ("2", "hi", "b")
    assert (seen["SERVER_NAME"], seen["SERVER_PORT"], seen["SERVER_PROTOCOL"]) == (
        "localhost",
        "443",
        "HTTP/1.1",
    )
    assert (seen["REMOTE_ADDR"], seen["wsgi.multithread"]) == ("127.0.0.1", True)


async def test_rt1_wsgi_body_streams_and_is_closed() -> None:
    body = Body([b"", b"a", b"b"])

    def app(environ: dict[str, Any], start: Start) -> Body:
        start("201 Made", [("x-one", "1")])
        return body

    response = await ask(app)
    assert (response.status, response.body, response.headers["x-one"], body.closed) == (201, b"ab", "1", 1)


async def test_rt1_wsgi_stream_waits_for_the_client_and_is_closed_with_it() -> None:
    made: list[int] = []

    def pieces() -> Iterator[bytes]:
        for number in range(1000):
            made.append(number)
            yield b"x" * 65_536

    body = Body(pieces())

    def app(environ: dict[str, Any], start: Start) -> Body:
        start("200 OK", [])
        return body

    async with Client(Site(WSGIMount(app, threads=1))) as client:
        async with client.stream("GET", "/old/") as response:
            async for _ in response.chunks():
                break
    assert len(made) < 10
    assert body.closed == 1


async def test_rt1_wsgi_start_response_rules() -> None:
    def twice(environ: dict[str, Any], start: Start) -> list[bytes]:
        start("200 OK", [])
        start("200 OK", [])
        return [b""]

    def never(environ: dict[str, Any], start: Start) -> list[bytes]:
        return [b"x"]

    def bad_status(environ: dict[str, Any], start: Start) -> list[bytes]:
        start("OK", [])
        return [b"x"]

    def hop(environ: dict[str, Any], start: Start) -> list[bytes]:
        start("200 OK", [("Connection", "close")])
        return [b"x"]

    def failing(environ: dict[str, Any], start: Start) -> list[bytes]:
        raise ZeroDivisionError("oops")

    for app, message in (
        (twice, "twice"),
        (never, "before its head"),
        (bad_status, "'OK'"),
        (hop, "connection"),
    ):
        with pytest.raises(MountedAppFailed, match=message):
            await ask(app)
    with pytest.raises(ZeroDivisionError):
        await ask(failing)


async def test_rt1_wsgi_error_page_replaces_the_head() -> None:
    def app(environ: dict[str, Any], start: Start) -> list[bytes]:
        start("200 OK", [("x-one", "1")])
        try:
            raise ZeroDivisionError
        except ZeroDivisionError:
            start("500 Oops", [("x-two", "2")], sys.exc_info())
        return [b"sorry"]

    response = await ask(app)
    assert (response.status, response.text, "x-one" in response.headers) == (500, "sorry", False)


async def test_rt1_wsgi_write_and_head() -> None:
    def app(environ: dict[str, Any], start: Start) -> list[bytes]:
        write = start("200 OK", [("content-length", "4")])
        if environ["REQUEST_METHOD"] == "GET":
            write(b"ab")
            return [b"cd"]
        return []

    assert (await ask(app)).body == b"abcd"
    head = await ask(app, "HEAD", "/old/")
    assert (head.body, head.headers["content-length"]) == (b"", "4")


async def test_rt1_body_limit_holds_for_a_mounted_wsgi_app() -> None:
    def app(environ: dict[str, Any], start: Start) -> list[bytes]:
        try:
            environ["wsgi.input"].read()
        except OSError:
            pass
        start("200 OK", [])
        return [b"whatever"]

    assert (await ask(app, "POST", "/old/", content=b"x" * 3_000_000)).status == ContentTooLarge.status


async def test_rt1_wsgi_never_has_more_threads_than_allowed() -> None:
    inside, most = 0, 0
    lock = threading.Lock()
    together = threading.Barrier(2, timeout=20)

    def app(environ: dict[str, Any], start: Start) -> list[bytes]:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        together.wait()
        with lock:
            inside -= 1
        start("200 OK", [])
        return [threading.current_thread().name.encode()]

    async with Client(Site(WSGIMount(app, threads=2))) as client:
        answers = await asyncio.gather(*[client.get("/old/") for _ in range(8)])
    assert most == 2
    assert len({answer.text for answer in answers}) == 2


async def test_hs2_mounted_asgi_app_cannot_split_the_answer() -> None:
    async def splitting(scope: Any, receive: Any, send: Any) -> None:
        fields = [(b"x-name", b"a\r\nset-cookie: evil=1")]
        await send({"type": "http.response.start", "status": 200, "headers": fields})
        await send({"type": "http.response.body", "body": b"x"})

    with pytest.raises(InvalidHeader):
        await Client(Site(ASGIMount(splitting))).get("/old/")
