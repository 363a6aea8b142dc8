"""A name in the path that nothing takes: a warning, since it is a typo nearly always."""

from __future__ import annotations

from typing import Annotated

from vivace import Depends, WebSocket
from vivace.app import App
from vivace.errors import Finding
from vivace.http.request import Request


def found(app: App) -> list[Finding]:
    return [finding for finding in app.check() if finding.id == "path-parameter-unused"]


def test_dx2_typo_of_a_path_parameter_is_a_warning_with_the_nearest_name() -> None:
    app = App()

    @app.get("/typo/{name}")
    async def typo(nmae: str) -> str:
        return nmae

    (finding,) = found(app)
    assert finding.level == "warning"
    assert "'name'" in finding.message
    assert finding.hint == "Did you mean 'nmae'?"
    assert "test_unused_parameters.py:" in finding.place
    app.compile()


def test_name_that_nothing_resembles_can_be_marked_as_unused() -> None:
    app = App()

    @app.get("/a/{version}")
    async def first() -> str:
        return ""

    @app.get("/b/{_version}")
    async def second() -> str:
        return ""

    (finding,) = found(app)
    assert "_version" in finding.hint


def test_what_takes_the_request_or_the_name_is_not_warned_of() -> None:
    app = App()

    def owner(id: int) -> int:
        return id

    async def allowed(id: int) -> bool:
        return id > 0

    @app.get("/request/{id}")
    async def whole(request: Request) -> str:
        return request.path

    @app.get("/dependency/{id}")
    async def dependent(owned: Annotated[int, Depends(owner)]) -> int:
        return owned

    @app.get("/guard/{id}", guards=[allowed])
    async def guarded() -> str:
        return ""

    @app.websocket("/socket/{id}")
    async def talk(socket: WebSocket) -> None:
        await socket.accept()

    @app.get("/rest/{rest:path}")
    async def page() -> str:
        return ""

    assert found(app) == []
