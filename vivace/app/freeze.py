"""The freeze: from what the app collected to a plan, with everything that is wrong in one list."""

from __future__ import annotations

import inspect
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec
from msgspec.structs import replace

from vivace.errors import AppInvalid, Finding, ServiceUnavailable, VivaceError
from vivace.http.bodies import DEFAULT_BODIES, Bodies
from vivace.http.request import DEFAULT_BODY_LIMIT, Request
from vivace.http.response import Empty, Response, prepared
from vivace.http.types import AfterHook, Handle, Middleware
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
from vivace.security import Security
from vivace.security.headers import DefaultHeaders

from .binding import (
    Endpoint,
    EndpointOptions,
    app_scope,
    check_app_scope,
    compile_handler,
    path_annotations,
    unused_parameters,
)
from .lifespan import LifespanContext
from .pipeline import (
    BodyPolicy,
    Handshake,
    Serve,
    Target,
    answer,
    compose,
    guard_handler,
    needs_layers,
    when_sent,
)
from .plan import Plan, PlanParts
from .replies import ReplyOptions, compile_reply

if TYPE_CHECKING:
    from .application import App


class Frozen(msgspec.Struct, frozen=True):
    """An app that changes no more."""

    plan: Plan
    routes: tuple[Route, ...]
    reverser: Reverser
    findings: tuple[Finding, ...]
    lifespans: tuple[tuple[str, LifespanContext], ...] = ()
    handle: Handle | None = None  # that of the plan, with something around it where needed


def freeze(app: App) -> Frozen:
    """Return the frozen app; with errors among the findings it must not be served."""
    return _Freezer(app).run()


class _Freezer:
    """The steps of one freeze, and what they found."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.findings: list[Finding] = []
        self.lifespans: list[tuple[str, LifespanContext]] = []
        self.bodies = body_policy(app)
        self.plan: Plan | None = None
        self.inmost: list[Middleware] = []

    def run(self) -> Frozen:
        app = self.app
        if app.installed is not None:
            app.installed.set_up(app)
        self.findings += app.plugins.setup(app)
        if app.given_storages or "vivace.storage" in sys.modules:
            app.storing.freeze()
        if app.has_static:
            self.findings += app.site.freeze()
        if app.given_caches or app.settings.cache or app.own_caches is not None:
            self.findings += app.caches.freeze()
        if app.outer is None:
            self._join_live()
            if app.has_hood:
                from .hood import join

                self.inmost.append(join(app, self.lifespans))
        if "sockets" in vars(app):
            self.findings += app.sockets.freeze(self.lifespans)
        routes, found = bind_routes(app.collect(), _types_of)
        self.findings += [*found, *check_routes(routes), *check_app_scope(app.providers)]
        routes = varying([replace(route, options=self.inherited(route.options)) for route in routes])
        matcher = compile_routes(routes, target=self.target, options=self.options_target, routing=app.routing)
        values = partial(app_scope, app.providers, app.pool.run)
        self.lifespans.append(("the values of the app's scope", values))
        self.findings += app.data.freeze()
        if app.own_messaging is not None:
            self.findings += app.own_messaging.check(app)
        self.plan = Plan(self.parts(matcher))
        return Frozen(
            self.plan,
            tuple(routes),
            Reverser(routes),
            tuple(self.findings),
            tuple(self.lifespans),
            self.watched(self.plan),
        )

    def _join_live(self) -> None:
        """Serve live regions if any template has one; an app without pages loads nothing to find that out."""
        apps = [
            self.app,
            *(route.mount for route in self.app.collect() if hasattr(route.mount, "mounted_in")),
        ]
        if not any(app.has_templates for app in apps):
            return
        from .templating import has_live_tags

        if has_live_tags(self.app):
            from .living import join

            join(self.app, self.lifespans)

    def watched(self, plan: Plan) -> Handle:
        """Return the plan's handle in a scope where there are replicas, with queries watched where somebody develops."""
        handle = self.app.data.scoped(plan.handle)
        if not (self.app.debug and self.app.data.wanted):
            return handle
        from .queries import Reporter

        return Reporter().watching(handle)

    def inherited(self, options: RouteOptions) -> RouteOptions:
        """Return a route's options with what the app says of all routes; after the plugins have said it."""
        hooks = self.app.app_hooks
        return options.under(
            RouteOptions(
                on_timeout=tuple(hooks["on_timeout"]),
                on_abort=tuple(hooks["on_abort"]),
                timeout=self.app.settings.timeouts.handler or None,
                atomic=self.app.settings.atomic_requests or None,
            )
        )

    def parts(self, matcher: Any) -> PlanParts:
        app = self.app
        security = (app.security or Security()).with_settings(app.settings)
        before, after = list(app.app_before), list(app.app_after)
        after += [when_sent(hook) for hook in app.app_hooks["on_sent"]]
        if security.cors is not None:
            before.insert(0, security.cors.before)
            after.append(security.cors.after)
        hosts = security.hosts
        check_host: Callable[[Request], None] | None = hosts.check if hosts is not None else None
        known: Mapping[bytes, bool] = hosts.known if hosts is not None else _AnyHost()
        secure = app.settings.secure
        if secure.https_redirect or secure.disallowed_agents:
            from vivace.security.transport import door  # behind a proxy that does both, nobody needs it

            check_host = door(secure, check_host)
            known = _NO_HOST
        return PlanParts(
            app=app,
            matcher=matcher,
            options=RouteOptions(on_error=tuple(app.app_hooks["on_error"]), errors=app.app_errors),
            check_host=check_host,
            known_hosts=known,
            check_origin=security.origins.check if security.origins is not None else None,
            before=before,
            after=after,
            middleware=[*app.app_middleware, *self.inmost],
            headers=DefaultHeaders(security),
            reply=compile_reply(Any, ReplyOptions("an error handler", app.pool.run)),
            run_after_response=app.background.run,
            debug_page=app.debug_page if app.debug else None,
        )

    # -- routes ---------------------------------------------------------------------------------------------------

    def target(self, route: Route) -> Target:
        """Return how a route is served."""
        if route.is_mount:
            return self._mount(route)
        endpoint, guards = self.endpoint(route.handler, route), self._guards(route)
        self._check_unused(endpoint, guards, route)
        if route.is_websocket:
            served = self._handshake(endpoint, route)
        else:
            answered = self._answered(endpoint, route)
            if not needs_layers(route.options):
                return Target(route, endpoint, answered, self.bodies)
            served = answered or partial(answer, endpoint)
        target = Target(route, endpoint, self._composed(route, served, guards), self.bodies)
        target.guards = guards
        return target

    def _answered(self, endpoint: Endpoint, route: Route) -> Serve | None:
        """Return what stands closest around a handler: its transaction, its kept answers; ``None`` without either."""
        served: Serve | None = None
        if route.options.atomic:
            served = self.app.data.in_transaction(partial(answer, endpoint))
        if "vivace.cache.pages" in sys.modules:
            from .dependents import kept_pages

            plain = served or partial(answer, endpoint)
            kept = kept_pages(route, plain, self.findings)
            served = kept if kept is not plain else served
        return served

    def _check_unused(self, endpoint: Endpoint, guards: Sequence[Endpoint], route: Route) -> None:
        """Warn of path parameters that nothing takes; hooks and middleware of the route get the whole request."""
        if not (route.options.before or route.options.middleware):
            names = [param.name for param in route.pattern.params if not param.converter.spans]
            self.findings += unused_parameters(endpoint, guards, names)

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

    def _composed(self, route: Route, serve: Serve, guards: Sequence[Endpoint] | None = None) -> Serve:
        return compose(
            route.options, serve, self._guards(route) if guards is None else list(guards), self._fail
        )

    def _guards(self, route: Route) -> list[Endpoint]:
        return [self._guard(guard, route) for guard in route.options.guards]

    def _guard(self, guard: Callable[..., Any], route: Route) -> Endpoint:
        # A mount has no methods, a socket one that binding does not know; a guard must not read the body of either.
        plain = replace(route, methods=("GET",)) if route.is_websocket or route.is_mount else route
        return self.endpoint(guard_handler(guard), plain)

    def _handshake(self, endpoint: Endpoint, route: Route) -> Serve:
        fail = self._fail  # bound once: sockets keep it

        async def handshake(request: Request) -> Response:
            return Handshake(endpoint, request, route.options, fail)

        return handshake

    def _mount(self, route: Route) -> Target:
        mount = route.mount
        if hasattr(mount, "mounted_in"):
            serve, guards = self._mounted_app(mount, route), self._guards(route)
            target = Target(route, None, self._composed(route, serve, guards), self.bodies)
            target.guards = guards
            return target
        if not _answers(mount):
            self.findings.append(
                Finding(
                    "mount-target",
                    f"{type(mount).__qualname__} is mounted under {route.path or '/'} and cannot answer requests.",
                    "Mount an App, ASGIMount(app) or WSGIMount(app); a Router is included: app.include(router).",
                    route.place,
                )
            )
        self._live_with(mount, route)
        call = cast("Callable[[Request, str], Awaitable[Response]]", mount)

        async def mounted(request: Request) -> Response:
            return await prepared(await call(request, request.path_params[REST]), request)

        return Target(route, None, self._composed(route, mounted), self.bodies)

    def _live_with(self, mount: Any, route: Route) -> None:
        """Start and stop what is mounted with the app; once, however often it is mounted."""
        if not hasattr(mount, "startup"):
            return
        running = partial(_running, mount)
        if not any(getattr(known, "args", ()) == (mount,) for _, known in self.lifespans):
            self.lifespans.append((f"the app mounted under {route.path}", running))

    def _mounted_app(self, mount: App, route: Route) -> Serve:
        """Return how another App answers: with its own hooks, error answers and headers, under the prefix."""
        try:
            handle = mount.mounted_in(self.app, route.path)
        except AppInvalid as error:
            self.findings += error.findings
            return self._fail_always
        except VivaceError as error:
            self.findings.append(Finding.from_error(error, route.place))
            return self._fail_always
        self._live_with(mount, route)

        async def mounted(request: Request) -> Response:
            rest: str = request.path_params[REST]
            request.prefix = request.raw_path[: len(request.raw_path) - len(rest)]
            response = await handle(request)
            fields = response.headers.raw
            fields.extend(response.defaults.fields_missing_from(fields))
            return response

        return mounted

    async def _fail_always(self, request: Request) -> Response:
        raise ServiceUnavailable("What is mounted here could not be started.")

    async def _fail(self, request: Request, error: BaseException, options: RouteOptions) -> Response:
        if self.plan is None:  # it is made before the first request
            raise error
        return await self.plan.fail(request, error, options)

    def options_target(self, allow: tuple[str, ...]) -> Target:
        """Return what answers OPTIONS where no route does."""

        async def allowed(request: Request) -> Response:
            return Empty(204, {"allow": ", ".join(allow)})

        return Target(Route(parse_pattern("/"), ("OPTIONS",), allowed), None, allowed, BodyPolicy())


_NO_HOST: Final[Mapping[bytes, bool]] = MappingProxyType({})


class _AnyHost(dict[bytes, bool]):
    """Knows every host: the host check is switched off."""

    def get(self, key: bytes, default: Any = None) -> Any:
        return True


# What of the limits concerns how a body is read; all else is the engine's.
_BODY_LIMITS: Final = (
    "json_depth",
    "upload_bytes",
    "form_fields",
    "form_files",
    "form_field_bytes",
    "form_header_bytes",
    "spool_bytes",
    "decompression_ratio",
)


def body_policy(app: App) -> BodyPolicy:
    """Return how an app reads bodies, as far as that is not how they are read without an app."""
    settings = app.settings
    limits, usual = settings.limits, DEFAULT_BODIES.limits
    same = all(getattr(limits, name) == getattr(usual, name) for name in _BODY_LIMITS)
    own = not same or app.parsers or settings.body_codings
    return BodyPolicy(
        limits.body_bytes if limits.body_bytes != DEFAULT_BODY_LIMIT else None,
        Bodies(limits, frozenset(settings.body_codings)).with_parsers(app.parsers) if own else None,
    )


def _with_vary(route: Route, names: set[str]) -> Route:
    after = (*route.options.after, _vary(names))
    return replace(route, options=replace(route.options, after=after))


def varying(routes: list[Route]) -> list[Route]:
    """Let every answer at a path whose routes differ by a header say so (``Vary``): caches must not mix them up."""
    names: dict[str, set[str]] = {}
    for route in routes:
        for name in getattr(route.options.where, "vary", ()):
            names.setdefault(route.path, set()).add(name)
    return [_with_vary(route, names[route.path]) if route.path in names else route for route in routes]


def _vary(names: set[str]) -> AfterHook:
    listed = sorted(names)

    def vary(request: Request, response: Response) -> None:
        response.headers.vary(*listed)

    return vary


def _types_of(route: Route) -> Mapping[str, Any]:
    if route.is_mount:
        return {}
    try:
        return path_annotations(route.handler, frozenset(route.names))
    except VivaceError:
        return {}  # the binding of the handler tells


def _answers(mount: object) -> bool:
    """Return whether a mount can be called with a request and a path; a bare ASGI app takes three values."""
    if not callable(mount):
        return False
    try:
        inspect.signature(mount).bind(None, "")
    except TypeError:
        return False
    except ValueError:  # written in C, and does not say what it takes
        return True
    return True


@asynccontextmanager
async def _running(mounted: Any) -> AsyncGenerator[None, None]:
    await mounted.startup()
    try:
        yield
    finally:
        await mounted.shutdown()
