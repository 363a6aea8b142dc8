"""The frozen app: everything decided, one function from request to response.

``handle`` is the hot path. What is optional is ``None`` or an empty tuple and costs one test; nothing is inspected,
merged or looked up by name here. The order is that of ``pipeline``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from vivace.errors import HTTPError
from vivace.http.headers import HeaderBlock
from vivace.http.request import Request
from vivace.http.response import Response
from vivace.http.types import AfterHook, BeforeHook, Handle, Middleware
from vivace.routing import Matcher
from vivace.routing.routes import WEBSOCKET, RouteOptions

from .current import request_variable
from .failures import DebugPage, call_handler, default_response, find_handler, report
from .pipeline import Target, answer, first_answer, run_after, with_middleware


@dataclass(frozen=True, slots=True)
class PlanParts:
    """What a plan is made of; the app collects it at the freeze."""

    app: Any
    matcher: Matcher[Target]
    options: RouteOptions
    check_host: Callable[[Request], None] | None
    check_origin: Callable[[Request], None] | None
    before: Sequence[BeforeHook]
    after: Sequence[AfterHook]
    middleware: Sequence[Middleware]
    defaults: HeaderBlock
    reply: Callable[[Any], Response]
    run_after_response: Callable[[Sequence[Callable[[], Any]]], None]
    debug_page: DebugPage | None = None


class Plan:
    """Serves requests; made once, never changed."""

    __slots__ = (
        "_after",
        "_app",
        "_before",
        "_chain",
        "_check_host",
        "_check_origin",
        "_defaults",
        "_match",
        "_parts",
        "_static",
        "handle",
    )

    def __init__(self, parts: PlanParts) -> None:
        self._parts = parts
        self._app = parts.app
        self._check_host = parts.check_host or _nothing
        self._check_origin = parts.check_origin or _nothing
        self._before = tuple(parts.before)
        self._after = tuple(parts.after)
        self._defaults = parts.defaults
        self._static: Mapping[str, Mapping[str, Target]] = parts.matcher.static
        self._match = parts.matcher.match
        self._chain = with_middleware(self._dispatch, parts.middleware)
        self.handle: Handle = self._handle_through if parts.middleware else self._handle

    async def _handle(self, request: Request) -> Response:
        """Answer a request of an app without middleware of its own."""
        request.app = self._app
        request_variable.set(request)
        try:
            self._check_host(request)
            if self._before:
                early = await first_answer(self._before, request)
                if early is not None:
                    return await self._finish(request, early)
            methods = self._static.get(request.raw_path)
            target = methods.get(request.method) if methods is not None and request.upgrade is None else None
            if target is None:
                target = self._find(request)
            request.route = target.route
            if target.special:
                self._prepare(request, target)
            if target.serve is not None:
                response = await target.serve(request)
            else:
                response = await target.endpoint.respond(request)
                if response.needs_prepare:
                    response = await response.prepare(request)
        except Exception as error:
            response = await self.fail(request, error, self._parts.options)
        if self._after or request.after is not None or request.named:
            return await self._finish(request, response)
        response.defaults = self._defaults
        return response

    async def _handle_through(self, request: Request) -> Response:
        """Answer a request through the app's middleware."""
        request.app = self._app
        request_variable.set(request)
        try:
            self._check_host(request)
            response = await self._chain(request)
        except Exception as error:
            response = await self.fail(request, error, self._parts.options)
        return await self._finish(request, response)

    async def _dispatch(self, request: Request) -> Response:
        """Route and serve inside the middleware; errors are responses from here on."""
        try:
            if self._before:
                early = await first_answer(self._before, request)
                if early is not None:
                    return early
            target = self._find(request)
            request.route = target.route
            if target.special:
                self._prepare(request, target)
            return (
                await target.serve(request)
                if target.serve is not None
                else await answer(target.endpoint, request)
            )
        except Exception as error:
            return await self.fail(request, error, self._parts.options)

    def _find(self, request: Request) -> Target:
        """Route what is no static path: parameters, hosts, sockets, and all that is not found."""
        upgrade = request.upgrade
        method = WEBSOCKET if upgrade is not None and upgrade.lower() == b"websocket" else request.method
        target, request.path_params = self._match(method, request.raw_path, request)
        return target

    def _prepare(self, request: Request, target: Target) -> None:
        """Apply what a route has of its own before anything of it runs."""
        if target.checks_origin:
            self._check_origin(request)
        if target.body_limit is not None:
            request.body_limit = target.body_limit
        if target.on_disconnect is not None:
            request.on_disconnect = target.on_disconnect

    async def _finish(self, request: Request, response: Response) -> Response:
        """Run what stands after every response, and say what runs once it is sent."""
        if self._after:
            try:
                response = await run_after(self._after, request, response)
            except Exception as error:
                await response.close()
                response = await self.fail(request, error, self._parts.options)
        if request.named:
            response.headers.setdefault("x-request-id", request.id)
        if request.after is not None:
            response.on_sent = partial(self._sent, request.after, response.on_sent)
        response.defaults = self._defaults
        return response

    def _sent(self, functions: Sequence[Callable[[], Any]], before: Callable[[], None] | None) -> None:
        if before is not None:
            before()
        self._parts.run_after_response(functions)

    async def fail(self, request: Request, error: BaseException, options: RouteOptions) -> Response:
        """Return the response that an error becomes, in the scope of ``options``."""
        report(request, error)
        scopes = (options,) if options is self._parts.options else (options, self._parts.options)
        try:
            for scope in scopes:
                told = await first_answer(scope.on_error, request, error)
                if told is not None:
                    return told
            for scope in scopes:
                handler = find_handler(scope.errors, error)
                result = await call_handler(handler, request, error) if handler is not None else None
                if result is not None:
                    return await self._reply(request, error, result)
        except asyncio.CancelledError:
            raise
        except Exception as another:
            report(request, another)
            error = another
        return default_response(request, error, self._parts.debug_page)

    async def _reply(self, request: Request, error: BaseException, result: Any) -> Response:
        """Return what an error handler said as a response; the error's status holds unless it chose one."""
        if isinstance(result, Response):
            return await result.prepare(request) if result.needs_prepare else result
        response = self._parts.reply(result)
        response.status = error.status if isinstance(error, HTTPError) else 500
        return response


def _nothing(request: Request) -> None:
    """Check nothing: the policy is switched off."""
