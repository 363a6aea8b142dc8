"""The test client over HTTP, against bare ``handle`` functions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from vivace.errors import BodyConsumed, ClientDisconnected, Forbidden
from vivace.errors.testing import ClientMisuse, CutOff, TooManyRedirects
from vivace.http.request import Request
from vivace.http.response import HTML, JSON, Empty, Response, Sink, Stream, Text
from vivace.testing import Client, ClientResponse, assert_contains, assert_problem, assert_redirects


async def echo(request: Request) -> Response:
    body = await request.body()
    return JSON(
        {
            "method": request.method,
            "target": request.target,
            "headers": list(request.headers.items()),
            "body": body.decode("latin-1"),
            "scheme": request.scheme,
            "client": request.client,
            "server": request.connection.server,
        }
    )


def headers_of(response: ClientResponse) -> dict[str, str]:
    return dict(response.json()["headers"])


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete", "options"])
async def test_te1_methods(method: str) -> None:
    response = await getattr(Client(echo), method)("/x")
    assert response.json()["method"] == method.upper()


async def test_te1_head_has_length_and_no_body() -> None:
    async def handle(request: Request) -> Response:
        return Text("hello")

    response = await Client(handle).head("/")
    assert (response.status, response.body, response.headers["content-length"]) == (200, b"", "5")


async def test_te1_head_of_an_endless_stream_ends() -> None:
    async def forever() -> AsyncIterator[bytes]:
        while True:
            yield b"x"

    async def handle(request: Request) -> Response:
        return Stream(forever())

    assert (await Client(handle).head("/")).body == b""


async def test_te1_query_is_encoded_and_added() -> None:
    response = await Client(echo).get("/sök?a=1", query={"b": [2, 3], "c": "ä &", "d": None})
    assert response.json()["target"] == "/s%C3%B6k?a=1&b=2&b=3&c=%C3%A4+%26"


async def test_te1_json_form_and_content_bodies() -> None:
    client = Client(echo)
    sent = await client.post("/", json={"a": 1})
    assert sent.json()["body"] == '{"a":1}'
    assert headers_of(sent)["content-type"] == "application/json"
    assert headers_of(sent)["content-length"] == "7"
    sent = await client.post("/", form={"a": ["1", "2"], "b": "x y"})
    assert sent.json()["body"] == "a=1&a=2&b=x+y"
    assert headers_of(sent)["content-type"] == "application/x-www-form-urlencoded"
    sent = await client.post("/", content="grüße", headers={"Content-Type": "text/plain"})
    assert sent.json()["body"].encode("latin-1").decode() == "grüße"
    assert headers_of(sent)["content-type"] == "text/plain"


async def test_te1_multipart_reaches_the_form_parser() -> None:
    async def handle(request: Request) -> Response:
        form = await request.form()
        upload = form.files["photo"]
        content = await upload.read()
        return JSON([form["title"], upload.filename, upload.content_type, content.decode()])

    files = {"photo": ("å.png", b"bytes", "image/png")}
    response = await Client(handle).post("/", form={"title": "Åre"}, files=files)
    assert response.json() == ["Åre", "å.png", "image/png", "bytes"]


async def test_te1_two_bodies_are_refused() -> None:
    with pytest.raises(ClientMisuse, match="json, form"):
        await Client(echo).post("/", json=1, form={"a": "b"})


async def test_te1_streamed_upload_arrives_as_it_is_read() -> None:
    sent: list[int] = []

    async def pieces() -> AsyncIterator[bytes]:
        for number in range(8):
            sent.append(number)
            yield b"%d" % number * 40_000

    seen: list[int] = []

    async def handle(request: Request) -> Response:
        assert request.headers["transfer-encoding"] == "chunked"
        before = len(sent)
        total = 0
        async for chunk in request.stream():
            seen.append(len(sent))
            total += len(chunk)
        return JSON([before, total])

    response = await Client(handle).post("/", content=pieces())
    assert response.json() == [0, 320_000]
    assert seen[0] < 8  # back-pressure: the upload waited for the handler


async def test_te1_error_in_an_upload_is_the_tests_own() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"x"
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        await Client(echo).post("/", content=pieces())


async def test_te1_base_url_client_address_and_https() -> None:
    client = Client(echo, "https://shop.example:8443/base/", client=("203.0.113.9", 7))
    seen = (await client.get("x")).json()
    assert (seen["scheme"], seen["target"], seen["client"]) == ("https", "/base/x", ["203.0.113.9", 7])
    assert seen["server"] == ["shop.example", 8443]
    assert dict(seen["headers"])["host"] == "shop.example:8443"
    seen = (await Client(echo).get("/", https=True)).json()
    assert (seen["scheme"], seen["server"]) == ("https", ["localhost", 443])


async def test_te1_unsafe_requests_come_from_the_apps_own_pages() -> None:
    assert headers_of(await Client(echo).post("/"))["sec-fetch-site"] == "same-origin"
    assert "sec-fetch-site" not in headers_of(await Client(echo).get("/"))
    assert "sec-fetch-site" not in headers_of(await Client(echo, same_origin=False).post("/"))


async def test_te1_client_headers_and_overrides() -> None:
    client = Client(echo, headers={"Accept": "text/html", "X-Both": "client"})
    seen = headers_of(await client.get("/", headers={"x-both": "request"}))
    assert (seen["accept"], seen["x-both"]) == ("text/html", "request")


async def walk(request: Request) -> Response:
    """Redirects of every kind: ``/307/target``."""
    _, status, *rest = request.path.split("/")
    if status.isdigit() and rest:
        return Response(b"", int(status), {"location": "/" + "/".join(rest)})
    return await echo(request)


@pytest.mark.parametrize(
    ("status", "method", "after", "body"),
    [
        (301, "POST", "GET", ""),
        (302, "POST", "GET", ""),
        (303, "PUT", "GET", ""),
        (303, "HEAD", "HEAD", None),
        (307, "POST", "POST", "data"),
        (308, "PUT", "PUT", "data"),
        (302, "PUT", "PUT", "data"),
    ],
)
async def test_te1_redirects_follow_the_fetch_standard(
    status: int, method: str, after: str, body: str | None
) -> None:
    response = await Client(walk).request(method, f"/{status}/end", content=b"data", follow=True)
    assert response.request.method == after
    assert [old.status for old in response.history] == [status]
    assert response.url == "http://localhost/end"
    if body is not None:
        assert response.json()["body"] == body
    assert_redirects(response, "/end", status)


async def test_te1_redirects_are_not_followed_unless_asked() -> None:
    response = await Client(walk).get("/303/end")
    assert (response.status, response.redirect, response.history) == (303, "/end", [])
    assert_redirects(response, "/end")
    with pytest.raises(AssertionError, match="leads to '/end', not to '/other'"):
        assert_redirects(response, "/other")


async def test_te1_redirect_loop_is_an_error() -> None:
    async def handle(request: Request) -> Response:
        return Response(b"", 302, {"location": "/again"})

    with pytest.raises(TooManyRedirects, match="at most 20"):
        await Client(handle, follow=True).get("/")


async def test_te1_redirect_to_another_host_drops_authorization() -> None:
    async def handle(request: Request) -> Response:
        if request.headers["host"] == "localhost":
            return Response(b"", 307, {"location": "http://elsewhere.example/"})
        return await echo(request)

    seen = headers_of(await Client(handle, follow=True).get("/", headers={"Authorization": "secret"}))
    assert seen["host"] == "elsewhere.example"
    assert "authorization" not in seen


async def test_te1_cookies_are_kept_and_sent() -> None:
    async def handle(request: Request) -> Response:
        response = JSON(request.cookies)
        if request.path == "/set":
            response.set_cookie("a", "1 ü")
            response.set_cookie("deep", "2", path="/deep")
        elif request.path == "/drop":
            response.delete_cookie("a")
        return response

    client = Client(handle)
    assert (await client.get("/set")).cookies == {"a": "1 ü", "deep": "2"}
    assert (await client.get("/")).json() == {"a": "1 ü"}
    assert (await client.get("/deep/er")).json() == {"a": "1 ü", "deep": "2"}
    assert (await client.get("/", cookies={"b": "3"})).json() == {"a": "1 ü", "b": "3"}
    assert client.cookies["a"] == "1 ü"
    await client.get("/drop")
    assert "a" not in client.cookies


async def test_te1_server_errors_are_raised_unless_the_answer_is_wanted() -> None:
    async def handle(request: Request) -> Response:
        raise ZeroDivisionError("oops")

    with pytest.raises(ZeroDivisionError, match="oops"):
        await Client(handle).get("/")
    response = await Client(handle, raise_errors=False).get("/")
    assert (response.status, response.body) == (500, b"")


async def test_te1_errors_the_app_answers_for_are_raised() -> None:
    """What an App does: it makes a 500 of the error and reports it."""

    async def handle(request: Request) -> Response:
        request.connection.report(ZeroDivisionError("mapped"))
        return Text("sorry", 500)

    with pytest.raises(ZeroDivisionError, match="mapped"):
        await Client(handle).get("/")
    assert (await Client(handle, raise_errors=False).get("/")).text == "sorry"


async def test_te1_http_errors_become_problems() -> None:
    async def handle(request: Request) -> Response:
        raise Forbidden("no entry")

    response = await Client(handle).get("/")
    assert_problem(response, 403, detail="no entry")
    assert response.problem is not None
    with pytest.raises(AssertionError, match="detail is 'no entry', not 'x'"):
        assert_problem(response, 403, detail="x")


async def test_te1_error_in_a_stream_cuts_it_off() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"a"
        raise ZeroDivisionError("late")

    async def handle(request: Request) -> Response:
        return Stream(pieces())

    with pytest.raises(ZeroDivisionError, match="late"):
        await Client(handle).get("/")
    async with Client(handle, raise_errors=False).stream("GET", "/") as response:
        with pytest.raises(CutOff, match="late"):
            await response.read()


async def test_te1_wrong_content_length_is_found() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"abc"

    async def handle(request: Request) -> Response:
        return Stream(pieces(), headers={"content-length": request.path[1:]})

    for length, message in (("2", "longer"), ("4", "1 bytes shorter")):
        with pytest.raises(ValueError, match=message):
            await Client(handle).get(f"/{length}")
    assert (await Client(handle).get("/3")).body == b"abc"


async def test_te1_streamed_answer_waits_for_the_reader() -> None:
    made = 0

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal made
        for _ in range(100):
            made += 1
            yield b"x" * 16_384

    async def handle(request: Request) -> Response:
        return Stream(pieces())

    async with Client(handle).stream("GET", "/") as response:
        assert response.status == 200
        for _ in range(20):
            await asyncio.sleep(0)
        held = made
        assert held <= 5
        total = sum([len(chunk) async for chunk in response.chunks()])
    assert total == 100 * 16_384


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_rt5_early_close_cancels_a_stream(method: str) -> None:
    ends: list[str] = []

    async def pieces() -> AsyncIterator[bytes]:
        try:
            yield b"first"
            await asyncio.Event().wait()
        finally:
            ends.append("closed")

    async def handle(request: Request) -> Response:
        response = Stream(pieces())
        response.on_sent = lambda: ends.append("sent")
        return response

    async with Client(handle).stream(method, "/") as response:
        async for chunk in response.chunks():
            assert chunk == b"first"
            break
    assert ends == ["closed", "sent"]


async def test_rt5_early_close_lets_an_unsafe_method_finish() -> None:
    go, done = asyncio.Event(), asyncio.Event()
    seen: list[bool] = []

    async def handle(request: Request) -> Response:
        await go.wait()
        seen.append(request.connection.disconnected)
        done.set()
        return Text("done")

    client = Client(handle)
    waiting = asyncio.create_task(client.post("/"))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    go.set()
    await done.wait()
    assert seen == [True]


async def test_rt5_early_close_cancels_a_safe_method() -> None:
    started, ended = asyncio.Event(), asyncio.Event()

    async def handle(request: Request) -> Response:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return Empty()

    async with Client(handle) as client:
        waiting = asyncio.create_task(client.get("/"))
        await started.wait()
        waiting.cancel()
        await ended.wait()


async def test_rt5_reading_the_body_of_a_gone_client_fails() -> None:
    first, errors = asyncio.Event(), list[BaseException]()

    async def pieces() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.Event().wait()

    async def handle(request: Request) -> Response:
        try:
            async for _ in request.stream():
                first.set()
        except ClientDisconnected as error:
            errors.append(error)
        return Empty()

    async with Client(handle) as client:
        waiting = asyncio.create_task(client.post("/", content=pieces()))
        await first.wait()
        waiting.cancel()
    assert len(errors) == 1


async def test_te1_early_hints_are_visible() -> None:
    async def handle(request: Request) -> Response:
        request.connection.early_hints([(b"link", b"</a.css>; rel=preload")])
        return HTML("<p>")

    response = await Client(handle).get("/")
    assert response.early_hints == [("link", "</a.css>; rel=preload")]


async def test_te1_lifespan_runs_around_the_requests() -> None:
    class App:
        def __init__(self) -> None:
            self.log: list[str] = []

        async def startup(self) -> None:
            self.log.append("up")

        async def shutdown(self) -> None:
            self.log.append("down")

        async def handle(self, request: Request) -> Response:
            self.log.append(request.path)
            return Empty()

    app = App()
    async with Client(app) as client:
        assert (await client.get("/x")).status == 204
    assert app.log == ["up", "/x", "down"]


async def test_te1_text_lines_and_contains() -> None:
    async def pieces() -> AsyncIterator[str]:
        for text in ("a\nb", "c\n", "d"):
            yield text

    async def handle(request: Request) -> Response:
        if request.path == "/latin":
            return Response("é".encode("latin-1"), content_type="text/plain; charset=iso-8859-1")
        return Stream(pieces())

    client = Client(handle)
    async with client.stream("GET", "/") as response:
        assert [line async for line in response.lines()] == ["a", "bc", "d"]
        with pytest.raises(ClientMisuse, match="has not been read"):
            response.body
    response = await client.get("/latin")
    assert response.text == "é"
    assert_contains(response, "é", count=1)
    with pytest.raises(AssertionError, match="'x' is not in the answer"):
        assert_contains(response, "x")


async def test_te1_a_body_is_streamed_once() -> None:
    async def handle(request: Request) -> Response:
        async for _ in request.stream():
            pass
        with pytest.raises(BodyConsumed):
            await request.body()
        return Empty()

    async def pieces() -> AsyncIterator[bytes]:
        yield b"x"

    assert (await Client(handle).post("/", content=pieces())).status == 204


async def test_te1_other_urls_are_refused() -> None:
    with pytest.raises(ClientMisuse, match="ftp://x/"):
        await Client(echo).get("ftp://x/")


async def test_rs3_parts_of_files_are_sent(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_bytes(bytes(range(256)) * 4000)

    class Part(Response):
        buffered = False

        async def write_to(self, sink: Sink) -> None:
            with path.open("rb") as file:
                await sink.write(b"head ")
                await sink.send_file(file.fileno(), 300_001, 600_000)

    async def handle(request: Request) -> Response:
        return Part()

    body = (await Client(handle).get("/")).body
    assert body == b"head " + path.read_bytes()[300_001:900_001]
