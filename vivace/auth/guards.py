"""Who may pass: guards for routes, marks for handlers, and what those who may not are told.

Each of them is both: a guard (``guards=[signed_in]`` of a route, a router, a channel) and a decorator of a handler. A
decorator only leaves a mark on the function, which the freeze turns into guards: the handler's own signature stays what it
is, and the order of decorators does not matter.

Who must log in: a browser that is on its way to a page is sent to the login page, with the way back (``next``); anything
else (scripts, API clients, sockets) has 401 as a problem document.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Final, TypeVar, overload
from urllib.parse import urlencode

from vivace.errors import LoginRequired, PermissionDenied, UnknownRoute
from vivace.http.redirect import Redirect, is_safe_target
from vivace.http.request import SAFE_METHODS, Request
from vivace.http.response import Response
from vivace.routing.routes import GUARDS_MARK

from .current import current_realm

F = TypeVar("F", bound=Callable[..., Any])
PUBLIC_MARK: Final = "__vivace_public__"
_CHALLENGE: Final = {"www-authenticate": "Session"}  # RFC 9110 section 15.5.2 wants one; it opens no dialog


class Guard:
    """A test of a request that raises where it refuses: as a guard it gets the request, as a decorator the handler."""

    def __init__(self, test: Callable[[Request], Any], name: str) -> None:
        self._test = test
        self.__name__ = self.__qualname__ = name
        self.__doc__ = test.__doc__
        self.__signature__ = inspect.Signature(
            [inspect.Parameter("request", inspect.Parameter.POSITIONAL_ONLY, annotation=Request)],
            return_annotation=None,
        )

    @overload
    def __call__(self, target: Request, /) -> Any: ...
    @overload
    def __call__(self, target: F, /) -> F: ...
    def __call__(self, target: Any, /) -> Any:
        if isinstance(target, Request):
            return self._test(target)
        return marked(target, self)

    def __repr__(self) -> str:
        return f"<guard {self.__name__}>"


def marked(handler: F, guard: Any) -> F:
    """Return a handler with a guard of its own, outermost last."""
    own: Any = handler
    setattr(own, GUARDS_MARK, (guard, *getattr(own, GUARDS_MARK, ())))
    return handler


async def _signed_in(request: Request) -> None:
    """Let those pass who are signed in."""
    user: Any = await request.user()
    if not user.is_authenticated:
        raise login_required_error()


signed_in: Final = Guard(_signed_in, "signed_in")
login_required: Final = Guard(_signed_in, "login_required")


def login_required_error() -> LoginRequired:
    """Return the error that sends browsers to the login page and tells others 401."""
    return LoginRequired("Sign in first.", headers=_CHALLENGE)


def permission_required(perm: str, *more: str) -> Guard:
    """Let those pass who have all these permissions (``"blog.change_post"``); 401 or the login page, then 403."""

    async def has_permission(request: Request) -> None:
        user: Any = await request.user()
        if await user.has_perms((perm, *more)):
            return
        if not user.is_authenticated:
            raise login_required_error()
        raise PermissionDenied("You may not do this.", expected=", ".join((perm, *more)))

    return Guard(has_permission, f"permission_required({perm})")


def user_passes_test(test: Callable[[Any], Any]) -> Guard:
    """Let those pass of whom ``test(user)``, ``def`` or ``async def``, is true; 401 or the login page, then 403."""

    async def passes(request: Request) -> None:
        user: Any = await request.user()
        verdict = test(user)
        if inspect.isawaitable(verdict):
            verdict = await verdict
        if verdict:
            return
        if not user.is_authenticated:
            raise login_required_error()
        raise PermissionDenied("You may not do this.")

    return Guard(passes, f"user_passes_test({getattr(test, '__name__', 'test')})")


def login_not_required(handler: F) -> F:
    """Leave a handler open to everybody in an app where all others need a login (``Auth(login_required=True)``)."""
    own: Any = handler
    setattr(own, PUBLIC_MARK, True)
    return handler


async def _signed_in_unless_public(request: Request) -> None:
    """Let everybody pass to what is marked as open, and to the rest those who are signed in."""
    route = request.route
    target = route.mount if route.mount is not None else route.handler
    if not (getattr(target, PUBLIC_MARK, False) or route.options.extra.get("public")):
        await _signed_in(request)


signed_in_unless_public: Final = Guard(_signed_in_unless_public, "signed_in_unless_public")


def send_to_login(request: Request, error: LoginRequired) -> Response | None:
    """Answer a browser that wants a page with the way to the login page; ``None``: the error is told as it is."""
    if not wants_page(request):
        return None
    place = login_place(request)
    if place is None:
        return None
    back = request.target if request.method in SAFE_METHODS else ""
    asked = {"next": back} if back and is_safe_target(back) else {}
    response = Redirect(f"{place}?{urlencode(asked)}" if asked else place)
    response.headers.vary("Accept", "Sec-Fetch-Mode")
    return response


def login_place(request: Request) -> str | None:
    """Return the path of the login page, ``None`` where the app has none."""
    wanted = current_realm().settings.login_url
    if "/" in wanted:
        return wanted
    app = request.app
    while app is not None:  # a mounted app sends people to the login page of the one around it
        try:
            return str(app.url(wanted))
        except UnknownRoute:
            app = app.outer
    return None


def wants_page(request: Request) -> bool:
    """Say whether a browser is on its way to a page: it says so (Fetch metadata), or would rather have HTML than JSON.

    A form that a live page sends in the browser's place (``Vivace-Form``) goes where the browser would have gone.
    """
    if request.wants_websocket:
        return False
    mode = request.headers.get("sec-fetch-mode")
    if mode not in (None, "navigate") and "vivace-form" not in request.headers:
        return False
    accept = request.headers.get("accept") or ""
    return "text/html" in accept and request.preferred_type(("text/html", "application/json")) == "text/html"


__all__ = [
    "Guard",
    "login_not_required",
    "login_required",
    "permission_required",
    "signed_in",
    "user_passes_test",
]
