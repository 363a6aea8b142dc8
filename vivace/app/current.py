"""Which app and which request the running code belongs to (MW7): context variables, so tasks and threads inherit them."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

from vivace.errors import NoCurrentApp
from vivace.http.request import Request

if TYPE_CHECKING:
    from .application import App

request_variable: ContextVar[Request | None] = ContextVar("vivace.request", default=None)
app_variable: ContextVar[App | None] = ContextVar("vivace.app", default=None)


def current_request() -> Request | None:
    """Return the request that this code serves, ``None`` outside one. Child tasks and pool threads see it too."""
    return request_variable.get()


def current_app() -> App:
    """Return the app that this code runs in; raises ``NoCurrentApp`` outside one."""
    request = request_variable.get()
    app: App | None = request.app if request is not None else app_variable.get()
    if app is None:
        raise NoCurrentApp(
            "There is no current app here.",
            expected="code that runs in a request, a task of an app, or inside `async with app:`",
            fix="Wrap the code in `async with app:`.",
        )
    return app
