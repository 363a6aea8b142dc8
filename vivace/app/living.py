"""The live regions of an app: made when one of its templates has any, and served over the connections of its pages."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from contextvars import Context
from typing import TYPE_CHECKING

from vivace.errors import HTTPError
from vivace.http.request import Request
from vivace.live.answers import tell_place
from vivace.live.rerender import Renderer, address_of, shared_request
from vivace.live.server import Live
from vivace.live.tokens import LiveTokens

from .current import app_variable, request_variable
from .lifespan import LifespanContext
from .rerendering import Rerendering

if TYPE_CHECKING:
    from .application import App


def join(app: App, lifespans: list[tuple[str, LifespanContext]]) -> None:
    """Have live regions served."""
    live, verbs = app.live, app.realtime.verbs
    verbs["watch"], verbs["unwatch"] = live.watch, live.unwatch
    if tell_place not in app.app_after:  # an app may be examined before it is frozen
        app.app_after.append(tell_place)

    @asynccontextmanager
    async def running() -> AsyncGenerator[None]:
        live.start()
        try:
            yield
        finally:
            await live.stop()

    lifespans.append(("the live regions", running))


def make_live(app: App) -> Live:
    """Return what serves the live regions of an app."""

    def tokens() -> LiveTokens:
        return app.site.live_tokens

    def bind(context: Context) -> None:
        context.run(app_variable.set, app)
        context.run(request_variable.set, None)
        app.data.bind(context)

    return Live(Renderer(Rerendering(app), tokens), tokens, app.changes, bind)


def make_tokens(app: App) -> LiveTokens:
    """Return what signs for the live regions of an app."""

    def answers_get(request: Request) -> bool:
        try:
            Rerendering(app).has_guards(shared_request(address_of(request.target, request)))
        except HTTPError:
            return False
        return True

    return LiveTokens(app.secret_keys, answers_get)


__all__ = ["join", "make_live", "make_tokens"]
