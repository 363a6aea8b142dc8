"""Running a page's GET handler again for its live regions: what of the request path takes part, and what does not.

| layer | when a page is rendered again |
|---|---|
| app middleware, app ``before``, middleware and ``before`` of the route | run: they may put into the request what the handler needs |
| guards | do not run here; they are asked for themselves, for each viewer (``guards``) |
| handler | runs; of what it returns only template and values are used |
| ``after``, ``on_error``, ``errors``, ``on_sent`` … | do not run: there is no answer |
| host, origin, limits, ``atomic`` | not asked: nobody sent this request |

Errors are raised to who renders. A mounted app's page is found through the mount, as its requests are.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from vivace.errors import NotFound
from vivace.http.request import Request
from vivace.http.response import Empty, Response
from vivace.routing import REST
from vivace.routing.routes import RouteOptions
from vivace.templates.response import TemplateResponse

from .binding import Endpoint
from .current import request_variable
from .pipeline import Serve, Target, compose, with_before, with_middleware

if TYPE_CHECKING:
    from .application import App

_OWN_ROUTE: Final = "/_vivace/"


class Rerendering:
    """Runs the handlers of one app again. ``request.regions.render(response)`` is awaited with what they answer."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._serves: dict[int, Serve] = {}
        self._mounted: dict[int, Rerendering] = {}
        chain = with_before(self._dispatch, app.app_before) if app.app_before else self._dispatch
        self._chain = with_middleware(chain, app.app_middleware) if app.app_middleware else chain

    async def page(self, request: Request) -> Response:
        """Run the handler of a page; raises what it raises."""
        request.app = self._app
        request_variable.set(request)
        return await self._chain(request)

    async def guards(self, request: Request) -> None:
        """Ask all guards that stand before a page; raises what one raises that refuses."""
        request.app = self._app
        request_variable.set(request)
        async with self._found(request) as (target, inner):
            for guard in target.guards:
                await guard.respond(request)
            if inner is not None:
                await inner.guards(request)

    def has_guards(self, request: Request) -> bool:
        """Return whether any guard stands before a page; raises ``NotFound`` where there is none."""
        target = self._target(request)
        inner = self._inner(target)
        if inner is not None:
            _set_prefix(request)
            return bool(target.guards) or inner.has_guards(request)
        return bool(target.guards)

    # -- finding --------------------------------------------------------------------------------------------------

    def _target(self, request: Request) -> Target:
        path = request.raw_path[len(request.prefix) :] or "/"
        outer = {name: value for name, value in request.path_params.items() if name != REST}
        target, params = self._app.compile().plan.parts.matcher.match("GET", path, request)
        request.route, request.path_params = target.route, {**outer, **params}
        return target

    def _inner(self, target: Target) -> Rerendering | None:
        mount: Any = target.route.mount
        if not target.route.is_mount or not hasattr(mount, "mounted_in"):
            return None
        known = self._mounted.get(id(mount))
        if known is None:
            known = self._mounted[id(mount)] = Rerendering(mount)
        return known

    @asynccontextmanager
    async def _found(self, request: Request) -> AsyncGenerator[tuple[Target, Rerendering | None]]:
        """Find what answers, and enter the app that is mounted there."""
        target = self._target(request)
        inner = self._inner(target)
        if inner is not None:
            _set_prefix(request)
        own = inner is not None and inner._app.data.own
        with inner._app.data.current() if inner is not None and own else nullcontext():
            yield target, inner

    # -- running --------------------------------------------------------------------------------------------------

    async def _dispatch(self, request: Request) -> Response:
        async with self._found(request) as (target, inner):
            if inner is not None:
                return await self._served(target, inner.page)(request)
            if target.route.is_mount or target.route.is_websocket:
                raise NotFound("This is no page of ours.")
            return await self._served(target, partial(_render, target.endpoint))(request)

    def _served(self, target: Target, handler: Serve) -> Serve:
        known = self._serves.get(id(target))
        if known is None:
            known = compose(_inner_options(target.route.options), handler, (), _raise)
            self._serves[id(target)] = known
        return known


def _inner_options(options: RouteOptions) -> RouteOptions:
    """Return of a route's options those that take part."""
    return replace(
        options,
        guards=(),
        after=(),
        on_sent=(),
        on_error=(),
        on_abort=(),
        on_timeout=(),
        errors={},
        atomic=None,
    )


async def _render(endpoint: Endpoint, request: Request) -> Response:
    response = await endpoint.respond(request)
    if isinstance(response, TemplateResponse):
        await request.regions.render(response)
        return Empty(204)
    return response


async def _raise(request: Request, error: BaseException, options: RouteOptions) -> Response:
    raise error


def _set_prefix(request: Request) -> None:
    rest: str = request.path_params[REST]
    request.prefix = request.raw_path[: len(request.raw_path) - len(rest)]


__all__ = ["Rerendering"]
