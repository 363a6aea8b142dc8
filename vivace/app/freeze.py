"""The freeze: from what the app collected to a plan, with everything that is wrong in one list."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from vivace.errors import Finding, VivaceError
from vivace.http.request import DEFAULT_BODY_LIMIT, Request
from vivace.http.response import Empty, Response
from vivace.routing import (
    REST,
    Reverser,
    Route,
    RouteOptions,
    bind_routes,
    check_routes,
    compile_routes,
    parse_pattern,
)
from vivace.security import Hosts, SameOrigin, Security

from .binding import Endpoint, EndpointOptions, app_scope, check_app_scope, compile_handler, path_annotations
from .pipeline import Handshake, Serve, Target, answer, compose, guard_handler, needs_layers, when_sent
from .plan import Plan, PlanParts
from .replies import ReplyOptions, compile_reply

if TYPE_CHECKING:
    from .application import App


@dataclass(frozen=True, slots=True)
class Frozen:
    """An app that changes no more."""

    plan: Plan
    routes: tuple[Route, ...]
    reverser: Reverser
    findings: tuple[Finding, ...]


def freeze(app: App) -> Frozen:
    """Return the frozen app; with errors among the findings it must not be served."""
    return _Freezer(app).run()


class _Freezer:
    """The steps of one freeze, and what they found."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.findings: list[Finding] = []
        limit = app.settings.limits.body_bytes
        self.body_limit = limit if limit != DEFAULT_BODY_LIMIT else None
        self.scope = RouteOptions(
            on_timeout=tuple(app.app_hooks["on_timeout"]), on_abort=tuple(app.app_hooks["on_abort"])
        )
        self.plan: Plan | None = None

    def run(self) -> Frozen:
        app = self.app
        self.findings += app.plugins.setup(app)
        routes, found = bind_routes(app.collect(), _types_of)
        self.findings += [*found, *check_routes(routes), *check_app_scope(app.providers)]
        routes = [replace(route, options=route.options.under(self.scope)) for route in routes]
        matcher = compile_routes(routes, target=self.target, options=self.options_target, routing=app.routing)
        app.add_lifespan(lambda: app_scope(app.providers, app.pool.run), "the values of the app's scope")
        self.plan = Plan(self.parts(matcher))
        return Frozen(self.plan, tuple(routes), Reverser(routes), tuple(self.findings))

    def parts(self, matcher: Any) -> PlanParts:
        app, settings = self.app, self.app.settings
        security = app.security or Security(Hosts(settings.hosts), SameOrigin(settings.trusted_origins))
        before, after = list(app.app_before), list(app.app_after)
        after += [when_sent(hook) for hook in app.app_hooks["on_sent"]]
        if security.cors is not None:
            before.insert(0, security.cors.before)
            after.append(security.cors.after)
        return PlanParts(
            app=app,
            matcher=matcher,
            options=RouteOptions(on_error=tuple(app.app_hooks["on_error"]), errors=app.app_errors),
            check_host=security.hosts.check if security.hosts is not None else None,
            check_origin=security.origins.check if security.origins is not None else None,
            before=before,
            after=after,
            middleware=app.app_middleware,
            defaults=app.default_headers,
            reply=compile_reply(Any, ReplyOptions("an error handler", app.pool.run)),
            run_after_response=app.background.run,
            debug_page=app.debug_page if app.debug else None,
        )

    # -- routes ---------------------------------------------------------------------------------------------------

    def target(self, route: Route) -> Target:
        """Return how a route is served."""
        if route.is_mount:
            return Target(route, None, self._composed(route, self._mounted(route)), self.body_limit)
        endpoint = self.endpoint(route.handler, route)
        if route.is_websocket:
            return Target(
                route, endpoint, self._composed(route, self._handshake(endpoint, route)), self.body_limit
            )
        serve = self._composed(route, partial(answer, endpoint)) if needs_layers(route.options) else None
        return Target(route, endpoint, serve, self.body_limit)

    def endpoint(self, handler: Callable[..., Any], route: Route) -> Endpoint:
        options = EndpointOptions(
            providers=self.app.providers,
            run_blocking=self.app.pool.run,
            path_params=frozenset(route.names),
            methods=frozenset(route.methods),
            websocket=route.is_websocket,
            status=route.options.status,
        )
        endpoint = compile_handler(handler, options)
        self.findings += endpoint.findings
        return endpoint

    def _composed(self, route: Route, serve: Serve) -> Serve:
        guards = [self._guard(guard, route) for guard in route.options.guards]
        return compose(route.options, serve, guards, self._fail)

    def _guard(self, guard: Callable[..., Any], route: Route) -> Endpoint:
        plain = replace(route, methods=("GET",)) if route.is_websocket else route
        return self.endpoint(guard_handler(guard), plain)

    def _handshake(self, endpoint: Endpoint, route: Route) -> Serve:
        async def handshake(request: Request) -> Response:
            return Handshake(endpoint, request, route.options, self._fail)

        return handshake

    def _mounted(self, route: Route) -> Serve:
        mount = route.mount
        if hasattr(mount, "startup"):
            self.app.add_lifespan(partial(_running, mount), f"the app mounted under {route.path}")

        async def mounted(request: Request) -> Response:
            response: Response = await mount(request, request.path_params[REST])
            return await response.prepare(request) if response.needs_prepare else response

        return mounted

    async def _fail(self, request: Request, error: BaseException, options: RouteOptions) -> Response:
        if self.plan is None:  # it is made before the first request
            raise error
        return await self.plan.fail(request, error, options)

    def options_target(self, allow: tuple[str, ...]) -> Target:
        """Return what answers OPTIONS where no route does."""

        async def allowed(request: Request) -> Response:
            return Empty(204, {"allow": ", ".join(allow)})

        return Target(Route(parse_pattern("/"), ("OPTIONS",), allowed), None, allowed, None)


def _types_of(route: Route) -> Mapping[str, Any]:
    if route.is_mount:
        return {}
    try:
        return path_annotations(route.handler, frozenset(route.names))
    except VivaceError:
        return {}  # the binding of the handler tells


@asynccontextmanager
async def _running(mounted: Any) -> Any:
    await mounted.startup()
    try:
        yield
    finally:
        await mounted.shutdown()
