"""The mistakes people make most, word for word as they are told (PAINS 40), and all of them at once."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from vivace.app import App
from vivace.errors import AppInvalid, WrongResult
from vivace.http.request import Request
from vivace.testing import Client


class Mailer:
    """Something that no provider makes."""


def told(app: App) -> str:
    """Return what the start says, with the lines of this file as ``file:line``."""
    with pytest.raises(AppInvalid) as caught:
        app.compile()
    return re.sub(r"[^\s(]*test_mistakes\.py:\d+", "file:line", str(caught.value)).replace(
        f"{__name__}.", "app."
    )


def test_pain40_missing_provider() -> None:
    app = App()

    @app.post("/send")
    async def send(mailer: Mailer) -> None: ...

    assert (
        told(app)
        == """\
The app cannot start: 1 problem.

error: Parameter 'mailer' (Mailer) of test_pain40_missing_provider.<locals>.send is a Mailer, which no provider makes. [no-provider]
  at file:line
  hint: Register one: app.provide(Mailer, …), or use Annotated[…, Depends(function)].

[app-invalid]"""
    )


def test_pain40_unknown_parameter_source() -> None:
    app = App()

    @app.get("/search")
    async def search(filters: dict[str, int]) -> None: ...

    assert (
        told(app)
        == """\
The app cannot start: 1 problem.

error: Parameter 'filters' (dict) of test_pain40_unknown_parameter_source.<locals>.search needs a body, and GET has none. [no-body]
  at file:line
  hint: Use POST, PUT or PATCH.

[app-invalid]"""
    )


def test_pain40_duplicate_route() -> None:
    app = App()

    @app.get("/book/{id}")
    async def by_id(id: int) -> None: ...

    @app.get("/book/{number}")
    async def by_number(number: int) -> None: ...

    assert (
        told(app)
        == """\
The app cannot start: 1 problem.

error: GET /book/{number} is answered by app.test_pain40_duplicate_route.<locals>.by_id (file:line) already; \
app.test_pain40_duplicate_route.<locals>.by_number (file:line) is never reached. [route-duplicate]
  at file:line
  hint: Remove one, or change its path, method, host or where=.

[app-invalid]"""
    )


async def test_pain40_wrong_return() -> None:
    app = App()

    @app.get("/")
    async def home() -> Any:
        return "made", 201

    async with Client(app) as client:
        with pytest.raises(WrongResult) as caught:
            await client.get("/")
    assert (
        re.sub(r"[^\s(]*test_mistakes\.py:\d+", "file:line", str(caught.value))
        == """\
test_pain40_wrong_return.<locals>.home (file:line) returned something that cannot be answered with.
Expected: a Response, str, Markup, bytes, None, dict, list, dataclass, msgspec.Struct, a path or an (async) iterator
Got: a tuple
Fix: Return a list for a JSON array, or Response(body, status) for a status.
[wrong-result]"""
    )


async def test_pain40_forgotten_await() -> None:
    app = App()

    async def work() -> str:
        return "worked"

    @app.get("/")
    async def home() -> Any:
        return work()

    async with Client(app) as client:
        with pytest.raises(WrongResult) as caught:
            await client.get("/")
    assert caught.value.got == "an awaitable that nobody awaited"
    assert (
        caught.value.fix
        == "Await it in the handler; a decorator around an `async def` must be `async def` too."
    )


def test_pain40_generator_where_a_socket_is_awaited() -> None:
    app = App()

    @app.websocket("/talk")
    def talk(socket: Any) -> Iterator[str]:
        yield "hello"

    findings = app.check()
    assert "websocket-handler" in {finding.id for finding in findings}
    found = next(finding for finding in findings if finding.id == "websocket-handler")
    assert found.message.endswith("talk is not `async def`.")
    assert found.hint == "A socket is awaited: write `async def`, without yield."


async def test_pain40_provider_that_yields_twice_or_never() -> None:
    app = App()

    @app.provide()
    def mailer() -> Iterator[Mailer]:
        for _ in range(0):
            yield Mailer()

    @app.get("/")
    async def home(mailer: Mailer) -> str:
        return "home"

    async with Client(app) as client:
        with pytest.raises(RuntimeError, match="didn't yield"):
            await client.get("/")


def test_pain40_every_mistake_at_once_with_code_place_and_hint() -> None:
    app = App()

    @app.get("/a")
    async def first(mailer: Mailer) -> None: ...

    @app.get("/a")
    async def second(*rest: int) -> None: ...

    @app.get("/b")
    async def third(x: dict[str, int]) -> AsyncIterator[str]:
        yield ""

    def guard(mailer: Mailer) -> bool:
        return True

    @app.get("/c", guards=[guard])
    async def fourth() -> None: ...

    app.mount("/d", 7)
    with pytest.raises(AppInvalid) as caught:
        app.compile()
    findings = caught.value.findings
    assert [finding.id for finding in findings] == [
        "route-duplicate",
        "no-provider",
        "variadic-parameter",
        "no-body",
        "no-provider",
        "mount-target",
    ]
    assert all("test_mistakes.py:" in finding.place and finding.hint for finding in findings)
    assert str(caught.value).startswith("The app cannot start: 6 problems.")


def test_pain40_a_guard_whose_annotations_cannot_be_read_is_a_finding() -> None:
    app = App()

    def guard(value: Unknown) -> bool:  # type: ignore[name-defined]  # noqa: F821  # pyright: ignore
        return True

    @app.get("/", guards=[guard])  # pyright: ignore[reportUnknownArgumentType]
    async def home() -> None: ...

    assert [finding.id for finding in app.check()] == ["unresolved-annotation"]


def test_pain40_a_plugin_s_hooks_count() -> None:
    from vivace.app.plugins import Plugin

    def watched(request: Request) -> None:
        """Is told of deadlines."""

    async def page() -> str:
        return "x"

    class Watch(Plugin):
        name = "watch"

        def setup(self, app: App) -> None:
            app.on_timeout(watched)
            app.get("/from-plugin")(page)

    app = App(plugins=[Watch()])
    route = next(row for row in app.describe() if row.path == "/from-plugin")
    assert "on_timeout" in dict(route.phases)


def test_pain40_an_error_handler_for_nothing() -> None:
    with pytest.raises(Exception, match="registered for nothing"):
        App().error()
