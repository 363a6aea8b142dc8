"""A handler, frozen: what the app calls for a route."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import msgspec

from vivace.app.dependencies import Providers, name_of, place_or_name, plain_function
from vivace.app.kinds import RunBlocking
from vivace.app.replies import EncodeHook, Replies, ReplyOptions, compile_reply, finish
from vivace.errors import nearest
from vivace.errors.binding import BrokenEndpoint
from vivace.errors.findings import Finding
from vivace.http.request import Request
from vivace.http.response import Response
from vivace.http.websocket import WebSocket

from .codegen import Writer, maker, write_respond, write_run
from .plan import Step, make_plan, plan_app_scope
from .signature import Context, Input


class EndpointOptions(msgspec.Struct, frozen=True):
    """What a route knows about its handler.

    ``path_params``: the names in its pattern. ``status``: of answers that are not a ``Response`` (default 200; 204 for
    ``None``). ``encode_hook``: turns values that msgspec does not know into some that it does.
    """

    providers: Providers
    run_blocking: RunBlocking
    path_params: frozenset[str] = frozenset()
    methods: frozenset[str] = frozenset({"GET"})
    websocket: bool = False
    status: int | None = None
    encode_hook: EncodeHook | None = None


@dataclass(slots=True, eq=False)
class Endpoint:
    """A compiled handler.

    ``await endpoint.respond(request)`` binds, runs and answers, and cleans up its dependencies; for a WebSocket
    handler it is ``await endpoint.run(socket)``. Both may be replaced by ``compile`` while a test overrides a
    dependency: look them up on the endpoint, do not keep them. With ``findings`` neither may be called. ``untaken``
    are the path parameters that neither it nor its dependencies take.
    """

    handler: Callable[..., Any]
    options: EndpointOptions
    place: str
    findings: tuple[Finding, ...] = ()
    inputs: tuple[Input, ...] = ()
    uses: frozenset[Any] = frozenset()
    untaken: frozenset[str] = frozenset()
    respond: Callable[[Request], Awaitable[Response]] = field(init=False)
    run: Callable[[WebSocket], Awaitable[None]] = field(init=False)

    def compile(self) -> None:
        """Read the signature and write the function anew; raises ``BrokenEndpoint`` where an override is wrong."""
        options = self.options
        context = Context(options.providers, options.path_params, options.methods, options.websocket)
        plan = make_plan(self.handler, context)
        _check_kind(self.handler, context)
        self.findings, self.inputs, self.uses = tuple(context.findings), plan.inputs, plan.keys
        if self.findings:
            self.respond = self.run = partial(_broken, self)
            return
        self.untaken = plan.untaken(options.path_params)
        writer = Writer(plan, options.run_blocking, options.providers.values)
        if options.websocket:
            self.run = write_run(writer, self.handler, {}, self.place)
            self.respond = partial(_broken, self)
        else:
            self.respond = write_respond(writer, self.handler, self._tools(), self.place)
            self.run = partial(_broken, self)

    def _tools(self) -> dict[str, Any]:
        options = self.options
        shared = ReplyOptions(self.place, options.run_blocking, options.status, options.encode_hook)
        streams = Replies(shared)
        return {
            "reply": compile_reply(return_annotation(self.handler), shared),
            "finish": finish,
            "stream": streams.start,
            "stream_blocking": streams.start_blocking,
        }


def compile_handler(handler: Callable[..., Any], options: EndpointOptions) -> Endpoint:
    """Return the endpoint of a handler; look at its ``findings`` before it is used."""
    endpoint = Endpoint(handler, options, f"{name_of(handler)} ({place_or_name(handler)})")
    endpoint.compile()
    options.providers.watch(endpoint)
    return endpoint


def unused_parameters(
    endpoint: Endpoint, guards: Iterable[Endpoint], names: Iterable[str]
) -> Iterator[Finding]:
    """Yield a warning for each path parameter of ``names`` that neither the handler nor a guard takes: a typo.

    A name that begins with ``_`` is unused on purpose.
    """
    untaken = endpoint.untaken.intersection(*(guard.untaken for guard in guards))
    others = [found.name for found in endpoint.inputs if found.place == "query"]
    for name in names:
        if name in untaken and not name.startswith("_"):
            fix = nearest(name, others) or f"Take it as a parameter, or call it _{name}."
            message = f"Nothing takes the path parameter {name!r} of {name_of(endpoint.handler)}."
            yield Finding("path-parameter-unused", message, fix, place_or_name(endpoint.handler), "warning")


def return_annotation(handler: Callable[..., Any]) -> Any:
    """Return what a handler says it returns; ``Any`` when it says nothing or cannot be evaluated."""
    try:
        annotation = inspect.signature(handler, eval_str=True).return_annotation
    except (NameError, AttributeError, SyntaxError, TypeError, ValueError):
        return Any  # the signature's own finding tells
    return Any if annotation is inspect.Signature.empty else annotation


def _check_kind(handler: Callable[..., Any], context: Context) -> None:
    if context.websocket and not inspect.iscoroutinefunction(plain_function(handler)):
        context.add(
            "websocket-handler",
            f"The WebSocket handler {name_of(handler)} is not `async def`.",
            "A socket is awaited: write `async def`, without yield.",
            handler,
        )


async def _broken(endpoint: Endpoint, _: Any) -> Any:
    words = "; ".join(finding.message for finding in endpoint.findings)
    raise BrokenEndpoint(
        f"{endpoint.place} cannot be called this way.",
        got=words or "an HTTP call of a WebSocket handler, or vice versa",
    )


@asynccontextmanager
async def app_scope(providers: Providers, run_blocking: RunBlocking) -> AsyncGenerator[None, None]:
    """Make the values of the app's scope, in order; clean them up in reverse order at the end."""
    context = Context(providers, methods=frozenset())
    steps = plan_app_scope(context)
    async with AsyncExitStack() as scope:
        try:
            for step in steps:
                providers.values[step.provider.key] = await _started(step, scope, providers, run_blocking)
            yield
        finally:
            providers.values.clear()


def check_app_scope(providers: Providers) -> tuple[Finding, ...]:
    """Return what is wrong with the providers of the app's scope, used or not."""
    context = Context(providers, methods=frozenset())
    plan_app_scope(context)
    return tuple(context.findings)


async def _started(step: Step, scope: AsyncExitStack, providers: Providers, run_blocking: RunBlocking) -> Any:
    sources = {
        argument.name: providers.values[getattr(argument.source, "key", None)] for argument in step.arguments
    }
    make, kind = maker(step.provider, run_blocking)
    made = make(**sources)
    if kind == "async context":
        return await scope.enter_async_context(made)
    if kind == "context":
        return scope.enter_context(made)
    return await made if kind == "awaited" else made


__all__ = [
    "Endpoint",
    "EndpointOptions",
    "app_scope",
    "check_app_scope",
    "compile_handler",
    "unused_parameters",
]
