"""What protection costs where it is not needed: nothing that can be counted."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from vivace.app import App
from vivace.config.settings import Settings
from vivace.engine.http1.wire import HeadCache
from vivace.http.request import Connection, Request
from vivace.http.response import HTML
from vivace.security import Security

ORDINARY = """
import asyncio, sys
from vivace import App, Request, Settings
from vivace.testing import Client

app = App(settings=Settings())

@app.post("/")
async def write(request: Request) -> dict[str, str]:
    return {"ok": "yes"}

async def main() -> None:
    async with Client(app) as client:
        assert (await client.post("/", json={}, headers={"cookie": "a=b"})).status == 200

asyncio.run(main())
print("\\n".join(name for name in sys.modules if name.startswith("vivace.security")))
"""


def test_an_ordinary_write_loads_nothing_of_what_few_apps_use() -> None:
    result = subprocess.run([sys.executable, "-c", ORDINARY], capture_output=True, text=True, check=True)
    rooms = {name.removeprefix("vivace.security.") for name in result.stdout.split()} - {"vivace.security"}
    assert rooms == {"headers", "hosts", "origin", "policy"}


def app_of(security: Security) -> App:
    app = App(settings=Settings(), security=security)

    @app.get("/json")
    @app.post("/json")
    async def data() -> dict[str, str]:
        return {"hello": "world"}

    @app.get("/page")
    async def page() -> HTML:
        return HTML("x")

    return app


def steps(call: Callable[[], Any]) -> int:
    """Return how many bytecode instructions a call takes, those of everything it calls included."""
    count = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return count


def served(app: App, method: str, path: str, **headers: str) -> Callable[[], bytes]:
    """Return a function that serves one request and encodes its head; a handler that waits for nothing is one step."""
    heads, handle = HeadCache(), app.handle
    fields = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]

    def serve() -> bytes:
        request = Request(method, path, [(b"host", b"localhost"), *fields], Connection())
        answering: Any = handle(request)
        try:
            answering.send(None)
        except StopIteration as stopped:
            return heads.head(stopped.value)
        raise AssertionError

    for _ in range(2):  # what is kept by hosts, by types and by heads is there then
        serve()
    return serve


async def test_sc3_policies_cost_no_instruction() -> None:
    strict, none = app_of(Security()), app_of(Security(csp=None))
    async with strict, none:
        for path in ("/json", "/page"):
            with_policy, without = served(strict, "GET", path), served(none, "GET", path)
            assert steps(with_policy) == steps(without)
        assert len(served(strict, "GET", "/json")()) == len(served(none, "GET", "/json")())


async def test_sc1_a_write_that_says_where_from_takes_no_coroutine_more() -> None:
    checked, unchecked = app_of(Security()), app_of(Security(origins=None))
    async with checked, unchecked:
        told = {"sec_fetch_site": "same-origin", "cookie": "a=b"}
        more = steps(served(checked, "POST", "/json", **told)) - steps(
            served(unchecked, "POST", "/json", **told)
        )
        assert 0 < more < 150  # measured on 3.11: 110
        bare = steps(served(checked, "POST", "/json")) - steps(served(unchecked, "POST", "/json"))
        assert bare < more
    check = checked.compile().plan.parts.check_origin
    assert not inspect.iscoroutinefunction(check)
