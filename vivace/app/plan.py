"""The frozen app: everything decided, one function from request to response.

``handle`` is the hot path. What is optional is ``None`` or an empty tuple and costs one test; nothing is inspected,
merged or looked up by name here. The order is that of ``pipeline``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from vivace.errors import MovedPermanently, VivaceError
from vivace.http.headers import HeaderBlock
from vivace.http.request import Request
from vivace.http.response import Response, own_answer, prepared
from vivace.http.types import AfterHook, BeforeHook, Middleware
from vivace.routing import REST, Matcher
from vivace.routing.routes import WEBSOCKET, RouteOptions
from vivace.security.headers import DefaultHeaders
from vivace.security.origin import Later

from .current import request_variable
from .failures import DebugPage, as_http_error, call_handler, default_response, handlers_for, report
from .pipeline import (
    SentHook,
    Serve,
    Target,
    deferred,
    first_answer,
    require_response,
    run_after,
    with_before,
    with_middleware,
)


class PlanParts(msgspec.Struct, frozen=True):
    """What a plan is made of; the app collects it at the freeze."""

    app: Any
    matcher: Matcher[Target]
    options: RouteOptions
    check_host: Callable[[Request], None] | None
    known_hosts: Mapping[bytes, bool]
    check_origin: Callable[[Request], Later | None] | None
    before: Sequence[BeforeHook]
    after: Sequence[AfterHook]
    middleware: Sequence[Middleware]
    headers: DefaultHeaders
    reply: Callable[[Any], Response]
    run_after_response: Callable[[Sequence[Callable[[], Any]]], None]
    debug_page: DebugPage | None = None


class Plan:
    """Serves requests; made once, never changed."""

    __slots__ = (
        "_after",
        "_app",
        "_chain",
        "_check_host",
        "_check_origin",
        "_defaults",
        "_known_hosts",
        "_match",
        "_secure_defaults",
        "_static",
        "parts",
    )

    def __init__(self, parts: PlanParts) -> None:
        self.parts = parts
        self._app = parts.app
        self._check_host = parts.check_host or _nothing
        self._known_hosts = parts.known_hosts
        self._check_origin = parts.check_origin or _nothing
        self._after = tuple(parts.after)
        plain, secure = parts.headers.plain, parts.headers.secure
        self._defaults = plain
        self._secure_defaults = secure if secure.fields != plain.fields else None  # most apps have one block
        self._static: Mapping[str, Mapping[str, Target]] = parts.matcher.static
        self._match = parts.matcher.match
        first = self._caught(with_before(self._dispatch, parts.before)) if parts.before else self._dispatch
        self._chain = with_middleware(first, parts.middleware) if parts.middleware or parts.before else None

    async def handle(self, request: Request) -> Response:
        """Answer a request: host, then the chain or, without one, the route itself."""
        request.app = self._app
        request_variable.set(request)
        index = request.index or request.indexed()
        try:
            if self._known_hosts.get(index.get(b"host", b"")) is not True:
                self._check_host(request)
            if self._chain is not None:
                answered: Any = await self._chain(request)  # by users' code: it may be anything
                if isinstance(answered, Response):
                    response = answered
                else:
                    response = require_response(answered, *self.parts.middleware)
            else:
                target = self._target(request, index)
                serve = target.serve
                response = await (target.endpoint.respond(request) if serve is None else serve(request))
            if response.needs_prepare:  # as ``prepared`` does, with a frame less to go through at each wait
                response = await response.prepare(request)
                response.needs_prepare = False
        except Exception as error:
            response = await self.fail(request, error, self.parts.options)
        except asyncio.CancelledError:
            request.close_form()
            raise
        if (
            self._after
            or request.after is not None
            or not response.buffered  # what it does while it is sent may ask for work after it
            or request._id is not None
            or b"x-request-id" in index
        ):
            return await self._finish(request, response)
        response.defaults = self._defaults if self._secure_defaults is None else self._defaults_for(request)
        return response

    async def _dispatch(self, request: Request) -> Response:
        """Route and serve inside the middleware; errors are responses from here on."""
        try:
            target = self._target(request, request.index or request.indexed())
            serve = target.serve
            response = await (target.endpoint.respond(request) if serve is None else serve(request))
            return await prepared(response, request) if response.needs_prepare else response
        except Exception as error:
            return await self.fail(request, error, self.parts.options)

    def _caught(self, serve: Serve) -> Serve:
        """Return ``serve`` with its errors answered here, so that the middleware around it sees a response."""

        async def caught(request: Request) -> Response:
            try:
                return await serve(request)
            except Exception as error:
                return await self.fail(request, error, self.parts.options)

        return caught

    def _target(self, request: Request, index: Mapping[bytes, bytes]) -> Target:
        """Return what serves a request; raises what the router raises, and what the route's own policies do."""
        methods = self._static.get(request.raw_path)
        target = methods.get(request.method) if methods is not None and b"upgrade" not in index else None
        if target is None:
            target = self._find(request, index)
        request.route = target.route
        return self._prepare(request, target) if target.special else target

    def _find(self, request: Request, index: Mapping[bytes, bytes]) -> Target:
        """Route what is no static path: parameters, hosts, sockets, and all that is not found."""
        method = WEBSOCKET if b"upgrade" in index and request.wants_websocket else request.method
        target, request.path_params = self._route(method, request)
        return target

    def _route(self, method: str, request: Request) -> tuple[Target, dict[str, Any]]:
        return self._match(method, request.raw_path, request)

    def _prepare(self, request: Request, target: Target) -> Target:
        """Apply what a route has of its own before anything of it runs; returns what serves the request then."""
        later = self._check_origin(request) if target.checks_origin else None
        if target.own:
            target.apply_own(request)
        return target if later is None else deferred(target, later)

    async def _finish(self, request: Request, response: Response) -> Response:
        """Run what stands after every response, and say what runs once it is sent."""
        if request.hooks is not None:
            hooks, request.hooks = request.hooks, None
            response = await run_after(hooks, request, response, self._fail_here)
        if self._after:
            response = await run_after(self._after, request, response, self._fail_here)
        response.defaults = self._defaults if self._secure_defaults is None else self._defaults_for(request)
        route = request.route
        csp = route.options.csp if route is not None else None
        if csp is not None or request._csp_nonce is not None:
            self.parts.headers.finish(request, response, csp)
        if request.amendments is not None:
            amendments, request.amendments = request.amendments, None
            response = own_answer(request, response)
            for amend in amendments:
                amend(response)
        request.own_answer = None  # a page knows its request: a circle
        buffered = response.buffered
        request.head_made = not buffered
        if request._id is not None or b"x-request-id" in request.indexed():
            response.headers.set("x-request-id", request.id)
        if request.after or request._form is not None or not buffered:
            response.on_sent = partial(self._sent, request, response, response.on_sent)
        return response

    def _defaults_for(self, request: Request) -> HeaderBlock:
        secure = self._secure_defaults
        return secure if secure is not None and request.scheme == "https" else self._defaults

    def _sent(self, request: Request, response: Response, before: Callable[[], None] | None) -> None:
        """Start the work after a response; the uploads of its form are closed when that is done."""
        response.on_sent = before  # a response that is kept and sent again must not collect them
        if before is not None:
            before()
        work, request.after = request.after, None
        if work:
            for task in work:
                if isinstance(task, SentHook):
                    task.response = response
            self.parts.run_after_response([*work, request.close_form])
        else:
            request.close_form()

    async def _fail_here(self, request: Request, error: BaseException) -> Response:
        return await self.fail(request, error, self.parts.options)

    async def fail(self, request: Request, error: BaseException, options: RouteOptions) -> Response:
        """Return the response that an error becomes, in the scope of ``options``."""
        if isinstance(error, MovedPermanently):
            return default_response(request, error)
        if isinstance(error, VivaceError) and error.code == "sql":
            from .behind import explain  # an app without databases never gets here

            await explain(request, error)
        scopes = (options,) if options is self.parts.options else (options, self.parts.options)
        try:
            response = await self._mapped(request, error, scopes)
        except Exception as another:
            report(request, error)
            report(request, another)
            return default_response(request, another, self.parts.debug_page)
        if response is None:
            response = default_response(request, error, self.parts.debug_page)
        if response.status >= 500:
            report(request, error)
        return response

    async def _mapped(
        self, request: Request, error: BaseException, scopes: Sequence[RouteOptions]
    ) -> Response | None:
        """Tell the hooks of an error, the inner scope's first, then ask the handlers; ``None`` when nobody answers."""
        for scope in scopes:
            told = await first_answer(scope.on_error, request, error)
            if told is not None:
                return told
        for scope in scopes:
            for handler in handlers_for(scope.errors, error):
                result = await call_handler(handler, request, error)
                if result is not None:
                    return await self._reply(request, error, result)
        return None

    async def _reply(self, request: Request, error: BaseException, result: Any) -> Response:
        """Return what an error handler said as a response; a value has the error's status and headers (``Allow`` …)."""
        if isinstance(result, Response):
            return await prepared(result, request)
        response, shown = self.parts.reply(result), as_http_error(error)
        response.status = shown.status
        for name, value in shown.headers.items():
            response.headers.setdefault(name, value)
        return response


class MountedPlan(Plan):
    """The plan of an app that is mounted in another one: it answers what stands behind ``request.prefix``."""

    __slots__ = ()

    def __init__(self, parts: PlanParts) -> None:
        super().__init__(parts)
        self._static = {}

    def _route(self, method: str, request: Request) -> tuple[Target, dict[str, Any]]:
        path = request.raw_path[len(request.prefix) :] or "/"
        outer = {name: value for name, value in request.path_params.items() if name != REST}
        try:
            target, params = self._match(method, path, request)
        except MovedPermanently as moved:
            raise MovedPermanently(request.prefix + moved.location) from None
        return target, {**outer, **params}


def _nothing(request: Request) -> None:
    """Check nothing: the policy is switched off."""
